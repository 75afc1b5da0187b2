//! Creates the steps of branch and bundle: commit, upload, release, branch, and lifting a hold.
//!
//! Except for an archive that the store already has, the caller decides whether a step is skipped.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};

use super::file::{Edited, NAME};
use crate::domain::bundle::{Author, BundleFacts, FileBytes, archive};
use crate::domain::charm::RevisionFacts;
use crate::domain::{
    Channel, CharmName, CharmRevision, GitHubRepository, Problem, ReleaseName, SanitizedText,
};
use crate::plan::{Op, State, Step, StepId, Undo};

/// Returns the whole commit message: `subject`, the author's remarks and the sign-off.
fn message(subject: &str, author: &Author) -> String {
    let mut text = format!("{}\n\n", line(subject));
    if !author.remarks.is_empty() {
        for remark in &author.remarks {
            text.push_str(&format!("{}\n", line(remark)));
        }
        text.push('\n');
    }
    // Git removes the same characters from a name and an address.
    let person = |text: &str| line(text).replace(['<', '>'], "").trim().to_owned();
    text.push_str(&format!(
        "Signed-off-by: {} <{}>\n",
        person(&author.name),
        person(&author.email)
    ));
    text
}

/// Joins `text` to one line: a line break in outside text would start another trailer.
fn line(text: &str) -> String {
    SanitizedText::capped(text, 300).to_string().trim().to_owned()
}

/// Returns the step that creates the commit for `branch`: the tip of `base` with the channels of
/// `edited` and the `more` files. `taken_at` is the time of the snapshot, so that the same plan
/// makes the same commit.
#[allow(clippy::too_many_arguments)] // reviewed: each argument is a field of the operation
pub(in crate::plan) fn commit(
    repository: &GitHubRepository,
    base: &str,
    facts: &BundleFacts,
    branch: &str,
    subject: &str,
    edited: &Edited,
    more: BTreeMap<String, String>,
    taken_at: DateTime<Utc>,
) -> Step {
    let after = changes(edited, more.keys());
    let mut files = more;
    if !edited.changed.is_empty() {
        files.insert(NAME.to_owned(), edited.text.clone());
    }
    let op = Op::Commit {
        repository: repository.clone(),
        base: base.to_owned(),
        parent: facts.tip.clone(),
        files,
        message: message(subject, &facts.author),
        author: facts.author.clone(),
        at: taken_at.trunc_subsecs(0),
    };
    Step {
        before: State::text(format!("{base} at {}", facts.tip.short())),
        after: State::text(after),
        undo: Undo::needless("a commit without a branch is not visible"),
        ..Step::new(
            StepId(format!("commit/{branch}")),
            op,
            format!("{repository} {base}"),
        )
    }
}

/// Describes the changed channels, grouped by change, and the other files.
fn changes<'a>(edited: &Edited, more: impl Iterator<Item = &'a String>) -> String {
    let mut groups: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for (line, before, after) in &edited.changed {
        let application = edited.applications.iter().find(|one| one.line == *line);
        let who = application.map_or_else(
            || format!("line {line}"),
            |one| format!("line {line} {}", one.name),
        );
        match groups
            .iter_mut()
            .find(|group| group.0 == before && group.1 == after)
        {
            Some(group) => group.2.push(who),
            None => groups.push((before, after, vec![who])),
        }
    }
    let mut parts: Vec<String> = groups
        .iter()
        .map(|(before, after, who)| format!("{before} becomes {after} on {}", who.join(", ")))
        .collect();
    if parts.is_empty() {
        parts.push("unchanged".to_owned());
    }
    let mut text = format!("{NAME}: {}", parts.join("; "));
    for name in more {
        text.push_str(&format!("; {name}"));
    }
    text
}

/// Returns the step that uploads `bundle`, packed from `files`. It is skipped if one of `revisions`
/// is the same archive.
pub(in crate::plan) fn upload(
    bundle: &CharmName,
    files: BTreeMap<String, FileBytes>,
    revisions: &[RevisionFacts],
    optional: bool,
) -> Result<Step, Problem> {
    let names: Vec<String> = files.keys().cloned().collect();
    let packed = archive::archive(&files)?;
    let sha3 = archive::sha3_384(&packed);
    let same = revisions
        .iter()
        .filter(|known| known.releasable() && known.sha3.as_ref() == Some(&sha3))
        .map(|known| known.revision)
        .max();
    let op = Op::UploadBundle {
        bundle: bundle.clone(),
        files,
    };
    Ok(Step {
        after: State::text(format!("a revision with {}", names.join(", "))),
        bytes: Some(packed.len() as u64),
        skip_reason: same.map(|same| SanitizedText::new(format!("{same} already holds the same content"))),
        undo: Undo::impossible("Charmhub keeps bundle revisions; unreleased ones have no effect"),
        optional,
        ..Step::new(StepId(upload_id(bundle)), op, bundle.as_str())
    })
}

fn upload_id(bundle: &CharmName) -> String {
    format!("upload-bundle/{bundle}")
}

/// Returns the step that releases the uploaded `bundle` to `channel`, which served `before`.
pub(in crate::plan) fn release(
    bundle: &CharmName,
    channel: &Channel,
    before: Option<CharmRevision>,
    optional: bool,
) -> Step {
    let op = Op::ReleaseBundle {
        bundle: bundle.clone(),
        channel: channel.clone(),
        from: StepId(upload_id(bundle)),
        before,
    };
    Step {
        before: State::text(serving(before)),
        after: State::text("the revision of this upload"),
        undo: Undo::by(match before {
            Some(_) => "release the revision that the channel served before",
            None => "close the channel again",
        }),
        optional,
        ..Step::new(
            StepId(format!("release-bundle/{bundle}")),
            op,
            format!("{bundle} {channel}"),
        )
    }
}

/// Describes what a channel of a bundle serves.
pub(in crate::plan) fn serving(revision: Option<CharmRevision>) -> String {
    revision.map_or_else(|| "closed".to_owned(), |revision| revision.to_string())
}

/// Returns the step that creates `branch` at the commit that this plan makes for it.
pub(in crate::plan) fn branch(repository: &GitHubRepository, branch: &str, files: &[String]) -> Step {
    let op = Op::CreateBranch {
        repository: repository.clone(),
        branch: branch.to_owned(),
        from: StepId(format!("commit/{branch}")),
    };
    Step {
        before: State::text("no such branch"),
        after: State::text(format!("branch {branch} with {}", files.join(", "))),
        undo: Undo::impossible("others may have pulled the branch, so a rollback keeps it"),
        ..Step::new(
            StepId(format!("create-branch/{branch}")),
            op,
            format!("{repository} {branch}"),
        )
    }
}

/// Returns the step that lifts the hold of `release`.
pub(in crate::plan) fn lift_hold(repository: &GitHubRepository, release: &ReleaseName) -> Step {
    let op = Op::LiftHold {
        repository: repository.clone(),
        release: release.clone(),
    };
    Step {
        before: State::text("held: 'publish --new' skips it"),
        after: State::text("not held"),
        undo: Undo::by(format!("windlass hold {release}")),
        ..Step::new(StepId(format!("lift-hold/{release}")), op, release.as_str())
    }
}
