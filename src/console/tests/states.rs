//! Tests the states of panes: not read, loading, from the cache, stale, failed, forbidden, empty,
//! filtered; and their bars.

use std::sync::Arc;

use chrono::TimeDelta;

use super::world::{console, now, press, record, screen, setting, snapshot, type_in};
use crate::console::actions::Key;
use crate::console::components::Text;
use crate::console::panes::PaneId;
use crate::console::update::update;
use crate::console::view::look::Look;
use crate::console::{Model, Msg, panes, wake};
use crate::domain::{Observed, Problem, ProblemKind, Snapshot, Source, SourceUpdate};
use crate::journal::Outcome;

const SIZES: [(u16, u16); 3] = [(40, 10), (80, 24), (120, 40)];

fn shown(model: &Model) -> String {
    screen(model).0
}

/// Returns a console that has not received an answer yet.
fn unanswered(known: Snapshot, size: (u16, u16)) -> Model {
    let mut model = Model::new(setting(false), Arc::new(known), now(), size);
    drop(update(&mut model, Msg::FirstFrame(now())));
    model
}

fn broken(size: (u16, u16), kind: ProblemKind, keep: bool) -> Model {
    let mut known = snapshot();
    let problem = Problem::new(kind, "GitHub did not answer within 30 s")
        .cause("connection reset")
        .hint("look whether https://www.githubstatus.com tells of trouble");
    if keep {
        known.releases.problem = Some(problem);
    } else {
        known.releases = Observed::failed(problem);
    }
    let mut model = console(size, false);
    model.snapshot = Arc::new(known);
    panes::rebuild(&mut model);
    model
}

#[test]
fn what_nobody_asked_yet_is_said_to_be_so() {
    for size in SIZES {
        let mut model = Model::new(setting(false), Arc::new(Snapshot::default()), now(), size);
        model.setting.offline = false;
        for pane in "1234".chars() {
            press(&mut model, Key::Char(pane));
            let text = shown(&model);
            assert!(text.contains("not read yet"), "{size:?} {pane}\n{text}");
            // Charms and secrets have rows from the workspace alone.
            let bare = matches!(pane, '1' | '2');
            let said = text.contains("not loaded");
            assert!(said || !bare, "{size:?} {pane}\n{text}");
        }
    }
}

#[test]
fn what_is_being_asked_says_whom() {
    for size in SIZES {
        let mut model = unanswered(Snapshot::default(), size);
        for (pane, whom) in [
            ('1', "reading finos/legend from GitHub"),
            ('2', "reading 2 charms from Charmhub"),
            ('5', "reading the journal"),
        ] {
            press(&mut model, Key::Char(pane));
            // The journal is read as soon as the key is pressed, as the shell would do.
            if pane != '5' {
                assert!(shown(&model).contains(whom), "{size:?}\n{}", shown(&model));
            }
        }
    }
}

#[test]
fn each_pane_fills_as_its_source_arrives_and_the_others_say_how_long_they_take() {
    let known = snapshot();
    for size in [(80, 24), (120, 40)] {
        let mut model = unanswered(Snapshot::default(), size);
        let id = model.refresh.in_flight.unwrap();
        update(&mut model, Msg::RefreshStarted(id, now()));
        press(&mut model, Key::Char('2'));
        for (charm, facts) in known.charms.iter().rev() {
            let facts = SourceUpdate::Charm(charm.clone(), Box::new(facts.clone()));
            update(&mut model, Msg::SourceRead(id, now(), Box::new(facts)));
        }
        // In any order of arrival the first row is selected until another one is chosen.
        assert_eq!((model.channel_rows().index(), model.charm_rows().index()), (0, 0));
        for source in [Source::Charms, Source::Channels] {
            let complete = SourceUpdate::Complete(source);
            update(&mut model, Msg::SourceRead(id, now(), Box::new(complete)));
        }
        assert!(shown(&model).contains("latest"), "{size:?}\n{}", shown(&model));
        assert!(!shown(&model).contains("reading 2 charms"), "{size:?}");
        // The clock ticks every second while GitHub has not answered.
        assert_eq!(wake::next(&model), Some(now() + TimeDelta::seconds(1)));
        update(&mut model, Msg::Clock(now() + TimeDelta::seconds(3)));
        press(&mut model, Key::Char('1'));
        let text = shown(&model);
        assert!(text.contains("loading 3 s"), "{size:?}\n{text}");
        press(&mut model, Key::Char('2'));
        let channels = |line: &&str| line.contains("2 Channels");
        let text = shown(&model);
        let border = text.lines().find(channels).unwrap();
        let own = border.split("2 Channels").nth(1).unwrap();
        assert!(
            !own.split('┌').next().unwrap().contains("loading"),
            "{size:?}\n{text}"
        );
        let releases = SourceUpdate::Releases(known.releases.clone());
        update(&mut model, Msg::SourceRead(id, now(), Box::new(releases)));
        press(&mut model, Key::Char('1'));
        assert!(
            shown(&model).contains("2025-01-27"),
            "{size:?}\n{}",
            shown(&model)
        );
        // An answer to another refresh is dropped.
        let before = model.snapshot.clone();
        let failed = SourceUpdate::Releases(Observed::failed(Problem::new(ProblemKind::Network, "no")));
        update(&mut model, Msg::SourceRead(id + 1, now(), Box::new(failed)));
        assert_eq!(model.snapshot, before);
    }
}

#[test]
fn no_count_and_no_age_is_shown_before_every_source_of_a_pane_has_answered() {
    let known = snapshot();
    let mut model = unanswered(Snapshot::default(), (120, 40));
    let id = model.refresh.in_flight.unwrap();
    update(&mut model, Msg::RefreshStarted(id, now()));
    let pane = |model: &Model, title: &str| {
        let text = shown(model);
        let border = text.lines().find(|line| line.contains(title)).unwrap();
        let own = border.split(title).nth(1).unwrap();
        own.split('┐').next().unwrap().to_owned()
    };
    let read = |model: &mut Model, update: SourceUpdate| {
        crate::console::update::update(model, Msg::SourceRead(id, now(), Box::new(update)));
    };
    let account = SourceUpdate::StoreAccount {
        seen: known.credential.clone(),
        token: None,
    };
    read(&mut model, account);
    let first = known.charms.iter().next().unwrap();
    read(
        &mut model,
        SourceUpdate::Charm(first.0.clone(), Box::new(first.1.clone())),
    );
    read(&mut model, SourceUpdate::Releases(known.releases.clone()));
    for title in ["1 Releases", "3 Charms", "4 Credentials"] {
        let border = pane(&model, title);
        assert!(
            border.contains("loading") && !border.contains("just now"),
            "{border}"
        );
    }
    let text = shown(&model);
    assert!(text.contains("Secrets   loading"), "{text}");
    assert!(!text.contains("of 3 current"), "{text}");
    assert!(!text.contains("1 new"), "{text}");
    let mut secrets = known.secrets.iter();
    let (repository, facts) = secrets.next().unwrap();
    read(
        &mut model,
        SourceUpdate::Secrets(repository.clone(), facts.clone()),
    );
    assert!(
        shown(&model).contains("loading, 1 of 3 read"),
        "{}",
        shown(&model)
    );
    for (repository, facts) in secrets {
        read(
            &mut model,
            SourceUpdate::Secrets(repository.clone(), facts.clone()),
        );
    }
    assert!(shown(&model).contains("of 3 current"), "{}", shown(&model));
    read(&mut model, SourceUpdate::GitHubAccount(known.github.clone()));
    read(&mut model, SourceUpdate::Sessions(known.sessions.clone()));
    assert!(
        pane(&model, "4 Credentials").contains("just now"),
        "{}",
        shown(&model)
    );
}

#[test]
fn the_history_of_a_channel_says_what_it_is_based_on_before_the_first_run() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Enter);
    let text = shown(&model);
    assert!(text.contains("from the current state of Charmhub"), "{text}");
}

#[test]
fn without_a_network_no_pane_asks_to_sign_in() {
    for size in SIZES {
        let mut known = Snapshot::default();
        let silent = || Problem::new(ProblemKind::Network, "no answer").cause("Network is unreachable");
        let refused = || Problem::new(ProblemKind::Credentials, "no Charmhub credential found");
        known.releases = Observed::failed(silent());
        known.markers = Observed::failed(silent());
        known.credential = Observed::failed(refused());
        for charm in snapshot().charms.into_keys() {
            known.charms.insert(charm.clone(), Observed::failed(refused()));
            known.served.insert(charm, Observed::failed(silent()));
        }
        let mut model = console(size, false);
        model.snapshot = Arc::new(known);
        panes::rebuild(&mut model);
        for pane in "123".chars() {
            press(&mut model, Key::Char(pane));
            let text = shown(&model);
            assert!(text.contains("no network"), "{size:?} {pane}\n{text}");
            assert!(!text.contains("not allowed"), "{size:?} {pane}\n{text}");
        }
    }
}

#[test]
fn what_comes_from_the_cache_says_so_until_the_answer_is_there() {
    let mut old = snapshot();
    let read = now() - TimeDelta::hours(3);
    old.releases.read_at = Some(read);
    old.markers.read_at = Some(read);
    let mut model = unanswered(old, (120, 40));
    assert!(shown(&model).contains("cached 3 h ago"), "{}", shown(&model));
    let id = model.refresh.in_flight.unwrap();
    let same = model.snapshot.clone();
    drop(update(&mut model, Msg::Observed(id, now(), same)));
    assert!(shown(&model).contains("stale 3 h"), "{}", shown(&model));
}

#[test]
fn a_failed_look_keeps_the_rows_and_its_line_opens_the_problem() {
    for size in SIZES {
        let mut model = broken(size, ProblemKind::Network, true);
        press(&mut model, Key::Char('1'));
        press(&mut model, Key::Home);
        let text = shown(&model);
        assert!(text.contains("releases could not be read"), "{size:?}\n{text}");
        assert!(text.contains("enter"), "{size:?}\n{text}");
        assert!(text.contains("2025-01-27"), "{size:?}\n{text}");
        // Home selects the banner; actions on rows are not available there.
        assert!(panes::on_banner(&model, PaneId::RELEASES));
        assert!(model.release_rows().selected().is_none());
        press(&mut model, Key::Enter);
        let Some(told) = model.dialog::<Text>() else {
            panic!("{}", shown(&model))
        };
        assert!(told.title.contains("releases"));
        press(&mut model, Key::Esc);
        press(&mut model, Key::Down);
        assert!(model.release_rows().selected().is_some());
    }
}

#[test]
fn without_rows_the_problem_is_told_in_full_and_enter_opens_it() {
    for size in SIZES {
        let mut model = broken(size, ProblemKind::Network, false);
        press(&mut model, Key::Char('1'));
        let text = shown(&model);
        assert!(text.contains("could not be read"), "{size:?}\n{text}");
        press(&mut model, Key::Enter);
        assert!(model.dialog::<Text>().is_some());
    }
    let text = shown(&broken((120, 40), ProblemKind::Network, false));
    assert!(text.contains("githubstatus"), "{text}");
}

#[test]
fn forbidden_is_another_word_than_broken() {
    for size in SIZES {
        let mut model = broken(size, ProblemKind::Credentials, false);
        press(&mut model, Key::Char('1'));
        let text = shown(&model);
        assert!(text.contains("not allowed"), "{size:?}\n{text}");
        assert!(!text.contains("could not be read"), "{size:?}\n{text}");
    }
}

#[test]
fn a_filter_that_leaves_nothing_says_what_there_is_and_how_to_get_it_back() {
    for size in SIZES {
        let mut model = console(size, false);
        press(&mut model, Key::Char('/'));
        type_in(&mut model, "zzz");
        let text = shown(&model).replace('\n', " ");
        assert!(text.contains("/zzz (0 of 5)"), "{size:?}\n{text}");
        // Of the listed ones, whenever they were made.
        assert!(
            text.contains("no match for 'zzz' among 5 releases"),
            "{size:?}\n{text}"
        );
        assert!(text.contains("clear the filter"), "{size:?}\n{text}");
    }
}

#[test]
fn an_upstream_without_releases_is_named() {
    let mut known = snapshot();
    known.releases = Observed::read(Vec::new(), now());
    known.markers = Observed::read(std::collections::BTreeSet::new(), now());
    let mut model = console((120, 40), false);
    model.snapshot = Arc::new(known);
    panes::rebuild(&mut model);
    let text = shown(&model);
    assert!(text.contains("no releases since 2022-04-01"), "{text}");
}

#[test]
fn the_foot_of_the_releases_tells_their_rhythm() {
    let mut model = console((120, 40), false);
    model.runs = vec![record(Some(Outcome::Done))];
    panes::rebuild(&mut model);
    let text = shown(&model);
    assert!(text.contains("/month"), "{text}");
    press(&mut model, Key::Char('z'));
    let text = shown(&model);
    assert!(text.contains("cadence 0.3/month · "), "{text}");
    model.setting.look = Look {
        unicode: false,
        ..Look::FULL
    };
    assert!(
        shown(&model).contains("cadence 0.3/month - "),
        "{}",
        shown(&model)
    );
}

#[test]
fn the_scale_of_the_credentials_reaches_to_the_farthest_end() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('4'));
    press(&mut model, Key::Char('z'));
    let text = shown(&model);
    let scale = text.lines().find(|line| line.contains("expires in")).unwrap();
    assert!(scale.contains("today") && scale.contains("90 d"), "{text}");
    // The bars begin below the label of the current time.
    let bar = text.lines().find(|line| line.contains("12 d 4 h")).unwrap();
    let column = |line: &str, wanted: &str| line.split(wanted).next().unwrap().chars().count();
    assert_eq!(column(scale, "today"), column(bar, "█"), "{text}");
}

#[test]
fn an_image_that_was_looked_at_shows_in_the_upload_dialog_what_is_to_be_sent() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('u'));
    type_in(&mut model, "docker://docker.io/finos/legend-engine-server:4.68.0");
    assert!(!shown(&model).contains("to send"), "{}", shown(&model));
    press(&mut model, Key::Ctrl('o'));
    let text = shown(&model);
    assert!(text.contains("28.0 MB present, 307 MB to send"), "{text}");
    press(&mut model, Key::Esc);
    let text = shown(&model);
    assert!(text.contains("28.0 MB present, 307 MB to send"), "{text}");
    assert!(text.contains("░░██████████████████"), "{text}");
}

#[test]
fn the_picture_of_a_channel_tells_what_its_rows_tell() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Enter);
    press(&mut model, Key::End);
    let text = shown(&model);
    assert!(
        text.contains("Changes recorded in the journal and by Charmhub"),
        "{text}"
    );
    assert!(text.contains("changed outside"), "{text}");
}

#[test]
fn nothing_but_ascii_is_drawn_where_nothing_else_may_be() {
    let mut model = broken((120, 40), ProblemKind::Network, true);
    model.setting.look = Look {
        ascii_only: true,
        ..Look::PLAIN
    };
    model.runs = vec![record(Some(Outcome::Done))];
    panes::rebuild(&mut model);
    for keys in ["1", "4", "2\n"] {
        for key in keys.chars() {
            press(&mut model, if key == '\n' { Key::Enter } else { Key::Char(key) });
        }
        let text = shown(&model);
        let odd: String = text
            .chars()
            .filter(|c| !c.is_ascii() && !matches!(c, '…'))
            .collect();
        assert_eq!(odd, "", "{text}");
    }
}
