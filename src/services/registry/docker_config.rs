//! Reads and writes Docker's configuration: where logins are stored, and by which program.
//!
//! Handles `config.json`, selects a credential helper and runs it with an environment that holds
//! only what a helper needs: none of windlass's tokens reaches it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use docker_credential::{CredentialRetrievalError as Missing, DockerCredential};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::config::file;
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::private_file;

/// Variables that are passed on to a helper.
const HELPER_ENVIRONMENT: [&str; 11] = [
    "PATH",
    "HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "XDG_SESSION_TYPE",
    "XDG_CURRENT_DESKTOP",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
];

/// Docker Hub's name in Docker's configuration.
pub(super) const HUB: &str = "https://index.docker.io/v1/";

/// Holds Docker's configuration folder and the environment of its helpers. The default has no
/// folder and no logins.
#[derive(Clone, Default)]
pub struct Docker {
    folder: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

/// A login exists, but cannot be parsed.
#[derive(Debug)]
pub(super) struct Unreadable;

/// Returns the names that a login for `host` may be stored under, the usual one first.
pub(super) fn names(host: &str) -> Vec<String> {
    if host == "registry-1.docker.io" {
        return [HUB, "docker.io", "index.docker.io", "registry-1.docker.io"]
            .map(str::to_owned)
            .to_vec();
    }
    vec![
        host.to_owned(),
        format!("https://{host}"),
        format!("https://{host}/v1/"),
        format!("https://{host}/v2/"),
    ]
}

impl Docker {
    /// Reads the environment: `DOCKER_CONFIG`, else `.docker` of `HOME`.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let folder = set("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".docker")));
        let environment = HELPER_ENVIRONMENT
            .iter()
            .filter_map(|name| set(name).map(|value| ((*name).to_owned(), value)))
            .collect();
        Self { folder, environment }
    }

    /// Returns the login stored under `name`. A configuration that cannot be read holds none.
    pub(super) fn get(&self, name: &str) -> Result<Option<DockerCredential>, Unreadable> {
        let config = self.config().unwrap_or_default();
        if let Some(helper) = helper_of_host(&config, name) {
            return self.ask_helper(&helper, name);
        }
        let auths = config.get("auths").cloned().unwrap_or_default();
        let in_file = Zeroizing::new(json!({"auths": auths}).to_string());
        match docker_credential::get_credential_from_reader(in_file.as_bytes(), name) {
            Ok(found) => return Ok(Some(found)),
            Err(Missing::CredentialDecodingError | Missing::CredentialMismatchError) => {
                return Err(Unreadable);
            }
            Err(_) => {}
        }
        match text(&config, "credsStore") {
            Some(helper) => self.ask_helper(&helper, name),
            None => Ok(None),
        }
    }

    /// Stores a login under `name`: with the helper if one is configured, else in the file.
    pub(super) fn put(&self, name: &str, user: &str, secret: &SecretString) -> Result<(), Problem> {
        let mut config = self.config()?;
        let entry = match helper_of_host(&config, name).or_else(|| text(&config, "credsStore")) {
            Some(helper) => {
                let login = Zeroizing::new(
                    json!({"ServerURL": name, "Username": user, "Secret": secret.expose_secret()})
                        .to_string(),
                );
                self.run(&helper, "store", login.as_bytes())
                    .map_err(|why| failed(&helper, &why))?;
                // As Docker does: an empty entry shows that the helper has one.
                json!({})
            }
            None => json!({"auth": basic(user, secret).as_str()}),
        };
        let auths = config.entry("auths").or_insert_with(|| json!({}));
        let Some(auths) = auths.as_object_mut() else {
            return Err(self.broken("its auths value is not an object"));
        };
        auths.insert(name.to_owned(), entry);
        self.write(&config)
    }

    /// Removes the logins under all of `names`; returns true if there was one.
    pub(super) fn erase(&self, names: &[String]) -> Result<bool, Problem> {
        let mut config = self.config()?;
        let mut found = false;
        for name in names {
            if let Some(helper) = helper_of_host(&config, name).or_else(|| text(&config, "credsStore")) {
                let held = matches!(self.ask_helper(&helper, name), Ok(Some(_)) | Err(Unreadable));
                if held {
                    self.run(&helper, "erase", name.as_bytes())
                        .map_err(|why| failed(&helper, &why))?;
                    found = true;
                }
            }
        }
        let mut changed = false;
        if let Some(auths) = config.get_mut("auths").and_then(Value::as_object_mut) {
            for name in names {
                if let Some(gone) = auths.shift_remove(name) {
                    changed = true;
                    found |= gone.as_object().is_some_and(|gone| !gone.is_empty());
                }
            }
        }
        if changed {
            self.write(&config)?;
        }
        Ok(found)
    }

    /// Returns every login: the name that it is stored under, its user if known, and where it is
    /// stored.
    pub(super) fn all(&self) -> Result<Vec<(String, Option<String>, String)>, Problem> {
        let config = self.config()?;
        let mut found = Vec::new();
        let auths = config.get("auths").and_then(Value::as_object);
        let mut helpers: Vec<(String, Option<String>)> = Vec::new();
        if let Some(of_hosts) = config.get("credHelpers").and_then(Value::as_object) {
            for (name, helper) in of_hosts {
                let helper = helper.as_str().filter(|helper| !helper.is_empty());
                helpers.extend(helper.map(|helper| (helper.to_owned(), Some(name.clone()))));
            }
        }
        helpers.extend(text(&config, "credsStore").map(|helper| (helper, None)));
        for (helper, only) in helpers {
            let Ok(listed) = self.run(&helper, "list", b"") else {
                continue;
            };
            let listed: Map<String, Value> = serde_json::from_slice(&listed).unwrap_or_default();
            for (name, user) in listed {
                if only.as_ref().is_none_or(|only| *only == name) {
                    let user = user.as_str().map(str::to_owned);
                    found.push((name, user, format!("docker-credential-{helper}")));
                }
            }
        }
        for (name, entry) in auths.into_iter().flatten() {
            let held = entry.as_object().is_some_and(|entry| !entry.is_empty());
            if !held || found.iter().any(|(known, ..)| known == name) {
                continue;
            }
            let plain = Zeroizing::new(json!({"auths": {name: entry}}).to_string());
            let user = match docker_credential::get_credential_from_reader(plain.as_bytes(), name) {
                Ok(DockerCredential::UsernamePassword(user, _)) => Some(user),
                _ => None,
            };
            found.push((name.clone(), user, self.shown()));
        }
        Ok(found)
    }

    fn path(&self) -> Option<PathBuf> {
        let path = self.folder.as_ref()?.join("config.json");
        // A symbolic link (to a dotfiles folder, for example) is kept.
        Some(path.canonicalize().unwrap_or(path))
    }

    fn config(&self) -> Result<Map<String, Value>, Problem> {
        let Some(path) = self.path() else {
            return Ok(Map::new());
        };
        match file::read_within(&path, file::SMALL).map(Zeroizing::new) {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => Ok(Map::new()),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| self.broken("it is not a JSON object")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Map::new()),
            Err(error) => Err(self.broken("cannot read it").because(&error)),
        }
    }

    fn write(&self, config: &Map<String, Value>) -> Result<(), Problem> {
        let path = self.path().ok_or_else(|| {
            Problem::new(ProblemKind::Machine, "no directory for the Docker configuration")
                .hint("set DOCKER_CONFIG or HOME")
        })?;
        let text = serde_json::to_string_pretty(config).map(Zeroizing::new);
        let text = text
            .map_err(|error| Problem::new(ProblemKind::Internal, "cannot write the login").because(&error))?;
        private_file::write(&path, text.as_bytes())
    }

    fn shown(&self) -> String {
        self.path().map_or_else(
            || "the Docker configuration".to_owned(),
            |path| path.display().to_string(),
        )
    }

    fn broken(&self, why: &str) -> Problem {
        let shown = SanitizedText::capped(self.shown(), 300);
        Problem::new(
            ProblemKind::Config,
            format!("cannot parse the Docker configuration {shown}"),
        )
        .cause(why)
        .hint("fix the file, or move it away and log in again")
    }

    fn ask_helper(&self, helper: &str, name: &str) -> Result<Option<DockerCredential>, Unreadable> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct DockerAuths {
            username: String,
            secret: String,
        }
        // A helper that fails has no login, or is not installed: both mean that there is no login.
        let Ok(output) = self.run(helper, "get", name.as_bytes()) else {
            return Ok(None);
        };
        let held: DockerAuths = serde_json::from_slice(&output).map_err(|_| Unreadable)?;
        Ok(Some(if held.username == "<token>" {
            DockerCredential::IdentityToken(held.secret)
        } else {
            DockerCredential::UsernamePassword(held.username, held.secret)
        }))
    }

    /// Runs a helper; `Err` is its message, which is never a secret.
    fn run(&self, helper: &str, verb: &str, input: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if helper.is_empty() || !helper.chars().all(plain) {
            return Err("its name is not a valid program name".to_owned());
        }
        let mut child = Command::new(format!("docker-credential-{helper}"))
            .arg(verb)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not read its input reports that by its exit status.
            drop(stdin.write_all(input));
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let said = Zeroizing::new(output.stdout);
        if output.status.success() {
            return Ok(said);
        }
        let words = if output.stderr.is_empty() {
            said.to_vec()
        } else {
            output.stderr
        };
        Err(SanitizedText::capped(String::from_utf8_lossy(&words).trim(), 300).to_string())
    }
}

fn failed(helper: &str, why: &str) -> Problem {
    let helper = SanitizedText::capped(helper, 60);
    Problem::new(
        ProblemKind::Machine,
        format!("the credential helper docker-credential-{helper} failed"),
    )
    .cause(why)
    .hint("check that it is installed and its keyring is unlocked, or remove it from Docker's config.json")
}

fn helper_of_host(config: &Map<String, Value>, name: &str) -> Option<String> {
    text(config.get("credHelpers")?.as_object()?, name)
}

fn text(config: &Map<String, Value>, key: &str) -> Option<String> {
    let text = config.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn basic(user: &str, secret: &SecretString) -> Zeroizing<String> {
    use base64::Engine as _;
    let pair = Zeroizing::new(format!("{user}:{}", secret.expose_secret()));
    Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()))
}
