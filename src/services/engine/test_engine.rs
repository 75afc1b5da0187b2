//! A small engine behind a socket, as Docker or as Podman, and the tests of its clients.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::address::Candidate;
use super::*;
use crate::services::http::Timeouts;

/// What the engine holds and how it behaves.
#[derive(Default)]
pub(in crate::services) struct World {
    pub(in crate::services) podman: bool,
    pub(in crate::services) images: Vec<Value>,
    /// By name and by id.
    pub(in crate::services) inspections: HashMap<String, Value>,
    pub(in crate::services) exports: HashMap<String, Vec<u8>>,
    /// Export breaks off after this many bytes: with an error, or (false) with a silent end.
    pub(in crate::services) cut: Option<(usize, bool)>,
    /// Older API versions are refused.
    pub(in crate::services) oldest: Option<&'static str>,
    /// It accepts connections and does not answer.
    pub(in crate::services) hangs: bool,
    pub(in crate::services) asked: Vec<String>,
}

/// A running engine; it stops when this value is dropped.
pub(in crate::services) struct Fake {
    dir: tempfile::TempDir,
    pub(in crate::services) world: Arc<Mutex<World>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    pub(in crate::services) fn start(world: World) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let dir = tempfile::tempdir().unwrap();
        let listener = tokio::net::UnixListener::bind(dir.path().join("e.sock")).unwrap();
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        let router = axum::Router::new().fallback(move |request: Request| {
            let shared = Arc::clone(&shared);
            async move {
                if shared.lock().unwrap().hangs {
                    std::future::pending::<()>().await;
                }
                answer(&mut shared.lock().unwrap(), request.uri())
            }
        });
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { dir, world, server }
    }

    pub(in crate::services) fn socket(&self) -> PathBuf {
        self.dir.path().join("e.sock")
    }

    /// Returns engines that find this one at Docker's address, and no Podman.
    pub(in crate::services) fn engines(&self) -> Engines {
        let host = format!("unix://{}", self.socket().display());
        let nowhere = format!("unix://{}", self.dir.path().join("none").display());
        engines(&[("DOCKER_HOST", &host), ("CONTAINER_HOST", &nowhere)])
    }

    pub(in crate::services) fn exports(&self) -> usize {
        let world = self.world.lock().unwrap();
        world.asked.iter().filter(|path| path.ends_with("/get")).count()
    }
}

fn engines(variables: &[(&str, &str)]) -> Engines {
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = Http::new(Timeouts::scaled(1.0));
    let variable = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Engines::from_env(&variable, &http)
}

fn answer(world: &mut World, uri: &axum::http::Uri) -> Response {
    let path = uri.path().to_owned();
    world.asked.push(path.clone());
    if path == "/_ping" {
        let version = [("Api-Version", world.oldest.unwrap_or("1.41"))];
        return if world.podman {
            (version, [("Libpod-Api-Version", "4.3.1")], "OK").into_response()
        } else {
            (version, "OK").into_response()
        };
    }
    let refused = |status, message: String| {
        let body = if world.podman {
            json!({"cause": "no such image", "message": message, "response": status})
        } else {
            json!({"message": message})
        };
        (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
    };
    let (version, call) = path[2..].split_once('/').unwrap_or_default();
    if world.oldest.is_some_and(|oldest| version < oldest) {
        return refused(
            400,
            format!("client version {version} is too old. Minimum supported API version is 1.44"),
        );
    }
    if call == "images/json" && uri.query().is_some() {
        // As Podman does.
        return String::new().into_response();
    }
    if call == "images/json" {
        return Value::from(world.images.clone()).to_string().into_response();
    }
    let (image, what) = call["images/".len()..].rsplit_once('/').unwrap_or_default();
    let image = image.replace("%3A", ":");
    match what {
        "json" => match world.inspections.get(&image) {
            Some(found) => found.to_string().into_response(),
            None => refused(404, format!("No such image: {image}")),
        },
        "get" => match world.exports.get(&image) {
            Some(bytes) => export(bytes, world.cut),
            None => refused(404, format!("No such image: {image}")),
        },
        _ => refused(404, "page not found".to_owned()),
    }
}

fn export(bytes: &[u8], cut: Option<(usize, bool)>) -> Response {
    let pieces: Vec<io::Result<Bytes>> = match cut {
        Some((length, _)) => &bytes[..length],
        None => bytes,
    }
    .chunks(60_000)
    .map(|piece| Ok(Bytes::copy_from_slice(piece)))
    .collect();
    let broken = matches!(cut, Some((_, true)));
    let end = futures_util::stream::once(async move {
        // Pending output is sent before the connection breaks.
        tokio::task::yield_now().await;
        if broken {
            Err(io::ErrorKind::BrokenPipe.into())
        } else {
            Ok(Bytes::new())
        }
    });
    Body::from_stream(futures_util::stream::iter(pieces).chain(end)).into_response()
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn line(id: &str, tags: Value, digests: Value) -> Value {
    json!({"Id": id, "RepoTags": tags, "RepoDigests": digests, "Size": 5})
}

async fn found(engines: &Engines, text: &str) -> Result<Vec<EngineImage>, Problem> {
    engines.find(&DigestQuery::parse(text).unwrap()).await
}

#[tokio::test]
async fn images_are_found_by_id_and_by_digest_and_counted_once() {
    let (a, b, c) = (digest('a'), digest('b'), digest('c'));
    let twin = format!("sha256:{}{}", "a".repeat(20), "d".repeat(44));
    let fake = Fake::start(World {
        images: vec![
            line(
                &a,
                json!(["acme/img:v1", "<none>:<none>"]),
                json!([format!("acme/img@{b}"), "<none>@<none>"]),
            ),
            line(&c, Value::Null, json!([format!("ghcr.io/x/y@{c}")])),
            line("sha256:short", Value::Null, Value::Null),
        ],
        ..World::default()
    });
    let engines = fake.engines();
    for (text, id, matched) in [
        (&a[..], &a, &a),
        (&a[7..19], &a, &a),
        (&b, &a, &b),
        (&b[7..19], &a, &b),
        (&c, &c, &c),
    ] {
        let held = found(&engines, text).await.unwrap();
        assert_eq!(held.len(), 1, "{text}");
        assert_eq!(held[0].source.to_string(), format!("docker-daemon:{id}"));
        assert_eq!(
            (held[0].id.to_string(), held[0].matched.to_string()),
            (id.clone(), matched.clone())
        );
    }
    let held = found(&engines, &a).await.unwrap();
    assert_eq!(held[0].names, [SanitizedText::new("acme/img:v1")]);
    assert_eq!(
        held[0].repo_digests[0].to_string(),
        format!("docker.io/acme/img@{b}")
    );
    assert!(found(&engines, &digest('e')).await.unwrap().is_empty());
    fake.world
        .lock()
        .unwrap()
        .images
        .push(line(&twin, Value::Null, Value::Null));
    assert_eq!(found(&engines, "aaaaaaaaaaaa").await.unwrap().len(), 2);
    assert_eq!(found(&engines, &a).await.unwrap().len(), 1);
    let listed = engines.list().await.unwrap();
    assert_eq!(listed.iter().filter(|one| one.engine == "Docker").count(), 3);
    let asked = fake.world.lock().unwrap().asked.clone();
    assert_eq!(asked.iter().filter(|path| *path == "/_ping").count(), 1);
    assert!(asked.contains(&"/v1.41/images/json".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn podman_is_asked_where_docker_is_not() {
    let (a, b) = (digest('a'), digest('b'));
    let podman = Fake::start(World {
        podman: true,
        images: vec![line(
            &a[7..],
            json!(["localhost/acme/img:v1"]),
            json!([format!("localhost/acme/img@{b}")]),
        )],
        ..World::default()
    });
    let here = format!("unix://{}", podman.socket().display());
    for variables in [
        vec![
            ("DOCKER_HOST", "unix:///nowhere/d.sock"),
            ("CONTAINER_HOST", &here[..]),
        ],
        vec![("DOCKER_HOST", &here[..])],
    ] {
        let engines = engines(&variables);
        let held = found(&engines, &b).await.unwrap();
        assert_eq!(
            held[0].source.to_string(),
            format!("containers-storage:{a}"),
            "{variables:?}"
        );
        assert_eq!(held[0].matched.to_string(), b);
        // The digest that Podman invented is never shown.
        assert!(held[0].repo_digests.is_empty());
        assert_eq!(engines.list().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn where_nobody_answers_every_place_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refusing = dir.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&refusing).unwrap());
    let dead = format!("unix://{}", refusing.display());
    let none = engines(&[
        ("DOCKER_HOST", &dead),
        ("CONTAINER_HOST", "unix:///nowhere/p.sock"),
    ]);
    let problem = found(&none, &digest('a')).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    for said in [refusing.to_str().unwrap(), "/nowhere/p.sock"] {
        assert!(problem.to_string().contains(said), "{problem}");
    }
    assert!(
        problem
            .hints
            .iter()
            .any(|hint| hint.as_str().contains("DOCKER_HOST"))
    );
    let refused = engines(&[
        ("DOCKER_HOST", "ssh://box"),
        ("CONTAINER_HOST", "unix:///nowhere/p.sock"),
    ]);
    let problem = found(&refused, &digest('a')).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Config);
    let problem = none
        .inspect(&LocalSource::ContainersStorage { image: "x".into() })
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("/nowhere/p.sock"), "{problem}");
}

#[tokio::test]
async fn both_forms_of_errors_are_read() {
    for podman in [false, true] {
        let fake = Fake::start(World {
            podman,
            ..World::default()
        });
        let engines = fake.engines();
        let source = LocalSource::DockerDaemon {
            image: "acme/img:v1".into(),
        };
        let problem = engines.inspect(&source).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::NotFound);
        assert!(
            problem.to_string().contains("No such image: acme/img:v1"),
            "{problem}"
        );
        assert!(problem.to_string().contains("e.sock"), "{problem}");
        assert_eq!(
            problem.to_string().contains("(no such image)"),
            podman,
            "{problem}"
        );
        let id = digest('a').parse().unwrap();
        let problem = engines.export(&source, id).await.map(drop).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::NotFound);
    }
}

#[tokio::test]
async fn an_engine_that_is_too_new_is_asked_in_its_own_version() {
    let fake = Fake::start(World {
        oldest: Some("1.44"),
        ..World::default()
    });
    assert!(found(&fake.engines(), &digest('a')).await.unwrap().is_empty());
    let asked = fake.world.lock().unwrap().asked.clone();
    assert_eq!(asked, ["/_ping", "/v1.41/images/json", "/v1.44/images/json"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_is_given_up() {
    let fake = Fake::start(World {
        hangs: true,
        ..World::default()
    });
    let problem = found(&fake.engines(), &digest('a')).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Service);
    assert!(problem.to_string().contains("did not respond"), "{problem}");
}

#[test]
fn a_socket_without_permission_names_the_remedy() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = Http::new(Timeouts::scaled(1.0));
    let told = |candidate: Candidate| {
        let address = candidate.address.clone().unwrap();
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        Engine::new(candidate, &http).unreachable(&address, &denied)
    };
    let EngineError::Failed(problem) = told(address::docker(&|_| None)) else {
        panic!("taken for absent");
    };
    assert_eq!(problem.kind, ProblemKind::Machine);
    assert!(problem.to_string().contains("/var/run/docker.sock"), "{problem}");
    assert!(
        problem
            .hints
            .iter()
            .any(|hint| hint.as_str().contains("-aG docker"))
    );
    // Root's Podman, which is only a default address, may be inaccessible.
    let guessed = address::podman(&|_| None).remove(0);
    assert!(matches!(told(guessed), EngineError::Absent(_)));
}
