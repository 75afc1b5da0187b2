//! Tests of logins verified at a registry and stored as Docker stores them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::test_server::Server;
use super::{Docker, ManifestCache, Registries, RegistryLogins};
use crate::domain::ProblemKind;
use crate::domain::image::{Reference, Target};
use crate::services::endpoints::Endpoints;
use crate::services::github::GitHub;
use crate::services::http::{Http, Timeouts};

fn logins(folder: &Path, path: Option<&Path>, mirrors: &str) -> RegistryLogins {
    let variable = |name: &str| match name {
        "DOCKER_CONFIG" => Some(folder.display().to_string()),
        "PATH" => path.map(|path| format!("{}:/usr/bin:/bin", path.display())),
        "HOME" => Some("/nowhere".to_owned()),
        "WINDLASS_REGISTRY_MIRRORS" => Some(mirrors.to_owned()),
        "GH_TOKEN" => Some("planted-token".to_owned()),
        _ => None,
    };
    let http = Http::new(Timeouts::scaled(1.0));
    let endpoints = Endpoints::from_env(variable).unwrap();
    let github = GitHub::new(http.clone(), Url::parse("http://127.0.0.1:1").unwrap(), None);
    let cache = ManifestCache::new(None);
    let registries = Registries::new(http, &endpoints, cache, None, Docker::from_env(&variable));
    RegistryLogins::new(registries, github)
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn config(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_login_is_proven_at_the_token_endpoint() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(dir.path(), None, "");
    server.with(|world| world.password = Some("right"));
    assert!(
        logins
            .check(&server.name, "me", &secret("right"))
            .await
            .unwrap()
            .is_empty()
    );
    let refused = logins
        .check(&server.name, "me", &secret("wrong"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ProblemKind::Credentials, "{refused}");
    assert!(refused.summary.as_str().contains(&server.name));
    assert!(!format!("{refused:?}").contains("wrong"), "{refused:?}");
    let open = Server::start().await;
    let unproven = logins
        .check(&open.name, "me", &secret("right"))
        .await
        .unwrap_err();
    assert_eq!(unproven.kind, ProblemKind::Refused, "{unproven}");
    open.with(|world| world.basic = true);
    assert!(logins.check(&open.name, "me", &secret("right")).await.is_ok());
    assert_eq!(
        logins
            .check(&server.name, "m:e", &secret("right"))
            .await
            .unwrap_err()
            .kind,
        ProblemKind::Usage
    );
    assert!(!dir.path().join("config.json").exists(), "a check keeps nothing");
}

#[tokio::test]
async fn without_a_helper_a_login_goes_into_the_file_and_nothing_else_changes() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    std::fs::write(
        &file,
        r#"{"zeta": 1, "auths": {"quay.io": {"auth": "YTpi"}}, "alpha": {"x": [1]}}"#,
    )
    .unwrap();
    let logins = logins(dir.path(), None, "");
    logins.keep("ghcr.io", "me", &secret("s3cret")).await.unwrap();
    logins.keep("docker.io", "hub", &secret("s3cret")).await.unwrap();
    assert_eq!(
        config(dir.path()),
        json!({"zeta": 1, "auths": {"quay.io": {"auth": "YTpi"}, "ghcr.io": {"auth": "bWU6czNjcmV0"},
               "https://index.docker.io/v1/": {"auth": "aHViOnMzY3JldA=="}}, "alpha": {"x": [1]}})
    );
    let keys: Vec<String> = config(dir.path()).as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["zeta", "auths", "alpha"]);
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let listed: Vec<(String, String)> = logins
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|login| (login.registry.to_string(), login.user.unwrap().to_string()))
        .collect();
    let wanted = [("quay.io", "a"), ("ghcr.io", "me"), ("docker.io", "hub")];
    assert_eq!(listed, wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));

    assert!(logins.forget("docker.io").await.unwrap());
    assert!(!logins.forget("docker.io").await.unwrap());
    assert!(logins.forget("ghcr.io").await.unwrap());
    assert_eq!(config(dir.path())["auths"], json!({"quay.io": {"auth": "YTpi"}}));
}

#[tokio::test]
async fn a_file_that_is_not_understood_is_left_alone() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    std::fs::write(&file, "[] and more").unwrap();
    let problem = logins(dir.path(), None, "")
        .keep("ghcr.io", "me", &secret("x"))
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Config);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "[] and more");
}

/// A helper that stores its input in a folder next to itself, with its environment.
const HELPER: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
env > environment
case "$1" in
store) cat > kept ;;
get) [ -f kept ] && cat kept || { echo "credentials not found"; exit 1; } ;;
erase) rm kept ;;
list) [ -f kept ] && echo '{"ghcr.io": "me"}' || echo '{}' ;;
esac
"#;

#[tokio::test]
async fn a_helper_keeps_the_login_and_sees_none_of_our_tokens() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().unwrap();
    let (folder, bin) = (dir.path().join("docker"), dir.path().join("bin"));
    for made in [&folder, &bin] {
        std::fs::create_dir(made).unwrap();
    }
    let helper = bin.join("docker-credential-test");
    std::fs::write(&helper, HELPER).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.join("config.json"), r#"{"credsStore": "test"}"#).unwrap();

    let logins = logins(&folder, Some(&bin), "");
    assert!(logins.list().await.unwrap().is_empty());
    logins.keep("ghcr.io", "me", &secret("s3cret")).await.unwrap();
    let kept: Value = serde_json::from_slice(&std::fs::read(bin.join("kept")).unwrap()).unwrap();
    assert_eq!(
        kept,
        json!({"ServerURL": "ghcr.io", "Username": "me", "Secret": "s3cret"})
    );
    assert_eq!(
        config(&folder),
        json!({"credsStore": "test", "auths": {"ghcr.io": {}}})
    );
    let environment = std::fs::read_to_string(bin.join("environment")).unwrap();
    assert!(environment.contains("HOME=/nowhere"), "{environment}");
    assert!(
        !environment.contains("planted-token") && !environment.contains("CARGO"),
        "{environment}"
    );

    let listed = logins.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].source.as_str(), "docker-credential-test");
    assert!(logins.forget("ghcr.io").await.unwrap());
    assert!(!bin.join("kept").exists() && !logins.forget("ghcr.io").await.unwrap());
    assert_eq!(config(&folder)["auths"], json!({}));
}

#[tokio::test]
async fn what_was_kept_is_used() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    // A login belongs to the host that is contacted, whatever the registry is called.
    let logins = logins(dir.path(), None, &format!("ghcr.io=http://{}", server.name));
    server.with(|world| world.password = Some("right"));
    let tag = server.image("1.0", &[b"layer"]);
    let reference = Reference {
        repository: server.repository("a/b"),
        target: Target::Tag("1.0".to_owned()),
        beside: None,
    };
    assert!(logins.registries().resolve(&reference).await.is_err());
    logins.keep("ghcr.io", "me", &secret("right")).await.unwrap();
    assert_eq!(logins.registries().resolve(&reference).await.unwrap().digest, tag);
}

#[tokio::test]
async fn every_kept_login_is_proven_where_it_belongs_and_nowhere_else() {
    let (server, other) = (Server::start().await, Server::start().await);
    let dir = tempfile::tempdir().unwrap();
    for server in [&server, &other] {
        server.with(|world| world.password = Some("right"));
    }
    let logins = logins(dir.path(), None, &format!("quay.io=http://{}", other.name));
    std::fs::write(dir.path().join("config.json"), "{}").unwrap();
    assert!(logins.prove().await.0.is_empty());
    logins.keep(&server.name, "me", &secret("right")).await.unwrap();
    logins.keep(&other.name, "me", &secret("wr0ng")).await.unwrap();
    // A login for the real registry is not sent to the one that replaces it.
    let mut kept = config(dir.path());
    kept["auths"]["quay.io"] = json!({"auth": "bWU6czNjcmV0"});
    kept["auths"]["https://index.docker.io/v1/access-token"] = json!({"auth": "bWU6czNjcmV0"});
    std::fs::write(dir.path().join("config.json"), kept.to_string()).unwrap();
    let (proven, unread) = logins.prove().await;
    assert_eq!(unread, None);
    let told: Vec<(&str, Result<usize, ProblemKind>)> = proven
        .iter()
        .map(|(login, proof)| {
            let proof = proof.as_ref().map(Vec::len).map_err(|problem| problem.kind);
            (login.registry.as_str(), proof)
        })
        .collect();
    assert_eq!(
        told,
        [
            (server.name.as_str(), Ok(0)),
            (other.name.as_str(), Err(ProblemKind::Credentials)),
            ("quay.io", Err(ProblemKind::Refused)),
        ]
    );
    assert!(!format!("{proven:?}").contains("wr0ng"), "{proven:?}");
    let sent = other.with(|world| world.basics.clone());
    assert!(
        sent.iter().all(|basic| !basic.contains("bWU6czNjcmV0")),
        "{sent:?}"
    );

    std::fs::write(dir.path().join("config.json"), "[]").unwrap();
    let (proven, unread) = logins.prove().await;
    assert!(proven.is_empty());
    assert_eq!(unread.unwrap().kind, ProblemKind::Config);
}
