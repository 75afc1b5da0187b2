//! Tests of the demo environment over the wire.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Options, World};
use crate::domain::ProblemKind;

const ENGINE: &str = "finos-legend-engine-k8s";

struct Client {
    http: reqwest::Client,
    api: String,
    storage: String,
    token: String,
}

impl Client {
    fn of(world: &World) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            http: reqwest::Client::new(),
            api: world.url("charmhub"),
            storage: world.url("storage"),
            token: world.store.operator_token(),
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}{path}", self.api));
        self.send(request).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.api)).json(&body);
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request
            .header("Authorization", format!("Macaroon {}", self.token))
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn upload(&self, bytes: &[u8]) -> String {
        let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("x");
        let form = reqwest::multipart::Form::new().part("binary", part);
        let request = self
            .http
            .post(format!("{}/unscanned-upload/", self.storage))
            .multipart(form);
        let (_, answer) = self.send(request).await;
        answer["upload_id"].as_str().unwrap().to_owned()
    }

    /// Returns the statuses until the review is finished, and its last item.
    async fn review(&self, status_url: &str) -> (Vec<String>, Value) {
        let mut seen = Vec::new();
        for _ in 0..10 {
            let (_, answer) = self.get(status_url).await;
            let item = answer["revisions"][0].clone();
            seen.push(item["status"].as_str().unwrap().to_owned());
            if ["approved", "rejected"].contains(&seen.last().unwrap().as_str()) {
                return (seen, item);
            }
        }
        panic!("the review never ends: {seen:?}");
    }

    async fn push_image(&self, digest: &str) -> (Vec<String>, Value) {
        let path = format!("/v1/charm/{ENGINE}/resources/engine-image");
        let request = self
            .http
            .post(format!("{}{path}/oci-image/blob", self.api))
            .json(&json!({"image-digest": digest}))
            .header("Authorization", format!("Macaroon {}", self.token));
        let descriptor = request.send().await.unwrap().bytes().await.unwrap();
        self.push(&format!("{path}/revisions"), &descriptor, "oci-image")
            .await
    }

    async fn push(&self, path: &str, bytes: &[u8], kind: &str) -> (Vec<String>, Value) {
        let id = self.upload(bytes).await;
        let body = json!({"upload-id": id, "type": kind,
            "bases": [{"name": "all", "channel": "all", "architectures": ["amd64"]}]});
        let (_, answer) = self.post(path, body).await;
        self.review(answer["status-url"].as_str().unwrap()).await
    }
}

async fn world_in(dir: &Path) -> World {
    World::start(&Options::in_dir(dir)).await.unwrap()
}

fn digest(fill: &str) -> String {
    format!("sha256:{}", fill.repeat(64))
}

#[tokio::test]
async fn a_publish_reaches_the_public_view_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = world_in(dir.path()).await;
    let client = Client::of(&world);
    let (seen, item) = client.push_image(&digest("a")).await;
    assert_eq!(seen, ["new", "scanned", "approved"]);
    assert_eq!(item["revision"], 33);
    assert_eq!(
        client.push_image(&digest("a")).await.1["revision"],
        33,
        "same bytes, same revision"
    );

    let releases = format!("/v1/charm/{ENGINE}/releases");
    let attach = json!([{"name": "engine-image", "revision": 33}]);
    let body = json!([
        {"revision": 50, "channel": "2023-12/edge", "resources": attach},
        {"revision": 50, "channel": "edge", "resources": attach},
    ]);
    let (status, answer) = client.post(&releases, body).await;
    assert_eq!((status, answer["released"].as_array().unwrap().len()), (200, 2));
    let before = world.environment();
    world.stop().await;

    let world = world_in(dir.path()).await;
    assert_eq!(world.environment(), before, "ports and tokens stay");
    let action = |channel: &str| {
        json!({"action": "download", "instance-key": "k", "name": ENGINE, "channel": "latest/edge",
            "base": {"architecture": "amd64", "name": "ubuntu", "channel": channel}})
    };
    for (channel, revision, resource) in [("20.04", 50, 33), ("22.04", 49, 32)] {
        let body = json!({"context": [], "actions": [action(channel)]});
        let (_, answer) = client.post("/v2/charms/refresh", body).await;
        let charm = &answer["results"][0]["charm"];
        assert_eq!(charm["revision"], revision);
        assert_eq!(charm["resources"][0]["revision"], resource, "{channel}");
        let url = charm["resources"][0]["download"]["url"].as_str().unwrap();
        let bytes = client.http.get(url).send().await.unwrap().bytes().await.unwrap();
        let descriptor: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(
            descriptor["ImageName"]
                .as_str()
                .unwrap()
                .contains("/engine-image@sha256:")
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn releases_that_cannot_be_are_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let world = world_in(dir.path()).await;
    let client = Client::of(&world);
    let releases = format!("/v1/charm/{ENGINE}/releases");
    let (_, before) = client.get(&releases).await;
    let attach = |revision: u64| json!([{"name": "engine-image", "revision": revision}]);
    for (revision, channel, resources, words) in [
        (50, "beta", json!([]), "doesn't have a released revision"),
        (50, "edge", attach(99), "with revision 99 does not exist"),
        (
            50,
            "edge",
            json!([{"name": "other", "revision": 1}]),
            "is not valid",
        ),
        (51, "edge", attach(32), "was rejected"),
        (50, "2024-01/edge", attach(32), "Invalid track: 2024-01"),
    ] {
        let body = json!([
            {"revision": 50, "channel": "candidate", "resources": attach(32)},
            {"revision": revision, "channel": channel, "resources": resources},
        ]);
        let (status, answer) = client.post(&releases, body).await;
        assert_eq!(status, 400, "{words}");
        let message = answer["error-list"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(
        client.get(&releases).await.1,
        before,
        "nothing was applied in part"
    );
    let (seen, item) = client
        .push(
            &format!("/v1/charm/{ENGINE}/resources/engine-image/revisions"),
            b"{}",
            "oci-image",
        )
        .await;
    assert_eq!(seen.last().unwrap(), "rejected");
    assert_eq!(item["errors"][0]["code"], "review-error");
    world.stop().await;
}

#[tokio::test]
async fn tokens_do_what_they_say_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let world = world_in(dir.path()).await;
    let mut client = Client::of(&world);
    let hour = Duration::from_secs(3600);
    let status = format!("/v1/charm/{ENGINE}/releases");
    client.token = world
        .mint_token(Some(&[ENGINE]), &["package-view"], hour)
        .unwrap();
    assert_eq!(client.get(&status).await.0, 200);
    assert_eq!(
        client.get("/v1/charm/finos-legend-sdlc-k8s/releases").await.0,
        403
    );
    assert_eq!(client.get("/v1/charm/nobody/releases").await.0, 404);
    assert_eq!(client.post(&status, json!([])).await.0, 403);
    client.token = world
        .mint_token(None, &["package-manage"], Duration::ZERO)
        .unwrap();
    let (code, body) = client.get(&status).await;
    assert_eq!(
        (code, &body["Code"]),
        (401, &json!("macaroon discharge required"))
    );
    client.token = "nonsense".to_owned();
    assert_eq!(client.get(&status).await.0, 400);
    world.stop().await;
}

#[tokio::test]
async fn faults_strike_as_told_and_leave_status_zero_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let faults = dir.path().join("faults.toml");
    let text = "[[fault]]\nservice = 'charmhub'\nmethod = 'POST'\npath = '*/tracks'\nnth = 1\naction = 'reset-after'\n\
                [[fault]]\nservice = 'charmhub'\nmethod = 'GET'\npath = '/v2/*'\nnth = 1\naction = 'truncate'\n";
    std::fs::write(&faults, text).unwrap();
    let options = Options {
        faults: Some(faults),
        ..Options::in_dir(dir.path().join("world"))
    };
    let world = World::start(&options).await.unwrap();
    let client = Client::of(&world);
    let lost = client
        .http
        .post(format!("{}/v1/charm/{ENGINE}/tracks", client.api))
        .header("Authorization", format!("Macaroon {}", client.token))
        .body(r#"[{"name": "2031-01"}]"#)
        .send()
        .await;
    assert!(lost.is_err());
    let (_, metadata) = client.get(&format!("/v1/charm/{ENGINE}")).await;
    let tracks = metadata["metadata"]["tracks"].to_string();
    assert!(tracks.contains("2031-01"), "the request was handled");
    let info = format!("{}/v2/charms/info/{ENGINE}", client.api);
    let cut = client.http.get(&info).send().await.unwrap();
    assert!(cut.bytes().await.is_err(), "half of the body");
    assert!(client.http.get(&info).send().await.unwrap().bytes().await.is_ok());
    let log = std::fs::read_to_string(dir.path().join("world/requests.jsonl")).unwrap();
    let statuses: Vec<u64> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["status"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(statuses, [0, 200, 200, 200]);
    world.stop().await;
}

#[tokio::test]
async fn only_a_demo_world_is_wiped() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("docker")).unwrap();
    let options = Options {
        fresh: true,
        ..Options::in_dir(dir.path())
    };
    let problem = World::start(&options).await.err().unwrap();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(dir.path().join("docker").is_dir());

    let own = Options {
        dir: dir.path().join("world"),
        ..options
    };
    let world = World::start(&own).await.unwrap();
    let first = world.environment();
    world.stop().await;
    std::fs::write(own.dir.join("mine.txt"), "kept").unwrap();
    let world = World::start(&own).await.unwrap();
    assert_ne!(world.environment(), first, "a new world");
    assert!(own.dir.join("mine.txt").exists());
    world.stop().await;
}

#[tokio::test]
async fn the_public_view_lags_as_asked() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        serve_lag: Duration::from_secs(30),
        ..Options::in_dir(dir.path())
    };
    let world = World::start(&options).await.unwrap();
    let client = Client::of(&world);
    let close = json!([{"revision": null, "channel": "latest/edge", "resources": []}]);
    client.post(&format!("/v1/charm/{ENGINE}/releases"), close).await;
    let shows = |state: &super::store::state::State| {
        state.packages[ENGINE]
            .map
            .iter()
            .any(|row| row.channel == "latest/edge")
    };
    assert!(!shows(&world.store.read()));
    assert!(shows(&world.store.public()), "not yet public");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(!shows(&world.store.public()));
    tokio::time::resume();
    world.stop().await;
}

#[tokio::test]
async fn a_bundle_is_pushed_once_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = world_in(dir.path()).await;
    let client = Client::of(&world);
    let archive = super::store::archive::stored(&[("bundle.yaml", b"name: finos-legend-bundle\n")]).unwrap();
    let path = "/v1/charm/finos-legend-bundle/revisions";
    let (_, item) = client.push(path, &archive, "bundle").await;
    assert_eq!(item["revision"], 19);
    let (seen, again) = client.push(path, &archive, "bundle").await;
    assert_eq!(seen.last().unwrap(), "rejected");
    assert!(
        again["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("already exists")
    );
    let release = json!([{"revision": 19, "channel": "latest/edge", "resources": []}]);
    client
        .post("/v1/charm/finos-legend-bundle/releases", release)
        .await;
    let action = json!({"action": "download", "instance-key": "k", "name": "finos-legend-bundle",
        "channel": "latest/edge"});
    let body = json!({"context": [], "actions": [action], "fields": ["revision", "bundle-yaml"]});
    let (_, answer) = client.post("/v2/charms/refresh", body).await;
    let charm = &answer["results"][0]["charm"];
    assert_eq!(charm["bundle-yaml"], "name: finos-legend-bundle\n");
    world.stop().await;
}
