//! Determines how many colours a terminal shows, and the nearest supported colour.
//!
//! Pure: environment variables are passed in.

use ratatui::style::Color;

/// Red, green and blue.
pub type Rgb = (u8, u8, u8);

/// The number of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The 16 colours of the terminal's own palette.
    Sixteen,
    /// 256 colours: a cube of 216, and 24 greys.
    Indexed,
    /// 24-bit colours.
    True,
}

/// The terminal's own 16 colours by name, in order.
const OWN: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// Levels of one channel in the cube.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
/// The grey ramp: number of its first colour, its level, and the step.
const GREY: (u8, u8, u8) = (232, 8, 10);

impl Depth {
    /// Returns the depth according to the variables `COLORTERM` and `TERM`.
    pub fn told(colorterm: Option<&str>, term: Option<&str>) -> Self {
        let colorterm = colorterm.unwrap_or_default();
        let term = term.unwrap_or_default();
        let all = ["truecolor", "24bit"];
        if all.iter().any(|word| colorterm.eq_ignore_ascii_case(word)) || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256color") {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }

    /// Returns the colour nearest to `rgb` in this depth.
    pub fn nearest(self, rgb: Rgb) -> Color {
        match self {
            Self::True => Color::Rgb(rgb.0, rgb.1, rgb.2),
            Self::Indexed => Color::Indexed(indexed(rgb)),
            Self::Sixteen => own(sixteen(rgb)),
        }
    }

    /// Returns the colour with this number, or the nearest to it.
    pub fn numbered(self, number: u8) -> Color {
        match self {
            _ if number < 16 => own(number),
            Self::Sixteen => own(sixteen(of_index(number))),
            Self::Indexed | Self::True => Color::Indexed(number),
        }
    }
}

fn own(number: u8) -> Color {
    OWN.get(usize::from(number)).copied().unwrap_or(Color::Reset)
}

fn distance(a: Rgb, b: Rgb) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    square(a.0, b.0) + square(a.1, b.1) + square(a.2, b.2)
}

/// Returns the definition of one of the 256 colours; the first 16 are not defined and count as grey
/// steps.
pub fn of_index(number: u8) -> Rgb {
    match number {
        0..16 => {
            let grey = number * 17;
            (grey, grey, grey)
        }
        16..232 => {
            let at = usize::from(number - 16);
            let level = |at: usize| LEVELS.get(at % 6).copied().unwrap_or(0);
            (level(at / 36), level(at / 6), level(at))
        }
        _ => {
            let grey = GREY.1 + (number - GREY.0) * GREY.2;
            (grey, grey, grey)
        }
    }
}

/// Returns the nearest colour of cube and ramp; the first 16 are left out because their appearance
/// is unknown.
fn indexed(rgb: Rgb) -> u8 {
    (16..=255)
        .min_by_key(|number| distance(rgb, of_index(*number)))
        .unwrap_or(16)
}

/// Returns the nearest of the 16 colours by hue: by distance, pale colours would all become grey.
fn sixteen((r, g, b): Rgb) -> u8 {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let spread = f64::from(most - least);
    let light = u8::midpoint(most, least);
    if spread < 48.0 {
        return match light {
            ..64 => 0,
            64..190 => 8,
            190..236 => 7,
            _ => 15,
        };
    }
    let bright = most >= 192;
    let (r, g, b) = (f64::from(r), f64::from(g), f64::from(b));
    let most = f64::from(most);
    let sixth = if most <= r {
        (g - b) / spread
    } else if most <= g {
        2.0 + (b - r) / spread
    } else {
        4.0 + (r - g) / spread
    };
    let hue = match (sixth.rem_euclid(6.0)).round() as u8 {
        1 => 3,
        2 => 2,
        3 => 6,
        4 => 4,
        5 => 5,
        _ => 1,
    };
    if bright { hue + 8 } else { hue }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_the_depth() {
        for (colorterm, term, depth) in [
            (Some("truecolor"), Some("xterm"), Depth::True),
            (Some("24bit"), None, Depth::True),
            (Some("TrueColor"), Some("screen"), Depth::True),
            (None, Some("xterm-direct"), Depth::True),
            (None, Some("xterm-256color"), Depth::Indexed),
            (Some("yes"), Some("tmux-256color"), Depth::Indexed),
            (None, Some("linux"), Depth::Sixteen),
            (Some(""), Some(""), Depth::Sixteen),
            (None, None, Depth::Sixteen),
        ] {
            assert_eq!(Depth::told(colorterm, term), depth, "{colorterm:?} {term:?}");
        }
    }

    #[test]
    fn what_a_depth_has_is_its_own_nearest() {
        for number in 16..=255 {
            let rgb = of_index(number);
            let Color::Indexed(found) = Depth::Indexed.nearest(rgb) else {
                panic!("{number}");
            };
            assert_eq!(of_index(found), rgb, "{number}");
        }
        assert_eq!(Depth::True.nearest((1, 2, 3)), Color::Rgb(1, 2, 3));
        assert_eq!(of_index(16), (0, 0, 0));
        assert_eq!(of_index(231), (255, 255, 255));
        assert_eq!(of_index(208), (255, 135, 0));
        assert_eq!(of_index(255), (238, 238, 238));
    }

    #[test]
    fn no_other_of_the_256_is_nearer() {
        for rgb in [
            (127, 216, 143),
            (240, 198, 116),
            (22, 24, 29),
            (254, 1, 90),
            (77, 77, 80),
        ] {
            let Color::Indexed(found) = Depth::Indexed.nearest(rgb) else {
                panic!("{rgb:?}");
            };
            let least = distance(rgb, of_index(found));
            assert!(
                (16..=255).all(|other| distance(rgb, of_index(other)) >= least),
                "{rgb:?}"
            );
        }
    }

    #[test]
    fn sixteen_keep_the_hue() {
        for (rgb, color) in [
            ((255, 0, 0), Color::LightRed),
            ((140, 0, 0), Color::Red),
            ((127, 216, 143), Color::LightGreen),
            ((15, 95, 39), Color::Green),
            ((240, 198, 116), Color::LightYellow),
            ((94, 169, 255), Color::LightBlue),
            ((10, 74, 158), Color::Blue),
            ((111, 220, 255), Color::LightCyan),
            ((255, 0, 255), Color::LightMagenta),
            ((0, 0, 0), Color::Black),
            ((89, 97, 107), Color::DarkGray),
            ((215, 218, 224), Color::Gray),
            ((255, 255, 255), Color::White),
        ] {
            assert_eq!(Depth::Sixteen.nearest(rgb), color, "{rgb:?}");
        }
        assert_eq!(Depth::Sixteen.numbered(208), Color::LightYellow);
        assert_eq!(Depth::Sixteen.numbered(3), Color::Yellow);
        assert_eq!(Depth::True.numbered(3), Color::Yellow);
        assert_eq!(Depth::Indexed.numbered(208), Color::Indexed(208));
    }
}
