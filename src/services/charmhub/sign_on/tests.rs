//! Tests of the sign-in against a sign-on host and a store with configured answers.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use libmacaroon::{Macaroon, MacaroonKey};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::services::http::Timeouts;

/// Signatures 00…1f and 20…3f, bound with Python's hmac:
/// `h(z, h(z, root) + h(z, discharge))`.
const ROOT: &str = "AgEPYXBpLmNoYXJtaHViLmlvAgRyb290AAAGIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const DISCHARGE: &str =
    "AgEQbG9naW4udWJ1bnR1LmNvbQIGY2F2ZWF0AAAGICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4_";
const BOUND: &str = "AgEQbG9naW4udWJ1bnR1LmNvbQIGY2F2ZWF0AAAGIPBYqN6smYDGb7IcdNZcGMpRPQ39qmJkMfPLpltucVyZ";

#[derive(Default)]
struct Stub {
    /// Suffix of the path -> answer.
    answers: Vec<(&'static str, u16, Value)>,
    /// Received requests: path, `Authorization`, body.
    seen: Vec<(String, String, Value)>,
}

type Shared = Arc<Mutex<Stub>>;

async fn answer(
    State(stub): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, axum::Json<Value>) {
    let mut stub = stub.lock().unwrap();
    let authorization = headers.get("authorization").and_then(|v| v.to_str().ok());
    stub.seen.push((
        uri.path().to_owned(),
        authorization.unwrap_or_default().to_owned(),
        serde_json::from_slice(&body).unwrap_or_default(),
    ));
    let found = stub.answers.iter().find(|(end, ..)| uri.path().ends_with(end));
    let (_, status, body) = found.cloned().unwrap_or(("", 404, json!({})));
    (StatusCode::from_u16(status).unwrap(), axum::Json(body))
}

struct World {
    url: Url,
    stub: Shared,
}

impl World {
    async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let stub = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&stub));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, stub }
    }

    fn says(&self, end: &'static str, status: u16, body: Value) -> &Self {
        let mut stub = self.stub.lock().unwrap();
        stub.answers.retain(|(other, ..)| *other != end);
        stub.answers.push((end, status, body));
        self
    }

    fn sign_on(&self) -> SignOn {
        let http = Http::new(Timeouts::scaled(1.0));
        SignOn::new(http, self.url.clone(), self.url.clone())
    }

    fn seen(&self, end: &str) -> Vec<(String, String, Value)> {
        let stub = self.stub.lock().unwrap();
        stub.seen
            .iter()
            .filter(|(path, ..)| path.ends_with(end))
            .cloned()
            .collect()
    }
}

fn text(macaroon: &Macaroon) -> String {
    let text = macaroon.serialize(Format::V2).unwrap();
    text.trim_end_matches('=').to_owned()
}

fn root(caveats: &[(&str, &str)]) -> Value {
    let mut root = Macaroon::create(Some("api.test"), &MacaroonKey::generate(b"root"), "r").unwrap();
    root.add_first_party_caveat("session-id abc").unwrap();
    for (location, id) in caveats {
        root.add_third_party_caveat(location, &MacaroonKey::generate(b"caveat"), id)
            .unwrap();
    }
    json!({"macaroon": text(&root)})
}

fn discharged(location: &str, id: &str) -> Value {
    let macaroon = Macaroon::create(Some(location), &MacaroonKey::generate(b"caveat"), id).unwrap();
    json!({"discharge_macaroon": text(&macaroon)})
}

fn scope() -> TokenScope {
    TokenScope {
        permissions: vec!["package-manage".to_owned()],
        packages: vec![crate::domain::credential::ScopedPackage {
            kind: crate::domain::credential::PackageKind::Bundle,
            name: "finos-legend-bundle".parse().unwrap(),
        }],
        channels: Vec::new(),
        ttl: 600,
    }
}

fn login(otp: Option<&str>) -> Login {
    Login {
        email: "someone@example.com".to_owned(),
        password: SecretString::from("pass \"word\""),
        otp: otp.map(SecretString::from),
    }
}

#[test]
fn a_discharge_is_bound_as_a_fixed_vector_says() {
    let bound = bound(&SecretString::from(ROOT), &SecretString::from(DISCHARGE)).unwrap();
    assert_eq!(bound.expose_secret(), BOUND);
}

#[test]
fn the_body_of_a_login_is_never_moved_while_it_grows() {
    let long = "\u{1}".repeat(3000);
    let proof = Proof {
        email: &long,
        password: &long,
        caveat_id: &long,
        otp: Some(&long),
    };
    let body = super::proof(&proof).unwrap();
    let room = 512 + 6 * 4 * long.len();
    assert!(body.len() <= room, "{} > {room}", body.len());
}

#[tokio::test]
async fn a_sign_in_ends_in_a_token() {
    let world = World::start().await;
    let here = world.url.as_str();
    world
        .says(
            "/v1/tokens/usso",
            200,
            root(&[("https://other.example", "no"), (here, "the caveat")]),
        )
        .says("/discharge", 200, discharged(here, "the caveat"))
        .says("/exchange", 200, json!({"macaroon": "NEW-TOKEN"}));
    let sign_on = world.sign_on();
    let answer = sign_on.discharge(&scope(), &login(Some("123456"))).await.unwrap();
    let SignOnAnswer::Signed(signed) = answer else {
        panic!("not signed on");
    };
    let written = sign_on.exchange(&signed, "windlass@host run").await.unwrap();
    let Written::Answered(token) = written else {
        panic!("lost");
    };
    assert_eq!(token.secret().expose_secret(), "NEW-TOKEN");
    assert_eq!(token.source().as_str(), "the sign-in");

    let wish = &world.seen("/v1/tokens/usso")[0].2;
    assert_eq!(
        *wish,
        json!({"permissions": ["package-manage"], "ttl": 600,
               "packages": [{"type": "bundle", "name": "finos-legend-bundle"}]})
    );
    let proof = &world.seen("/api/v2/tokens/discharge")[0].2;
    assert_eq!(
        *proof,
        json!({"email": "someone@example.com", "password": "pass \"word\"",
               "caveat_id": "the caveat", "otp": "123456"})
    );
    let (_, authorization, body) = &world.seen("/exchange")[0];
    assert_eq!(body["client-description"], "windlass@host run");
    // The store's own check: the discharge must be bound to the root.
    let (root, discharge) = authorization
        .strip_prefix("Macaroon root=")
        .unwrap()
        .split_once(", discharge=")
        .unwrap();
    let root = Macaroon::deserialize(root).unwrap();
    let mut expected = Macaroon::create(Some(here), &MacaroonKey::generate(b"caveat"), "the caveat").unwrap();
    root.bind(&mut expected);
    assert_eq!(Macaroon::deserialize(discharge).unwrap(), expected);
    assert!(!format!("{signed:?}").contains("AgE"));
}

#[tokio::test]
async fn refusals_of_the_sign_on_host_are_told_apart() {
    let world = World::start().await;
    let here = world.url.to_string();
    world.says("/v1/tokens/usso", 200, root(&[(&here, "c")]));
    let sign_on = world.sign_on();
    let wanted = json!({"code": "TWOFACTOR_REQUIRED", "message": "2-factor authentication required.", "extra": {},
        "error_list": [{"code": "twofactor-required", "message": "2-factor authentication required."}]});
    world.says("/discharge", 401, wanted.clone());
    let answer = sign_on.discharge(&scope(), &login(None)).await.unwrap();
    assert!(matches!(answer, SignOnAnswer::OtpWanted));

    let cases = [
        (401, wanted, Some("000000"), "one-time password"),
        (
            401,
            json!({"code": "TWOFACTOR_FAILURE", "message": "The provided 2-factor key 000000 is not recognised."}),
            Some("000000"),
            "one-time password",
        ),
        (
            401,
            json!({"code": "INVALID_CREDENTIALS", "message": "Provided email/password is not correct: pass \"word\""}),
            None,
            "email and password",
        ),
        (
            403,
            json!({"code": "ACCOUNT_SUSPENDED", "message": "Your account has been suspended."}),
            None,
            "does not allow this account",
        ),
        (
            403,
            json!({"code": "TOO_MANY_REQUESTS", "message": "Maximum number of attempts reached."}),
            None,
            "does not allow this account",
        ),
    ];
    for (status, body, otp, wanted) in cases {
        let message = body["message"].as_str().unwrap().to_owned();
        world.says("/discharge", status, body);
        let problem = sign_on.discharge(&scope(), &login(otp)).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Credentials, "{problem}");
        assert!(problem.summary.as_str().contains(wanted), "{problem}");
        assert!(!problem.hints.is_empty());
        let shown = format!("{problem:?}");
        assert!(
            !shown.contains("word\\\"") && !shown.contains("000000"),
            "{shown}"
        );
        // Its message is shown, unless it repeats the typed text.
        let repeats = message.contains("000000") || message.contains("word\"");
        assert_ne!(shown.contains(&message[..15]), repeats, "{shown}");
        assert_eq!(shown.contains("repeats the typed text"), repeats, "{shown}");
    }
}

#[tokio::test]
async fn a_password_goes_to_the_configured_host_alone() {
    let world = World::start().await;
    let here = world.url.to_string();
    let sign_on = world.sign_on();
    let cases = [
        ("https://login.evil.example", "login.evil.example"),
        ("login.evil.example", "login.evil.example"),
        ("http://login.ubuntu.com", "not allowed"),
        ("127.0.0.1:1", "127.0.0.1:1"),
    ];
    for (location, named) in cases {
        world.says("/v1/tokens/usso", 200, root(&[(location, "c")]));
        let problem = sign_on.discharge(&scope(), &login(None)).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Refused, "{location}");
        let said = problem.to_string();
        assert!(
            said.contains(named) && said.contains(&host_of(&world.url)),
            "{said}"
        );
    }
    assert!(world.seen("/discharge").is_empty());

    // Production writes a bare host.
    world.says("/v1/tokens/usso", 200, root(&[(&host_of(&world.url), "c")]));
    for (discharge, named) in [
        (
            discharged("https://login.evil.example", "c"),
            "login.evil.example",
        ),
        (discharged(&here, "another caveat"), "another sign-in"),
    ] {
        world.says("/discharge", 200, discharge);
        let problem = sign_on.discharge(&scope(), &login(None)).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Refused);
        assert!(problem.to_string().contains(named), "{problem}");
    }
}

#[tokio::test]
async fn a_scope_that_the_store_refuses_is_told_with_its_words() {
    let world = World::start().await;
    let sign_on = world.sign_on();
    for (status, code, message) in [
        (400, "api-error", "Invalid permission: 'x'"),
        (
            404,
            "resource-not-found",
            "Name finos-legend-bundle not found in the charm namespace",
        ),
    ] {
        let body = json!({"error-list": [{"code": code, "message": message}]});
        world.says("/v1/tokens/usso", status, body);
        let problem = sign_on.discharge(&scope(), &login(None)).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Refused);
        assert!(problem.to_string().contains(message), "{problem}");
        assert!(
            problem.hints[0].as_str().contains("finos-legend-bundle"),
            "{problem:?}"
        );
    }
}

#[tokio::test]
async fn an_exchange_without_an_answer_is_lost_and_not_repeated() {
    let world = World::start().await;
    let sign_on = world.sign_on();
    let signed = SignedOn {
        root: SecretString::from(ROOT),
        discharge: SecretString::from(DISCHARGE),
    };
    world.says("/exchange", 503, json!({}));
    let written = sign_on.exchange(&signed, "x").await.unwrap();
    assert!(matches!(written, Written::Lost(_)));
    assert_eq!(world.seen("/exchange").len(), 1);
    world.says("/exchange", 200, json!({"other": 1}));
    let written = sign_on.exchange(&signed, "x").await.unwrap();
    assert!(matches!(written, Written::Lost(_)));
    let body = json!({"error-list": [{"code": "api-error", "message": "Invalid macaroon"}]});
    world.says("/exchange", 401, body);
    let problem = sign_on.exchange(&signed, "x").await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert!(problem.to_string().contains("Invalid macaroon"), "{problem}");
}
