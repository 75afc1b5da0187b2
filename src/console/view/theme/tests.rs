//! Tests that the themes are readable and their tones distinguishable with red-green colour
//! blindness.

use std::collections::BTreeSet;

use ratatui::style::{Color, Modifier, Style};

use super::depth::{Depth, Rgb, of_index};
use super::*;
use crate::console::view::look::Tone;

const TONES: [Tone; 7] = [
    Tone::Plain,
    Tone::Dim,
    Tone::Strong,
    Tone::Good,
    Tone::Warn,
    Tone::Bad,
    Tone::Accent,
];

/// Common backgrounds, besides the one a theme was made for.
const DARK: [Rgb; 2] = [(0, 0, 0), (0x28, 0x2c, 0x34)];
const LIGHT: [Rgb; 2] = [(0xfd, 0xf6, 0xe3), (0xf2, 0xf2, 0xf2)];

const OWN: [(ThemeName, &[Rgb; 2]); 4] = [
    (ThemeName::Dark, &DARK),
    (ThemeName::Light, &LIGHT),
    (ThemeName::Colorblind, &DARK),
    (ThemeName::ColorblindLight, &LIGHT),
];

fn palette(theme: ThemeName, depth: Depth) -> Palette {
    Palette::of(theme, &Colors::default(), depth)
}

fn rgb(color: Option<Color>) -> Option<Rgb> {
    match color? {
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(number) => Some(of_index(number)),
        _ => None,
    }
}

fn linear(rgb: Rgb) -> [f64; 3] {
    [rgb.0, rgb.1, rgb.2].map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    })
}

/// Contrast as WCAG 2 defines it, from 1 to 21.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let luminance = |rgb| {
        let weights = [0.2126, 0.7152, 0.0722];
        linear(rgb)
            .iter()
            .zip(weights)
            .map(|(part, weight)| part * weight)
            .sum::<f64>()
    };
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    if a > b { a / b } else { b / a }
}

type Matrix = [[f64; 3]; 3];

const TRICHROMAT: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
// Machado, Oliveira and Fernandes 2009, severity 1.
const PROTANOPE: Matrix = [
    [0.152_286, 1.052_583, -0.204_868],
    [0.114_503, 0.786_281, 0.099_216],
    [-0.003_882, -0.048_116, 1.051_998],
];
const DEUTERANOPE: Matrix = [
    [0.367_322, 0.860_646, -0.227_968],
    [0.280_085, 0.672_501, 0.047_413],
    [-0.011_820, 0.042_940, 0.968_881],
];

fn product(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

/// Returns the colour in CIE Lab as seen with the deficiency of `matrix`.
fn seen(matrix: &Matrix, rgb: Rgb) -> [f64; 3] {
    const XYZ: Matrix = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ];
    let light = product(matrix, linear(rgb)).map(|value| value.clamp(0.0, 1.0));
    let [x, y, z] = product(&XYZ, light);
    let root = |value: f64| {
        if value > 0.008_856 {
            value.cbrt()
        } else {
            7.787 * value + 16.0 / 116.0
        }
    };
    let (x, y, z) = (root(x / 0.95047), root(y), root(z / 1.08883));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn difference(matrix: &Matrix, a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (seen(matrix, a), seen(matrix, b));
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_measures_agree_with_known_values() {
    assert!((contrast((0, 0, 0), (255, 255, 255)) - 21.0).abs() < 0.01);
    assert!((contrast((0x76, 0x76, 0x76), (255, 255, 255)) - 4.54).abs() < 0.01);
    // The classic pair: far apart in normal vision, equal with deuteranopia.
    let (red, green) = ((0xc0, 0x60, 0x40), (0x80, 0x80, 0x30));
    assert!(difference(&TRICHROMAT, red, green) > 40.0);
    assert!(difference(&DEUTERANOPE, red, green) < 15.0);
}

#[test]
fn every_tone_can_be_read_on_every_background_of_its_theme() {
    let mut wrong = Vec::new();
    for (theme, backgrounds) in OWN {
        for depth in [Depth::True, Depth::Indexed] {
            let palette = palette(theme, depth);
            let mut under: Vec<Rgb> = backgrounds.to_vec();
            under.extend(made_for(theme));
            under.extend(
                [true, false]
                    .into_iter()
                    .filter_map(|focus| rgb(palette.selected(focus).bg)),
            );
            for tone in TONES {
                let ink = rgb(palette.style(tone).fg).unwrap();
                let least = if tone == Tone::Dim { 3.0 } else { 4.5 };
                for below in &under {
                    let found = contrast(ink, *below);
                    if found < least {
                        wrong.push(format!("{theme:?} {depth:?} {tone:?} on {below:?}: {found:.2}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_selected_row_stands_out_without_shouting() {
    for (theme, _) in OWN {
        let backdrop = made_for(theme).unwrap();
        let from = |under| difference(&TRICHROMAT, rgb(under).unwrap(), backdrop);
        let full = palette(theme, Depth::True);
        let [focus, idle] = [true, false].map(|focus| from(full.selected(focus).bg));
        assert!(focus > idle && idle > 2.0, "{theme:?} {focus:.1} {idle:.1}");
        let coarse = palette(theme, Depth::Indexed);
        assert!(from(coarse.selected(true).bg) > 5.0, "{theme:?}");
        assert!(coarse.selected(false).add_modifier.contains(Modifier::BOLD));
        // None of the 16 colours is close enough to every background.
        let selected = palette(theme, Depth::Sixteen).selected(true);
        assert!(selected.add_modifier.contains(Modifier::REVERSED));
    }
}

#[test]
fn the_colour_blind_tell_every_tone_from_every_other() {
    let mut wrong = Vec::new();
    for theme in [ThemeName::Colorblind, ThemeName::ColorblindLight] {
        for depth in [Depth::True, Depth::Indexed] {
            let palette = palette(theme, depth);
            for (at, one) in TONES.iter().enumerate() {
                for other in TONES.iter().skip(at + 1) {
                    let styles = [palette.style(*one), palette.style(*other)];
                    // Strong is plain text in bold: it differs by weight.
                    if [*one, *other].contains(&Tone::Strong) && [*one, *other].contains(&Tone::Plain) {
                        assert_ne!(styles[0].add_modifier, styles[1].add_modifier);
                        continue;
                    }
                    let [a, b] = styles.map(|style| rgb(style.fg).unwrap());
                    for (name, eye) in [("protanope", &PROTANOPE), ("deuteranope", &DEUTERANOPE)] {
                        let found = difference(eye, a, b);
                        if found < 15.0 {
                            wrong.push(format!(
                                "{theme:?} {depth:?} {one:?} {other:?} {name}: {found:.1}"
                            ));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn that_measure_would_catch_red_and_green() {
    let palette = palette(ThemeName::Dark, Depth::True);
    let [good, bad] = [Tone::Good, Tone::Bad].map(|tone| rgb(palette.style(tone).fg).unwrap());
    assert!(difference(&DEUTERANOPE, good, bad) < 15.0);
    assert!(difference(&TRICHROMAT, good, bad) > 40.0);
}

/// The default 16 colours of common terminals and their backgrounds: xterm, Tango, Campbell, the
/// terminals of macOS and GNOME on both, the Linux console on black.
fn schemes() -> [(&'static str, [&'static str; 16], bool); 6] {
    let scheme = |text: &'static str| {
        let mut colours = [""; 16];
        for (at, colour) in text.split(' ').enumerate() {
            colours[at] = colour;
        }
        colours
    };
    [
        (
            "xterm",
            scheme(
                "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff",
            ),
            true,
        ),
        (
            "console",
            scheme(
                "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff",
            ),
            false,
        ),
        (
            "tango",
            scheme(
                "2e3436 cc0000 4e9a06 c4a000 3465a4 75507b 06989a d3d7cf 555753 ef2929 8ae234 fce94f 729fcf ad7fa8 34e2e2 eeeeec",
            ),
            true,
        ),
        (
            "campbell",
            scheme(
                "0c0c0c c50f1f 13a10e c19c00 0037da 881798 3a96dd cccccc 767676 e74856 16c60c f9f1a5 3b78ff b4009e 61d6d6 f2f2f2",
            ),
            true,
        ),
        (
            "macos",
            scheme(
                "000000 990000 00a600 999900 0000b2 b200b2 00a6b2 bfbfbf 666666 e50000 00d900 e5e500 0000ff e500e5 00e5e5 e5e5e5",
            ),
            true,
        ),
        (
            "gnome",
            scheme(
                "171421 c01c28 26a269 a2734c 12488b a347ba 2aa1b3 d0cfcc 5e5c64 f66151 33da7a e9ad0c 2a7bde c061cb 33c7de ffffff",
            ),
            true,
        ),
    ]
}

/// Returns the lowest contrast of one of the 16 colours over all schemes and their backgrounds.
fn worst(color: Color) -> f64 {
    let at = match color {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Cyan => 6,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightMagenta => 13,
        other => panic!("{other} is not measured"),
    };
    let mut least = f64::INFINITY;
    for (_, colours, light) in schemes() {
        let mut bytes = [0; 3];
        hex::decode_to_slice(colours[at], &mut bytes).unwrap();
        let ink = (bytes[0], bytes[1], bytes[2]);
        least = least.min(contrast(ink, (0, 0, 0)));
        if light {
            least = least.min(contrast(ink, (255, 255, 255)));
        }
    }
    least
}

#[test]
fn the_terminals_own_colours_are_those_that_both_backgrounds_bear() {
    let ink = |tone| Palette::TERMINAL.style(tone).fg;
    assert_eq!([Tone::Plain, Tone::Dim, Tone::Strong].map(ink), [None; 3]);
    for tone in [Tone::Warn, Tone::Bad] {
        assert!(worst(ink(tone).unwrap()) >= 3.0, "{tone:?}");
    }
    // No green or cyan of xterm is easy to read on white; that is what `light` is for.
    for tone in [Tone::Good, Tone::Accent] {
        assert!(worst(ink(tone).unwrap()) >= 1.95, "{tone:?}");
    }
    assert!(worst(Color::Yellow) < worst(Color::LightMagenta));
    assert!(worst(Color::DarkGray) < 3.0);
}

#[test]
fn no_theme_looks_like_another() {
    for depth in [Depth::Sixteen, Depth::Indexed, Depth::True] {
        let mut found: Vec<(ThemeName, Palette)> = Vec::new();
        for (_, theme) in ThemeName::ALL {
            let own = palette(theme, depth);
            for (other, palette) in &found {
                assert_ne!(*palette, own, "{theme:?} {other:?} {depth:?}");
            }
            found.push((theme, own));
        }
    }
}

#[test]
fn tones_that_warn_stay_apart_with_16_colours() {
    for (theme, _) in OWN {
        let palette = palette(theme, Depth::Sixteen);
        let found: BTreeSet<String> = [
            Tone::Good,
            Tone::Warn,
            Tone::Bad,
            Tone::Accent,
            Tone::Plain,
            Tone::Dim,
        ]
        .map(|tone| format!("{:?}", palette.style(tone)))
        .into();
        assert_eq!(found.len(), 6, "{theme:?} {found:?}");
    }
}

#[test]
fn single_colours_are_the_users() {
    let colors = Colors {
        good: Some(Paint::Rgb(255, 135, 0)),
        dim: Some(Paint::Indexed(8)),
        bad: Some(Paint::Default),
        background: Some(Paint::Rgb(0, 0, 0)),
        ..Colors::default()
    };
    let own = Palette::of(ThemeName::Dark, &colors, Depth::Indexed);
    assert_eq!(own.style(Tone::Good), Style::new().fg(Color::Indexed(208)));
    assert_eq!(own.style(Tone::Dim), Style::new().fg(Color::DarkGray));
    assert_eq!(own.style(Tone::Bad).fg, Some(Color::Reset));
    assert!(own.style(Tone::Bad).add_modifier.contains(Modifier::BOLD));
    assert_eq!(own.backdrop(), Some(Color::Indexed(16)));
    assert_eq!(
        own.style(Tone::Warn),
        palette(ThemeName::Dark, Depth::Indexed).style(Tone::Warn)
    );
    assert_eq!(palette(ThemeName::Dark, Depth::True).backdrop(), None);
}

#[test]
fn without_colour_there_is_none() {
    for tone in TONES {
        let style = Palette::MONO.style(tone);
        assert_eq!((style.fg, style.bg), (None, None));
    }
    for focus in [true, false] {
        let style = Palette::MONO.selected(focus);
        assert!(style.fg.is_none_or(|color| color == Color::Reset));
        assert!(style.bg.is_none_or(|color| color == Color::Reset));
        assert!(!style.add_modifier.is_empty());
    }
}
