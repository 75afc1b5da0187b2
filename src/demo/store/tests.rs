//! Tests of sign-in over the wire: Ubuntu One, the identity service, revocation.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use libmacaroon::{Caveat, Format, Macaroon};
use reqwest::Response;
use serde_json::{Value, json};

use crate::demo::environment::{EMAIL, OTP, PASSWORD};
use crate::demo::{Options, World};

const ENGINE: &str = "finos-legend-engine-k8s";

struct Client {
    world: World,
    http: reqwest::Client,
}

async fn client(dir: &Path) -> Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    Client {
        world: World::start(&Options::in_dir(dir)).await.unwrap(),
        http: reqwest::Client::new(),
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

impl Client {
    async fn post(&self, service: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let mut request = self.http.post(format!("{}{path}", self.world.url(service)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.json(body).send().await.unwrap()).await
    }

    async fn with_token(&self, token: &str, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.world.url("charmhub"));
        let request = self
            .http
            .get(url)
            .header("Authorization", format!("Macaroon {token}"));
        answer(request.send().await.unwrap()).await
    }

    async fn revoke(&self, token: &str, session_id: &str) -> (u16, Value) {
        let sent = format!("Macaroon {token}");
        let body = json!({"session-id": session_id});
        self.post(
            "charmhub",
            "/v1/tokens/revoke",
            &[("Authorization", &sent)],
            &body,
        )
        .await
    }

    /// Returns a root macaroon and the id of its caveat.
    async fn root(&self, wish: Value) -> (Macaroon, String) {
        let (status, body) = self.post("charmhub", "/v1/tokens/usso", &[], &wish).await;
        assert_eq!(status, 200, "{body}");
        let root = Macaroon::deserialize(body["macaroon"].as_str().unwrap()).unwrap();
        let id = match root.third_party_caveats()[..] {
            [Caveat::ThirdParty(caveat)] => String::from_utf8(caveat.id().to_vec()).unwrap(),
            _ => panic!("one caveat for the sign-on"),
        };
        (root, id)
    }

    async fn discharge(&self, caveat_id: &str, password: &str, otp: Option<&str>) -> (u16, Value) {
        let mut body = json!({"email": EMAIL, "password": password, "caveat_id": caveat_id});
        if let Some(otp) = otp {
            body["otp"] = json!(otp);
        }
        self.post("sso", "/api/v2/tokens/discharge", &[], &body).await
    }

    async fn discharged(&self, caveat_id: &str) -> Macaroon {
        let (status, body) = self.discharge(caveat_id, PASSWORD, Some(OTP)).await;
        assert_eq!(status, 200, "{body}");
        Macaroon::deserialize(body["discharge_macaroon"].as_str().unwrap()).unwrap()
    }

    async fn exchange(&self, root: &Macaroon, discharge: &Macaroon, description: &str) -> (u16, Value) {
        let text = |macaroon: &Macaroon| macaroon.serialize(Format::V2).unwrap();
        let header = format!("Macaroon root={}, discharge={}", text(root), text(discharge));
        let body = json!({"client-description": description});
        let path = "/v1/tokens/usso/exchange";
        self.post("charmhub", path, &[("Authorization", &header)], &body)
            .await
    }

    async fn sign_on(&self, wish: Value, description: &str) -> String {
        let (root, id) = self.root(wish).await;
        let mut discharge = self.discharged(&id).await;
        root.bind(&mut discharge);
        let (status, body) = self.exchange(&root, &discharge, description).await;
        assert_eq!(status, 200, "{body}");
        body["macaroon"].as_str().unwrap().to_owned()
    }
}

fn wish() -> Value {
    json!({"permissions": ["package-manage", "package-view"], "ttl": 3600,
        "packages": [{"type": "charm", "name": ENGINE}]})
}

#[tokio::test]
async fn wrong_logins_are_told_apart_and_close_the_sign_on() {
    let dir = tempfile::tempdir().unwrap();
    let client = client(dir.path()).await;
    let (_, id) = client.root(wish()).await;
    let code = |(status, body): (u16, Value)| (status, body["code"].as_str().unwrap_or("").to_owned());
    let said = |status, code: &str| (status, code.to_owned());
    assert_eq!(
        code(client.discharge(&id, PASSWORD, None).await),
        said(401, "TWOFACTOR_REQUIRED")
    );
    assert_eq!(
        code(client.discharge(&id, PASSWORD, Some("000000")).await),
        said(401, "TWOFACTOR_FAILURE")
    );
    for _ in 0..5 {
        assert_eq!(
            code(client.discharge(&id, "wrong", Some(OTP)).await),
            said(401, "INVALID_CREDENTIALS")
        );
    }
    assert_eq!(
        code(client.discharge(&id, PASSWORD, Some(OTP)).await),
        said(403, "TOO_MANY_REQUESTS"),
        "the right password as well"
    );
    client.world.stop().await;
    let again = World::start(&Options::in_dir(dir.path())).await.unwrap();
    let client = Client {
        world: again,
        http: client.http,
    };
    assert_eq!(client.discharge(&id, PASSWORD, Some(OTP)).await.0, 200);
    client.world.stop().await;
}

#[tokio::test]
async fn a_root_is_exchanged_once_and_only_with_its_own_bound_discharge() {
    let dir = tempfile::tempdir().unwrap();
    let client = client(dir.path()).await;
    let (root, id) = client.root(wish()).await;
    let (other, other_id) = client.root(wish()).await;
    let discharge = client.discharged(&id).await;
    assert_eq!(client.exchange(&root, &discharge, "x").await.0, 401, "unbound");

    let mut foreign = client.discharged(&other_id).await;
    root.bind(&mut foreign);
    assert_eq!(
        client.exchange(&root, &foreign, "x").await.0,
        401,
        "of another root"
    );
    let key = libmacaroon::MacaroonKey::generate(b"another host");
    let mut forged = Macaroon::create(Some("http://elsewhere"), &key, id.as_str()).unwrap();
    root.bind(&mut forged);
    assert_eq!(
        client.exchange(&root, &forged, "x").await.0,
        401,
        "of another host"
    );
    let mut crossed = discharge.clone();
    other.bind(&mut crossed);
    assert_eq!(
        client.exchange(&root, &crossed, "x").await.0,
        401,
        "bound elsewhere"
    );

    let mut bound = discharge.clone();
    root.bind(&mut bound);
    let long = "x".repeat(256);
    assert_eq!(client.exchange(&root, &bound, &long).await.0, 400);
    let (status, body) = client.exchange(&root, &bound, "windlass@here run-1").await;
    assert_eq!(status, 200, "what was refused did not use it up: {body}");
    assert_eq!(client.exchange(&root, &bound, "windlass@here run-1").await.0, 401);

    let token = body["macaroon"].as_str().unwrap();
    let (_, me) = client.with_token(token, "/v1/tokens/whoami").await;
    assert_eq!(me["packages"], json!([{"name": ENGINE, "type": "charm"}]));
    let (_, all) = client.with_token(token, "/v1/tokens").await;
    let described: Vec<_> = all["macaroons"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|session| session["description"].as_str())
        .collect();
    assert_eq!(
        described,
        ["charmcraft@buildhost", "windlass demo", "windlass@here run-1"]
    );
    client.world.stop().await;
}

#[tokio::test]
async fn a_revoked_token_is_refused_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let client = client(dir.path()).await;
    let old = client.sign_on(wish(), "old").await;
    let new = client.sign_on(wish(), "new").await;
    let mut narrow = wish();
    narrow["channels"] = json!(["edge"]);
    let narrow = client.sign_on(narrow, "narrow").await;
    let (_, all) = client.with_token(&narrow, "/v1/tokens").await;
    let sessions = all["macaroons"].as_array().unwrap();
    let old_session = sessions.iter().find(|one| one["description"] == "old").unwrap();
    let old_id = old_session["session-id"].as_str().unwrap();

    let credentials = format!("/v1/charm/{ENGINE}/resources/engine-image/oci-image/upload-credentials");
    let (_, pushing) = client.with_token(&old, &credentials).await;
    let realm = format!("{}/v1/tokens/docker-registry", client.world.url("charmhub"));
    let login = || async {
        let request = client.http.get(&realm).basic_auth(
            pushing["username"].as_str().unwrap(),
            pushing["password"].as_str(),
        );
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(login().await, 200);

    let (status, refused) = client.revoke(&narrow, old_id).await;
    assert_eq!(status, 403);
    assert_eq!(refused["error-list"][0]["code"], "permission-required");
    assert_eq!(client.with_token(&old, "/v1/tokens/whoami").await.0, 200);
    assert_eq!(client.revoke(&new, "nobody's").await.0, 404);

    let (status, done) = client.revoke(&new, old_id).await;
    assert_eq!(status, 200);
    assert_eq!(done["macaroons"][0]["session-id"].as_str(), Some(old_id));
    assert!(done["macaroons"][0]["revoked-at"].is_string());
    let releases = format!("/v1/charm/{ENGINE}/releases");
    for path in ["/v1/tokens/whoami", "/v1/tokens", &releases, &credentials] {
        assert_eq!(client.with_token(&old, path).await.0, 401, "{path}");
        assert_eq!(client.with_token(&new, path).await.0, 200, "{path}");
    }
    assert_eq!(client.revoke(&old, old_id).await.0, 401);
    assert_eq!(login().await, 401, "nor does what it was given push images");
    let (_, all) = client.with_token(&new, "/v1/tokens").await;
    assert!(!all.to_string().contains(old_id));
    let (_, all) = client.with_token(&new, "/v1/tokens?include-inactive=true").await;
    assert!(all.to_string().contains(old_id));
    client.world.stop().await;
}

#[tokio::test]
async fn an_older_charmcraft_signs_in_through_the_identity_service() {
    let dir = tempfile::tempdir().unwrap();
    let client = client(dir.path()).await;
    let stranger = format!("{}/v1/tokens", client.world.url("charmhub"));
    let (status, begun) = answer(client.http.get(&stranger).send().await.unwrap()).await;
    let asked: Value = serde_json::from_str(begun["macaroon"].as_str().unwrap()).unwrap();
    assert_eq!((status, asked["l"].as_str()), (200, Some("api.charmhub.io")));

    let wish = json!({"permissions": ["package-view"], "description": "charmcraft@host", "ttl": 600,
        "packages": [{"type": "charm", "name": ENGINE}], "channels": ["edge"]});
    let (_, begun) = client.post("charmhub", "/v1/tokens", &[], &wish).await;
    let root: Value = serde_json::from_str(begun["macaroon"].as_str().unwrap()).unwrap();
    let caveat = root["c"]
        .as_array()
        .unwrap()
        .iter()
        .find(|caveat| !caveat["l"].is_null())
        .unwrap();
    let identity = format!("{}/identity", client.world.url("sso"));
    assert_eq!(caveat["l"].as_str(), Some(identity.as_str()));
    let id = caveat["i"].as_str().unwrap();
    let discharge = |token: Option<String>| {
        let mut form = vec![("id", id.to_owned())];
        form.extend(token.map(|token| ("token", token)));
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let request = client
            .http
            .post(format!("{identity}/discharge"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.extend_pairs(form).finish());
        async move { answer(request.send().await.unwrap()).await }
    };
    let (status, refused) = discharge(None).await;
    assert_eq!(
        (status, refused["Code"].as_str()),
        (401, Some("interaction required"))
    );
    assert_eq!(discharge(Some("guessed".to_owned())).await.0, 401);
    let window = &refused["Info"]["InteractionMethods"]["browser-window"];
    let page = |name: &str| client.http.get(window[name].as_str().unwrap()).send();
    assert_eq!(page("VisitURL").await.unwrap().status(), 200);
    let (_, consent) = answer(page("WaitTokenURL").await.unwrap()).await;
    let token = STANDARD.decode(consent["token64"].as_str().unwrap()).unwrap();
    let (status, discharged) = discharge(Some(String::from_utf8(token).unwrap())).await;
    assert_eq!(status, 200);

    let read = |value: &Value| {
        let mut value = value.clone();
        value["v"] = json!(2);
        Macaroon::deserialize(value.to_string()).unwrap()
    };
    let unbound = read(&discharged["Macaroon"]["m"]);
    let mut bound = unbound.clone();
    read(&root).bind(&mut bound);
    let exchange = |discharge: &Macaroon| {
        let discharge: Value = serde_json::from_str(&discharge.serialize(Format::V2JSON).unwrap()).unwrap();
        let header = URL_SAFE.encode(json!([root, discharge]).to_string());
        let client = &client;
        async move {
            let path = "/v1/tokens/exchange";
            client
                .post("charmhub", path, &[("Macaroons", &header)], &json!({}))
                .await
        }
    };
    assert_eq!(exchange(&unbound).await.0, 401, "unbound");
    let (status, body) = exchange(&bound).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(exchange(&bound).await.0, 401, "once");
    let token = body["macaroon"].as_str().unwrap();
    let (_, me) = client.with_token(token, "/v1/tokens/whoami").await;
    assert_eq!(me["channels"], json!(["edge"]));
    let (_, all) = client.with_token(token, "/v1/tokens").await;
    assert!(all.to_string().contains("charmcraft@host"));
    client.world.stop().await;
}

#[tokio::test]
async fn the_planted_secrets_hold_tokens_that_work() {
    let dir = tempfile::tempdir().unwrap();
    let client = client(dir.path()).await;
    let file = std::fs::read(dir.path().join("github.json")).unwrap();
    let github: Value = serde_json::from_slice(&file).unwrap();
    let environment: std::collections::BTreeMap<_, _> = client.world.environment().into_iter().collect();
    let mut days = Vec::new();
    for (name, vault) in github["repositories"].as_object().unwrap() {
        let secret = &vault["secrets"]["CHARMHUB_TOKEN"];
        let private = STANDARD
            .decode(vault["keys"][0]["private"].as_str().unwrap())
            .unwrap();
        let private = crypto_box::SecretKey::from_slice(&private).unwrap();
        let sealed = STANDARD
            .decode(secret["encrypted_value"].as_str().unwrap())
            .unwrap();
        let value = String::from_utf8(private.unseal(&sealed).unwrap()).unwrap();
        let is_other = name.ends_with("db-operator");
        assert_eq!(value != environment["CHARMCRAFT_AUTH"], is_other, "{name}");
        let token = String::from_utf8(STANDARD.decode(&value).unwrap()).unwrap();
        let (status, me) = client.with_token(&token, "/v1/tokens/whoami").await;
        assert_eq!((status, me["packages"].is_null()), (200, is_other));
        let updated = chrono::DateTime::parse_from_rfc3339(secret["updated_at"].as_str().unwrap());
        let age = chrono::Utc::now().signed_duration_since(updated.unwrap());
        days.push(age.num_days());
        assert_eq!(vault["secrets"]["CHARMCRAFT_AUTH"], Value::Null);
    }
    days.sort_unstable();
    assert_eq!(days, [17, 170, 170, 170, 170, 170]);
    let token = client
        .world
        .mint_token(None, &["package-view"], Duration::from_secs(60))
        .unwrap();
    let (_, all) = client.with_token(&token, "/v1/tokens").await;
    let sessions = all["macaroons"].as_array().unwrap();
    let older = sessions
        .iter()
        .find(|session| session["description"] == "charmcraft@buildhost")
        .unwrap();
    let until = chrono::DateTime::parse_from_rfc3339(older["valid-until"].as_str().unwrap()).unwrap();
    let left = until.signed_duration_since(chrono::Utc::now());
    assert_eq!(left.num_hours(), 12 * 24 - 1);
    client.world.stop().await;
}
