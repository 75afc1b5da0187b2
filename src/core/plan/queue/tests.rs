//! Tests which releases are published automatically, with snapshots built in the test.

use chrono::{DateTime, Utc};

use super::*;
use crate::domain::charm::{Attached, ChannelRow, ImageBehind};
use crate::domain::image::{Platform, PlatformImage};
use crate::domain::{
    CharmRevision, ConfigDigest, Digest, Hint, ManifestDigest, Observed, Reference, ResolvedImage,
    ResourceRevision,
};

const ENGINE: &str = "finos-legend-engine-k8s";

fn workspace() -> Workspace {
    Workspace::parse(
        include_str!("../../../../assets/workspaces/legend.toml"),
        "legend",
    )
    .unwrap()
}

fn name(text: &str) -> ReleaseName {
    text.parse().unwrap()
}

/// Returns a release that is named and made on `day`, and whose images all have the tag `tag`.
fn release(text: &str, day: &str, tag: &str) -> Release {
    let at = DateTime::parse_from_rfc3339(&format!("{day}T12:00:00Z")).unwrap();
    let text_of = format!(
        "{{\"timestamp\": {}, \"core\": {{\"finos/legend-engine-server\": \"{tag}\",
          \"finos/legend-sdlc-server\": \"{tag}\", \"finos/legend-studio\": \"{tag}\"}}}}",
        at.timestamp_millis()
    );
    Release::from_manifest(name(text), text_of.as_bytes()).unwrap()
}

fn snapshot(releases: Vec<Release>, markers: &[&str]) -> Snapshot {
    let now: DateTime<Utc> = DateTime::from_timestamp(1_740_000_000, 0).unwrap();
    Snapshot {
        taken_at: now,
        releases: Observed::read(releases, now),
        markers: Observed::read(markers.iter().map(|marker| name(marker)).collect(), now),
        holds: Observed::read(BTreeSet::new(), now),
        ..Snapshot::default()
    }
}

/// Makes the engine run the image of `tag` on the track of `month`.
fn running(snapshot: &mut Snapshot, month: &str, tag: &str) {
    let digest = |seed: &str| {
        use sha2::{Digest as _, Sha256};
        Digest::from_bytes(Sha256::digest(seed.as_bytes()).into())
    };
    let reference = format!("docker.io/finos/legend-engine-server:{tag}");
    let config = ConfigDigest(digest(&format!("config {tag}")));
    let image = ResolvedImage {
        reference: Reference::parse(&reference).unwrap(),
        digest: ManifestDigest(digest(tag)),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        size: 1,
        platforms: vec![PlatformImage {
            platform: Platform::parse("linux/amd64").unwrap(),
            digest: ManifestDigest(digest(tag)),
            config_digest: config,
            size: 1,
        }],
        attestations: Vec::new(),
    };
    let now = snapshot.taken_at;
    snapshot.images.insert(reference, Observed::read(image, now));
    let behind = ImageBehind {
        digest: ManifestDigest(digest(tag)),
        config_digests: vec![config],
    };
    snapshot
        .behind
        .insert(format!("{ENGINE}/engine-image/7"), Observed::read(behind, now));
    let row = ChannelRow {
        channel: format!("{month}/edge").parse().unwrap(),
        base: None,
        revision: CharmRevision(50),
        resources: vec![Attached {
            name: "engine-image".parse().unwrap(),
            revision: Some(ResourceRevision(7)),
        }],
        released_at: None,
    };
    snapshot
        .served
        .insert(ENGINE.parse().unwrap(), Observed::read(vec![row], now));
}

fn taken(queue: &Queue) -> Vec<&str> {
    queue.taken.iter().map(ReleaseName::as_str).collect()
}

/// Returns the releases that are left out, with the first word of the reason.
fn left(queue: &Queue) -> Vec<(&str, &str)> {
    queue
        .left_out
        .iter()
        .map(|left| {
            (
                left.release.as_str(),
                left.reason.as_str().split(':').next().unwrap(),
            )
        })
        .collect()
}

fn waiting(release: &str, outcome: Option<&'static str>) -> WaitingRun {
    WaitingRun {
        run: RunId(format!("run-of-{release}")),
        release: name(release),
        outcome,
    }
}

#[test]
fn the_rule_takes_the_greatest_name_of_a_month_in_the_order_of_time() {
    let all = vec![
        // A later name, but made earlier.
        release("2024-06-02", "2024-06-02", "d"),
        release("2024-05-09", "2024-05-09", "a"),
        release("2024-05-10", "2024-05-10", "b"),
        release("2022-03-31", "2022-03-31", "old"),
        release("2024-07-01", "2024-06-30", "c"),
        release("2024-04-30", "2024-05-01", "e"),
    ];
    let queue = queue(&workspace(), &snapshot(all, &["2024-06-02"]), &[]).unwrap();
    assert_eq!(taken(&queue), ["2024-04-30", "2024-05-10", "2024-07-01"]);
    assert_eq!(left(&queue), []);
}

#[test]
fn the_month_is_read_from_the_name_and_not_from_the_timestamp() {
    let all = vec![
        release("2024-06-01", "2024-05-31", "a"),
        release("2024-05-30", "2024-05-30", "b"),
    ];
    let queue = queue(&workspace(), &snapshot(all, &[]), &[]).unwrap();
    assert_eq!(taken(&queue), ["2024-05-30", "2024-06-01"]);
}

#[test]
fn what_is_odd_is_left_out_with_its_reason_and_without_a_failure() {
    let broken = Release::unreadable(name("2024-09-01"), Problem::new(ProblemKind::Invalid, "no core"));
    let mut seen = snapshot(
        vec![
            release("2024-01-08", "2025-01-08", "a"),
            release("2024-05-01", "2024-05-01", "same"),
            release("2024-06-01", "2024-06-01", "same"),
            release("2024-07-01", "2024-07-01", "fine"),
            release("2024-08-01", "2024-08-01", "held"),
            broken,
        ],
        &["2024-05-01"],
    );
    seen.holds.value = Some([name("2024-08-01")].into());
    seen.withdrawn = vec![release("2024-10-01", "2024-10-01", "gone")];
    let queue = queue(&workspace(), &seen, &[]).unwrap();
    assert_eq!(taken(&queue), ["2024-07-01"]);
    let mut left = left(&queue);
    left.sort_unstable();
    assert_eq!(
        left,
        [
            ("2024-01-08", "misdated"),
            ("2024-06-01", "same-content"),
            ("2024-08-01", "held"),
            ("2024-09-01", "unreadable"),
            ("2024-10-01", "withdrawn"),
        ]
    );
}

#[test]
fn a_withdrawn_release_does_not_displace_one_that_is_there() {
    let mut seen = snapshot(vec![release("2024-10-01", "2024-10-01", "a")], &[]);
    seen.withdrawn = vec![release("2024-10-20", "2024-10-20", "b")];
    let queue = queue(&workspace(), &seen, &[]).unwrap();
    assert_eq!(taken(&queue), ["2024-10-01"]);
    assert_eq!(left(&queue), [("2024-10-20", "withdrawn")]);
    // Published before it was withdrawn: not reported.
    seen.markers.value = Some([name("2024-10-20")].into());
    assert_eq!(
        super::queue(&workspace(), &seen, &[]).unwrap().left_out,
        Vec::new()
    );
}

#[test]
fn of_two_with_the_same_images_the_first_is_taken() {
    let all = vec![
        release("2024-06-01", "2024-06-01", "same"),
        release("2024-05-01", "2024-05-01", "same"),
    ];
    let queue = queue(&workspace(), &snapshot(all, &[]), &[]).unwrap();
    assert_eq!(taken(&queue), ["2024-05-01"]);
    assert_eq!(left(&queue), [("2024-06-01", "same-content")]);
}

#[test]
fn what_is_partly_published_is_finished_unless_its_run_waits() {
    let mut seen = snapshot(vec![release("2024-05-01", "2024-05-01", "a")], &[]);
    running(&mut seen, "2024-05", "a");
    let plain = queue(&workspace(), &seen, &[]).unwrap();
    assert_eq!(taken(&plain), ["2024-05-01"]);
    for outcome in [Some("failed"), Some("unknown"), None] {
        let problem = queue(&workspace(), &seen, &[waiting("2024-05-01", outcome)]).unwrap_err();
        assert_eq!(problem.kind.exit_code(), 5);
        assert!(problem.summary.as_str().contains("run-of-2024-05-01"));
        assert!(problem.summary.as_str().contains("2024-05-01"));
        let hints: Vec<&str> = problem.hints.iter().map(Hint::as_str).collect();
        assert!(
            hints[0].contains("windlass resume run-of-2024-05-01"),
            "{hints:?}"
        );
        assert!(
            hints[1].contains("windlass rollback --run run-of-2024-05-01"),
            "{hints:?}"
        );
    }
    // It was rolled back and held: that is a decision, not a conflict.
    seen.holds.value = Some([name("2024-05-01")].into());
    let held = queue(&workspace(), &seen, &[waiting("2024-05-01", Some("failed"))]).unwrap();
    assert_eq!(left(&held), [("2024-05-01", "held")]);
}

#[test]
fn a_failed_run_that_changed_no_channel_is_tried_again() {
    let seen = snapshot(vec![release("2024-05-01", "2024-05-01", "a")], &[]);
    let queue = queue(&workspace(), &seen, &[waiting("2024-05-01", Some("failed"))]).unwrap();
    assert_eq!(taken(&queue), ["2024-05-01"]);
}

#[test]
fn nothing_is_published_blind() {
    let fine = snapshot(vec![release("2024-05-01", "2024-05-01", "a")], &[]);
    let down = || Problem::new(ProblemKind::Network, "GitHub did not answer");
    let stale = |seen: &mut Snapshot| seen.holds.problem = Some(down());
    let unread = |seen: &mut Snapshot| seen.markers = Observed::failed(down());
    let no_list = |seen: &mut Snapshot| seen.releases.problem = Some(down());
    for spoil in [&stale as &dyn Fn(&mut Snapshot), &unread, &no_list] {
        let mut seen = fine.clone();
        spoil(&mut seen);
        assert_eq!(
            queue(&workspace(), &seen, &[]).unwrap_err().kind,
            ProblemKind::Network
        );
    }
    let mut alone = workspace();
    alone.bundle = None;
    assert_eq!(queue(&alone, &fine, &[]).unwrap_err().kind, ProblemKind::Config);
}

#[test]
fn a_release_that_was_taken_back_by_hand_is_left_to_a_person() {
    let mut seen = snapshot(vec![release("2024-06-01", "2024-06-01", "a")], &["2024-06-01"]);
    let now = seen.taken_at;
    for charm in workspace().fed_charms() {
        seen.served
            .insert(charm.name.clone(), Observed::read(Vec::new(), now));
    }
    let queue = queue(&workspace(), &seen, &[]).unwrap();
    assert_eq!(taken(&queue), <[&str; 0]>::default());
    assert_eq!(left(&queue), [("2024-06-01", "rolled back")]);
    assert!(
        queue.left_out[0]
            .reason
            .as_str()
            .ends_with("windlass publish 2024-06-01")
    );
}
