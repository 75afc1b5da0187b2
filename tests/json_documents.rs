//! Tests the envelope of every `--json` document: each command of the manual prints one, with its
//! schema, its workspace and, if it shows service data, when that was read and what failed.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::collections::BTreeSet;

use common::{Client, world};
use serde_json::Value;

/// What a document is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// Service data: with `observed_at` of these sources and `errors`.
    Services(&'static [&'static str]),
    /// The workspace only.
    Workspace,
    /// A workspace that the command creates.
    NewWorkspace(&'static str),
    /// No workspace.
    Program,
}

use About::{NewWorkspace, Program, Services, Workspace};

/// Commands, the exit code, the name in the schema and what the document is about. `ENGINE` stands
/// for an image, `RUN` for a run of the journal, `JOB` for a workflow run, `SESSION` for a session
/// of the store.
const COMMANDS: &[(&str, i32, &str, About)] = &[
    (
        "status",
        0,
        "status",
        Services(&["releases", "markers", "credential"]),
    ),
    ("releases", 0, "releases", Services(&["releases", "markers"])),
    ("charms", 0, "charms", Services(&["finos-legend-engine-k8s"])),
    ("channels", 0, "channels", Services(&["finos-legend-engine-k8s"])),
    ("credentials", 0, "credentials", Services(&["charmhub"])),
    ("whoami", 0, "whoami", Services(&["credential"])),
    ("doctor", 0, "doctor", Services(&["releases", "credential"])),
    ("resolve ENGINE", 0, "images", Services(&["registries"])),
    ("diff ENGINE ENGINE", 0, "diff", Services(&["registries"])),
    ("diff 2025-01-06 2025-01-27", 0, "diff", Services(&["releases"])),
    ("workflow list", 0, "workflows", Services(&["workflows"])),
    ("runs", 0, "runs", Workspace),
    ("resume", 0, "run", Workspace),
    ("plan publish 2025-01-27", 0, "plan", Workspace),
    ("plan publish --new", 0, "plans", Workspace),
    ("plan hold 2025-01-27", 0, "plan", Workspace),
    ("plan unhold 2025-01-27", 0, "plan", Workspace),
    ("plan rotate", 0, "plan", Workspace),
    ("plan revoke SESSION", 0, "plan", Workspace),
    ("plan login --export plan.txt", 0, "plan", Workspace),
    (
        "plan upload-resource finos-legend-engine-k8s engine-image --from ENGINE",
        0,
        "plan",
        Workspace,
    ),
    ("plan copy ENGINE ghcr.io/finos/copied:1", 0, "plan", Workspace),
    (
        "plan release finos-legend-engine-k8s --revision 50 -c latest/beta --resource engine-image:32",
        0,
        "plan",
        Workspace,
    ),
    (
        "plan close finos-legend-engine-k8s latest/edge",
        0,
        "plan",
        Workspace,
    ),
    ("plan workflow run WORKFLOW", 0, "plan", Workspace),
    ("plan workflow rerun 1", 1, "problem", Workspace),
    ("plan workflow cancel 1", 1, "problem", Workspace),
    ("hold 2025-01-27", 0, "run", Workspace),
    ("unhold 2025-01-27", 0, "run", Workspace),
    ("publish 2025-01-27", 0, "run", Workspace),
    ("plan promote 2025-01-27 --to stable", 0, "plan", Workspace),
    ("publish --new", 0, "runs", Workspace),
    ("promote 2025-01-27 --to stable", 0, "run", Workspace),
    ("plan rollback --run RUN", 0, "plan", Workspace),
    ("rollback --run RUN", 0, "run", Workspace),
    (
        "upload-resource finos-legend-engine-k8s engine-image --from ENGINE",
        0,
        "run",
        Workspace,
    ),
    ("copy ENGINE ghcr.io/finos/copied:1", 0, "run", Workspace),
    (
        "release finos-legend-engine-k8s --revision 999 -c latest/beta",
        1,
        "problem",
        Workspace,
    ),
    ("close finos-legend-engine-k8s latest/edge", 0, "run", Workspace),
    ("workflow run WORKFLOW", 0, "run", Workspace),
    ("workflow watch JOB", 0, "workflow-run", Services(&["github"])),
    ("workflow rerun JOB", 3, "problem", Workspace),
    ("workflow cancel JOB", 0, "run", Workspace),
    ("rotate --ttl 86400", 0, "run", Workspace),
    ("revoke SESSION", 0, "run", Workspace),
    ("login --export token.txt", 0, "run", Workspace),
    ("logout", 3, "problem", Workspace),
    ("logout --registry ghcr.io", 0, "logout", Workspace),
    ("config check", 0, "config", Workspace),
    ("config show", 0, "config", Workspace),
    (
        "config new --name acme --upstream none",
        0,
        "config-new",
        NewWorkspace("acme"),
    ),
    ("completions bash", 0, "completions", Program),
    ("man", 0, "man", Program),
    ("doctor --set-journal-aside", 0, "set-aside", Workspace),
    // The arguments cannot be parsed.
    ("publish --nonsense", 2, "problem", Workspace),
    ("status --workspace nosuchworkspace", 2, "problem", Program),
];

/// Commands without a document: servers and the console.
const WITHOUT: [&str; 1] = ["demo"];

/// Returns the commands of the manual without subcommands, as `plan-workflow-run`.
fn commands(client: &Client, dir: &std::path::Path) -> BTreeSet<String> {
    client.run(&["man", "--out", "pages"]).with(0);
    let pages: BTreeSet<String> = std::fs::read_dir(dir.join("pages"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_prefix("windlass-")?.strip_suffix(".1")?.to_owned())
        })
        .collect();
    let above = ["plan", "plan-workflow", "workflow", "config"];
    pages
        .into_iter()
        .filter(|name| !above.contains(&name.as_str()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_answers_a_document_with_the_common_envelope() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let mut missing = commands(&client, dir.path());
    assert!(missing.len() > 40, "{missing:?}");
    missing.retain(|name| !WITHOUT.contains(&name.as_str()));
    let sessions = client.run(&["credentials", "--json"]).json();
    let session = sessions["sessions"][0]["id"].as_str().unwrap().to_owned();
    let listed = client.run(&["workflow", "list", "--json"]).json();
    let startable = |one: &&Value| !one["inputs"].is_null() && one["findings"].as_array().unwrap().is_empty();
    let workflow = listed["workflows"].as_array().unwrap().iter().find(startable);
    let workflow = workflow.unwrap()["file"].as_str().unwrap().to_owned();
    let (mut run, mut job) = (String::new(), String::new());
    let mut wrong = Vec::new();
    for (line, code, schema, about) in COMMANDS {
        let words: Vec<String> = line
            .split(' ')
            .map(|word| match word {
                "ENGINE" => "finos/legend-engine-server:4.35.0".to_owned(),
                "RUN" => run.clone(),
                "JOB" => job.clone(),
                "SESSION" => session.clone(),
                "WORKFLOW" => workflow.clone(),
                other => other.to_owned(),
            })
            .collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        let name = words.join("-");
        missing.retain(|command| name != *command && !name.starts_with(&format!("{command}-")));
        words.extend(["--json", "--yes"]);
        let ended = client.run(&words);
        let Ok(document) = serde_json::from_str::<Value>(&ended.out) else {
            wrong.push(format!("{line}: no document: {}{}", ended.out, ended.err));
            continue;
        };
        if let Some(id) = document["run"]["id"].as_str()
            && *line == "promote 2025-01-27 --to stable"
        {
            id.clone_into(&mut run);
        }
        if let Some(id) = document["workflow_run"]["id"].as_u64() {
            job = id.to_string();
        }
        let mut faults = Vec::new();
        if ended.code != *code {
            faults.push(format!("exit {} instead of {code}: {}", ended.code, ended.err));
        }
        if document["schema"] != format!("windlass.{schema}/1") {
            faults.push(format!("schema {}", document["schema"]));
        }
        let workspace = document
            .get("workspace")
            .map(|name| name.as_str().unwrap_or("null"));
        let expected = match about {
            Program => None,
            NewWorkspace(name) => Some(*name),
            Services(_) | Workspace => Some("legend"),
        };
        if workspace != expected {
            faults.push(format!("workspace {workspace:?}"));
        }
        if let Services(sources) = about {
            for source in *sources {
                let at = document["observed_at"][source].as_str().unwrap_or_default();
                if chrono::DateTime::parse_from_rfc3339(at).is_err() {
                    faults.push(format!("observed_at {}", document["observed_at"]));
                }
            }
            if document["errors"] != Value::Array(Vec::new()) {
                faults.push(format!("errors {}", document["errors"]));
            }
        }
        if !faults.is_empty() {
            wrong.push(format!("{line}: {}", faults.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(missing, BTreeSet::new(), "commands that were not tried");
}
