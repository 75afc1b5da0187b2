//! Serves workflow runs: dispatched by hand, simulated by the clock.
//!
//! Handles `actions/workflows/{id}/dispatches`, `actions/runs/...` and `actions/jobs/...`. Nothing
//! is executed: a run is queued, then in progress, then done. Jobs on a runner image that GitHub
//! has removed fail, and their log contains the reason.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::LOGIN;
use super::git::saved;
use super::objects::ObjectKind;
use super::reply::{Call, Reply};
use super::run_files;
use super::shapes::{account, node, number, repository, time};
use super::store::{Repo, Store};

/// Seconds until a run leaves the queue, and until it is done.
const STARTS: i64 = 1;
const ENDS: i64 = 4;
/// Runner images that GitHub has removed, and when.
const REMOVED: [(&str, &str); 2] = [("ubuntu-18.04", "2023-04-01"), ("ubuntu-20.04", "2025-04-15")];
/// Seconds for which the address of a log is valid.
pub(super) const LOG_LIVES: i64 = 60;

/// Holds a run as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Run {
    pub id: u64,
    /// Path of the workflow file.
    pub workflow: String,
    number: u64,
    attempt: u64,
    branch: String,
    sha: String,
    created: DateTime<Utc>,
    /// Start of this attempt.
    pub(super) started: DateTime<Utc>,
    #[serde(default)]
    cancelled: Option<DateTime<Utc>>,
    runner: String,
}

impl Run {
    /// Returns status, conclusion and the time of the last change.
    pub(super) fn state(&self, now: DateTime<Utc>) -> (&'static str, Option<&'static str>, DateTime<Utc>) {
        if let Some(at) = self.cancelled {
            return ("completed", Some("cancelled"), at);
        }
        let end = self.started + Duration::seconds(ENDS);
        let begin = self.started + Duration::seconds(STARTS);
        if now >= end {
            let gone = removed(&self.runner).is_some();
            return ("completed", Some(if gone { "failure" } else { "success" }), end);
        }
        if now >= begin {
            ("in_progress", None, begin)
        } else {
            ("queued", None, self.started)
        }
    }
}

/// Returns the day on which the image that `runner` names was removed, if it was.
fn removed(runner: &str) -> Option<&'static str> {
    REMOVED
        .iter()
        .find(|(name, _)| *name == runner)
        .map(|(_, day)| *day)
}

/// Handles POST `workflows/{id}/dispatches`; `file` is the workflow's path.
pub(super) fn dispatch(
    store: &mut Store,
    name: &str,
    url: &str,
    call: &Call,
    file: &str,
) -> Result<Reply, Reply> {
    let body = call.json()?;
    let repo = store.repo(name).ok_or_else(Reply::not_found)?;
    if repo.workflows.contains_key(file) {
        return Err(Reply::fail(
            422,
            "Cannot trigger a 'workflow_dispatch' on a disabled workflow",
        ));
    }
    let branch = body["ref"]
        .as_str()
        .ok_or_else(|| Reply::invalid("Dispatch", "ref", "missing_field"))?;
    let sha = repo
        .objects
        .resolve(branch)
        .ok_or_else(|| Reply::fail(422, &format!("No ref found for: {branch}")))?;
    let text = file_at(repo, &sha, file).ok_or_else(Reply::not_found)?;
    if !text
        .lines()
        .any(|line| line.trim_start().starts_with("workflow_dispatch:"))
    {
        return Err(Reply::fail(
            422,
            "Workflow does not have 'workflow_dispatch' trigger",
        ));
    }
    let inputs = inputs_of(&text);
    let given = body["inputs"].as_object().cloned().unwrap_or_default();
    if let Some(unknown) = given.keys().find(|key| !inputs.contains_key(*key)) {
        return Err(Reply::fail(
            422,
            &format!("Unexpected inputs provided: [\"{unknown}\"]"),
        ));
    }
    if let Some((missing, _)) = inputs
        .iter()
        .find(|(key, required)| **required && !given.contains_key(*key))
    {
        return Err(Reply::fail(
            422,
            &format!("Required input '{missing}' not provided"),
        ));
    }
    let runner = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("runs-on:"))
        .unwrap_or("ubuntu-latest");
    let now = Utc::now();
    let count = repo.runs.iter().filter(|run| run.workflow == file).count() as u64 + 1;
    let run = Run {
        id: 9_000_000_000 + repo.runs.len() as u64 + number(name) % 1_000_000 * 1000,
        workflow: file.to_owned(),
        number: count,
        attempt: 1,
        branch: branch.strip_prefix("refs/heads/").unwrap_or(branch).to_owned(),
        sha,
        created: now,
        started: now,
        cancelled: None,
        runner: runner.trim().to_owned(),
    };
    let id = run.id;
    store.repo_mut(name).ok_or_else(Reply::not_found)?.runs.push(run);
    saved(store)?;
    if body["return_run_details"] == true {
        return Ok(Reply::ok(json!({
            "workflow_run_id": id,
            "run_url": format!("{url}/actions/runs/{id}"),
            "html_url": format!("https://github.com/{name}/actions/runs/{id}"),
        })));
    }
    Ok(Reply::no_content())
}

fn file_at(repo: &Repo, sha: &str, file: &str) -> Option<String> {
    let commit = repo.objects.commit(sha)?;
    let entry = repo.objects.at(&commit.tree, file)?;
    repo.objects
        .get(&entry.id, ObjectKind::Blob)
        .map(|data| String::from_utf8_lossy(data).into_owned())
}

/// Returns the names of the inputs of `workflow_dispatch` and whether they are required. Parses
/// only the layout of the demo's own workflow files: two spaces per level.
fn inputs_of(text: &str) -> BTreeMap<String, bool> {
    let mut inputs = BTreeMap::new();
    let mut inside = false;
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        match indent {
            4 => inside = line == "inputs:",
            6 if inside => {
                line.trim_end_matches(':').clone_into(&mut current);
                inputs.insert(current.clone(), false);
            }
            8 if inside && line == "required: true" => {
                inputs.insert(current.clone(), true);
            }
            0..=3 => inside = false,
            _ => {}
        }
    }
    inputs
}

/// Handles GET `runs`, or the runs of one workflow.
pub(super) fn list(repo: &Repo, name: &str, call: &Call, file: Option<&str>) -> Reply {
    let now = Utc::now();
    let created = call
        .get("created")
        .and_then(|text| text.strip_prefix(">=").or(text.strip_prefix('>')));
    let created = created.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let found = repo.runs.iter().rev().filter(|run| {
        let (status, conclusion, _) = run.state(now);
        file.is_none_or(|file| run.workflow == file)
            && call.get("event").is_none_or(|event| event == "workflow_dispatch")
            && call.get("branch").is_none_or(|branch| run.branch == branch)
            && call
                .get("status")
                .is_none_or(|wanted| status == wanted || conclusion == Some(wanted))
            && created.is_none_or(|at| run.created.timestamp() >= at.timestamp())
    });
    Reply::counted(
        call,
        "workflow_runs",
        found.map(|run| document(repo, name, call, run)).collect(),
    )
}

/// Handles everything below `runs/{id}`.
pub(super) fn one(
    store: &mut Store,
    name: &str,
    call: &Call,
    id: &str,
    rest: &[&str],
) -> Result<Reply, Reply> {
    let repo = store.repo_mut(name).ok_or_else(Reply::not_found)?;
    let at = repo
        .runs
        .iter()
        .position(|run| id.parse() == Ok(run.id))
        .ok_or_else(Reply::not_found)?;
    let now = Utc::now();
    let (status, ..) = repo.runs[at].state(now);
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => Ok(Reply::ok(document(repo, name, call, &repo.runs[at]))),
        ("GET" | "HEAD", ["jobs"]) => {
            let run = &repo.runs[at];
            Ok(Reply::counted(call, "jobs", vec![job(repo, name, call, run)]))
        }
        ("GET" | "HEAD", ["attempts", attempt, rest @ ..]) => {
            let run = &repo.runs[at];
            // Only the current attempt is stored; an earlier one is not available.
            if attempt.parse() != Ok(run.attempt) {
                return Err(Reply::not_found());
            }
            match rest {
                [] => Ok(Reply::ok(document(repo, name, call, run))),
                ["jobs"] => Ok(Reply::counted(call, "jobs", vec![job(repo, name, call, run)])),
                ["logs"] => run_files::logs(name, call, run),
                _ => Err(Reply::not_found()),
            }
        }
        ("GET" | "HEAD", ["logs"]) => run_files::logs(name, call, &repo.runs[at]),
        ("GET" | "HEAD", ["artifacts"]) => Ok(Reply::counted(call, "artifacts", Vec::new())),
        ("GET" | "HEAD", ["pending_deployments" | "approvals"]) => Ok(Reply::ok(json!([]))),
        ("POST", ["cancel"]) if status == "completed" => Err(Reply::fail(
            409,
            "Cannot cancel a workflow run that is completed.",
        )),
        ("POST", ["cancel"]) => {
            repo.runs[at].cancelled = Some(now);
            saved(store)?;
            Ok(Reply::json(202, json!({})))
        }
        ("POST", ["rerun" | "rerun-failed-jobs"]) if status != "completed" => {
            Err(Reply::fail(403, "This workflow is already running"))
        }
        ("POST", ["rerun" | "rerun-failed-jobs"]) => {
            let run = &mut repo.runs[at];
            run.attempt += 1;
            run.started = now;
            run.cancelled = None;
            saved(store)?;
            Ok(Reply::json(201, json!({})))
        }
        _ => Err(Reply::not_found()),
    }
}

fn document(repo: &Repo, name: &str, call: &Call, run: &Run) -> Value {
    let (status, conclusion, updated) = run.state(Utc::now());
    let repo_url = format!("{}/repos/{name}", call.base);
    let url = format!("{repo_url}/actions/runs/{}", run.id);
    let workflow = number(&format!("{name} {}", run.workflow));
    let title = file_at(repo, &run.sha, &run.workflow)
        .and_then(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("name:").map(|title| title.trim().to_owned()))
        })
        .unwrap_or_else(|| run.workflow.clone());
    let commit = repo.objects.commit(&run.sha);
    let person = |person: &super::objects::Person| json!({"name": person.name, "email": person.email});
    let here = repository(&call.base, name, repo.default_branch(), run.created, None);
    json!({
        "id": run.id,
        "name": title,
        "node_id": node("WFR", &run.id.to_string()),
        "head_branch": run.branch,
        "head_sha": run.sha,
        "path": run.workflow,
        "display_title": title,
        "run_number": run.number,
        "run_attempt": run.attempt,
        "event": "workflow_dispatch",
        "status": status,
        "conclusion": conclusion,
        "workflow_id": workflow,
        "check_suite_id": run.id + 1,
        "check_suite_node_id": node("CS", &run.id.to_string()),
        "url": url,
        "html_url": format!("https://github.com/{name}/actions/runs/{}", run.id),
        "pull_requests": [],
        "created_at": time(run.created),
        "updated_at": time(updated),
        "run_started_at": time(run.started),
        "actor": account(&call.base, LOGIN),
        "triggering_actor": account(&call.base, LOGIN),
        "jobs_url": format!("{url}/jobs"),
        "logs_url": format!("{url}/logs"),
        "check_suite_url": format!("{repo_url}/check-suites/{}", run.id + 1),
        "artifacts_url": format!("{url}/artifacts"),
        "cancel_url": format!("{url}/cancel"),
        "rerun_url": format!("{url}/rerun"),
        "previous_attempt_url": null,
        "workflow_url": format!("{repo_url}/actions/workflows/{workflow}"),
        "head_commit": commit.map(|commit| json!({
            "id": run.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": time(commit.committer.at),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
        })),
        "repository": here,
        "head_repository": here,
    })
}

/// Handles everything below `jobs/{id}`: the job, and its log through an address that is valid for
/// a minute and needs no credential.
pub(super) fn job_of(repo: &Repo, name: &str, call: &Call, id: &str, rest: &[&str]) -> Result<Reply, Reply> {
    let id: u64 = id.parse().map_err(|_| Reply::not_found())?;
    let run = repo.runs.iter().find(|run| id_of(run) == id);
    let run = run.ok_or_else(Reply::not_found)?;
    match rest {
        [] => Ok(Reply::ok(job(repo, name, call, run))),
        ["logs"] if !call.signed_in => Err(Reply::fail(403, "Must have admin rights to Repository.")),
        // There is no log before the job ends.
        ["logs"] if run.state(Utc::now()).1.is_none() => Err(Reply::not_found()),
        ["logs"] => {
            let until = Utc::now().timestamp() + LOG_LIVES;
            let to = format!(
                "{}/repos/{name}/actions/jobs/{id}/blob/{until}.{}",
                run_files::storage(call),
                signature(name, id, until)
            );
            let mut reply = Reply::no_content();
            reply.status = 302;
            reply.headers.push(("location", to));
            Ok(reply)
        }
        // The storage behind it refuses requests with another credential.
        ["blob", _] if call.signed_in => Err(Reply::fail(400, "InvalidAuthenticationInfo")),
        ["blob", signed] => {
            let (until, given) = signed.split_once('.').ok_or_else(Reply::not_found)?;
            let until: i64 = until.parse().map_err(|_| Reply::not_found())?;
            if given != signature(name, id, until) || until < Utc::now().timestamp() {
                return Err(Reply::fail(403, "AuthenticationFailed"));
            }
            let mut reply = Reply::raw(log(repo, run).into_bytes());
            if let super::reply::Payload::Raw(_, kind) = &mut reply.payload {
                *kind = "text/plain; charset=utf-8";
            }
            Ok(reply)
        }
        _ => Err(Reply::not_found()),
    }
}

/// Returns the part that makes the address of a log hard to guess; not cryptographically secure.
pub(super) fn signature(name: &str, id: u64, until: i64) -> String {
    format!("{:x}", number(&format!("log {name} {id} {until}")))
}

/// Returns the number of the only job of this attempt.
const fn id_of(run: &Run) -> u64 {
    run.id * 10 + run.attempt
}

/// Returns the log of the runner, in its format.
pub(super) fn log(repo: &Repo, run: &Run) -> String {
    let at = |second: i64| (run.started + Duration::seconds(second)).format("%Y-%m-%dT%H:%M:%S.0000000Z");
    if let Some(day) = removed(&run.runner) {
        let image = &run.runner;
        return format!(
            "{} ##[group]Runner Image\n{} Image: {image}\n{} ##[endgroup]\n{} ##[error]The {image} runner \
            image was removed on {day} and no runner accepts this job. See \
            https://github.com/actions/runner-images\n",
            at(STARTS),
            at(STARTS),
            at(STARTS),
            at(ENDS)
        );
    }
    let mut text = format!("{} Current runner version: '2.333.0'\n", at(STARTS));
    for step in steps_of(repo, run) {
        text.push_str(&format!(
            "{} ##[group]Run {step}\n{} ##[endgroup]\n",
            at(STARTS),
            at(STARTS)
        ));
        text.push_str(&format!("{} Done (demo environment)\n", at(ENDS)));
    }
    if run.cancelled.is_some() {
        text.push_str(&format!("{} ##[error]The operation was canceled.\n", at(ENDS)));
    }
    text
}

/// Returns the names of the steps in the first job of the file. Parses only the layout of the
/// demo's own workflow files.
fn steps_of(repo: &Repo, run: &Run) -> Vec<String> {
    let text = file_at(repo, &run.sha, &run.workflow).unwrap_or_default();
    let steps = text.lines().filter_map(|line| {
        let step = line.strip_prefix("      - ")?;
        Some(match step.split_once(": ") {
            Some(("name", name)) => name.trim().to_owned(),
            Some(("uses", action)) => format!("Run {}", action.trim()),
            Some(("run", script)) => format!("Run {}", script.trim().trim_start_matches('|')),
            _ => "Run".to_owned(),
        })
    });
    steps.collect()
}

fn job(repo: &Repo, name: &str, call: &Call, run: &Run) -> Value {
    let (status, conclusion, updated) = run.state(Utc::now());
    let repo_url = format!("{}/repos/{name}", call.base);
    let id = id_of(run);
    let done = conclusion.map(|_| time(updated));
    let gone = removed(&run.runner).is_some();
    let mut steps = vec![json!({
        "name": "Set up job", "status": status, "conclusion": conclusion, "number": 1,
        "started_at": time(run.started), "completed_at": done,
    })];
    if status != "queued" {
        for (at, step) in steps_of(repo, run).into_iter().enumerate() {
            // After a failed step the others are skipped.
            let ended = if gone {
                conclusion.map(|_| "skipped")
            } else {
                conclusion
            };
            let under_way = if gone { "queued" } else { status };
            steps.push(json!({
                "name": step, "status": if ended.is_some() { "completed" } else { under_way },
                "conclusion": ended, "number": at + 2,
                "started_at": time(run.started), "completed_at": done,
            }));
        }
    }
    json!({
        "id": id,
        "run_id": run.id,
        "run_url": format!("{repo_url}/actions/runs/{}", run.id),
        "run_attempt": run.attempt,
        "node_id": node("CR", &id.to_string()),
        "head_sha": run.sha,
        "head_branch": run.branch,
        "url": format!("{repo_url}/actions/jobs/{id}"),
        "html_url": format!("https://github.com/{name}/actions/runs/{}/job/{id}", run.id),
        "status": status,
        "conclusion": conclusion,
        "created_at": time(run.started),
        "started_at": time(run.started),
        "completed_at": done,
        "name": "build",
        "workflow_name": run.workflow.rsplit('/').next(),
        "steps": steps,
        "check_run_url": format!("{repo_url}/check-runs/{id}"),
        "labels": [run.runner],
        "runner_id": null,
        "runner_name": null,
        "runner_group_id": null,
        "runner_group_name": null,
    })
}
