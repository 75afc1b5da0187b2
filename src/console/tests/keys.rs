//! Tests keys: every action by its key, prefixes, custom keys, and jumping back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::queue::{ended, queued};
use super::standing::{half_released, stands, with_runs};
use super::world::{console, press, record, refused_rotation, screen, type_in};
use crate::config::UserConfig;
use crate::console::actions::{self, ActionId, Availability, Chord, Key, Keymap, Scope};
use crate::console::components::Text;
use crate::console::dialogs::Leave;
use crate::console::jumps;
use crate::console::live::Live;
use crate::console::panes::screen::PanesScreen;
use crate::console::panes::{self, PaneId};
use crate::console::review::Review;
use crate::console::running::Stop;
use crate::console::tour::{self, Step};
use crate::console::update::update;
use crate::console::{Model, Msg, registry};
use crate::domain::{Problem, ProblemKind};
use crate::journal::Outcome;
use crate::plan::{Intent, LaterChanges};
use crate::services::charmhub::EXPIRED;

fn keymap(text: &str) -> Result<Keymap, Problem> {
    Keymap::with(&UserConfig::parse(text, "config.toml").unwrap().key_wishes)
}

fn refused(text: &str) -> String {
    let problem = keymap(text).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Config, "{problem}");
    let hints: Vec<String> = problem.hints.iter().map(ToString::to_string).collect();
    format!("{problem} {}", hints.join(" "))
}

/// Returns the keys to every screen and dialog, with the text typed after each.
fn ways() -> Vec<Vec<(Key, &'static str)>> {
    let c = Key::Char;
    vec![
        vec![
            (Key::Down, ""),
            (Key::Down, ""),
            (c('P'), " "),
            (Key::Enter, ""),
            (Key::Enter, "2023"),
        ],
        vec![(Key::Enter, "")],
        vec![(c('/'), "2025"), (Key::Enter, "")],
        vec![(c('H'), ""), (Key::Enter, "")],
        vec![(c('i'), ""), (Key::Enter, "m")],
        vec![(c('p'), ""), (Key::Down, ""), (Key::Enter, "")],
        vec![(c('p'), "i")],
        vec![
            (c('R'), ""),
            (Key::Enter, "CHARMHUB_TOKEN"),
            (Key::Enter, "a@b.c"),
        ],
        vec![(c('L'), ""), (Key::Enter, "yes")],
        vec![(c(':'), "zo")],
        vec![(c('?'), "")],
        vec![(c('2'), ""), (c('x'), ""), (Key::Enter, "yes")],
        vec![(c('2'), ""), (c('b'), ""), (Key::Enter, "")],
        vec![(c('2'), "i")],
        vec![(c('p'), "i"), (Key::Ctrl('t'), "4")],
        vec![(c('3'), ""), (Key::Down, ""), (c('u'), ""), (Key::Ctrl('t'), "")],
        vec![
            (c('3'), ""),
            (Key::Down, ""),
            (c('u'), "finos/legend-studio:13.68.0"),
            (Key::Enter, "i"),
        ],
        vec![(c('3'), ""), (c('e'), " "), (Key::Enter, "")],
        vec![
            (c('3'), ""),
            (Key::Down, ""),
            (c(' '), ""),
            (c('i'), "m"),
            (Key::Esc, ""),
            (Key::Down, "i"),
        ],
        vec![
            (c('4'), ""),
            (c('/'), "session-of-the-secrets"),
            (Key::Enter, ""),
            (c('X'), ""),
            (Key::Enter, ""),
        ],
        vec![(c('5'), ""), (Key::Enter, ""), (c('r'), "")],
        vec![(c('5'), ""), (Key::Enter, ""), (c('b'), "")],
        vec![(c('5'), "w"), (Key::Enter, "2025-01-27"), (Key::Enter, "")],
        vec![
            (c('5'), "w"),
            (Key::End, ""),
            (Key::Enter, "/a"),
            (Key::Enter, ""),
        ],
        vec![(Key::Enter, "/a"), (Key::Enter, "")],
        vec![(c('2'), "i/a"), (Key::Enter, "")],
        vec![(c('5'), ""), (Key::Enter, "/a"), (Key::Enter, "")],
        vec![(c('5'), "w"), (Key::End, ""), (Key::Enter, ""), (c('l'), "")],
    ]
}

/// Returns every state along those ways.
fn states() -> Vec<Model> {
    let mut all = Vec::new();
    for (runs, way) in [None, Some(Outcome::Failed)]
        .into_iter()
        .flat_map(|runs| ways().into_iter().map(move |way| (runs, way)))
    {
        let mut model = console((120, 40), false);
        model.runs = vec![record(runs)];
        panes::rebuild_activity(&mut model);
        all.push(model.clone());
        for (key, text) in way {
            press(&mut model, key);
            all.push(model.clone());
            for c in text.chars() {
                type_in(&mut model, &c.to_string());
                all.push(model.clone());
            }
        }
    }
    all.push(refused_rotation());
    let problem = Problem::new(ProblemKind::Credentials, EXPIRED).with_expired_credential();
    // A review and a run that need a sign-in.
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    if let Some(review) = model.on_mut::<Review>() {
        review.problem = Some(problem.clone());
    }
    all.push(model);
    let mut open = record(None);
    open.problem = Some(problem.clone());
    let mut model = console((120, 40), false);
    with_runs(&mut model, vec![open.clone()]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    all.push(model.clone());
    // A run in progress.
    model
        .live_mut()
        .insert(open.id.clone(), Live::new(open.plan.clone()));
    all.push(model);
    // A run whose channels can be rolled back, and its rollback, over later changes too.
    let mut model = stands((120, 40));
    with_runs(&mut model, vec![half_released()]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    all.push(model.clone());
    press(&mut model, Key::Char('b'));
    if let Some(review) = model.on_mut::<Review>()
        && let Intent::Rollback(wish) = &mut review.intent
    {
        wish.later = LaterChanges::Overwrite;
    }
    all.push(model);
    let mut model = console((120, 40), false);
    model.open(Text::of_problem("No", &problem));
    all.push(model.clone());
    model.open(Leave);
    all.push(model.clone());
    model.open(Stop { run: record(None).id });
    all.push(model);
    let mut model = console((120, 40), false);
    model.setting.demo = true;
    all.push(model);
    let (mut model, run) = queued((120, 40));
    all.push(model.clone());
    ended(&mut model, &run, Outcome::Failed);
    all.push(model);
    all
}

fn same(a: &Model, b: &Model) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// Presses the key of a chord, or both.
fn strike(model: &mut Model, chord: Chord) -> Vec<crate::console::effect::Effect> {
    if let Some(prefix) = chord.prefix {
        assert!(update(model, Msg::Key(prefix)).is_empty());
        assert_eq!(model.pending, Some(prefix));
    }
    update(model, Msg::Key(chord.key))
}

#[test]
fn every_action_is_sent_by_each_of_its_keys_or_says_why_not() {
    let mut met: BTreeSet<ActionId> = BTreeSet::new();
    let mut seen: BTreeSet<(ActionId, bool)> = BTreeSet::new();
    for mut model in states() {
        model.notice = None;
        let scopes = actions::scopes(&model);
        for spec in model.setting.keymap.clone().in_scopes(&scopes) {
            let availability = (spec.availability)(&model);
            let enabled = availability == Availability::Enabled;
            if availability == Availability::Hidden || !seen.insert((spec.id, enabled)) {
                continue;
            }
            met.insert(spec.id);
            for chord in model.setting.keymap.keys(spec.id) {
                // In a field a shared key such as `k` is a letter.
                let typed = !model
                    .setting
                    .keymap
                    .meaning(&scopes, *chord)
                    .any(|own| own.id == spec.id);
                if typed {
                    assert!(
                        scopes.first().is_some_and(|scope| scope.takes_text()),
                        "{chord}: {spec:?}"
                    );
                    continue;
                }
                let mut by_key = model.clone();
                let effects = strike(&mut by_key, *chord);
                if let Availability::Disabled(reason) = availability {
                    let notice = by_key.notice.as_ref().map(|notice| notice.text.as_str());
                    assert_eq!(
                        (effects.len(), notice),
                        (0, Some(reason)),
                        "{chord}: {:?}",
                        spec.id
                    );
                    continue;
                }
                let mut sent = model.clone();
                let wanted = update(&mut sent, Msg::Act(spec.id));
                assert_eq!(effects, wanted, "{chord}: {:?}", spec.id);
                assert!(same(&by_key, &sent), "{chord}: {:?}", spec.id);
            }
        }
    }
    let missed: Vec<_> = registry::all()
        .map(|spec| spec.id)
        .filter(|id| !met.contains(id))
        .collect();
    assert!(missed.is_empty(), "nothing led to {missed:?}");
}

#[test]
fn every_place_can_be_left_and_needs_a_key_for_it() {
    for scope in Scope::narrowest() {
        let scopes = scope.with_wider();
        let keymap = Keymap::default();
        let held = keymap.in_scopes(&scopes).filter(|spec| spec.needed);
        let on_panes = scopes.contains(&Scope::PANES);
        assert!(held.count() > usize::from(!on_panes), "{scope:?}");
    }
}

#[test]
fn g_waits_for_a_second_key_and_shows_what_can_follow() {
    for size in [(80, 24), (120, 40)] {
        let mut model = console(size, false);
        assert!(press(&mut model, Key::Char('g')).is_empty());
        let text = screen(&model).0;
        insta::assert_snapshot!(format!("which_key_{}", size.0), text);
        press(&mut model, Key::Char('h'));
        assert_eq!((model.pane, model.pending), (PaneId::CHARMS, None));
    }
    let mut model = console((120, 40), false);
    model.setting.offline = true;
    press(&mut model, Key::Char('g'));
    let (text, drawn) = screen(&model);
    assert!(text.contains("go to workflows: not available: offline"), "{text}");
    let (y, line) = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains("g …"))
        .unwrap();
    let x = line.chars().position(|c| c == 'g').unwrap() as u16;
    assert_eq!(
        drawn.click(x + 2, y as u16 + 1),
        Some(Msg::Act(ActionId::FIRST_ROW))
    );
    update(&mut model, Msg::Act(ActionId::ACTIVITY));
    assert_eq!((model.pane, model.pending), (PaneId::ACTIVITY, None));
}

#[test]
fn a_prefix_is_dropped_by_escape_or_by_what_means_nothing_after_it() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Char('g'));
    press(&mut model, Key::Esc);
    assert_eq!((model.pane, model.pending), (PaneId::CHANNELS, None));
    assert!(model.notice.is_none());
    press(&mut model, Key::Char('g'));
    assert!(press(&mut model, Key::Char('p')).is_empty());
    assert!(model.on::<PanesScreen>().is_some() && model.pending.is_none());
    assert!(screen(&model).0.contains("g p is not a key here"));
    press(&mut model, Key::Char('g'));
    let effects = press(&mut model, Key::Ctrl('c'));
    assert_eq!(effects, [crate::console::effect::Effect::Quit]);
}

#[test]
fn fields_take_g_as_a_letter() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "gg");
    assert_eq!(panes::filter(&model, model.pane), "gg");
    press(&mut model, Key::Esc);
    for open in ['?', ':'] {
        press(&mut model, Key::Char(open));
        type_in(&mut model, "gr");
        assert!(model.modal.is_some() && model.pending.is_none());
        press(&mut model, Key::Esc);
    }
}

#[test]
fn a_wish_replaces_the_usual_keys_everywhere() {
    let own =
        keymap("[keys]\npublish = [\"; p\", \"ctrl-y\"]\nzoom = []\nreview-track-only = \"K\"\n").unwrap();
    let mut model = console((120, 40), false);
    model.setting.keymap = Arc::new(own);
    assert!(actions::lookup(&model, Chord::alone(Key::Char('p'))).is_none());
    assert!(actions::lookup(&model, Chord::alone(Key::Char('z'))).is_none());
    let text = screen(&model).0;
    assert!(text.lines().last().unwrap().contains("; p publish"), "{text}");
    press(&mut model, Key::Char('?'));
    type_in(&mut model, "publish the selected");
    assert!(screen(&model).0.contains("; p, ctrl-y"));
    press(&mut model, Key::Esc);
    press(&mut model, Key::End);
    press(&mut model, Key::Char(';'));
    assert_eq!(model.pending, Some(Key::Char(';')));
    press(&mut model, Key::Char('p'));
    assert!(model.on::<Review>().is_some());
    assert!(screen(&model).0.contains("press K to publish only to the track"));
    press(&mut model, Key::Esc);
    press(&mut model, Key::Ctrl('y'));
    assert!(model.on::<Review>().is_some());
}

#[test]
fn texts_outside_the_footer_name_the_users_own_key() {
    let own = "publish = \"F\"\nsign-in = \"ctrl-y\"\nrefresh = \"f8\"\nunfilter = \"f9\"\nhelp = []\n";
    let own = Arc::new(keymap(&format!("[keys]\n{own}")).unwrap());
    let empty = |model: &Model, pane: PaneId| -> String {
        let lines = panes::standing::empty(model, model.pane_spec(pane).unwrap());
        lines.into_iter().map(|(text, _)| text).collect()
    };
    let mut model = console((120, 40), false);
    model.setting.keymap = Arc::clone(&own);
    with_runs(&mut model, Vec::new());
    assert_eq!(
        empty(&model, PaneId::ACTIVITY),
        "no runs yet; press F to publish the selected release"
    );
    assert_eq!(
        empty(&model, PaneId::CREDENTIALS),
        "no credentials found; press ctrl-y to sign in to Charmhub"
    );
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "no such row");
    press(&mut model, Key::Enter);
    assert!(empty(&model, model.pane).ends_with("press f9 to clear the filter"));
    model.snapshot = Arc::default();
    model.refresh = crate::console::model::Asked::default();
    panes::rebuild(&mut model);
    assert_eq!(empty(&model, PaneId::CHANNELS), "not loaded; press f8 to refresh");

    model.set_tour(Some(Step::FIRST));
    let hint = |model: &Model| tour::hint(model).unwrap().1;
    assert!(hint(&model).starts_with("press F to plan"), "{}", hint(&model));
    model.set_tour(Some(Step::Help));
    assert_eq!(hint(&model), "use 'help' to find every other action");
}

#[test]
fn wrong_wishes_are_refused_with_place_and_remedy() {
    let unknown = refused("workspace = \"legend\"\n[keys]\npromote-relase = \"m\"\n");
    for part in [
        "config.toml, line 3, column 1",
        "unknown action 'promote-relase'",
        "did you mean promote-release",
    ] {
        assert!(unknown.contains(part), "{unknown}");
    }
    let no_key = refused("[keys]\npublish = \"Ctrl+P\"\n");
    for part in ["line 2", "invalid key 'Ctrl+P'", "ctrl- and a small letter"] {
        assert!(no_key.contains(part), "{no_key}");
    }
    let twice = refused("[keys]\npublish = \"P\"\n");
    for part in ["line 2", "key P", "publish", "promote-release"] {
        assert!(twice.contains(part), "{twice}");
    }
    let prefix = refused("[keys]\npublish = \"g\"\n");
    for part in ["key g", "start of another key", "publish"] {
        assert!(prefix.contains(part), "{prefix}");
    }
    let begins = refused("[keys]\nzoom = \"p z\"\n");
    assert!(
        begins.contains("key p") && begins.contains("zoom and publish"),
        "{begins}"
    );
    for stuck in ["interrupt", "close", "prompt-accept", "leave-no"] {
        let text = refused(&format!("[keys]\n{stuck} = []\n"));
        assert!(text.contains(&format!("action {stuck} needs a key")), "{text}");
    }
    for typed in [
        "field-keep = \"x\"",
        "interrupt = \"Q\"",
        "close = \"g x\"",
        "help-close = \"x\"",
        "form-accept = \"right\"",
    ] {
        let text = refused(&format!("[keys]\n{typed}\n"));
        assert!(text.contains("edits the text field"), "{text}");
    }
}

#[test]
fn earlier_names_of_actions_still_work() {
    let c = |key| Chord::alone(Key::Char(key));
    let own = keymap("[keys]\ntext-up = \"9\"\nimage-up = [\"8\", \"up\"]\ntext-close = \"x\"\n").unwrap();
    assert_eq!(own.keys(ActionId::UP), [c('9'), c('8'), Chord::alone(Key::Up)]);
    assert_eq!(own.keys(ActionId::DISMISS), [c('x')]);
    assert_eq!(own.keys(ActionId::CLOSE), [Chord::alone(Key::Esc)]);
    let own = keymap("[keys]\nchoose-close = [\"9\", \"esc\"]\n").unwrap();
    let mut model = console((120, 40), false);
    model.setting.keymap = Arc::new(own);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Char('i'));
    assert!(model.modal.is_some());
    press(&mut model, Key::Char('9'));
    assert!(model.modal.is_none());
    press(&mut model, Key::Char('?'));
    press(&mut model, Key::Char('9'));
    assert!(model.modal.is_some(), "in a field it is a letter");
    let only = refused("[keys]\nworkflows-close = \"9\"\n");
    for part in [
        "9 cannot be the only key of close",
        "add a key: close = [\"esc\", \"9\"]",
    ] {
        assert!(only.contains(part), "{only}");
    }
}

#[test]
fn every_wrong_entry_is_named_at_once() {
    let all = refused(
        "[keys]\npromote-relase = \"m\"\npublish = \"g\"\nzoom = [\"Ctrl+Z\", \"Ctrl+Y\"]\n\
         close = []\nrotate = \"L\"\n",
    );
    for part in [
        "6 problems in [keys]",
        "line 2, column 1: unknown action 'promote-relase'",
        "line 3, column 1: key g is used alone",
        "line 4, column 1: invalid key 'Ctrl+Z'",
        "line 4, column 1: invalid key 'Ctrl+Y'",
        "line 5, column 1: action close needs a key",
        "line 6, column 1: key L is used by both sign-in and rotate",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert_eq!(all.matches("start of another key").count(), 1, "{all}");
}

#[test]
fn keys_can_be_exchanged() {
    let own = keymap("[keys]\npublish = \"P\"\npromote-release = \"p\"\npromote-channel = \"M\"\n").unwrap();
    assert_eq!(own.first(ActionId::PUBLISH), "P");
    assert_eq!(own.first(ActionId::PROMOTE_RELEASE), "p");
    assert_eq!(own.shown(ActionId::REFRESH), "ctrl-r, f5");
}

#[test]
fn the_way_back_leads_to_pane_and_row() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Down);
    let row = panes::selected_key(&model, PaneId::RELEASES);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Char('3'));
    assert_eq!(model.jumps().len(), 1, "to where one is is no jump");
    press(&mut model, Key::Char('g'));
    press(&mut model, Key::Char('a'));
    press(&mut model, Key::Char('1'));
    press(&mut model, Key::Up);
    press(&mut model, Key::Esc);
    assert_eq!(model.pane, PaneId::ACTIVITY);
    press(&mut model, Key::Ctrl('o'));
    assert_eq!(model.pane, PaneId::CHARMS);
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "studio");
    press(&mut model, Key::Enter);
    press(&mut model, Key::Esc);
    assert_eq!(model.pane, PaneId::CHARMS, "the filter goes first");
    assert!(panes::filter(&model, PaneId::CHARMS).is_empty());
    press(&mut model, Key::Esc);
    assert_eq!(model.pane, PaneId::RELEASES);
    assert_eq!(panes::selected_key(&model, PaneId::RELEASES), row);
    assert!(model.jumps().is_empty());
    press(&mut model, Key::Esc);
    assert_eq!(model.pane, PaneId::RELEASES);
    for pane in "2345123451234512345123451234512345".chars() {
        press(&mut model, Key::Char(pane));
    }
    assert_eq!(model.jumps().len(), jumps::MOST);
}

#[test]
fn the_page_names_every_action_with_its_keys() {
    let page = registry::key_page();
    for spec in registry::all() {
        assert!(
            page.contains(&format!("| `{}` |", spec.id.name())),
            "{:?}",
            spec.id
        );
    }
    assert!(page.contains("| `1` `g r` | releases | `releases` |"), "{page}");
    for line in page.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
    }
}
