//! Tests workflows: listed with their problems, started by a form, followed, rerun, cancelled.

use chrono::TimeDelta;

use super::world::{console, now, press, record, screen, type_in};
use crate::console::actions::{ActionId, Availability, Key};
use crate::console::effect::Effect;
use crate::console::live::Live;
use crate::console::review::Review;
use crate::console::running::Running;
use crate::console::update::update;
use crate::console::workflows::Workflows;
use crate::console::{Model, Msg, registry};
use crate::domain::workflow::{
    InputKind, JobLog, JobRun, RepositoryWorkflows, StepRun, WorkflowFile, WorkflowInput, WorkflowJob,
    WorkflowRun,
};
use crate::domain::{Observed, Problem, ProblemKind, SanitizedText};
use crate::journal::{Outcome, RunRecord, StepOutcome, StepOutput, StepRecord};
use crate::plan::Intent;

const FOLDER: &str = ".github/workflows";

fn file(name: &str, state: &str, runner: &str, form: Option<Vec<WorkflowInput>>) -> WorkflowFile {
    WorkflowFile {
        path: format!("{FOLDER}/{name}"),
        title: SanitizedText::new(name.trim_end_matches(".yaml").replace('_', " ")),
        state: Some(state.into()),
        form,
        jobs: vec![WorkflowJob {
            id: "build".into(),
            runners: vec![vec![runner.to_owned()]],
            ..WorkflowJob::default()
        }],
        ..WorkflowFile::default()
    }
}

fn input(name: &str, kind: InputKind, required: bool, default: Option<&str>) -> WorkflowInput {
    WorkflowInput {
        name: name.to_owned(),
        description: SanitizedText::new(format!("The {name}")),
        required,
        default: default.map(str::to_owned),
        kind,
        in_script: false,
    }
}

fn run(id: u64, name: &str, status: &str, conclusion: Option<&str>) -> WorkflowRun {
    WorkflowRun {
        id,
        workflow: SanitizedText::new(format!("{FOLDER}/{name}")),
        title: SanitizedText::new(name.trim_end_matches(".yaml").replace('_', " ")),
        number: id % 100,
        attempt: 1,
        event: "workflow_dispatch".into(),
        branch: "main".into(),
        status: status.into(),
        conclusion: conclusion.map(Into::into),
        actor: "releaser".into(),
        created_at: now() - TimeDelta::minutes(30),
        updated_at: now() - TimeDelta::minutes(20),
        url: SanitizedText::new(format!("https://github.com/finos/bundle/actions/runs/{id}")),
        jobs: Vec::new(),
    }
}

/// Returns three workflows, one of them disabled, and three runs.
pub(super) fn seen() -> RepositoryWorkflows {
    RepositoryWorkflows {
        default_branch: "main".into(),
        writable: Some(true),
        files: vec![
            file(
                "create_release.yaml",
                "active",
                "ubuntu-24.04",
                Some(vec![
                    input("release", InputKind::Text, true, None),
                    input(
                        "risk",
                        InputKind::Choice(vec!["edge".into(), "stable".into()]),
                        false,
                        Some("edge"),
                    ),
                ]),
            ),
            file("lint.yaml", "active", "ubuntu-24.04", None),
            file(
                "publish_images.yaml",
                "disabled_inactivity",
                "ubuntu-20.04",
                Some(Vec::new()),
            ),
        ],
        runs: vec![
            run(903, "create_release.yaml", "in_progress", None),
            run(902, "create_release.yaml", "completed", Some("failure")),
            run(901, "lint.yaml", "completed", Some("success")),
        ],
    }
}

/// Returns a run with its jobs; the failed one with the end of its log.
pub(super) fn looked_at(id: u64) -> WorkflowRun {
    let mut run = seen()
        .runs
        .into_iter()
        .find(|run| run.id == id)
        .unwrap_or_else(|| run(id, "lint.yaml", "queued", None));
    let failed = run.word() == "failure";
    run.jobs = vec![JobRun {
        id: 7,
        name: "build".into(),
        labels: vec!["ubuntu-24.04".into()],
        status: run.status.clone(),
        conclusion: run.conclusion.clone(),
        steps: vec![StepRun {
            number: 4,
            name: "Pack the bundle".into(),
            status: "completed".into(),
            conclusion: run.conclusion.clone(),
        }],
        log_tail: if failed {
            vec!["charmcraft pack".into(), "error: unknown command".into()]
        } else {
            Vec::new()
        },
    }];
    run
}

/// Returns the log of a job; only the first one has a log.
pub(super) fn log_of(job: u64) -> Result<JobLog, Problem> {
    if job != 7 {
        return Err(Problem::new(ProblemKind::NotFound, "reading the log: not found"));
    }
    let lines = [
        "Run charmcraft pack",
        "    with an indented line",
        "error: unknown command",
    ];
    Ok(JobLog {
        lines: lines.map(Into::into).to_vec(),
        cut: false,
    })
}

fn listed(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Char('w'));
    model
}

fn can(model: &Model, id: ActionId) -> Availability {
    (registry::spec(id).unwrap().availability)(model)
}

fn wish(model: &mut Model, key: Key) -> Option<Intent> {
    update(model, Msg::Key(key))
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Plan { intent, .. } => Some(intent),
            _ => None,
        })
}

#[test]
fn the_list_a_run_and_the_form() {
    for size in [(120, 40), (80, 24)] {
        let mut model = listed(size);
        let mut all = screen(&model).0;
        for _ in 0..4 {
            press(&mut model, Key::Down);
        }
        press(&mut model, Key::Enter);
        all.push_str(&screen(&model).0);
        press(&mut model, Key::Esc);
        press(&mut model, Key::PageUp);
        press(&mut model, Key::Enter);
        all.push_str(&screen(&model).0);
        insta::assert_snapshot!(format!("workflows_at_{}", size.0), all);
    }
}

#[test]
fn a_form_starts_a_workflow_with_what_differs_from_its_defaults() {
    let mut model = listed((120, 40));
    press(&mut model, Key::Enter);
    assert!(wish(&mut model, Key::Enter).is_none(), "the release is required");
    assert!(screen(&model).0.contains("a value is required"));
    type_in(&mut model, "2025-01-27");
    let intent = wish(&mut model, Key::Enter).unwrap();
    assert_eq!(
        intent.command(),
        "windlass workflow run create_release.yaml release=2025-01-27"
    );
    let mut model = listed((120, 40));
    press(&mut model, Key::Enter);
    type_in(&mut model, "2025-01-27");
    press(&mut model, Key::Tab);
    press(&mut model, Key::Right);
    // Nothing can be typed into a choice.
    type_in(&mut model, "zz");
    let intent = wish(&mut model, Key::Enter).unwrap();
    assert!(
        intent.command().ends_with("release=2025-01-27 risk=stable"),
        "{}",
        intent.command()
    );
}

#[test]
fn a_failed_run_shows_the_end_of_its_log_and_is_repeated() {
    let mut model = listed((120, 40));
    assert!(matches!(
        can(&model, ActionId::WORKFLOWS_REPEAT),
        Availability::Disabled("select a run")
    ));
    for _ in 0..4 {
        press(&mut model, Key::Down);
    }
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    assert!(text.contains("step 4, Pack the bundle"), "{text}");
    assert!(text.contains("error: unknown command"), "{text}");
    assert!(matches!(
        can(&model, ActionId::WORKFLOWS_STOP),
        Availability::Disabled("the run has ended")
    ));
    let intent = wish(&mut model, Key::Char('R')).unwrap();
    assert_eq!(intent.command(), "windlass workflow rerun 902");
}

#[test]
fn a_run_that_goes_on_is_stopped_not_repeated() {
    let mut model = listed((120, 40));
    for _ in 0..3 {
        press(&mut model, Key::Down);
    }
    assert!(matches!(
        can(&model, ActionId::WORKFLOWS_REPEAT),
        Availability::Disabled(_)
    ));
    let intent = wish(&mut model, Key::Char('x')).unwrap();
    assert_eq!(intent.command(), "windlass workflow cancel 903");
}

#[test]
fn what_cannot_be_started_by_hand_says_so_and_a_failed_look_keeps_the_list() {
    let mut model = listed((120, 40));
    press(&mut model, Key::Down);
    press(&mut model, Key::Enter);
    assert!(screen(&model).0.contains("cannot be started by hand"));
    let effects = update(&mut model, Msg::Key(Key::Char('g')));
    let Some(Effect::LookAtWorkflows { id, .. }) = effects.first() else {
        panic!("{effects:?}");
    };
    let failed = Observed::failed(Problem::new(ProblemKind::Network, "GitHub did not answer"));
    update(&mut model, Msg::WorkflowsSeen(*id, Box::new(failed)));
    let text = screen(&model).0;
    assert!(
        text.contains("stale") && text.contains("create_release.yaml"),
        "{text}"
    );
    press(&mut model, Key::Esc);
    assert!(model.dialog::<Workflows>().is_none());
}

#[test]
fn the_log_of_each_job_of_a_run_is_read_in_place() {
    let mut model = listed((120, 40));
    for _ in 0..4 {
        press(&mut model, Key::Down);
    }
    assert!(matches!(
        can(&model, ActionId::WORKFLOWS_LOG),
        Availability::Hidden
    ));
    press(&mut model, Key::Enter);
    // A second job.
    let bundle = "finos/bundle".parse().unwrap();
    let known = std::sync::Arc::make_mut(&mut model.snapshot)
        .workflows
        .get_mut(&bundle);
    let runs = &mut known.unwrap().value.as_mut().unwrap().runs;
    let jobs = &mut runs.iter_mut().find(|run| run.id == 902).unwrap().jobs;
    let mut second = jobs[0].clone();
    (second.id, second.name) = (8, "upload".into());
    jobs.push(second);
    press(&mut model, Key::Char('l'));
    let text = screen(&model).0;
    assert!(
        text.contains("create_release.yaml #2: log of build (1 of 2)"),
        "{text}"
    );
    assert!(text.contains("│     with an indented line"), "{text}");
    press(&mut model, Key::Char('l'));
    let text = screen(&model).0;
    assert!(text.contains("log of upload (2 of 2)"), "{text}");
    assert!(text.contains("reading the log: not found"), "{text}");
    press(&mut model, Key::Esc);
    assert!(screen(&model).0.contains("failed at"));
    press(&mut model, Key::Esc);
    assert!(screen(&model).0.contains("lint.yaml"));
}

/// Returns a windlass run that has started workflow run 903.
fn dispatched(model: &mut Model) -> RunRecord {
    press(model, Key::Char('5'));
    press(model, Key::Char('w'));
    press(model, Key::Enter);
    type_in(model, "2025-01-27");
    press(model, Key::Enter);
    let Some(review) = model.on::<Review>() else {
        panic!("no review");
    };
    let mut run = record(Some(Outcome::Done));
    run.plan = review.plan.clone().unwrap();
    run.finished_at = Some(now());
    run.steps = run
        .plan
        .steps
        .iter()
        .map(|step| StepRecord {
            id: step.id.clone(),
            outcome: Some(StepOutcome::Done),
            attempts: 1,
            started_at: Some(now()),
            finished_at: Some(now()),
            made: StepOutput {
                workflow_run: Some(903),
                ..StepOutput::default()
            },
            problem: None,
        })
        .collect();
    // Back to the form, to the list, to the panes.
    for _ in 0..3 {
        press(model, Key::Esc);
    }
    run
}

#[test]
fn a_workflow_that_another_windlass_started_shows_how_it_ended() {
    let mut model = console((120, 40), false);
    let run = dispatched(&mut model);
    let read = |model: &mut Model| {
        let effects = update(model, Msg::JournalChanged);
        let [Effect::ReadRuns { id }] = effects[..] else {
            panic!("{effects:?}")
        };
        update(model, Msg::RunsRead(id, now(), Ok(vec![run.clone()])))
    };
    let effects = read(&mut model);
    assert!(
        matches!(effects[..], [Effect::FollowWorkflow { number: 903, .. }]),
        "{effects:?}"
    );
    let mut seen = looked_at(903);
    seen.status = "completed".into();
    seen.conclusion = Some("success".into());
    let answer = Msg::WorkflowFollowed(record(None).id, now(), Box::new(Ok(seen)));
    update(&mut model, answer);
    press(&mut model, Key::Char('5'));
    model.notice = None;
    let text = screen(&model).0;
    assert!(
        text.contains("succeeded") && !text.contains("dispatched"),
        "{text}"
    );
    assert_eq!(read(&mut model), [], "asked once");
}

#[test]
fn a_started_workflow_is_followed_until_it_ends() {
    for size in [(120, 40), (80, 24)] {
        let mut model = console(size, false);
        let run = dispatched(&mut model);
        model
            .live_mut()
            .insert(run.id.clone(), Live::new(run.plan.clone()));
        model.show(Running::of(run.id.clone()));
        let ended = Msg::Ended(run.id.clone(), now(), Box::new(Ok(run.clone())));
        let effects = update(&mut model, ended);
        let follow = effects
            .iter()
            .find(|effect| matches!(effect, Effect::FollowWorkflow { .. }));
        let Some(Effect::FollowWorkflow { number: 903, .. }) = follow else {
            panic!("{effects:?}");
        };
        let mut all = screen(&model).0;
        assert!(all.contains("dispatched") && !all.contains(", took "), "{all}");
        let mut hear = |seen: WorkflowRun, seconds: i64| {
            let at = now() + TimeDelta::seconds(seconds);
            update(
                &mut model,
                Msg::WorkflowFollowed(run.id.clone(), at, Box::new(Ok(seen))),
            );
            screen(&model).0
        };
        let mut seen = looked_at(903);
        seen.jobs[0].steps[0].status = "in_progress".into();
        all.push_str(&hear(seen.clone(), 30));
        seen.status = "completed".into();
        seen.conclusion = Some("failure".into());
        seen.updated_at = seen.created_at + TimeDelta::seconds(93);
        seen.jobs = looked_at(902).jobs;
        let failed = hear(seen.clone(), 60);
        assert!(
            failed.contains("failed") && failed.contains("took 1 min 33 s"),
            "{failed}"
        );
        all.push_str(&failed);
        insta::assert_snapshot!(format!("followed_workflow_at_{}", size.0), all);
        // In the pane the result of the workflow counts.
        press(&mut model, Key::Esc);
        press(&mut model, Key::Char('5'));
        let text = screen(&model).0;
        assert!(text.contains("failed"), "{text}");
    }
}

#[test]
fn a_workflow_that_ends_while_another_screen_is_up_is_reported() {
    let mut model = console((120, 40), false);
    let run = dispatched(&mut model);
    super::standing::with_runs(&mut model, vec![run.clone()]);
    press(&mut model, Key::Char('5'));
    let effects = update(&mut model, Msg::Key(Key::Enter));
    assert!(
        matches!(effects.as_slice(), [Effect::FollowWorkflow { number: 903, .. }]),
        "{effects:?}"
    );
    // Followed once, however often it is opened.
    press(&mut model, Key::Esc);
    assert!(update(&mut model, Msg::Key(Key::Enter)).is_empty());
    press(&mut model, Key::Esc);
    let mut seen = looked_at(901);
    seen.id = 903;
    update(
        &mut model,
        Msg::WorkflowFollowed(run.id.clone(), now(), Box::new(Ok(seen))),
    );
    let text = screen(&model).0;
    assert!(text.contains("succeeded: lint.yaml #1"), "{text}");
    // A lost connection is reported, and opening the run requests again.
    let mut model = console((120, 40), false);
    let run = dispatched(&mut model);
    super::standing::with_runs(&mut model, vec![run.clone()]);
    press(&mut model, Key::Char('5'));
    update(&mut model, Msg::Key(Key::Enter));
    let lost = Box::new(Err(Problem::new(ProblemKind::Network, "GitHub did not answer")));
    update(&mut model, Msg::WorkflowFollowed(run.id.clone(), now(), lost));
    assert!(
        screen(&model)
            .0
            .contains("status no longer updated: GitHub did not answer")
    );
    press(&mut model, Key::Esc);
    assert_eq!(update(&mut model, Msg::Key(Key::Enter)).len(), 1);
}
