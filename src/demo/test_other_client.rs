//! Tests of the changes of another client while a request fails, and of answers that a faults file
//! defines in full.

use std::path::Path;

use serde_json::{Value, json};

use super::{Options, World};

const ENGINE: &str = "finos-legend-engine-k8s";
const ALPINE: &str = "cfpb/regtech/sbl/alpine";
const TOKEN: &str = "/repos/finos/legend-juju-bundle/actions/secrets/CHARMHUB_TOKEN";

async fn world_with(dir: &Path, faults: &str) -> World {
    drop(rustls::crypto::ring::default_provider().install_default());
    let file = dir.join("faults.toml");
    std::fs::write(&file, faults).unwrap();
    let options = Options {
        faults: Some(file),
        ..Options::in_dir(dir.join("world"))
    };
    World::start(&options).await.unwrap()
}

/// Returns method, path and status of what the other client did.
fn changes(dir: &Path) -> Vec<(String, u64)> {
    let log = std::fs::read_to_string(dir.join("world/requests.jsonl")).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["client"] == "another-client")
        .map(|line| {
            let request = format!(
                "{} {}",
                line["method"].as_str().unwrap(),
                line["path"].as_str().unwrap()
            );
            (request, line["status"].as_u64().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn another_client_changes_every_service_while_one_request_fails() {
    let dir = tempfile::tempdir().unwrap();
    let release = r#"[{"revision": 50, "channel": "latest/beta", "resources": [{"name": "engine-image", "revision": 32}]}]"#;
    let faults = format!(
        "[[fault]]\nservice = 'charmhub'\nmethod = 'POST'\npath = '*/releases'\nnth = 1\nrate-limit = 2\nmeanwhile = [\
         {{ method = 'POST', path = '/v1/charm/{ENGINE}/releases', body = '{release}' }},\
         {{ service = 'github', method = 'PUT', path = '{TOKEN}' }},\
         {{ service = 'ghcr', method = 'PUT', path = '/v2/{ALPINE}/manifests/v3.18.0', body-of = '/v2/{ALPINE}/manifests/v3.18.0_60.1' }}]\n"
    );
    let world = world_with(dir.path(), &faults).await;
    let client = reqwest::Client::new();
    let post = || {
        let url = format!("{}/v1/charm/{ENGINE}/releases", world.url("charmhub"));
        let close = json!([{"revision": null, "channel": "latest/edge", "resources": []}]);
        client
            .post(url)
            .header(
                "Authorization",
                format!("Macaroon {}", world.store.operator_token()),
            )
            .json(&close)
    };
    let answer = post().send().await.unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["retry-after"].to_str().unwrap()
        ),
        (429, "2")
    );
    {
        let state = world.store.read();
        let map = &state.packages[ENGINE].map;
        assert!(
            map.iter()
                .any(|row| row.channel == "latest/beta" && row.revision == 50)
        );
        assert!(
            map.iter().any(|row| row.channel == "latest/edge"),
            "the request itself was not handled"
        );
    }
    let manifest = format!("/v2/{ALPINE}/manifests");
    let wanted = [
        (format!("POST /v1/charm/{ENGINE}/releases"), 200),
        (TOKEN.replace("CHARMHUB_TOKEN", "public-key"), 200),
        (format!("PUT {TOKEN}"), 204),
        (format!("GET {manifest}/v3.18.0_60.1"), 200),
        (format!("PUT {manifest}/v3.18.0"), 201),
    ];
    let seen = changes(dir.path());
    for (want, got) in wanted.iter().zip(&seen) {
        assert!(got.0.ends_with(&want.0) && got.1 == want.1, "{seen:?}");
    }
    assert_eq!(seen.len(), wanted.len());
    assert_eq!(
        post().send().await.unwrap().status(),
        200,
        "the second request is handled"
    );
    world.stop().await;
}

#[tokio::test]
async fn answers_of_a_faults_file_replace_the_real_ones() {
    let dir = tempfile::tempdir().unwrap();
    let fault = |nth: u32, rest: &str| {
        format!("[[fault]]\nservice = 'github'\nmethod = '*'\npath = '/user'\nnth = {nth}\n{rest}\n")
    };
    let faults = [
        fault(
            1,
            "status = 307\nheaders = { Location = 'http://127.0.0.1:1/elsewhere' }",
        ),
        fault(2, "status = 201\necho = true"),
        fault(3, "status = 200\nbody = 'again '\nendless = true"),
        fault(4, "drip = 0.0"),
    ];
    let world = world_with(dir.path(), &faults.concat()).await;
    let none = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().user_agent("test").redirect(none);
    let client = client.build().unwrap();
    let url = format!("{}/user", world.url("github"));
    let post = || client.post(&url).body("{\"password\": \"sent\"}").send();
    let led = post().await.unwrap();
    assert_eq!(led.headers()["location"], "http://127.0.0.1:1/elsewhere");
    let echo = post().await.unwrap();
    assert_eq!(echo.status(), 201);
    assert_eq!(echo.text().await.unwrap(), "{\"password\": \"sent\"}");
    let mut endless = post().await.unwrap();
    let mut read = 0;
    while read < 1 << 20 {
        read += endless.chunk().await.unwrap().unwrap().len();
    }
    drop(endless);
    let slow = client.get(&url).bearer_auth(&world.identity.github_token);
    let slow: Value = slow.send().await.unwrap().json().await.unwrap();
    assert!(slow["login"].is_string(), "the real answer, byte by byte: {slow}");
    world.stop().await;
}
