//! Runs the demo environment: Charmhub, sign-on, storage, GitHub and three registries on loopback.
//!
//! Starts and stops the servers and connects their services. Its secrets are worthless, its time
//! is the machine's, and no request leaves 127.0.0.1. Uses only `domain` and wire shapes; only the
//! command line starts it.

pub mod environment;
pub mod faults;
pub mod folder;
pub mod github;
pub mod images;
pub mod other_client;
pub mod registry;
pub mod releases;
pub mod request_log;
pub mod server;
pub mod store;
#[cfg(test)]
mod test_other_client;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::faults::Faults;
use self::folder::{Identity, Opened};
use self::github::GitHub;
use self::images::Drawing;
use self::other_client::OtherClient;
use self::registry::{Registry, Setup};
use self::request_log::RequestLog;
use self::server::Front;
use self::store::{Charmhub, Endpoints};
use crate::domain::{Problem, ProblemKind};

/// How long before the start of the environment its secrets were set, in days: the operator's
/// token in most repositories, and the copy that was replaced since.
pub(crate) const PLANTED_DAYS: (i64, i64) = (170, 17);

/// Holds the options of a demo environment.
#[derive(Clone, Debug)]
pub struct Options {
    /// The environment's folder; created if it is missing.
    pub dir: PathBuf,
    /// Remove an earlier environment in that folder first.
    pub fresh: bool,
    /// The seed of random data. An existing environment keeps its own.
    pub seed: u64,
    /// Size of the images of recent releases, in bytes. An existing environment keeps its own.
    pub image_size: u64,
    /// The faults file.
    pub faults: Option<PathBuf>,
    /// Delay after which the store's public view shows changes of publishers.
    pub serve_lag: Duration,
}

impl Options {
    /// Returns the default options for an environment in `dir`.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            fresh: false,
            seed: 1,
            image_size: 1 << 20,
            faults: None,
            serve_lag: Duration::ZERO,
        }
    }
}

/// A running demo environment. Dropped without [`World::stop`], its servers end with the runtime.
pub struct World {
    dir: PathBuf,
    identity: Identity,
    store: Arc<Charmhub>,
    github: Arc<GitHub>,
    stop: CancellationToken,
    tasks: TaskTracker,
    lock: std::fs::File,
}

impl World {
    /// Starts every server; when this returns, all are listening. Must be called inside a runtime.
    pub async fn start(options: &Options) -> Result<Self, Problem> {
        let faults = Arc::new(match &options.faults {
            Some(path) => Faults::load(path)?,
            None => Faults::default(),
        });
        let dir = std::path::absolute(&options.dir).map_err(|error| {
            Problem::new(
                ProblemKind::Machine,
                "the demo's directory is not an absolute path",
            )
            .because(&error)
        })?;
        let Opened {
            identity,
            listeners,
            lock,
        } = folder::open(&dir, options.fresh, options.seed, options.image_size).await?;
        environment::make_folders(&dir, &identity)?;
        let log = Arc::new(RequestLog::open(&dir.join("requests.jsonl"))?);
        let drawing = Drawing {
            seed: identity.seed,
            image_size: identity.image_size,
        };
        let hub = Registry::open(Setup {
            name: "hub",
            dir: dir.join("registry/hub"),
            realm: format!("{}/token", identity.url("hub")),
            service: "registry.docker.io".to_owned(),
            quota: true,
            anonymous_pull: true,
        })?;
        images::stock_hub(&hub, drawing);
        let ghcr = Registry::open(Setup {
            name: "ghcr",
            dir: dir.join("registry/ghcr"),
            realm: format!("{}/token", identity.url("ghcr")),
            service: "ghcr.io".to_owned(),
            quota: false,
            anonymous_pull: true,
        })?;
        images::stock_ghcr(&ghcr, drawing);
        // GitHub's registry checks the token, not the user's name.
        ghcr.grant("", &identity.packages_token, "", true);
        ghcr.hide(images::PROBE);
        let canonical = Registry::open(Setup {
            name: "canonical",
            dir: dir.join("registry/canonical"),
            realm: format!("{}/v1/tokens/docker-registry", identity.url("charmhub")),
            service: "https://registry.jujucharms.com/".to_owned(),
            quota: false,
            anonymous_pull: true,
        })?;
        let endpoints = Endpoints {
            api: identity.url("charmhub"),
            storage: identity.url("storage"),
            sso: identity.url("sso"),
        };
        let store = Charmhub::open(&dir, endpoints, canonical.clone(), drawing, options.serve_lag)?;
        let planted = github::Planted {
            token: &identity.github_token,
            packages_token: &identity.packages_token,
            credential: &environment::exported(&store.operator_token()),
            older_credential: &environment::exported(&store.older_token()),
        };
        let github = github::GitHub::open(&dir, identity.seed, &planted)?;
        github.show_packages(ghcr.clone());

        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let password = uuid::Uuid::new_v4().simple().to_string();
        for registry in [&hub, &canonical, &ghcr] {
            registry.grant("", &password, "", true);
        }
        let pushing = format!("Bearer {}", environment::exported(&password));
        let store_login = format!("Macaroon {}", store.operator_token());
        let services: HashMap<&'static str, (Router, String)> = HashMap::from([
            ("charmhub", (store::api_router(store.clone()), store_login)),
            ("storage", (store::storage_router(store.clone()), String::new())),
            ("sso", (store::sso_router(store.clone()), String::new())),
            (
                "github",
                (
                    github::router(github.clone()),
                    format!("Bearer {}", identity.github_token),
                ),
            ),
            ("hub", (registry::router(hub.clone()), pushing.clone())),
            (
                "canonical",
                (registry::router(canonical.clone()), pushing.clone()),
            ),
            ("ghcr", (registry::router(ghcr.clone()), pushing)),
        ]);
        let other_client = Arc::new(OtherClient::new(services.clone(), log.clone()));
        let front = |(service, (router, _))| {
            let front = Front::new(service, router, faults.clone(), log.clone(), other_client.clone());
            (service, front)
        };
        let fronts: HashMap<&'static str, Arc<Front>> = services.into_iter().map(front).collect();
        for (service, listener) in listeners {
            if let Some(front) = fronts.get(service) {
                server::serve_tcp(listener, front.clone(), stop.clone(), &tasks);
            }
        }
        let socket = dir.join("github.sock");
        if let Some(octo) = fronts.get("github")
            && let Err(error) = server::serve_unix(&socket, octo.clone(), stop.clone(), &tasks)
        {
            // The path of a socket is limited to 108 bytes, which a long folder name exceeds; only
            // gh needs it.
            tracing::warn!(%error, path = %socket.display(), "no socket for gh");
        }
        tasks.close();
        Ok(Self {
            dir,
            identity,
            store,
            github,
            stop,
            tasks,
            lock,
        })
    }

    /// Returns the environment's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns `http://127.0.0.1:PORT` of a service, without a trailing slash.
    pub fn url(&self, service: &str) -> String {
        self.identity.url(service)
    }

    /// Returns every variable of the environment file, with its value.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment::variables(&self.dir, &self.identity, &self.store.operator_token())
    }

    /// Writes [`World::environment`] to `path` as `export NAME='value'` lines, 0600, by rename.
    pub fn write_env_file(&self, path: &Path) -> Result<(), Problem> {
        environment::write_file(path, &self.environment())
    }

    /// Mints a separate store token for tests: `None` packages means all. Bare, not base64.
    pub fn mint_token(
        &self,
        packages: Option<&[&str]>,
        permissions: &[&str],
        lifetime: Duration,
    ) -> Result<String, Problem> {
        self.store.mint_for_tests(packages, permissions, lifetime)
    }

    /// Gives a repository of the demo's GitHub (`finos/legend-juju-bundle`), or an organization, a
    /// new key to seal secrets for; seals for the earlier key are refused from then on.
    pub fn rotate_key(&self, repository: &str) -> Result<(), Problem> {
        self.github.rotate_key(repository)
    }

    /// Ends every server and connection.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
        drop(std::fs::remove_file(self.dir.join("github.sock")));
        drop(self.lock);
    }
}

/// Serves an environment until SIGTERM or SIGINT; `env_file` is written once all servers listen.
pub async fn serve(options: &Options, env_file: &Path) -> Result<(), Problem> {
    let no_signals =
        |error: std::io::Error| Problem::new(ProblemKind::Machine, "cannot wait for signals").because(&error);
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    // A process that waits for the file must not read that of an earlier environment.
    if let Err(error) = std::fs::remove_file(env_file)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        let problem = Problem::new(
            ProblemKind::Machine,
            format!("cannot replace {}", env_file.display()),
        );
        return Err(problem.because(&error));
    }
    let world = World::start(options).await?;
    world.write_env_file(env_file)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    world.stop().await;
    Ok(())
}
