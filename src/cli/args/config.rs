//! Arguments of `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand, Debug)]
pub enum ConfigWhat {
    /// Read every file and say whether it is sound
    Check,
    /// Show what is in force, and where each part comes from
    Show,
    /// Write a workspace file, every line of it explained; asks for what is not given
    New(Box<NewWorkspace>),
}

#[derive(Args, Clone, Debug)]
pub struct NewWorkspace {
    /// The file (default: NAME.toml in this folder)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A copy of this built-in workspace, with nothing asked about it
    #[arg(long, value_name = "legend|regtech",
          conflicts_with_all = ["name", "upstream", "charm", "resource", "channel", "bundle", "target"])]
    pub from: Option<String>,
    /// Its short name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The repository of upstream releases, or none
    #[arg(long, value_name = "OWNER/NAME|none")]
    pub upstream: Option<String>,
    /// A charm and its repository on GitHub; may be repeated
    #[arg(long, value_name = "CHARM=OWNER/NAME")]
    pub charm: Vec<String>,
    /// A resource of a charm, and the manifest's key of its image if it has one; may be repeated
    #[arg(long, value_name = "CHARM:RESOURCE=[KEY]")]
    pub resource: Vec<String>,
    /// A channel that releases go to, {yyyy-mm} standing for their month; may be repeated
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// The bundle and its repository on GitHub, or none
    #[arg(long, value_name = "BUNDLE=OWNER/NAME|none")]
    pub bundle: Option<String>,
    /// A secret that holds the Charmhub token, or none; may be repeated
    #[arg(long, value_name = "OWNER/NAME:SECRET|none")]
    pub target: Vec<String>,
}
