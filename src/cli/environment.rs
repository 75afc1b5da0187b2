//! Provides the environment of a command: that of the process, or that of the demo.
//!
//! Determines which variables apply and where state, cache and configuration are stored. For the
//! demo environment nothing of the caller's may be read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use etcetera::BaseStrategy;
use secrecy::SecretString;

use super::args::Global;
use super::output::Output;
use super::{prompt, secret_file};
use crate::config::{self, Config, KeyWish};
use crate::domain::{Problem, ProblemKind, Snapshot};
use crate::journal::Journal;
use crate::observe::Observer;
use crate::run::{Session, Setting};
use crate::services::endpoints::Endpoints;
use crate::services::{AskPassphrase, Services};

/// Returns how to get the passphrase of the encrypted file: the given one, else a question if
/// asking is allowed.
fn ask_passphrase(given: Option<SecretString>, asking: bool) -> AskPassphrase {
    Arc::new(move || match &given {
        Some(passphrase) => Some(passphrase.clone()),
        None if asking => prompt::hidden("Passphrase of the encrypted credential: ").ok(),
        None => None,
    })
}

/// Variables and directories.
pub struct Environment {
    fixed: Option<BTreeMap<String, String>>,
    state: Option<PathBuf>,
    /// Content of `--passphrase-file`; a pipe can be read only once.
    passphrase: OnceLock<SecretString>,
}

impl Environment {
    /// Returns the environment of the process.
    pub const fn process() -> Self {
        Self {
            fixed: None,
            state: None,
            passphrase: OnceLock::new(),
        }
    }

    /// Returns the demo environment: only the given variables, state and cache under `state`.
    #[cfg(feature = "demo")]
    pub fn demo(variables: Vec<(String, String)>, state: PathBuf) -> Self {
        let mut fixed: BTreeMap<String, String> = variables.into_iter().collect();
        for harmless in ["WINDLASS_TIMEOUT", "NO_COLOR"] {
            if let Ok(value) = std::env::var(harmless) {
                fixed.insert(harmless.to_owned(), value);
            }
        }
        Self {
            fixed: Some(fixed),
            state: Some(state),
            passphrase: OnceLock::new(),
        }
    }

    /// Returns a variable.
    pub fn variable(&self, name: &str) -> Option<String> {
        match &self.fixed {
            Some(fixed) => fixed.get(name).cloned(),
            None => std::env::var(name).ok(),
        }
    }

    /// Returns the content of `--passphrase-file`, if given. An unusable file is an error at once,
    /// not later as a missing credential.
    pub fn passphrase(&self, global: &Global) -> Result<Option<SecretString>, Problem> {
        let Some(file) = &global.passphrase_file else {
            return Ok(None);
        };
        if let Some(known) = self.passphrase.get() {
            return Ok(Some(known.clone()));
        }
        let read = secret_file::read(file)?;
        Ok(Some(self.passphrase.get_or_init(|| read).clone()))
    }

    /// Returns the directory of the user's configuration; the demo environment has none.
    pub fn config_home(&self) -> Option<PathBuf> {
        let dirs = match &self.fixed {
            Some(_) => return None,
            None => etcetera::choose_base_strategy(),
        };
        dirs.ok().map(|dirs| dirs.config_dir())
    }

    /// Returns the current configuration.
    pub fn config(&self, global: &Global) -> Result<Config, Problem> {
        Config::load(
            global.workspace.as_deref(),
            |name| self.variable(name),
            self.config_home().as_deref(),
        )
    }

    /// The keys of the user's file, whatever else is wrong with it.
    pub fn key_wishes(&self) -> Vec<KeyWish> {
        config::key_wishes(self.config_home().as_deref())
    }

    /// What was observed last of the workspace of `config`, from disk.
    pub fn cached(&self, config: &Config) -> Result<Snapshot, Problem> {
        let (_, cache) = self.folders()?;
        let services = self.services(Some(cache.clone()))?;
        let workspace = Arc::new(config.workspace.clone());
        Ok(Observer::new(services, workspace, None, Some(cache), true).cached())
    }

    /// Opens the journal for reading; does not create one.
    pub fn existing_journal(&self) -> Result<Journal, Problem> {
        let (state, _) = self.folders()?;
        let endpoints = Endpoints::from_env(|name| self.variable(name))?;
        Journal::open_existing(&state, &endpoints.world())
    }

    /// Returns the directories of state and cache: `WINDLASS_STATE_DIR` for both, else XDG.
    pub fn folders(&self) -> Result<(PathBuf, PathBuf), Problem> {
        if let Some(state) = &self.state {
            return Ok((state.clone(), state.join("cache")));
        }
        if let Some(state) = self
            .variable("WINDLASS_STATE_DIR")
            .filter(|text| !text.is_empty())
        {
            let state = PathBuf::from(state);
            return Ok((state.clone(), state.join("cache")));
        }
        let dirs = etcetera::choose_base_strategy().map_err(|error| {
            Problem::new(ProblemKind::Machine, "no home directory for the state files")
                .because(&error)
                .hint("set WINDLASS_STATE_DIR to a directory")
        })?;
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_dir());
        Ok((state.join("windlass"), dirs.cache_dir().join("windlass")))
    }

    /// Returns the services of this environment. The demo environment never reads the caller's
    /// keyring.
    pub fn services(&self, cache: Option<PathBuf>) -> Result<Services, Problem> {
        Services::new(&|name| self.variable(name), cache, self.fixed.is_none())
    }

    /// Opens the session of a command, which may ask for a passphrase at its terminal. Notes about
    /// the journal go to `output`.
    pub fn session(&self, global: &Global, output: &Output) -> Result<Session, Problem> {
        let session = self.session_that(global, true)?;
        if let Some(problem) = session.journal.notice() {
            match session.journal.check_writable() {
                Ok(()) => output.note("journal", problem),
                Err(_) => output.note_at_end("journal", problem),
            }
        }
        Ok(session)
    }

    /// Opens the session of the console, which has the terminal and asks in a dialog instead.
    pub fn quiet_session(&self, global: &Global) -> Result<Session, Problem> {
        self.session_that(global, false)
    }

    fn session_that(&self, global: &Global, asking: bool) -> Result<Session, Problem> {
        let config = self.config(global)?;
        let (state, cache) = self.folders()?;
        let ask = ask_passphrase(self.passphrase(global)?, asking);
        let services = self
            .services(Some(cache.clone()))?
            .with_passphrase(state.clone(), ask);
        let setting = Setting {
            state,
            cache,
            read_only: global.read_only,
            offline: global.offline,
        };
        Session::open(config, services, &setting)
    }
}
