//! Tests the columns of releases and channels: whole if there is space, and never readable as
//! something else.

use super::styled::{frame, line};
use super::world::{console, press};
use crate::console::actions::Key;
use crate::console::listing::Keyed as _;
use crate::console::panes::channels::Cell;
use crate::console::panes::releases::{Label, Row};
use crate::console::view::look::Look;
use crate::console::{Model, panes};

const TAGS: [&str; 3] = ["4.67.12", "0.179.0", "13.4.0"];

/// Releases of three charms, in every state and with every sign.
fn releases(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    let first = model.release_rows().rows()[0].clone();
    let other = || "2023-11-08".parse().unwrap();
    let labels = [
        Label::New,
        Label::Published,
        Label::Unknown,
        Label::Passed,
        Label::Twin(other()),
    ];
    let signs = [
        (false, None),
        (false, Some("date?")),
        (true, None),
        (false, Some("evidence?")),
    ];
    let rows = labels.into_iter().flat_map(|label| {
        let first = &first;
        signs.map(move |(held, oddity)| Row {
            label: label.clone(),
            held,
            oddity,
            tags: TAGS.map(str::to_owned).to_vec(),
            ..first.clone()
        })
    });
    let rows: Vec<Row> = (1..)
        .zip(rows)
        .map(|(at, row)| Row {
            name: format!("2024-{:02}-{at:02}", at % 12 + 1).parse().unwrap(),
            ..row
        })
        .collect();
    model.release_rows_mut().replace(rows, None);
    panes::measure(&mut model);
    crate::console::update::fit(&mut model);
    model
}

/// Returns the screen line that shows `name`.
fn line_of(model: &Model, name: &str) -> Option<String> {
    let (buffer, ..) = frame(model);
    (0..model.lines)
        .map(|y| line(&buffer, y))
        .find(|line| line.contains(name))
}

/// Returns the row of every release, scrolled into view.
fn lines_of_releases(model: &mut Model) -> Vec<(Row, String)> {
    let rows = model.release_rows().rows().to_vec();
    rows.into_iter()
        .map(|row| {
            model.release_rows_mut().select_key(row.key());
            crate::console::update::fit(model);
            let line = line_of(model, row.name.as_str()).unwrap();
            (row, line)
        })
        .collect()
}

#[test]
fn a_sign_stands_beside_the_standing_and_hides_no_version() {
    for look in [
        Look::FULL,
        Look {
            unicode: false,
            ..Look::FULL
        },
        Look::PLAIN,
    ] {
        for columns in [80, 100, 200] {
            let mut model = releases((columns, 24));
            model.setting.look = look.clone();
            model.zoomed = true;
            panes::measure(&mut model);
            for (row, line) in lines_of_releases(&mut model) {
                let sign = match (row.held, row.oddity) {
                    (true, _) => " ‖ held",
                    (false, Some("date?")) => " ▲ date?",
                    (false, Some(_)) => " ▲ evidence?",
                    (false, None) => "",
                };
                let sign = if look.unicode {
                    sign.to_owned()
                } else {
                    sign.replace('‖', "||").replace('▲', "!")
                };
                let standing = format!("{}{sign} ", row.label.words());
                let at = |text: &str| line.find(text).unwrap_or_else(|| panic!("no {text}: {line}"));
                let places = [at(&standing), at(TAGS[0]), at(TAGS[1]), at(TAGS[2])];
                assert!(places.is_sorted(), "{line}");
                let last = line.trim_end_matches([' ', '│', '|']);
                assert!(last.ends_with(TAGS[2]), "{line}");
            }
        }
    }
}

#[test]
fn signs_without_room_for_their_words_stay() {
    let mut model = releases((40, 10));
    for row in model.release_rows().rows().to_vec() {
        if row.oddity.is_none() {
            continue;
        }
        model.release_rows_mut().select_key(row.key());
        crate::console::update::fit(&mut model);
        let line = line_of(&model, row.name.as_str()).unwrap();
        assert!(line.contains(&format!("{} ▲", row.label.words())), "{line}");
    }
}

#[test]
fn where_not_all_versions_fit_none_is_cut_to_another() {
    let mut model = releases((80, 24));
    let mut rows = model.release_rows().rows().to_vec();
    for row in &mut rows {
        row.tags = (0..8).map(|at| format!("4.67.{at}21")).collect();
    }
    model.release_rows_mut().replace(rows, None);
    panes::measure(&mut model);
    for (_, line) in lines_of_releases(&mut model) {
        let told = line.split("4.67.").skip(1);
        let told: Vec<&str> = told.map(|rest| rest.split(' ').next().unwrap()).collect();
        assert!(told.len() > 2, "{line}");
        for (at, rest) in told.iter().enumerate() {
            assert_eq!(*rest, format!("{at}21"), "{line}");
        }
        assert!(line.contains('…'), "{line}");
    }
}

/// Channels after a publish: both bases of the engine, and a stable channel.
fn channels(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    let open = |revision: &str, image: &str, more: usize| Cell::Open {
        revision: revision.to_owned(),
        number: 50,
        image: Some(image.to_owned()),
        known: true,
        behind: false,
        more,
        mixed: false,
    };
    let mut rows = model.channel_rows().rows().to_vec();
    let mut long = model.setting.workspace.charms[0].clone();
    long.name = "finos-legend-gitlab-integrator-k8s".parse().unwrap();
    model.setting.workspace.charms.push(long);
    for row in &mut rows {
        let edge = open("r50", "4.67.12", 1);
        row.cells = [edge, Cell::Closed, Cell::Closed, open("r44", "3.1.0", 0)];
    }
    model.channel_rows_mut().replace(rows, None);
    panes::measure(&mut model);
    press(&mut model, Key::Char('2'));
    model
}

#[test]
fn a_version_is_whole_where_the_row_has_room_for_it() {
    for (size, cells) in [
        ((80, 24), ["r50 +1 · 4.67.12 ✔ ", "r44 · 3.1.0 ✔ "]),
        ((120, 40), ["r50 +1 · 4.67.12 ✔ ", "r44 · 3.1.0 ✔ "]),
        ((40, 10), [" 4.67.12 ✔ ", " 3.1.0 ✔"]),
    ] {
        let model = channels(size);
        let (buffer, ..) = frame(&model);
        let lines = (0..model.lines).map(|y| line(&buffer, y));
        let rows: Vec<String> = lines.filter(|line| line.contains(" latest ")).collect();
        assert_eq!(rows.len(), 2, "{size:?}");
        for row in rows {
            for cell in cells {
                assert!(row.contains(cell), "{size:?} {row}");
            }
        }
    }
}

#[test]
fn what_is_behind_says_so_in_the_narrowest_cell() {
    let mut model = channels((40, 10));
    let mut rows = model.channel_rows().rows().to_vec();
    for row in &mut rows {
        if let Cell::Open { behind, .. } = &mut row.cells[0] {
            *behind = true;
        }
    }
    model.channel_rows_mut().replace(rows, None);
    panes::measure(&mut model);
    let line = line_of(&model, " latest ").unwrap();
    assert!(line.contains("4.67.12 ▲ "), "{line}");
}

#[test]
fn a_cell_of_bases_with_different_images_is_marked_at_every_width() {
    for (size, wanted) in [
        ((200, 50), "r50 +1 · 4.67.12 | 4.35.0 ▲ mixed"),
        ((120, 40), "4.67.12 | 4.35.0 ▲"),
        ((80, 24), "▲"),
        ((40, 10), "▲"),
    ] {
        let mut model = channels(size);
        let mut rows = model.channel_rows().rows().to_vec();
        for row in &mut rows {
            if let Cell::Open { mixed, image, .. } = &mut row.cells[0] {
                *mixed = true;
                *image = Some("4.67.12 | 4.35.0".to_owned());
            }
        }
        model.channel_rows_mut().replace(rows, None);
        panes::measure(&mut model);
        let line = line_of(&model, " latest ").unwrap();
        assert!(line.contains(wanted), "{size:?} {line}");
    }
}
