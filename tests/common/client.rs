//! Runs the windlass binary as a command line with a separate home directory.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use windlass::demo::World;
use windlass::demo::environment::PASSWORD;

use super::BUNDLE_REPOSITORY;

/// A command line with a separate home directory.
pub struct Client {
    pub dir: PathBuf,
    pub variables: BTreeMap<String, String>,
}

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let shown = format!("{}{}", self.out, self.err);
        assert!(!shown.contains(PASSWORD), "a password is shown: {shown}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no document: {}{}", self.out, self.err))
    }
}

impl Client {
    /// Returns a command line for the demo environment.
    pub fn new(world: &World, dir: &Path) -> Self {
        let mut client = Self::alone(dir);
        client.variables.extend(world.environment());
        client
    }

    /// Returns a command line without an environment: services are not contacted, or at their
    /// default addresses.
    pub fn alone(dir: &Path) -> Self {
        let home = dir.join("home");
        std::fs::create_dir_all(&home).unwrap();
        let variables = [
            ("HOME", home.display().to_string()),
            ("WINDLASS_STATE_DIR", dir.join("state").display().to_string()),
            // No keyring, whatever the machine has.
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent".to_owned()),
        ];
        Self {
            dir: dir.to_owned(),
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut variables = self.variables.clone();
        variables.insert(name.to_owned(), value.to_owned());
        Self {
            dir: self.dir.clone(),
            variables,
        }
    }

    pub fn without(&self, names: &[&str]) -> Self {
        let mut variables = self.variables.clone();
        variables.retain(|name, _| !names.contains(&name.as_str()));
        Self {
            dir: self.dir.clone(),
            variables,
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.piped(arguments, "")
    }

    /// Runs the command with `input` on its standard input.
    pub fn piped(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that reads no input may have exited already.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let ended = child.wait_with_output().unwrap();
        Ended {
            code: ended.status.code().unwrap(),
            out: String::from_utf8(ended.stdout).unwrap(),
            err: String::from_utf8(ended.stderr).unwrap(),
        }
    }

    /// Writes a file with these permissions and returns its path.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.dir.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    /// Sends a request to GitHub about the bundle's repository, as another client would.
    pub async fn github(&self, method: &str, path: &str, body: Value) -> Value {
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .build()
            .unwrap();
        let api = &self.variables["GITHUB_API_URL"];
        let request = client
            .request(
                method.parse().unwrap(),
                format!("{api}/repos/{BUNDLE_REPOSITORY}/{path}"),
            )
            .header("User-Agent", "tests")
            .header("Authorization", format!("Bearer {}", self.variables["GH_TOKEN"]));
        let request = if method == "GET" {
            request
        } else {
            request.json(&body)
        };
        let answer = request.send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{method} {path}: {}",
            answer.status()
        );
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }
}
