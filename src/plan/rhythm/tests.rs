//! Tests cadence and lags with snapshots built in the test.

use chrono::TimeDelta;

use super::*;
use crate::domain::charm::{Attached, ChannelRow, CharmFacts, ImageBehind};
use crate::domain::{CharmRevision, Digest, ManifestDigest, Observed, ResolvedImage, ResourceRevision};

const WORKSPACE: &str = r#"
name = "small"
[upstream]
kind = "manifest-directory"
repository = "acme/upstream"
branch = "main"
path = "releases"
since = "2022-04-01"
select = "newest-per-month"
registry = "docker.io"
[publish]
channels = ["{yyyy-mm}/edge"]
[[charm]]
name = "engine-k8s"
repository = "acme/engine"
resources = [{ name = "engine-image", image = "acme/engine" }]
"#;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("{text}:00Z"))
        .unwrap()
        .to_utc()
}

fn now() -> DateTime<Utc> {
    at("2024-03-15T12:00")
}

/// Returns a snapshot with releases `(name, made, tag)`, all marked.
fn snapshot(releases: &[(&str, &str, &str)]) -> Snapshot {
    let workspace = workspace();
    let repository = workspace.image_repository("acme/engine").unwrap();
    let mut snapshot = Snapshot::default();
    let mut known = Vec::new();
    for (name, made, tag) in releases {
        let millis = at(made).timestamp_millis();
        let text = format!("{{\"timestamp\": {millis}, \"core\": {{\"acme/engine\": \"{tag}\"}}}}");
        known.push(Release::from_manifest(name.parse().unwrap(), text.as_bytes()).unwrap());
        let reference = repository.tagged(tag);
        let image = ResolvedImage {
            digest: digest(tag),
            media_type: "application/vnd.oci.image.manifest.v1+json".into(),
            size: 1,
            platforms: Vec::new(),
            attestations: Vec::new(),
            reference,
        };
        snapshot
            .images
            .insert(image.reference.to_string(), Observed::read(image, now()));
    }
    snapshot.markers = Observed::read(known.iter().map(|release| release.name.clone()).collect(), now());
    snapshot.releases = Observed::read(known, now());
    snapshot
}

/// Makes a channel run the image with `tag` as resource revision `number` since `since`.
fn runs(snapshot: &mut Snapshot, channel: &str, tag: &str, number: u64, since: &str) {
    let charm = "engine-k8s".parse().unwrap();
    let resource = "engine-image".parse().unwrap();
    let behind = ImageBehind {
        digest: digest(tag),
        config_digests: Vec::new(),
    };
    let key = Snapshot::behind_key(&charm, &resource, ResourceRevision(number));
    snapshot.behind.insert(key, Observed::read(behind, now()));
    let facts = snapshot
        .charms
        .entry(charm)
        .or_insert_with(|| Observed::read(CharmFacts::default(), now()));
    facts.value.as_mut().unwrap().rows.push(ChannelRow {
        channel: channel.parse().unwrap(),
        base: None,
        revision: CharmRevision(1),
        resources: vec![Attached {
            name: resource,
            revision: Some(ResourceRevision(number)),
        }],
        released_at: Some(at(since)),
    });
}

fn digest(seed: &str) -> ManifestDigest {
    use sha2::{Digest as _, Sha256};
    ManifestDigest(Digest::from_bytes(Sha256::digest(seed.as_bytes()).into()))
}

fn workspace() -> Workspace {
    Workspace::parse(WORKSPACE, "test").unwrap()
}

fn rhythm(snapshot: &Snapshot) -> Rhythm {
    Rhythm::of(&workspace(), snapshot, std::iter::empty(), now())
}

#[test]
fn months_run_from_the_first_release_to_now_and_empty_ones_count() {
    let found = rhythm(&snapshot(&[
        ("2024-03-01", "2024-03-01T10:00", "4"),
        ("2023-12-20", "2023-12-20T10:00", "3"),
        ("2023-12-05", "2023-12-05T10:00", "2"),
    ]));
    assert_eq!(found.months, [2, 0, 0, 1]);
    assert_eq!(found.cadence_words().unwrap(), "cadence 0.8/month");
}

#[test]
fn what_is_older_than_two_years_is_not_counted_but_its_silence_is() {
    let found = rhythm(&snapshot(&[
        ("2024-03-01", "2024-03-01T10:00", "4"),
        ("2021-01-01", "2021-01-01T10:00", "1"),
    ]));
    assert_eq!(found.months.len(), 24);
    assert_eq!(found.months.iter().sum::<u64>(), 1);
}

#[test]
fn the_month_is_that_of_the_making_not_of_the_name() {
    let found = rhythm(&snapshot(&[("2023-02-01", "2024-02-01T10:00", "4")]));
    assert_eq!(found.months, [1, 0]);
}

#[test]
fn a_lag_runs_from_the_making_to_the_first_channel_of_the_track() {
    let mut snapshot = snapshot(&[
        ("2024-02-01", "2024-02-01T10:00", "4"),
        ("2024-01-01", "2024-01-01T10:00", "3"),
        ("2023-12-01", "2023-12-01T10:00", "2"),
    ]);
    runs(&mut snapshot, "2024-02/stable", "4", 1, "2024-02-20T10:00");
    runs(&mut snapshot, "2024-02/edge", "4", 1, "2024-02-03T11:00");
    runs(&mut snapshot, "2024-01/edge", "3", 2, "2024-01-10T09:00");
    // Another track does not show when the release was published on its own.
    runs(&mut snapshot, "latest/edge", "2", 3, "2023-12-02T09:00");
    let found = rhythm(&snapshot);
    let days: Vec<u64> = found.lags.iter().map(|lag| lag.days).collect();
    assert_eq!(days, [8, 2]);
    assert_eq!(found.unknown, 1);
    assert_eq!(found.lag_words().unwrap(), "lag median 8 d, worst 8 d at most");
    let lag = found.lag(&"2024-02-01".parse().unwrap()).unwrap();
    assert_eq!((lag.told, lag.published), (Told::Channel, at("2024-02-03T11:00")));
}

#[test]
fn a_run_of_the_journal_knows_better_than_a_channel() {
    let mut snapshot = snapshot(&[("2024-02-01", "2024-02-01T10:00", "4")]);
    runs(&mut snapshot, "2024-02/edge", "4", 1, "2024-03-03T11:00");
    let name: ReleaseName = "2024-02-01".parse().unwrap();
    let of_runs = ["2024-02-09T10:00", "2024-02-02T10:00"].map(|ended| (name.clone(), at(ended)));
    let found = Rhythm::of(&workspace(), &snapshot, of_runs.into_iter(), now());
    let lag = found.lag(&name).unwrap();
    assert_eq!((lag.days, lag.told), (1, Told::Run));
    assert_eq!(
        found.sentence().unwrap(),
        "cadence 0.5/month over 2 months; lag median 1 d, worst 1 d"
    );
}

#[test]
fn twins_on_a_track_and_dates_that_lie_tell_no_lag() {
    let mut snapshot = snapshot(&[
        ("2024-02-02", "2024-02-02T10:00", "4"),
        ("2024-02-01", "2024-02-01T10:00", "4"),
        ("2024-01-01", "2024-01-01T10:00", "3"),
    ]);
    runs(&mut snapshot, "2024-02/edge", "4", 1, "2024-02-03T11:00");
    let before = at("2024-01-01T10:00") - TimeDelta::minutes(1);
    let before = before.format("%Y-%m-%dT%H:%M").to_string();
    runs(&mut snapshot, "2024-01/edge", "3", 2, &before);
    let found = rhythm(&snapshot);
    assert!(found.lags.is_empty());
    assert_eq!(found.unknown, 3);
    assert_eq!(found.lag_words().unwrap(), "lag unknown");
}

#[test]
fn what_is_not_published_has_no_lag_and_is_not_missing_one() {
    let mut snapshot = snapshot(&[("2024-02-01", "2024-02-01T10:00", "4")]);
    snapshot.markers = Observed::default();
    let found = rhythm(&snapshot);
    assert_eq!((found.lags.len(), found.unknown), (0, 0));
    assert_eq!(found.lag_words(), None);
    assert_eq!(rhythm(&Snapshot::default()).cadence_words(), None);
}
