//! Tests branch, bundle and hold in plans of publishes.

mod held;
mod left_out;
mod rights;
mod tracks;

use super::*;
use crate::config::workspace::BundleMode;
use crate::domain::bundle::{MarkerBranch, archive};
use crate::domain::{ReleaseName, Target};
use crate::plan::intent::SkipPart;
use crate::plan::{Step, StepId};

const BRANCH: &str = "release-2025-01-27";
const SDLC: &str = "finos-legend-sdlc-k8s";
const STUDIO: &str = "finos-legend-studio-k8s";

fn of(snapshot: &Snapshot, intent: &PublishIntent) -> Result<Plan, Problem> {
    plan(&workspace(), snapshot, intent)
}

fn new() -> PublishIntent {
    intent("2025-01-27")
}

fn without(parts: &[SkipPart]) -> PublishIntent {
    PublishIntent {
        without: parts.iter().copied().collect(),
        ..new()
    }
}

fn kinds(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.kind.as_str()).collect()
}

fn step<'p>(plan: &'p Plan, id: &str) -> &'p Step {
    plan.step(&StepId(id.to_owned()))
        .unwrap_or_else(|| panic!("no step {id} in {:?}", kinds(plan)))
}

fn words(state: &State) -> String {
    match state {
        State::Text(text) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

fn warned(plan: &Plan, word: &str) -> bool {
    plan.warnings
        .iter()
        .any(|warning| warning.as_str().contains(word))
}

fn repository(snapshot: &mut Snapshot) -> &mut BundleFacts {
    snapshot.bundle.value.as_mut().unwrap()
}

/// Returns a snapshot in which the branch and the bundle of 2025-01-27 exist.
fn published() -> Snapshot {
    let mut snapshot = snapshot();
    let made = of(&snapshot, &new()).unwrap();
    let Op::Commit { files, .. } = &step(&made, &format!("commit/{BRANCH}")).op else {
        panic!("no commit")
    };
    let files = files
        .iter()
        .map(|(path, text)| (path.clone(), FileBytes(text.clone().into_bytes())))
        .collect();
    let there = MarkerBranch {
        tip: "c".repeat(40).parse().unwrap(),
        files,
    };
    repository(&mut snapshot)
        .branches
        .insert(BRANCH.to_owned(), there);
    let store = facts(&mut snapshot, BUNDLE);
    store.tracks.push("2025-01".parse().unwrap());
    store.rows.push(bundle_row("2025-01/edge", 13));
    snapshot
}

#[test]
fn what_nobody_sees_comes_first_and_the_branch_last() {
    let plan = made(&new()).unwrap();
    let mut order = kinds(&plan);
    order.dedup();
    assert_eq!(
        order,
        [
            "create-track",
            "copy-image",
            "upload-resource",
            "commit",
            "upload-bundle",
            "release",
            "release-bundle",
            "verify",
            "create-branch",
        ]
    );
    assert!(plan.left_out.is_empty(), "{:?}", plan.left_out);
    assert!(
        step(&plan, &format!("create-track/{BUNDLE}/2025-01"))
            .skip_reason
            .is_none()
    );
    let optional: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.optional)
        .map(|step| step.kind.as_str())
        .collect();
    assert_eq!(optional, ["create-track", "upload-bundle", "release-bundle"]);
}

#[test]
fn the_commit_holds_the_edited_bundle_and_the_overlay() {
    let plan = made(&new()).unwrap();
    let commit = step(&plan, &format!("commit/{BRANCH}"));
    let Op::Commit {
        repository,
        base,
        parent,
        files,
        message,
        at,
        ..
    } = &commit.op
    else {
        panic!("no commit")
    };
    assert_eq!(
        (repository.as_str(), base.as_str()),
        ("finos/legend-juju-bundle", "edge")
    );
    assert_eq!(parent.as_str(), "a".repeat(40));
    assert_eq!(*at, now(), "{at}");
    assert_eq!(
        message,
        "Creates 2025-01-27 release\n\nSigned-off-by: Ann Example <ann@example.com>\n"
    );
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["bundle.yaml", "overlay-2025-01-27.yaml"]
    );
    assert_eq!(
        files["bundle.yaml"],
        bundle_yaml().replace("latest/edge", "2025-01/edge").replacen(
            // The database's charm is not in the release.
            "2025-01/edge",
            "latest/edge",
            1
        )
    );
    assert_eq!(
        files["overlay-2025-01-27.yaml"],
        "\
applications:
  legend-engine:
    channel: 2025-01/edge
    resources:
      engine-image: finos/legend-engine-server:e2
  legend-sdlc:
    channel: 2025-01/edge
    resources:
      sdlc-image: finos/legend-sdlc-server:s2
  legend-studio:
    channel: 2025-01/edge
    resources:
      studio-image: finos/legend-studio:u2
"
    );
    assert_eq!(words(&commit.before), "edge at aaaaaaaaaa");
    let after = words(&commit.after);
    for word in [
        "legend-engine",
        "legend-sdlc",
        "legend-studio",
        "latest/edge becomes 2025-01/edge",
        "line 2",
    ] {
        assert!(after.contains(word), "{after}");
    }
    let branch = step(&plan, &format!("create-branch/{BRANCH}"));
    assert!(words(&branch.after).contains("overlay-2025-01-27.yaml"));
    assert!(matches!(&branch.op, Op::CreateBranch { from, .. } if from == &commit.id));
}

#[test]
fn the_bundle_goes_to_the_track_alone_with_the_files_that_are_packed() {
    let plan = made(&new()).unwrap();
    let Op::UploadBundle { files, .. } = &step(&plan, &format!("upload-bundle/{BUNDLE}")).op else {
        panic!("no upload")
    };
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["README.md", "bundle.yaml", "icon.svg"]
    );
    assert_eq!(
        files["bundle.yaml"]
            .text()
            .unwrap()
            .matches("2025-01/edge")
            .count(),
        3
    );
    let release = step(&plan, &format!("release-bundle/{BUNDLE}"));
    let Op::ReleaseBundle { channel, before, .. } = &release.op else {
        panic!("no release")
    };
    assert_eq!(channel.to_string(), "2025-01/edge");
    assert_eq!(*before, None);
    assert_eq!(words(&release.before), "closed");
}

#[test]
fn an_archive_that_the_store_has_is_not_uploaded_again() {
    let mut snapshot = snapshot();
    let plan = of(&snapshot, &new()).unwrap();
    let upload = step(&plan, &format!("upload-bundle/{BUNDLE}"));
    assert_eq!(upload.skip_reason, None);
    let Op::UploadBundle { files, .. } = &upload.op else {
        panic!("no upload")
    };
    let packed = archive::archive(files).unwrap();
    assert_eq!(upload.bytes, Some(packed.len() as u64));
    let mut known = revision(14, "approved", "20.04");
    known.sha3 = Some(archive::sha3_384(&packed));
    facts(&mut snapshot, BUNDLE).revisions.push(known);
    let plan = of(&snapshot, &new()).unwrap();
    let upload = step(&plan, &format!("upload-bundle/{BUNDLE}"));
    assert!(upload.skip_reason.is_some());
    // It is uploaded but not released: the release is still to be done.
    let release = step(&plan, &format!("release-bundle/{BUNDLE}"));
    assert_eq!(release.skip_reason, None);
}

#[test]
fn what_it_builds_on_is_said() {
    let plan = made(&new()).unwrap();
    let value = |word: &str| {
        let found = plan
            .assumptions
            .iter()
            .find(|one| one.what.as_str().contains(word));
        found.map(|one| (one.value.to_string(), one.step.clone().unwrap().0))
    };
    assert_eq!(
        value("finos/legend-juju-bundle edge"),
        Some(("a".repeat(40), format!("commit/{BRANCH}")))
    );
    assert_eq!(
        value(&format!("{BUNDLE} 2025-01/edge")),
        Some(("closed".to_owned(), format!("release-bundle/{BUNDLE}")))
    );
}

#[test]
fn a_message_takes_no_line_from_a_name_and_remarks_stand_before_the_signature() {
    let mut snapshot = snapshot();
    let author = &mut repository(&mut snapshot).author;
    author.name = "Eve\nSigned-off-by: Ann <ann@example.com>".to_owned();
    author.remarks = vec![
        "Job: https://example.com/1".to_owned(),
        "Started by eve".to_owned(),
    ];
    let plan = of(&snapshot, &new()).unwrap();
    let Op::Commit { message, .. } = &step(&plan, &format!("commit/{BRANCH}")).op else {
        panic!("no commit")
    };
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "Creates 2025-01-27 release",
            "",
            "Job: https://example.com/1",
            "Started by eve",
            ""
        ]
    );
    assert_eq!(lines.len(), 6);
    assert_eq!(message.matches('<').count(), 1);
}

#[test]
fn a_release_is_named_without_tricks_or_not_at_all() {
    for name in [
        "2025-01-27$(id)",
        "2025-01-27;ls",
        "2025-01-27`x`",
        "2025-01-27 x",
        "2025-01-27\n- a",
        "2025-01-27: x",
        "2025-01-27/../x",
        "2025-01-27..",
        "2025-01-27#a",
        "2025-01-27'",
        "2025-01-27\"",
        "*2025-01-27",
        "../2025-01-27",
        "2025-01-27&&a",
        "2025-01-27|a",
        "2025-01-27{a}",
        "2025-01-27\\",
        "2025-01-27~1",
        "2025-01-27^",
        "2025-01-27@{0}",
        "--2025-01-27",
        "${{ x }}",
    ] {
        assert!(name.parse::<ReleaseName>().is_err(), "{name:?}");
    }
}

#[test]
fn the_branch_that_is_there_is_left_and_a_second_publish_does_nothing_with_it() {
    let snapshot = published();
    let plan = of(&snapshot, &new()).unwrap();
    for id in [
        format!("commit/{BRANCH}"),
        format!("create-branch/{BRANCH}"),
        format!("upload-bundle/{BUNDLE}"),
        format!("release-bundle/{BUNDLE}"),
    ] {
        let reason = step(&plan, &id).skip_reason.clone().unwrap();
        assert!(reason.as_str().contains("the branch exists"), "{reason}");
    }
    assert!(!warned(&plan, "it is not changed"), "{:?}", plan.warnings);
    assert!(
        !plan
            .assumptions
            .iter()
            .any(|one| one.what.as_str().contains("legend-juju-bundle"))
    );
}

#[test]
fn a_branch_with_other_content_is_left_with_a_warning() {
    let with = |change: &dyn Fn(&mut MarkerBranch)| {
        let mut snapshot = published();
        change(repository(&mut snapshot).branches.get_mut(BRANCH).unwrap());
        let plan = of(&snapshot, &new()).unwrap();
        assert!(
            step(&plan, &format!("create-branch/{BRANCH}"))
                .skip_reason
                .is_some()
        );
        let found = plan
            .warnings
            .iter()
            .find(|one| one.as_str().contains("it is not changed"));
        found.unwrap().to_string()
    };
    let set = |there: &mut MarkerBranch, path: &str, text: &str| {
        there
            .files
            .insert(path.to_owned(), FileBytes(text.as_bytes().to_vec()));
    };
    let pinned = with(&|there| {
        let text = there.files["bundle.yaml"]
            .text()
            .unwrap()
            .replace("scale: 1", "scale: 2");
        set(there, "bundle.yaml", &text);
    });
    assert!(pinned.contains("same channels"), "{pinned}");
    let overlay = with(&|there| set(there, "overlay-2025-01-27.yaml", "applications: {}\n"));
    assert!(overlay.contains("overlay-2025-01-27.yaml"), "{overlay}");
    let empty = with(&|there| there.files.clear());
    assert!(empty.contains("bundle.yaml not found"), "{empty}");
    assert!(empty.contains("no overlay-2025-01-27.yaml"), "{empty}");
}

#[test]
fn a_branch_of_that_name_with_other_channels_is_refused() {
    let mut snapshot = published();
    let there = repository(&mut snapshot).branches.get_mut(BRANCH).unwrap();
    let stale = FileBytes(bundle_yaml().into_bytes());
    there.files.insert("bundle.yaml".to_owned(), stale);
    let problem = of(&snapshot, &new()).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains(BRANCH), "{problem}");
    assert!(
        problem.causes[0].as_str().contains("instead of 2025-01/edge"),
        "{:?}",
        problem.causes
    );
    assert!(of(&snapshot, &without(&[SkipPart::Branch, SkipPart::Bundle])).is_ok());
}

#[test]
fn where_the_branch_is_there_a_base_that_cannot_be_edited_any_more_is_a_warning() {
    let mut snapshot = published();
    repository(&mut snapshot).files.remove("bundle.yaml");
    let plan = of(&snapshot, &new()).unwrap();
    assert!(warned(&plan, "bundle.yaml not found"));
    assert!(!kinds(&plan).contains(&"create-branch"));
}

#[test]
fn a_bundle_that_was_never_released_is_made_from_the_branch_itself() {
    let mut snapshot = published();
    facts(&mut snapshot, BUNDLE).rows.clear();
    let own = "# by hand\napplications: {}\n";
    let there = repository(&mut snapshot).branches.get_mut(BRANCH).unwrap();
    there
        .files
        .insert("bundle.yaml".to_owned(), FileBytes(own.as_bytes().to_vec()));
    let plan = of(&snapshot, &new()).unwrap();
    let upload = step(&plan, &format!("upload-bundle/{BUNDLE}"));
    assert_eq!(upload.skip_reason, None);
    let Op::UploadBundle { files, .. } = &upload.op else {
        panic!("no upload")
    };
    assert_eq!(files["bundle.yaml"].text(), Some(own));
    assert!(!files.contains_key("overlay-2025-01-27.yaml"));
    assert!(
        step(&plan, &format!("create-branch/{BRANCH}"))
            .skip_reason
            .is_some()
    );
}

#[test]
fn a_bundle_file_that_cannot_be_edited_stops_the_plan_with_the_place() {
    let with = |text: &str| {
        let mut snapshot = snapshot();
        repository(&mut snapshot)
            .files
            .insert("bundle.yaml".to_owned(), FileBytes(text.as_bytes().to_vec()));
        of(&snapshot, &new()).unwrap_err()
    };
    let missing = with(&bundle_yaml().replace(STUDIO, "other"));
    assert!(
        missing.to_string().contains(STUDIO) && missing.to_string().contains("branch edge"),
        "{missing}"
    );
    assert!(
        missing
            .hints
            .iter()
            .any(|hint| hint.as_str().contains("--without branch,bundle"))
    );
    assert_eq!(with("a: [").kind, ProblemKind::Refused);
    // The channels are already correct: only the overlay is committed.
    let mut snapshot = snapshot();
    let right = bundle_yaml().replace("latest/edge", "2025-01/edge");
    repository(&mut snapshot)
        .files
        .insert("bundle.yaml".to_owned(), FileBytes(right.into_bytes()));
    let plan = of(&snapshot, &new()).unwrap();
    let Op::Commit { files, .. } = &step(&plan, &format!("commit/{BRANCH}")).op else {
        panic!("no commit")
    };
    assert_eq!(files.keys().collect::<Vec<_>>(), ["overlay-2025-01-27.yaml"]);
}

#[test]
fn undo_is_told_as_it_is() {
    let plan = of(&snapshot(), &new()).unwrap();
    let undo = |id: String| step(&plan, &id).undo.to_string();
    assert!(undo(format!("create-branch/{BRANCH}")).contains("others may have pulled"));
    assert!(undo(format!("upload-bundle/{BUNDLE}")).starts_with("cannot be undone"));
    assert!(undo(format!("release-bundle/{BUNDLE}")).contains("close the channel again"));
    let back: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(back, plan);
}
