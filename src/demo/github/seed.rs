//! Creates the initial repositories: FINOS Legend's releases, the bundle with its branches, five
//! charm repositories.
//!
//! Authors and times of commits are taken from the public history and are the same on every
//! machine. Must not read a clock.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, TimeZone, Utc};
use serde_json::Value;

use super::manifests::{RELEASES, WITHDRAWN};
use super::objects::{Commit, ObjectKind, Objects, Person};

/// The charm repositories: repository, charm, container, resource, note, title.
const CHARMS: [[&str; 6]; 5] = [
    [
        "legend-juju-engine-server-operator",
        "finos-legend-engine-k8s",
        "engine",
        "engine-image",
        "finos/legend-engine-server",
        "Engine",
    ],
    [
        "legend-juju-sdlc-server-operator",
        "finos-legend-sdlc-k8s",
        "sdlc",
        "sdlc-image",
        "finos/legend-sdlc-server",
        "SDLC",
    ],
    [
        "legend-juju-studio-operator",
        "finos-legend-studio-k8s",
        "studio",
        "studio-image",
        "finos/legend-studio",
        "Studio",
    ],
    [
        "legend-juju-gitlab-integrator",
        "finos-legend-gitlab-integrator-k8s",
        "legend-gitlab-noop",
        "legend-gitlab-noop-image",
        "dummy workload",
        "GitLab integration",
    ],
    [
        "legend-juju-db-operator",
        "finos-legend-db-k8s",
        "legend-db",
        "legend-db-image",
        "dummy workload",
        "database",
    ],
];

/// Published releases: name, minutes from the release to its branch, and to the overlay.
const PUBLISHED: [(&str, i64, i64); 8] = [
    ("2022-04-26", 12_672, 0),
    ("2022-05-05", 8_352, 0),
    ("2023-05-30", 103_392, 1),
    ("2023-06-27", 64_656, 1),
    ("2023-07-03_4", 56_448, 1),
    ("2023-09-01", 2_016, 1),
    ("2023-11-08", 249_696, 1),
    ("2023-12-05", 209_808, 1),
];

/// Returns every repository of the environment with its objects.
pub(super) fn repositories() -> BTreeMap<String, Objects> {
    let mut all = BTreeMap::new();
    all.insert("finos/legend".to_owned(), legend());
    all.insert("finos/legend-juju-bundle".to_owned(), bundle());
    for charm in &CHARMS {
        all.insert(format!("finos/{}", charm[0]), operator(charm));
    }
    all
}

/// Adds commits to one branch, one after the other.
struct Branch<'a> {
    objects: &'a mut Objects,
    tip: Option<String>,
    tree: Option<String>,
}

impl<'a> Branch<'a> {
    fn new(objects: &'a mut Objects) -> Self {
        Self {
            objects,
            tip: None,
            tree: None,
        }
    }

    fn from(objects: &'a mut Objects, name: &str) -> Self {
        let tip = objects.resolve(name);
        let tree = tip
            .as_ref()
            .and_then(|tip| objects.commit(tip))
            .map(|commit| commit.tree);
        Self { objects, tip, tree }
    }

    fn write(&mut self, path: &str, text: &str) -> &mut Self {
        let blob = self.objects.add(ObjectKind::Blob, text.as_bytes().to_vec());
        self.tree = self
            .objects
            .with(self.tree.as_deref(), path, Some(("100644", &blob)));
        self
    }

    fn remove(&mut self, path: &str) -> &mut Self {
        self.tree = self.objects.with(self.tree.as_deref(), path, None);
        self
    }

    fn commit(&mut self, who: &str, at: DateTime<Utc>, message: &str) -> &mut Self {
        let person = Person {
            name: who.to_owned(),
            email: address(who),
            at,
        };
        let tree = match &self.tree {
            Some(tree) => tree.clone(),
            None => self.objects.add_tree(Vec::new()),
        };
        let commit = Commit {
            tree,
            parents: self.tip.take().into_iter().collect(),
            author: person.clone(),
            committer: person,
            message: message.to_owned(),
        };
        self.tip = Some(self.objects.add_commit(&commit));
        self
    }

    fn done(&mut self, name: &str) {
        if let Some(tip) = self.tip.clone() {
            self.objects.refs.insert(format!("refs/heads/{name}"), tip);
        }
    }
}

fn address(who: &str) -> String {
    format!(
        "{}@users.noreply.github.com",
        who.to_lowercase().replace(' ', "-")
    )
}

fn day(year: i32, month: u32, day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, hour, minute, 0)
        .single()
        .unwrap_or_default()
}

fn made_at(manifest: &str) -> DateTime<Utc> {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    manifest["timestamp"]
        .as_i64()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
}

fn legend() -> Objects {
    const ADMIN: &str = "FINOS Administrator";
    let mut objects = Objects::default();
    let mut master = Branch::new(&mut objects);
    master
        .write(
            "README.md",
            "# Legend\n\nReleases of the Legend stack are in `releases/`.\n",
        )
        .commit(ADMIN, day(2021, 1, 12, 10, 0), "Initial commit");
    let mut events: Vec<(DateTime<Utc>, &str, Option<&str>)> = Vec::new();
    for (name, text) in RELEASES {
        events.push((made_at(text), name, Some(text)));
    }
    for (name, text) in WITHDRAWN {
        events.push((made_at(text), name, Some(text)));
        events.push((made_at(text) + Duration::hours(9), name, None));
    }
    events.sort_by_key(|(at, name, _)| (*at, *name));
    for (at, name, text) in events {
        let path = format!("releases/{name}/manifest.json");
        match text {
            Some(text) => master
                .write(&path, text)
                .commit(ADMIN, at, &format!("new Docker release {name}")),
            None => master
                .remove(&path)
                .commit(ADMIN, at, &format!("Revert \"new Docker release {name}\"")),
        };
    }
    master.done("master");
    objects
}

fn bundle_text(images: &str, others: &str) -> String {
    include_str!("files/bundle.yaml")
        .replace("@IMAGE@", images)
        .replace("@OTHER@", others)
}

fn bundle() -> Objects {
    const PEDRO: &str = "Pedro Cruz";
    const CLAUDIU: &str = "Claudiu Belu";
    let mut objects = Objects::default();
    let mut main = Branch::new(&mut objects);
    main.write("README.md", include_str!("files/README.md"))
        .write("charmcraft.yaml", include_str!("files/charmcraft.yaml"))
        .write("icon.svg", include_str!("files/icon.svg"))
        .write("bundle.yaml", &bundle_text("stable", "stable"))
        .commit(PEDRO, day(2022, 2, 1, 9, 0), "Adds the Legend bundle");
    main.write(".github/workflows/ci.yaml", include_str!("files/ci.yaml"))
        .write(
            ".github/workflows/publish_images.yaml",
            include_str!("files/publish_images.yaml"),
        )
        .write(
            ".github/workflows/create_release.yaml",
            include_str!("files/create_release.yaml"),
        )
        .write(
            ".github/workflows/create_overlay.yaml",
            include_str!("files/create_overlay.yaml"),
        )
        .write(
            ".github/workflows/release_to_stable.yaml",
            include_str!("files/release_to_stable.yaml"),
        )
        .commit(PEDRO, day(2022, 4, 1, 9, 0), "Adds the publishing workflows")
        .done("main");
    let mut edge = Branch::from(&mut objects, "main");
    edge.write("bundle.yaml", &bundle_text("edge", "edge"))
        .commit(PEDRO, day(2022, 4, 1, 9, 30), "Points the charms at edge")
        .done("edge");
    // A release that never was on master has a branch nevertheless.
    let mut phantom = Branch::from(&mut objects, "edge");
    phantom
        .write("bundle.yaml", &bundle_text("2022-04/edge", "edge"))
        .commit(
            PEDRO,
            day(2022, 4, 6, 14, 10),
            "Creates 2022-04-04 release\n\nSigned-off-by: Pedro Cruz",
        )
        .done("release-2022-04-04");
    for (name, branch_after, overlay_after) in PUBLISHED {
        let manifest = RELEASES
            .iter()
            .find(|(release, _)| *release == name)
            .map_or("", |(_, text)| text);
        let at = made_at(manifest) + Duration::minutes(branch_after);
        let overlay_at = match (name, overlay_after) {
            ("2022-04-26", _) => day(2023, 8, 10, 16, 24),
            ("2022-05-05", _) => day(2023, 8, 10, 16, 32),
            (_, minutes) => at + Duration::minutes(minutes),
        };
        let track = name.get(..7).unwrap_or(name);
        let signed = |who: &str| format!("Signed-off-by: {who} <{}>", address(who));
        let mut release = Branch::from(&mut objects, "edge");
        release
            .write("bundle.yaml", &bundle_text(&format!("{track}/edge"), "edge"))
            .commit(PEDRO, at, &format!("Creates {name} release\n\n{}", signed(PEDRO)))
            .write(&format!("overlay-{name}.yaml"), &overlay(track, manifest))
            .commit(
                CLAUDIU,
                overlay_at,
                &format!("Creates {name} release overlay.yaml file\n\n{}", signed(CLAUDIU)),
            )
            .done(&format!("release-{name}"));
    }
    objects
}

fn overlay(track: &str, manifest: &str) -> String {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    let mut text = String::from("applications:\n");
    for (part, image) in [
        ("engine", "finos/legend-engine-server"),
        ("sdlc", "finos/legend-sdlc-server"),
        ("studio", "finos/legend-studio"),
    ] {
        let tag = manifest["core"][image].as_str().unwrap_or_default();
        text.push_str(&format!(
            "  legend-{part}:\n    channel: {track}/edge\n    resources:\n      {part}-image: {image}:{tag}\n"
        ));
    }
    text
}

fn operator([repository, charm, container, resource, note, title]: &[&str; 6]) -> Objects {
    const ADMIN: &str = "FINOS Administrator";
    let metadata = include_str!("files/metadata.yaml")
        .replace("@CHARM@", charm)
        .replace("@CONTAINER@", container)
        .replace("@RESOURCE@", resource)
        .replace("@NOTE@", note)
        .replace("@TITLE@", title);
    let mut objects = Objects::default();
    let mut main = Branch::new(&mut objects);
    main.write("README.md", &format!("# {repository}\n\nThe charm `{charm}`.\n"))
        .write("metadata.yaml", &metadata)
        .commit(ADMIN, day(2021, 12, 1, 9, 0), "Adds the charm")
        .write(
            ".github/workflows/publish.yaml",
            include_str!("files/publish.yaml"),
        )
        .commit(ADMIN, day(2022, 6, 22, 9, 0), "Publishes every push to main")
        .done("main");
    objects
}
