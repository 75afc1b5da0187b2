//! Tests sorting, marks, and the differences between two releases.

use super::world::{console, press, screen, type_in};
use crate::console::Model;
use crate::console::actions::Key;
use crate::console::components::Text;
use crate::console::listing::Keyed as _;
use crate::console::panes;
use crate::console::review::Review;

fn releases(model: &Model) -> Vec<String> {
    let rows = model.release_rows().window(99);
    rows.map(|(_, row)| row.name.to_string()).collect()
}

#[test]
fn s_goes_through_the_columns_and_says_which() {
    let mut model = console((120, 40), false);
    let usual = releases(&model);
    let chosen = model.release_rows().selected().unwrap().key().to_owned();
    press(&mut model, Key::Char('s'));
    assert!(screen(&model).0.contains("1 Releases  by release ↓"));
    let mut sorted = usual.clone();
    sorted.sort();
    sorted.reverse();
    assert_eq!(releases(&model), sorted);
    press(&mut model, Key::Char('S'));
    assert!(screen(&model).0.contains("by release ↑"));
    sorted.reverse();
    assert_eq!(releases(&model), sorted);
    // The selection stays on its row, not on its index.
    assert_eq!(model.release_rows().selected().unwrap().key(), chosen);
    press(&mut model, Key::Char('s'));
    assert!(screen(&model).0.contains("by status ↑"));
    press(&mut model, Key::Char('s'));
    assert!(screen(&model).0.contains("by date ↓"));
    assert_eq!(releases(&model)[1], "2024-01-08", "made in 2025");
    press(&mut model, Key::Char('s'));
    assert!(!screen(&model).0.contains(" by date"));
    assert_eq!(releases(&model), usual);
    press(&mut model, Key::Char('S'));
    assert!(screen(&model).0.contains("the rows have their default order"));
}

#[test]
fn an_order_outlives_a_refresh_and_counts_for_what_is_filtered() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('s'));
    press(&mut model, Key::Char('S'));
    let sorted = releases(&model);
    panes::rebuild(&mut model);
    assert_eq!(releases(&model), sorted);
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "'2023-");
    press(&mut model, Key::Enter);
    assert_eq!(releases(&model), ["2023-11-07", "2023-11-08", "2023-12-05"]);
}

#[test]
fn revisions_stay_under_their_charm_and_secrets_in_their_group() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Char(' '));
    for _ in 0..2 {
        press(&mut model, Key::Char('s'));
    }
    press(&mut model, Key::Char('S'));
    let rows: Vec<String> = model
        .charm_rows()
        .window(99)
        .map(|(_, row)| row.key().to_owned())
        .collect();
    let engine = rows
        .iter()
        .position(|key| key == "finos-legend-engine-k8s")
        .unwrap();
    let under = &rows[engine + 1..engine + 4];
    assert_eq!(
        under,
        [
            "finos-legend-engine-k8s//49",
            "finos-legend-engine-k8s//50",
            "finos-legend-engine-k8s/engine-image"
        ]
    );
    press(&mut model, Key::Char('4'));
    let groups = |model: &Model| -> Vec<String> {
        let rows = model.credential_rows().window(99);
        let keys = rows.map(|(_, row)| row.key().split('/').next().unwrap().to_owned());
        let mut keys: Vec<String> = keys.collect();
        keys.dedup();
        keys
    };
    let usual = groups(&model);
    for key in ['s', 'S', 's', 'S', 's', 'S'] {
        press(&mut model, Key::Char(key));
        assert_eq!(groups(&model), usual, "{key}");
    }
}

#[test]
fn d_shows_what_differs_between_the_marked_release_and_the_selected_one() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('d'));
    assert!(screen(&model).0.contains("mark another release first"));
    press(&mut model, Key::Char(' '));
    assert!(screen(&model).0.contains("▸◆2025-01-27"));
    press(&mut model, Key::Char('d'));
    assert!(model.modal.is_none(), "a release does not differ from itself");
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('d'));
    let text = screen(&model).0;
    // The older one first, whichever was marked.
    assert!(text.contains("Releases 2023-12-05 and 2025-01-27"), "{text}");
    assert!(text.contains("2 images differ"), "{text}");
    assert!(
        text.contains("finos/legend-engine-server  4.36.0 → 4.68.0"),
        "{text}"
    );
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Char('d'));
    assert!(model.dialog::<Text>().is_some(), "two marked ones");
    press(&mut model, Key::Esc);
    press(&mut model, Key::Up);
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Char('d'));
    assert!(screen(&model).0.contains("more than two releases are marked"));
}

#[test]
fn releases_with_the_same_images_say_so() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char(':'));
    type_in(&mut model, "diff 2023-11-07 2023-11-08");
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    assert!(text.contains("No image differs"), "{text}");
    assert!(text.contains("2 images are the same"), "{text}");
}

#[test]
fn marked_sessions_are_revoked_by_one_plan() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('4'));
    press(&mut model, Key::Char(' '));
    assert!(screen(&model).0.contains("only sessions can be marked"));
    for session in ["session-lost", "session-of-the-secrets"] {
        model
            .credential_rows_mut()
            .select_key(&format!("session/{session}"));
        press(&mut model, Key::Char(' '));
    }
    // The marked ones count, whatever row is selected.
    press(&mut model, Key::Home);
    press(&mut model, Key::Char('X'));
    let Some(review) = model.on::<Review>() else {
        panic!("{}", screen(&model).0);
    };
    assert_eq!(
        review.intent.command(),
        "windlass revoke session-lost session-of-the-secrets"
    );
    press(&mut model, Key::Esc);
    model.credential_rows_mut().select_key("session/session-in-use");
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Char('X'));
    assert!(screen(&model).0.contains("windlass uses a marked session"));
}

#[test]
fn a_rejected_revision_is_marked_and_refuses_with_the_reason() {
    let mut model = console((120, 40), false);
    let mut snapshot = (*model.snapshot).clone();
    let facts = snapshot.charms.values_mut().find_map(|seen| seen.value.as_mut());
    let revision = &mut facts.unwrap().revisions[0];
    revision.status = "rejected".into();
    revision.errors = vec!["review-error: no metadata.yaml".into()];
    model.snapshot = std::sync::Arc::new(snapshot);
    panes::rebuild(&mut model);
    press(&mut model, Key::Char('3'));
    let text = screen(&model).0;
    assert!(text.contains("r50 ✘"), "the folded charm is marked\n{text}");
    press(&mut model, Key::Char('z'));
    let text = screen(&model).0;
    assert!(
        text.contains("r50 ✘ 2024-04-07  rejected: review-error: no metadata.yaml"),
        "{text}"
    );
    let leads_to_the_reason = |model: &mut Model| {
        press(model, Key::Enter);
        let text = screen(model).0;
        let lines: Vec<&str> = text.lines().collect();
        let at = lines
            .iter()
            .position(|line| line.contains("r50    2024-04-07 rejected"));
        let at = at.unwrap_or_else(|| panic!("{text}"));
        assert!(lines[at - 1].contains("┌ finos-legend-engine-k8s"), "{text}");
        assert!(
            lines[at + 1].contains("cannot be released rejected: review-error: no metadata.yaml"),
            "{text}"
        );
        press(model, Key::Esc);
    };
    leads_to_the_reason(&mut model);
    press(&mut model, Key::Char(' '));
    let text = screen(&model).0;
    assert!(
        text.contains("✘ rejected: review-error: no metadata.yaml"),
        "{text}"
    );
    press(&mut model, Key::Down);
    leads_to_the_reason(&mut model);
    press(&mut model, Key::Char('e'));
    assert!(model.modal.is_none());
    let text = screen(&model).0;
    assert!(
        text.contains("r50 is rejected: review-error: no metadata.yaml"),
        "{text}"
    );
}
