//! Tests what the console reads again after a run of another windlass on the same journal.

use super::standing::half_released;
use super::world::{answer, console, now, record, screen};
use crate::console::effect::Effect;
use crate::console::live::Live;
use crate::console::update::update;
use crate::console::{Model, Msg};
use crate::domain::bundle::Holds;
use crate::domain::{Observed, Snapshot, Source};
use crate::journal::{Outcome, RunRecord};
use crate::plan::{Changed, HoldIntent, hold};

/// Lets the console read `runs` from the journal; returns what it reads again then.
fn journal(model: &mut Model, runs: &[RunRecord]) -> Vec<Option<Changed>> {
    let mut read = Vec::new();
    for effect in update(model, Msg::JournalChanged) {
        let Effect::ReadRuns { id } = effect else {
            panic!("{effect:?}")
        };
        for effect in update(model, Msg::RunsRead(id, now(), Ok(runs.to_vec()))) {
            if let Effect::Refresh { changed, .. } = &effect {
                read.push(changed.clone());
            }
            answer(model, vec![effect]);
        }
    }
    read
}

fn running(mut run: RunRecord) -> RunRecord {
    (run.running, run.outcome, run.finished_at) = (true, None, None);
    run
}

#[test]
fn a_run_that_ended_elsewhere_is_followed_by_one_look_at_what_it_changed() {
    let mut model = console((120, 40), false);
    let ended = record(Some(Outcome::Done));
    assert_eq!(journal(&mut model, &[running(ended.clone())]), []);
    let read = journal(&mut model, std::slice::from_ref(&ended));
    let [Some(changed)] = read.as_slice() else {
        panic!("{read:?}")
    };
    let sources = [
        Source::Markers,
        Source::Charms,
        Source::Channels,
        Source::ResourceImages,
        Source::ReleaseNames,
    ];
    assert_eq!(changed.sources, sources.into());
    assert_eq!(changed.charms.len(), 3);
    assert_eq!(journal(&mut model, &[ended]), [], "once for each run");
}

#[test]
fn a_run_that_began_and_ended_between_two_looks_counts_and_so_does_one_that_broke_off() {
    let mut model = console((120, 40), false);
    let ended = record(Some(Outcome::Failed));
    assert_eq!(journal(&mut model, std::slice::from_ref(&ended)).len(), 1);
    // Resumed in another windlass, whose process is gone.
    assert_eq!(journal(&mut model, &[running(ended.clone())]), []);
    let mut gone = running(ended);
    gone.running = false;
    assert_eq!(journal(&mut model, &[gone]).len(), 1);
}

#[test]
fn the_runs_that_are_known_at_the_start_and_those_of_this_console_change_nothing() {
    let mut model = console((120, 40), false);
    model.journal.answered_at = None;
    let ended = record(Some(Outcome::Done));
    assert_eq!(journal(&mut model, std::slice::from_ref(&ended)), []);
    let mut own = half_released();
    own.id = crate::journal::RunId("20250201T120000Z-cd34".into());
    model
        .live_mut()
        .insert(own.id.clone(), Live::new(own.plan.clone()));
    // The journal shows its end before the run itself has reported it.
    assert_eq!(journal(&mut model, &[own.clone(), ended.clone()]), []);
    let reported = Msg::Ended(own.id.clone(), now(), Box::new(Ok(own.clone())));
    let effects = update(&mut model, reported);
    let whole = |effect: &Effect| matches!(effect, Effect::Refresh { changed: None, .. });
    assert_eq!(effects.iter().filter(|effect| whole(effect)).count(), 1);
    answer(&mut model, effects);
    assert_eq!(journal(&mut model, &[own, ended]), []);
}

#[test]
fn a_hold_reads_the_holds_only_and_no_other_pane_loads() {
    let mut model = console((120, 40), false);
    let intent = HoldIntent {
        release: "2025-01-27".parse().unwrap(),
        hold: true,
    };
    let mut run = record(Some(Outcome::Done));
    let mut snapshot = super::world::snapshot();
    super::world::with_bundle(&mut snapshot);
    snapshot.holds = Observed::read(Holds::default(), now());
    run.plan = hold::plan(model.workspace(), &snapshot, &intent).unwrap();
    assert_eq!(run.plan.changes().sources, [Source::Holds].into());
    let effects = update(&mut model, Msg::JournalChanged);
    let [Effect::ReadRuns { id }] = effects[..] else {
        panic!("{effects:?}")
    };
    let answered_at = model.refresh.answered_at;
    let effects = update(&mut model, Msg::RunsRead(id, now(), Ok(vec![run])));
    let [Effect::Refresh { id, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let later = now() + chrono::TimeDelta::seconds(3);
    update(&mut model, Msg::RefreshStarted(*id, now()));
    update(&mut model, Msg::Clock(later));
    let text = screen(&model).0;
    assert_eq!(text.matches("loading").count(), 1, "{text}");
    update(&mut model, Msg::Observed(*id, later, Snapshot::default().into()));
    assert_eq!(model.refresh.answered_at, answered_at, "not a whole refresh");
}

#[test]
fn a_refresh_under_way_is_waited_for_and_a_whole_one_follows_a_part() {
    let mut model = console((120, 40), false);
    let effects = crate::console::refresh::refresh(&mut model);
    let [Effect::Refresh { id, .. }] = effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(journal(&mut model, &[record(Some(Outcome::Done))]), []);
    let snapshot = model.snapshot.clone();
    let effects = update(&mut model, Msg::Observed(id, now(), snapshot));
    let [
        Effect::Refresh {
            id, changed: Some(_), ..
        },
    ] = effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(crate::console::refresh::refresh(&mut model), []);
    let snapshot = model.snapshot.clone();
    let effects = update(&mut model, Msg::Observed(id, now(), snapshot));
    assert!(
        matches!(effects[..], [Effect::Refresh { changed: None, .. }]),
        "{effects:?}"
    );
}
