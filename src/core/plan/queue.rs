//! Selects what is published automatically: the unpublished releases that the workspace's rule
//! selects, in order, and those that are left out, each with the reason.
//!
//! Each publish is planned later, release by release, on current facts.

use std::collections::BTreeSet;

use serde::Serialize;

use super::evidence::{self, PublicationStatus, Published};
use crate::config::Workspace;
use crate::config::workspace::{Select, Upstream};
use crate::domain::release::newest_per_month;
use crate::domain::{Problem, ProblemKind, Release, ReleaseName, RunId, SanitizedText, Snapshot};

/// A publish that did not succeed and is neither resumed nor rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRun {
    /// The run.
    pub run: RunId,
    /// The release that it publishes.
    pub release: ReleaseName,
    /// Outcome, as in the journal; `None` if its process died.
    pub outcome: Option<&'static str>,
}

/// A release that is selected and not published, but left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The release.
    pub release: ReleaseName,
    /// Reason for leaving it out.
    pub reason: SanitizedText,
}

/// The releases to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Releases to publish, oldest first.
    pub taken: Vec<ReleaseName>,
    /// Releases that are left out.
    pub left_out: Vec<LeftOut>,
}

/// Returns the queue of `workspace`. Fails with a conflict if a release to publish has a run among
/// `waiting`. Fails also if markers or holds could not be read.
pub fn queue(workspace: &Workspace, snapshot: &Snapshot, waiting: &[WaitingRun]) -> Result<Queue, Problem> {
    let upstream = workspace.upstream()?;
    if workspace.bundle.is_none() {
        return Err(Problem::new(
            ProblemKind::Config,
            format!(
                "workspace {} has no bundle, so no branch marks what is published",
                workspace.name
            ),
        )
        .hint("publish a release by name: windlass publish RELEASE"));
    }
    let releases = snapshot.releases.need("the list of upstream releases")?;
    let markers = snapshot.markers.need("the list of marker branches")?;
    let holds = snapshot.holds.need("the list of held releases")?;
    let mut left_out = withdrawn(upstream, snapshot, markers);
    let selected = selected(upstream, releases.iter().map(|release| &release.name));
    let mut candidates: Vec<&Release> = releases
        .iter()
        .filter(|release| selected.contains(&release.name))
        .collect();
    candidates.sort_by_key(|release| (release.made_at(), release.name.clone()));
    let mut taken: Vec<&Release> = Vec::new();
    let mut conflict: Option<Problem> = None;
    for release in candidates {
        let standing = evidence::standing(workspace, snapshot, release);
        let published = standing.published;
        if published == Some(Published::Yes) {
            continue;
        }
        let marked = markers.contains(&release.name);
        let reason = if holds.contains(&release.name) {
            Some(format!(
                "held: publishing it by name removes the hold: windlass publish {}",
                release.name
            ))
        } else if marked {
            Some(taken_back(release, &standing))
        } else {
            odd(workspace, snapshot, markers, &taken, release)
        };
        if let Some(reason) = reason {
            left_out.push(LeftOut {
                release: release.name.clone(),
                reason: SanitizedText::new(reason),
            });
            continue;
        }
        let run = waiting.iter().find(|run| run.release == release.name);
        match run.filter(|_| published == Some(Published::Partly)) {
            Some(run) => conflict = Some(waits(run, conflict)),
            None => taken.push(release),
        }
    }
    match conflict {
        Some(problem) => Err(problem),
        None => Ok(Queue {
            taken: taken.into_iter().map(|release| release.name.clone()).collect(),
            left_out,
        }),
    }
}

/// Returns the releases among `names` that the workspace's rule selects.
fn selected<'a>(
    upstream: &Upstream,
    names: impl Iterator<Item = &'a ReleaseName>,
) -> BTreeSet<&'a ReleaseName> {
    match upstream.select {
        Select::NewestPerMonth => newest_per_month(names, &upstream.since).into_iter().collect(),
        Select::All => names
            .filter(|name| name.as_str() > upstream.since.as_str())
            .collect(),
    }
}

/// Returns the releases that the rule would select if they were still upstream. They never replace
/// an existing one.
fn withdrawn(upstream: &Upstream, snapshot: &Snapshot, markers: &BTreeSet<ReleaseName>) -> Vec<LeftOut> {
    let releases = snapshot.releases.value.iter().flatten();
    let all = releases.chain(&snapshot.withdrawn).map(|release| &release.name);
    selected(upstream, all)
        .into_iter()
        .filter(|name| snapshot.is_withdrawn(name) && !markers.contains(*name))
        .map(|name| LeftOut {
            release: name.clone(),
            reason: SanitizedText::new("withdrawn: no longer upstream"),
        })
        .collect()
}

/// Returns why a release that was published before, and does not run everywhere now, is not
/// published automatically.
fn taken_back(release: &Release, standing: &PublicationStatus) -> String {
    let state = if standing.published == Some(Published::RolledBack) {
        "rolled back"
    } else {
        "partly published"
    };
    let missing: Vec<&str> = standing.missing.iter().map(SanitizedText::as_str).collect();
    format!(
        "{state}: its branch exists, but {}; publish it by name: windlass publish {}",
        missing.join("; "),
        release.name
    )
}

/// Returns why a release is published only if it is named explicitly, if so.
fn odd(
    workspace: &Workspace,
    snapshot: &Snapshot,
    markers: &BTreeSet<ReleaseName>,
    taken: &[&Release],
    release: &Release,
) -> Option<String> {
    let by_name = format!("publish it by name: windlass publish {}", release.name);
    if snapshot.is_withdrawn(&release.name) {
        return Some(format!("withdrawn: no longer upstream; {by_name}"));
    }
    if let Some(problem) = &release.unreadable {
        return Some(format!("unreadable: {problem}"));
    }
    if let Some(warning) = release.misdated() {
        return Some(format!("misdated: {}; {by_name}", warning.text));
    }
    let twins = evidence::twins(snapshot, release);
    if let Some(twin) = twins.iter().find(|twin| markers.contains(*twin)) {
        let state = snapshot
            .release(twin)
            .and_then(|twin| evidence::standing(workspace, snapshot, twin).published);
        let state = if state == Some(Published::RolledBack) {
            "was rolled back"
        } else {
            "is published"
        };
        return Some(format!(
            "same-content: same images as {twin}, which {state}; {by_name}"
        ));
    }
    // At that point in the queue the earlier one has its marker.
    let twin = taken.iter().find(|earlier| twins.contains(&earlier.name))?;
    Some(format!(
        "same-content: same images as {}, which is published first; {by_name}",
        twin.name
    ))
}

/// Returns the conflict with `run`, added to those found before.
fn waits(run: &WaitingRun, before: Option<Problem>) -> Problem {
    let how = match run.outcome {
        Some("unknown") => "has an unknown outcome",
        Some(_) => "failed",
        None => "was interrupted",
    };
    let text = format!(
        "run {} of {} {how} and must be resumed or rolled back",
        run.run, run.release
    );
    let problem = match before {
        Some(problem) => problem.cause(text),
        None => Problem::new(ProblemKind::Conflict, text).cause("choose one of them; nothing was published"),
    };
    problem
        .hint(format!("resume it: windlass resume {}", run.run))
        .hint(format!("or roll it back: windlass rollback --run {}", run.run))
}

#[cfg(test)]
mod tests;
