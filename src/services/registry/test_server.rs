//! A registry in memory that can be configured to misbehave. Only for the tests of this module.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use serde_json::json;

use super::cache::digest_of;
use super::manifest::{OCI_INDEX, OCI_MANIFEST};
use super::{Docker, ManifestCache, Registries};
use crate::domain::image::Repository;
use crate::domain::{Digest, ManifestDigest};
use crate::services::endpoints::Endpoints;
use crate::services::http::{Http, Timeouts};

#[derive(Default)]
pub(super) struct World {
    /// Digest -> bytes that are returned for it (wrong ones included).
    pub(super) blobs: HashMap<String, Vec<u8>>,
    /// Tag or digest -> media type and bytes.
    pub(super) manifests: HashMap<String, (String, Vec<u8>)>,
    /// `METHOD /path?query` of every request.
    pub(super) log: Vec<String>,
    /// Answers that replace the usual one, by method and a part of the path; each is used once.
    pub(super) instead: Vec<(&'static str, &'static str, u16, Option<&'static str>)>,
    /// Connections to cut after a PUT was handled.
    pub(super) cut: u32,
    /// GETs of blobs that break off half way.
    pub(super) truncate: u32,
    /// Mount requests succeed.
    pub(super) mounts: bool,
    /// Password that the token service requires; anonymous requests are then refused.
    pub(super) password: Option<&'static str>,
    /// `Authorization` seen by the token service.
    pub(super) basics: Vec<String>,
    /// Where uploads are redirected to, `http://host:port`.
    pub(super) elsewhere: Option<String>,
    /// True if the challenge is Basic.
    pub(super) basic: bool,
    /// Requests that came with `Authorization`, without those to the token service.
    pub(super) authorized: usize,
    /// Bytes of uploads are kept in their session as they arrive, even of a body that breaks off.
    pub(super) keeps: bool,
    /// The next upload that gets this far is cut off.
    pub(super) cut_after: Option<usize>,
    /// The next upload that gets this far is read no further and gets no answer.
    pub(super) hang_after: Option<usize>,
    /// Bytes of uploads that were received.
    pub(super) received: usize,
    /// `Range` of every GET of a blob.
    pub(super) ranges: Vec<Option<String>>,
    /// How ranges are answered.
    pub(super) range_manner: Ranges,
    /// Each repository has its own blobs: repository and digest.
    pub(super) apart: Option<HashSet<(String, String)>>,
    /// Tokens are valid for one request, and declare so.
    pub(super) one_use: bool,
    used: HashSet<String>,
    /// Requests that were answered with a challenge.
    pub(super) denied: usize,
    /// Referrers of a digest, if such lists are supported.
    pub(super) referrers: Option<HashMap<String, Vec<serde_json::Value>>>,
    /// Such lists are answered with a web page.
    pub(super) referrers_page: bool,
    /// Least length of a chunk, announced where an upload begins.
    pub(super) chunk_minimum: Option<&'static str>,
    /// When each line of `log` was written.
    pub(super) times: Vec<std::time::Instant>,
    sessions: HashMap<String, Vec<u8>>,
}

/// How a registry answers `Range`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ranges {
    #[default]
    StoredSession,
    Ignored,
    Wrong,
}

pub(super) struct Server {
    pub(super) name: String,
    pub(super) world: Arc<Mutex<World>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let world = Arc::new(Mutex::new(World::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = listener.local_addr().unwrap().to_string();
        let router = Router::new()
            .fallback(answer)
            .with_state((name.clone(), Arc::clone(&world)));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { name, world }
    }

    pub(super) fn repository(&self, path: &str) -> Repository {
        Repository {
            registry: self.name.clone(),
            path: path.to_owned(),
        }
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.lock().unwrap())
    }

    /// Requests so far that start with `start`.
    pub(super) fn count(&self, start: &str) -> usize {
        self.with(|world| world.log.iter().filter(|line| line.starts_with(start)).count())
    }

    /// An image of one config and these layers, under its digest and `tag`.
    pub(super) fn image(&self, tag: &str, layers: &[&[u8]]) -> ManifestDigest {
        let config = br#"{"os":"linux","architecture":"arm64","variant":"v8"}"#;
        let place = |bytes: &[u8]| {
            let digest = digest_of(bytes).to_string();
            self.with(|world| world.blobs.insert(digest.clone(), bytes.to_vec()));
            json!({"mediaType": "application/octet-stream", "digest": digest, "size": bytes.len()})
        };
        let document = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": place(config),
            "layers": layers.iter().map(|layer| place(layer)).collect::<Vec<_>>(),
        });
        self.place(tag, OCI_MANIFEST, document.to_string())
    }

    /// An index of these manifests, each with its platform; `unknown` makes an attestation.
    pub(super) fn index(&self, tag: &str, children: &[(ManifestDigest, &str)]) -> ManifestDigest {
        let children: Vec<_> = children
            .iter()
            .map(|(digest, architecture)| {
                let size = self.with(|world| world.manifests[&digest.to_string()].1.len());
                let os = if *architecture == "unknown" {
                    "unknown"
                } else {
                    "linux"
                };
                json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size,
                       "platform": {"os": os, "architecture": architecture}})
            })
            .collect();
        let document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children});
        self.place(tag, OCI_INDEX, document.to_string())
    }

    pub(super) fn place(&self, tag: &str, kind: &str, document: String) -> ManifestDigest {
        let digest = digest_of(document.as_bytes());
        self.with(|world| {
            for name in [tag, &digest.to_string()] {
                world
                    .manifests
                    .insert(name.to_owned(), (kind.to_owned(), document.clone().into_bytes()));
            }
        });
        ManifestDigest(digest)
    }
}

/// As [`registries`], with `name` mirrored by `server` and a token for GitHub's registry.
pub(super) fn mirrored(name: &str, server: &Server, token: Option<&str>) -> Registries {
    let http = Http::new(Timeouts::scaled(0.2));
    let mirror = format!("{name}=http://{}", server.name);
    let endpoints =
        Endpoints::from_env(|key| (key == "WINDLASS_REGISTRY_MIRRORS").then(|| mirror.clone())).unwrap();
    let token = token.map(|token| token.to_owned().into());
    Registries::new(
        http,
        &endpoints,
        ManifestCache::new(None),
        token,
        Docker::default(),
    )
}

/// As [`registries`], with a cache folder.
pub(super) fn remembering(cache: &std::path::Path) -> Registries {
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = Http::new(Timeouts::scaled(0.5));
    let endpoints = Endpoints::from_env(|_| None).unwrap();
    let cache = ManifestCache::new(Some(cache.to_owned()));
    Registries::new(http, &endpoints, cache, None, Docker::default())
}

pub(super) fn registries() -> Registries {
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = Http::new(Timeouts::scaled(0.2));
    let endpoints = Endpoints::from_env(|_| None).unwrap();
    Registries::new(
        http,
        &endpoints,
        ManifestCache::new(None),
        None,
        Docker::default(),
    )
}

pub(super) fn digest(bytes: &[u8]) -> Digest {
    digest_of(bytes)
}

fn plain(status: u16) -> axum::http::response::Builder {
    Response::builder().status(StatusCode::from_u16(status).unwrap())
}

fn empty(status: u16) -> Response {
    plain(status).body(Body::empty()).unwrap()
}

async fn answer(State((name, world)): State<(String, Arc<Mutex<World>>)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let method = parts.method.as_str().to_owned();
    let header = |key: &str| {
        parts
            .headers
            .get(key)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    {
        let mut world = world.lock().unwrap();
        world.log.push(format!("{method} {path}?{query}"));
        world.times.push(std::time::Instant::now());
    }
    let early = {
        let mut world = world.lock().unwrap();
        let found = world
            .instead
            .iter()
            .position(|(verb, part, ..)| *verb == method && path.contains(part));
        found.map(|at| world.instead.remove(at))
    };
    let session = path.split_once("/blobs/uploads/").map(|(_, id)| id.to_owned());
    let keeps = early.is_none() && session.is_some() && world.lock().unwrap().keeps;
    if let (true, "PATCH", Some(id)) = (keeps, method.as_str(), &session) {
        let begins = world.lock().unwrap().sessions[id].len();
        let range = header("content-range").unwrap();
        assert!(range.starts_with(&format!("{begins}-")), "{range} after {begins}");
    }
    let mut bytes = Vec::new();
    let mut frames = body.into_data_stream();
    while let Some(frame) = futures_util::StreamExt::next(&mut frames).await {
        let Ok(frame) = frame else {
            return empty(400);
        };
        bytes.extend_from_slice(&frame);
        let (cut, hang) = {
            let mut world = world.lock().unwrap();
            if let (Some(id), "PUT" | "PATCH") = (&session, method.as_str()) {
                world.received += frame.len();
                if keeps && let Some(held) = world.sessions.get_mut(id) {
                    held.extend_from_slice(&frame);
                }
            }
            let reached = |at: &mut Option<usize>| at.take_if(|at| *at <= bytes.len()).is_some();
            (reached(&mut world.cut_after), reached(&mut world.hang_after))
        };
        assert!(!cut, "the connection is cut on purpose");
        if hang {
            std::future::pending::<()>().await;
        }
    }
    let bytes = if keeps { Bytes::new() } else { Bytes::from(bytes) };
    if let Some((_, _, status, wait)) = early {
        let mut builder = plain(status);
        if let Some(wait) = wait {
            builder = builder.header("retry-after", wait);
        }
        return builder.body(Body::from("{}")).unwrap();
    }
    let mut world = world.lock().unwrap();
    world.authorized += usize::from(path != "/token" && header("authorization").is_some());
    if world.basic && !header("authorization").is_some_and(|sent| sent.starts_with("Basic ")) {
        return plain(401)
            .header("www-authenticate", "Basic realm=\"here, and there\"")
            .body(Body::empty())
            .unwrap();
    }
    if let Some(password) = world.password {
        if path == "/token" {
            let sent = header("authorization").unwrap_or_default();
            world.basics.push(sent.clone());
            let pair = sent.strip_prefix("Basic ").unwrap_or_default();
            let pair = base64::engine::general_purpose::STANDARD.decode(pair).unwrap();
            if !String::from_utf8(pair)
                .unwrap()
                .ends_with(&format!(":{password}"))
            {
                let echoed = format!(r#"{{"errors":[{{"code":"DENIED","message":"no {password}"}}]}}"#);
                return plain(401).body(Body::from(echoed)).unwrap();
            }
            let scopes = query.replace('&', ";");
            let token = format!("{scopes};{}", world.log.len());
            let life = if world.one_use { 0 } else { 300 };
            return plain(200)
                .body(Body::from(
                    json!({"token": token, "expires_in": life}).to_string(),
                ))
                .unwrap();
        }
        let repository = path.trim_start_matches("/v2/").split("/blobs/").next().unwrap();
        let repository = repository
            .split("/manifests/")
            .next()
            .unwrap()
            .replace('/', "%2F");
        let action = if matches!(method.as_str(), "GET" | "HEAD") {
            "pull"
        } else {
            "push"
        };
        let token = header("authorization").unwrap_or_default();
        let grants = token
            .split(';')
            .any(|scope| scope.contains(&format!("repository%3A{repository}%3A")) && scope.contains(action))
            || (path == "/v2/" && token.starts_with("Bearer "));
        let spent = world.one_use && !world.used.insert(token);
        if !grants || spent {
            world.denied += 1;
            let challenge = format!(
                r#"Bearer realm="http://{name}/token",service="s",scope="repository:placeholder:pull""#
            );
            return plain(401)
                .header("www-authenticate", challenge)
                .body(Body::empty())
                .unwrap();
        }
    }
    if path == "/v2/" {
        return empty(200);
    }
    if let Some((_, subject)) = path.split_once("/referrers/") {
        if world.referrers_page {
            return plain(200)
                .header("content-type", "text/html; charset=utf-8")
                .body(Body::from("<html>sign in</html>"))
                .unwrap();
        }
        return match &world.referrers {
            None => empty(404),
            Some(known) => {
                let rows = known.get(subject).cloned().unwrap_or_default();
                let document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows});
                plain(200)
                    .header("content-type", OCI_INDEX)
                    .body(Body::from(document.to_string()))
                    .unwrap()
            }
        };
    }
    let (repository, rest) = path
        .strip_prefix("/v2/")
        .and_then(|path| {
            path.split_once("/blobs/uploads/")
                .map(|(a, b)| (a, format!("u/{b}")))
        })
        .or_else(|| {
            path.strip_prefix("/v2/")?
                .split_once("/blobs/")
                .map(|(a, b)| (a, format!("b/{b}")))
        })
        .or_else(|| {
            path.strip_prefix("/v2/")?
                .split_once("/manifests/")
                .map(|(a, b)| (a, format!("m/{b}")))
        })
        .unwrap();
    let (kind, key) = rest.split_once('/').unwrap();
    match (method.as_str(), kind) {
        ("HEAD", "b")
            if world
                .apart
                .as_ref()
                .is_some_and(|held| !held.contains(&(repository.to_owned(), key.to_owned()))) =>
        {
            empty(404)
        }
        ("HEAD", "b") => match world.blobs.get(key) {
            Some(bytes) => plain(200)
                .header("content-length", bytes.len())
                .body(Body::empty())
                .unwrap(),
            None => empty(404),
        },
        ("GET", "b") => {
            world.ranges.push(header("range"));
            let Some(whole) = world.blobs.get(key).cloned() else {
                return empty(404);
            };
            let begin = header("range")
                .filter(|_| world.range_manner != Ranges::Ignored)
                .map(|range| {
                    range
                        .strip_prefix("bytes=")
                        .unwrap()
                        .strip_suffix('-')
                        .unwrap()
                        .parse::<usize>()
                        .unwrap()
                });
            if begin.is_some_and(|begin| begin >= whole.len()) {
                return empty(416);
            }
            let mut builder = plain(if begin.is_some() { 206 } else { 200 });
            if let Some(begin) = begin {
                let told = if world.range_manner == Ranges::Wrong {
                    begin + 1
                } else {
                    begin
                };
                let range = format!("bytes {told}-{}/{}", whole.len() - 1, whole.len());
                builder = builder.header("content-range", range);
            }
            let rest = &whole[begin.unwrap_or(0)..];
            builder = builder.header("content-length", rest.len());
            if world.truncate > 0 {
                world.truncate -= 1;
                let mut pieces: Vec<std::io::Result<Bytes>> = rest[..rest.len() / 2]
                    .chunks(64 * 1024)
                    .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                    .collect();
                pieces.push(Err(std::io::Error::other("cut")));
                // The transport gets time to send each piece before the next one comes.
                let pieces =
                    futures_util::StreamExt::then(futures_util::stream::iter(pieces), |piece| async {
                        for _ in 0..20 {
                            tokio::task::yield_now().await;
                        }
                        piece
                    });
                return builder.body(Body::from_stream(pieces)).unwrap();
            }
            builder.body(Body::from(rest.to_vec())).unwrap()
        }
        ("GET", "u") => match world.sessions.get(key) {
            Some(held) => plain(204)
                .header("range", format!("0-{}", held.len().saturating_sub(1)))
                .body(Body::empty())
                .unwrap(),
            None => empty(404),
        },
        ("HEAD" | "GET", _) => match world.manifests.get(key) {
            Some((kind, bytes)) => plain(200)
                .header("content-type", kind)
                .header("docker-content-digest", digest_of(bytes).to_string())
                .header("ratelimit-limit", "100;w=21600")
                .header("ratelimit-remaining", "76;w=21600")
                .header("content-length", bytes.len())
                .body(if method == "GET" {
                    Body::from(bytes.clone())
                } else {
                    Body::empty()
                })
                .unwrap(),
            None => empty(404),
        },
        ("POST", _) if query.contains("mount=") && world.mounts && world.apart.is_none() => empty(201),
        ("POST", _) if query.contains("mount=") && world.mounts && world.mountable(&query) => {
            let digest = asked(&query, "mount");
            if let Some(held) = &mut world.apart {
                held.insert((repository.to_owned(), digest));
            }
            empty(201)
        }
        ("POST", _) => {
            let id = format!("s{}", world.log.len());
            world.sessions.insert(id.clone(), Vec::new());
            let mut builder = plain(202);
            if let Some(minimum) = world.chunk_minimum {
                builder = builder.header("oci-chunk-min-length", minimum);
            }
            builder
                .header(
                    "location",
                    format!(
                        "{}/v2/{repository}/blobs/uploads/{id}?_state=a%2Bb",
                        world.elsewhere.as_deref().unwrap_or_default()
                    ),
                )
                .body(Body::empty())
                .unwrap()
        }
        ("PATCH", _) => {
            let session = world.sessions.get_mut(key).unwrap();
            if !keeps {
                assert_eq!(
                    header("content-range").unwrap(),
                    format!("{}-{}", session.len(), session.len() + bytes.len() - 1)
                );
                session.extend_from_slice(&bytes);
            }
            empty(202)
        }
        ("DELETE", _) => {
            world.sessions.remove(key);
            empty(204)
        }
        ("PUT", "u") => {
            assert!(query.starts_with("_state=a%2Bb&digest="), "{query}");
            let mut whole = world.sessions.remove(key).unwrap_or_default();
            whole.extend_from_slice(&bytes);
            let digest = digest_of(&whole).to_string();
            assert!(
                query.ends_with(digest.trim_start_matches("sha256:")),
                "a blob that is not its digest"
            );
            if let Some(held) = &mut world.apart {
                held.insert((repository.to_owned(), digest.clone()));
            }
            world.blobs.insert(digest, whole);
            if world.cut > 0 {
                world.cut -= 1;
                drop(world);
                panic!("the connection is cut on purpose");
            }
            empty(201)
        }
        ("PUT", _) => {
            let kind = header("content-type").unwrap();
            let digest = digest_of(&bytes).to_string();
            world
                .manifests
                .insert(digest.clone(), (kind.clone(), bytes.to_vec()));
            world.manifests.insert(key.to_owned(), (kind, bytes.to_vec()));
            plain(201)
                .header("docker-content-digest", digest)
                .body(Body::empty())
                .unwrap()
        }
        _ => empty(405),
    }
}

/// A value of a query.
fn asked(query: &str, name: &str) -> String {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.into_iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap()
}

impl World {
    fn mountable(&self, query: &str) -> bool {
        let key = (asked(query, "from"), asked(query, "mount"));
        self.apart.as_ref().is_some_and(|held| held.contains(&key))
    }
}

/// Sessions that were never ended.
pub(super) fn open_sessions(server: &Server) -> usize {
    server.with(|world| world.sessions.len())
}
