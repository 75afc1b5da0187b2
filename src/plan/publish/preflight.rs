//! What must be true before a publish is worth planning.
//!
//! Owns the checks of credential, guardrails and downgrade and the wording of their refusals.
//! Must not build steps.

use chrono::TimeDelta;

use super::Part;
use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::ChannelRow;
use crate::domain::{CharmName, Kind, Outside, Problem, Release, Snapshot, Track};
use crate::plan::PublishIntent;
use crate::plan::evidence;

/// A credential must outlive the run by this much.
const LEAST_LIFE: TimeDelta = TimeDelta::minutes(15);
/// From here on its end is worth a warning.
const WARN_DAYS: i64 = 14;

/// Checks that the store credential may upload to and release these charms.
pub fn credential(
    snapshot: &Snapshot,
    charms: &[&CharmName],
    warnings: &mut Vec<Outside>,
) -> Result<(), Problem> {
    let facts = snapshot.credential.need("the Charmhub credential")?;
    if let Some(end) = facts.expires_at
        && end - snapshot.taken_at < LEAST_LIFE
    {
        return Err(Problem::new(
            Kind::Credentials,
            format!(
                "the Charmhub credential from {} ends {}",
                facts.source,
                end.format("%Y-%m-%d %H:%M UTC")
            ),
        )
        .hint("sign in anew: windlass login, or windlass login --export FILE and CHARMCRAFT_AUTH=@FILE"));
    }
    for permission in [
        "package-manage-revisions",
        "package-manage-releases",
        "package-view-revisions",
    ] {
        if !facts.permits(permission) {
            return Err(Problem::new(
                Kind::Credentials,
                format!(
                    "the Charmhub credential from {} lacks the permission {permission}",
                    facts.source
                ),
            )
            .hint("make one with --permission package-manage --permission package-view-revisions"));
        }
    }
    for charm in charms {
        let id = snapshot
            .charms
            .get(*charm)
            .and_then(|f| f.value.as_ref())
            .map(|f| f.id.as_str());
        if !facts.reaches(charm.as_str(), id) {
            return Err(Problem::new(
                Kind::Credentials,
                format!(
                    "the Charmhub credential from {} does not reach {}",
                    facts.source, charm
                ),
            )
            .hint(format!(
                "make one that names it: windlass login --export FILE --charm {charm} …"
            )));
        }
    }
    if let Some(days) = facts
        .days_left(snapshot.taken_at)
        .filter(|days| *days <= WARN_DAYS)
    {
        warnings.push(Outside::new(format!(
            "the Charmhub credential ends in {days} d: rotate it soon"
        )));
    }
    Ok(())
}

/// Checks that the store lets `track` be created.
pub fn guardrail(part: &Part, track: &Track) -> Result<(), Problem> {
    let fits = part.facts.guardrails.iter().any(|pattern| {
        // The store's patterns are anchored at the start only, as Python's match is.
        regex::Regex::new(&format!("^(?:{pattern})")).is_ok_and(|regex| regex.is_match(track.as_str()))
    });
    if fits {
        return Ok(());
    }
    let known: Vec<_> = part
        .facts
        .guardrails
        .iter()
        .map(|p| Outside::capped(p, 60).to_string())
        .collect();
    let problem = Problem::new(
        Kind::Refused,
        format!(
            "{} has no track {track}, and the store will not let it be created",
            part.charm.name
        ),
    );
    let problem = if known.is_empty() {
        problem.cause("the charm has no guardrail, so only the store's staff can create tracks")
    } else {
        problem.cause(format!("new tracks must match {}", known.join(" or ")))
    };
    Err(problem.hint("ask for the track at discourse.charmhub.io, category charmhub requests"))
}

/// Refuses to walk the `latest` track back in time.
pub fn downgrade(
    workspace: &Workspace,
    snapshot: &Snapshot,
    intent: &PublishIntent,
    release: &Release,
    part: &Part,
    warnings: &mut Vec<Outside>,
) -> Result<(), Problem> {
    for target in part
        .moves
        .iter()
        .filter(|target| target.channel.track == Track::latest())
    {
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
                "{} {} runs release {} of {}, which is newer than {} of {}",
                part.charm.name,
                target.channel,
                running.name,
                then.format("%Y-%m-%d"),
                release.name,
                now.format("%Y-%m-%d")
            );
            if intent.allow_downgrade {
                warnings.push(Outside::new(format!("downgrade: {text}")));
            } else {
                return Err(Problem::new(Kind::Refused, text)
                    .hint("--track-only publishes to the release's own track alone")
                    .hint("--allow-downgrade lets latest/edge go back in time"));
            }
        }
    }
    Ok(())
}

/// The oldest release among those that name the running image is what it was at least; the newest
/// would call a re-release of old images an upgrade. Twins count as the earliest of them.
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

/// Warns of what is odd about the release itself.
pub fn oddities(workspace: &Workspace, snapshot: &Snapshot, release: &Release, warnings: &mut Vec<Outside>) {
    for warning in evidence::warnings(workspace, snapshot, release) {
        warnings.push(Outside::new(format!("{}: {}", release.name, warning.text)));
    }
}
