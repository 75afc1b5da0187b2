//! Tests the cost of frames and keys in long lists by counting: rows built, rows that a filter
//! examines, work before the first frame.

use std::sync::Arc;

use chrono::TimeDelta;

use super::world::{console, now, press, screen, setting, snapshot, type_in};
use crate::console::actions::Key;
use crate::console::layout::{self, layout};
use crate::console::panes::releases::counted::measured;
use crate::console::update::update;
use crate::console::{Model, Msg, panes};
use crate::domain::charm::RevisionFacts;
use crate::domain::image::counted;
use crate::domain::{CharmRevision, Release, SanitizedText, Snapshot};

const MANY: u64 = 10_000;
const SIZES: [(u16, u16); 2] = [(40, 10), (120, 40)];

/// Ten thousand revisions of the first charm.
fn many_revisions() -> Snapshot {
    let mut snapshot = snapshot();
    let charm = "finos-legend-engine-k8s".parse().unwrap();
    let facts = snapshot.charms.get_mut(&charm).unwrap().value.as_mut().unwrap();
    facts.revisions = (1..=MANY)
        .rev()
        .map(|number| RevisionFacts {
            revision: CharmRevision(number),
            version: SanitizedText::new(number.to_string()),
            status: "released".into(),
            created_at: now() - TimeDelta::hours(i64::try_from(MANY - number).unwrap()),
            bases: Vec::new(),
            sha3: None,
            errors: Vec::new(),
        })
        .collect();
    snapshot
}

/// Ten thousand releases with increasing dates.
fn many_releases() -> Snapshot {
    let mut snapshot = snapshot();
    let releases: Vec<Release> = (0..MANY)
        .map(|number| {
            let day = (now() - TimeDelta::hours(i64::try_from(number * 7).unwrap())).format("%Y-%m-%d");
            let text = format!("{{\"core\": {{\"finos/legend-studio\": \"13.{number}\"}}}}");
            Release::from_manifest(format!("{day}_{number}").parse().unwrap(), text.as_bytes()).unwrap()
        })
        .collect();
    snapshot.releases.value = Some(releases);
    // No branch without a release, which would add a row.
    snapshot.markers.value = Some(std::collections::BTreeSet::new());
    snapshot
}

fn opened(snapshot: Snapshot, size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    model.snapshot = Arc::new(snapshot);
    panes::rebuild(&mut model);
    model
}

/// Returns how many rows fit on screen.
fn room(model: &Model) -> usize {
    let shown = layout(model).panes;
    shown
        .iter()
        .map(|(pane, rect)| layout::list_height(model.pane_spec(*pane).unwrap(), *rect))
        .sum()
}

fn built_within_room(model: &mut Model, what: &str) {
    for key in [
        Key::Down,
        Key::PageDown,
        Key::PageDown,
        Key::End,
        Key::PageUp,
        Key::Home,
    ] {
        press(model, key);
        let (_, drawn) = screen(model);
        let room = room(model);
        assert!(drawn.rows_built > 0, "{what}");
        assert!(
            drawn.rows_built <= room,
            "{what}: {} rows for {room}",
            drawn.rows_built
        );
    }
}

#[test]
fn of_ten_thousand_revisions_only_the_visible_ones_are_built() {
    for size in SIZES {
        let mut model = opened(many_revisions(), size);
        press(&mut model, Key::Char('3'));
        press(&mut model, Key::Char(' '));
        assert!(model.charm_rows().len() > 10_000);
        built_within_room(&mut model, &format!("{size:?}"));
    }
}

#[test]
fn of_ten_thousand_releases_only_the_visible_ones_are_built() {
    for size in SIZES {
        let mut model = opened(many_releases(), size);
        assert_eq!(model.release_rows().len(), 10_000);
        built_within_room(&mut model, &format!("{size:?}"));
    }
}

#[test]
fn of_ten_thousand_releases_each_is_measured_once_a_rebuild_and_never_for_a_key() {
    let mut model = opened(many_releases(), (120, 40));
    let before = measured();
    panes::rebuild(&mut model);
    assert_eq!(measured() - before, 10_000);
    let before = measured();
    built_within_room(&mut model, "releases");
    // Another pane, and a charm that shows its revisions and hides them again.
    for key in ['3', ' ', ' ', '1'] {
        press(&mut model, Key::Char(key));
        drop(screen(&model));
    }
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "2024");
    press(&mut model, Key::Esc);
    drop(screen(&model));
    assert_eq!(measured(), before);
}

#[test]
fn a_letter_more_looks_only_at_what_the_letters_before_it_left() {
    let mut model = opened(many_revisions(), (120, 40));
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "r98");
    let left = model.charm_rows().matches();
    assert!(left < 2_000, "{left}");
    type_in(&mut model, "7");
    assert_eq!(model.charm_rows().searched(), left);
    built_within_room_of_filter(&model);
}

fn built_within_room_of_filter(model: &Model) {
    let (text, drawn) = screen(model);
    assert!(drawn.rows_built <= room(model));
    assert!(text.contains("/r987 ("), "{text}");
}

#[test]
fn before_the_first_frame_no_reference_is_parsed_and_nothing_is_asked() {
    let snapshot = Arc::new(snapshot());
    let setting = setting(false);
    let before = counted::parsed();
    let mut model = Model::new(setting, snapshot, now(), (120, 40));
    let (text, _) = screen(&model);
    assert_eq!(counted::parsed(), before);
    assert!(text.contains("2025-01-27") && text.contains("engine"), "{text}");
    // Expensive values are computed, and requests sent, after the first frame.
    assert!(!update(&mut model, Msg::FirstFrame(now())).is_empty());
    assert!(counted::parsed() > before);
}
