//! Plans holding a release and lifting the hold: a tag in the bundle's repository, which automatic
//! publishing on every machine checks.

#[cfg(test)]
mod tests;

use crate::config::Workspace;
use crate::config::workspace::Bundle;
use crate::domain::bundle::hold_tag;
use crate::domain::{
    CommitId, GitHubRepository, PastRun, Problem, ProblemKind, ReleaseName, Remedy, SanitizedText, Snapshot,
};

use super::bundle::lift_hold;
use super::publish::preflight;
use super::{HoldIntent, Intent, Op, Plan, State, Step, StepId, Undo};

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &HoldIntent) -> Result<Plan, Problem> {
    let bundle = bundle_of(workspace)?;
    let repository: GitHubRepository = bundle.repository.parse()?;
    let held = is_held(snapshot, &intent.release)?;
    if !held {
        known(snapshot, &intent.release)?;
    }
    let wanted = held != intent.hold;
    if wanted {
        writable(snapshot, &repository)?;
    }
    let mut step = if intent.hold {
        let facts = snapshot.bundle.need(&format!("the repository {repository}"))?;
        set_step(repository, &intent.release, &facts.tip)
    } else {
        lift_hold(&repository, &intent.release)
    };
    if !wanted {
        let reason = if held { "already held" } else { "not held" };
        step.skip_reason = Some(SanitizedText::new(reason));
    }
    let title = if intent.hold {
        format!("Hold {}", intent.release)
    } else {
        format!("Remove the hold of {}", intent.release)
    };
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        title,
        Intent::Hold(intent.clone()),
        vec![step],
        intent.release.to_string(),
    );
    if wanted && !intent.hold {
        let markers = snapshot.markers.value.as_ref();
        let text = if markers.is_some_and(|markers| markers.contains(&intent.release)) {
            format!(
                "branch of {0} exists, so 'windlass publish --new' skips it; publish it by name: \
                windlass publish {0}",
                intent.release
            )
        } else {
            format!(
                "'windlass publish --new' publishes {} again if the workspace's rule selects it",
                intent.release
            )
        };
        plan.warnings.push(SanitizedText::new(text));
    }
    Ok(plan)
}

/// Returns the workspace's bundle, whose repository has the hold tags.
fn bundle_of(workspace: &Workspace) -> Result<&Bundle, Problem> {
    workspace.bundle.as_ref().ok_or_else(|| {
        Problem::new(
            ProblemKind::Config,
            format!(
                "workspace {} has no bundle, and holds are tags in the bundle's repository",
                workspace.name
            ),
        )
        .hint(
            "add the repository under [bundle] in the workspace file; with mode = \"off\" no \
            bundle is published",
        )
    })
}

fn is_held(snapshot: &Snapshot, release: &ReleaseName) -> Result<bool, Problem> {
    Ok(snapshot
        .holds
        .need("the list of held releases")?
        .contains(release))
}

/// Checks that the release is known: a misspelt name would hold nothing.
fn known(snapshot: &Snapshot, release: &ReleaseName) -> Result<(), Problem> {
    let marked = snapshot
        .markers
        .value
        .as_ref()
        .is_some_and(|markers| markers.contains(release));
    if marked || snapshot.release(release).is_some() {
        return Ok(());
    }
    snapshot.releases.need("the list of upstream releases")?;
    Err(
        Problem::new(ProblemKind::NotFound, format!("release {release} not found"))
            .hint("list the releases: windlass releases"),
    )
}

fn writable(snapshot: &Snapshot, repository: &GitHubRepository) -> Result<(), Problem> {
    let facts = preflight::repository(snapshot, repository);
    facts
        .and_then(|facts| preflight::may_write(snapshot, repository, facts))
        .map_err(|mut problem| {
            if problem.kind == ProblemKind::Credentials {
                problem.summary = SanitizedText::new(format!(
                    "a hold needs a GitHub token that may write to {repository}"
                ));
            }
            problem.hints.retain(|hint| !hint.offers(Remedy::WithoutMarker));
            problem
        })
}

/// Returns the step that holds `release`.
fn set_step(repository: GitHubRepository, release: &ReleaseName, at: &CommitId) -> Step {
    let after = format!(
        "held: 'publish --new' skips it (tag {} of {repository})",
        hold_tag(release)
    );
    let op = Op::SetHold {
        repository,
        release: release.clone(),
        at: at.clone(),
    };
    Step {
        before: State::text("not held"),
        after: State::text(after),
        undo: Undo::by(format!("windlass unhold {release}")),
        ..Step::new(StepId(format!("set-hold/{release}")), op, release.as_str())
    }
}

/// Returns the step for the hold that belongs to the rollback of `past`: a publish that is rolled
/// back is held, and a hold that the run set is lifted. If that is not possible, it is added to
/// `left_out` and the channels are rolled back all the same.
pub(super) fn beside_rollback(
    workspace: &Workspace,
    snapshot: &Snapshot,
    past: &PastRun,
    left_out: &mut Vec<SanitizedText>,
) -> Result<Option<Step>, Problem> {
    let (Some(bundle), Some(release)) = (&workspace.bundle, past.published.as_ref().or(past.held.as_ref()))
    else {
        return Ok(None);
    };
    let repository: GitHubRepository = bundle.repository.parse()?;
    let hold = past.published.is_some();
    let facts = snapshot.bundle.need(&format!("the repository {repository}"));
    let step = match (is_held(snapshot, release), facts) {
        (Ok(true), _) if !hold => lift_hold(&repository, release),
        (Ok(false), _) if !hold => return Ok(None),
        (Ok(true), Ok(facts)) => Step {
            skip_reason: Some(SanitizedText::new("already held")),
            ..set_step(repository.clone(), release, &facts.tip)
        },
        (Ok(true), Err(_)) => return Ok(None),
        (Ok(false), Ok(facts)) => set_step(repository.clone(), release, &facts.tip),
        (Err(problem), _) | (_, Err(problem)) => {
            left_out.push(not_set(release, hold, &problem));
            return Ok(None);
        }
    };
    if step.skip_reason.is_none()
        && let Err(problem) = writable(snapshot, &repository)
    {
        left_out.push(not_set(release, hold, &problem));
        return Ok(None);
    }
    Ok(Some(Step {
        optional: true,
        ..step
    }))
}

fn not_set(release: &ReleaseName, hold: bool, problem: &Problem) -> SanitizedText {
    let (what, remedy) = if hold {
        (
            format!("the hold of {release} is not set, so 'publish --new' may publish it again"),
            format!("windlass hold {release}"),
        )
    } else {
        (
            format!("the hold of {release} is not removed"),
            format!("windlass unhold {release}"),
        )
    };
    SanitizedText::new(format!("{what} ({problem}); later: {remedy}"))
}
