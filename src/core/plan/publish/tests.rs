//! Tests plans of publishes with snapshots built in the test.

#[cfg(test)]
mod marker;
pub mod published;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::plan;
use crate::config::Workspace;
use crate::domain::bundle::{Author, BundleFacts, FileBytes, MarkerBranch};
use crate::domain::charm::{
    Attached, ChannelRow, CharmFacts, DeclaredResource, ImageBehind, ResourceFacts, RevisionFacts,
};
use crate::domain::credential::{CredentialFacts, CredentialOrigin, ExpiryFrom};
use crate::domain::image::{Platform, PlatformImage};
use crate::domain::{
    Base, CharmName, CharmRevision, ConfigDigest, Digest, ManifestDigest, Observed, Problem, ProblemKind,
    Reference, Release, ResolvedImage, ResourceRevision, SanitizedText, Snapshot,
};
use crate::plan::{AttachFrom, Op, Plan, PublishIntent, State};

pub const ENGINE: &str = "finos-legend-engine-k8s";
pub const BUNDLE: &str = "finos-legend-bundle";

/// Returns `bundle.yaml` of the branch `edge`.
pub fn bundle_yaml() -> String {
    let mut text = String::from("# All of Legend.\nname: finos-legend-bundle\napplications:\n");
    for (application, charm) in [
        ("legend-db", "finos-legend-db-k8s"),
        ("legend-sdlc", "finos-legend-sdlc-k8s"),
        ("legend-engine", ENGINE),
        ("legend-studio", "finos-legend-studio-k8s"),
    ] {
        text.push_str(&format!(
            "\n  {application}:\n    charm: {charm}\n    channel: latest/edge   # see README\n    scale: 1\n"
        ));
    }
    text
}

fn bundle_row(channel: &str, revision: u64) -> ChannelRow {
    ChannelRow {
        channel: channel.parse().unwrap(),
        base: None,
        revision: CharmRevision(revision),
        resources: Vec::new(),
        released_at: Some(now()),
    }
}

/// Returns the bundle's repository with the branch of 2024-12-01.
fn bundle_facts() -> BundleFacts {
    let file = |text: &str| FileBytes(text.as_bytes().to_vec());
    let there = MarkerBranch {
        tip: "b".repeat(40).parse().unwrap(),
        files: BTreeMap::from([(
            "bundle.yaml".to_owned(),
            file(&bundle_yaml().replace("latest/edge", "2024-12/edge")),
        )]),
    };
    BundleFacts {
        tip: "a".repeat(40).parse().unwrap(),
        files: BTreeMap::from([
            ("bundle.yaml".to_owned(), file(&bundle_yaml())),
            ("README.md".to_owned(), file("# Legend\n")),
            ("icon.svg".to_owned(), file("<svg/>")),
            ("tox.ini".to_owned(), file("[tox]\n")),
        ]),
        branches: BTreeMap::from([("release-2024-12-01".to_owned(), there)]),
        writable: Some(true),
        author: Author {
            name: "Ann Example".to_owned(),
            email: "ann@example.com".to_owned(),
            from: SanitizedText::new("git"),
            remarks: Vec::new(),
        },
    }
}

/// Returns the built-in workspace `legend`.
///
/// # Panics
///
/// If the built-in workspace is invalid.
pub fn workspace() -> Workspace {
    Workspace::parse(
        include_str!("../../../../assets/workspaces/legend.toml"),
        "legend",
    )
    .unwrap()
}

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_740_000_000, 0).unwrap()
}

pub fn digest(seed: &str) -> Digest {
    use sha2::{Digest as _, Sha256};
    Digest::from_bytes(Sha256::digest(seed.as_bytes()).into())
}

pub fn charm(name: &str) -> CharmName {
    name.parse().unwrap()
}

pub fn base(channel: &str) -> Base {
    Base {
        name: "ubuntu".into(),
        channel: channel.into(),
        architecture: "amd64".into(),
    }
}

fn release(name: &str, day: &str, tag: &str) -> Release {
    let at = DateTime::parse_from_rfc3339(&format!("{day}T12:00:00Z"))
        .unwrap()
        .timestamp_millis();
    let text = format!(
        "{{\"timestamp\": {at}, \"core\": {{\"finos/legend-engine-server\": \"e{tag}\",
          \"finos/legend-sdlc-server\": \"s{tag}\", \"finos/legend-studio\": \"u{tag}\"}}}}"
    );
    Release::from_manifest(name.parse().unwrap(), text.as_bytes()).unwrap()
}

fn image(reference: &str) -> ResolvedImage {
    let platform = Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
        variant: None,
    };
    ResolvedImage {
        reference: Reference::parse(reference).unwrap(),
        digest: ManifestDigest(digest(reference)),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        size: 1000,
        platforms: vec![PlatformImage {
            platform,
            digest: ManifestDigest(digest(reference)),
            config_digest: ConfigDigest(digest(&format!("config of {reference}"))),
            size: 1000,
        }],
        attestations: Vec::new(),
    }
}

fn revision(number: u64, status: &str, on: &str) -> RevisionFacts {
    RevisionFacts {
        revision: CharmRevision(number),
        version: SanitizedText::new(number.to_string()),
        status: SanitizedText::new(status),
        created_at: now(),
        bases: vec![base(on)],
        sha3: None,
        errors: Vec::new(),
    }
}

fn row(channel: &str, on: &str, revision: u64, resource: &str, attached: u64) -> ChannelRow {
    ChannelRow {
        channel: channel.parse().unwrap(),
        base: Some(base(on)),
        revision: CharmRevision(revision),
        resources: vec![Attached {
            name: resource.parse().unwrap(),
            revision: Some(ResourceRevision(attached)),
        }],
        released_at: Some(now()),
    }
}

/// Returns a snapshot in which release 2024-12-01 runs everywhere and 2025-01-27 is new. The engine
/// has two bases, with r50 and r49; r51 is rejected.
pub fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot {
        taken_at: now(),
        world: "w".into(),
        ..Snapshot::default()
    };
    let releases = vec![
        release("2025-01-27", "2025-01-27", "2"),
        release("2024-12-01", "2024-12-01", "1"),
    ];
    for tag in ["1", "2"] {
        for (key, letter) in [
            ("finos/legend-engine-server", "e"),
            ("finos/legend-sdlc-server", "s"),
            ("finos/legend-studio", "u"),
        ] {
            let reference = format!("docker.io/{key}:{letter}{tag}");
            snapshot
                .images
                .insert(reference.clone(), Observed::read(image(&reference), now()));
        }
    }
    snapshot.releases = Observed::read(releases, now());
    snapshot.markers = Observed::read(["2024-12-01".parse().unwrap()].into(), now());
    snapshot.credential = Observed::read(credential(), now());
    snapshot.holds = Observed::read(std::collections::BTreeSet::new(), now());
    snapshot.bundle = Observed::read(bundle_facts(), now());
    let bundle = CharmFacts {
        id: "bundle-id".into(),
        bundle: true,
        tracks: vec!["latest".parse().unwrap(), "2024-12".parse().unwrap()],
        guardrails: vec![r"^\d{4}-\d{2}$".into()],
        rows: vec![bundle_row("2024-12/edge", 12)],
        ..CharmFacts::default()
    };
    snapshot
        .charms
        .insert(charm(BUNDLE), Observed::read(bundle, now()));
    for (name, resource, key, letter) in [
        (ENGINE, "engine-image", "finos/legend-engine-server", "e"),
        (
            "finos-legend-sdlc-k8s",
            "sdlc-image",
            "finos/legend-sdlc-server",
            "s",
        ),
        (
            "finos-legend-studio-k8s",
            "studio-image",
            "finos/legend-studio",
            "u",
        ),
    ] {
        let mut rows = vec![
            row("latest/edge", "20.04", 50, resource, 7),
            row("2024-12/edge", "20.04", 50, resource, 7),
        ];
        let mut revisions = vec![
            revision(51, "rejected", "20.04"),
            revision(50, "released", "20.04"),
        ];
        if name == ENGINE {
            rows.push(row("latest/edge", "22.04", 49, resource, 7));
            revisions.push(revision(49, "approved", "22.04"));
        }
        let declared = revisions
            .iter()
            .map(|r| DeclaredResource {
                charm_revision: r.revision,
                name: resource.parse().unwrap(),
                kind: SanitizedText::new("oci-image"),
                optional: false,
            })
            .collect();
        let uploaded = ResourceFacts {
            revision: ResourceRevision(7),
            created_at: now(),
            size: 500,
            sha256: digest("descriptor"),
            architectures: vec!["amd64".into()],
        };
        let facts = CharmFacts {
            id: "id".into(),
            tracks: vec!["latest".parse().unwrap(), "2024-12".parse().unwrap()],
            guardrails: vec![r"^\d{4}-\d{2}$".into()],
            rows: rows.clone(),
            revisions,
            declared,
            resources: BTreeMap::from([(resource.parse().unwrap(), vec![uploaded])]),
            ..CharmFacts::default()
        };
        snapshot.charms.insert(charm(name), Observed::read(facts, now()));
        snapshot.served.insert(charm(name), Observed::read(rows, now()));
        // The old pipeline packed layers again: the manifest differs, the config is the same.
        let upstream = image(&format!("docker.io/{key}:{letter}1"));
        let behind = ImageBehind {
            digest: ManifestDigest(digest("packed anew")),
            config_digests: upstream.config_digests().collect(),
        };
        let at = Snapshot::behind_key(&charm(name), &resource.parse().unwrap(), ResourceRevision(7));
        snapshot.behind.insert(at, Observed::read(behind, now()));
    }
    snapshot
}

fn credential() -> CredentialFacts {
    CredentialFacts {
        name: "Charmhub token".into(),
        kind: "charmhub".into(),
        source: "CHARMCRAFT_AUTH".into(),
        account: Some("ann".into()),
        expires_at: Some(now() + TimeDelta::days(60)),
        expires_from: ExpiryFrom::Caveat,
        scopes: vec!["package-manage".into(), "package-view-revisions".into()],
        packages: None,
        channels: None,
        session: None,
        origin: CredentialOrigin::Other,
        token_kind: None,
        remarks: Vec::new(),
        rewrite: None,
    }
}

fn intent(name: &str) -> PublishIntent {
    PublishIntent::of(name.parse().unwrap())
}

fn made(intent: &PublishIntent) -> Result<Plan, Problem> {
    plan(&workspace(), &snapshot(), intent)
}

pub fn facts<'a>(snapshot: &'a mut Snapshot, name: &str) -> &'a mut CharmFacts {
    snapshot
        .charms
        .get_mut(&charm(name))
        .unwrap()
        .value
        .as_mut()
        .unwrap()
}

#[test]
fn every_upload_comes_before_the_first_release() {
    let plan = made(&intent("2025-01-27")).unwrap();
    let kinds: Vec<&str> = plan.steps.iter().map(|step| step.kind.as_str()).collect();
    let last_upload = kinds.iter().rposition(|kind| *kind == "upload-resource").unwrap();
    let first_release = kinds.iter().position(|kind| *kind == "release").unwrap();
    assert!(last_upload < first_release, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "create-track").count(), 4);
    assert_eq!(kinds.last(), Some(&"create-branch"));
}

#[test]
fn the_same_snapshot_gives_the_same_plan() {
    let (one, two) = (
        made(&intent("2025-01-27")).unwrap(),
        made(&intent("2025-01-27")).unwrap(),
    );
    assert_eq!(one, two);
    assert_eq!(one.command, "windlass publish 2025-01-27");
    let back: Plan = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
    assert_eq!(back, one);
}

#[test]
fn each_base_gets_its_own_newest_releasable_revision() {
    let plan = made(&intent("2025-01-27")).unwrap();
    let step = plan
        .steps
        .iter()
        .find(|s| s.id.0 == format!("release/{ENGINE}"))
        .unwrap();
    let Op::Release { moves, .. } = &step.op else {
        panic!("not a release")
    };
    let chosen: Vec<_> = moves
        .iter()
        .map(|m| {
            (
                m.channel.to_string(),
                m.base.as_ref().unwrap().channel.clone(),
                m.revision.0,
            )
        })
        .collect();
    assert_eq!(
        chosen,
        [
            ("2025-01/edge".into(), "22.04".into(), 49),
            ("2025-01/edge".into(), "20.04".into(), 50),
            ("latest/edge".into(), "22.04".into(), 49),
            ("latest/edge".into(), "20.04".into(), 50),
        ]
    );
    assert!(matches!(&moves[0].resources[0].from, AttachFrom::Step(_)));
}

#[test]
fn an_image_that_the_store_has_is_recognised_by_its_config() {
    let plan = made(&intent("2024-12-01")).unwrap();
    for step in plan
        .steps
        .iter()
        .filter(|s| s.kind == "copy-image" || s.kind == "upload-resource")
    {
        assert!(
            step.skip_reason.as_ref().unwrap().as_str().contains("revision 7"),
            "{step:?}"
        );
    }
}

#[test]
fn nothing_to_do_is_a_plan_of_skipped_steps() {
    let mut snapshot = snapshot();
    let mut facts = facts(&mut snapshot, ENGINE).clone();
    facts
        .rows
        .push(row("2024-12/edge", "22.04", 49, "engine-image", 7));
    snapshot
        .served
        .insert(charm(ENGINE), Observed::read(facts.rows.clone(), now()));
    snapshot
        .charms
        .insert(charm(ENGINE), Observed::read(facts, now()));
    let plan = plan(&workspace(), &snapshot, &intent("2024-12-01")).unwrap();
    assert!(plan.nothing_to_do(), "{:#?}", plan.steps);
}

#[test]
fn a_newer_approved_revision_is_taken_with_a_warning_and_can_be_declined() {
    let mut snapshot = snapshot();
    facts(&mut snapshot, ENGINE)
        .revisions
        .push(revision(52, "approved", "20.04"));
    let plan_of = |intent: &PublishIntent| plan(&workspace(), &snapshot, intent).unwrap();
    let plan = plan_of(&intent("2025-01-27"));
    assert!(
        plan.warnings.iter().any(|w| w.as_str().contains("revision 52")),
        "{:?}",
        plan.warnings
    );
    let kept = plan_of(&PublishIntent {
        keep_revision: true,
        ..intent("2025-01-27")
    });
    assert!(!kept.warnings.iter().any(|w| w.as_str().contains("revision 52")));
    assert!(kept.command.contains("--keep-revision"));
}

#[test]
fn a_base_that_a_revision_opens_too_is_previewed() {
    let mut snapshot = snapshot();
    let mut wide = revision(53, "approved", "20.04");
    wide.bases.push(Base {
        architecture: "arm64".into(),
        ..base("20.04")
    });
    facts(&mut snapshot, ENGINE).revisions.push(wide);
    let plan = plan(&workspace(), &snapshot, &intent("2025-01-27")).unwrap();
    let step = plan
        .steps
        .iter()
        .find(|s| s.id.0 == format!("release/{ENGINE}"))
        .unwrap();
    let Op::Release { moves, .. } = &step.op else {
        panic!("not a release")
    };
    let arm = |m: &&crate::plan::ChannelUpdate| m.base.as_ref().is_some_and(|b| b.architecture == "arm64");
    assert_eq!(moves.iter().filter(arm).count(), 2);
    assert!(
        plan.warnings.iter().any(|w| w.as_str().contains("arm64")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn going_back_in_time_is_refused_unless_said() {
    let mut older = snapshot();
    let mut list = older.releases.value.clone().unwrap();
    list.push(release("2024-11-01", "2024-11-01", "0"));
    for (key, letter) in [
        ("finos/legend-engine-server", "e"),
        ("finos/legend-sdlc-server", "s"),
        ("finos/legend-studio", "u"),
    ] {
        let reference = format!("docker.io/{key}:{letter}0");
        older
            .images
            .insert(reference.clone(), Observed::read(image(&reference), now()));
    }
    older.releases = Observed::read(list, now());
    let problem = plan(&workspace(), &older, &intent("2024-11-01")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains("2024-12-01"), "{problem}");
    let track_only = PublishIntent {
        track_only: true,
        ..intent("2024-11-01")
    };
    assert!(plan(&workspace(), &older, &track_only).is_ok());
    let allowed = PublishIntent {
        allow_downgrade: true,
        ..intent("2024-11-01")
    };
    let plan = plan(&workspace(), &older, &allowed).unwrap();
    assert!(plan.warnings.iter().any(|w| w.as_str().contains("downgrade")));
}

#[test]
fn a_track_outside_the_guardrail_is_refused() {
    let mut snapshot = snapshot();
    facts(&mut snapshot, ENGINE).guardrails = vec![r"^v\d+$".into()];
    let problem = plan(&workspace(), &snapshot, &intent("2025-01-27")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains("2025-01"), "{problem}");
}

#[test]
fn credentials_are_checked_before_anything() {
    let with = |change: &dyn Fn(&mut CredentialFacts)| {
        let mut snapshot = snapshot();
        let mut facts = credential();
        change(&mut facts);
        snapshot.credential = Observed::read(facts, now());
        plan(&workspace(), &snapshot, &intent("2025-01-27"))
    };
    let ended = with(&|facts| facts.expires_at = Some(now() + TimeDelta::minutes(5))).unwrap_err();
    assert_eq!(ended.kind, ProblemKind::Credentials);
    let narrow = with(&|facts| facts.scopes = vec!["package-view".into()]).unwrap_err();
    assert!(narrow.to_string().contains("package-manage"), "{narrow}");
    let elsewhere = with(&|facts| facts.packages = Some(Vec::new())).unwrap_err();
    assert!(elsewhere.to_string().contains(ENGINE), "{elsewhere}");
    let soon = with(&|facts| facts.expires_at = Some(now() + TimeDelta::days(3))).unwrap();
    assert!(soon.warnings.iter().any(|w| w.as_str().contains("3 d")));
}

#[test]
fn a_missing_image_or_tag_names_the_release_and_the_remedy() {
    let mut absent = snapshot();
    absent.images.insert(
        "docker.io/finos/legend-studio:u2".into(),
        Observed::failed(Problem::new(ProblemKind::NotFound, "no such tag")),
    );
    let problem = plan(&workspace(), &absent, &intent("2025-01-27")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    assert!(
        problem.to_string().contains("finos/legend-studio:u2"),
        "{problem}"
    );
    let mut lacking = snapshot();
    let mut list = lacking.releases.value.clone().unwrap();
    list[0].images.remove("finos/legend-studio");
    lacking.releases = Observed::read(list, now());
    let problem = plan(&workspace(), &lacking, &intent("2025-01-27")).unwrap_err();
    assert!(problem.to_string().contains("finos/legend-studio"), "{problem}");
}

#[test]
fn a_part_of_the_world_that_could_not_be_read_stops_the_plan() {
    let mut snapshot = snapshot();
    let down = Problem::new(ProblemKind::Network, "down");
    snapshot
        .charms
        .get_mut(&charm(ENGINE))
        .unwrap()
        .refresh(Observed::failed(down));
    let problem = plan(&workspace(), &snapshot, &intent("2025-01-27")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Network);
}

#[test]
fn before_and_after_name_releases_and_digests() {
    let plan = made(&intent("2025-01-27")).unwrap();
    let step = plan
        .steps
        .iter()
        .find(|s| s.id.0 == format!("release/{ENGINE}"))
        .unwrap();
    let (State::Rows(before), State::Rows(after)) = (&step.before, &step.after) else {
        panic!("no rows")
    };
    let latest = before
        .iter()
        .position(|row| row.channel.to_string() == "latest/edge")
        .unwrap();
    assert_eq!(before[latest].resources[0].release[0].to_string(), "2024-12-01");
    assert_eq!(after[latest].resources[0].release[0].to_string(), "2025-01-27");
    assert_eq!(after[latest].resources[0].tag.as_ref().unwrap().as_str(), "e2");
    assert_eq!(before[0].revision, None);
}

#[test]
fn unknown_releases_and_charms_are_named() {
    assert_eq!(
        made(&intent("2030-01-01")).unwrap_err().kind,
        ProblemKind::NotFound
    );
    let mut wish = intent("2025-01-27");
    wish.charms.insert(charm("finos-legend-db-k8s"));
    let problem = made(&wish).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
    assert!(problem.hints[0].as_str().contains(ENGINE));
}
