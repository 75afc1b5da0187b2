//! `status`: shows the state of everything on one page.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::credentials::credential_line;
use super::sources::sources;
use super::{charm_names, rows, serving, warn};
use crate::cli::output::Output;
use crate::cli::{Ending, tables};
use crate::domain::credential::days_in_short;
use crate::domain::snapshot::SourceStatus;
use crate::domain::{Observed, Problem, ProblemKind, ReleaseName, Snapshot, count, first_of};
use crate::journal::RunId;
use crate::observe::View;
use crate::plan::credentials::{Credential, CredentialRole};
use crate::plan::label::{Label, Labels};
use crate::plan::{credentials, evidence};
use crate::run::Session;

/// Number of release names in their line; beyond that only a count.
const SHOWN: usize = 6;

/// Returns the error if no source could be read.
fn nothing_read(session: &Session, snapshot: &Snapshot) -> Option<Problem> {
    fn of<T>(seen: &Observed<T>) -> (bool, SourceStatus, Option<&Problem>) {
        (seen.value.is_some(), seen.standing(), seen.problem.as_ref())
    }
    let mut sources = vec![
        of(&snapshot.releases),
        of(&snapshot.markers),
        of(&snapshot.holds),
        of(&snapshot.credential),
        of(&snapshot.github),
    ];
    sources.extend(snapshot.charms.values().map(of));
    sources.extend(snapshot.served.values().map(of));
    let any_value = sources.iter().any(|(value, ..)| *value);
    if session.observer.is_offline() {
        return (!any_value).then(|| {
            Problem::new(ProblemKind::Network, "no cached data for this workspace")
                .hint("run it once without --offline")
        });
    }
    let problem = if snapshot.no_network().is_some() {
        Problem::new(ProblemKind::Network, "no network")
    } else if sources
        .iter()
        .any(|(_, standing, _)| *standing == SourceStatus::Known)
    {
        return None;
    } else {
        let failed = sources.into_iter().filter_map(|(.., problem)| problem);
        failed
            .filter(|problem| problem.kind.exit_code() == ProblemKind::Network.exit_code())
            .map(Clone::clone)
            .next()?
    };
    Some(if any_value {
        problem.hint("show cached data: windlass status --offline")
    } else {
        problem
    })
}

/// Runs `status`.
pub async fn status(session: &Session, output: &Output) -> Ending {
    let snapshot = session
        .observer
        .view(session.observer.cached(), View::Status)
        .await;
    let workspace = &session.config.workspace;
    if let Some(problem) = nothing_read(session, &snapshot) {
        return Err(problem);
    }
    // Without a journal open runs are unknown; the reason was reported when it was opened, or is
    // reported here.
    let open: Option<Vec<RunId>> = match session.journal.unfinished_runs() {
        Ok(runs) => Some(runs.into_iter().map(|run| run.id).collect()),
        Err(problem) => {
            if session.journal.notice().is_none() {
                output.note("journal", &problem);
            }
            None
        }
    };
    // What the console labels "new", and what was published but is not everywhere now.
    let labels = Labels::among(workspace, &snapshot);
    let labelled: Vec<(&ReleaseName, Label)> = snapshot
        .releases
        .value
        .iter()
        .flatten()
        .map(|release| {
            let published = evidence::standing(workspace, &snapshot, release).published;
            (&release.name, labels.of(release, published))
        })
        .filter(|(_, label)| matches!(label, Label::New | Label::Partly | Label::RolledBack))
        .collect();
    let named = |wanted: &Label| -> Vec<&ReleaseName> {
        let own = labelled.iter().filter(|(_, label)| label == wanted);
        own.map(|(name, _)| *name).collect()
    };
    let sources = sources(session, View::Status, &snapshot);
    let now = snapshot.taken_at;
    let all = credentials::with_unread_secrets(workspace, &snapshot, now);
    let next = credentials::next_expiry(&all);
    if output.json {
        let mut content = vec![(
            "status",
            json!({
                "world": snapshot.world,
                "unpublished": labelled.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                "partly": named(&Label::Partly),
                "rolled_back": named(&Label::RolledBack),
                "credential": snapshot.credential.value,
                "github": snapshot.github.value,
                "next_expiry": next.map(|next| json!({
                    "name": next.facts.name, "source": next.facts.source,
                    "expires_at": next.facts.expires_at, "days_left": next.facts.days_left(now),
                    "alarm": next.alarm(now), "revoked_at": next.revoked_at,
                })),
                "quota": snapshot.quota,
                "open_runs": open,
            }),
        )];
        content.extend(sources.keys());
        output.document("status", Some(&workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    output.answer(&format!("workspace {} on {}\n", workspace.name, snapshot.world));
    if let Some(releases) = &snapshot.releases.value {
        let shown = labelled.iter().map(|(name, label)| match label {
            Label::New => name.to_string(),
            other => format!("{name} ({})", other.words()),
        });
        let names: Vec<String> = shown.collect();
        output.answer(&format!(
            "{}, not published: {}\n",
            count(releases.len(), "release", "releases"),
            first_of(&names, SHOWN)
        ));
    }
    let mut table = tables::Table::new(&["charm", "channel", "base", "revision", "resources", "release"]);
    for charm in charm_names(session) {
        for row in rows(&snapshot, &charm)
            .iter()
            .filter(|row| row.channel.track == crate::domain::Track::latest())
        {
            let (resources, named) = serving(session, &snapshot, &charm, row);
            table.row(vec![
                charm.to_string(),
                row.channel.to_string(),
                row.base.as_ref().map(ToString::to_string).unwrap_or_default(),
                row.revision.to_string(),
                resources,
                named,
            ]);
        }
    }
    output.answer(&table.text());
    if let Some(facts) = &snapshot.credential.value {
        output.answer(&credential_line(facts, &snapshot));
    }
    // The line above shows the expiry of the token that windlass uses.
    let is_shown = |next: &Credential| next.facts.token_kind.is_none() && next.role == CredentialRole::Own;
    if let Some(next) = next.filter(|next| snapshot.credential.value.is_none() || !is_shown(next)) {
        output.answer(&next_expiry_line(next, now));
    }
    if let Some(quota) = snapshot.quota {
        output.answer(&format!(
            "Docker Hub: {} of {} pulls left\n",
            quota.remaining, quota.limit
        ));
    }
    for run in open.unwrap_or_default() {
        output.answer(&format!("run {run} is unfinished: windlass resume {run}\n"));
    }
    Ok(0)
}

/// Describes the credential that was revoked or expires first.
fn next_expiry_line(next: &Credential, now: DateTime<Utc>) -> String {
    let place = format!("{} in {}", next.facts.name, next.facts.source);
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    match (next.revoked_at, next.facts.expires_at, next.facts.days_left(now)) {
        (Some(at), ..) => format!("revoked: {place}, {}\n", time(at)),
        (None, Some(at), _) if at <= now => format!("expired: {place}, {}\n", time(at)),
        (None, Some(at), days) => format!(
            "next expiry: {place}, {} ({})\n",
            time(at),
            days_in_short(days.unwrap_or_default())
        ),
        (None, None, _) => String::new(),
    }
}
