//! Serves a container registry: the OCI distribution protocol, in the variants of Docker Hub,
//! Canonical's registry and GHCR.
//!
//! Implements the protocol and its tokens, and stores the images of the demo environment and what
//! is pushed to it under one folder. The demo's listeners wrap [`router`]; they log requests and
//! apply faults.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawForm, RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::{any, get};

use crate::domain::{Digest, Problem, ProblemKind};

mod access;
mod answer;
mod blobs;
mod id;
pub mod images;
mod layers;
mod listings;
mod manifests;
mod names;
mod quota;
mod shelves;
#[cfg(test)]
mod tests;
mod uploads;
mod versions;

use access::{Access, Asked, Manner, Need};
use names::Place;
use shelves::Shelves;
pub use versions::Version;

/// Holds the settings of a registry.
pub struct Setup {
    /// `hub`, `canonical` or `ghcr`: hub and ghcr refuse deletes as the real ones do; ghcr
    /// requires index types in `Accept`, lists no referrers, accepts chunks of at most 4 MiB and
    /// challenges with a placeholder scope.
    pub name: &'static str,
    /// Folder for blobs and the record of repositories.
    pub dir: PathBuf,
    /// URL of the token endpoint in challenges; if empty, no token is required.
    pub realm: String,
    /// Service name in challenges.
    pub service: String,
    /// Docker Hub's pull quota and its headers.
    pub quota: bool,
    /// Anonymous clients may pull.
    pub anonymous_pull: bool,
}

/// A registry with everything it holds.
pub struct Registry {
    setup: Setup,
    access: Access,
    quota: Option<quota::Quota>,
    shelves: Mutex<Shelves>,
    offers: Mutex<HashMap<(String, String), images::Recipe>>,
    making: tokio::sync::Mutex<()>,
    uploads: uploads::Sessions,
    private: Mutex<Vec<String>>,
}

impl Registry {
    /// Opens the registry in `setup.dir`, with what an earlier run stored there.
    pub fn open(setup: Setup) -> Result<Arc<Registry>, Problem> {
        let shelves = Shelves::open(&setup.dir).map_err(|error| {
            Problem::new(
                ProblemKind::Machine,
                format!("the demo registry cannot use {}", setup.dir.display()),
            )
            .because(&error)
        })?;
        Ok(Arc::new(Registry {
            quota: setup.quota.then(quota::Quota::new),
            access: Access::default(),
            shelves: Mutex::new(shelves),
            offers: Mutex::default(),
            making: tokio::sync::Mutex::new(()),
            uploads: uploads::Sessions::new(setup.dir.join("uploads")),
            private: Mutex::default(),
            setup,
        }))
    }

    /// Allows `user` (empty = any user) with `password` to pull, and with `push` also to push and
    /// delete, in repositories that start with `repository_prefix` (empty = all).
    pub fn grant(&self, user: &str, password: &str, repository_prefix: &str, push: bool) {
        self.access.grant(user, password, repository_prefix, push);
    }

    /// Hides repositories that start with `repository_prefix` from anonymous clients.
    pub fn hide(&self, repository_prefix: &str) {
        if let Ok(mut private) = self.private.lock() {
            private.push(repository_prefix.to_owned());
        }
    }

    /// Stores `image` with its children and blobs, and points `tag` to it.
    pub fn store(&self, repository: &str, tag: Option<&str>, image: &images::Image) -> Result<(), Problem> {
        manifests::store(self, repository, tag, image).map_err(|error| {
            Problem::new(
                ProblemKind::Machine,
                format!("the demo registry cannot store {repository}"),
            )
            .because(&error)
        })
    }

    /// Offers an image that is made when its tag is first requested. Has no effect if the tag
    /// already exists.
    pub fn offer(&self, repository: &str, tag: &str, recipe: images::Recipe) {
        let there = self.shelves.lock().is_ok_and(|shelves| {
            shelves
                .get(repository)
                .is_some_and(|held| held.tags.contains_key(tag))
        });
        if there {
            return;
        }
        if let Ok(mut offers) = self.offers.lock() {
            offers.insert((repository.to_owned(), tag.to_owned()), recipe);
        }
    }

    /// Returns the password in a request to the token endpoint, in either form.
    pub fn password(query: &str, authorization: Option<&str>) -> Option<String> {
        let login = Asked::parse(query, authorization).login;
        login.map(|(_, password)| password)
    }

    /// Answers `GET realm?query` of the token endpoint.
    pub fn token(&self, query: &str, authorization: Option<&str>) -> Response {
        let asked = Asked::parse(query, authorization);
        self.access
            .token(&asked, &self.manner(), |name| self.is_public(name))
    }

    /// Returns the digest that a tag points to, if the tag exists and its image was made.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<Digest> {
        let shelves = self.shelves.lock().ok()?;
        shelves.get(repository)?.tags.get(tag)?.sha256()
    }

    /// Returns the names of all repositories, stored and offered, sorted.
    pub fn repositories(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .shelves
            .lock()
            .map(|shelves| shelves.names().cloned().collect())
            .unwrap_or_default();
        if let Ok(offers) = self.offers.lock() {
            names.extend(offers.keys().map(|(name, _)| name.clone()));
        }
        names.sort();
        names.dedup();
        names
    }

    fn manner(&self) -> Manner<'_> {
        Manner {
            realm: &self.setup.realm,
            service: &self.setup.service,
            anonymous_pull: self.setup.anonymous_pull,
            deny_early: self.setup.name == "ghcr",
            placeholder: self.setup.name == "ghcr",
        }
    }

    fn is_public(&self, name: &str) -> bool {
        let hidden = self
            .private
            .lock()
            .is_ok_and(|private| private.iter().any(|prefix| name.starts_with(prefix)));
        !hidden
            && (self
                .shelves
                .lock()
                .is_ok_and(|shelves| shelves.get(name).is_some())
                || self
                    .offers
                    .lock()
                    .is_ok_and(|offers| offers.keys().any(|(known, _)| known == name)))
    }

    /// Returns false for Hub and GHCR, which answer 405 to deletes through the distribution
    /// protocol.
    fn deletes(&self) -> bool {
        !matches!(self.setup.name, "hub" | "ghcr")
    }

    fn lists_referrers(&self) -> bool {
        self.setup.name != "ghcr"
    }

    /// Returns the number of bytes that a chunk with a `Content-Range` may have.
    fn largest_chunk(&self) -> u64 {
        if self.setup.name == "ghcr" {
            4 << 20
        } else {
            u64::MAX
        }
    }

    fn is_open(&self) -> bool {
        self.setup.realm.is_empty()
    }

    fn allows(&self, headers: &HeaderMap, repository: &str, need: Need) -> bool {
        self.is_open() || self.access.allows(headers, repository, need)
    }
}

/// Returns the registry's routes: `/v2/...` and `/token`.
pub fn router(registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/token", get(token).post(token_by_form))
        .route("/v2", any(ping))
        .route("/v2/", any(ping))
        .route("/v2/{*rest}", any(serve))
        .with_state(registry)
}

async fn token(
    State(registry): State<Arc<Registry>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    registry.token(query.as_deref().unwrap_or_default(), authorization(&headers))
}

async fn token_by_form(
    State(registry): State<Arc<Registry>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    registry.token(&String::from_utf8_lossy(&form), authorization(&headers))
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

async fn ping(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    if registry.is_open() || registry.access.knows(&headers) {
        return answer::document(StatusCode::OK, Vec::new(), &serde_json::json!({}));
    }
    registry.access.challenge(&registry.manner(), &headers, &[])
}

async fn serve(
    State(registry): State<Arc<Registry>>,
    Path(rest): Path<String>,
    request: Request<Body>,
) -> Response {
    let Some(place) = Place::parse(&rest) else {
        return answer::unknown("NAME_UNKNOWN", &rest);
    };
    let method = request.method().clone();
    if let Some(name) = place.repository() {
        if !names::is_name(name) {
            return answer::bad("NAME_INVALID", "invalid repository name", name);
        }
        let mounted = match (&method, &place) {
            (&Method::POST, Place::Uploads(_)) if query_value(request.uri(), "mount").is_some() => {
                query_value(request.uri(), "from").filter(|from| names::is_name(from))
            }
            _ => None,
        };
        let need = match method {
            Method::GET | Method::HEAD if !matches!(place, Place::Upload(..)) => Need::Pull,
            Method::DELETE if !matches!(place, Place::Upload(..)) => Need::Delete,
            _ => Need::Push,
        };
        let mut wanted = vec![(name, need)];
        // A mount reads the source too, so the challenge names both.
        wanted.extend(mounted.as_deref().map(|from| (from, Need::Pull)));
        let allowed = wanted
            .iter()
            .all(|(name, need)| registry.allows(request.headers(), name, *need));
        if !allowed {
            return registry
                .access
                .challenge(&registry.manner(), request.headers(), &wanted);
        }
    }
    match place {
        Place::Manifest(name, reference) => manifests::serve(&registry, name, reference, request).await,
        Place::Tags(name) if method == Method::GET => listings::tags(&registry, name, request.uri()),
        // As GitHub's: there is no list of referrers, clients use the fallback tag.
        Place::Referrers(..) if !registry.lists_referrers() => answer::answer(
            StatusCode::NOT_FOUND,
            vec![("content-type", "text/plain; charset=utf-8".to_owned())],
            "404 page not found\n",
        ),
        Place::Referrers(name, digest) if method == Method::GET => {
            listings::referrers(&registry, name, digest, request.uri())
        }
        Place::Blob(name, digest) => {
            let (head, _) = request.into_parts();
            blobs::serve(&registry, name, digest, &method, &head.headers).await
        }
        Place::Uploads(name) if method == Method::POST => uploads::begin(&registry, name, request).await,
        Place::Uploads(_) => answer::unsupported("POST"),
        Place::Upload(name, id) => uploads::go_on(&registry, name, id, request).await,
        Place::Catalog => answer::fail(
            StatusCode::FORBIDDEN,
            "DENIED",
            "listing repositories is not allowed",
            serde_json::Value::Null,
        ),
        Place::Tags(_) | Place::Referrers(..) => answer::unsupported("GET"),
    }
}

/// Returns the value of `key` in a query, if present.
fn query_value(uri: &axum::http::Uri, key: &str) -> Option<String> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}
