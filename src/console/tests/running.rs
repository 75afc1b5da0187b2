//! Tests the run screen: retries, rates, the log, the three results of a stop.

use chrono::{DateTime, TimeDelta, Utc};

use super::standing::{half_released, with_runs};
use super::world::{console, now, press, record, screen};
use crate::config::UserConfig;
use crate::console::actions::{Key, Keymap};
use crate::console::effect::Effect;
use crate::console::live::{Live, State, unfinished_runs};
use crate::console::update::update;
use crate::console::{Model, Msg, panes, running, wake};
use crate::domain::{Base, CharmRevision, Problem, ProblemKind, ResourceRevision, Snapshot};
use crate::journal::{Outcome, Released, ReleasedResource, RunId, RunRecord, StepOutcome, StepRecord};
use crate::plan::{ChannelUpdate, Op, StepId};
use crate::run::progress::{Phase, RunProgress};

fn at(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

fn run() -> RunId {
    record(None).id
}

fn step(number: usize) -> StepId {
    record(None).plan.steps[number].id.clone()
}

fn refusal() -> Problem {
    let mut problem =
        Problem::new(ProblemKind::Network, "the registry did not answer").cause("connection reset");
    problem.request_id = Some("req-77".into());
    problem
}

/// Returns progress with three steps done, one uploading with a retry, and one being processed.
fn told() -> RunProgress {
    let mut progress = RunProgress::new(run(), std::collections::BTreeMap::new(), now());
    for number in 0..3 {
        progress.change(&step(number), at(1), |p| p.phase = Phase::Looking);
    }
    for number in 0..3 {
        progress.change(&step(number), at(3), |p| {
            p.phase = Phase::Ended;
            p.outcome = Some(StepOutcome::Done);
        });
    }
    progress.change(&step(3), at(4), |p| {
        p.phase = Phase::Sending;
        p.note = Some("sending blobs".into());
        p.bytes_total = Some(335_000_000);
    });
    progress.change(&step(4), at(4), |p| {
        p.phase = Phase::Processing;
        p.note = Some("the store reviews it (pending)".into());
        p.bytes_done = 335_000_000;
        p.bytes_total = Some(335_000_000);
    });
    progress
}

fn sends(progress: &mut RunProgress, second: i64, bytes: u64, rate: f64) {
    progress.change(&step(3), at(second), |p| {
        p.bytes_done += bytes;
        p.rate = Some(rate);
    });
}

/// Returns a console that follows a run.
fn looking_on(size: (u16, u16)) -> (Model, RunProgress) {
    let mut model = console(size, false);
    let mut record = record(None);
    record.running = true;
    model.live_mut().insert(run(), Live::new(record.plan.clone()));
    model.runs = vec![record];
    crate::console::panes::rebuild_activity(&mut model);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let mut progress = told();
    for (second, rate) in [(5, 4.0), (6, 12.0), (7, 20.0), (8, 16.0), (9, 12.3)] {
        sends(&mut progress, second, 30_000_000, rate * 1_000_000.0);
        update(&mut model, Msg::Progress(Box::new(progress.clone())));
    }
    (model, progress)
}

fn with_retry(size: (u16, u16)) -> Model {
    let (mut model, mut progress) = looking_on(size);
    progress.change(&step(3), at(10), |p| {
        p.bytes_done -= 10_000_000;
        p.tries_again(&refusal(), at(13));
    });
    update(&mut model, Msg::Progress(Box::new(progress)));
    model
}

/// Returns a journal run with this outcome and these steps.
fn past(outcome: Outcome, steps: &[StepOutcome]) -> RunRecord {
    let mut run = record(Some(outcome));
    run.steps = run
        .plan
        .steps
        .iter()
        .zip(steps)
        .map(|(step, outcome)| StepRecord {
            id: step.id.clone(),
            outcome: Some(*outcome),
            attempts: 1,
            started_at: (*outcome != StepOutcome::Cancelled).then(|| at(2)),
            finished_at: Some(at(9)),
            made: crate::journal::StepOutput::default(),
            problem: matches!(outcome, StepOutcome::Failed | StepOutcome::Unknown).then(refusal),
        })
        .collect();
    run
}

#[test]
fn a_retry_says_why_and_when() {
    let mut model = with_retry((120, 40));
    let text = screen(&model).0;
    assert!(
        text.contains("1 retry, next in 3 s: the registry did not answer: connection reset (request req-77)"),
        "{text}"
    );
    assert!(
        text.contains("attempt 2 in 3.0 s: the registry did not answer"),
        "{text}"
    );
    assert!(!text.contains("100%"), "{text}");
    update(&mut model, Msg::Clock(at(12)));
    assert!(screen(&model).0.contains("next in 1 s"));
    update(&mut model, Msg::Clock(at(14)));
    assert!(!screen(&model).0.contains("next in"));
}

#[test]
fn the_speed_is_drawn_second_by_second_and_a_standstill_is_said() {
    let (mut model, _) = looking_on((120, 40));
    let text = screen(&model).0;
    assert!(text.contains("▂▅█▇▅  12.3 MB/s"), "{text}");
    assert_eq!(wake::next(&model), Some(at(10)), "seconds count while it goes on");
    update(&mut model, Msg::Clock(at(12)));
    assert!(screen(&model).0.contains("stalled"));
}

#[test]
fn the_log_is_told_hidden_moved_and_copied() {
    let mut model = with_retry((120, 40));
    let text = screen(&model).0;
    assert!(text.contains("Log"), "{text}");
    press(&mut model, Key::Char('l'));
    assert!(!screen(&model).0.contains("Log ─"));
    press(&mut model, Key::Tab);
    let text = screen(&model).0;
    assert!(text.contains("▸ Log"), "{text}");
    for _ in 0..50 {
        press(&mut model, Key::Up);
    }
    assert!(screen(&model).0.contains("run: started"));
    let effects = press(&mut model, Key::Char('y'));
    assert!(matches!(effects.as_slice(), [Effect::Copy(text)] if text.contains("req-77")));
    // At its end the log follows new lines again.
    for _ in 0..50 {
        press(&mut model, Key::Down);
    }
    assert!(screen(&model).0.contains("attempt 2 in"));
    press(&mut model, Key::Tab);
    press(&mut model, Key::Esc);
    press(&mut model, Key::Enter);
    assert!(screen(&model).0.contains("attempt 2 in"), "it is there again");
}

#[test]
fn the_selected_step_is_copied_and_opened() {
    let (mut model, _) = looking_on((120, 40));
    let effects = press(&mut model, Key::Char('o'));
    assert_eq!(
        effects,
        [Effect::Open("https://charmhub.io/finos-legend-engine-k8s".into())]
    );
    let effects = press(&mut model, Key::Char('Y'));
    assert_eq!(effects, [Effect::Copy(run().0)]);
    let plan = record(None).plan;
    let copy = plan
        .steps
        .iter()
        .position(|step| step.kind == "copy-image")
        .unwrap();
    for _ in 0..copy {
        press(&mut model, Key::Down);
    }
    let effects = press(&mut model, Key::Char('y'));
    assert!(matches!(effects.as_slice(), [Effect::Copy(text)] if text.starts_with("sha256:")));
    let branch = plan
        .steps
        .iter()
        .position(|step| step.kind == "create-branch")
        .unwrap();
    for _ in copy..branch {
        press(&mut model, Key::Down);
    }
    let effects = press(&mut model, Key::Char('o'));
    assert!(matches!(effects.as_slice(), [Effect::Open(link)] if link.ends_with("/tree/release-2025-01-27")));
}

#[test]
fn a_stop_has_three_answers_and_each_is_said() {
    use StepOutcome::{Cancelled, Done, Unknown};
    let answers: [(Outcome, &[StepOutcome], &str); 3] = [
        (Outcome::Cancelled, &[Done, Done, Cancelled], "Cancelled: 2 of"),
        (Outcome::Done, &[Done, Done, Done], "Finished anyway"),
        (
            Outcome::Unknown,
            &[Done, Done, Unknown],
            "Outcome of 1 step unknown: no response received",
        ),
    ];
    for (outcome, steps, words) in answers {
        let (mut model, _) = looking_on((120, 40));
        press(&mut model, Key::Char('c'));
        assert_eq!(press(&mut model, Key::Char('x')), [Effect::Cancel(run())]);
        let text = screen(&model).0;
        assert!(
            text.contains("Cancelling. The current step finishes first"),
            "{text}"
        );
        let ended = Msg::Ended(run(), at(20), Box::new(Ok(past(outcome, steps))));
        update(&mut model, ended);
        model.notice = None;
        let text = screen(&model).0;
        assert!(text.contains(words), "{text}");
        assert_eq!(
            text.contains("press r to resume it") || text.contains("r: check and"),
            outcome != Outcome::Done
        );
    }
}

#[test]
fn a_run_of_the_journal_has_a_log_too() {
    use StepOutcome::{Done, Failed};
    let mut model = console((120, 40), false);
    model.runs = vec![past(Outcome::Failed, &[Done, Failed])];
    crate::console::panes::rebuild_activity(&mut model);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    assert!(text.contains("Failed: 1 of"), "{text}");
    // The failed step is selected.
    let effects = press(&mut model, Key::Char('y'));
    assert!(
        matches!(effects.as_slice(), [Effect::Copy(text)] if text.contains("connection reset") && text.contains("req-77")),
        "{effects:?}"
    );
    press(&mut model, Key::Tab);
    assert!(screen(&model).0.contains("failed: the registry did not answer"));
}

#[test]
fn the_screen_goes_with_what_is_under_way_until_somebody_moves() {
    let (mut model, mut progress) = looking_on((44, 10));
    assert!(screen(&model).0.contains("▸▶ copy-image"), "{}", screen(&model).0);
    for number in 3..5 {
        progress.change(&step(number), at(10), |p| p.outcome = Some(StepOutcome::Done));
    }
    progress.change(&step(7), at(11), |p| p.phase = Phase::Looking);
    update(&mut model, Msg::Progress(Box::new(progress.clone())));
    assert!(screen(&model).0.contains("▸▶ commit"), "{}", screen(&model).0);
    press(&mut model, Key::Up);
    progress.change(&step(7), at(12), |p| p.outcome = Some(StepOutcome::Done));
    progress.change(&step(8), at(12), |p| p.phase = Phase::Sending);
    update(&mut model, Msg::Progress(Box::new(progress)));
    assert!(
        screen(&model).0.contains("▸· upload-resource"),
        "{}",
        screen(&model).0
    );
}

#[test]
fn a_run_with_a_retry() {
    for size in [(120, 40), (80, 24), (44, 10), (40, 10)] {
        let model = with_retry(size);
        insta::assert_snapshot!(format!("run_with_a_retry_at_{}", size.0), screen(&model).0);
    }
}

#[test]
fn a_run_that_failed() {
    use StepOutcome::{Cancelled, Done, Failed};
    for size in [(120, 40), (80, 24), (44, 10), (40, 10)] {
        let mut model = with_retry(size);
        let steps = [Done, Done, Done, Failed, Done, Cancelled, Cancelled];
        let ended = Msg::Ended(run(), at(20), Box::new(Ok(past(Outcome::Failed, &steps))));
        update(&mut model, ended);
        model.notice = None;
        let mut all = screen(&model).0;
        press(&mut model, Key::End);
        press(&mut model, Key::End);
        all.push_str(&screen(&model).0);
        insta::assert_snapshot!(format!("failed_run_at_{}", size.0), all);
    }
}

/// Returns a publish that is done, with what its steps made, and the bundle's revision.
fn published() -> RunRecord {
    let mut run = past(Outcome::Done, &[StepOutcome::Done; 40]);
    let steps = run.plan.steps.iter().zip(&mut run.steps);
    for (step, written) in steps {
        match &step.op {
            Op::UploadResource { .. } => {
                written.made.resource_revision = Some(ResourceRevision(33));
                written.made.created = true;
            }
            Op::UploadBundle { .. } => {
                written.made.bundle_revision = Some(CharmRevision(7));
                written.made.created = true;
            }
            Op::Release { charm, moves } => {
                written.made.released = moves
                    .iter()
                    .map(|planned| Released {
                        charm: charm.clone(),
                        channel: planned.channel.clone(),
                        revision: planned.revision,
                        resources: vec![ReleasedResource {
                            name: "image".parse().unwrap(),
                            revision: ResourceRevision(33),
                        }],
                    })
                    .collect();
            }
            _ => {}
        }
    }
    run
}

#[test]
fn the_result_of_a_run_stands_before_its_steps_and_is_whole() {
    for size in [(120, 40), (80, 24), (44, 40)] {
        let mut model = console(size, false);
        with_runs(&mut model, vec![published()]);
        press(&mut model, Key::Char('5'));
        press(&mut model, Key::Enter);
        let text = screen(&model).0;
        insta::assert_snapshot!(format!("published_run_at_{}", size.0), text);
        let at = |words: &str| text.find(words);
        let order = [" Released", " Uploaded", " Next", "create-track"];
        let found: Vec<usize> = order.iter().filter_map(|words| at(words)).collect();
        assert!(found.is_sorted() && found.len() > 2, "{found:?}\n{text}");
        let result = &text[..at(" Next").unwrap()];
        assert!(
            !result[result.find(" Released").unwrap()..].contains('…'),
            "{text}"
        );
        for words in [
            "2025-01/edge, latest/edge",
            "r50",
            "image r33",
            "r33, created",
            "r7, created",
        ] {
            assert!(result.contains(words), "no '{words}' in\n{text}");
        }
    }
}

#[test]
fn what_stopped_a_run_is_said_once_and_before_its_steps() {
    use StepOutcome::{Done, Failed};
    let mut model = console((80, 24), false);
    let mut run = past(Outcome::Failed, &[Done, Failed]);
    run.problem = run.steps[1].problem.clone();
    with_runs(&mut model, vec![run]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    assert_eq!(text.matches("cause       connection reset").count(), 1, "{text}");
    let at = |words: &str| text.find(words).unwrap();
    assert!(
        at("cause  ") < at("What to do") && at("What to do") < at("create-track     engine"),
        "{text}"
    );
}

#[test]
fn what_is_left_unfinished_is_named_with_its_command() {
    let (mut model, _) = looking_on((120, 40));
    let line = |how: &str| format!("{how}: windlass resume {}\n", run());
    let text = unfinished_runs(&model);
    assert!(text.ends_with(&line("was interrupted")), "{text}");
    let ended = |model: &mut Model, outcome| {
        model.live_mut().get_mut(&run()).unwrap().ended = true;
        model.runs = vec![record(Some(outcome))];
    };
    ended(&mut model, Outcome::Cancelled);
    assert!(unfinished_runs(&model).ends_with(&line("was cancelled")));
    ended(&mut model, Outcome::Unknown);
    assert!(unfinished_runs(&model).ends_with(&line("has an unknown outcome")));
    ended(&mut model, Outcome::Done);
    assert_eq!(unfinished_runs(&model), "");
}

#[test]
fn a_failed_run_that_was_repeated_is_not_left_unfinished() {
    for outcome in [
        Some(Outcome::Failed),
        Some(Outcome::Cancelled),
        Some(Outcome::Unknown),
        None,
    ] {
        let (mut model, _) = looking_on((120, 40));
        model.live_mut().get_mut(&run()).unwrap().ended = true;
        model.runs = vec![record(outcome)];
        panes::rebuild_activity(&mut model);
        assert_ne!(unfinished_runs(&model), "", "{outcome:?}");
        let mut later = record(Some(Outcome::Done));
        later.id = RunId("20990101T000000Z-later".to_owned());
        later.started_at = at(60);
        let mut live = Live::new(later.plan.clone());
        live.ended = true;
        model.live_mut().insert(later.id.clone(), live);
        model.leaving = true;
        let id = later.id.clone();
        update(&mut model, Msg::Ended(id.clone(), at(90), Box::new(Ok(later))));
        assert_eq!(unfinished_runs(&model), "", "{outcome:?}");
        assert_eq!(running::state(&model, &run()), State::Replaced(outcome));
        let shown = screen(&model).0;
        assert!(shown.contains(&format!("by run {id}")), "{shown}");
        assert!(!shown.contains("resume it"), "{shown}");
        press(&mut model, Key::Char('r'));
        assert!(model.modal.is_none(), "it is not offered");
    }
}

#[test]
fn a_step_that_counted_no_bytes_shows_none_while_the_service_works_on_it() {
    let (mut model, mut progress) = looking_on((120, 40));
    progress.change(&step(4), at(10), |p| {
        p.bytes_done = 0;
        p.rate = Some(1_400_000.0);
        p.bytes_total = Some(2_800);
    });
    update(&mut model, Msg::Progress(Box::new(progress)));
    let text = screen(&model).0;
    assert!(!text.contains("0 B of"), "{text}");
}

#[test]
fn a_run_that_ends_during_a_refresh_is_followed_by_another_refresh() {
    let (mut model, _) = looking_on((120, 40));
    let refreshes = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Refresh { id, .. } => Some(*id),
            _ => None,
        })
    };
    model.refresh.in_flight = None;
    let first = refreshes(&crate::console::refresh::refresh(&mut model)).expect("a refresh");
    let ended = Msg::Ended(run(), at(20), Box::new(Ok(record(Some(Outcome::Done)))));
    assert_eq!(refreshes(&update(&mut model, ended)), None, "one is under way");
    let observed = |id| Msg::Observed(id, at(21), Snapshot::default().into());
    let second = refreshes(&update(&mut model, observed(first))).expect("another one");
    assert_eq!(refreshes(&update(&mut model, observed(second))), None);
}

#[test]
fn two_revisions_of_one_channel_are_told_apart_by_base() {
    let base = |channel: &str| Base {
        name: "ubuntu".to_owned(),
        channel: channel.to_owned(),
        architecture: "amd64".to_owned(),
    };
    let mut run = past(Outcome::Done, &[StepOutcome::Done; 40]);
    let mut steps = run.plan.steps.iter_mut().zip(&mut run.steps);
    let (charm, moves, written) = steps
        .find_map(|(step, written)| match &mut step.op {
            Op::Release { charm, moves } => Some((charm.clone(), moves, written)),
            _ => None,
        })
        .unwrap();
    moves.truncate(1);
    moves[0].base = Some(base("20.04"));
    moves[0].revision = CharmRevision(50);
    let released = |planned: &ChannelUpdate| Released {
        charm: charm.clone(),
        channel: planned.channel.clone(),
        revision: planned.revision,
        resources: Vec::new(),
    };
    let one = released(&moves[0]);
    written.made.released = vec![one.clone()];
    let mut other = moves[0].clone();
    other.base = Some(base("22.04"));
    other.revision = CharmRevision(49);
    let second = released(&other);
    moves.push(other);

    let channel = one.channel.to_string();
    assert_eq!(run.released_to(&one), channel, "there is one revision only");
    let written = run.steps.iter_mut().find(|step| !step.made.released.is_empty());
    written.unwrap().made.released.push(second.clone());
    assert_eq!(run.released_to(&one), format!("{channel} (ubuntu 20.04 amd64)"));
    assert_eq!(
        run.released_to(&second),
        format!("{channel} (ubuntu 22.04 amd64)")
    );
    let mut model = console((120, 90), false);
    with_runs(&mut model, vec![run]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    for told in [
        format!("{channel} (ubuntu 20.04 amd64)  {}", one.revision),
        format!("{channel} (ubuntu 22.04 amd64)  r49"),
    ] {
        assert!(text.contains(&told), "no '{told}' in\n{text}");
    }
}

#[test]
fn ways_on_name_the_users_own_keys() {
    let own = "[keys]\nrun-resume = \"R\"\nrun-roll-back = []\nrun-browse = \"f8\"\n";
    let own = Keymap::with(&UserConfig::parse(own, "config.toml").unwrap().key_wishes).unwrap();
    let mut model = console((120, 60), false);
    model.setting.keymap = std::sync::Arc::new(own);
    with_runs(&mut model, vec![half_released()]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    press(&mut model, Key::End);
    let text = screen(&model).0;
    assert!(text.contains("press R to resume it: check"), "{text}");
    assert!(text.contains("use 'roll back' to roll it back: the"), "{text}");
    with_runs(&mut model, vec![past(Outcome::Done, &[StepOutcome::Done; 40])]);
    let text = screen(&model).0;
    assert!(
        text.contains("press f8 to open the page of the selected step"),
        "{text}"
    );
}

#[test]
fn the_pane_gives_the_answer_of_every_situation() {
    use crate::console::panes::activity::rows;
    use crate::console::queue::Queue;
    use crate::journal::situations::{Situation, situations};
    let folder = tempfile::tempdir().unwrap();
    let seen = situations(folder.path());
    let records = seen.journal.runs(seen.all.len()).unwrap();
    let rows = rows(&records, &std::collections::BTreeMap::new(), &Queue::default());
    for Situation {
        name,
        run,
        unfinished,
    } in &seen.all
    {
        let row = rows.iter().find(|row| &row.run == run).unwrap();
        assert_eq!(row.state.waits(), *unfinished, "{name}");
    }
}
