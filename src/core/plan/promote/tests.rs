//! Tests plans of promotions with snapshots built in the test.

mod track;

use std::collections::BTreeMap;

use crate::domain::bundle::{Author, BundleFacts, FileBytes, MarkerBranch};
use crate::domain::charm::{Attached, ChannelRow, CharmFacts, ImageBehind};
use crate::domain::{
    Base, CharmName, CharmRevision, Hint, ManifestDigest, Observed, Problem, ProblemKind, ResourceRevision,
    Risk, SanitizedText, Snapshot,
};
use crate::plan::publish::tests::{ENGINE, base, charm, digest, facts, now, snapshot, workspace};
use crate::plan::{AttachFrom, Op, Plan, PromoteIntent, PromoteTrackIntent, State};

const DB: &str = "finos-legend-db-k8s";
const GITLAB: &str = "finos-legend-gitlab-integrator-k8s";

/// Returns the snapshot of the publish tests, in which 2024-12-01 runs on `2024-12/edge`; the two
/// charms without an image in the release are on `latest/edge` only.
fn world() -> Snapshot {
    let mut snapshot = snapshot();
    for name in [DB, GITLAB] {
        let mut plain = facts(&mut snapshot, ENGINE).clone();
        plain.rows.retain(|row| row.channel.to_string() == "latest/edge");
        plain.rows.truncate(1);
        plain.declared.clear();
        plain.resources.clear();
        snapshot.charms.insert(charm(name), Observed::read(plain, now()));
    }
    let bundle = CharmFacts {
        id: "bundle-id".into(),
        bundle: true,
        tracks: vec!["latest".parse().unwrap(), "2024-12".parse().unwrap()],
        ..CharmFacts::default()
    };
    snapshot
        .charms
        .insert(charm("finos-legend-bundle"), Observed::read(bundle, now()));
    snapshot.bundle = Observed::read(repository(&yaml("latest/edge")), now());
    snapshot
}

/// Returns a `bundle.yaml` whose charms are all on `channel`.
fn yaml(channel: &str) -> String {
    let mut text = String::from("# All of it.\napplications:\n");
    for (application, name) in [
        ("legend-db", DB),
        ("legend-sdlc", "finos-legend-sdlc-k8s"),
        ("legend-engine", ENGINE),
        ("legend-studio", "finos-legend-studio-k8s"),
        ("gitlab-integrator", GITLAB),
        ("mongodb", "mongodb-k8s"),
    ] {
        text.push_str(&format!(
            "\n  {application}:\n    charm: {name}\n    channel: {channel}  # moves\n    scale: 1\n"
        ));
    }
    text
}

fn repository(text: &str) -> BundleFacts {
    BundleFacts {
        tip: "a".repeat(40).parse().unwrap(),
        files: BTreeMap::from([("bundle.yaml".to_owned(), FileBytes(text.as_bytes().to_vec()))]),
        branches: BTreeMap::new(),
        writable: Some(true),
        author: Author {
            name: "Ann Example".into(),
            email: "ann@example.com".into(),
            from: SanitizedText::new("git"),
            remarks: Vec::new(),
        },
    }
}

fn intent(release: &str, to: &str) -> PromoteIntent {
    PromoteIntent {
        release: release.parse().unwrap(),
        to: to.parse().unwrap(),
        with: BTreeMap::new(),
    }
}

fn made(snapshot: &Snapshot, intent: &PromoteIntent) -> Result<Plan, Problem> {
    super::plan(&workspace(), snapshot, intent)
}

/// Returns `charm channel base revision resource` of every move.
fn moves(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.op {
            Op::Release { charm, moves } => Some(moves.iter().map(move |one| {
                let resources: Vec<String> = one
                    .resources
                    .iter()
                    .map(|attach| match &attach.from {
                        AttachFrom::Revision(revision) => format!("{} {revision}", attach.name),
                        AttachFrom::Step(step) => step.to_string(),
                    })
                    .collect();
                format!(
                    "{charm} {} {} {} {}",
                    one.channel,
                    one.base.as_ref().map_or("-", |base| base.channel.as_str()),
                    one.revision,
                    resources.join(" ")
                )
            })),
            _ => None,
        })
        .flatten()
        .collect()
}

fn says(texts: &[SanitizedText], part: &str) -> bool {
    texts.iter().any(|text| text.as_str().contains(part))
}

#[test]
fn every_base_gets_the_very_pair_of_edge() {
    let mut snapshot = world();
    let track = "2024-12/edge".parse().unwrap();
    let mut second = facts(&mut snapshot, ENGINE).rows[2].clone();
    second.channel = track;
    second.revision = CharmRevision(49);
    second.base = Some(base("22.04"));
    facts(&mut snapshot, ENGINE).rows.push(second);
    let plan = made(&snapshot, &intent("2024-12-01", "stable")).unwrap();
    assert_eq!(
        moves(&plan),
        [
            format!("{ENGINE} 2024-12/stable 22.04 r49 engine-image r7"),
            format!("{ENGINE} 2024-12/stable 20.04 r50 engine-image r7"),
            "finos-legend-sdlc-k8s 2024-12/stable 20.04 r50 sdlc-image r7".to_owned(),
            "finos-legend-studio-k8s 2024-12/stable 20.04 r50 studio-image r7".to_owned(),
        ]
    );
    assert_eq!(plan.confirm, "2024-12-01");
    assert_eq!(plan.command, "windlass promote 2024-12-01 --to stable");
    let again = made(&snapshot, &intent("2024-12-01", "stable")).unwrap();
    assert_eq!(again, plan);
}

#[test]
fn what_the_track_lacks_is_left_out_and_said() {
    let plan = made(&world(), &intent("2024-12-01", "candidate")).unwrap();
    assert!(!moves(&plan).iter().any(|text| text.contains(DB)));
    assert!(
        says(
            &plan.warnings,
            "finos-legend-db-k8s is left out, because 2024-12/edge is closed for it; \
             --with finos-legend-db-k8s=latest/edge promotes it to latest/candidate"
        ),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_charm_named_by_hand_goes_to_the_same_track_of_its_channel() {
    let mut intent = intent("2024-12-01", "stable");
    intent.with.insert(charm(DB), "latest/edge".parse().unwrap());
    let plan = made(&world(), &intent).unwrap();
    assert!(
        moves(&plan).contains(&format!("{DB} latest/stable 20.04 r50 engine-image r7")),
        "{:?}",
        moves(&plan)
    );
    assert!(
        !says(&plan.warnings, &format!("{DB} is left out")),
        "{:?}",
        plan.warnings
    );
    assert!(says(&plan.warnings, GITLAB));
    assert_eq!(
        plan.command,
        format!("windlass promote 2024-12-01 --to stable --with {DB}=latest/edge")
    );
}

#[test]
fn what_is_named_by_hand_must_make_sense() {
    for (name, channel, kind) in [
        ("no-such-charm", "latest/edge", ProblemKind::Usage),
        (DB, "latest/stable", ProblemKind::Refused),
        (DB, "latest/beta", ProblemKind::Refused),
        (ENGINE, "latest/edge", ProblemKind::Usage),
    ] {
        let mut intent = intent("2024-12-01", "stable");
        intent.with.insert(charm(name), channel.parse().unwrap());
        let problem = made(&world(), &intent).unwrap_err();
        assert_eq!(problem.kind, kind, "{name} {channel}: {problem}");
        assert!(!problem.hints.is_empty(), "{problem}");
    }
}

#[test]
fn a_charm_is_not_promoted_from_a_more_stable_channel() {
    let mut intent = intent("2024-12-01", "beta");
    intent.with.insert(charm(DB), "latest/stable".parse().unwrap());
    let problem = made(&world(), &intent).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
    assert!(
        problem
            .summary
            .as_str()
            .contains("stable is more stable than beta"),
        "{problem}"
    );
}

/// Adds to every charm with something on `from` the same rows on `to`, changed by `change`.
fn copied(snapshot: &mut Snapshot, from: &str, to: &str, change: impl Fn(&mut ChannelRow)) {
    let names: Vec<CharmName> = snapshot.charms.keys().cloned().collect();
    for name in names {
        let facts = facts(snapshot, name.as_str());
        let mut rows: Vec<_> = facts.rows_of(&from.parse().unwrap()).cloned().collect();
        for row in &mut rows {
            row.channel = to.parse().unwrap();
            change(row);
        }
        facts.rows.extend(rows);
        let rows = facts.rows.clone();
        snapshot.served.insert(name, Observed::read(rows, now()));
    }
}

fn skipped<'p>(plan: &'p Plan, kind: &str, charm: &str) -> Option<&'p str> {
    let mut steps = plan.steps.iter().filter(|step| step.kind == kind);
    let step = steps.find(|step| step.op.charm().is_some_and(|name| name.as_str() == charm));
    step.unwrap().skip_reason.as_ref().map(SanitizedText::as_str)
}

#[test]
fn from_a_risk_to_itself_is_skipped_with_the_reason() {
    let mut snapshot = world();
    copied(&mut snapshot, "latest/edge", "latest/beta", |_| {});
    let mut intent = intent("2024-12-01", "beta");
    intent.with.insert(charm(DB), "latest/beta".parse().unwrap());
    let plan = made(&snapshot, &intent).unwrap();
    assert_eq!(
        skipped(&plan, "release", DB),
        Some("every channel already runs this")
    );
    assert_eq!(skipped(&plan, "release", ENGINE), None);
}

#[test]
fn the_same_image_in_another_resource_revision_is_there_already() {
    let mut snapshot = world();
    let image: crate::domain::ResourceName = "engine-image".parse().unwrap();
    let other = ResourceRevision(6);
    let engine = facts(&mut snapshot, ENGINE);
    let known = engine.resources.get_mut(&image).unwrap();
    let mut sixth = known[0].clone();
    sixth.revision = other;
    known.push(sixth);
    copied(&mut snapshot, "2024-12/edge", "2024-12/beta", |row| {
        for resource in &mut row.resources {
            if resource.name == image {
                resource.revision = Some(other);
            }
        }
    });
    let plan = made(&snapshot, &intent("2024-12-01", "beta")).unwrap();
    assert_eq!(
        skipped(&plan, "release", ENGINE),
        None,
        "the image of that revision is unknown"
    );
    let key = |revision| Snapshot::behind_key(&charm(ENGINE), &image, revision);
    let same = snapshot.behind[&key(ResourceRevision(7))].clone();
    snapshot.behind.insert(key(other), same);
    let plan = made(&snapshot, &intent("2024-12-01", "beta")).unwrap();
    for kind in ["release", "verify"] {
        for name in [ENGINE, "finos-legend-sdlc-k8s", "finos-legend-studio-k8s"] {
            assert!(skipped(&plan, kind, name).is_some(), "{kind} {name}");
        }
    }
    assert!(moves(&plan)[0].ends_with("engine-image r6"), "{:?}", moves(&plan));
}

#[test]
fn edge_is_no_place_to_promote_to() {
    let problem = made(&world(), &intent("2024-12-01", "edge")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
}

#[test]
fn a_release_that_nobody_published_is_refused_with_the_command() {
    let problem = made(&world(), &intent("2025-01-27", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem
            .hints
            .iter()
            .any(|hint| hint.as_str().contains("windlass publish 2025-01-27")),
        "{problem:?}"
    );
    let problem = made(&world(), &intent("2025-01-28", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
}

#[test]
fn a_track_that_runs_another_release_is_refused_and_that_one_is_named() {
    let mut snapshot = world();
    // The track already has a later release of the month.
    let releases = snapshot.releases.value.as_mut().unwrap();
    let mut later = releases[0].clone();
    later.name = "2024-12-20".parse().unwrap();
    releases.insert(0, later);
    let other = ImageBehind {
        digest: ManifestDigest(digest("docker.io/finos/legend-engine-server:e2")),
        config_digests: Vec::new(),
    };
    let key = Snapshot::behind_key(
        &charm(ENGINE),
        &"engine-image".parse().unwrap(),
        ResourceRevision(8),
    );
    snapshot.behind.insert(key, Observed::read(other, now()));
    let row = facts(&mut snapshot, ENGINE)
        .rows
        .iter_mut()
        .find(|row| row.channel.to_string() == "2024-12/edge")
        .unwrap();
    row.resources = vec![Attached {
        name: "engine-image".parse().unwrap(),
        revision: Some(ResourceRevision(8)),
    }];
    let problem = made(&snapshot, &intent("2024-12-01", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains("2024-12-20"), "{problem}");
    assert!(
        problem.hints[0]
            .as_str()
            .contains("windlass promote 2024-12-20 --to stable"),
        "{problem:?}"
    );
}

#[test]
fn an_image_that_could_not_be_looked_at_proves_nothing() {
    let mut snapshot = world();
    snapshot.behind.clear();
    let problem = made(&snapshot, &intent("2024-12-01", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains("could not be read"), "{problem}");

    let mut snapshot = world();
    let reference = "docker.io/finos/legend-engine-server:e1".to_owned();
    let gone = Problem::new(ProblemKind::Network, "no answer");
    snapshot.images.insert(reference, Observed::failed(gone));
    let problem = made(&snapshot, &intent("2024-12-01", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Network);
}

#[test]
fn a_revision_that_the_store_does_not_release_is_refused() {
    let mut snapshot = world();
    for revision in &mut facts(&mut snapshot, ENGINE).revisions {
        revision.status = SanitizedText::new("rejected");
    }
    let problem = made(&snapshot, &intent("2024-12-01", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains("rejected"), "{problem}");
}

#[test]
fn a_release_that_is_not_whole_on_its_track_is_not_promoted() {
    let mut snapshot = world();
    facts(&mut snapshot, ENGINE)
        .rows
        .retain(|row| row.channel.to_string() != "2024-12/edge");
    let problem = made(&snapshot, &intent("2024-12-01", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains(ENGINE), "{problem}");
    assert!(problem.hints[0].as_str().contains("windlass publish 2024-12-01"));
}

#[test]
fn latest_does_not_walk_back_in_time() {
    let mut snapshot = world();
    let engine = facts(&mut snapshot, ENGINE);
    engine
        .rows
        .retain(|row| row.channel.to_string() != "2024-12/edge");
    let mut newer = engine.rows[0].clone();
    newer.channel = "latest/stable".parse().unwrap();
    newer.resources[0].revision = Some(ResourceRevision(8));
    engine.rows.push(newer);
    let behind = ImageBehind {
        digest: ManifestDigest(digest("docker.io/finos/legend-engine-server:e2")),
        config_digests: Vec::new(),
    };
    let key = Snapshot::behind_key(
        &charm(ENGINE),
        &"engine-image".parse().unwrap(),
        ResourceRevision(8),
    );
    snapshot.behind.insert(key, Observed::read(behind, now()));
    let mut intent = intent("2024-12-01", "stable");
    intent.with.insert(charm(ENGINE), "latest/edge".parse().unwrap());
    let problem = made(&snapshot, &intent).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains("2025-01-27"), "{problem}");
    intent.to = Risk::Candidate;
    assert!(made(&snapshot, &intent).is_ok(), "candidate is closed");
}

#[test]
fn who_is_served_by_fallback_until_now_is_told() {
    let mut snapshot = world();
    let mut stable = facts(&mut snapshot, ENGINE).rows[1].clone();
    stable.channel = "2024-12/stable".parse().unwrap();
    stable.revision = CharmRevision(50);
    facts(&mut snapshot, ENGINE).rows.push(stable);
    let plan = made(&snapshot, &intent("2024-12-01", "beta")).unwrap();
    assert!(
        says(
            &plan.warnings,
            "opening 2024-12/beta: deployments that use it currently get 2024-12/stable for finos-legend-engine-k8s (r50)"
        ),
        "{:?}",
        plan.warnings
    );
    assert!(
        says(
            &plan.warnings,
            "deployments that use it currently get nothing for finos-legend-sdlc-k8s, finos-legend-studio-k8s"
        ),
        "{:?}",
        plan.warnings
    );
    // Another revision of another charm makes no second warning.
    let sdlc = facts(&mut snapshot, "finos-legend-sdlc-k8s");
    let mut stable = sdlc.rows[0].clone();
    stable.channel = "2024-12/stable".parse().unwrap();
    stable.revision = CharmRevision(49);
    sdlc.rows.push(stable);
    let plan = made(&snapshot, &intent("2024-12-01", "beta")).unwrap();
    assert!(
        says(
            &plan.warnings,
            "opening 2024-12/beta: deployments that use it currently get 2024-12/stable for \
             finos-legend-engine-k8s (r50), finos-legend-sdlc-k8s (r49)"
        ),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn what_is_there_already_is_nothing_to_do() {
    let mut snapshot = world();
    copied(&mut snapshot, "2024-12/edge", "2024-12/stable", |_| {});
    let plan = made(&snapshot, &intent("2024-12-01", "stable")).unwrap();
    let charms = plan
        .steps
        .iter()
        .filter(|step| matches!(step.kind.as_str(), "release" | "verify"));
    assert!(charms.clone().count() == 6 && charms.into_iter().all(|step| step.skip_reason.is_some()));
    let step = plan.steps.iter().find(|step| step.kind == "release").unwrap();
    assert_eq!(step.before, step.after);
    assert!(matches!(&step.before, State::Rows(rows) if rows[0].base == Some(Base { ..base("20.04") })));
}

fn commit(plan: &Plan) -> String {
    plan.steps
        .iter()
        .find_map(|step| match &step.op {
            Op::Commit { files, .. } => files.get("bundle.yaml").cloned(),
            _ => None,
        })
        .unwrap()
}

#[test]
fn the_bundle_follows_only_into_channels_that_are_open() {
    let mut snapshot = world();
    let mut stable = facts(&mut snapshot, GITLAB).rows[0].clone();
    stable.channel = "latest/stable".parse().unwrap();
    facts(&mut snapshot, GITLAB).rows.push(stable);
    let plan = made(&snapshot, &intent("2024-12-01", "stable")).unwrap();
    let mut expected = yaml("2024-12/stable");
    for (name, channel) in [
        (DB, "latest/edge"),
        (GITLAB, "latest/stable"),
        ("mongodb-k8s", "latest/edge"),
    ] {
        let stated = |channel: &str| format!("charm: {name}\n    channel: {channel}");
        expected = expected.replace(&stated("2024-12/stable"), &stated(channel));
    }
    assert_eq!(commit(&plan), expected);
    assert!(
        says(
            &plan.warnings,
            "gitlab-integrator goes to latest/stable, because 2024-12/stable"
        ),
        "{:?}",
        plan.warnings
    );
    assert!(
        says(&plan.warnings, "legend-db stays on latest/edge, because both"),
        "{:?}",
        plan.warnings
    );
    let kinds: Vec<&str> = plan.steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "commit",
            "upload-bundle",
            "release",
            "release",
            "release",
            "release-bundle",
            "verify",
            "verify",
            "verify",
            "create-branch"
        ]
    );
    let last = plan.steps.last().unwrap();
    assert_eq!(last.id.to_string(), "create-branch/release-2024-12-01-stable");
}

#[test]
fn a_channel_that_the_plan_itself_opens_counts_as_open() {
    let mut intent = intent("2024-12-01", "candidate");
    intent.with.insert(charm(DB), "latest/edge".parse().unwrap());
    let plan = made(&world(), &intent).unwrap();
    assert!(
        commit(&plan).contains(&format!("charm: {DB}\n    channel: latest/candidate")),
        "{}",
        commit(&plan)
    );
}

#[test]
fn a_branch_that_is_there_stays_and_its_bundle_is_made_where_the_channel_is_closed() {
    let mut snapshot = world();
    let there = MarkerBranch {
        tip: "b".repeat(40).parse().unwrap(),
        files: BTreeMap::from([(
            "bundle.yaml".to_owned(),
            FileBytes(b"applications: {}\n".to_vec()),
        )]),
    };
    let facts = snapshot.bundle.value.as_mut().unwrap();
    facts
        .branches
        .insert("release-2024-12-01-stable".to_owned(), there);
    let plan = made(&snapshot, &intent("2024-12-01", "stable")).unwrap();
    let of = |kind: &str| plan.steps.iter().find(|step| step.kind == kind).unwrap();
    assert!(of("commit").skip_reason.is_some() && of("create-branch").skip_reason.is_some());
    assert!(says(&plan.warnings, "it is not changed"), "{:?}", plan.warnings);
    let Op::UploadBundle { files, .. } = &of("upload-bundle").op else {
        unreachable!("a bundle is uploaded");
    };
    assert_eq!(files["bundle.yaml"].text(), Some("applications: {}\n"));
    assert!(of("upload-bundle").skip_reason.is_none());
}

#[test]
fn what_stands_in_the_way_of_the_bundle_is_told_before_anything_is_done() {
    let mut snapshot = world();
    snapshot.bundle.value.as_mut().unwrap().writable = Some(false);
    let problem = made(&snapshot, &intent("2024-12-01", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    let hints: Vec<&str> = problem.hints.iter().map(Hint::as_str).collect();
    assert!(hints.iter().all(|hint| !hint.contains("--without")), "{hints:?}");

    let without = yaml("latest/edge").replace(ENGINE, "another-charm");
    snapshot.bundle = Observed::read(repository(&without), now());
    let problem = made(&snapshot, &intent("2024-12-01", "stable")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains(ENGINE), "{problem}");
}

#[test]
fn a_workspace_that_makes_no_bundle_promotes_the_charms_alone() {
    let mut workspace = workspace();
    workspace.bundle.as_mut().unwrap().mode = crate::config::workspace::BundleMode::Off;
    let mut snapshot = world();
    snapshot.bundle = Observed::default();
    let plan = super::plan(&workspace, &snapshot, &intent("2024-12-01", "stable")).unwrap();
    let plain = |kind: &str| matches!(kind, "release" | "verify");
    assert!(plan.steps.iter().all(|step| plain(&step.kind)));
}
