//! Tests what is refused before GitHub is contacted, with snapshots built in the test.

use chrono::{DateTime, Utc};

use super::lint::{Fault, findings};
use super::*;
use crate::domain::Observed;
use crate::domain::credential::{CredentialFacts, CredentialOrigin, ExpiryFrom, GitHubTokenKind};
use crate::domain::workflow::{JobRun, WorkflowJob};

const REPOSITORY: &str = "finos/legend-juju-bundle";

fn workspace() -> Workspace {
    Workspace::parse(
        include_str!("../../../../assets/workspaces/legend.toml"),
        "legend",
    )
    .unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn repository() -> GitHubRepository {
    REPOSITORY.parse().unwrap()
}

fn field(name: &str, kind: InputKind) -> WorkflowInput {
    WorkflowInput {
        name: name.to_owned(),
        description: SanitizedText::default(),
        required: false,
        default: None,
        kind,
        in_script: false,
    }
}

fn job(labels: &[&str]) -> WorkflowJob {
    WorkflowJob {
        id: "build".into(),
        runners: vec![labels.iter().map(|label| (*label).to_owned()).collect()],
        ..WorkflowJob::default()
    }
}

fn file() -> WorkflowFile {
    let release = WorkflowInput {
        required: true,
        in_script: true,
        ..field("release", InputKind::Text)
    };
    let risk = InputKind::Choice(vec!["edge".to_owned(), "stable".to_owned()]);
    WorkflowFile {
        path: ".github/workflows/create_release.yaml".to_owned(),
        title: "Create Release".into(),
        state: Some("active".into()),
        form: Some(vec![
            release,
            field("risk", risk),
            field("dry", InputKind::Boolean),
            field("days", InputKind::Number),
        ]),
        jobs: vec![job(&["ubuntu-24.04"])],
        ..WorkflowFile::default()
    }
}

fn run(id: u64, status: &str, conclusion: Option<&str>) -> WorkflowRun {
    WorkflowRun {
        id,
        workflow: ".github/workflows/create_release.yaml".into(),
        title: "Create Release".into(),
        number: 3,
        attempt: 2,
        event: "workflow_dispatch".into(),
        branch: "main".into(),
        status: status.into(),
        conclusion: conclusion.map(Into::into),
        actor: "somebody".into(),
        created_at: now(),
        updated_at: now(),
        url: SanitizedText::default(),
        jobs: Vec::new(),
    }
}

fn token(kind: GitHubTokenKind, scopes: &[&str]) -> CredentialFacts {
    CredentialFacts {
        name: "GitHub token".into(),
        kind: "github".into(),
        source: "GH_TOKEN".into(),
        account: Some("somebody".into()),
        expires_at: None,
        expires_from: ExpiryFrom::Unknown,
        scopes: scopes.iter().map(Into::into).collect(),
        packages: None,
        channels: None,
        session: None,
        origin: CredentialOrigin::Other,
        token_kind: Some(kind),
        remarks: Vec::new(),
        rewrite: None,
    }
}

fn snapshot(file: WorkflowFile, runs: Vec<WorkflowRun>) -> Snapshot {
    let seen = RepositoryWorkflows {
        default_branch: "main".to_owned(),
        writable: Some(true),
        files: vec![file],
        runs,
    };
    Snapshot {
        taken_at: now(),
        github: Observed::read(token(GitHubTokenKind::Classic, &["repo", "workflow"]), now()),
        workflows: [(repository(), Observed::read(seen, now()))].into(),
        ..Snapshot::default()
    }
}

fn wish(action: WorkflowAction) -> WorkflowIntent {
    WorkflowIntent {
        repository: repository(),
        action,
    }
}

fn start(name: &str, inputs: &[(&str, &str)]) -> WorkflowIntent {
    let inputs = inputs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    wish(WorkflowAction::Dispatch {
        workflow: name.to_owned(),
        inputs: inputs.collect(),
    })
}

fn refusal(snapshot: &Snapshot, intent: &WorkflowIntent) -> Problem {
    plan(&workspace(), snapshot, intent).unwrap_err()
}

#[test]
fn a_workflow_is_named_by_file_path_or_title_and_its_form_goes_along() {
    let seen = snapshot(file(), vec![run(7, "completed", Some("failure"))]);
    for name in [
        "create_release.yaml",
        ".github/workflows/create_release.yaml",
        "Create Release",
    ] {
        let made = plan(&workspace(), &seen, &start(name, &[("release", "2025-01-27")])).unwrap();
        assert_eq!(made.steps.len(), 1);
        assert_eq!(made.steps[0].id.0, "dispatch/create_release.yaml");
        let Op::Dispatch {
            branch,
            workflow,
            inputs,
            ..
        } = &made.steps[0].op
        else {
            panic!("{:?}", made.steps[0].op)
        };
        assert_eq!(
            (branch.as_str(), workflow.as_str()),
            ("main", "create_release.yaml")
        );
        assert_eq!(inputs["release"], "2025-01-27");
        assert_eq!(made.confirm, "create_release.yaml");
        assert_eq!(made.warnings, Vec::new());
    }
    let problem = refusal(&seen, &start("nothing.yaml", &[]));
    assert_eq!(problem.kind, ProblemKind::NotFound);
    assert!(problem.hints[0].as_str().contains("create_release.yaml"));
}

#[test]
fn every_wrong_input_is_named() {
    let seen = snapshot(file(), Vec::new());
    let problem = refusal(
        &seen,
        &start(
            "create_release.yaml",
            &[
                ("risk", "gamma"),
                ("dry", "perhaps"),
                ("days", "ten"),
                ("reelase", "x"),
            ],
        ),
    );
    assert_eq!(problem.kind.exit_code(), 2);
    let causes: Vec<&str> = problem.causes.iter().map(SanitizedText::as_str).collect();
    assert_eq!(
        causes,
        [
            "reelase: unknown input",
            "release: a value is required",
            "risk: it must be one of edge, stable",
            "dry: it must be true or false",
            "days: it must be a number",
        ]
    );
    assert!(
        problem.hints[0]
            .as_str()
            .contains("release, required; risk (edge, stable)")
    );
}

#[test]
fn what_a_script_would_run_is_not_taken() {
    let seen = snapshot(file(), Vec::new());
    for trick in [
        "2025-01-27\"; curl evil #",
        "$(id)",
        "`id`",
        "a\nb",
        "a'b",
        "a\u{1b}[2J",
        "a|b",
    ] {
        let problem = refusal(&seen, &start("create_release.yaml", &[("release", trick)]));
        assert_eq!(problem.kind, ProblemKind::Usage, "{trick}");
        assert!(problem.causes[0].as_str().starts_with("release: "), "{problem}");
    }
}

#[test]
fn a_workflow_that_cannot_run_is_refused_with_the_remedy() {
    let inputs = [("release", "2025-01-27")];
    let refused = |change: &dyn Fn(&mut WorkflowFile)| {
        let mut changed = file();
        change(&mut changed);
        let problem = refusal(
            &snapshot(changed, Vec::new()),
            &start("create_release.yaml", &inputs),
        );
        assert_eq!(problem.kind, ProblemKind::Refused, "{problem}");
        problem
    };
    let asleep = refused(&|file| file.state = Some("disabled_inactivity".into()));
    assert!(
        asleep.hints[0]
            .as_str()
            .contains("gh workflow enable create_release.yaml")
    );
    let gone = refused(&|file| file.jobs = vec![job(&["ubuntu-20.04"])]);
    assert!(gone.causes[0].as_str().contains("2025-04-15"), "{gone}");
    assert!(gone.hints[0].as_str().contains("runs-on"), "{gone:?}");
    let by_push = refused(&|file| file.form = None);
    assert!(by_push.causes[0].as_str().contains("workflow_dispatch"));
    refused(&|file| file.unreadable = Some(Problem::new(ProblemKind::Invalid, "no YAML")));
}

#[test]
fn what_is_only_unwise_is_a_warning() {
    let mut changed = file();
    changed.jobs.push(job(&["ubuntu-18.04"]));
    changed.jobs[0].uses = vec![
        "a/b@v1".to_owned(),
        "c/d@master".to_owned(),
        "c/d@master".to_owned(),
    ];
    changed.jobs[0].installs = vec!["sudo snap install charmcraft --classic".to_owned()];
    let intent = start("create_release.yaml", &[("release", "2025-01-27")]);
    let made = plan(&workspace(), &snapshot(changed, Vec::new()), &intent).unwrap();
    let warnings: Vec<&str> = made.warnings.iter().map(SanitizedText::as_str).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].contains("ubuntu-18.04"), "{warnings:?}");
    assert!(warnings[1].contains("charmcraft"), "{warnings:?}");
    assert!(warnings[2].contains(": c/d@master;"), "{warnings:?}");
}

#[test]
fn runner_images_are_judged_by_the_day() {
    let faults = |labels: &[&str], at: &str| -> Vec<Fault> {
        let mut changed = file();
        changed.jobs = vec![job(labels)];
        let at: DateTime<Utc> = format!("{at}T00:00:00Z").parse().unwrap();
        let found = findings(&repository(), &changed, at);
        found.iter().map(|finding| finding.fault).collect()
    };
    assert_eq!(faults(&["ubuntu-20.04"], "2025-04-15"), [Fault::CannotRun]);
    assert_eq!(faults(&["ubuntu-20.04"], "2025-04-14"), [Fault::RunnerLeaves]);
    assert_eq!(faults(&["ubuntu-20.04"], "2024-01-01"), []);
    assert_eq!(faults(&["ubuntu-latest"], "2026-01-01"), []);
    // Self-hosted runners may use this label.
    assert_eq!(faults(&["self-hosted", "ubuntu-20.04"], "2026-01-01"), []);
    assert_eq!(faults(&[], "2026-01-01"), []);
}

#[test]
fn charmcraft_counts_as_pinned_on_a_track_of_its_own_only() {
    let unpinned = |line: &str| {
        let mut changed = file();
        changed.jobs[0].installs = vec![line.to_owned()];
        !findings(&repository(), &changed, now()).is_empty()
    };
    assert!(unpinned("snap install charmcraft --classic"));
    assert!(unpinned("snap install charmcraft --channel=latest/stable"));
    assert!(unpinned("snap install charmcraft --channel stable"));
    assert!(!unpinned(
        "snap install charmcraft --classic --channel=3.x/stable"
    ));
    assert!(!unpinned(
        "snap install charmcraft --channel 2.7/stable --classic"
    ));
    assert!(!unpinned("snap install charmcraft --revision=6000"));
}

#[test]
fn a_token_that_may_not_is_refused_before_anything() {
    let intent = start("create_release.yaml", &[("release", "2025-01-27")]);
    let mut seen = snapshot(file(), Vec::new());
    seen.github = Observed::read(token(GitHubTokenKind::Classic, &["workflow"]), now());
    let problem = refusal(&seen, &intent);
    assert_eq!(problem.kind.exit_code(), 4);
    assert!(problem.summary.as_str().contains("scope repo"), "{problem}");
    assert!(
        problem.summary.as_str().contains("dispatch/create_release.yaml"),
        "{problem}"
    );
    seen.github = Observed::failed(Problem::new(ProblemKind::NotFound, "no GitHub token is set"));
    assert_eq!(refusal(&seen, &intent).kind, ProblemKind::Credentials);
    // GitHub does not list the permissions of these tokens.
    seen.github = Observed::read(token(GitHubTokenKind::FineGrained, &[]), now());
    assert!(plan(&workspace(), &seen, &intent).is_ok());
    let workflows = seen.workflows.get_mut(&repository()).unwrap();
    workflows.value.as_mut().unwrap().writable = Some(false);
    assert_eq!(refusal(&seen, &intent).kind, ProblemKind::Credentials);
}

#[test]
fn only_a_failed_run_is_repeated_and_only_where_that_can_help() {
    let again = |run: WorkflowRun| {
        let id = run.id;
        plan(
            &workspace(),
            &snapshot(file(), vec![run]),
            &wish(WorkflowAction::Rerun { run: id }),
        )
    };
    let made = again(run(7, "completed", Some("failure"))).unwrap();
    assert!(matches!(
        made.steps[0].op,
        Op::RerunWorkflow {
            run: 7,
            attempt: 2,
            ..
        }
    ));
    for fine in [run(7, "completed", Some("success")), run(7, "in_progress", None)] {
        assert_eq!(again(fine).unwrap_err().kind, ProblemKind::Refused);
    }
    let mut hopeless = run(7, "completed", Some("failure"));
    hopeless.jobs = vec![JobRun {
        id: 1,
        name: "build".into(),
        labels: vec!["ubuntu-20.04".to_owned()],
        status: "completed".into(),
        conclusion: Some("failure".into()),
        steps: Vec::new(),
        log_tail: Vec::new(),
    }];
    let problem = again(hopeless).unwrap_err();
    assert!(problem.causes[0].as_str().contains("ubuntu-20.04"), "{problem}");
    let unknown = wish(WorkflowAction::Rerun { run: 8 });
    assert_eq!(
        refusal(&snapshot(file(), Vec::new()), &unknown).kind,
        ProblemKind::NotFound
    );
}

#[test]
fn stopping_what_has_ended_is_nothing_to_do() {
    let stop = |run: WorkflowRun| {
        let id = run.id;
        let intent = wish(WorkflowAction::Cancel { run: id });
        plan(&workspace(), &snapshot(file(), vec![run]), &intent).unwrap()
    };
    assert!(stop(run(7, "completed", Some("success"))).nothing_to_do());
    assert!(!stop(run(7, "queued", None)).nothing_to_do());
}

#[test]
fn another_repository_is_named_in_the_command() {
    let mut seen = snapshot(file(), Vec::new());
    let other: GitHubRepository = "finos/legend-juju-db-operator".parse().unwrap();
    let workflows = seen.workflows.remove(&repository()).unwrap();
    seen.workflows.insert(other.clone(), workflows);
    let mut intent = start("create_release.yaml", &[("release", "2025-01-27")]);
    intent.repository = other;
    assert_eq!(
        plan(&workspace(), &seen, &intent).unwrap().command,
        "windlass workflow run create_release.yaml release=2025-01-27 --repository finos/legend-juju-db-operator"
    );
}
