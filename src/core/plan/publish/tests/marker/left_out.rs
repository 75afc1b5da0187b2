//! Tests parts of a publish that are left out on request.

use super::*;

#[test]
fn parts_are_left_out_and_named() {
    let plan = made(&without(&[SkipPart::Branch, SkipPart::Bundle])).unwrap();
    assert_eq!(plan.steps.last().unwrap().kind, "verify");
    for kind in ["commit", "create-branch", "upload-bundle", "release-bundle"] {
        assert!(!kinds(&plan).contains(&kind), "{kind}");
    }
    assert_eq!(plan.left_out.len(), 2);
    let branch = made(&without(&[SkipPart::Branch])).unwrap();
    assert!(kinds(&branch).contains(&"release-bundle") && !kinds(&branch).contains(&"commit"));
    assert!(branch.left_out[0].as_str().contains(BRANCH));
    // The branch means that nothing is left to do: it is not created without the bundle.
    let bundle = made(&without(&[SkipPart::Bundle])).unwrap();
    for kind in ["commit", "create-branch", "upload-bundle", "release-bundle"] {
        assert!(!kinds(&bundle).contains(&kind), "{kind}");
    }
    assert!(bundle.left_out[0].as_str().contains(BUNDLE));
    assert!(bundle.left_out[1].as_str().contains(BRANCH));
    let mut released = snapshot();
    facts(&mut released, BUNDLE)
        .rows
        .push(bundle_row("2025-01/edge", 13));
    let bundle = of(&released, &without(&[SkipPart::Bundle])).unwrap();
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
        let plan = plan(&workspace, &snapshot, &without(&[SkipPart::Branch])).unwrap();
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
    // The overlay names the images of all charms, including those that are not published.
    let Op::Commit { files, .. } = &step(&plan, &format!("commit/{BRANCH}")).op else {
        panic!("no commit")
    };
    assert!(files["overlay-2025-01-27.yaml"].contains("finos/legend-studio:u2"));

    // One base that runs something else is enough for a no.
    facts(&mut others, SDLC)
        .rows
        .push(row("2025-01/edge", "22.04", 49, "sdlc-image", 7));
    let plan = of(&others, &wish).unwrap();
    assert!(plan.left_out[0].as_str().contains("22.04"), "{:?}", plan.left_out);
    others
        .charms
        .get_mut(&charm(SDLC))
        .unwrap()
        .refresh(Observed::failed(Problem::new(ProblemKind::Network, "down")));
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

    // The release's own image by digest is the release, and the overlay names the digest.
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
