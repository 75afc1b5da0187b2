//! Tests answers that are not the content requested by its id: an older manifest, one cut short, or
//! nothing. They are not used and not cached: the answer is the right one or a problem, and the
//! next run is right.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Client, world};
use serde_json::{Value, json};
use windlass::demo::World;

const PLAN: [&str; 4] = ["plan", "publish", "2025-01-27", "--json"];
const RESOURCE: &str = "engine-image";

/// Returns the body that `url` of a service has, without credentials.
async fn body(url: String) -> String {
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .user_agent("tests")
        .build()
        .unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.text().await.unwrap()
}

fn fault(service: &str, method: &str, path: &str, nth: usize, body: &str) -> String {
    let body = json!(body);
    format!(
        "[[fault]]\nservice = '{service}'\nmethod = '{method}'\npath = '{path}'\nnth = {nth}\nstatus = 200\nbody = {body}\n"
    )
}

/// Returns a client with nothing cached.
fn fresh(world: &World, dir: &Path, name: &str) -> Client {
    let dir = dir.join(name);
    std::fs::create_dir_all(&dir).unwrap();
    Client::new(world, &dir)
}

/// Returns what a plan does and relies on. Which releases running images belong to is left out: each
/// client spends pulls to find that out.
fn steps(plan: &Value) -> Value {
    fn without_names(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, _| key != "release" && key != "tag");
                map.values_mut().for_each(without_names);
            }
            Value::Array(list) => list.iter_mut().for_each(without_names),
            _ => {}
        }
    }
    let mut found: Value = ["title", "steps", "assumptions"]
        .map(|key| plan["plan"][key].clone())
        .into_iter()
        .collect();
    without_names(&mut found);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_uses_no_manifest_that_is_not_what_its_id_says() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path(), "").await;
    let right = fresh(&first, dir.path(), "right").run(&PLAN).with(0).json();
    let github = first.url("github");
    let tree = body(format!(
        "{github}/repos/finos/legend/git/trees/master?recursive=1"
    ))
    .await;
    let tree: Value = serde_json::from_str(&tree).unwrap();
    let sha = |release: &str| {
        let path = format!("releases/{release}/manifest.json");
        let entries = tree["tree"].as_array().unwrap();
        let found = entries.iter().find(|entry| entry["path"] == path.as_str());
        found.unwrap()["sha"].as_str().unwrap().to_owned()
    };
    let path = |release: &str| format!("/repos/finos/legend/git/blobs/{}", sha(release));
    let older = body(format!("{github}{}", path("2025-01-06"))).await;
    let own = body(format!("{github}{}", path("2025-01-27"))).await;
    first.stop().await;
    let parsed: Value = serde_json::from_str(&own).unwrap();
    let content: String = parsed["content"].as_str().unwrap().split_whitespace().collect();
    let bytes = STANDARD.decode(content).unwrap();
    let content = |bytes: &[u8]| json!({"content": STANDARD.encode(bytes), "encoding": "base64"}).to_string();
    let wrong = [
        older,
        content(&bytes[..bytes.len() / 2]),
        content(b""),
        own[..own.len() / 2].to_owned(),
        String::new(),
    ];
    // Each is sent once, then, for another client, twice in a row. The manifests are read one by
    // one.
    let at = path("2025-01-27");
    let mut faults =
        "[[fault]]\nservice = 'github'\nmethod = 'POST'\npath = '/graphql'\nevery = true\nstatus = 502\n"
            .to_owned();
    for (index, answer) in wrong.iter().enumerate() {
        for nth in [1, 3, 4] {
            faults.push_str(&fault("github", "GET", &at, 5 * index + nth, answer));
        }
    }
    let world = world(dir.path(), &faults).await;
    for (index, answer) in wrong.iter().enumerate() {
        let once = fresh(&world, dir.path(), &format!("once-{index}"));
        let plan = once.run(&PLAN).with(0).json();
        assert_eq!(steps(&plan), steps(&right), "once: {answer}");
        assert_eq!(
            steps(&once.run(&PLAN).with(0).json()),
            steps(&right),
            "once, then: {answer}"
        );

        let twice = fresh(&world, dir.path(), &format!("twice-{index}"));
        let failed = twice.run(&PLAN).with(6).json();
        assert_eq!(failed["problem"]["kind"], "service", "{answer}: {failed:#}");
        let hints = failed["problem"]["hints"].as_array().unwrap();
        assert!(!hints.is_empty(), "{answer}: {failed:#}");
        assert_eq!(
            steps(&twice.run(&PLAN).with(0).json()),
            steps(&right),
            "twice, then: {answer}"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_uses_no_list_of_manifests_in_which_one_is_not_what_its_id_says() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path(), "").await;
    let right = fresh(&first, dir.path(), "right").run(&PLAN).with(0).json();
    first.stop().await;
    let manifest = |release: &str, text: &str, sha: &str| {
        let file =
            json!({"name": "manifest.json", "object": {"oid": sha, "text": text, "isTruncated": false}});
        json!({"name": release, "object": {"entries": [file]}})
    };
    let list = |text: &str| {
        let entry = manifest("2025-01-27", text, "0f5a0c6d4bd2b8b3c1f1f5cd40de4d1f0e5f9d61");
        json!({"data": {"repository": {"object": {"entries": [entry]}}}}).to_string()
    };
    let older = r#"{"version": "2025-01-27", "timestamp": 1738014553000, "core": {"finos/legend-engine-server": "4.35.0"}}"#;
    let wrong = [
        list(older),
        list(&older[..40]),
        list(""),
        list(older)[..60].to_owned(),
    ];
    let faults = wrong.iter().enumerate();
    let faults: String = faults
        .map(|(index, answer)| fault("github", "POST", "/graphql", index + 1, answer))
        .collect();
    let world = world(dir.path(), &faults).await;
    for (index, answer) in wrong.iter().enumerate() {
        let client = fresh(&world, dir.path(), &format!("client-{index}"));
        for _ in 0..2 {
            assert_eq!(
                steps(&client.run(&PLAN).with(0).json()),
                steps(&right),
                "{answer}"
            );
        }
    }
    world.stop().await;
}

/// Returns the revision and digest of the engine's image in latest/edge, with the errors of the
/// document.
fn served(client: &Client) -> (u64, Value, Vec<Value>) {
    let document = client.run(&["channels", "--json"]).with(0).json();
    let rows = document["channels"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["charm"] == "finos-legend-engine-k8s" && row["channel"] == "latest/edge")
        .unwrap();
    let resource = &row["resources"][0];
    assert_eq!(resource["name"], RESOURCE);
    let mut errors = document["errors"].as_array().unwrap().clone();
    // Every client spends pulls: after some there are no names of releases.
    errors.retain(|error| error["source"] != "release-images");
    (
        resource["revision"].as_u64().unwrap(),
        resource["digest"].clone(),
        errors,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_behind_a_revision_is_the_one_that_the_store_lists() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path(), "").await;
    let (revision, digest, errors) = served(&fresh(&first, dir.path(), "right"));
    assert!(digest.is_string() && errors.is_empty(), "{digest} {errors:?}");
    let log = std::fs::read_to_string(first.dir().join("requests.jsonl")).unwrap();
    let ending = format!("{RESOURCE}_{revision}");
    let path = log
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["path"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .find(|path| path.starts_with("/api/v1/") && path.ends_with(&ending))
        .unwrap();
    let store = first.url("charmhub");
    let own = body(format!("{store}{path}")).await;
    let older = body(format!(
        "{store}{}_{}",
        path.rsplit_once('_').unwrap().0,
        revision - 1
    ))
    .await;
    first.stop().await;
    let wrong = [
        older,
        own[..own.len() / 2].to_owned(),
        String::new(),
        "{}".to_owned(),
    ];
    let mut faults = String::new();
    for (index, answer) in wrong.iter().enumerate() {
        for nth in [1, 3, 4] {
            faults.push_str(&fault("charmhub", "GET", &path, 5 * index + nth, answer));
        }
    }
    let world = world(dir.path(), &faults).await;
    for (index, answer) in wrong.iter().enumerate() {
        let length = answer.len();
        let once = fresh(&world, dir.path(), &format!("once-{index}"));
        for _ in 0..2 {
            let (_, found, errors) = served(&once);
            assert_eq!((found, errors.len()), (digest.clone(), 0), "once, {length} bytes");
        }
        let twice = fresh(&world, dir.path(), &format!("twice-{index}"));
        let (_, found, errors) = served(&twice);
        assert_eq!(found, Value::Null, "twice, {length} bytes");
        let named = errors.iter().any(|error| error["source"] == "resource-images");
        assert!(named, "twice, {length} bytes: {errors:#?}");
        let (_, found, errors) = served(&twice);
        assert_eq!(
            (found, errors.len()),
            (digest.clone(), 0),
            "twice, then, {length} bytes"
        );
    }
    world.stop().await;
}
