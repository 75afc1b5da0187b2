//! Workflows: listed with what is wrong with them, started by a form, followed, repeated, stopped.

use chrono::TimeDelta;

use super::world::{console, now, press, screen, type_in};
use crate::console::actions::{self, ActionId, Availability, Key};
use crate::console::dialogs::Modal;
use crate::console::effect::Effect;
use crate::console::update::update;
use crate::console::{Model, Msg};
use crate::domain::workflow::{
    InputKind, JobRun, RepositoryWorkflows, StepRun, WorkflowFile, WorkflowInput, WorkflowJob, WorkflowRun,
};
use crate::domain::{Kind, Observed, Outside, Problem};
use crate::plan::Intent;

const FOLDER: &str = ".github/workflows";

fn file(name: &str, state: &str, runner: &str, form: Option<Vec<WorkflowInput>>) -> WorkflowFile {
    WorkflowFile {
        path: format!("{FOLDER}/{name}"),
        title: Outside::new(name.trim_end_matches(".yaml").replace('_', " ")),
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
        description: Outside::new(format!("The {name}")),
        required,
        default: default.map(str::to_owned),
        kind,
        in_script: false,
    }
}

fn run(id: u64, name: &str, status: &str, conclusion: Option<&str>) -> WorkflowRun {
    WorkflowRun {
        id,
        workflow: Outside::new(format!("{FOLDER}/{name}")),
        title: Outside::new(name.trim_end_matches(".yaml").replace('_', " ")),
        number: id % 100,
        attempt: 1,
        event: "workflow_dispatch".into(),
        branch: "main".into(),
        status: status.into(),
        conclusion: conclusion.map(Into::into),
        actor: "releaser".into(),
        created_at: now() - TimeDelta::minutes(30),
        updated_at: now() - TimeDelta::minutes(20),
        url: Outside::new(format!("https://github.com/finos/bundle/actions/runs/{id}")),
        jobs: Vec::new(),
    }
}

/// Three workflows, one of them asleep, and three runs.
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

/// A run with its jobs; the failed one with the end of its log.
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

fn listed(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Char('w'));
    model
}

fn can(model: &Model, id: ActionId) -> Availability {
    (actions::spec(id).unwrap().availability)(model)
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
    assert!(screen(&model).0.contains("this must not be empty"));
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
    // Of what may only be chosen nothing is typed.
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
        can(&model, ActionId::WorkflowsRepeat),
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
        can(&model, ActionId::WorkflowsStop),
        Availability::Disabled("it has ended")
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
        can(&model, ActionId::WorkflowsRepeat),
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
    let failed = Observed::failed(Problem::new(Kind::Network, "GitHub did not answer"));
    update(&mut model, Msg::WorkflowsSeen(*id, Box::new(failed)));
    let text = screen(&model).0;
    assert!(
        text.contains("stale") && text.contains("create_release.yaml"),
        "{text}"
    );
    press(&mut model, Key::Esc);
    assert!(!matches!(model.modal, Some(Modal::Workflows(_))));
}
