//! Creates the initial data of the demo store: six packages with their state on Charmhub.
//!
//! Contains the packages, their revisions and tracks and the order in which they were published.
//! Must be the same for the same seed, except for secrets.

use chrono::{DateTime, Duration, TimeZone, Utc};
use serde_json::json;
use uuid::Uuid;

use super::ACCOUNT_ID;
use super::archive::stored;
use super::contents::Contents;
use super::releases::put;
use super::resources::frozen_password;
use super::seed_charms::{CHARMS, Charm};
use super::seed_images::Shelf;
use super::state::{Attached, Base, Declared, Package, Revision, State, Track};
use crate::demo::images::Drawing;
use crate::demo::registry::Registry;
use crate::demo::releases::{self, Manifest, PUBLISHED};
use crate::domain::Problem;

/// The guardrail of the charms with monthly tracks.
pub const MONTHLY: &str = r"^\d{4}-\d{2}$";
/// The bundle.
pub const BUNDLE: &str = "finos-legend-bundle";
const BUNDLE_ID: &str = "Qw3Rt5Yu7Io9Pa1Sd2Fg4Hj6Kl8Zx0Cv";

/// A resource file that no charm uses, so that file resources exist too.
const SEED_FILE: &str = "legend-db-seed";

/// Returns 32 random characters of base 62.
pub fn random_id() -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    bytes
        .iter()
        .map(|byte| char::from(DIGITS[usize::from(*byte) % 62]))
        .collect()
}

/// Returns the base `amd64` on Ubuntu `channel`.
pub fn base(channel: &str) -> Base {
    Base {
        architecture: "amd64".to_owned(),
        channel: channel.to_owned(),
        name: "ubuntu".to_owned(),
    }
}

/// Returns a package without a revision, with the track `latest`.
pub fn empty_package(id: &str, name: &str, kind: &str, at: DateTime<Utc>) -> Package {
    Package {
        id: id.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        title: String::new(),
        summary: String::new(),
        description: None,
        private: false,
        unlisted: false,
        default_track: None,
        guardrails: Vec::new(),
        tracks: vec![Track {
            name: "latest".to_owned(),
            created_at: at,
            version_pattern: None,
            phasing: None,
        }],
        revisions: Vec::new(),
        resources: std::collections::BTreeMap::new(),
        map: Vec::new(),
        past: Vec::new(),
        reviews: Vec::new(),
        passwords: std::collections::BTreeMap::new(),
    }
}

fn day(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 10, 0, 0)
        .earliest()
        .unwrap_or_default()
}

/// Returns the time of a manifest by its own timestamp.
pub fn stamp(manifest: &Manifest) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(manifest.timestamp)
        .earliest()
        .unwrap_or_default()
}

/// Holds a release that was published: manifest, track, instant.
struct Published {
    manifest: Manifest,
    track: String,
    at: DateTime<Utc>,
}

fn published() -> Vec<Published> {
    let all = releases::all();
    PUBLISHED
        .iter()
        .filter_map(|(name, days)| {
            let manifest = all.iter().find(|manifest| manifest.version == *name)?.clone();
            let at = stamp(&manifest) + Duration::minutes((days * 24.0 * 60.0) as i64);
            Some(Published {
                track: name.get(..7)?.to_owned(),
                manifest,
                at,
            })
        })
        .collect()
}

/// Returns the whole initial store.
pub fn seeded(contents: &Contents, registry: &Registry, drawing: Drawing) -> Result<State, Problem> {
    let mut state = State {
        root_secret: Uuid::new_v4().simple().to_string(),
        ..State::default()
    };
    let published = published();
    let mut shelf = Shelf::new(contents, registry, drawing);
    for charm in &CHARMS {
        let package = charm_package(charm, &published, &mut shelf)?;
        state.packages.insert(package.name.clone(), package);
    }
    let bundle = bundle_package(&published, contents)?;
    state.packages.insert(bundle.name.clone(), bundle);
    Ok(state)
}

fn with_tracks(package: &mut Package, published: &[Published]) {
    package.guardrails.push(MONTHLY.to_owned());
    for release in published {
        if package.tracks.iter().all(|track| track.name != release.track) {
            package.tracks.push(Track {
                name: release.track.clone(),
                created_at: release.at - Duration::days(1),
                version_pattern: None,
                phasing: None,
            });
        }
    }
}

fn charm_package(charm: &Charm, published: &[Published], shelf: &mut Shelf<'_>) -> Result<Package, Problem> {
    let mut package = empty_package(charm.id, charm.name, "charm", day(2021, 6, 1));
    charm.title.clone_into(&mut package.title);
    charm.summary.clone_into(&mut package.summary);
    let path = package.image_path(charm.resource);
    package
        .passwords
        .insert(charm.resource.to_owned(), frozen_password(&path));
    charm_revisions(charm, published, &mut package, shelf.contents)?;
    let Some(image) = charm.image else {
        let at = day(2022, 6, 1);
        for number in 1..=charm.newest_resource {
            shelf.dummy(&mut package, charm.resource, number, at)?;
        }
        let mut attached = vec![attachment(charm.resource, charm.newest_resource, "oci-image")];
        if charm.name == "finos-legend-db-k8s" {
            shelf.file(&mut package, SEED_FILE, 0, b"", at)?;
            shelf.file(
                &mut package,
                SEED_FILE,
                1,
                b"-- the demo's database starts empty\n",
                at,
            )?;
            attached.push(attachment(SEED_FILE, 1, "file"));
        }
        let (first, last) = charm.revisions;
        put(&mut package, "latest/stable", first, attached.clone(), at);
        put(&mut package, "latest/edge", last, attached, day(2023, 8, 15));
        return Ok(package);
    };
    with_tracks(&mut package, published);
    let numbers = shelf.upstream(&mut package, charm.resource, image, charm.newest_resource)?;
    let engine_has_two_bases = charm.name == "finos-legend-engine-k8s";
    for (index, release) in published.iter().enumerate() {
        let tag = release.manifest.core.get(image).map_or("", String::as_str);
        let number = numbers.get(tag).copied().unwrap_or(charm.newest_resource);
        let attached = vec![attachment(charm.resource, number, "oci-image")];
        let revision = era(charm, index, published.len());
        let mut channels = vec![format!("{}/edge", release.track), "latest/edge".to_owned()];
        if release.manifest.version == "2022-05-05" {
            channels.push("latest/stable".to_owned());
        }
        for channel in channels {
            if engine_has_two_bases && revision == charm.revisions.1 {
                put(&mut package, &channel, revision - 1, attached.clone(), release.at);
            }
            put(&mut package, &channel, revision, attached.clone(), release.at);
        }
    }
    Ok(package)
}

fn attachment(name: &str, revision: u64, kind: &str) -> Attached {
    Attached {
        name: name.to_owned(),
        revision: Some(revision),
        kind: kind.to_owned(),
    }
}

/// Returns the charm revision that was current when release `index` of `count` was published: the
/// newest for the last two, then one per release backwards.
fn era(charm: &Charm, index: usize, count: usize) -> u64 {
    let (first, last) = charm.revisions;
    let back = count.saturating_sub(index + 2) as u64;
    // The engine's last but one revision is the other base of its last.
    let skip = u64::from(charm.name == "finos-legend-engine-k8s" && back > 0);
    last.saturating_sub(back + skip).max(first)
}

fn charm_revisions(
    charm: &Charm,
    published: &[Published],
    package: &mut Package,
    contents: &Contents,
) -> Result<(), Problem> {
    let (first, last) = charm.revisions;
    let mut declared = vec![Declared {
        name: charm.resource.to_owned(),
        kind: "oci-image".to_owned(),
        optional: false,
        description: format!("{} image", charm.image.unwrap_or("dummy")),
    }];
    if charm.name == "finos-legend-db-k8s" {
        declared.push(Declared {
            name: SEED_FILE.to_owned(),
            kind: "file".to_owned(),
            optional: true,
            description: "SQL to start with".to_owned(),
        });
    }
    let engine = charm.name == "finos-legend-engine-k8s";
    let begin = published
        .first()
        .map_or_else(|| day(2022, 4, 1), |release| release.at - Duration::days(20));
    let count = last - first + 1;
    for number in first..=last + u64::from(engine) {
        let step = Duration::days(720) / (count as i32) * ((number - first) as i32);
        let rejected = number > last;
        let newer_base = engine && number + 1 == last;
        let archive = stored(&[
            (
                "metadata.yaml",
                format!("name: {}\nsummary: {}\n", charm.name, charm.summary).as_bytes(),
            ),
            ("revision", format!("rev{number}\n").as_bytes()),
        ])?;
        package.revisions.push(Revision {
            revision: number,
            version: number.to_string(),
            created_at: begin + step,
            created_by: ACCOUNT_ID.to_owned(),
            status: if rejected { "rejected" } else { "approved" }.to_owned(),
            errors: rejected.then(|| {
                json!([{"code": "review-error", "message": "metadata.yaml: unknown relation 'legend-engin'"}])
            }),
            bases: vec![Some(base(if newer_base { "22.04" } else { "20.04" }))],
            hashes: contents.put(&archive)?,
            resources: declared.clone(),
            bundle_yaml: String::new(),
            pending: false,
        });
    }
    Ok(())
}

fn bundle_package(published: &[Published], contents: &Contents) -> Result<Package, Problem> {
    let mut package = empty_package(BUNDLE_ID, BUNDLE, "bundle", day(2021, 9, 1));
    "FINOS Legend".clone_into(&mut package.title);
    "All of FINOS Legend, tied together.".clone_into(&mut package.summary);
    with_tracks(&mut package, published);
    for (index, release) in published.iter().enumerate() {
        let number = 11 + index as u64;
        let yaml = bundle_yaml(&release.track);
        let archive = stored(&[
            ("bundle.yaml", yaml.as_bytes()),
            (
                "README.md",
                format!("# FINOS Legend {}\n", release.manifest.version).as_bytes(),
            ),
        ])?;
        package.revisions.push(Revision {
            revision: number,
            version: number.to_string(),
            created_at: release.at,
            created_by: ACCOUNT_ID.to_owned(),
            status: "approved".to_owned(),
            errors: None,
            bases: vec![None],
            hashes: contents.put(&archive)?,
            resources: Vec::new(),
            bundle_yaml: yaml,
            pending: false,
        });
        let at = release.at + Duration::minutes(2);
        put(
            &mut package,
            &format!("{}/edge", release.track),
            number,
            Vec::new(),
            at,
        );
        put(&mut package, "latest/edge", number, Vec::new(), at);
        if release.manifest.version == "2022-05-05" {
            put(&mut package, "latest/stable", number, Vec::new(), at);
        }
    }
    Ok(package)
}

fn bundle_yaml(track: &str) -> String {
    let mut text = "bundle: kubernetes\nname: finos-legend-bundle\napplications:\n".to_owned();
    for (application, charm, channel) in [
        ("mongodb", "mongodb-k8s", "latest/edge".to_owned()),
        ("legend-db", "finos-legend-db-k8s", "latest/edge".to_owned()),
        ("legend-sdlc", "finos-legend-sdlc-k8s", format!("{track}/edge")),
        (
            "legend-engine",
            "finos-legend-engine-k8s",
            format!("{track}/edge"),
        ),
        (
            "legend-studio",
            "finos-legend-studio-k8s",
            format!("{track}/edge"),
        ),
        (
            "gitlab-integrator",
            "finos-legend-gitlab-integrator-k8s",
            "latest/edge".to_owned(),
        ),
    ] {
        text.push_str(&format!(
            "  {application}:\n    charm: {charm}\n    channel: {channel}\n    scale: 1\n"
        ));
    }
    text
}
