//! Follows the hints of refused commands on the demo environment: every hint leads to a command that
//! succeeds, and then no run is unfinished.

#![allow(clippy::unwrap_used, missing_docs)]

use crate::common;

use std::collections::BTreeSet;

use common::Client;
use serde_json::Value;
use windlass::demo::World;

const ENGINE: &str = "finos-legend-engine-k8s";

/// The store refuses the first release of the second charm.
const REFUSED_ONCE: &str = "[[fault]]\nservice = \"charmhub\"\nmethod = \"POST\"\npath = \"/v1/charm/finos-legend-sdlc-k8s/releases\"\nnth = 1\nstatus = 403\n";

/// A publish that failed after its first charm, in a separate demo environment.
struct Failed {
    world: World,
    client: Client,
    run: String,
    _dir: tempfile::TempDir,
}

impl Failed {
    /// Publishes until the fault, then changes a released channel from another machine.
    async fn and_changed_since() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = common::world(dir.path(), REFUSED_ONCE).await;
        let client = Client::new(&world, dir.path());
        let ended = client
            .run(&[
                "publish",
                "2025-01-27",
                "--without",
                "branch,bundle",
                "--yes",
                "--json",
            ])
            .with(1)
            .json();
        let run = ended["run"]["id"].as_str().unwrap().to_owned();
        std::fs::create_dir(dir.path().join("other")).unwrap();
        Client::new(&world, &dir.path().join("other"))
            .run(&[
                "release",
                ENGINE,
                "--revision",
                "50",
                "--channel",
                "latest/edge",
                "--resource",
                "engine-image:27",
                "--yes",
            ])
            .with(0);
        Self {
            world,
            client,
            run,
            _dir: dir,
        }
    }

    /// Runs a command in which `RUN` is the failed run. Returns the exit code and the commands that
    /// the hints name.
    fn follow(&self, command: &str) -> (i32, Vec<String>) {
        let words = command.replace("RUN", &self.run);
        let words: Vec<&str> = words.split(' ').chain(["--yes", "--json"]).collect();
        let ended = self.client.run(&words);
        let document = ended.json();
        let hints = document["problem"]["hints"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let commands = hints.iter().filter_map(|hint| {
            let (_, command) = hint.as_str().unwrap().split_once("windlass ")?;
            Some(command.replace(&self.run, "RUN"))
        });
        (ended.code, commands.collect())
    }

    fn unfinished(&self) -> Vec<String> {
        let document = self.client.run(&["runs", "--json"]).with(0).json();
        let runs = document["runs"].as_array().unwrap().iter();
        runs.filter(|run| run["open"] == Value::Bool(true))
            .map(|run| run["id"].to_string())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hint_after_a_later_change_leads_to_a_settled_state() {
    let mut failed = Failed::and_changed_since().await;
    let mut waiting = vec![
        "resume RUN".to_owned(),
        "rollback --run RUN".to_owned(),
        format!("rollback {ENGINE} latest/edge"),
    ];
    let mut followed = BTreeSet::new();
    let mut settled = Vec::new();
    while let Some(command) = waiting.pop() {
        if !followed.insert(command.clone()) {
            continue;
        }
        let (code, hints) = failed.follow(&command);
        if code != 0 {
            assert!([3, 5].contains(&code), "windlass {command} ended with {code}");
            assert!(!hints.is_empty(), "windlass {command} leads nowhere");
            waiting.extend(hints);
            continue;
        }
        assert_eq!(failed.unfinished(), [""; 0], "after windlass {command}");
        settled.push(command);
        failed.world.stop().await;
        failed = Failed::and_changed_since().await;
    }
    settled.sort();
    assert_eq!(
        settled,
        [
            "publish 2025-01-27 --without branch,bundle",
            "rollback --run RUN --keep-changed",
            "rollback --run RUN --over",
        ]
    );
    failed.world.stop().await;
}
