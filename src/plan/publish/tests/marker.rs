//! What a publish plan promises of branch, bundle and hold.

use super::*;
use crate::config::workspace::BundleMode;
use crate::domain::bundle::{MarkerBranch, archive};
use crate::domain::{ReleaseName, Target};
use crate::plan::intent::Part;
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

fn without(parts: &[Part]) -> PublishIntent {
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

/// A snapshot in which the branch and the bundle of 2025-01-27 are there.
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
            // The database's charm is none of the release's.
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
    // It is there and serves nobody: the release is still to be made.
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
        assert!(reason.as_str().contains("the branch is there"), "{reason}");
    }
    assert!(!warned(&plan, "left as it is"), "{:?}", plan.warnings);
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
            .find(|one| one.as_str().contains("left as it is"));
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
    assert!(pinned.contains("channels are right"), "{pinned}");
    let overlay = with(&|there| set(there, "overlay-2025-01-27.yaml", "applications: {}\n"));
    assert!(overlay.contains("overlay-2025-01-27.yaml"), "{overlay}");
    let empty = with(&|there| there.files.clear());
    assert!(empty.contains("no bundle.yaml"), "{empty}");
    assert!(empty.contains("no overlay-2025-01-27.yaml"), "{empty}");
}

#[test]
fn a_branch_of_that_name_with_other_channels_is_refused() {
    let mut snapshot = published();
    let there = repository(&mut snapshot).branches.get_mut(BRANCH).unwrap();
    let stale = FileBytes(bundle_yaml().into_bytes());
    there.files.insert("bundle.yaml".to_owned(), stale);
    let problem = of(&snapshot, &new()).unwrap_err();
    assert_eq!(problem.kind, Kind::Refused);
    assert!(problem.to_string().contains(BRANCH), "{problem}");
    assert!(
        problem.causes[0].as_str().contains("instead of 2025-01/edge"),
        "{:?}",
        problem.causes
    );
    assert!(of(&snapshot, &without(&[Part::Branch, Part::Bundle])).is_ok());
}

#[test]
fn where_the_branch_is_there_a_base_that_cannot_be_edited_any_more_is_a_warning() {
    let mut snapshot = published();
    repository(&mut snapshot).files.remove("bundle.yaml");
    let plan = of(&snapshot, &new()).unwrap();
    assert!(warned(&plan, "no bundle.yaml"));
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

mod left_out {
    use super::*;

    #[test]
    fn parts_are_left_out_and_named() {
        let plan = made(&without(&[Part::Branch, Part::Bundle])).unwrap();
        assert_eq!(plan.steps.last().unwrap().kind, "verify");
        for kind in ["commit", "create-branch", "upload-bundle", "release-bundle"] {
            assert!(!kinds(&plan).contains(&kind), "{kind}");
        }
        assert_eq!(plan.left_out.len(), 2);
        let branch = made(&without(&[Part::Branch])).unwrap();
        assert!(kinds(&branch).contains(&"release-bundle") && !kinds(&branch).contains(&"commit"));
        assert!(branch.left_out[0].as_str().contains(BRANCH));
        // The branch says that nothing is left to do: not before the bundle is there.
        let bundle = made(&without(&[Part::Bundle])).unwrap();
        for kind in ["commit", "create-branch", "upload-bundle", "release-bundle"] {
            assert!(!kinds(&bundle).contains(&kind), "{kind}");
        }
        assert!(bundle.left_out[0].as_str().contains(BUNDLE));
        assert!(bundle.left_out[1].as_str().contains(BRANCH));
        let mut released = snapshot();
        facts(&mut released, BUNDLE)
            .rows
            .push(bundle_row("2025-01/edge", 13));
        let bundle = of(&released, &without(&[Part::Bundle])).unwrap();
        assert!(kinds(&bundle).contains(&"create-branch"));
    }

    #[test]
    fn a_workspace_without_a_bundle_has_nothing_to_leave_out() {
        let mut off = workspace();
        off.bundle.as_mut().unwrap().mode = BundleMode::Off;
        let mut none = workspace();
        none.bundle = None;
        let mut snapshot = snapshot();
        snapshot.bundle = Observed::default();
        for workspace in [off, none] {
            let plan = plan(&workspace, &snapshot, &without(&[Part::Branch])).unwrap();
            assert!(plan.left_out.is_empty());
            assert_eq!(plan.steps.last().unwrap().kind, "verify");
        }
    }

    #[test]
    fn a_narrowed_run_makes_no_branch_unless_the_others_run_it_already() {
        let mut wish = new();
        wish.charms = [charm(ENGINE)].into();
        let plan = made(&wish).unwrap();
        assert!(!kinds(&plan).contains(&"create-branch") && !kinds(&plan).contains(&"release-bundle"));
        assert_eq!(plan.left_out.len(), 2);
        for name in [SDLC, STUDIO] {
            assert!(plan.left_out[0].as_str().contains(name), "{:?}", plan.left_out);
        }

        let mut others = snapshot();
        for (name, resource, reference) in [
            (SDLC, "sdlc-image", "docker.io/finos/legend-sdlc-server:s2"),
            (STUDIO, "studio-image", "docker.io/finos/legend-studio:u2"),
        ] {
            facts(&mut others, name)
                .rows
                .push(row("2025-01/edge", "20.04", 50, resource, 8));
            let upstream = image(reference);
            let behind = ImageBehind {
                digest: upstream.digest,
                config_digests: Vec::new(),
            };
            let at = Snapshot::behind_key(&charm(name), &resource.parse().unwrap(), ResourceRevision(8));
            others.behind.insert(at, Observed::read(behind, now()));
        }
        let plan = of(&others, &wish).unwrap();
        assert_eq!(plan.steps.last().unwrap().kind, "create-branch");
        assert!(plan.left_out.is_empty());
        // The overlay names every charm's image, those of the others too.
        let Op::Commit { files, .. } = &step(&plan, &format!("commit/{BRANCH}")).op else {
            panic!("no commit")
        };
        assert!(files["overlay-2025-01-27.yaml"].contains("finos/legend-studio:u2"));

        // Another base that runs something else is enough to say no.
        facts(&mut others, SDLC)
            .rows
            .push(row("2025-01/edge", "22.04", 49, "sdlc-image", 7));
        let plan = of(&others, &wish).unwrap();
        assert!(plan.left_out[0].as_str().contains("22.04"), "{:?}", plan.left_out);
        others
            .charms
            .get_mut(&charm(SDLC))
            .unwrap()
            .refresh(Observed::failed(Problem::new(Kind::Network, "down")));
        let plan = of(&others, &wish).unwrap();
        assert!(
            plan.left_out[0].as_str().contains("could not be read"),
            "{:?}",
            plan.left_out
        );
    }

    #[test]
    fn a_row_that_the_plan_leaves_with_another_image_is_enough() {
        let mut snapshot = snapshot();
        facts(&mut snapshot, ENGINE)
            .rows
            .push(row("2025-01/edge", "18.04", 49, "engine-image", 7));
        let plan = of(&snapshot, &new()).unwrap();
        assert!(plan.left_out[0].as_str().contains("18.04"), "{:?}", plan.left_out);
        assert!(!kinds(&plan).contains(&"create-branch"));
    }

    #[test]
    fn another_image_than_the_releases_is_not_the_release() {
        let mut wish = new();
        let key = "finos/legend-studio";
        wish.images.insert(key.to_owned(), "u1".parse().unwrap());
        let plan = made(&wish).unwrap();
        assert!(!kinds(&plan).contains(&"create-branch"));
        assert!(
            plan.left_out[0].as_str().contains("finos/legend-studio:u1"),
            "{:?}",
            plan.left_out
        );

        // Its own image by digest is the release, and the overlay says the digest.
        let own = image("docker.io/finos/legend-studio:u2");
        let mut snapshot = snapshot();
        let pinned = own.reference.repository.at(own.digest);
        snapshot
            .images
            .insert(pinned.to_string(), Observed::read(own.clone(), now()));
        wish.images.insert(key.to_owned(), Target::Digest(own.digest));
        let plan = of(&snapshot, &wish).unwrap();
        assert!(plan.left_out.is_empty(), "{:?}", plan.left_out);
        let Op::Commit { files, .. } = &step(&plan, &format!("commit/{BRANCH}")).op else {
            panic!("no commit")
        };
        let line = format!("studio-image: finos/legend-studio@{}\n", own.digest);
        assert!(files["overlay-2025-01-27.yaml"].contains(&line));
    }

    #[test]
    fn a_workspace_that_publishes_to_latest_alone_marks_nothing() {
        let mut workspace = workspace();
        workspace.publish.channels = vec!["latest/edge".to_owned()];
        let plan = plan(&workspace, &snapshot(), &new()).unwrap();
        assert!(plan.left_out[0].as_str().contains("2025-01/edge"));
    }
}

mod tracks {
    use super::*;

    fn no_guardrail() -> Snapshot {
        let mut snapshot = snapshot();
        facts(&mut snapshot, BUNDLE).guardrails.clear();
        snapshot
    }

    #[test]
    fn where_the_bundle_cannot_get_its_track_an_optional_one_waits_with_the_branch() {
        let plan = of(&no_guardrail(), &new()).unwrap();
        assert_eq!(plan.steps.last().unwrap().kind, "verify");
        assert_eq!(plan.left_out.len(), 2, "{:?}", plan.left_out);
        assert!(plan.left_out[0].as_str().contains("2025-01"));
        assert!(plan.left_out[0].as_str().contains("discourse"));
        assert!(plan.left_out[1].as_str().contains("--without bundle"));
        assert!(!plan.steps.iter().any(|step| step.id.0.contains(BUNDLE)));
        let plan = of(&no_guardrail(), &without(&[Part::Bundle])).unwrap();
        assert_eq!(plan.steps.last().unwrap().kind, "verify");
    }

    #[test]
    fn a_required_one_stops_the_plan() {
        let mut workspace = workspace();
        workspace.bundle.as_mut().unwrap().mode = BundleMode::Required;
        let problem = plan(&workspace, &no_guardrail(), &new()).unwrap_err();
        assert_eq!(problem.kind, Kind::Refused);
        assert!(problem.to_string().contains(BUNDLE), "{problem}");
        assert!(
            problem
                .hints
                .last()
                .unwrap()
                .as_str()
                .contains("--without bundle")
        );
        let plan = plan(&workspace, &snapshot(), &new()).unwrap();
        assert!(plan.steps.iter().all(|step| !step.optional));
    }
}

mod rights {
    use super::*;

    /// Refused for want of a token; its hints as one text.
    fn refused(snapshot: &Snapshot) -> String {
        let problem = of(snapshot, &new()).unwrap_err();
        assert_eq!(problem.kind, Kind::Credentials, "{problem}");
        let hints: Vec<String> = problem.hints.iter().map(ToString::to_string).collect();
        let hints = hints.join(" ");
        for word in [
            "repo",
            "public_repo",
            "Contents: write",
            "--without branch,bundle",
        ] {
            assert!(hints.contains(word), "{hints}");
        }
        assert!(of(snapshot, &without(&[Part::Branch, Part::Bundle])).is_ok());
        problem.to_string()
    }

    fn token(scopes: &[&str], sort: &str) -> Observed<CredentialFacts> {
        let mut facts = credential();
        facts.kind = "github".into();
        facts.scopes = scopes.iter().map(Outside::new).collect();
        facts.remarks = vec![Outside::new(sort)];
        Observed::read(facts, now())
    }

    #[test]
    fn without_a_token_that_may_write_nothing_is_planned() {
        let mut readable = snapshot();
        repository(&mut readable).writable = Some(false);
        assert!(refused(&readable).contains("finos/legend-juju-bundle"));
        let absent = Observed::failed(Problem::new(Kind::NotFound, "no GitHub token is set"));
        let mut anonymous = snapshot();
        repository(&mut anonymous).writable = None;
        anonymous.github = absent;
        assert!(refused(&anonymous).contains("no GitHub token is set"));
        for kind in [Kind::NotFound, Kind::Credentials] {
            let mut hidden = snapshot();
            hidden.bundle = Observed::failed(Problem::new(kind, "nothing to see"));
            assert!(refused(&hidden).contains("nothing to see"));
        }
        let mut down = snapshot();
        down.bundle = Observed::failed(Problem::new(Kind::Network, "down"));
        assert_eq!(of(&down, &new()).unwrap_err().kind, Kind::Network);
    }

    #[test]
    fn a_classic_token_needs_its_scope_and_other_tokens_list_none() {
        let with = |facts: Observed<CredentialFacts>| {
            let mut snapshot = snapshot();
            snapshot.github = facts;
            snapshot
        };
        assert!(refused(&with(token(&["workflow"], "classic token"))).contains("workflow"));
        assert!(refused(&with(token(&[], "classic token"))).contains("none"));
        for fine in [
            token(&["repo"], "classic token"),
            token(&["public_repo", "workflow"], "classic token"),
            token(&[], "fine-grained or app token"),
        ] {
            assert!(of(&with(fine), &new()).is_ok());
        }
    }

    #[test]
    fn where_nothing_is_written_no_right_is_asked_for() {
        let mut snapshot = published();
        repository(&mut snapshot).writable = Some(false);
        assert!(of(&snapshot, &new()).is_ok());
        repository(&mut snapshot).branches.clear();
        assert!(of(&snapshot, &without(&[Part::Branch])).is_ok());
    }

    #[test]
    fn the_store_token_must_reach_the_bundle_too() {
        let mut snapshot = snapshot();
        let named = |name: &str| crate::domain::credential::PackageScope {
            kind: Outside::new("charm"),
            name: Some(Outside::new(name)),
            id: None,
        };
        let mut narrow = credential();
        narrow.packages = Some([ENGINE, SDLC, STUDIO].map(named).into());
        snapshot.credential = Observed::read(narrow, now());
        let problem = of(&snapshot, &new()).unwrap_err();
        assert_eq!(problem.kind, Kind::Credentials);
        assert!(problem.hints[0].as_str().contains("--bundle finos-legend-bundle"));
        assert!(of(&snapshot, &without(&[Part::Bundle])).is_ok());
    }
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
    assert_eq!(with("a: [").kind, Kind::Refused);
    // Channels that are right already leave the overlay alone to be committed.
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

mod held {
    use super::*;

    fn held(mut snapshot: Snapshot) -> Snapshot {
        snapshot.holds = Observed::read(["2025-01-27".parse().unwrap()].into(), now());
        snapshot
    }

    #[test]
    fn naming_a_release_lifts_its_hold_just_before_the_branch() {
        let plan = of(&held(snapshot()), &new()).unwrap();
        let kinds = kinds(&plan);
        assert_eq!(kinds[kinds.len() - 2..], ["lift-hold", "create-branch"]);
        assert!(warned(&plan, "lifts the hold"), "{:?}", plan.warnings);
        // A rollback held it, the branch stayed: publishing it again lifts the hold all the same.
        let again = of(&held(published()), &new()).unwrap();
        assert_eq!(step(&again, "lift-hold/2025-01-27").skip_reason, None);
    }

    #[test]
    fn a_hold_stays_where_no_branch_is_made() {
        let mut narrowed = new();
        narrowed.charms = [charm(ENGINE)].into();
        for wish in [
            narrowed,
            without(&[Part::Branch]),
            without(&[Part::Branch, Part::Bundle]),
        ] {
            let plan = of(&held(snapshot()), &wish).unwrap();
            assert!(!kinds(&plan).contains(&"lift-hold"));
            assert!(warned(&plan, "held"), "{:?}", plan.warnings);
        }
    }

    #[test]
    fn holds_that_could_not_be_read_are_a_warning() {
        let mut snapshot = snapshot();
        snapshot.holds = Observed::failed(Problem::new(Kind::Network, "down"));
        let plan = of(&snapshot, &new()).unwrap();
        assert!(!kinds(&plan).contains(&"lift-hold"));
        assert!(warned(&plan, "could not be read"), "{:?}", plan.warnings);
    }
}

#[test]
fn undo_is_told_as_it_is() {
    let plan = of(&snapshot(), &new()).unwrap();
    let undo = |id: String| step(&plan, &id).undo.to_string();
    assert!(undo(format!("create-branch/{BRANCH}")).contains("others may have pulled"));
    assert!(undo(format!("upload-bundle/{BUNDLE}")).starts_with("cannot be undone"));
    assert!(undo(format!("release-bundle/{BUNDLE}")).contains("closed again"));
    let back: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(back, plan);
}
