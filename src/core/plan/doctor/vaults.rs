//! Checks the repositories' secrets (do they exist, which value do they hold, does a workflow read
//! them, do the workflows run) and the store's sessions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::offline::not_asked;
use super::{Check, CheckStatus, Examination, Workflows};
use crate::config::Workspace;
use crate::domain::credential::in_days;
use crate::domain::{GitHubRepository, Lineage, SecretName, SecretTarget, Snapshot};
use crate::plan::credentials::{
    Alarm, CredentialRole, SecretLocation, alarm, credentials, secrets_in_words, status, targets, token_of,
};
use crate::plan::rotate::targets::Barrier;
use crate::plan::workflow::lint;

/// Returns every repository that holds secrets of the workspace, with these secrets.
pub fn repositories(
    workspace: &Workspace,
    snapshot: &Snapshot,
) -> BTreeMap<GitHubRepository, Vec<SecretTarget>> {
    let mut named: BTreeMap<GitHubRepository, Vec<SecretTarget>> = BTreeMap::new();
    for target in targets(workspace, snapshot) {
        named.entry(target.repository.clone()).or_default().push(target);
    }
    named
}

/// Adds the checks of one repository and its secrets.
pub fn secrets(
    workspace: &Workspace,
    snapshot: &Snapshot,
    seen: &Examination,
    (repository, targets): (&GitHubRepository, &[SecretTarget]),
    now: DateTime<Utc>,
    all: &mut Vec<Check>,
) {
    let known = repository_check(snapshot, seen, repository, all);
    let unknown = format!("workflows/{repository}");
    let workflows = match seen.workflows.get(repository) {
        None if seen.offline => {
            all.push(not_asked(unknown));
            None
        }
        None => None,
        Some(seen) => match seen.need(&format!("the workflows of {repository}")) {
            Ok(workflows) => Some(workflows),
            Err(problem) => {
                all.push(Check::problem(unknown, CheckStatus::Warning, &problem));
                None
            }
        },
    };
    let read = workflows.map(all_read);
    for target in targets {
        if known {
            let wanted = match &read {
                None => Wanted::NotTold,
                Some(read) if read.contains_key(&target.secret) => Wanted::Read,
                Some(_) => Wanted::Dead,
            };
            presence(workspace, snapshot, target, wanted, now, all);
        }
        if let Some(read) = &read {
            all.push(name_of(workspace, target, read));
        }
    }
    if let (true, Some(read)) = (known, &read) {
        unmet(snapshot, repository, targets, read, all);
    }
}

/// Adds the checks of a repository's workflows: whether each can run, and on which runner.
pub fn workflows(
    repository: &GitHubRepository,
    seen: &Examination,
    now: DateTime<Utc>,
    all: &mut Vec<Check>,
) {
    let Some(workflows) = seen
        .workflows
        .get(repository)
        .and_then(|seen| seen.value.as_ref())
    else {
        // That they could not be read is reported with the secrets.
        return;
    };
    let states: &[(String, String)] = match (&workflows.states.value, &workflows.states.problem) {
        (Some(states), None) => states,
        (_, Some(problem)) => {
            let name = format!("workflow-states/{repository}");
            all.push(Check::problem(name, CheckStatus::Warning, problem));
            &[]
        }
        (None, None) => &[],
    };
    let add = |file: &str, finding: lint::Finding, all: &mut Vec<Check>| {
        all.push(Check::bad(
            format!("{}/{repository}/{file}", finding.fault.as_str()),
            CheckStatus::Warning,
            finding.text.as_str(),
            finding.remedy.as_str(),
        ));
    };
    for (path, state) in states {
        let file = path.rsplit('/').next().unwrap_or(path);
        if let Some(finding) = lint::disabled(repository, file, state) {
            add(file, finding, all);
        }
    }
    for file in &workflows.files {
        for finding in lint::findings(repository, file, now) {
            add(file.file_name(), finding, all);
        }
    }
}

/// Whether any workflow reads a secret.
#[derive(Clone, Copy)]
enum Wanted {
    Read,
    Dead,
    NotTold,
}

/// Returns every secret name that workflows read, with the files that read it.
fn all_read(workflows: &Workflows) -> BTreeMap<&SecretName, Vec<&str>> {
    let mut read: BTreeMap<&SecretName, Vec<&str>> = BTreeMap::new();
    for file in &workflows.files {
        for name in &file.reads {
            read.entry(name).or_default().push(&file.path);
        }
    }
    read
}

/// Returns true if the repository's secrets could be listed.
fn repository_check(
    snapshot: &Snapshot,
    examined: &Examination,
    repository: &GitHubRepository,
    all: &mut Vec<Check>,
) -> bool {
    let name = format!("repository/{repository}");
    let Some(seen) = snapshot.secrets.get(repository) else {
        all.extend(examined.offline.then(|| not_asked(name)));
        return false;
    };
    let facts = match seen.need(&format!("the secrets of {repository}")) {
        Ok(facts) => facts,
        Err(problem) => {
            all.push(Check::problem(name, CheckStatus::Failed, &problem));
            return false;
        }
    };
    let barrier = Barrier::of(repository, facts);
    all.push(match &barrier {
        None => Check::ok(name, "its secrets can be set"),
        Some(barrier) => {
            let text = match barrier {
                Barrier::Renamed(now) => format!("it was renamed to {now}"),
                Barrier::NotWritable => "the GitHub token may not set its secrets".to_owned(),
            };
            Check::bad(name, CheckStatus::Failed, text, barrier.remedy())
        }
    });
    true
}

fn presence(
    workspace: &Workspace,
    snapshot: &Snapshot,
    target: &SecretTarget,
    wanted: Wanted,
    now: DateTime<Utc>,
    all: &mut Vec<Check>,
) {
    let name = format!("secret/{target}");
    let rotate = format!("windlass rotate --target {target}");
    let status = status(workspace, snapshot, target, now);
    let day = |at: Option<DateTime<Utc>>| {
        at.map_or_else(String::new, |at| at.format(" on %Y-%m-%d %H:%M UTC").to_string())
    };
    let location = match &status.location {
        Some(SecretLocation::Organisation(owner)) => format!(
            ", in the organisation secret of \
            {owner}"
        ),
        Some(SecretLocation::Repository) | None => String::new(),
    };
    all.push(match (status.lineage, wanted) {
        // A secret that no workflow reads need not exist; its unused name is reported by another
        // check.
        (Lineage::Absent, Wanted::Dead) => return,
        (Lineage::Absent, Wanted::Read) => Check::bad(name, CheckStatus::Failed, "not set", rotate),
        (Lineage::Absent, Wanted::NotTold) => Check::bad(
            name,
            CheckStatus::Warning,
            "not set; whether a workflow reads it is unknown",
            format!("check whether a workflow reads it (windlass doctor, online), then: {rotate}"),
        ),
        (Lineage::Current, _) => match status
            .expires_at
            .filter(|end| alarm(Some(*end), now) != Alarm::None)
        {
            Some(end) => Check::bad(
                name,
                CheckStatus::Warning,
                format!(
                    "holds the newest value set by windlass{location}; its token expires {}, {}",
                    end.format("%Y-%m-%d %H:%M UTC"),
                    in_days((end - now).num_days())
                ),
                "windlass rotate",
            ),
            None => Check::ok(name, format!("holds the newest value set by windlass{location}")),
        },
        (Lineage::Revoked, _) => Check::bad(
            name,
            CheckStatus::Failed,
            format!("its token was revoked{}{location}", day(status.revoked_at)),
            "windlass rotate",
        ),
        (Lineage::Expired, _) => Check::bad(
            name,
            CheckStatus::Failed,
            format!("its token expired{}{location}", day(status.expires_at)),
            "windlass rotate",
        ),
        (Lineage::Older, _) => Check::bad(
            name,
            CheckStatus::Warning,
            "holds an older value than other secrets of this credential",
            "windlass rotate",
        ),
        (Lineage::Foreign, _) => Check::bad(
            name,
            CheckStatus::Warning,
            format!("set by something else after windlass set it{location}"),
            "windlass rotate",
        ),
        (Lineage::Unknown, _) => Check::ok(
            name,
            format!("not set by windlass; its value is unknown{location}"),
        ),
    });
}

fn name_of(workspace: &Workspace, target: &SecretTarget, read: &BTreeMap<&SecretName, Vec<&str>>) -> Check {
    let name = format!("secret-name/{target}");
    match read.get(&target.secret) {
        Some(files) => Check::ok(name, format!("read by {}", files.join(", "))),
        None => Check::bad(
            name,
            CheckStatus::Warning,
            format!("no workflow of {} reads {}", target.repository, target.secret),
            // A rotation sets the secrets of the workspace, so a deleted one would be created
            // again.
            if token_of(workspace, target).is_some() {
                "let a workflow read it, or remove it from the workspace file, where windlass \
                rotate finds it"
            } else {
                "delete the secret, or let a workflow read it"
            },
        ),
    }
}

/// Adds names that are read and do not exist. Those of the workspace have their own checks.
fn unmet(
    snapshot: &Snapshot,
    repository: &GitHubRepository,
    targets: &[SecretTarget],
    read: &BTreeMap<&SecretName, Vec<&str>>,
    all: &mut Vec<Check>,
) {
    let there: BTreeSet<&SecretName> = snapshot
        .secrets
        .get(repository)
        .and_then(|seen| seen.value.as_ref())
        .map(|facts| facts.secrets.keys().chain(facts.shared.keys()).collect())
        .unwrap_or_default();
    for (secret, files) in read {
        if there.contains(secret) || targets.iter().any(|target| &target.secret == *secret) {
            continue;
        }
        all.push(Check::bad(
            format!("secret-name/{repository}:{secret}"),
            CheckStatus::Warning,
            format!(
                "{} reads it, but {repository} has no such secret",
                files.join(", ")
            ),
            format!(
                "set it (gh secret set {secret} --repo {repository}), unless the organisation provides it"
            ),
        ));
    }
}

/// Adds the checks of the store's sessions.
pub fn sessions(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>, all: &mut Vec<Check>) {
    match &snapshot.sessions.problem {
        Some(problem) if snapshot.credential.value.is_some() => {
            all.push(Check::problem("sessions", CheckStatus::Warning, problem));
        }
        _ => {}
    }
    for credential in credentials(workspace, snapshot, now) {
        let (CredentialRole::MaybeInSecrets(targets), Some(session)) =
            (&credential.role, &credential.facts.session)
        else {
            continue;
        };
        let name = format!("session-expiry/{session}");
        let holders = secrets_in_words(targets.len());
        let token = &credential.facts.name;
        all.push(match (credential.alarm(now), credential.facts.expires_at) {
            (Alarm::None, _) | (_, None) => {
                Check::ok(name, format!("{holders} may hold the token of {token}"))
            }
            (_, Some(end)) => Check::bad(
                name,
                CheckStatus::Warning,
                format!(
                    "{holders} may hold the token of {token}, which expires {}, {}",
                    end.format("%Y-%m-%d %H:%M UTC"),
                    in_days(credential.facts.days_left(now).unwrap_or_default())
                ),
                "windlass rotate",
            ),
        });
    }
    for orphan in &snapshot.orphans {
        all.push(Check::bad(
            format!("session/{orphan}"),
            CheckStatus::Warning,
            "a windlass run created its token but was interrupted before storing it; the token is \
            lost but valid",
            format!("windlass revoke {orphan}"),
        ));
    }
}
