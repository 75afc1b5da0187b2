//! Tests palette and help: what is listed, in which order, and that Enter runs the selected entry.

use super::world::{console, press, record, screen, type_in};
use crate::console::Model;
use crate::console::actions::{self, ActionId, Availability, Key};
use crate::console::dialogs::Help;
use crate::console::dialogs::Palette;
use crate::console::dialogs::{help, palette};
use crate::console::panes::screen::PanesScreen;
use crate::console::panes::{self, PaneId};
use crate::console::registry;

fn listed(model: &Model) -> Vec<ActionId> {
    let specs = if let Some(dialog) = model.dialog::<Palette>() {
        palette::entries(model, dialog)
    } else {
        help::lines(model, model.dialog::<Help>().unwrap())
            .into_iter()
            .filter_map(|line| match line {
                help::HelpLine::Action(_, spec) => Some(spec),
                help::HelpLine::Heading(_) | help::HelpLine::Sign(..) => None,
            })
            .collect()
    };
    specs.into_iter().map(|spec| spec.id).collect()
}

fn highlighted(model: &Model) -> Option<ActionId> {
    let palette = model.dialog::<Palette>().map(|dialog| dialog.list.at);
    let at = palette.or(model.dialog::<Help>().map(|dialog| dialog.list.at))?;
    listed(model).get(at).copied()
}

#[test]
fn the_palette_lists_all_that_can_be_reached_and_the_best_match_first() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char(':'));
    let all = listed(&model);
    let reachable = actions::reachable(&model);
    assert_eq!(all.len(), reachable.len() - 1, "all but the palette itself");
    let can = |id: &ActionId| (registry::spec(*id).unwrap().availability)(&model) == Availability::Enabled;
    assert!(
        all.is_sorted_by_key(|id| !can(id)),
        "what can be done comes first"
    );
    for (typed, first) in [
        ("zoom", ActionId::ZOOM),
        ("pub", ActionId::PUBLISH),
        ("rfsh", ActionId::REFRESH),
        ("releases", ActionId::RELEASES),
        ("to work", ActionId::GO_WORKFLOWS),
        ("back in time", ActionId::QUIT),
    ] {
        press(&mut model, Key::Ctrl('u'));
        type_in(&mut model, typed);
        if first == ActionId::QUIT {
            assert!(listed(&model).is_empty());
        } else {
            assert_eq!(highlighted(&model), Some(first), "{typed}");
        }
    }
}

#[test]
fn enter_runs_what_is_highlighted_and_nothing_else() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Ctrl('p'));
    type_in(&mut model, "charms");
    assert_eq!(highlighted(&model), Some(ActionId::CHARMS));
    press(&mut model, Key::Enter);
    assert_eq!((model.pane, model.modal.is_none()), (PaneId::CHARMS, true));
    assert_eq!(model.jumps().len(), 1);
    press(&mut model, Key::Char(':'));
    type_in(&mut model, "p");
    press(&mut model, Key::Down);
    press(&mut model, Key::Down);
    press(&mut model, Key::Up);
    let chosen = highlighted(&model).unwrap();
    assert_eq!(chosen, listed(&model)[1]);
    // Nothing matches: Enter does nothing and the palette stays open.
    type_in(&mut model, "qqqqq");
    assert!(listed(&model).is_empty());
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(model.dialog::<Palette>().is_some());
    assert!(screen(&model).0.contains("no action matches"));
    // An action that is not available can be selected too, and shows why.
    press(&mut model, Key::Ctrl('u'));
    type_in(&mut model, "upload");
    assert_eq!(highlighted(&model), Some(ActionId::UPLOAD));
    press(&mut model, Key::Enter);
    assert!(screen(&model).0.contains("select a resource below its charm"));
}

#[test]
fn what_acts_on_rows_of_other_panes_is_found_and_says_where_it_is() {
    let mut model = console((120, 40), false);
    assert_eq!(model.pane, PaneId::RELEASES);
    for (typed, first, place) in [
        ("roll back", ActionId::ROLL_BACK_CHANNEL, "Channels"),
        ("close channel", ActionId::CLOSE_CHANNEL, "Channels"),
        ("close", ActionId::CLOSE_CHANNEL, "Channels"),
        ("upload", ActionId::UPLOAD, "Charms"),
    ] {
        press(&mut model, Key::Char(':'));
        type_in(&mut model, typed);
        assert_eq!(highlighted(&model), Some(first), "{typed}");
        let shown = screen(&model).0;
        assert!(shown.contains(&format!("a row of {place}")), "{shown}");
        assert!(press(&mut model, Key::Enter).is_empty());
        assert!(model.modal.is_none() && screen(&model).0.contains(" first"));
        assert_eq!(model.pane, PaneId::RELEASES, "{typed}");
    }
    // In its own pane the hint to go there is not shown.
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Char(':'));
    type_in(&mut model, "close");
    assert_eq!(highlighted(&model), Some(ActionId::CLOSE_CHANNEL));
    assert!(!screen(&model).0.contains(" first"));
}

#[test]
fn tab_completes_the_title_and_keeps_the_choice() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char(':'));
    let everything = listed(&model);
    for at in 0..everything.len() {
        for _ in 0..everything.len() {
            press(&mut model, Key::Up);
        }
        for _ in 0..at {
            press(&mut model, Key::Down);
        }
        let chosen = highlighted(&model).unwrap();
        press(&mut model, Key::Tab);
        let Some(dialog) = model.dialog::<Palette>() else {
            panic!("closed");
        };
        let spec = registry::spec(chosen).unwrap();
        if spec.takes.is_empty() {
            assert_eq!(dialog.input.value(), spec.title);
            assert_eq!(highlighted(&model), Some(chosen));
        } else {
            assert_eq!(dialog.input.value(), format!("{} ", spec.title));
        }
        press(&mut model, Key::Ctrl('u'));
    }
}

#[test]
fn the_palette_leads_from_a_review_or_a_run_to_every_pane() {
    let mut model = console((120, 40), false);
    model.runs = vec![record(None)];
    panes::rebuild_activity(&mut model);
    for key in ['p', '5'] {
        press(&mut model, Key::Char(key));
        if key == '5' {
            press(&mut model, Key::Enter);
        }
        assert!(model.on::<PanesScreen>().is_none());
        press(&mut model, Key::Char(':'));
        type_in(&mut model, "credentials");
        press(&mut model, Key::Enter);
        assert!(model.on::<PanesScreen>().is_some());
        assert_eq!(model.pane, PaneId::CREDENTIALS);
    }
}

#[test]
fn the_palette_names_what_is_selected_in_the_command() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char(':'));
    type_in(&mut model, "publish");
    assert!(
        screen(&model)
            .0
            .contains("command: windlass plan publish 2025-01-27")
    );
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Down);
    press(&mut model, Key::Char(':'));
    type_in(&mut model, "upload");
    let text = screen(&model).0;
    assert!(
        text.contains("windlass upload-resource finos-legend-engine-k8s engine-image"),
        "{text}"
    );
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('1'));
    press(&mut model, Key::Char('p'));
    press(&mut model, Key::Char('?'));
    type_in(&mut model, "confirm");
    assert!(screen(&model).0.contains("command: windlass publish 2025-01-27"));
}

#[test]
fn help_finds_keys_before_words() {
    let mut model = console((120, 40), false);
    for (typed, first) in [
        ("ctrl-r", ActionId::REFRESH),
        ("p", ActionId::PUBLISH),
        ("P", ActionId::PROMOTE_RELEASE),
        ("CTRL-R", ActionId::REFRESH),
        ("g e", ActionId::LAST_ROW),
        ("every service", ActionId::REFRESH),
    ] {
        press(&mut model, Key::Char('?'));
        type_in(&mut model, typed);
        assert_eq!(highlighted(&model), Some(first), "{typed}");
        press(&mut model, Key::Esc);
    }
    press(&mut model, Key::Char('?'));
    type_in(&mut model, "g");
    let text = screen(&model).0;
    assert!(text.contains("The key g"), "{text}");
    let heads: Vec<ActionId> = listed(&model).into_iter().take(3).collect();
    assert!(heads.contains(&ActionId::RELEASES), "{heads:?}");
}

#[test]
fn help_keeps_the_selection_in_sight_and_runs_it() {
    let mut model = console((80, 24), false);
    press(&mut model, Key::Char('?'));
    let all = listed(&model);
    for id in all {
        assert_eq!(highlighted(&model), Some(id));
        let title = registry::spec(id).unwrap().title;
        let text = screen(&model).0;
        let marked = text.lines().find(|line| line.contains('▸')).unwrap();
        assert!(marked.contains(title), "{title}: {marked}");
        press(&mut model, Key::Down);
    }
    press(&mut model, Key::Ctrl('u'));
    type_in(&mut model, "only this pane");
    press(&mut model, Key::Enter);
    assert!(model.zoomed && model.modal.is_none());
}

#[test]
fn palette_and_help_at_both_sizes() {
    for size in [(80, 24), (120, 40)] {
        let mut model = console(size, false);
        press(&mut model, Key::Char('3'));
        press(&mut model, Key::Char(':'));
        let mut all = screen(&model).0;
        type_in(&mut model, "up");
        all.push_str(&screen(&model).0);
        press(&mut model, Key::Esc);
        insta::assert_snapshot!(format!("palette_{}", size.0), all);
        press(&mut model, Key::Char('?'));
        let mut all = screen(&model).0;
        type_in(&mut model, "ctrl-r");
        all.push_str(&screen(&model).0);
        insta::assert_snapshot!(format!("help_{}", size.0), all);
    }
}

#[test]
fn a_filter_finds_what_rows_and_their_details_show_as_typed() {
    use crate::console::panes::{self, PaneId};
    let mut model = super::world::console((120, 40), false);
    let snapshot = model.snapshot.clone();
    let image = snapshot
        .behind
        .values()
        .next()
        .and_then(|seen| seen.value.clone());
    let digest = image.unwrap().digest.to_string();
    let hex = digest.trim_start_matches("sha256:");
    let mut shown = |pane: PaneId, filter: &str| {
        panes::set_filter(&mut model, pane, filter);
        panes::matches(&model, pane)
    };
    let cases = [
        // Every charm with its resource; the bundle has none.
        (PaneId::CHARMS, "r32", 4),
        (PaneId::CHARMS, "r32 !studio", 2),
        (PaneId::CHARMS, "r33", 0),
        (PaneId::CHARMS, &hex[..12], 2),
        (PaneId::CHARMS, digest.as_str(), 2),
        (PaneId::CHANNELS, "r32 22.04", 2),
        (PaneId::CHANNELS, "r49", 2),
        (PaneId::CHANNELS, "r99", 0),
        (PaneId::RELEASES, "'2025-01-08", 1),
        (PaneId::CREDENTIALS, "package-view-revisions", 1),
        (PaneId::CREDENTIALS, "2024-10-24", 2),
        (PaneId::CREDENTIALS, "releaser", 2),
    ];
    for (pane, filter, expected) in cases {
        assert_eq!(shown(pane, filter), expected, "{pane:?} {filter}");
    }
}
