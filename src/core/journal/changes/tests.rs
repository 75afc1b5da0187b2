//! Tests which channel changes a journal reports and which run is unfinished.

use chrono::TimeDelta;

use super::*;
use crate::domain::{CharmRevision, ResourceRevision};
use crate::journal::{Outcome, StepOutput};
use crate::plan::{Moment, PublishIntent, ResourceAttachment, RollbackIntent, RolledBack, StepId};

fn serving(revision: u64, resource: u64) -> Serving {
    Serving {
        revision: CharmRevision(revision),
        resources: vec![("image".parse().unwrap(), ResourceRevision(resource))],
    }
}

fn step(id: &str, op: Op) -> Step {
    Step::new(StepId(id.to_owned()), op, id)
}

fn release(charm: &str, before: Option<Serving>, from: AttachFrom) -> Step {
    let op = Op::Release {
        charm: charm.parse().unwrap(),
        moves: vec![ChannelUpdate {
            channel: "latest/edge".parse().unwrap(),
            base: None,
            revision: CharmRevision(50),
            resources: vec![ResourceAttachment {
                name: "image".parse().unwrap(),
                from,
            }],
            before,
        }],
    };
    step(&format!("release/{charm}"), op)
}

fn seven() -> AttachFrom {
    AttachFrom::Revision(ResourceRevision(7))
}

fn upload() -> Step {
    let op = Op::UploadFile {
        charm: "a".parse().unwrap(),
        resource: "image".parse().unwrap(),
        path: "/x".into(),
        digest: crate::domain::Digest::from_bytes([0; 32]),
        size: 1,
        architectures: Vec::new(),
    };
    step("upload/a", op)
}

fn plan(steps: Vec<Step>) -> Plan {
    let intent = Intent::Publish(PublishIntent::of("2025-01-27".parse().unwrap()));
    Plan::new(
        "legend",
        "w",
        "Publish".to_owned(),
        intent,
        steps,
        "yes".to_owned(),
    )
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_740_000_000, 0).unwrap() + TimeDelta::minutes(minute)
}

struct Told {
    _folder: tempfile::TempDir,
    journal: Journal,
    run: RunId,
}

fn journal(plan: &Plan) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    let run = RunId("r1".to_owned());
    journal.begin(&run, "ann", plan, at(0)).unwrap();
    Told {
        _folder: folder,
        journal,
        run,
    }
}

impl Told {
    fn ends(&self, step: &str, outcome: Option<StepOutcome>, made: &StepOutput) {
        let id = StepId(step.to_owned());
        self.journal.step_begins(&self.run, &id, at(1)).unwrap();
        if let Some(outcome) = outcome {
            self.journal
                .step_ends(&self.run, &id, outcome, made, None, at(2))
                .unwrap();
        }
    }

    fn changes(&self) -> Vec<ChannelChange> {
        self.journal
            .changes_for(&RolledBack::Run(self.run.clone()))
            .unwrap()
    }
}

#[test]
fn a_release_that_was_done_is_a_change_with_the_resource_that_its_step_brought() {
    let from = AttachFrom::Step(StepId("upload/a".to_owned()));
    let told = journal(&plan(vec![upload(), release("a", Some(serving(49, 7)), from)]));
    assert_eq!(told.changes(), []);
    let made = StepOutput {
        resource_revision: Some(ResourceRevision(8)),
        created: true,
        ..StepOutput::default()
    };
    told.ends("upload/a", Some(StepOutcome::Done), &made);
    told.ends("release/a", Some(StepOutcome::Done), &StepOutput::default());
    let changes = told.changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].before, Some(serving(49, 7)));
    assert_eq!(changes[0].after, Some(serving(50, 8)));
    assert!(changes[0].certain);
    assert_eq!(changes[0].at, at(2));
    let past = told.journal.past(&told.run).unwrap().unwrap();
    assert_eq!(past.published, Some("2025-01-27".parse().unwrap()));
    assert_eq!(past.stays, [SanitizedText::new("revision 8 of image of a")]);
    assert_eq!(told.journal.past(&RunId("r2".to_owned())).unwrap(), None);
}

#[test]
fn an_answer_that_was_lost_is_uncertain_and_what_was_refused_is_none() {
    for (outcome, certain) in [
        (None, Some(false)),
        (Some(StepOutcome::Unknown), Some(false)),
        (Some(StepOutcome::Skipped), None),
        (Some(StepOutcome::Done), Some(true)),
    ] {
        let told = journal(&plan(vec![release("a", None, seven())]));
        told.ends("release/a", outcome, &StepOutput::default());
        let found = told.changes().first().map(|change| change.certain);
        assert_eq!(found, certain, "{outcome:?}");
    }
    for (kind, certain) in [(ProblemKind::Refused, None), (ProblemKind::Network, Some(false))] {
        let told = journal(&plan(vec![release("a", None, seven())]));
        let id = StepId("release/a".to_owned());
        told.journal.step_begins(&told.run, &id, at(1)).unwrap();
        let problem = Problem::new(kind, "no");
        told.journal
            .step_ends(
                &told.run,
                &id,
                StepOutcome::Failed,
                &StepOutput::default(),
                Some(&problem),
                at(2),
            )
            .unwrap();
        let found = told.changes().first().map(|change| change.certain);
        assert_eq!(found, certain, "{kind:?}");
    }
}

#[test]
fn what_a_second_attempt_finds_done_counts_where_the_first_may_have_done_it() {
    let refused = Problem::new(ProblemKind::Refused, "no");
    let lost = Problem::new(ProblemKind::Network, "cut");
    for (first, problem, certain) in [
        (None, None, Some(false)),
        (Some(StepOutcome::Unknown), Some(&lost), Some(false)),
        (Some(StepOutcome::Failed), Some(&lost), Some(false)),
        // The step changed nothing: another client made the change.
        (Some(StepOutcome::Failed), Some(&refused), None),
        (Some(StepOutcome::Skipped), None, None),
    ] {
        let told = journal(&plan(vec![release("a", None, seven())]));
        let id = StepId("release/a".to_owned());
        told.journal.step_begins(&told.run, &id, at(1)).unwrap();
        if let Some(outcome) = first {
            let ended =
                told.journal
                    .step_ends(&told.run, &id, outcome, &StepOutput::default(), problem, at(2));
            ended.unwrap();
        }
        let record = told.journal.run(&told.run).unwrap().unwrap();
        let made = record.steps[0].made_for_next_attempt();
        told.ends("release/a", Some(StepOutcome::Skipped), &made);
        let found = told.changes().first().map(|change| change.certain);
        assert_eq!(found, certain, "{first:?} {problem:?}");
    }
}

#[test]
fn attempts_of_an_older_program_may_have_changed_something() {
    let told = journal(&plan(vec![release("a", None, seven())]));
    told.ends("release/a", None, &StepOutput::default());
    told.ends("release/a", Some(StepOutcome::Skipped), &StepOutput::default());
    assert!(!told.changes()[0].certain);
}

#[test]
fn the_time_between_a_stop_and_its_resumption_is_told_apart() {
    let told = journal(&plan(vec![
        release("a", None, seven()),
        release("b", None, seven()),
    ]));
    let run = |minute: i64, outcome, made: &StepOutput| {
        let id = StepId("release/a".to_owned());
        told.journal.step_begins(&told.run, &id, at(minute)).unwrap();
        let ends = at(minute + 1);
        told.journal
            .step_ends(&told.run, &id, outcome, made, None, ends)
            .unwrap();
    };
    let took = |end: i64| {
        told.journal.end(&told.run, Outcome::Done, None, at(end)).unwrap();
        let (worked, paused) = told.journal.run(&told.run).unwrap().unwrap().took().unwrap();
        (worked.num_minutes(), paused.num_minutes())
    };
    run(0, StepOutcome::Cancelled, &StepOutput::default());
    assert_eq!(took(1), (1, 0));
    let record = told.journal.run(&told.run).unwrap().unwrap();
    run(31, StepOutcome::Done, &record.steps[0].made_for_next_attempt());
    assert_eq!(took(32), (2, 30));
}

#[test]
fn what_was_uploaded_is_told_with_its_number() {
    let told = journal(&plan(vec![upload()]));
    let made = StepOutput {
        resource_revision: Some(ResourceRevision(8)),
        created: true,
        ..StepOutput::default()
    };
    told.ends("upload/a", Some(StepOutcome::Done), &made);
    let record = told.journal.run(&told.run).unwrap().unwrap();
    let texts: Vec<String> = record.uploaded().iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["a image r8, created"]);
}

#[test]
fn a_row_that_was_so_already_is_no_change() {
    let told = journal(&plan(vec![release("a", Some(serving(50, 7)), seven())]));
    told.ends("release/a", Some(StepOutcome::Done), &StepOutput::default());
    assert_eq!(told.changes(), []);
}

#[test]
fn a_plan_made_anew_does_not_forget_what_the_first_one_changed() {
    let told = journal(&plan(vec![
        release("a", Some(serving(49, 7)), seven()),
        release("b", None, seven()),
    ]));
    told.ends("release/a", Some(StepOutcome::Done), &StepOutput::default());
    // After resuming, the new plan has the current state of the first charm.
    let mut second = plan(vec![
        release("a", Some(serving(50, 7)), seven()),
        release("b", None, seven()),
    ]);
    second.steps[0].skip_reason = Some(SanitizedText::new("runs it already"));
    told.journal.begin(&told.run, "ann", &second, at(5)).unwrap();
    told.ends("release/b", Some(StepOutcome::Done), &StepOutput::default());
    let befores: Vec<_> = told.changes().into_iter().map(|change| change.before).collect();
    assert_eq!(befores, [Some(serving(49, 7)), None]);
    told.journal.begin(&told.run, "ann", &second, at(6)).unwrap();
    assert_eq!(told.changes().len(), 2, "each is told once");
    let elsewhere = Journal::open(told.journal.folder(), "another").unwrap();
    assert_eq!(
        elsewhere.changes_for(&RolledBack::Run(told.run.clone())).unwrap(),
        []
    );
}

#[test]
fn a_run_that_was_rolled_back_no_longer_waits_until_the_rollback_is_taken_back() {
    let told = journal(&plan(vec![release("a", None, seven())]));
    told.ends("release/a", Some(StepOutcome::Unknown), &StepOutput::default());
    told.journal
        .end(&told.run, Outcome::Unknown, None, at(3))
        .unwrap();
    let first = told.journal.run(&told.run).unwrap().unwrap();
    assert!(first.state().is_unfinished());
    assert_eq!(
        first.ways_on(),
        ["windlass resume r1", "windlass rollback --run r1"]
    );
    let back = |of: &str, id: &str, outcome: Outcome| {
        let mut plan = plan(Vec::new());
        plan.intent = Intent::Rollback(RollbackIntent::new(RolledBack::Run(RunId(of.to_owned()))));
        let id = RunId(id.to_owned());
        told.journal.begin(&id, "ann", &plan, at(4)).unwrap();
        told.journal.end(&id, outcome, None, at(5)).unwrap();
    };
    back("r1", "r2", Outcome::Failed);
    let waiting = || -> Vec<String> {
        let runs = told.journal.unfinished_runs().unwrap();
        runs.iter().map(|run| run.id.to_string()).collect()
    };
    assert_eq!(waiting(), ["r1", "r2"], "a failed rollback settles nothing");
    back("r1", "r3", Outcome::Partly);
    let settled = told.journal.run(&told.run).unwrap().unwrap();
    assert_eq!(settled.rolled_back_by, Some(RunId("r3".to_owned())));
    assert!(!settled.state().is_unfinished() && settled.ways_on().is_empty());
    assert_eq!(waiting(), Vec::<String>::new());
    let again = Intent::Publish(PublishIntent::of("2025-01-27".parse().unwrap()));
    assert_eq!(told.journal.unfinished("legend", &again).unwrap(), None);
    back("r3", "r4", Outcome::Done);
    assert_eq!(waiting(), ["r1"], "it is unfinished again");
}

/// Returns a journal with `runs` publishes of one charm, each to the same channel.
fn long_journal(runs: i64) -> Told {
    let told = journal(&plan(vec![release("a", None, seven())]));
    told.ends("release/a", Some(StepOutcome::Done), &StepOutput::default());
    told.journal.end(&told.run, Outcome::Done, None, at(3)).unwrap();
    for number in 0..runs {
        let plan = plan(vec![release(
            "a",
            Some(serving(49, u64::try_from(number).unwrap())),
            seven(),
        )]);
        let id = RunId(format!("n{number:05}"));
        let step = StepId("release/a".to_owned());
        let begun = at(10 + 10 * number);
        told.journal.begin(&id, "ann", &plan, begun).unwrap();
        told.journal.step_begins(&id, &step, begun).unwrap();
        let ended = at(12 + 10 * number);
        told.journal
            .step_ends(&id, &step, StepOutcome::Done, &StepOutput::default(), None, ended)
            .unwrap();
        told.journal.end(&id, Outcome::Done, None, ended).unwrap();
    }
    told
}

fn of_charm(to: Option<Moment>) -> RolledBack {
    RolledBack::Charm {
        charm: "a".parse().unwrap(),
        channels: vec!["latest/edge".parse().unwrap()],
        to,
    }
}

#[test]
fn a_rollback_reads_as_many_runs_as_it_needs_however_long_the_journal_is() {
    let told = long_journal(40);
    let read = |of: &RolledBack| told.journal.read_changes(of).unwrap();
    let last = read(&of_charm(None));
    assert_eq!((last.runs, last.changes.len()), (1, 1));
    assert_eq!(last.changes[0].run, RunId("n00039".to_owned()));
    // A rollback to a time reads back to the change that was current then.
    let earlier = read(&of_charm(Some(Moment::At(at(10 + 10 * 36)))));
    assert_eq!(earlier.runs, 5);
    assert_eq!(earlier.changes[0].run, RunId("n00035".to_owned()));
    let after = read(&of_charm(Some(Moment::After(RunId("n00037".to_owned())))));
    assert_eq!(after.changes.len(), 3);
    assert_eq!(after.changes[0].run, RunId("n00037".to_owned()));
    let run = read(&RolledBack::Run(RunId("n00038".to_owned())));
    assert_eq!((run.runs, run.changes.len()), (2, 2));
    let all = read(&RolledBack::Run(told.run.clone()));
    assert_eq!(all.changes.len(), 41);
}

#[test]
fn a_change_that_may_not_have_happened_is_read_with_the_one_before_it() {
    let told = long_journal(3);
    let plan = plan(vec![release("a", Some(serving(51, 7)), seven())]);
    let id = RunId("z".to_owned());
    told.journal.begin(&id, "ann", &plan, at(100)).unwrap();
    told.journal
        .step_begins(&id, &StepId("release/a".to_owned()), at(100))
        .unwrap();
    let read = told.journal.read_changes(&of_charm(None)).unwrap();
    let runs: Vec<&str> = read.changes.iter().map(|change| change.run.0.as_str()).collect();
    assert_eq!(runs, ["n00002", "z"]);
}
