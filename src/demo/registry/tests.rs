//! Tests of the demo registry over the wire: uploads, mounts, tokens, quota, restarts.

use std::time::Duration;

use reqwest::{Client, Method as Verb, Response as Reply};
use serde_json::Value;

use super::images::{Recipe, Shape, make, repacked};
use super::layers::digest_of;
use super::*;

struct World {
    registry: Arc<Registry>,
    base: String,
    client: Client,
    _folder: tempfile::TempDir,
}

async fn world(name: &'static str, locked: bool) -> World {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let registry = Registry::open(Setup {
        name,
        dir: folder.path().to_owned(),
        realm: if locked {
            format!("{base}/token")
        } else {
            String::new()
        },
        service: "demo".into(),
        quota: name == "hub",
        anonymous_pull: name != "canonical",
    })
    .unwrap();
    let serving = router(Arc::clone(&registry));
    tokio::spawn(async move { axum::serve(listener, serving).await.unwrap() });
    let client = Client::builder()
        .tls_certs_only([])
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    World {
        registry,
        base,
        client,
        _folder: folder,
    }
}

impl World {
    fn ask(&self, verb: Verb, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        self.client.request(verb, url)
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(Verb::GET, path).send().await.unwrap()
    }

    async fn push(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = digest_of(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let reply = self
            .ask(Verb::POST, &path)
            .body(bytes.to_vec())
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 201);
        digest
    }

    async fn token(&self, query: &str, login: Option<(&str, &str)>) -> Reply {
        let mut request = self.ask(Verb::GET, &format!("/token?{query}"));
        if let Some((user, password)) = login {
            request = request.basic_auth(user, Some(password));
        }
        request.send().await.unwrap()
    }
}

fn field(reply: &Reply, name: &str) -> String {
    reply
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

async fn code(reply: Reply) -> String {
    let body: Value = reply.json().await.unwrap();
    body["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

fn recipe(tag: &str, shape: Shape) -> Recipe {
    Recipe {
        repository: "finos/legend-studio".into(),
        tag: tag.into(),
        seed: 7,
        size: 60_000,
        shape,
    }
}

#[test]
fn images_are_reproducible_share_layers_and_survive_repacking() {
    let one = make(&recipe("1.0.0", Shape::Schema2));
    assert_eq!(one.digest, make(&recipe("1.0.0", Shape::Schema2)).digest);
    let two = make(&recipe("2.0.0", Shape::Schema2));
    assert_ne!(one.config_digest, two.config_digest);
    let shared = one
        .blobs
        .iter()
        .filter(|(digest, _)| two.blobs.iter().any(|(other, _)| other == digest))
        .count();
    assert_eq!(shared, 2, "base and runtime");
    let total: usize = one.blobs.iter().skip(1).map(|(_, bytes)| bytes.len()).sum();
    assert!((55_000..80_000).contains(&total), "{total}");

    let again = repacked(&one);
    assert_eq!(again.config_digest, one.config_digest);
    assert_ne!(again.digest, one.digest);
    let config: Value = serde_json::from_slice(&one.blobs[0].1).unwrap();
    for (blob, diff_id) in again.blobs[1..]
        .iter()
        .zip(config["rootfs"]["diff_ids"].as_array().unwrap())
    {
        let mut tar = Vec::new();
        std::io::copy(&mut flate2::read::GzDecoder::new(&blob.1[..]), &mut tar).unwrap();
        assert_eq!(digest_of(&tar).to_string(), diff_id.as_str().unwrap());
    }
    let index = make(&recipe("3.0.0", Shape::IndexWithAttestation));
    assert_eq!(index.children.len(), 2);
    assert_eq!(repacked(&index).config_digest, index.children[0].config_digest);
}

#[tokio::test]
async fn chunked_uploads_resume_and_tolerate_the_classic_client() {
    let world = world("canonical", false).await;
    let bytes = vec![7_u8; 300];
    let digest = digest_of(&bytes);
    let start = world
        .ask(Verb::POST, "/v2/charm/x/image/blobs/uploads/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (start.status().as_u16(), field(&start, "range")),
        (202, "0-0".into())
    );
    let place = field(&start, "location");
    assert!(place.contains("?_state="), "{place}");

    let part = |range: &'static str, from: usize, to: usize| {
        world
            .ask(Verb::PATCH, &place)
            .header("content-range", range)
            .body(bytes[from..to].to_vec())
            .send()
    };
    let classic = part("0-115", 0, 115).await.unwrap();
    assert_eq!(
        (classic.status().as_u16(), field(&classic, "range")),
        (202, "0-114".into())
    );
    assert_eq!(part("200-299", 200, 300).await.unwrap().status(), 416);
    let status = world.get(&place).await;
    assert_eq!(
        (status.status().as_u16(), field(&status, "range")),
        (204, "0-114".into())
    );
    assert_eq!(part("115-199", 115, 200).await.unwrap().status(), 202);

    let done = world
        .ask(Verb::PUT, &format!("{place}&digest={digest}"))
        .header("content-range", "200-299")
        .body(bytes[200..].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (done.status().as_u16(), field(&done, "docker-content-digest")),
        (201, digest.to_string())
    );
    let half = world
        .ask(Verb::GET, &format!("/v2/charm/x/image/blobs/{digest}"))
        .header("range", "bytes=100-199")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (half.status().as_u16(), field(&half, "content-range")),
        (206, "bytes 100-199/300".into())
    );
    assert_eq!(half.bytes().await.unwrap().len(), 100);
    assert_eq!(code(world.get(&place).await).await, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn sha512_names_blobs_and_manifests_too() {
    use sha2::Digest as _;
    let named = |bytes: &[u8]| format!("sha512:{}", hex::encode(sha2::Sha512::digest(bytes)));
    let world = world("canonical", false).await;
    let upload = format!("/v2/a/blobs/uploads/?digest={}", named(b"{}"));
    assert_eq!(
        world
            .ask(Verb::POST, &upload)
            .body("{}")
            .send()
            .await
            .unwrap()
            .status(),
        201
    );
    let descriptor = serde_json::json!({"mediaType": "application/x", "digest": named(b"{}"), "size": 2});
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": images::OCI_MANIFEST, "config": descriptor, "layers": [],
    })
    .to_string();
    let path = format!("/v2/a/manifests/{}", named(manifest.as_bytes()));
    let put = world
        .ask(Verb::PUT, &format!("{path}?tag=one&tag=two"))
        .header("content-type", images::OCI_MANIFEST)
        .body(manifest.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (put.status().as_u16(), field(&put, "oci-tag")),
        (201, "one, two".into())
    );
    assert_eq!(field(&put, "docker-content-digest"), named(manifest.as_bytes()));
    assert_eq!(
        world.get("/v2/a/manifests/two").await.text().await.unwrap(),
        manifest
    );
}

#[tokio::test]
async fn wrong_digests_store_nothing_and_cancelled_uploads_are_gone() {
    let world = world("canonical", false).await;
    let wrong = digest_of(b"other");
    let path = format!("/v2/a/blobs/uploads/?digest={wrong}");
    let reply = world.ask(Verb::POST, &path).body("bytes").send().await.unwrap();
    assert_eq!(reply.status(), 400);
    assert_eq!(code(reply).await, "DIGEST_INVALID");
    assert_eq!(world.get(&format!("/v2/a/blobs/{wrong}")).await.status(), 404);

    let start = world
        .ask(Verb::POST, "/v2/a/blobs/uploads/")
        .send()
        .await
        .unwrap();
    let place = field(&start, "location");
    assert_eq!(
        world.ask(Verb::DELETE, &place).send().await.unwrap().status(),
        204
    );
    assert_eq!(world.get(&place).await.status(), 404);
    assert_eq!(
        world
            .ask(Verb::POST, "/v2/A/blobs/uploads/")
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
}

#[tokio::test]
async fn manifests_need_their_blobs_and_answer_referrers() {
    let world = world("canonical", false).await;
    let config = b"{}".to_vec();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": images::OCI_MANIFEST, "artifactType": "text/x",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(&config).to_string(), "size": 2},
        "layers": [],
        "subject": {"mediaType": images::OCI_MANIFEST, "digest": digest_of(b"s").to_string(), "size": 1},
    })
    .to_string();
    let put = || {
        world
            .ask(Verb::PUT, "/v2/a/manifests/v1")
            .header("content-type", images::OCI_MANIFEST)
            .body(manifest.clone())
            .send()
    };
    assert_eq!(code(put().await.unwrap()).await, "MANIFEST_BLOB_UNKNOWN");
    world.push("a", &config).await;
    let reply = put().await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), field(&reply, "oci-subject")),
        (201, digest_of(b"s").to_string())
    );
    for (filter, count) in [("", 1), ("?artifactType=text/x", 1), ("?artifactType=none", 0)] {
        let reply = world
            .get(&format!("/v2/a/referrers/{}{filter}", digest_of(b"s")))
            .await;
        let index: Value = reply.json().await.unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), count, "{filter}");
    }
    assert_eq!(
        world
            .ask(Verb::DELETE, "/v2/a/manifests/v1")
            .send()
            .await
            .unwrap()
            .status(),
        202
    );
    assert_eq!(
        code(world.get("/v2/a/manifests/v1").await).await,
        "MANIFEST_UNKNOWN"
    );
}

#[tokio::test]
async fn tokens_are_honoured_per_repository_and_mounts_need_both() {
    let world = world("canonical", true).await;
    world.registry.grant("u", "p", "charm/", true);
    world
        .registry
        .store("charm/a", Some("x"), &make(&recipe("1", Shape::Schema2)))
        .unwrap();
    let image = make(&recipe("1", Shape::Schema2));

    let refused = world.get("/v2/charm/a/manifests/x").await;
    assert_eq!(refused.status(), 401);
    let challenge = field(&refused, "www-authenticate");
    assert!(
        challenge.contains("scope=\"repository:charm/a:pull\""),
        "{challenge}"
    );
    assert_eq!(
        world
            .token("scope=repository:charm/a:pull", Some(("u", "no")))
            .await
            .status(),
        401
    );

    let query = "service=demo&scope=repository%3Acharm%2Fb%3Apull%2Cpush";
    let narrow: Value = world.token(query, Some(("u", "p"))).await.json().await.unwrap();
    let both: Value = world
        .token(
            &format!("{query}&scope=repository:charm/a:pull"),
            Some(("u", "p")),
        )
        .await
        .json()
        .await
        .unwrap();
    let mount = format!(
        "/v2/charm/b/blobs/uploads/?mount={}&from=charm/a",
        image.config_digest
    );
    let with = |token: &Value| {
        world
            .ask(Verb::POST, &mount)
            .bearer_auth(token["token"].as_str().unwrap())
            .send()
    };
    let refused = with(&narrow).await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = field(&refused, "www-authenticate");
    assert!(
        challenge.contains("scope=\"repository:charm/b:pull,push repository:charm/a:pull\""),
        "{challenge}"
    );
    assert_eq!(with(&both).await.unwrap().status(), 201);
    let foreign = world
        .ask(Verb::GET, "/v2/charm/a/manifests/x")
        .bearer_auth(narrow["token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 401);
    assert!(field(&foreign, "www-authenticate").contains("insufficient_scope"));
}

#[tokio::test]
async fn ghcr_lists_no_referrers_takes_small_chunks_and_challenges_with_an_example() {
    let world = world("ghcr", true).await;
    world.registry.grant("", "pat", "", true);
    let refused = world.get("/v2/o/a/manifests/x").await;
    let challenge = field(&refused, "www-authenticate");
    assert!(
        challenge.contains("scope=\"repository:user/image:pull\""),
        "{challenge}"
    );
    let bearer = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "pat");
    let send = |verb: Verb, path: String| world.ask(verb, &path).bearer_auth(&bearer);

    let referrers = format!("/v2/o/a/referrers/{}", digest_of(b"x"));
    assert_eq!(send(Verb::GET, referrers).send().await.unwrap().status(), 404);

    let chunk = vec![7; (4 << 20) + 1];
    let begun = send(Verb::POST, "/v2/o/a/blobs/uploads/".into())
        .send()
        .await
        .unwrap();
    let place = field(&begun, "location");
    let patch = |length: usize| {
        send(Verb::PATCH, place.clone())
            .header("content-range", format!("0-{}", length - 1))
            .body(chunk[..length].to_vec())
            .send()
    };
    assert_eq!(patch(chunk.len()).await.unwrap().status(), 416);
    assert_eq!(patch(4 << 20).await.unwrap().status(), 202);
    // Streamed without a range it may be of any size.
    let begun = send(Verb::POST, "/v2/o/a/blobs/uploads/".into())
        .send()
        .await
        .unwrap();
    let streamed = send(Verb::PATCH, field(&begun, "location"))
        .body(chunk.clone())
        .send();
    assert_eq!(streamed.await.unwrap().status(), 202);
    // Blobs alone are not a package.
    assert!(!world.registry.is_package("o/a"));
}

#[tokio::test]
async fn hub_counts_manifest_downloads_and_makes_offered_images_once() {
    let world = world("hub", true).await;
    world
        .registry
        .offer("finos/legend-studio", "1.0.0", recipe("1.0.0", Shape::Schema2));
    let token: Value = world
        .token("scope=repository:finos/legend-studio:pull", None)
        .await
        .json()
        .await
        .unwrap();
    let ask = |verb: Verb, reference: &str| {
        world
            .ask(verb, &format!("/v2/finos/legend-studio/manifests/{reference}"))
            .bearer_auth(token["token"].as_str().unwrap())
            .send()
    };
    let head = ask(Verb::HEAD, "1.0.0").await.unwrap();
    let expected = make(&recipe("1.0.0", Shape::Schema2));
    assert_eq!(field(&head, "docker-content-digest"), expected.digest.to_string());
    assert_eq!(field(&head, "ratelimit-remaining"), "100;w=21600");
    assert_eq!(
        field(&ask(Verb::GET, "1.0.0").await.unwrap(), "ratelimit-remaining"),
        "99;w=21600"
    );
    for _ in 0..99 {
        ask(Verb::GET, "nothing").await.unwrap();
    }
    let over = ask(Verb::GET, "1.0.0").await.unwrap();
    assert_eq!(over.status(), 429);
    assert_eq!(code(over).await, "TOOMANYREQUESTS");
    assert_eq!(ask(Verb::HEAD, "1.0.0").await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_was_stored_survives_a_restart_and_lists_by_pages() {
    let world = world("ghcr", false).await;
    for tag in ["b", "a", "c"] {
        world
            .registry
            .store("x/y", Some(tag), &make(&recipe("3", Shape::IndexWithAttestation)))
            .unwrap();
    }
    let again = Registry::open(Setup {
        name: "ghcr",
        dir: world.registry.setup.dir.clone(),
        realm: String::new(),
        service: String::new(),
        quota: false,
        anonymous_pull: true,
    })
    .unwrap();
    assert_eq!(again.digest("x/y", "a"), world.registry.digest("x/y", "a"));
    assert!(again.digest("x/y", "a").is_some());

    let first = world.get("/v2/x/y/tags/list?n=2").await;
    let link = field(&first, "link");
    let page: Value = first.json().await.unwrap();
    assert_eq!(page["tags"], serde_json::json!(["a", "b"]));
    let next = link.split(['<', '>']).nth(1).unwrap();
    let page: Value = world.get(next).await.json().await.unwrap();
    assert_eq!(page["tags"], serde_json::json!(["c"]));

    let narrow = world
        .ask(Verb::GET, "/v2/x/y/manifests/a")
        .header("accept", images::SCHEMA2)
        .send()
        .await
        .unwrap();
    assert_eq!(narrow.status(), 404);
}
