//! Chooses the revision for each channel and base, and creates the steps that release and verify
//! it.

use std::collections::BTreeMap;

use super::CharmPlan;
use super::images::ChosenImage;
use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::{ChannelRow, CharmFacts, RevisionFacts};
use crate::domain::{
    Base, Channel, CharmRevision, Problem, ProblemKind, ReleaseName, Remedy, ResourceName, Risk,
    SanitizedText, Snapshot, Track,
};
use crate::plan::evidence;
use crate::plan::{
    AttachFrom, ChannelUpdate, Op, PlannedResource, PlannedRow, PublishIntent, ResourceAttachment, Serving,
    State, Step, StepId, Undo,
};

/// Returns the channels that `intent` publishes to.
pub fn targets(workspace: &Workspace, intent: &PublishIntent) -> Result<Vec<Channel>, Problem> {
    let mut channels = workspace.channels_for(&intent.release)?;
    if intent.track_only {
        channels.retain(|channel| channel.track != Track::latest());
    }
    if channels.is_empty() {
        return Err(Problem::new(
            ProblemKind::Config,
            format!("workspace {} has no channels to publish to", workspace.name),
        )
        .hint("add channels under [publish] in the workspace file"));
    }
    Ok(channels)
}

/// Returns what each channel of `charm` should serve, base by base. Revisions are in ascending
/// order: if one revision covers the base of another, the newer one is released last and stays.
pub fn moves(
    intent: &PublishIntent,
    charm: &Charm,
    facts: &CharmFacts,
    images: &[ChosenImage],
    channels: &[Channel],
    warnings: &mut Vec<SanitizedText>,
) -> Result<Vec<ChannelUpdate>, Problem> {
    let mut chosen = revisions(intent, charm, facts, warnings)?;
    opened_too(charm, &mut chosen, warnings);
    chosen.sort_by_key(|(base, revision)| (revision.revision, base.clone()));
    let mut moves = Vec::new();
    for channel in channels {
        for (base, revision) in &chosen {
            let row = facts.row(channel, base.as_ref());
            let resources = resources(charm, facts, images, revision.revision, row, base.as_ref());
            moves.push(ChannelUpdate {
                channel: channel.clone(),
                base: base.clone(),
                revision: revision.revision,
                resources,
                before: row.map(Serving::of),
            });
        }
    }
    Ok(moves)
}

fn latest_edge() -> Channel {
    Channel::new(Track::latest(), Risk::Edge)
}

/// Adds bases that were not requested: the store releases a revision to every base that it is built
/// for, so they belong in the preview. If two revisions cover such a base, the newer one stays.
fn opened_too(
    charm: &Charm,
    chosen: &mut Vec<(Option<Base>, &RevisionFacts)>,
    warnings: &mut Vec<SanitizedText>,
) {
    let mut more: BTreeMap<Base, &RevisionFacts> = BTreeMap::new();
    for (_, revision) in chosen.iter() {
        for base in revision.bases.iter().filter(|base| base.architecture != "all") {
            if chosen.iter().any(|(known, _)| known.as_ref() == Some(base)) {
                continue;
            }
            let best = more.entry(base.clone()).or_insert(revision);
            if revision.revision > best.revision {
                *best = revision;
            }
        }
    }
    for (base, revision) in more {
        warnings.push(SanitizedText::new(format!(
            "{}: revision {} is built for {base} too, which opens on {}",
            charm.name,
            revision.revision.0,
            latest_edge()
        )));
        chosen.push((Some(base), revision));
    }
}

/// Returns one revision per base that is open on `latest/edge`.
fn revisions<'a>(
    intent: &PublishIntent,
    charm: &Charm,
    facts: &'a CharmFacts,
    warnings: &mut Vec<SanitizedText>,
) -> Result<Vec<(Option<Base>, &'a RevisionFacts)>, Problem> {
    let edge = latest_edge();
    let open: BTreeMap<Option<Base>, CharmRevision> = facts
        .rows_of(&edge)
        .map(|row| (row.base.clone(), row.revision))
        .collect();
    if open.is_empty() {
        return first_release(intent, charm, facts);
    }
    let by_hand = intent
        .revisions
        .get(&charm.name)
        .map(|n| releasable(charm, facts, *n))
        .transpose()?;
    if let Some(revision) = by_hand
        && !open
            .keys()
            .flatten()
            .any(|base| revision.bases.iter().any(|own| own.covers(base)))
        && open.keys().any(Option::is_some)
    {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!(
                "revision {} of {} is built for no base that {edge} serves",
                revision.revision.0, charm.name
            ),
        )
        .remedy(
            &[Remedy::KeepRevision],
            "choose a revision built for an open base, or omit --revision",
        ));
    }
    let mut chosen = Vec::new();
    for (base, running) in open {
        let covers = |revision: &RevisionFacts| {
            base.as_ref()
                .is_none_or(|base| revision.bases.iter().any(|own| own.covers(base)))
        };
        let revision = if let Some(revision) = by_hand.filter(|revision| covers(revision)) {
            revision
        } else if intent.keep_revision {
            releasable(charm, facts, running)?
        } else {
            let newest = match &base {
                Some(base) => facts.newest_for(base),
                None => facts
                    .revisions
                    .iter()
                    .filter(|r| r.releasable())
                    .max_by_key(|r| r.revision),
            };
            newest.ok_or_else(|| no_revision(charm, base.as_ref()))?
        };
        if revision.revision != running {
            let place = base
                .as_ref()
                .map_or_else(String::new, |base| format!(" for {base}"));
            warnings.push(SanitizedText::new(format!(
                "{}: releases revision {}{place}, but {edge} runs {}; --keep-revision keeps it",
                charm.name, revision.revision.0, running.0
            )));
        }
        chosen.push((base, revision));
    }
    Ok(chosen)
}

/// Returns the newest revision and its bases, for a charm that is not on `latest/edge` yet.
fn first_release<'a>(
    intent: &PublishIntent,
    charm: &Charm,
    facts: &'a CharmFacts,
) -> Result<Vec<(Option<Base>, &'a RevisionFacts)>, Problem> {
    let revision = match intent.revisions.get(&charm.name) {
        Some(number) => releasable(charm, facts, *number)?,
        None => facts
            .revisions
            .iter()
            .filter(|revision| revision.releasable())
            .max_by_key(|revision| revision.revision)
            .ok_or_else(|| no_revision(charm, None))?,
    };
    if revision.bases.is_empty() {
        return Ok(vec![(None, revision)]);
    }
    Ok(revision
        .bases
        .iter()
        .map(|base| (Some(base.clone()), revision))
        .collect())
}

fn no_revision(charm: &Charm, base: Option<&Base>) -> Problem {
    let place = base.map_or_else(String::new, |base| format!(" for {base}"));
    Problem::new(
        ProblemKind::Refused,
        format!("{} has no revision that can be released{place}", charm.name),
    )
    .remedy(
        &[Remedy::KeepRevision],
        "upload one with charmcraft upload, or choose one with --revision",
    )
}

/// Returns the revision with this number. Fails if the store does not allow its release.
pub fn releasable<'a>(
    charm: &Charm,
    facts: &'a CharmFacts,
    number: CharmRevision,
) -> Result<&'a RevisionFacts, Problem> {
    let revision = facts.revision(number).ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            format!("{} has no revision {}", charm.name, number.0),
        )
        .hint("list the revisions: windlass charms")
    })?;
    match revision.refusal() {
        None => Ok(revision),
        Some(refusal) => Err(Problem::new(
            ProblemKind::Refused,
            format!("revision {} of {} is {refusal}", number.0, charm.name),
        )
        .hint("only approved or released revisions can be released")),
    }
}

/// Returns every resource that the revision declares: those of the release with their image, the
/// others as in this channel, or else as in `latest/edge`.
fn resources(
    charm: &Charm,
    facts: &CharmFacts,
    images: &[ChosenImage],
    revision: CharmRevision,
    row: Option<&ChannelRow>,
    base: Option<&Base>,
) -> Vec<ResourceAttachment> {
    let edge = latest_edge();
    let fallback = facts.row(&edge, base);
    let mut names: Vec<&ResourceName> = facts
        .declared
        .iter()
        .filter(|d| d.charm_revision == revision)
        .map(|d| &d.name)
        .collect();
    names.extend(images.iter().map(|image| image.resource));
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            if let Some(image) = images.iter().find(|image| image.resource == name) {
                return Some(ResourceAttachment {
                    name: name.clone(),
                    from: image.attach(charm),
                });
            }
            let kept = [row, fallback]
                .into_iter()
                .flatten()
                .find_map(|row| row.resource(name))?;
            Some(ResourceAttachment {
                name: name.clone(),
                from: AttachFrom::Revision(kept),
            })
        })
        .collect()
}

/// Returns the id of the release step of `charm`.
pub fn release_id(charm: &Charm) -> StepId {
    StepId(format!("release/{}", charm.name))
}

fn serves(target: &ChannelUpdate, row: Option<&ChannelRow>) -> bool {
    row.is_some_and(|row| {
        row.revision == target.revision
            && target.resources.iter().all(|attach| match &attach.from {
                AttachFrom::Revision(revision) => row.resource(&attach.name) == Some(*revision),
                AttachFrom::Step(_) => false,
            })
    })
}

/// Returns the step that releases everything of a charm in one request.
pub fn release_step(workspace: &Workspace, snapshot: &Snapshot, part: &CharmPlan) -> Step {
    let done = part
        .moves
        .iter()
        .all(|m| serves(m, part.facts.row(&m.channel, m.base.as_ref())));
    let op = Op::Release {
        charm: part.charm.name.clone(),
        moves: part.moves.clone(),
    };
    let before = part
        .moves
        .iter()
        .map(|m| row_before(workspace, snapshot, part, m))
        .collect();
    let after = part
        .moves
        .iter()
        .map(|m| row_after(workspace, snapshot, part, m))
        .collect();
    Step {
        id: release_id(part.charm),
        kind: op.kind().to_owned(),
        target: SanitizedText::new(part.charm.name.as_str()),
        before: State::Rows(before),
        after: State::Rows(after),
        bytes: None,
        skip_reason: done.then(|| SanitizedText::new("every channel already runs this")),
        undo: release_undo(part),
        optional: false,
        op,
    }
}

/// Returns how a release is undone. A base that it opens beside an open base of the same channel stays
/// open: the store closes a channel for all bases at once.
fn release_undo(part: &CharmPlan) -> Undo {
    let stays: Vec<String> = part
        .moves
        .iter()
        .filter(|m| part.facts.row(&m.channel, m.base.as_ref()).is_none())
        .filter(|m| part.facts.rows_of(&m.channel).next().is_some())
        .filter_map(|m| Some(format!("{} of {}", m.base.as_ref()?, m.channel)))
        .collect();
    if stays.is_empty() {
        return Undo::by("release what the channels ran before; close channels that were closed");
    }
    Undo::impossible(format!(
        "{} opens beside other bases and cannot be closed alone; a rollback releases what the rest \
        ran before",
        stays.join(", ")
    ))
}

/// Returns the step that checks that the public API serves it.
pub fn verify_step(snapshot: &Snapshot, part: &CharmPlan) -> Step {
    let served = snapshot
        .served
        .get(&part.charm.name)
        .and_then(|rows| rows.value.as_ref());
    let done = served.is_some_and(|rows| {
        part.moves.iter().all(|m| {
            serves(
                m,
                rows.iter()
                    .find(|row| row.channel == m.channel && row.base == m.base),
            )
        })
    });
    let op = Op::Verify {
        charm: part.charm.name.clone(),
        moves: part.moves.clone(),
    };
    Step {
        id: StepId(format!("verify/{}", part.charm.name)),
        kind: op.kind().to_owned(),
        target: SanitizedText::new(part.charm.name.as_str()),
        before: State::Nothing(()),
        after: State::text("Charmhub serves the new revisions"),
        bytes: None,
        skip_reason: done.then(|| SanitizedText::new("Charmhub already serves this")),
        undo: Undo::needless("it only reads"),
        optional: false,
        op,
    }
}

fn key_of<'a>(part: &'a CharmPlan, resource: &ResourceName) -> Option<&'a str> {
    part.charm
        .fed()
        .find(|(name, _)| *name == resource)
        .map(|(_, key)| key)
}

/// If several releases have the same image, names `release` first, because the plan is about it.
pub fn name_first(steps: &mut [Step], release: &ReleaseName) {
    for state in steps
        .iter_mut()
        .flat_map(|step| [&mut step.before, &mut step.after])
    {
        let State::Rows(rows) = state else { continue };
        for resource in rows.iter_mut().flat_map(|row| &mut row.resources) {
            if let Some(at) = resource.release.iter().position(|name| name == release)
                && let Some(front) = resource.release.get_mut(..=at)
            {
                front.rotate_right(1);
            }
        }
    }
}

/// Returns what a row serves now, with the images and releases of its resources.
pub fn row_before(
    workspace: &Workspace,
    snapshot: &Snapshot,
    part: &CharmPlan,
    target: &ChannelUpdate,
) -> PlannedRow {
    let row = part.facts.row(&target.channel, target.base.as_ref());
    let resources = row
        .into_iter()
        .flat_map(|row| &row.resources)
        .map(|attached| {
            let behind = attached
                .revision
                .and_then(|r| snapshot.image_behind(&part.charm.name, &attached.name, r));
            let release = behind
                .zip(key_of(part, &attached.name))
                .map(|(behind, key)| evidence::releases_of(workspace, snapshot, key, behind))
                .unwrap_or_default();
            PlannedResource {
                name: attached.name.clone(),
                revision: attached.revision,
                digest: behind.map(|b| b.digest),
                config_digest: behind.and_then(crate::domain::charm::ImageBehind::config_digest),
                tag: tag_named(snapshot, &release, key_of(part, &attached.name)),
                release,
            }
        })
        .collect();
    PlannedRow {
        channel: target.channel.clone(),
        base: target.base.clone(),
        revision: row.map(|row| row.revision),
        version: row
            .and_then(|row| part.facts.revision(row.revision))
            .map(|r| r.version.clone()),
        resources,
    }
}

fn row_after(
    workspace: &Workspace,
    snapshot: &Snapshot,
    part: &CharmPlan,
    target: &ChannelUpdate,
) -> PlannedRow {
    let resources = target
        .resources
        .iter()
        .map(|attach| {
            let revision = match &attach.from {
                AttachFrom::Revision(revision) => Some(*revision),
                AttachFrom::Step(_) => None,
            };
            let image = part.images.iter().find(|image| image.resource == &attach.name);
            let kept = revision.and_then(|r| snapshot.image_behind(&part.charm.name, &attach.name, r));
            let key = key_of(part, &attach.name);
            let release = match (image, kept.zip(key)) {
                (Some(image), _) => releases_naming(workspace, snapshot, image),
                (None, Some((kept, key))) => evidence::releases_of(workspace, snapshot, key, kept),
                (None, None) => Vec::new(),
            };
            PlannedResource {
                name: attach.name.clone(),
                revision,
                digest: kept
                    .map(|b| b.digest)
                    .or_else(|| image.map(|i| i.resolved.digest)),
                config_digest: kept
                    .and_then(crate::domain::charm::ImageBehind::config_digest)
                    .or_else(|| image.and_then(|i| i.resolved.config_digest())),
                tag: match image {
                    Some(image) => Some(SanitizedText::new(image.target.to_string())),
                    None => tag_named(snapshot, &release, key),
                },
                release,
            }
        })
        .collect();
    PlannedRow {
        channel: target.channel.clone(),
        base: target.base.clone(),
        revision: Some(target.revision),
        version: part.facts.revision(target.revision).map(|r| r.version.clone()),
        resources,
    }
}

fn releases_naming(workspace: &Workspace, snapshot: &Snapshot, image: &ChosenImage) -> Vec<ReleaseName> {
    let behind = crate::domain::charm::ImageBehind {
        digest: image.resolved.digest,
        config_digests: image.resolved.config_digests().collect(),
    };
    evidence::releases_of(workspace, snapshot, image.key, &behind)
}

fn tag_named(snapshot: &Snapshot, releases: &[ReleaseName], key: Option<&str>) -> Option<SanitizedText> {
    let release = snapshot.release(releases.first()?)?;
    release.images.get(key?).map(SanitizedText::new)
}
