//! Plans the branch and the bundle of a promotion: `release-<release>-<risk>`.
//!
//! Each application of the bundle gets a channel that is open after the plan, or keeps its own. The
//! steps are those of a publish.

use std::collections::BTreeMap;

use super::All;
use crate::config::Workspace;
use crate::config::workspace::BundleMode;
use crate::domain::{
    Channel, CharmName, Problem, ProblemKind, Release, Remedy, Risk, SanitizedText, Snapshot, Track,
};
use crate::plan::bundle::file::{self, NAME};
use crate::plan::publish::marker::{self, Content, Marked, Scene};
use crate::plan::publish::{CharmPlan, preflight};

/// Hint for a bundle that blocks the promotion.
const WAY_OUT: &str = "mode = \"off\" under [bundle] in the workspace file promotes only the \
    charms";

/// Returns the name of the branch of `release` at `risk`.
pub fn name(workspace: &Workspace, release: &str, risk: Risk) -> Option<String> {
    let bundle = workspace.bundle.as_ref();
    let bundle = bundle.filter(|bundle| bundle.mode != BundleMode::Off)?;
    Some(format!("{}-{risk}", bundle.branch.replace("{release}", release)))
}

/// Plans branch and bundle of `release` at `to`, once `parts` are released.
pub fn plan(
    workspace: &Workspace,
    snapshot: &Snapshot,
    release: &Release,
    to: &Channel,
    all: &All<'_>,
    parts: &[CharmPlan],
    warnings: &mut Vec<SanitizedText>,
) -> Result<Marked, Problem> {
    let mut marked = Marked::default();
    let (Some(bundle), Some(branch)) = (&workspace.bundle, name(workspace, release.name.as_str(), to.risk))
    else {
        return Ok(marked);
    };
    let scene = Scene {
        workspace,
        snapshot,
        release,
        parts,
        bundle,
        repository: bundle.repository.parse()?,
        branch,
        channel: to.clone(),
        way_out: WAY_OUT,
    };
    let facts = preflight::repository(snapshot, &scene.repository).map_err(ours)?;
    let there = facts.branches.get(&scene.branch);
    if there.is_none() {
        preflight::may_write(snapshot, &scene.repository, facts).map_err(ours)?;
    }
    let made = || {
        let text = marker::bundle_text(&facts.files)?;
        let (wishes, told) = wishes(workspace, text, to, all, parts)?;
        let edited = file::edit(text, &wishes)?;
        let content = Content {
            wishes,
            edited,
            more: BTreeMap::new(),
            subject: format!("Creates {} {} release", release.name, to.risk),
        };
        Ok::<_, Problem>((content, told))
    };
    let content = match made() {
        Ok((content, told)) => {
            if there.is_none() {
                warnings.extend(content.edited.remarks.iter().cloned());
                warnings.extend(told);
            }
            Some(content)
        }
        Err(problem) if there.is_some() => {
            warnings.push(SanitizedText::new(problem.to_string()));
            None
        }
        Err(problem) => {
            return Err(marker::refusal(problem)
                .within(format!(
                    "{NAME} on branch {} of {} cannot be set to the channels of {to}",
                    bundle.base, scene.repository
                ))
                .hint(WAY_OUT));
        }
    };
    if marker::bundle_steps(&scene, facts, there, content.as_ref(), &mut marked)? {
        marker::branch_steps(&scene, facts, there, content, &mut marked, warnings);
    }
    Ok(marked)
}

/// Adapts the problem to a promotion, which has no `--without`.
fn ours(mut problem: Problem) -> Problem {
    problem.hints.retain(|hint| !hint.offers(Remedy::WithoutMarker));
    problem.hint(WAY_OUT)
}

type Wishes = BTreeMap<CharmName, Channel>;

/// Returns the channel of every application with a charm of the workspace, and warnings about them.
fn wishes(
    workspace: &Workspace,
    text: &str,
    to: &Channel,
    all: &All<'_>,
    parts: &[CharmPlan],
) -> Result<(Wishes, Vec<SanitizedText>), Problem> {
    let latest = Channel::new(Track::latest(), to.risk);
    let (mut wishes, mut told) = (Wishes::new(), Vec::new());
    let applications = file::applications(text)?;
    for application in &applications {
        let Some((charm, facts)) = all.iter().find(|(charm, _)| charm.name == application.charm) else {
            continue;
        };
        let opened = |channel: &Channel| {
            facts.rows_of(channel).next().is_some()
                || parts.iter().any(|part| {
                    part.charm.name == charm.name && part.moves.iter().any(|one| &one.channel == channel)
                })
        };
        let name = SanitizedText::capped(&application.name, 80);
        if opened(to) {
            wishes.insert(charm.name.clone(), to.clone());
        } else if opened(&latest) {
            wishes.insert(charm.name.clone(), latest.clone());
            told.push(SanitizedText::new(format!(
                "{NAME}: {name} goes to {latest}, because {to} of {} is closed",
                charm.name
            )));
        } else {
            let stays = application.channel.as_deref().unwrap_or("its current channel");
            told.push(SanitizedText::new(format!(
                "{NAME}: {name} stays on {}, because both {to} and {latest} of {} are closed",
                SanitizedText::capped(stays, 80),
                charm.name
            )));
        }
    }
    // A bundle that lacks one of the charms of a release is not the bundle of this workspace.
    for charm in workspace.fed_charms() {
        if !applications.iter().any(|one| one.charm == charm.name) {
            return Err(Problem::new(
                ProblemKind::Invalid,
                format!("{NAME} has no application with the charm {}", charm.name),
            )
            .hint(format!("add one with 'charm: {}' and a channel", charm.name)));
        }
    }
    Ok((wishes, told))
}
