//! Checks the requirements of a publish before it is planned: credentials, guardrails and
//! downgrades.

use chrono::TimeDelta;

use super::CharmPlan;
use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::bundle::BundleFacts;
use crate::domain::charm::{ChannelRow, CharmFacts};
use crate::domain::credential::{CredentialFacts, days_in_short};
use crate::domain::{
    CharmName, GitHubRepository, Problem, ProblemKind, Release, Remedy, SanitizedText, Snapshot, Track,
};
use crate::plan::PublishIntent;
use crate::plan::evidence;

/// Minimum remaining lifetime of a credential.
const LEAST_LIFE: TimeDelta = TimeDelta::minutes(15);
/// Remaining days below which an expiry is reported as a warning.
const WARN_DAYS: i64 = 14;

/// Checks that the store credential may upload to and release these charms.
pub fn credential(
    snapshot: &Snapshot,
    charms: &[&CharmName],
    warnings: &mut Vec<SanitizedText>,
) -> Result<(), Problem> {
    let facts = snapshot.credential.need("the Charmhub credential")?;
    if let Some(end) = facts.expires_at
        && end - snapshot.taken_at < LEAST_LIFE
    {
        return Err(Problem::new(
            ProblemKind::Credentials,
            format!(
                "the Charmhub credential from {} expires {}",
                facts.source,
                end.format("%Y-%m-%d %H:%M UTC")
            ),
        )
        .hint("sign in again: windlass login, or windlass login --export FILE and CHARMCRAFT_AUTH=@FILE"));
    }
    for permission in [
        "package-manage-revisions",
        "package-manage-releases",
        "package-view-revisions",
    ] {
        if !facts.permits(permission) {
            return Err(Problem::new(
                ProblemKind::Credentials,
                format!(
                    "the Charmhub credential from {} lacks the permission {permission}",
                    facts.source
                ),
            )
            .hint("create one with --permission package-manage --permission package-view-revisions"));
        }
    }
    for charm in charms {
        reaches(snapshot, facts, charm, "--charm")?;
    }
    if let Some(days) = facts
        .days_left(snapshot.taken_at)
        .filter(|days| *days <= WARN_DAYS)
    {
        warnings.push(SanitizedText::new(format!(
            "the Charmhub credential expires in {}; rotate it soon",
            days_in_short(days)
        )));
    }
    Ok(())
}

/// Checks that the store credential may also publish the bundle.
pub fn reaches_bundle(snapshot: &Snapshot, bundle: &CharmName) -> Result<(), Problem> {
    let facts = snapshot.credential.need("the Charmhub credential")?;
    reaches(snapshot, facts, bundle, "--bundle")
}

fn reaches(
    snapshot: &Snapshot,
    facts: &CredentialFacts,
    name: &CharmName,
    flag: &str,
) -> Result<(), Problem> {
    let id = snapshot
        .charms
        .get(name)
        .and_then(|f| f.value.as_ref())
        .map(|f| f.id.as_str());
    if facts.reaches(name.as_str(), id) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Credentials,
        format!(
            "the Charmhub credential from {} does not cover {name}",
            facts.source
        ),
    )
    .hint(format!(
        "create one that covers it: windlass login --export FILE {flag} {name} …"
    )))
}

/// Returns the facts of the bundle's repository.
pub fn repository<'a>(
    snapshot: &'a Snapshot,
    repository: &GitHubRepository,
) -> Result<&'a BundleFacts, Problem> {
    match &snapshot.bundle.problem {
        // GitHub returns "not found" for what a token may not read.
        Some(problem) if matches!(problem.kind, ProblemKind::NotFound | ProblemKind::Credentials) => {
            let mut refused = lacks(repository, "the repository could not be read");
            refused.causes.push(problem.summary.clone());
            refused.causes.extend(problem.causes.clone());
            refused.credential_expired |= problem.credential_expired;
            Err(refused)
        }
        _ => snapshot.bundle.need(repository.as_str()),
    }
}

/// Checks that the GitHub token may push to the bundle's repository, as far as GitHub reports it.
pub fn may_write(
    snapshot: &Snapshot,
    repository: &GitHubRepository,
    facts: &BundleFacts,
) -> Result<(), Problem> {
    let token = &snapshot.github;
    if facts.writable == Some(false) {
        return Err(lacks(
            repository,
            "GitHub reports that this token may not push to it",
        ));
    }
    if let Some(problem) = &token.problem
        && problem.kind == ProblemKind::NotFound
        && facts.writable.is_none()
    {
        return Err(lacks(repository, problem.summary.as_str()));
    }
    // The permission above is that of the account: a classic token may have less. Other tokens have
    // no list of scopes.
    if let (Some(known), None) = (&token.value, &token.problem) {
        let classic = !known.scopes.is_empty() || known.is_classic();
        let fits = |scope: &SanitizedText| matches!(scope.as_str(), "repo" | "public_repo");
        if classic && !known.scopes.iter().any(fits) {
            let scopes: Vec<String> = known.scopes.iter().map(ToString::to_string).collect();
            let scopes = if scopes.is_empty() {
                "none".to_owned()
            } else {
                scopes.join(", ")
            };
            return Err(lacks(
                repository,
                &format!("the scopes of the token from {} are: {scopes}", known.source),
            ));
        }
    }
    Ok(())
}

fn lacks(repository: &GitHubRepository, why: &str) -> Problem {
    Problem::new(
        ProblemKind::Credentials,
        format!("the release branch needs a GitHub token that may write to {repository}"),
    )
    .cause(why)
    .hint("set GH_TOKEN to a token with the scope repo, or public_repo for a public repository (fine-grained: Contents: write)")
    .remedy(&[Remedy::WithoutMarker], "--without branch,bundle publishes only the charms")
}

/// Checks that the store's guardrails allow `track`.
pub fn guardrail(part: &CharmPlan, track: &Track) -> Result<(), Problem> {
    guardrail_of(&part.charm.name, part.facts, track)
}

/// Checks the guardrails as [`guardrail`] does, for a charm or bundle by name.
pub fn guardrail_of(name: &CharmName, facts: &CharmFacts, track: &Track) -> Result<(), Problem> {
    let fits = facts.guardrails.iter().any(|pattern| {
        // The store's patterns are anchored at the start only, as in Python's `re.match`.
        regex::Regex::new(&format!("^(?:{pattern})")).is_ok_and(|regex| regex.is_match(track.as_str()))
    });
    if fits {
        return Ok(());
    }
    let known: Vec<_> = facts
        .guardrails
        .iter()
        .map(|p| SanitizedText::capped(p, 60).to_string())
        .collect();
    let problem = Problem::new(
        ProblemKind::Refused,
        format!("{name} has no track {track}, and Charmhub does not allow creating it"),
    );
    let problem = if known.is_empty() {
        problem.cause("the package has no guardrail, so only Charmhub staff can create tracks")
    } else {
        problem.cause(format!("new tracks must match {}", known.join(" or ")))
    };
    Err(problem.hint("request the track at discourse.charmhub.io, category charmhub requests"))
}

/// Refuses to release an older release to a channel than the one that it runs.
pub fn downgrade(
    workspace: &Workspace,
    snapshot: &Snapshot,
    intent: &PublishIntent,
    release: &Release,
    part: &CharmPlan,
    warnings: &mut Vec<SanitizedText>,
) -> Result<(), Problem> {
    // The first channel that would go back, and whether `latest` alone would.
    let mut refused: Option<(String, bool)> = None;
    for target in &part.moves {
        let Some(row) = part.facts.row(&target.channel, target.base.as_ref()) else {
            continue;
        };
        for image in &part.images {
            let Some(running) = newest_running(workspace, snapshot, part.charm, image.resource, row) else {
                continue;
            };
            let (Some(now), Some(then)) = (release.made_at(), running.made_at()) else {
                continue;
            };
            if now >= then || running.name == release.name {
                continue;
            }
            let text = format!(
                "{} {} serves release {}, which is newer than {}",
                part.charm.name,
                target.channel,
                running.name.with_date(then),
                release.name.with_date(now)
            );
            if intent.allow_downgrade {
                warnings.push(SanitizedText::new(format!("downgrade: {text}")));
                continue;
            }
            let is_latest = target.channel.track == Track::latest();
            let (_, latest_alone) = refused.get_or_insert((text, true));
            *latest_alone &= is_latest;
        }
    }
    let Some((text, latest_alone)) = refused else {
        return Ok(());
    };
    let mut problem = Problem::new(ProblemKind::Refused, text);
    if latest_alone {
        problem = problem.remedy(
            &[Remedy::TrackOnly],
            "--track-only publishes only to the release's own track",
        );
    }
    Err(problem.remedy(
        &[Remedy::AllowDowngrade],
        if latest_alone {
            "--allow-downgrade lets latest/edge move to an older release"
        } else {
            "--allow-downgrade lets the release's own track move to an older release too"
        },
    ))
}

/// Returns the oldest of the releases that name the running image. The newest would make a new
/// release of old images an upgrade. Duplicates count as the earliest of them.
pub fn newest_running<'a>(
    workspace: &Workspace,
    snapshot: &'a Snapshot,
    charm: &Charm,
    resource: &crate::domain::ResourceName,
    row: &ChannelRow,
) -> Option<&'a Release> {
    evidence::releases_in_row(workspace, snapshot, charm, resource, row)
        .iter()
        .filter_map(|name| snapshot.release(name))
        .min_by_key(|release| release.made_at())
}

/// Adds the warnings about the release itself.
pub fn oddities(
    workspace: &Workspace,
    snapshot: &Snapshot,
    release: &Release,
    warnings: &mut Vec<SanitizedText>,
) {
    for warning in evidence::warnings(workspace, snapshot, release) {
        warnings.push(SanitizedText::new(format!("{}: {}", release.name, warning.text)));
    }
}
