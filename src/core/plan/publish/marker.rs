//! Plans what marks a release as published: the branch with its files, the bundle, and lifting a
//! hold.
//!
//! It decides when each of them is done, skipped or left out. The branch is created last, because
//! its existence means "published".

use std::collections::BTreeMap;

use super::{CharmPlan, complete, preflight};
use crate::config::Workspace;
use crate::config::workspace::{Bundle, BundleMode};
use crate::domain::bundle::{BundleFacts, FileBytes, MarkerBranch, PACKED};
use crate::domain::charm::{CharmFacts, bundle_serves};
use crate::domain::{
    Channel, CharmName, GitHubRepository, Problem, ProblemKind, Release, Remedy, Risk, SanitizedText,
    Snapshot, Target,
};
use crate::plan::bundle as steps;
use crate::plan::bundle::file::{self, Edited, NAME};
use crate::plan::bundle::overlay::{self, Overlaid};
use crate::plan::intent::SkipPart as Left;
use crate::plan::{Assumption, PublishIntent, Step};

/// The steps of branch, bundle and hold, by their position in the plan.
#[derive(Default)]
pub struct Marked {
    /// Steps that create missing tracks of the bundle.
    pub tracks: Vec<Step>,
    /// Steps that users cannot see: the commit, the upload of the bundle.
    pub invisible: Vec<Step>,
    /// The bundle's release, after those of the charms.
    pub released: Vec<Step>,
    /// The last steps.
    pub last: Vec<Step>,
    /// Their preconditions.
    pub assumptions: Vec<Assumption>,
    /// What is missing without these steps.
    pub left_out: Vec<SanitizedText>,
}

/// The subject of these steps: a publish, or a promotion, which makes a branch and a bundle too.
pub(in crate::plan) struct Scene<'a> {
    pub(in crate::plan) workspace: &'a Workspace,
    pub(in crate::plan) snapshot: &'a Snapshot,
    pub(in crate::plan) release: &'a Release,
    pub(in crate::plan) parts: &'a [CharmPlan<'a>],
    pub(in crate::plan) bundle: &'a Bundle,
    pub(in crate::plan) repository: GitHubRepository,
    /// Name of the branch to create.
    pub(in crate::plan) branch: String,
    /// Channel that the bundle is released to.
    pub(in crate::plan) channel: Channel,
    /// Hint for a bundle that blocks the plan.
    pub(in crate::plan) way_out: &'a str,
}

/// Plans what marks `release`, once `parts` are released.
pub fn plan(
    workspace: &Workspace,
    snapshot: &Snapshot,
    intent: &PublishIntent,
    release: &Release,
    parts: &[CharmPlan],
    warnings: &mut Vec<SanitizedText>,
) -> Result<Marked, Problem> {
    let mut marked = Marked::default();
    let used = |bundle: &&Bundle| bundle.mode != BundleMode::Off;
    let Some(bundle) = workspace.bundle.as_ref().filter(used) else {
        return Ok(marked);
    };
    let scene = Scene {
        workspace,
        snapshot,
        release,
        parts,
        bundle,
        repository: bundle.repository.parse()?,
        branch: bundle.branch.replace("{release}", release.name.as_str()),
        channel: Channel::new(release.name.track()?, Risk::Edge),
        way_out: "--without bundle publishes only the charms",
    };
    let with = |part: Left| !intent.without.contains(&part);
    let (with_branch, with_bundle) = (with(Left::Branch), with(Left::Bundle));
    let held = snapshot
        .holds
        .value
        .as_ref()
        .is_some_and(|holds| holds.contains(&release.name));
    if !with_branch {
        marked.leave(&scene.branch_words(), "--without branch");
    }
    if !with_bundle {
        marked.leave(&scene.bundle_words(), "--without bundle");
    }
    let stays_held = held.then(|| {
        SanitizedText::new(format!(
            "{} stays held, because a hold is removed only with the branch",
            release.name
        ))
    });
    if !with_branch && !with_bundle {
        warnings.extend(stays_held);
        return Ok(marked);
    }
    let lacking = complete::lacking(workspace, snapshot, release, &scene.channel, parts).join("; ");
    if !lacking.is_empty() {
        if with_branch {
            marked.leave(&scene.branch_words(), &lacking);
        }
        if with_bundle {
            marked.leave(&scene.bundle_words(), &lacking);
        }
        warnings.extend(stays_held);
        return Ok(marked);
    }
    let facts = preflight::repository(snapshot, &scene.repository)?;
    let there = facts.branches.get(&scene.branch);
    if with_branch && (held || there.is_none()) {
        preflight::may_write(snapshot, &scene.repository, facts)?;
    }
    let content = content(&scene, facts, there, warnings)?;
    if let (Some(there), Some(content)) = (there, &content) {
        right_channels(&scene, there, content)?;
    }
    let bundle_done = if with_bundle {
        bundle_steps(&scene, facts, there, content.as_ref(), &mut marked)?
    } else {
        // A new branch means that nothing is left to do. Without the bundle step it is created only
        // if the bundle is released already.
        there.is_some() || scene.bundle_is_open()
    };
    if with_branch && !with_bundle && !bundle_done {
        marked.leave(&scene.branch_words(), "created once the bundle is in its channel");
    }
    if with_branch && bundle_done {
        branch_steps(&scene, facts, there, content, &mut marked, warnings);
        if held {
            marked
                .last
                .insert(0, steps::lift_hold(&scene.repository, &release.name));
            warnings.push(SanitizedText::new(format!(
                "{} is held; publishing it by name removes the hold",
                release.name
            )));
        }
        if let Some(problem) = &snapshot.holds.problem {
            warnings.push(SanitizedText::new(format!(
                "the hold of {} could not be read; if there is one, it stays: {problem}",
                release.name
            )));
        }
    } else {
        warnings.extend(stays_held);
    }
    Ok(marked)
}

impl Marked {
    fn leave(&mut self, what: &str, why: &str) {
        self.left_out.push(SanitizedText::new(format!("{what}: {why}")));
    }
}

impl Scene<'_> {
    pub(in crate::plan) fn branch_words(&self) -> String {
        format!("branch {}", self.branch)
    }

    fn bundle_words(&self) -> String {
        format!("bundle {}", self.bundle.name)
    }

    /// Returns true if the bundle's channel serves a revision.
    fn bundle_is_open(&self) -> bool {
        let facts = self.snapshot.charms.get(&self.bundle.name);
        facts
            .and_then(|facts| facts.value.as_ref())
            .is_some_and(|facts| facts.rows_of(&self.channel).next().is_some())
    }

    /// Returns the channel of every charm with an image in a release, including those that this
    /// plan does not change.
    fn wishes(&self) -> BTreeMap<CharmName, Channel> {
        self.workspace
            .fed_charms()
            .map(|charm| (charm.name.clone(), self.channel.clone()))
            .collect()
    }

    fn optional(&self) -> bool {
        self.bundle.mode == BundleMode::Optional
    }

    /// Returns the overlay for the applications of `edited`.
    fn overlay(&self, edited: &Edited) -> Result<String, Problem> {
        let registry = &self.workspace.upstream()?.registry;
        let mut all = BTreeMap::new();
        let kept = |application: &&file::Application| edited.kept.contains(&application.name);
        for application in edited.applications.iter().filter(|one| !kept(one)) {
            let Some(charm) = self
                .workspace
                .fed_charms()
                .find(|charm| charm.name == application.charm)
            else {
                continue;
            };
            let chosen = self.parts.iter().find(|part| part.charm == charm);
            let target = |key: &str| {
                let image = chosen.and_then(|part| part.images.iter().find(|image| image.key == key));
                let tag = || self.release.images.get(key).cloned().map(Target::Tag);
                image.map(|image| image.target.clone()).or_else(tag)
            };
            let resources = charm
                .fed()
                .filter_map(|(resource, key)| {
                    Some((resource.clone(), overlay::image(registry, key, &target(key)?)))
                })
                .collect();
            let channel = self.channel.clone();
            all.insert(application.name.clone(), Overlaid { channel, resources });
        }
        Ok(overlay::text(&all))
    }
}

/// The files of the branch.
pub(in crate::plan) struct Content {
    /// The channels in its `bundle.yaml`.
    pub(in crate::plan) wishes: BTreeMap<CharmName, Channel>,
    /// The edited `bundle.yaml`.
    pub(in crate::plan) edited: Edited,
    /// Other files, by path.
    pub(in crate::plan) more: BTreeMap<String, String>,
    /// Subject of the commit message.
    pub(in crate::plan) subject: String,
}

/// Returns the content for the branch, made from the base's tip. If the branch already exists, a
/// base that cannot be edited is only a warning.
fn content(
    scene: &Scene,
    facts: &BundleFacts,
    there: Option<&MarkerBranch>,
    warnings: &mut Vec<SanitizedText>,
) -> Result<Option<Content>, Problem> {
    let made = || -> Result<Content, Problem> {
        let wishes = scene.wishes();
        let edited = file::edit(bundle_text(&facts.files)?, &wishes)?;
        let more = BTreeMap::from([(overlay::name(&scene.release.name), scene.overlay(&edited)?)]);
        let subject = format!("Creates {} release", scene.release.name);
        Ok(Content {
            wishes,
            edited,
            more,
            subject,
        })
    };
    let place = format!("branch {} of {}", scene.bundle.base, scene.repository);
    match made() {
        Ok(content) => {
            // An existing branch is not written again.
            if there.is_none() {
                warnings.extend(content.edited.remarks.iter().cloned());
            }
            Ok(Some(content))
        }
        Err(problem) if there.is_some() => {
            warnings.push(SanitizedText::new(format!("{place}: {problem}")));
            Ok(None)
        }
        Err(problem) => Err(refusal(problem)
            .within(format!(
                "{NAME} on {place} cannot be set to the channels of the release"
            ))
            .remedy(
                &[Remedy::WithoutMarker],
                "--without branch,bundle publishes only the charms",
            )),
    }
}

/// Turns a problem into a refusal, whatever its kind: it blocks planning.
pub(in crate::plan) fn refusal(mut problem: Problem) -> Problem {
    if problem.kind == ProblemKind::Invalid {
        problem.kind = ProblemKind::Refused;
    }
    problem
}

/// Fails if the branch exists and its bundle deploys other channels: then it marks something else
/// as published.
fn right_channels(scene: &Scene, there: &MarkerBranch, content: &Content) -> Result<(), Problem> {
    let Ok(text) = bundle_text(&there.files) else {
        return Ok(());
    };
    let Ok(edited) = file::edit(text, &content.wishes) else {
        return Ok(());
    };
    if edited.changed.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::new(
        ProblemKind::Refused,
        format!(
            "{} exists at {} and does not deploy this release",
            scene.branch_words(),
            there.tip.short()
        ),
    );
    for (line, now, wanted) in &edited.changed {
        let now = SanitizedText::capped(now, 80);
        problem = problem.cause(format!("line {line} of its {NAME} is {now} instead of {wanted}"));
    }
    Err(problem
        .hint("check who created that branch, delete or correct it, then publish again")
        .remedy(
            &[Remedy::WithoutMarker],
            "--without branch,bundle publishes only the charms",
        ))
}

/// Returns `bundle.yaml` among `files`.
pub(in crate::plan) fn bundle_text(files: &BTreeMap<String, FileBytes>) -> Result<&str, Problem> {
    let bytes = files
        .get(NAME)
        .ok_or_else(|| Problem::new(ProblemKind::Invalid, format!("{NAME} not found")))?;
    bytes
        .text()
        .ok_or_else(|| Problem::new(ProblemKind::Invalid, format!("{NAME} is not UTF-8 text")))
}

/// Adds commit and branch; they are skipped if the branch exists.
pub(in crate::plan) fn branch_steps(
    scene: &Scene,
    facts: &BundleFacts,
    there: Option<&MarkerBranch>,
    content: Option<Content>,
    marked: &mut Marked,
    warnings: &mut Vec<SanitizedText>,
) {
    // The content is missing only if the branch exists: then nothing is written.
    let Some(content) = content else { return };
    let names: Vec<String> = [NAME.to_owned()]
        .into_iter()
        .chain(content.more.keys().cloned())
        .collect();
    let skip = there.map(|there| SanitizedText::new(format!("the branch exists at {}", there.tip.short())));
    if let Some(there) = there {
        warnings.extend(differs(scene, there, &content));
    }
    let commit = steps::commit(
        &scene.repository,
        &scene.bundle.base,
        facts,
        &scene.branch,
        &content.subject,
        &content.edited,
        content.more,
        scene.snapshot.taken_at,
    );
    if skip.is_none() {
        marked.assumptions.push(Assumption {
            what: SanitizedText::new(format!("{} {}", scene.repository, scene.bundle.base)),
            value: SanitizedText::new(facts.tip.as_str()),
            step: Some(commit.id.clone()),
        });
    }
    // The commit comes before the bundle's upload.
    let with_skip = |step: Step| Step {
        skip_reason: skip.clone(),
        ..step
    };
    marked.invisible.insert(0, with_skip(commit));
    marked
        .last
        .push(with_skip(steps::branch(&scene.repository, &scene.branch, &names)));
}

/// Describes how the existing branch differs from one that would be created now.
fn differs(scene: &Scene, there: &MarkerBranch, content: &Content) -> Option<SanitizedText> {
    let mut others = Vec::new();
    match bundle_text(&there.files) {
        Ok(text) if text == content.edited.text => {}
        Ok(text) => {
            let right = file::edit(text, &content.wishes).is_ok_and(|edited| edited.changed.is_empty());
            let which = if right { "same channels" } else { "other channels" };
            others.push(format!("another {NAME} ({which})"));
        }
        Err(problem) => others.push(problem.to_string()),
    }
    for (path, text) in &content.more {
        match there.files.get(path) {
            Some(file) if file.0 == text.as_bytes() => {}
            Some(_) => others.push(format!("another {path}")),
            None => others.push(format!("no {path}")),
        }
    }
    (!others.is_empty()).then(|| {
        SanitizedText::new(format!(
            "{} differs from the one this plan would create ({}); it is not changed",
            scene.branch_words(),
            others.join("; ")
        ))
    })
}

/// Plans the bundle. Returns false if it has to be left out, together with the branch.
pub(in crate::plan) fn bundle_steps(
    scene: &Scene,
    facts: &BundleFacts,
    there: Option<&MarkerBranch>,
    content: Option<&Content>,
    marked: &mut Marked,
) -> Result<bool, Problem> {
    let name = &scene.bundle.name;
    let without = scene.way_out;
    let store: &CharmFacts = scene
        .snapshot
        .charms
        .get(name)
        .ok_or_else(|| Problem::new(ProblemKind::Internal, format!("{name} was not read")))?
        .need(&format!("bundle {name}"))
        .map_err(|problem| problem.remedy(&[Remedy::WithoutMarker], without))?;
    preflight::reaches_bundle(scene.snapshot, name)
        .map_err(|problem| problem.remedy(&[Remedy::WithoutMarker], without))?;
    let track = &scene.channel.track;
    if !store.tracks.contains(track) {
        match preflight::guardrail_of(name, store, track) {
            Ok(()) => marked.tracks.push(Step {
                optional: scene.optional(),
                ..super::track_step(name, track)
            }),
            // The charms can be published without the bundle, but a marker without it would mean
            // that nothing is left to do. Bundle and branch follow when the track exists.
            Err(problem) if scene.optional() => {
                let hint = problem.hints.first().map(ToString::to_string).unwrap_or_default();
                let why = format!("{problem}; {hint}");
                marked.leave(&scene.bundle_words(), &why);
                if there.is_none() {
                    marked.leave(
                        &scene.branch_words(),
                        &format!("created once the bundle can be released; {without}"),
                    );
                }
                return Ok(there.is_some());
            }
            Err(problem) => return Err(problem.remedy(&[Remedy::WithoutMarker], without)),
        }
    }
    let before = bundle_serves(&store.rows, &scene.channel);
    let mut files = packed(there.map_or(&facts.files, |there| &there.files));
    if let (None, Some(content)) = (there, content) {
        files.insert(
            NAME.to_owned(),
            FileBytes(content.edited.text.clone().into_bytes()),
        );
    }
    let mut upload = steps::upload(name, files, &store.revisions, scene.optional())?;
    let mut release = steps::release(name, &scene.channel, before, scene.optional());
    if let (Some(_), Some(before)) = (there, before) {
        let skip = SanitizedText::new(format!(
            "the branch exists, and {} serves {before}",
            scene.channel
        ));
        upload.skip_reason = Some(skip.clone());
        release.skip_reason = Some(skip);
    } else {
        bundle_text(there.map_or(&facts.files, |there| &there.files)).map_err(|problem| {
            problem
                .within(format!("{} contains nothing to pack", scene.branch_words()))
                .hint(without)
        })?;
        marked.assumptions.push(Assumption {
            what: release.target.clone(),
            value: SanitizedText::new(steps::serving(before)),
            step: Some(release.id.clone()),
        });
    }
    marked.invisible.push(upload);
    marked.released.push(release);
    Ok(true)
}

fn packed(files: &BTreeMap<String, FileBytes>) -> BTreeMap<String, FileBytes> {
    files
        .iter()
        .filter(|(path, _)| PACKED.contains(&path.as_str()))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}
