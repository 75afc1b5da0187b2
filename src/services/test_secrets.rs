//! Tests that secrets repeated by a service are not shown: every request that carries one, against
//! servers that repeat all they get, and servers that redirect.

use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::charmhub::writer::ResourceKind;
use super::charmhub::{Login, Publisher, SignOn, StoreToken, StoreWriter};
use super::endpoints::Endpoints;
use super::github::{GitHub, GitHubWriter, RefName};
use super::http::raw::{Raw, Said};
use super::http::{Http, Timeouts, Written};
use super::registry::{Docker, ManifestCache, Registries};
use crate::domain::credential::TokenScope;
use crate::domain::secret::SealedValue;
use crate::domain::{CommitId, KeyId, Problem, Reference, SessionId};

/// With characters that JSON and forms escape.
const PLANTED: &str = "planted+\"secret\"/0123456789==";
/// A value that a header can carry.
const TOKEN: &str = "planted-token-0123456789";

fn http() -> Http {
    Http::new(Timeouts::scaled(1.0))
}

/// Repeats the whole request in every field that a refusal may have.
fn repeated(status: u16, request: &str) -> Said {
    let body = json!({
        "message": request, "code": "invalid", "documentation_url": request,
        "error-list": [{"code": "invalid", "message": request}],
        "errors": [{"code": "INVALID", "message": request}],
    });
    Said::json(status, &body.to_string())
}

/// The body of a request, as it came.
fn body_of(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Returns every way in which a server repeats what it was sent.
fn manners() -> Vec<fn(&str) -> Said> {
    vec![
        |request| repeated(400, request),
        |request| repeated(401, request),
        |request| repeated(403, request),
        |request| repeated(422, request),
        |request| repeated(501, request),
        |request| Said::json(200, body_of(request)),
        |request| Said::json(201, body_of(request)),
        |request| Said::json(200, request),
        |request| {
            Said::json(
                200,
                &json!({"login": {"x": request}, "token": 1, "macaroon": [request]}).to_string(),
            )
        },
        |request| Said::json(200, &json!(request).to_string()),
        |request| Said::body(200, "text/plain", request),
        |request| Said::body(400, "text/html", request),
    ]
}

/// Checks that nothing of what was planted is shown, in any form.
fn is_silent(problem: &Problem) {
    let shown = format!("{problem} {problem:?} {}", json!(problem.to_string()));
    for part in ["planted", "0123456789"] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}

fn problem_in<T>(written: Result<Written<T>, Problem>) -> Option<Problem> {
    match written {
        Ok(Written::Answered(_)) => None,
        Ok(Written::Lost(problem) | Written::NotTaken(problem)) | Err(problem) => Some(problem),
    }
}

#[tokio::test]
async fn a_store_that_repeats_its_token_does_not_make_it_shown() {
    for manner in manners() {
        let server = Raw::start(move |request, _| manner(request)).await;
        let token = || StoreToken::from_token(SecretString::from(TOKEN), "the test");
        let publisher = Publisher::new(http(), server.url.clone(), token());
        let writer = StoreWriter::new(publisher.clone(), server.url.clone());
        let charm = "engine".parse().unwrap();
        let problems = [
            publisher.whoami().await.err(),
            publisher.sessions(true).await.err(),
            publisher.rows(&charm).await.err(),
            publisher
                .push_target(&charm, &"image".parse().unwrap())
                .await
                .err(),
            problem_in(writer.create_track(&charm, &"1.0".parse().unwrap()).await),
            problem_in(writer.release(&charm, &[]).await),
            writer
                .store_bytes("x", &bytes::Bytes::from_static(b"x"))
                .await
                .err(),
            writer.review(&charm, "u").await.err(),
            problem_in(
                writer
                    .push_resource(&charm, &"image".parse().unwrap(), "u", ResourceKind::Image, &[])
                    .await,
            ),
            problem_in(writer.push_bundle(&charm, "u").await),
            writer
                .descriptor(
                    &charm,
                    &"image".parse().unwrap(),
                    format!("sha256:{}", "1".repeat(64)).parse().unwrap(),
                )
                .await
                .err(),
            problem_in(writer.revoke(&SessionId::new("session")).await),
        ];
        problems.iter().flatten().for_each(is_silent);
        assert!(problems.iter().flatten().count() > 0);
        let sent = server.seen.lock().unwrap();
        assert!(sent.iter().any(|request| request.contains(TOKEN)));
    }
}

#[tokio::test]
async fn a_github_that_repeats_its_token_does_not_make_it_shown() {
    let sealed = SealedValue {
        target: "a/b:SECRET".parse().unwrap(),
        key_id: KeyId("42".to_owned()),
        encrypted_value: "planted-sealed-0123456789".to_owned(),
    };
    let branch = RefName::branch("x");
    let commit: CommitId = "1".repeat(40).parse().unwrap();
    for manner in manners() {
        let server = Raw::start(move |request, _| manner(request)).await;
        let token = SecretString::from(TOKEN);
        let github = GitHub::new(http(), server.url.clone(), Some((token.clone(), "the test")));
        let writer = GitHubWriter::new(github.clone());
        let problems = [
            github.account().await.err(),
            github.account_of(&token, "the test").await.err(),
            github.secret(&sealed.target).await.err(),
            github.repository_secrets(&sealed.target.repository).await.err(),
            github.blob("a/b", &"1".repeat(40)).await.err(),
            github.tree("a/b", "main").await.err(),
            github.log_tail(&sealed.target.repository, 1).await.err(),
            problem_in(writer.put_secret(&sealed).await),
            problem_in(
                writer
                    .put_organisation_secret(
                        "a",
                        &"SECRET".parse().unwrap(),
                        &sealed.key_id,
                        &sealed.encrypted_value,
                        &[1],
                    )
                    .await,
            ),
            problem_in(writer.delete_secret(&sealed.target).await),
            problem_in(
                writer
                    .dispatch(&sealed.target.repository, "ci.yaml", "main", &[].into())
                    .await,
            ),
            problem_in(writer.rerun_failed(&sealed.target.repository, 1).await),
            problem_in(writer.cancel_run(&sealed.target.repository, 1).await),
            problem_in(
                writer
                    .create_reference(&sealed.target.repository, &branch, &commit)
                    .await,
            ),
            problem_in(writer.delete_reference(&sealed.target.repository, &branch).await),
            writer.may_write(&sealed.target.repository).await.err(),
            github.tip(&sealed.target.repository, "main").await.err(),
            github.commit(&sealed.target.repository, &commit).await.err(),
        ];
        problems.iter().flatten().for_each(is_silent);
        assert!(problems.iter().flatten().count() > 3);
    }
}

/// A registry at `server` that this Docker configuration has a login for.
fn registries(server: &Url, folder: &std::path::Path, login: serde_json::Value) -> (Registries, Reference) {
    let name = super::http::host_of(server);
    let config = json!({"auths": {&name: login}});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let folder = folder.display().to_string();
    let variable = move |name: &str| (name == "DOCKER_CONFIG").then(|| folder.clone());
    let endpoints = Endpoints::from_env(|_| None).unwrap();
    let docker = Docker::from_env(&variable);
    let registries = Registries::new(http(), &endpoints, ManifestCache::new(None), None, docker);
    (registries, Reference::parse(&format!("{name}/a/b:c")).unwrap())
}

fn challenge(scheme: &str) -> Said {
    let head = format!("HTTP/1.1 401 X\r\nWWW-Authenticate: {scheme}\r\nContent-Length: 0");
    Said::Bytes(format!("{head}\r\nConnection: close\r\n\r\n").into_bytes())
}

/// A challenge that names the token service at the same address.
fn bearer(request: &str) -> Said {
    let host = request
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    challenge(&format!("Bearer realm=\"http://{host}/token\",service=\"s\""))
}

#[tokio::test]
async fn a_registry_that_repeats_its_login_does_not_make_it_shown() {
    let folder = tempfile::tempdir().unwrap();
    let password = json!({"username": "me", "password": PLANTED});
    let identity = json!({"identitytoken": PLANTED});
    for manner in manners() {
        // The token service, asked with either login.
        for login in [&password, &identity] {
            let server = Raw::start(move |request, _| {
                if request.contains(" /token") {
                    manner(request)
                } else {
                    bearer(request)
                }
            })
            .await;
            let (registries, reference) = registries(&server.url, folder.path(), login.clone());
            is_silent(&registries.resolve(&reference).await.unwrap_err());
            let seen = server.seen.lock().unwrap();
            assert!(seen.iter().any(|request| request.contains(" /token")));
        }
        // The registry itself, with a password and with a token.
        let server = Raw::start(move |request, _| {
            if request.to_ascii_lowercase().contains("authorization: basic") {
                manner(request)
            } else {
                challenge("Basic realm=\"x\"")
            }
        })
        .await;
        let (by_password, reference) = registries(&server.url, folder.path(), password.clone());
        is_silent(&by_password.resolve(&reference).await.unwrap_err());
        let server = Raw::start(move |request, _| {
            if request.contains(" /token") {
                Said::json(200, &json!({"token": TOKEN}).to_string())
            } else if request.contains(TOKEN) {
                manner(request)
            } else {
                bearer(request)
            }
        })
        .await;
        let (by_token, reference) = registries(&server.url, folder.path(), password.clone());
        is_silent(&by_token.resolve(&reference).await.unwrap_err());
    }
}

#[tokio::test]
async fn an_identity_token_is_not_sent_on_to_another_host() {
    let folder = tempfile::tempdir().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let other = Raw::start(|_, _| Said::json(200, &json!({"token": "x"}).to_string())).await;
        let there = other.url.to_string();
        let server = Raw::start(move |request, _| {
            if request.contains(" /token") {
                Said::redirect(status, &there)
            } else {
                bearer(request)
            }
        })
        .await;
        let login = json!({"identitytoken": PLANTED});
        let (registries, reference) = registries(&server.url, folder.path(), login);
        let problem = registries.resolve(&reference).await.unwrap_err();
        assert!(problem.to_string().contains("redirects elsewhere"), "{problem}");
        is_silent(&problem);
        assert_eq!(other.count(), 0, "{status}");
    }
}

fn login() -> Login {
    Login {
        email: "someone@example.com".to_owned(),
        password: SecretString::from(PLANTED),
        otp: Some(SecretString::from("planted-otp")),
    }
}

fn scope() -> TokenScope {
    TokenScope {
        permissions: vec!["package-manage".to_owned()],
        packages: Vec::new(),
        channels: Vec::new(),
        ttl: 600,
    }
}

/// A root that `sso` is to discharge.
fn root(sso: &Url) -> Said {
    use libmacaroon::{Format, Macaroon, MacaroonKey};
    let mut root = Macaroon::create(Some("api.test"), &MacaroonKey::generate(b"root"), "r").unwrap();
    root.add_third_party_caveat(sso.as_str(), &MacaroonKey::generate(b"caveat"), "c")
        .unwrap();
    let text = root.serialize(Format::V2).unwrap();
    Said::json(200, &json!({"macaroon": text.trim_end_matches('=')}).to_string())
}

#[tokio::test]
async fn a_sign_on_host_that_repeats_the_password_does_not_make_it_shown() {
    let cases = manners().into_iter().map(|manner| async move {
        let sso = Raw::start(move |request, _| manner(request)).await;
        let at = sso.url.clone();
        let store = Raw::start(move |_, _| root(&at)).await;
        let sign_on = SignOn::new(http(), store.url.clone(), sso.url.clone());
        is_silent(&sign_on.discharge(&scope(), &login()).await.unwrap_err());
        assert!(sso.seen.lock().unwrap()[0].contains("planted-otp"));
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test]
async fn a_password_is_not_sent_on_to_another_host() {
    let cases = [301, 302, 303, 307, 308].map(|status| async move {
        let other = Raw::start(|_, _| Said::json(200, "{}")).await;
        let there = other.url.to_string();
        let sso = Raw::start(move |_, _| Said::redirect(status, &there)).await;
        let at = sso.url.clone();
        let store = Raw::start(move |_, _| root(&at)).await;
        let sign_on = SignOn::new(http(), store.url.clone(), sso.url.clone());
        is_silent(&sign_on.discharge(&scope(), &login()).await.unwrap_err());
        assert_eq!(other.count(), 0, "{status}");
    });
    futures_util::future::join_all(cases).await;
}
