//! Shared by the integration tests: a demo environment, an in-process session, a command line
//! through the binary, a terminal, and the environment's request log.

// Every test file is a separate crate and uses a different part of this module.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::panic, missing_docs)]

mod client;
pub mod failing;
mod terminal;

use std::collections::BTreeMap;
use std::path::Path;

pub use client::Client;
use serde_json::Value;
pub use terminal::{Terminal, demo, demo_with, given_back, open_slave};
use windlass::config::Config;
use windlass::demo::{Options, World};
use windlass::domain::{Problem, Snapshot};
use windlass::observe::Inputs;
use windlass::plan::{Intent, Plan};
use windlass::run::{Session, Setting};
use windlass::services::Services;

/// The bundle's repository in the demo environment.
pub const BUNDLE_REPOSITORY: &str = "finos/legend-juju-bundle";

/// Starts a demo environment under `dir`, with these faults, if any.
pub async fn world(dir: &Path, faults: &str) -> World {
    let faults = (!faults.is_empty()).then(|| {
        let file = dir.join("faults.toml");
        std::fs::write(&file, faults).unwrap();
        file
    });
    world_with(dir, |options| options.faults = faults).await
}

/// Starts a demo environment under `dir`, with changed options.
pub async fn world_with(dir: &Path, change: impl FnOnce(&mut Options)) -> World {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut options = Options::in_dir(dir.join("world"));
    options.image_size = 65_536;
    change(&mut options);
    World::start(&options).await.unwrap()
}

/// Opens a session that may write, with journal and cache under `dir`.
pub fn session(world: &World, dir: &Path) -> Session {
    session_with(world, dir, false, &[])
}

/// Opens a session with `more` variables besides those of the environment.
pub fn session_with(world: &World, dir: &Path, read_only: bool, more: &[(&str, &str)]) -> Session {
    let mut variables: BTreeMap<String, String> = world.environment().into_iter().collect();
    for (name, value) in more {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    let variable = |name: &str| variables.get(name).cloned();
    let config = Config::load(None, variable, None).unwrap();
    let services = Services::new(&variable, Some(dir.join("cache")), false).unwrap();
    let setting = Setting {
        state: dir.join("state"),
        cache: dir.join("cache"),
        read_only,
        offline: false,
    };
    Session::open(config, services, &setting).unwrap()
}

/// Returns how many tokens the store has issued.
pub fn minted(world: &World) -> usize {
    let log = std::fs::read_to_string(world.dir().join("requests.jsonl")).unwrap_or_default();
    log.lines().filter(|line| line.contains("/exchange")).count()
}

/// Reads what `intent` needs and plans it, as the command line and the console do.
pub async fn plan(session: &Session, intent: &Intent) -> (Snapshot, Result<Plan, Problem>) {
    session.plan(Snapshot::default(), intent, Inputs::default()).await
}

/// Returns the requests that change something, as logged: `service method path status`.
pub fn writes(world: &World) -> Vec<String> {
    writes_in(world.dir())
}

/// Same, for the demo environment in `dir`, whichever process serves it. The store's refresh query
/// is a POST that changes nothing, and so is a GraphQL query.
pub fn writes_in(dir: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(dir.join("requests.jsonl")).unwrap();
    log.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|r| !matches!(r["method"].as_str(), Some("GET" | "HEAD")))
        .filter(|r| !r["path"].as_str().unwrap().ends_with("/refresh"))
        .filter(|r| r["path"] != "/graphql")
        .map(|r| {
            let word = |key: &str| r[key].as_str().unwrap_or_default().to_owned();
            let status = &r["status"];
            format!("{} {} {} {status}", word("service"), word("method"), word("path"))
        })
        .collect()
}

fn state_file(dir: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap()).unwrap()
}

/// Returns the channel map of every package in the demo store of `dir`: `package channel base
/// revision resources`, sorted.
pub fn channel_map(dir: &Path) -> Vec<String> {
    let state = state_file(dir, "charmhub.json");
    let mut rows = Vec::new();
    for (name, package) in state["packages"].as_object().unwrap() {
        for row in package["map"].as_array().unwrap() {
            let resources: Vec<String> = row["resources"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| format!("{}:{}", one["name"], one["revision"]))
                .collect();
            rows.push(format!(
                "{name} {} {} r{} {}",
                row["channel"],
                row["base"]["channel"],
                row["revision"],
                resources.join(" ")
            ));
        }
    }
    rows.sort();
    rows
}

/// Returns everything in the demo environment of `dir` that a publish changes: the channel map, the
/// tracks, the hashes of all revisions, and the branches.
pub fn published_state(dir: &Path) -> Vec<String> {
    let mut lines = channel_map(dir);
    let state = state_file(dir, "charmhub.json");
    let items = |list: &Value| list.as_array().unwrap().clone();
    for (name, package) in state["packages"].as_object().unwrap() {
        for track in items(&package["tracks"]) {
            lines.push(format!("{name} track {}", track["name"]));
        }
        for revision in items(&package["revisions"]) {
            let hash = &revision["hashes"]["sha256"];
            lines.push(format!("{name} revision {} {hash}", revision["revision"]));
        }
        for (resource, revisions) in package["resources"].as_object().unwrap() {
            // The text behind an image has a password: only its number and size are the same.
            for one in items(revisions) {
                let size = &one["hashes"]["size"];
                lines.push(format!("{name} {resource} {} {size}", one["revision"]));
            }
        }
    }
    let repositories = state_file(dir, "github-objects.json")["repositories"].clone();
    let refs = repositories[BUNDLE_REPOSITORY]["refs"]
        .as_object()
        .unwrap()
        .clone();
    lines.extend(refs.keys().cloned());
    lines.sort();
    lines
}
