//! Plans the promotion of a release: the pairs of its track's edge are released to another risk,
//! base by base.
//!
//! The track must run the release. There is no silent fallback: what is not on the track is left
//! out unless the operator names a channel for it.

mod branch;
#[cfg(test)]
mod tests;
pub mod track;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::{ChannelRow, CharmFacts, followed};
use crate::domain::{
    Channel, CharmName, CharmRevision, Problem, ProblemKind, Release, ReleaseName, ResourceName, Risk,
    SanitizedText, Snapshot, Track,
};

use super::evidence::{self, Published};
use super::pairs::{self, Wanted};
use super::publish::{self, CharmPlan, channels, preflight};
use super::{Intent, Plan, PromoteIntent, Serving};
pub use branch::name as branch_name;

/// What is promoted of one charm.
struct Chosen<'a> {
    charm: &'a Charm,
    facts: &'a CharmFacts,
    from: Channel,
    to: Channel,
}

impl Chosen<'_> {
    fn rows(&self) -> impl Iterator<Item = &ChannelRow> {
        self.facts.rows_of(&self.from)
    }

    /// Returns what the target channel should serve, base by base. A row that already has the charm
    /// revision and images of its source keeps its own resource revisions.
    fn wanted(&self, snapshot: &Snapshot) -> Vec<Wanted> {
        let target = |row: &ChannelRow| {
            self.facts
                .row(&self.to, row.base.as_ref())
                .filter(|target| self.is_same(snapshot, row, target))
        };
        self.rows()
            .map(|row| Wanted {
                channel: self.to.clone(),
                base: row.base.clone(),
                serving: Serving::of(target(row).unwrap_or(row)),
            })
            .collect()
    }

    /// Returns true if both rows have the same charm revision and, resource by resource, the same
    /// revision or the same image.
    fn is_same(&self, snapshot: &Snapshot, row: &ChannelRow, target: &ChannelRow) -> bool {
        let (source, target) = (Serving::of(row), Serving::of(target));
        let image = |name, revision| {
            let behind = snapshot.image_behind(&self.charm.name, name, revision)?;
            Some(behind.digest)
        };
        source.revision == target.revision
            && source.resources.len() == target.resources.len()
            && source
                .resources
                .iter()
                .zip(&target.resources)
                .all(|(one, other)| {
                    one == other
                        || (one.0 == other.0
                            && image(&one.0, one.1)
                                .is_some_and(|found| image(&other.0, other.1) == Some(found)))
                })
    }
}

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &PromoteIntent) -> Result<Plan, Problem> {
    let mut warnings = Vec::new();
    not_to_edge(intent.to)?;
    let release = find_release(snapshot, &intent.release)?;
    let track = release.name.track()?;
    let edge = Channel::new(track.clone(), Risk::Edge);
    let all = all_charms(workspace, snapshot)?;
    named_by_hand(workspace, intent, &all, &edge)?;
    published(workspace, snapshot, &all, release, &edge)?;
    let chosen = choose(intent, &all, &edge, &mut warnings)?;
    for one in &chosen {
        runs_release(workspace, snapshot, release, one, &edge, &mut warnings)?;
        downgrade(workspace, snapshot, intent, one)?;
    }
    let names: Vec<&CharmName> = chosen.iter().map(|one| &one.charm.name).collect();
    preflight::credential(snapshot, &names, &mut warnings)?;

    let mut parts = Vec::new();
    for one in &chosen {
        let wanted = one.wanted(snapshot);
        parts.push(CharmPlan {
            charm: one.charm,
            facts: one.facts,
            images: Vec::new(),
            moves: pairs::moves(one.charm, one.facts, &wanted, &mut warnings)?,
        });
    }
    let to = Channel::new(track, intent.to);
    let marked = branch::plan(workspace, snapshot, release, &to, &all, &parts, &mut warnings)?;
    let mut steps = marked.tracks;
    steps.extend(marked.invisible);
    for part in &parts {
        steps.push(channels::release_step(workspace, snapshot, part));
    }
    steps.extend(marked.released);
    for part in &parts {
        steps.push(channels::verify_step(snapshot, part));
    }
    steps.extend(marked.last);
    channels::name_first(&mut steps, &release.name);
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        format!("Promote {} to {}", release.name, intent.to),
        Intent::Promote(intent.clone()),
        steps,
        release.name.to_string(),
    );
    plan.assumptions = publish::assumptions(&parts);
    plan.assumptions.extend(marked.assumptions);
    plan.left_out = marked.left_out;
    warnings.extend(served_until_now(&chosen));
    preflight::oddities(workspace, snapshot, release, &mut warnings);
    warnings.dedup();
    plan.warnings = warnings;
    Ok(plan)
}

fn not_to_edge(to: Risk) -> Result<(), Problem> {
    if to == Risk::Edge {
        return Err(
            Problem::new(ProblemKind::Usage, "a release cannot be promoted to edge")
                .hint("use --to candidate, beta or stable"),
        );
    }
    Ok(())
}

fn find_release<'a>(snapshot: &'a Snapshot, name: &ReleaseName) -> Result<&'a Release, Problem> {
    // A release that upstream withdrew may still run here.
    if let Some(release) = snapshot.release(name) {
        return Ok(release);
    }
    snapshot.releases.need("the list of upstream releases")?;
    Err(Problem::new(
        ProblemKind::NotFound,
        format!("release {name} not found upstream"),
    )
    .hint("list the releases: windlass releases"))
}

type All<'a> = Vec<(&'a Charm, &'a CharmFacts)>;

fn all_charms<'a>(workspace: &'a Workspace, snapshot: &'a Snapshot) -> Result<All<'a>, Problem> {
    workspace
        .charms
        .iter()
        .map(|charm| {
            let seen = snapshot
                .charms
                .get(&charm.name)
                .ok_or_else(|| Problem::new(ProblemKind::Internal, format!("{} was not read", charm.name)))?;
            Ok((charm, seen.need(charm.name.as_str())?))
        })
        .collect()
}

/// Checks the channels that the operator named in place of the release's own.
fn named_by_hand(
    workspace: &Workspace,
    intent: &PromoteIntent,
    all: &All<'_>,
    edge: &Channel,
) -> Result<(), Problem> {
    for (name, channel) in &intent.with {
        let Some((_, facts)) = all.iter().find(|(charm, _)| &charm.name == name) else {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!("{name} is not a charm of workspace {}", workspace.name),
            )
            .hint("list the charms: windlass charms"));
        };
        // From a risk to itself nothing changes, and the plan says so.
        if channel.risk < intent.to {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!(
                    "--with {name}={channel}: {} is more stable than {}",
                    channel.risk, intent.to
                ),
            )
            .hint(format!("choose a channel that is less stable than {}", intent.to)));
        }
        if channel != edge && facts.rows_of(edge).next().is_some() {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!(
                    "--with {name}={channel}: {edge} serves {name} already, and is promoted \
                    instead"
                ),
            )
            .hint(format!("omit --with {name}")));
        }
        if facts.rows_of(channel).next().is_none() {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!("--with {name}={channel}: the channel is closed"),
            )
            .hint("list the open channels: windlass channels"));
        }
    }
    Ok(())
}

/// Fails if the release is not published, or if its edge serves no charm with an image of the
/// release.
fn published(
    workspace: &Workspace,
    snapshot: &Snapshot,
    all: &All<'_>,
    release: &Release,
    edge: &Channel,
) -> Result<(), Problem> {
    let standing = evidence::standing(workspace, snapshot, release);
    let feeds = |charm: &Charm| charm.fed().next().is_some();
    let any_fed = all.iter().any(|(charm, _)| feeds(charm));
    let open = all
        .iter()
        .any(|(charm, facts)| (feeds(charm) || !any_fed) && facts.rows_of(edge).next().is_some());
    let why = match standing.published {
        Some(Published::No) => "it is not published".to_owned(),
        Some(Published::RolledBack) => "it was rolled back".to_owned(),
        Some(Published::Yes | Published::Partly) | None if open => return Ok(()),
        Some(Published::Yes | Published::Partly) | None => format!("{edge} is closed"),
    };
    let problem = Problem::new(
        ProblemKind::Refused,
        format!("release {} cannot be promoted: {why}", release.name),
    );
    let problem = standing.missing.into_iter().fold(problem, Problem::cause);
    Err(problem.hint(format!("publish it first: windlass publish {}", release.name)))
}

fn choose<'a>(
    intent: &PromoteIntent,
    all: &All<'a>,
    edge: &Channel,
    warnings: &mut Vec<SanitizedText>,
) -> Result<Vec<Chosen<'a>>, Problem> {
    let mut chosen = Vec::new();
    for (charm, facts) in all {
        let by_hand = intent.with.contains_key(&charm.name);
        if charm.fed().next().is_some() && facts.rows_of(edge).next().is_none() && !by_hand {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!(
                    "release {} is only partly published: {} has no open channel {edge}",
                    intent.release, charm.name
                ),
            )
            .hint(format!(
                "finish publishing it first: windlass publish {}",
                intent.release
            )));
        }
        let from = intent.with.get(&charm.name).unwrap_or(edge);
        if facts.rows_of(from).next().is_some() {
            chosen.push(Chosen {
                charm,
                facts,
                from: from.clone(),
                to: Channel::new(from.track.clone(), intent.to),
            });
            continue;
        }
        let latest = Channel::new(Track::latest(), Risk::Edge);
        let way = if facts.rows_of(&latest).next().is_some() {
            format!(
                "; --with {}={latest} promotes it to {}",
                charm.name,
                Channel::new(Track::latest(), intent.to)
            )
        } else {
            String::new()
        };
        warnings.push(SanitizedText::new(format!(
            "{} is left out, because {edge} is closed for it{way}",
            charm.name
        )));
    }
    Ok(chosen)
}

/// Checks that the rows to promote run an image of the release: its track may already have a later
/// release of the month. For a channel that the operator named, a difference is only a warning.
fn runs_release(
    workspace: &Workspace,
    snapshot: &Snapshot,
    release: &Release,
    one: &Chosen<'_>,
    edge: &Channel,
    warnings: &mut Vec<SanitizedText>,
) -> Result<(), Problem> {
    let mut others: BTreeMap<String, Option<ReleaseName>> = BTreeMap::new();
    for (resource, key) in one.charm.fed() {
        let Some(tag) = release.images.get(key) else {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!(
                    "release {} names no image {}",
                    release.name,
                    SanitizedText::capped(key, 100)
                ),
            )
            .hint("promote it manually: windlass release"));
        };
        let reference = workspace.image_repository(key)?.tagged(tag);
        let upstream = snapshot
            .image(&reference)
            .ok_or_else(|| Problem::new(ProblemKind::Internal, format!("{reference} was not read")))?;
        for row in one.rows() {
            let behind = row
                .resource(resource)
                .and_then(|revision| snapshot.image_behind(&one.charm.name, resource, revision));
            let same = match behind {
                Some(behind) => evidence::same_image(upstream.need(&reference.to_string())?, behind),
                None => false,
            };
            if !same {
                let (text, runs) = running(workspace, snapshot, one, resource, row);
                others.insert(text, runs);
            }
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    if &one.from != edge {
        warnings.extend(
            others
                .keys()
                .map(|text| SanitizedText::new(format!("{text}, not {}", release.name))),
        );
        return Ok(());
    }
    let mut problem = Problem::new(
        ProblemKind::Refused,
        format!(
            "{edge} of {} does not run release {}",
            one.charm.name, release.name
        ),
    );
    for text in others.keys() {
        problem = problem.cause(text);
    }
    problem = match others.values().flatten().next() {
        Some(runs) => problem.hint(format!(
            "promote what it runs: windlass promote {runs} --to {}",
            one.to.risk
        )),
        None => problem,
    };
    Err(problem.hint(format!(
        "or publish this release again: windlass publish {}",
        release.name
    )))
}

/// Returns a description of what a row runs, and the release of its own track that it belongs to.
fn running(
    workspace: &Workspace,
    snapshot: &Snapshot,
    one: &Chosen<'_>,
    resource: &ResourceName,
    row: &ChannelRow,
) -> (String, Option<ReleaseName>) {
    let named = evidence::releases_in_row(workspace, snapshot, one.charm, resource, row);
    let behind = row
        .resource(resource)
        .and_then(|revision| snapshot.image_behind(&one.charm.name, resource, revision));
    let what = match (named.as_slice(), behind) {
        ([], None) => "an image that could not be read".to_owned(),
        ([], Some(behind)) => format!("an image of no known release, {}", behind.digest.short()),
        (named, _) => {
            let names: Vec<String> = named.iter().map(ToString::to_string).collect();
            format!("the image of {}", names.join(", "))
        }
    };
    let own = named
        .iter()
        .find(|name| name.month() == row.channel.track.as_str());
    let base = row
        .base
        .as_ref()
        .map_or_else(String::new, |base| format!(" ({base})"));
    let text = format!("{} {}{base} runs {what}", one.charm.name, row.channel);
    (text, own.or(named.first()).cloned())
}

/// Fails if the promotion would return the `latest` track to an older release.
fn downgrade(
    workspace: &Workspace,
    snapshot: &Snapshot,
    intent: &PromoteIntent,
    one: &Chosen<'_>,
) -> Result<(), Problem> {
    newer_there(workspace, snapshot, one).map_or(Ok(()), |problem| {
        Err(problem
            .hint(format!(
                "omit --with {}, or release the pair: windlass release {} --channel {} …",
                one.charm.name, one.charm.name, one.to
            ))
            .hint(format!(
                "promote the rest: windlass promote {} --to {}",
                intent.release, intent.to
            )))
    })
}

/// Returns a problem if the target, a channel of the `latest` track, runs a newer release.
fn newer_there(workspace: &Workspace, snapshot: &Snapshot, one: &Chosen<'_>) -> Option<Problem> {
    if one.to.track != Track::latest() {
        return None;
    }
    let release_of = |resource, row| {
        preflight::newest_running(workspace, snapshot, one.charm, resource, row)
            .and_then(|release| Some((release, release.made_at()?)))
    };
    for row in one.rows() {
        let Some(target) = one.facts.row(&one.to, row.base.as_ref()) else {
            continue;
        };
        for (resource, _) in one.charm.fed() {
            if let (Some((new, made)), Some((old, then))) =
                (release_of(resource, row), release_of(resource, target))
                && made < then
            {
                return Some(Problem::new(
                    ProblemKind::Refused,
                    format!(
                        "{} {} serves release {}, which is newer than {} on {}",
                        one.charm.name,
                        one.to,
                        old.name.with_date(then),
                        new.name.with_date(made),
                        one.from
                    ),
                ));
            }
        }
    }
    None
}

/// What deployments that use a channel that is closed now get until then: one text for all charms
/// of a channel that fall back to the same one.
fn served_until_now(chosen: &[Chosen<'_>]) -> Vec<SanitizedText> {
    let mut closed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in chosen {
        if one.facts.rows_of(&one.to).next().is_some() {
            continue;
        }
        let mut charm = one.charm.name.to_string();
        let served = match followed(&one.facts.rows, &one.to) {
            Some(channel) => {
                let rows = one.facts.rows_of(&channel);
                let revisions: BTreeSet<CharmRevision> = rows.map(|row| row.revision).collect();
                let revisions: Vec<String> = revisions.iter().map(ToString::to_string).collect();
                charm.push_str(&format!(" ({})", revisions.join(", ")));
                channel.to_string()
            }
            None => "nothing".to_owned(),
        };
        let charms = closed
            .entry(format!(
                "opening {}: deployments that use it currently get {served}",
                one.to
            ))
            .or_default();
        if !charms.contains(&charm) {
            charms.push(charm);
        }
    }
    closed
        .into_iter()
        .map(|(text, charms)| SanitizedText::new(format!("{text} for {}", charms.join(", "))))
        .collect()
}
