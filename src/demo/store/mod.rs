//! Serves the demo Charmhub: publisher API, storage, public API, sign-on.
//!
//! Keeps the store's state behind one lock; every change is saved to disk before its answer is
//! sent. It is tested with the real charmcraft.

pub mod answer;
pub mod archive;
pub mod candid;
pub mod collaborators;
pub mod contents;
pub mod downloads;
pub mod fields;
pub mod inspection;
pub mod lockout;
pub mod packages;
pub mod public;
pub mod refresh;
pub mod releases;
pub mod resources;
pub mod reviews;
pub mod seed;
pub mod seed_charms;
pub mod seed_images;
pub mod sign_on;
pub mod state;
#[cfg(test)]
mod test_uploads;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::answer::{Refusal, nowhere};
use self::contents::Contents;
use self::lockout::Lockout;
use self::state::State;
use super::folder::write_private;
use super::images::Drawing;
use super::registry::Registry;
use crate::domain::{Problem, ProblemKind};

/// The account that owns every package of the demo environment.
pub const ACCOUNT_ID: &str = "7vKpDJ4aBn2cQmXwEoYr5TzGhLsUf8Wi";

/// Holds the URLs of the services that answers point to, without trailing slash.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// The API.
    pub api: String,
    /// Storage: uploads, and where downloads are redirected to.
    pub storage: String,
    /// The sign-on.
    pub sso: String,
}

/// The demo store.
pub struct Charmhub {
    state: Mutex<State>,
    /// States that the public view may show from the given instant on.
    shown: Mutex<VecDeque<(Instant, Arc<State>)>>,
    serve_lag: Duration,
    path: PathBuf,
    lockout: Lockout,
    /// Pushed bytes.
    pub contents: Contents,
    /// URLs for answers.
    pub endpoints: Endpoints,
    /// The charms' registry.
    pub registry: Arc<Registry>,
}

impl Charmhub {
    /// Opens the store of the environment in `dir`, or creates it with its initial data.
    pub fn open(
        dir: &Path,
        endpoints: Endpoints,
        registry: Arc<Registry>,
        drawing: Drawing,
        serve_lag: Duration,
    ) -> Result<Arc<Self>, Problem> {
        let path = dir.join("charmhub.json");
        let contents = Contents::open(&dir.join("contents"))?;
        let mut state = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Problem::new(ProblemKind::Machine, format!("{} is damaged", path.display()))
                    .because(&error)
                    .hint("start the demo again with --fresh")
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                seed::seeded(&contents, &registry, drawing)?
            }
            Err(error) => {
                return Err(
                    Problem::new(ProblemKind::Machine, format!("cannot read {}", path.display()))
                        .because(&error),
                );
            }
        };
        let names = state.packages.keys().cloned().collect();
        tokens::plant_older(&mut state)?;
        tokens::refresh_operator(&mut state, names)?;
        save(&path, &state)?;
        for package in state.packages.values() {
            for name in package.resources.keys() {
                resources::grant(&registry, &state, package, name);
            }
        }
        let shown = VecDeque::from([(Instant::now(), Arc::new(state.clone()))]);
        Ok(Arc::new(Self {
            state: Mutex::new(state),
            shown: Mutex::new(shown),
            serve_lag,
            path,
            lockout: Lockout::default(),
            contents,
            endpoints,
            registry,
        }))
    }

    /// Returns the state as publishers see it.
    pub fn read(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state as the public sees it, `serve_lag` behind.
    pub fn public(&self) -> Arc<State> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while shown.len() > 1 && shown.get(1).is_some_and(|(from, _)| *from <= now) {
            shown.pop_front();
        }
        shown.front().map(|(_, state)| state.clone()).unwrap_or_default()
    }

    /// Applies `edit` and saves before the answer is sent; nothing is changed if `edit` refuses.
    pub fn change<T>(&self, edit: impl FnOnce(&mut State) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut state = self.read();
        let mut next = state.clone();
        let answer = edit(&mut next)?;
        if let Err(problem) = save(&self.path, &next) {
            tracing::error!(%problem, "cannot save the demo's Charmhub");
            let body = json!({"error-list": [{"code": "remote-service-unavailable", "message": "disk"}]});
            return Err(Refusal::plain(axum::http::StatusCode::SERVICE_UNAVAILABLE, &body));
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.push_back((Instant::now() + self.serve_lag, Arc::new(next.clone())));
        if self.serve_lag.is_zero() {
            let last = shown.len() - 1;
            shown.drain(..last);
        }
        *state = next;
        Ok(answer)
    }

    /// Returns the operator's token, bare.
    pub fn operator_token(&self) -> String {
        self.read().operator_token.clone()
    }

    /// Returns the token of a machine on which charms were built half a year ago, bare.
    pub fn older_token(&self) -> String {
        self.read().older_token.clone()
    }

    /// Mints a token with these packages (`None`: all), permissions and lifetime.
    pub fn mint_for_tests(
        &self,
        packages: Option<&[&str]>,
        permissions: &[&str],
        lifetime: Duration,
    ) -> Result<String, Problem> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let lifetime = chrono::Duration::from_std(lifetime)
            .map_err(|error| Problem::new(ProblemKind::Usage, "The lifetime is too long").because(&error))?;
        let session = tokens::session(owned(permissions), packages.map(owned), None, lifetime);
        let mut minted = Err(Problem::new(
            ProblemKind::Internal,
            "cannot save the demo's Charmhub",
        ));
        drop(self.change(|state| {
            minted = tokens::mint(state, session);
            Ok(())
        }));
        minted
    }
}

fn save(path: &Path, state: &State) -> Result<(), Problem> {
    let text = serde_json::to_vec(state).map_err(|error| {
        Problem::new(ProblemKind::Internal, "cannot write the demo's Charmhub").because(&error)
    })?;
    write_private(path, &text)
}

/// Returns the account that owns all packages, as the publisher API shows it.
pub fn publisher_json() -> Value {
    json!({
        "display-name": "Legend Releaser",
        "email": super::environment::EMAIL,
        "id": ACCOUNT_ID,
        "username": "legend-releaser",
        "validation": "unproven",
    })
}

/// Returns the routes of `charmhub`: publisher and public API.
pub fn api_router(store: Arc<Charmhub>) -> Router {
    let charm = Router::new()
        .route(
            "/",
            get(packages::metadata)
                .patch(packages::edit)
                .delete(packages::unregister),
        )
        .route("/revisions", get(packages::revisions).post(reviews::push_package))
        .route("/revisions/review", get(reviews::list))
        .route("/resources", get(resources::declared))
        .route(
            "/resources/{resource}/revisions",
            get(resources::revisions)
                .post(reviews::push_resource)
                .patch(resources::edit),
        )
        .route(
            "/resources/{resource}/oci-image/upload-credentials",
            get(resources::upload_credentials),
        )
        .route("/resources/{resource}/oci-image/blob", post(resources::blob))
        .route("/releases", get(releases::list).post(releases::release))
        .route("/collaborators", get(collaborators::list))
        .route("/collaborators/invites", get(collaborators::invites))
        .route("/tracks", post(packages::create_tracks));
    Router::new()
        .route("/v1/tokens", get(tokens::list).post(candid::root))
        .route("/v1/tokens/exchange", post(candid::exchange))
        .route("/v1/tokens/whoami", get(tokens::whoami))
        .route("/v1/whoami", get(tokens::whoami))
        .route("/v1/tokens/revoke", post(tokens::revoke))
        .route("/v1/tokens/usso", post(sign_on::root))
        .route("/v1/tokens/usso/exchange", post(sign_on::exchange))
        .route(
            "/v1/tokens/docker-registry",
            get(tokens::registry).post(tokens::registry),
        )
        .route("/v1/charm", get(packages::names).post(packages::register))
        .route("/v1/charm/libraries/bulk", post(packages::libraries))
        .nest("/v1/charm/{name}", charm)
        .route("/v2/charms/find", get(public::find))
        .route("/v2/charms/categories", get(public::categories))
        .route("/v2/charms/info/{name}", get(public::info))
        .route("/v2/charms/refresh", post(refresh::refresh))
        .route(
            "/v2/charms/resources/{name}/{resource}/revisions",
            get(public::resource_revisions),
        )
        .route("/api/v1/charms/download/{file}", get(downloads::redirect_charm))
        .route(
            "/api/v1/resources/download/{file}",
            get(downloads::redirect_resource),
        )
        .fallback(nowhere)
        .layer(DefaultBodyLimit::disable())
        .with_state(store)
}

/// Returns the routes of `storage`: accepts uploads and serves downloads.
pub fn storage_router(store: Arc<Charmhub>) -> Router {
    Router::new()
        .route("/unscanned-upload/", post(reviews::upload))
        .route("/download/{kind}/{file}", get(downloads::serve))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::disable())
        .with_state(store)
}

/// Returns the routes of `sso`: the sign-on, and the identity service of older clients.
pub fn sso_router(store: Arc<Charmhub>) -> Router {
    Router::new()
        .route("/api/v2/tokens/discharge", post(sign_on::discharge))
        .route("/identity/discharge", post(candid::discharge))
        .route("/identity/login", get(candid::visit))
        .route("/identity/wait-token", get(candid::wait_token))
        .fallback(nowhere)
        .with_state(store)
}
