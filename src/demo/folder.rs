//! Manages the demo environment's folder: the files that belong to it, its ports and its secrets.
//!
//! `world.json` marks a folder as a demo environment. Removes an environment that is to be created
//! again. Must never remove a file that the environment did not create.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::faults::SERVICES;
use crate::domain::{Problem, ProblemKind};

/// What the environment creates in its folder, and all that `--fresh` removes.
const MADE: [&str; 13] = [
    "world.json",
    "charmhub.json",
    "requests.jsonl",
    "github.json",
    "github-objects.json",
    "github.sock",
    "tokens.json",
    "github",
    "contents",
    "registry",
    "home",
    "docker",
    "gh",
];

/// Holds `world.json`: what stays the same when an environment is stopped and started again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Name of the format; a folder with any other is not a demo environment.
    pub schema: String,
    /// The seed of the initial data.
    pub seed: u64,
    /// Size of the large images, in bytes.
    pub image_size: u64,
    /// Port of each service.
    pub ports: BTreeMap<String, u16>,
    /// The GitHub token of the demo environment.
    pub github_token: String,
    /// The token for ghcr.io of the demo environment.
    pub packages_token: String,
}

const SCHEMA: &str = "windlass.demo-world/1";

impl Identity {
    /// Returns `http://127.0.0.1:PORT` of a service, without a trailing slash.
    pub fn url(&self, service: &str) -> String {
        format!("http://{}", self.host(service))
    }

    /// Returns `127.0.0.1:PORT` of a service.
    pub fn host(&self, service: &str) -> String {
        format!(
            "127.0.0.1:{}",
            self.ports.get(service).copied().unwrap_or_default()
        )
    }
}

/// The bound listeners of an environment, in the order of [`SERVICES`].
pub type Listeners = Vec<(&'static str, TcpListener)>;

/// Holds an environment's folder while the environment runs.
pub struct Opened {
    /// The identity of the environment, with its ports.
    pub identity: Identity,
    /// Its bound listeners.
    pub listeners: Listeners,
    /// Held as long as the environment runs; released with the process.
    pub lock: File,
}

/// Creates or reopens the environment's folder and binds its listeners.
pub async fn open(dir: &Path, fresh: bool, seed: u64, image_size: u64) -> Result<Opened, Problem> {
    let marker = dir.join("world.json");
    let known = match std::fs::read_to_string(&marker) {
        Ok(text) => Some(read_identity(&text, &marker)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(broken(&marker, &error)),
    };
    make_private(dir)?;
    let lock = lock(dir).await?;
    if known.is_none()
        && let Some(name) = MADE.iter().find(|name| dir.join(name).exists())
    {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!(
                "{} contains '{name}' and is not a demo environment",
                dir.display()
            ),
        )
        .hint("choose another directory with --state"));
    }
    if let Some(identity) = known.filter(|_| !fresh) {
        let mut listeners = Vec::new();
        for service in SERVICES {
            let port = identity.ports.get(service).copied().unwrap_or_default();
            listeners.push((service, bind_again(port, service, dir).await?));
        }
        return Ok(Opened {
            identity,
            listeners,
            lock,
        });
    }
    if fresh {
        wipe(dir)?;
    }
    let mut listeners = Vec::new();
    let mut ports = BTreeMap::new();
    for service in SERVICES {
        let (listener, port) = bind_new().await?;
        ports.insert(service.to_owned(), port);
        listeners.push((service, listener));
    }
    let identity = Identity {
        schema: SCHEMA.to_owned(),
        seed,
        image_size,
        ports,
        github_token: format!("ghp_demo{}", Uuid::new_v4().simple()),
        packages_token: format!("ghp_demo{}", Uuid::new_v4().simple()),
    };
    let text = serde_json::to_string_pretty(&identity).map_err(|error| broken(&marker, &error))?;
    write_private(&marker, text.as_bytes())?;
    Ok(Opened {
        identity,
        listeners,
        lock,
    })
}

/// Locks the folder for one environment: a second process waits a moment for the first to end,
/// then gives up.
async fn lock(dir: &Path) -> Result<File, Problem> {
    let path = dir.join("world.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| broken(&path, &error))?;
    for _ in 0..20 {
        if file.try_lock().is_ok() {
            return Ok(file);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Problem::new(
        ProblemKind::Conflict,
        format!("another demo environment is running in {}", dir.display()),
    )
    .hint("stop it first, or choose another directory with --state"))
}

fn read_identity(text: &str, marker: &Path) -> Result<Identity, Problem> {
    let identity: Identity = serde_json::from_str(text).map_err(|error| broken(marker, &error))?;
    if identity.schema != SCHEMA {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!(
                "{} was created by another version of the demo environment",
                marker.display()
            ),
        )
        .hint("choose another directory with --state"));
    }
    Ok(identity)
}

fn broken(path: &Path, error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(
        ProblemKind::Machine,
        format!("cannot use {} for the demo environment", path.display()),
    )
    .because(error)
    .hint("choose another directory with --state, or remove this one")
}

fn wipe(dir: &Path) -> Result<(), Problem> {
    for name in MADE {
        let path = dir.join(name);
        // `home` is removed with the logs and caches of charmcraft and skopeo in this environment.
        let removed = if path.is_symlink() || !path.is_dir() {
            std::fs::remove_file(&path)
        } else {
            std::fs::remove_dir_all(&path)
        };
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(broken(&path, &error));
        }
    }
    Ok(())
}

/// Binds ports below the range that the kernel uses for outgoing connections, so that a stopped
/// environment finds its ports free again.
async fn bind_new() -> Result<(TcpListener, u16), Problem> {
    for _ in 0..200 {
        let port = 20_000 + (Uuid::new_v4().as_u128() % 12_000) as u16;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok((listener, port));
        }
    }
    Err(Problem::new(
        ProblemKind::Machine,
        "no free port on 127.0.0.1 between 20000 and 32000",
    ))
}

async fn bind_again(port: u16, service: &str, dir: &Path) -> Result<TcpListener, Problem> {
    let mut tries = 0;
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return Ok(listener),
            // An environment that is just being stopped needs a moment to release its ports.
            Err(_) if tries < 20 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => {
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    format!("port {port} of the demo's {service} is in use"),
                )
                .because(&error)
                .hint(format!(
                    "stop the program that uses it, or start {} again with --fresh",
                    dir.display()
                )));
            }
        }
    }
}

/// Creates `dir` with 0700, or restricts it to that.
pub fn make_private(dir: &Path) -> Result<(), Problem> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)))
        .map_err(|error| broken(dir, &error))
}

/// Writes `bytes` to `path` completely or not at all: a temporary file (0600), then a rename.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", Uuid::new_v4().simple()));
    let written = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        drop(std::fs::remove_file(&temporary));
        Problem::new(ProblemKind::Machine, format!("cannot write {}", path.display())).because(&error)
    })
}
