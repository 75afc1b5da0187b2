//! Tests over the wire: keys that rotate, tokens that lack a right, renamed repositories, secrets
//! of an organization.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method as Verb;
use serde_json::{Value, json};

use super::tests::{World, field, world};

const BUNDLE: &str = "/repos/finos/legend-juju-bundle";
const REPOSITORY: &str = "finos/legend-juju-bundle";

impl World {
    /// Returns `value` sealed for the key at `path`.
    async fn seal(&self, path: &str, value: &[u8]) -> Value {
        let key: Value = self.get(&format!("{path}/public-key")).await;
        let public = STANDARD.decode(key["key"].as_str().unwrap()).unwrap();
        let public = crypto_box::PublicKey::from_slice(&public).unwrap();
        let sealed = public.seal(&mut crypto_box::aead::OsRng, value).unwrap();
        json!({"encrypted_value": STANDARD.encode(sealed), "key_id": key["key_id"]})
    }

    /// Returns the value of the test token with this `purpose`.
    fn token(&self, purpose: &str) -> String {
        let text = std::fs::read(self.folder.path().join("tokens.json")).unwrap();
        let tokens: Value = serde_json::from_slice(&text).unwrap();
        let mut tokens = tokens.as_object().unwrap().iter();
        tokens
            .find(|(_, token)| token["purpose"] == purpose)
            .unwrap()
            .0
            .clone()
    }

    async fn with(&self, token: &str, verb: Verb, path: &str) -> reqwest::Response {
        let request = self.client.request(verb, format!("{}{path}", self.base));
        request.bearer_auth(token).json(&json!({})).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_seal_for_a_key_that_rotated_is_refused() {
    let world = world().await;
    let path = format!("{BUNDLE}/actions/secrets");
    let put = format!("{path}/CHARMHUB_TOKEN");
    let stale = world.seal(&path, b"one").await;
    world.github.rotate_key(REPOSITORY).unwrap();
    assert!(world.github.rotate_key("finos/nothing").is_err());
    assert_eq!(world.send(Verb::PUT, &put, stale.clone()).await.0, 422);
    let fresh = world.seal(&path, b"two").await;
    assert_ne!(fresh["key_id"], stale["key_id"]);
    let before = world.github_json();
    assert_eq!(world.send(Verb::PUT, &put, fresh.clone()).await.0, 204);

    // The file is edited: the earlier key is in use again, which takes effect at once.
    let mut edited = world.github_json();
    assert_ne!(
        edited["repositories"][REPOSITORY]["secrets"], before["repositories"][REPOSITORY]["secrets"],
        "the refused seal left no trace, the accepted one did"
    );
    let keys = edited["repositories"][REPOSITORY]["keys"].as_array_mut().unwrap();
    keys.reverse();
    let file = world.folder.path().join("github.json");
    std::fs::write(&file, edited.to_string()).unwrap();
    assert_eq!(world.send(Verb::PUT, &put, fresh).await.0, 422);
    assert_eq!(world.send(Verb::PUT, &put, stale).await.0, 204);
    std::fs::write(&file, "half a fi").unwrap();
    let broken = world.ask(Verb::GET, &path).send().await.unwrap();
    assert_eq!(broken.status(), 500, "and it is not overwritten");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "half a fi");
}

#[tokio::test]
async fn a_secret_says_when_it_was_set() {
    let world = world().await;
    let path = format!("{BUNDLE}/actions/secrets");
    let one = format!("{path}/charmhub_token");
    let planted: Value = world.get(&one).await;
    let body = world.seal(&path, b"new").await;
    let before = chrono::Utc::now().timestamp();
    assert_eq!(
        world.send(Verb::PUT, &one, body.clone()).await,
        (204, Value::Null)
    );
    assert_eq!(
        world.send(Verb::PUT, &format!("{path}/OTHER"), body).await,
        (201, json!({}))
    );
    let set: Value = world.get(&one).await;
    assert_eq!(set["created_at"], planted["created_at"]);
    let updated = set["updated_at"].as_str().unwrap();
    assert_eq!(updated.len(), "2026-01-01T00:00:00Z".len(), "whole seconds");
    let updated = chrono::DateTime::parse_from_rfc3339(updated).unwrap().timestamp();
    assert!((before..before + 20).contains(&updated));
}

#[tokio::test]
async fn tokens_that_lack_something_are_refused_as_github_does() {
    let world = world().await;
    let secrets = format!("{BUNDLE}/actions/secrets/public-key");
    let operator = world.ask(Verb::GET, BUNDLE).send().await.unwrap();
    assert_eq!(
        field(&operator, "x-oauth-scopes"),
        "admin:org, delete:packages, repo, workflow, write:packages"
    );
    assert_eq!(field(&operator, "x-accepted-oauth-scopes"), "repo");
    let end = field(&operator, "github-authentication-token-expiration");
    let end = chrono::NaiveDateTime::parse_from_str(&end, "%Y-%m-%d %H:%M:%S UTC").unwrap();
    let left = end.and_utc().signed_duration_since(chrono::Utc::now());
    assert_eq!(left.num_days(), 40);
    assert!(!field(&operator, "x-github-request-id").is_empty() && !field(&operator, "date").is_empty());

    let narrow = world.token("narrow");
    let shown = world.with(&narrow, Verb::GET, BUNDLE).await;
    assert_eq!(
        (shown.status().as_u16(), field(&shown, "x-oauth-scopes")),
        (200, "read:org".into())
    );
    assert_eq!(world.with(&narrow, Verb::GET, &secrets).await.status(), 404);
    let put = format!("{BUNDLE}/actions/secrets/CHARMHUB_TOKEN");
    assert_eq!(world.with(&narrow, Verb::PUT, &put).await.status(), 404);

    let reading = world.token("read-only");
    let shown = world
        .with(&reading, Verb::GET, &format!("{BUNDLE}/contents/bundle.yaml"))
        .await;
    assert_eq!(shown.status(), 200);
    assert!(shown.headers().get("x-oauth-scopes").is_none());
    for (verb, path) in [(Verb::GET, &secrets), (Verb::PUT, &put)] {
        let refused = world.with(&reading, verb, path).await;
        assert_eq!(refused.status(), 403);
        assert_eq!(field(&refused, "x-accepted-github-permissions"), "secrets=write");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(
            body["message"],
            "Resource not accessible by personal access token"
        );
    }

    let outside = world.token("no-sso");
    for path in [BUNDLE, &secrets, "/orgs/finos/actions/secrets"] {
        let refused = world.with(&outside, Verb::GET, path).await;
        assert_eq!(refused.status(), 403, "{path}");
        assert_eq!(
            field(&refused, "x-github-sso"),
            "required; url=https://github.com/orgs/finos/sso?authorization_request=DEMO"
        );
    }
    assert_eq!(world.with(&outside, Verb::GET, "/user").await.status(), 200);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(world.folder.path().join("tokens.json"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_renamed_repository_is_found_by_its_number() {
    let world = world().await;
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .user_agent("test")
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let ask = |verb: Verb, path: &str| {
        client
            .request(verb, format!("{}{path}", world.base))
            .bearer_auth("ghp_demo")
            .send()
    };
    let repository: Value = world.get("/repos/finos/legend-juju-studio-operator").await;
    assert_eq!(
        repository["permissions"],
        json!({"admin": true, "maintain": true, "push": true, "triage": true, "pull": true})
    );
    let here = format!("{}/repositories/{}", world.base, repository["id"]);
    let old = ask(Verb::GET, "/repos/finos/legend-juju-studio").await.unwrap();
    assert_eq!(
        (old.status().as_u16(), field(&old, "location")),
        (301, here.clone())
    );
    assert_eq!(old.json::<Value>().await.unwrap()["message"], "Moved Permanently");
    let below = "/repos/FINOS/legend-juju-studio/actions/secrets/CHARMHUB_TOKEN?per_page=1";
    let old = ask(Verb::PUT, below).await.unwrap();
    let there = format!("{here}/actions/secrets/CHARMHUB_TOKEN?per_page=1");
    assert_eq!((old.status().as_u16(), field(&old, "location")), (307, there));

    let number = format!("/repositories/{}", repository["id"]);
    let same: Value = world.get(&number).await;
    assert_eq!(same["full_name"], "finos/legend-juju-studio-operator");
    let body = world.seal(&format!("{number}/actions/secrets"), b"x").await;
    let put = format!("{number}/actions/secrets/CHARMHUB_TOKEN");
    assert_eq!(world.send(Verb::PUT, &put, body).await.0, 204);
    assert_eq!(ask(Verb::GET, "/repositories/1").await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_dispatched_run_is_seen_while_it_runs() {
    let world = world().await;
    let actions = format!("{BUNDLE}/actions");
    let dispatch = format!("{actions}/workflows/create_release.yaml/dispatches");
    let inputs = json!({"ref": "main", "inputs": {"release": "2024-01-08"}});
    assert_eq!(world.send(Verb::POST, &dispatch, inputs).await.0, 204);
    let count = async |status: &str| {
        let list: Value = world.get(&format!("{actions}/runs?status={status}")).await;
        list["total_count"].as_u64().unwrap()
    };
    // The run is moved into the past instead of waiting for it.
    let age = |seconds| {
        let mut store = world.github.store.lock().unwrap();
        let run = &mut store.repo_mut(REPOSITORY).unwrap().runs[0];
        run.started = chrono::Utc::now() - chrono::Duration::seconds(seconds);
    };
    for (seconds, status) in [(2, "in_progress"), (10, "completed")] {
        age(seconds);
        assert_eq!(count(status).await, 1, "{status}");
    }
    assert_eq!(count("in_progress").await, 0);
}

#[tokio::test]
async fn an_organization_shares_secrets_with_repositories() {
    let world = world().await;
    let path = "/orgs/finos/actions/secrets";
    let bundle: Value = world.get(BUNDLE).await;
    let seen = format!("{BUNDLE}/actions/organization-secrets");
    let elsewhere = "/repos/finos/legend-juju-db-operator/actions/organization-secrets";
    let mut body = world.seal(path, b"shared").await;
    let put = format!("{path}/charmhub_token");
    assert_eq!(
        world.send(Verb::PUT, &put, body.clone()).await.0,
        422,
        "no visibility"
    );
    body["visibility"] = json!("selected");
    body["selected_repository_ids"] = json!([1]);
    assert_eq!(
        world.send(Verb::PUT, &put, body.clone()).await.0,
        422,
        "no such repository"
    );
    body["selected_repository_ids"] = json!([bundle["id"]]);
    assert_eq!(world.send(Verb::PUT, &put, body.clone()).await.0, 201);
    assert_eq!(world.send(Verb::PUT, &put, body.clone()).await.0, 204);
    let list: Value = world.get(path).await;
    assert_eq!(
        (&list["total_count"], &list["secrets"][0]["visibility"]),
        (&json!(1), &json!("selected"))
    );
    let kept = &world.github_json()["organizations"]["finos"]["secrets"]["CHARMHUB_TOKEN"];
    assert_eq!(kept["selected_repositories"], json!([REPOSITORY]));
    assert_eq!(kept["encrypted_value"], body["encrypted_value"]);
    assert_eq!(world.get::<Value>(&seen).await["total_count"], 1);
    assert_eq!(world.get::<Value>(elsewhere).await["total_count"], 0);

    let chosen = format!("{put}/repositories");
    let other: Value = world.get("/repos/finos/legend-juju-db-operator").await;
    let both = json!({"selected_repository_ids": [bundle["id"], other["id"]]});
    assert_eq!(world.send(Verb::PUT, &chosen, both).await.0, 204);
    assert_eq!(world.get::<Value>(&chosen).await["total_count"], 2);
    assert_eq!(world.get::<Value>(elsewhere).await["total_count"], 1);
    let one = format!("{chosen}/{}", bundle["id"]);
    assert_eq!(world.send(Verb::DELETE, &one, Value::Null).await.0, 204);
    assert_eq!(world.get::<Value>(&seen).await["total_count"], 0);

    world.github.rotate_key("finos").unwrap();
    assert_eq!(world.send(Verb::PUT, &put, body).await.0, 422, "another key");
    for (token, status) in [("narrow", 403), ("packages", 403), ("read-only", 403)] {
        let refused = world.with(&world.token(token), Verb::GET, path).await;
        assert_eq!(refused.status(), status, "{token}");
    }
    assert_eq!(world.send(Verb::DELETE, &put, Value::Null).await.0, 204);
    assert_eq!(world.send(Verb::GET, &put, Value::Null).await.0, 404);

    let query = r#"query MapRepositoryNames {
        repo_000: repository(owner: "finos", name: "legend-juju-bundle") { databaseId }
        repo_001: repository(owner: "finos", name: "nothing") { databaseId }
    }"#;
    let (_, answer) = world
        .send(Verb::POST, "/graphql", json!({ "query": query }))
        .await;
    assert_eq!(answer["data"]["repo_000"]["databaseId"], bundle["id"]);
    assert_eq!(answer["errors"][0]["path"], json!(["repo_001"]));
}
