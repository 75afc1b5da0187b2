//! Tests what the run screen says about the end of a run: what is done, what was set, and that
//! nothing had to change.

use super::world::{console, now, press, record, screen};
use crate::console::Model;
use crate::console::actions::Key;
use crate::console::review::Review;
use crate::console::running::Running;
use crate::journal::{Outcome, RunRecord, StepOutcome, StepRecord};
use crate::plan::{Op, Plan};

/// Returns a run of `plan` whose first steps ended with `outcomes`.
fn ended(plan: Plan, outcome: Outcome, outcomes: &[StepOutcome]) -> RunRecord {
    let mut run = record(Some(outcome));
    let steps = plan.steps.iter().zip(outcomes);
    run.steps = steps
        .map(|(step, outcome)| StepRecord {
            id: step.id.clone(),
            outcome: Some(*outcome),
            attempts: 1,
            started_at: Some(now()),
            finished_at: Some(now()),
            made: crate::journal::StepOutput::default(),
            problem: None,
        })
        .collect();
    run.plan = plan;
    run
}

fn shown(model: &mut Model, run: RunRecord) -> String {
    model.show(Running::of(run.id.clone()));
    model.runs = vec![run];
    screen(model).0
}

#[test]
fn skipped_steps_are_not_counted_as_done() {
    use StepOutcome::{Cancelled, Done, Failed, Skipped};
    let plan = record(None).plan;
    let all = plan.steps.len();
    let cases: [(Outcome, &[StepOutcome], String); 4] = [
        (
            Outcome::Failed,
            &[Done, Skipped, Skipped, Failed],
            format!("Failed: 1 of {all} steps is done and stays applied; 2 were skipped."),
        ),
        (
            Outcome::Failed,
            &[Skipped, Failed],
            format!("Failed: none of {all} steps is done; 1 was skipped."),
        ),
        (
            Outcome::Failed,
            &[Done, Done, Failed],
            format!("Failed: 2 of {all} steps are done and stay applied."),
        ),
        (
            Outcome::Cancelled,
            &[Done, Done, Skipped, Cancelled],
            format!("Cancelled: 2 of {all} steps are done and stay applied; 1 was skipped."),
        ),
    ];
    for (outcome, steps, words) in cases {
        let text = shown(
            &mut console((120, 40), false),
            ended(plan.clone(), outcome, steps),
        );
        assert!(text.contains(&words), "no '{words}' in\n{text}");
    }
}

#[test]
fn a_run_that_changed_nothing_says_so() {
    let plan = record(None).plan;
    let words = "Nothing had to change: every step was done already.";
    for (outcome, says) in [(StepOutcome::Skipped, true), (StepOutcome::Done, false)] {
        let run = ended(plan.clone(), Outcome::Done, &[outcome; 40]);
        let text = shown(&mut console((120, 40), false), run);
        assert_eq!(text.contains(words), says, "{text}");
    }
}

#[test]
fn a_rotation_lists_every_secret_that_it_set() {
    let mut model = console((120, 60), false);
    press(&mut model, Key::Char('R'));
    let Some(review) = model.on::<Review>() else {
        panic!("the review is not open");
    };
    let plan = review.plan.clone().unwrap();
    let set: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.op {
            Op::SetSecret { target, .. } => Some(format!("{}  {}", target.repository, target.secret)),
            _ => None,
        })
        .collect();
    assert!(set.len() > 1);
    let refused = plan
        .steps
        .iter()
        .rposition(|step| matches!(step.op, Op::SetSecret { .. }))
        .unwrap();
    let mut outcomes = vec![StepOutcome::Done; refused];
    outcomes.push(StepOutcome::Failed);
    let text = shown(&mut model, ended(plan, Outcome::Failed, &outcomes));
    assert!(text.contains(" Secrets set"), "{text}");
    let (last, done) = set.split_last().unwrap();
    for secret in done {
        assert!(text.contains(secret), "no '{secret}' in\n{text}");
    }
    assert!(!text.contains(last), "it failed\n{text}");
}
