//! Tests of uploads and releases over the wire: an archive's declarations decide its revision, and
//! a branch expires.

use std::path::Path;

use chrono::{DateTime, Utc};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::archive::stored;
use crate::demo::{Options, World};

const STUDIO: &str = "finos-legend-studio-k8s";

struct Publisher {
    world: World,
    http: reqwest::Client,
    token: String,
}

async fn publisher(dir: &Path) -> Publisher {
    drop(rustls::crypto::ring::default_provider().install_default());
    let world = World::start(&Options::in_dir(dir)).await.unwrap();
    Publisher {
        token: world.store.operator_token(),
        world,
        http: reqwest::Client::new(),
    }
}

impl Publisher {
    /// Pushes bytes without any credential, as craft-store does.
    async fn upload(&self, bytes: Vec<u8>) -> String {
        let url = format!("{}/unscanned-upload/", self.world.url("storage"));
        let form = Form::new().part("binary", Part::bytes(bytes).file_name("it.charm"));
        let answer = self.http.post(url).multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answer["upload_id"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.world.url("charmhub"));
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let request = request.header("Authorization", format!("Macaroon {}", self.token));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Returns the review of an archive that is pushed as a revision of the studio charm.
    async fn review(&self, members: &[(&str, &[u8])]) -> Value {
        let upload = self.upload(stored(members).unwrap()).await;
        let pushed = json!({"upload-id": upload});
        let answer = self
            .ask(&format!("/v1/charm/{STUDIO}/revisions"), Some(&pushed))
            .await;
        let path = answer["status-url"].as_str().unwrap().to_owned();
        loop {
            let review = self.ask(&path, None).await["revisions"][0].clone();
            if matches!(review["status"].as_str(), Some("approved" | "rejected")) {
                return review;
            }
        }
    }
}

#[tokio::test]
async fn a_pushed_charm_is_what_its_archive_says() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = publisher(dir.path()).await;
    let wrong = publisher
        .review(&[("metadata.yaml", b"name: another-charm\n")])
        .await;
    assert_eq!(wrong["status"], "rejected");
    assert!(
        wrong["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("another-charm"),
        "{wrong}"
    );

    let metadata = format!("name: {STUDIO}\nresources:\n  other-image: {{type: oci-image}}\n");
    let manifest = "bases:\n- {name: ubuntu, channel: '24.04', architectures: [arm64, s390x]}\n";
    let members: [(&str, &[u8]); 2] = [
        ("metadata.yaml", metadata.as_bytes()),
        ("manifest.yaml", manifest.as_bytes()),
    ];
    let review = publisher.review(&members).await;
    assert_eq!(review["status"], "approved", "{review}");
    let number = review["revision"].as_u64().unwrap();
    let listed = publisher
        .ask(&format!("/v1/charm/{STUDIO}/revisions?revision={number}"), None)
        .await;
    let bases = listed["revisions"][0]["bases"].clone();
    assert_eq!(
        bases,
        json!([
            {"architecture": "arm64", "channel": "24.04", "name": "ubuntu"},
            {"architecture": "s390x", "channel": "24.04", "name": "ubuntu"},
        ])
    );
    let resources = publisher
        .ask(&format!("/v1/charm/{STUDIO}/resources?revision={number}"), None)
        .await;
    assert_eq!(resources["resources"][0]["name"], "other-image");
    publisher.world.stop().await;
}

#[tokio::test]
async fn a_branch_expires_and_is_short_to_the_public() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = publisher(dir.path()).await;
    let path = format!("/v1/charm/{STUDIO}/releases");
    let rows = |answer: &Value| answer["channel-map"].as_array().unwrap().clone();
    let edge = rows(&publisher.ask(&path, None).await)
        .into_iter()
        .find(|row| row["channel"] == "latest/edge")
        .unwrap();
    assert_eq!(edge["expiration-date"], Value::Null);
    let item = json!([{"channel": "edge/fix-1", "revision": edge["revision"], "resources": [
        {"name": edge["resources"][0]["name"], "revision": edge["resources"][0]["revision"]},
    ]}]);
    let released = publisher.ask(&path, Some(&item)).await;
    assert_eq!(released["released"][0]["channel"], "latest/edge/fix-1");
    let branch = rows(&publisher.ask(&path, None).await)
        .into_iter()
        .find(|row| row["channel"] == "latest/edge/fix-1")
        .unwrap();
    let at = |row: &Value, key: &str| row[key].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let lasts = at(&branch, "expiration-date") - at(&branch, "when");
    assert_eq!(lasts.num_days(), 30);
    let public = publisher
        .ask(&format!("/v2/charms/info/{STUDIO}?fields=channel-map"), None)
        .await;
    let names: Vec<&str> = public["channel-map"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["channel"]["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"edge/fix-1") && names.contains(&"edge"),
        "{names:?}"
    );
    publisher.world.stop().await;
}

#[tokio::test]
async fn summary_and_description_are_two_things() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = publisher(dir.path()).await;
    let url = format!("{}/v1/charm/{STUDIO}", publisher.world.url("charmhub"));
    let before = publisher.ask(&format!("/v1/charm/{STUDIO}"), None).await;
    assert_eq!(before["metadata"]["default-track"], "latest");
    let first = before["metadata"]["description"].clone();
    for (key, value, description) in [
        ("summary", "Short.", &first),
        ("description", "Long.", &json!("Long.")),
        ("summary", "Shorter.", &json!("Long.")),
    ] {
        let request = publisher.http.patch(&url).json(&json!({key: value}));
        let request = request.header("Authorization", format!("Macaroon {}", publisher.token));
        assert_eq!(request.send().await.unwrap().status(), 200);
        let after = publisher.ask(&format!("/v1/charm/{STUDIO}"), None).await;
        assert_eq!(after["metadata"][key], value);
        assert_eq!(&after["metadata"]["description"], description, "{key} {value}");
    }
    publisher.world.stop().await;
}
