//! Arguments of `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand, Debug)]
pub enum ConfigWhat {
    /// Check all configuration files
    Check,
    /// Show the effective configuration and its sources
    Show,
    /// Create a commented workspace file; prompts for missing values
    New(Box<NewWorkspace>),
}

#[derive(Args, Clone, Debug)]
pub struct NewWorkspace {
    /// File to write (default: NAME.toml in the current directory)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Copy this built-in workspace without prompting
    #[arg(long, value_name = "legend|regtech",
          conflicts_with_all = ["name", "upstream", "charm", "resource", "channel", "bundle", "target"])]
    pub from: Option<String>,
    /// Short name of the workspace
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Repository of the upstream releases, or none
    #[arg(long, value_name = "OWNER/NAME|none")]
    pub upstream: Option<String>,
    /// Charm and its GitHub repository (repeatable)
    #[arg(long, value_name = "CHARM=OWNER/NAME")]
    pub charm: Vec<String>,
    /// Resource of a charm, with the manifest key of its image if any (repeatable)
    #[arg(long, value_name = "CHARM:RESOURCE=[KEY]")]
    pub resource: Vec<String>,
    /// Channel to release to; {yyyy-mm} is replaced by the month of the release (repeatable)
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// Bundle and its GitHub repository, or none
    #[arg(long, value_name = "BUNDLE=OWNER/NAME|none")]
    pub bundle: Option<String>,
    /// Secret that holds the Charmhub token, or none (repeatable)
    #[arg(long, value_name = "OWNER/NAME:SECRET|none")]
    pub target: Vec<String>,
}
