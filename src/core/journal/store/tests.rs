//! Tests what the journal stores and for which workspace.

use super::*;
use crate::journal::RunState;
use crate::plan::{Op, PublishIntent, State, Step, Undo};

fn plan() -> Plan {
    let op = Op::CreateTrack {
        charm: "a".parse().unwrap(),
        track: "2025-01".parse().unwrap(),
    };
    let step = Step {
        id: StepId("create-track/a".to_owned()),
        kind: op.kind().to_owned(),
        target: SanitizedText::new("a"),
        before: State::Nothing(()),
        after: State::text("x"),
        bytes: None,
        skip_reason: None,
        undo: Undo::by("no"),
        optional: false,
        op,
    };
    let intent = Intent::Publish(PublishIntent::of("2025-01-27".parse().unwrap()));
    Plan::new(
        "legend",
        "w",
        "Publish".to_owned(),
        intent,
        vec![step],
        "2025-01-27".to_owned(),
    )
}

#[test]
fn many_processes_write_at_once_and_each_waits_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::thread::scope(|scope| {
        for writer in 0..6 {
            scope.spawn(move || {
                let journal = Journal::open(path, "w").unwrap();
                for run in 0..10 {
                    let id = RunId(format!("r{writer}-{run}"));
                    journal.begin(&id, "me", &plan(), Utc::now()).unwrap();
                }
            });
        }
    });
    let journal = Journal::open(path, "w").unwrap();
    assert_eq!(journal.runs(100).unwrap().len(), 60);
}

#[test]
fn a_run_that_died_is_open_and_keeps_what_it_made() {
    let folder = tempfile::tempdir().unwrap();
    let id = RunId("r1".to_owned());
    let step = StepId("create-track/a".to_owned());
    let now = Utc::now();
    {
        let journal = Journal::open(folder.path(), "w").unwrap();
        journal.begin(&id, "me", &plan(), now).unwrap();
        journal.step_begins(&id, &step, now).unwrap();
        journal
            .step_made(
                &id,
                &step,
                &StepOutput {
                    bytes_sent: 7,
                    ..StepOutput::default()
                },
            )
            .unwrap();
    }
    let journal = Journal::open(folder.path(), "w").unwrap();
    let run = &journal.unfinished_runs().unwrap()[0];
    assert!(run.is_uncertain() && run.state().is_unfinished());
    assert_eq!(run.steps[0].made.bytes_sent, 7);
    assert_eq!(run.steps[0].attempts, 1);
    assert_eq!(run.plan, plan());
    journal.end(&id, Outcome::Done, None, now).unwrap();
    assert!(journal.unfinished_runs().unwrap().is_empty());
    let elsewhere = Journal::open(folder.path(), "another").unwrap();
    assert!(elsewhere.runs(10).unwrap().is_empty());
}

#[test]
fn what_a_step_made_for_another_plan_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    let id = RunId("r1".to_owned());
    let (now, first) = (Utc::now(), plan());
    let step = first.steps[0].id.clone();
    let made = StepOutput {
        upload_id: Some("u1".to_owned()),
        ..StepOutput::default()
    };
    journal.begin(&id, "me", &first, now).unwrap();
    journal.step_made(&id, &step, &made).unwrap();
    journal.begin(&id, "me", &first, now).unwrap();
    assert_eq!(journal.run(&id).unwrap().unwrap().steps[0].made, made);
    let mut second = plan();
    second.steps[0].op = Op::CreateTrack {
        charm: "a".parse().unwrap(),
        track: "2025-02".parse().unwrap(),
    };
    journal.begin(&id, "me", &second, now).unwrap();
    assert_eq!(
        journal.run(&id).unwrap().unwrap().steps[0].made,
        StepOutput::default()
    );
}

fn rotation(ttl: Option<u64>) -> Plan {
    let op = Op::SetSecret {
        target: "o/r:TOKEN".parse().unwrap(),
        before: None,
    };
    let mut plan = plan();
    plan.steps[0].op = op;
    plan.intent = Intent::Rotate(crate::plan::RotateIntent {
        ttl,
        ..crate::plan::RotateIntent::default()
    });
    plan
}

#[test]
fn a_rotation_that_a_later_one_overtook_is_not_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    let (first, later) = (RunId("r1".to_owned()), RunId("r2".to_owned()));
    let now = Utc::now();
    let (plain, other) = (rotation(None), rotation(Some(6000)));
    journal.begin(&first, "me", &plain, now).unwrap();
    journal.end(&first, Outcome::Cancelled, None, now).unwrap();
    let found = journal.unfinished("legend", &plain.intent).unwrap();
    assert_eq!(found.map(|run| run.id), Some(first.clone()));
    journal
        .begin(&later, "me", &other, now + chrono::TimeDelta::seconds(1))
        .unwrap();
    journal.end(&later, Outcome::Done, None, now).unwrap();
    assert!(journal.unfinished("legend", &plain.intent).unwrap().is_none());
    let run = journal.run(&first).unwrap().unwrap();
    assert_eq!(run.state(), RunState::Replaced(later));
}

#[test]
fn runs_and_releases_of_another_workspace_are_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    let (id, now) = (RunId("r1".to_owned()), Utc::now());
    journal.begin(&id, "me", &plan(), now).unwrap();
    let legend = journal.of_workspace(&plan().workspace);
    let regtech = journal.of_workspace("regtech");
    assert_eq!(legend.runs(10).unwrap().len(), 1);
    assert_eq!(legend.unfinished_runs().unwrap().len(), 1);
    assert!(regtech.runs(10).unwrap().is_empty());
    assert!(regtech.unfinished_runs().unwrap().is_empty());
    // Runs that touch the same channels count in every workspace.
    assert_eq!(regtech.of_environment().unfinished_runs().unwrap().len(), 1);
    let ways = legend.runs(10).unwrap()[0].ways_out_from("regtech");
    assert_eq!(
        ways[0],
        format!("finish it: windlass resume r1 --workspace {}", plan().workspace)
    );

    let release =
        crate::domain::Release::from_manifest("2024-04-01".parse().unwrap(), b"{\"core\": {\"a\": \"1\"}}")
            .unwrap();
    legend
        .withdrawn("o/r", std::slice::from_ref(&release), now)
        .unwrap();
    assert_eq!(regtech.withdrawn("o/r", &[], now).unwrap(), []);
    assert_eq!(legend.withdrawn("o/r", &[], now).unwrap(), [release]);
}

#[test]
fn a_release_seen_before_and_gone_now_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    let release = |name: &str| {
        crate::domain::Release::from_manifest(name.parse().unwrap(), b"{\"core\": {\"a\": \"1\"}}").unwrap()
    };
    let (one, two) = (release("2024-04-01"), release("2024-05-01"));
    let now = Utc::now();
    assert!(
        journal
            .withdrawn("o/r", &[one.clone(), two.clone()], now)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        journal.withdrawn("o/r", std::slice::from_ref(&two), now).unwrap(),
        [one]
    );
}
