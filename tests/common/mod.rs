//! What the tests of whole promises share: a demo world, a session on it in this process, a command
//! line on it through the binary, a terminal, and the world's log of what was asked of it.
//!
//! Owns no promise. Each file of tests takes what it needs and says what it is about.

// Every file of tests is a crate of its own and uses another part of this one.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::panic, missing_docs)]

mod client;
mod terminal;

use std::collections::BTreeMap;
use std::path::Path;

pub use client::Client;
use serde_json::Value;
pub use terminal::{Terminal, demo, demo_with, given_back};
use windlass::config::Config;
use windlass::demo::{Options, World};
use windlass::run::{Session, Setting};
use windlass::services::Services;

/// The bundle's repository in the demo world.
pub const BUNDLE_REPOSITORY: &str = "finos/legend-juju-bundle";

/// A demo world under `dir`, with these faults where there are any.
pub async fn world(dir: &Path, faults: &str) -> World {
    let faults = (!faults.is_empty()).then(|| {
        let file = dir.join("faults.toml");
        std::fs::write(&file, faults).unwrap();
        file
    });
    world_with(dir, |options| options.faults = faults).await
}

/// A demo world under `dir`, changed before it starts.
pub async fn world_with(dir: &Path, change: impl FnOnce(&mut Options)) -> World {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut options = Options::in_dir(dir.join("world"));
    options.image_size = 65_536;
    change(&mut options);
    World::start(&options).await.unwrap()
}

/// A session that may write, with journal and cache of its own under `dir`.
pub fn session(world: &World, dir: &Path) -> Session {
    session_with(world, dir, false, &[])
}

/// A session whose environment holds `more` than the world's.
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

/// Requests that change something, as the world logged them: `service method path status`.
pub fn writes(world: &World) -> Vec<String> {
    writes_in(world.dir())
}

/// The same of the world that lies in `dir`, whoever serves it. Asking the store what it would
/// install is a POST that changes nothing, and so is a GraphQL query.
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
