//! Defines the command line. Commands and options are a contract: scripts rely on them.

mod config;
mod credentials;
mod workflow;

use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub use config::{ConfigWhat, NewWorkspace};
pub use credentials::{Credentials, Login, Rotate};
pub use workflow::{PlannedWorkflow, PlannedWorkflowWhat, Workflow, WorkflowWhat};

use super::examples;

/// Publish charm releases, rotate tokens and manage images from the terminal
#[derive(Parser, Debug)]
#[command(name = "windlass", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// Command to run; opens the console if omitted
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The command line, each command with its examples.
pub fn command() -> clap::Command {
    examples::with_examples(Cli::command())
}

/// Parses the arguments of this process.
pub fn parse() -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Options of every command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Use a built-in workspace or a workspace file
    #[arg(long, global = true, value_name = "NAME|FILE")]
    pub workspace: Option<String>,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Progress format on standard error
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub progress: Option<ProgressForm>,
    /// Skip the confirmation prompt
    #[arg(long, global = true)]
    pub yes: bool,
    /// Refuse to change anything on a remote
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Disable colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Draw the console in ASCII without borders, for screen readers
    #[arg(long, global = true)]
    pub plain: bool,
    /// Use cached data only
    #[arg(long, global = true)]
    pub offline: bool,
    /// Read the passphrase of the encrypted credential from FILE, or from standard input with -
    #[arg(long, global = true, value_name = "FILE|-")]
    pub passphrase_file: Option<PathBuf>,
    /// Record the console session to a new file, with secrets masked
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Print more on standard error; repeat for more detail
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// What decides the document of a command line that cannot be parsed: `--json` and
    /// `--workspace`.
    pub fn of_words(words: impl Iterator<Item = std::ffi::OsString>) -> Self {
        let mut global = Self::default();
        let mut words = words.map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            if word == "--json" {
                global.json = true;
            } else if word == "--workspace" {
                global.workspace = words.next();
            } else if let Some(name) = word.strip_prefix("--workspace=") {
                global.workspace = Some(name.to_owned());
            }
        }
        global
    }
}

/// Forms of progress.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressForm {
    /// JSON lines
    Json,
    /// Text lines
    Text,
    /// Nothing
    None,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Open the console on the demo environment; nothing leaves this machine
    Demo(Demo),
    /// Show a summary of the workspace
    Status,
    /// List upstream releases and whether they are published
    Releases,
    /// List charms with their revisions and resources
    Charms,
    /// List channels with their revisions and resources
    Channels,
    /// Show the digests, platforms, size, layers and labels of images
    Resolve {
        /// Image references, such as docker.io/finos/legend-studio:13.16.0 or docker-daemon:NAME
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
        /// Report which layers REPOSITORY already has
        #[arg(long, value_name = "REPOSITORY")]
        to: Option<String>,
    },
    /// Compare two releases or two images
    Diff {
        /// First release or image
        #[arg(value_name = "RELEASE|IMAGE")]
        from: String,
        /// Second release or image
        #[arg(value_name = "RELEASE|IMAGE")]
        to: String,
    },
    /// Show what a command would change, without changing anything
    Plan {
        #[command(subcommand)]
        what: Plannable,
    },
    /// Publish an upstream release
    Publish(PublishArgs),
    /// Promote a published release to a more stable risk
    Promote(Promote),
    /// Restore channels to earlier revisions
    Rollback(Rollback),
    /// Exclude a release from 'publish --new'
    Hold {
        /// Release, for example 2025-01-27
        release: String,
    },
    /// Remove the hold on a release
    Unhold {
        /// Release, for example 2025-01-27
        release: String,
    },
    /// Upload a file or an image as a resource revision
    UploadResource(UploadResource),
    /// Copy an image to a registry
    Copy(Copy),
    /// Release a charm revision to channels
    Release(Release),
    /// Close a channel of a charm
    Close(Close),
    /// List runs, newest first
    Runs,
    /// Resume interrupted, failed or cancelled runs
    Resume {
        /// Run to resume; all unfinished runs if omitted
        run: Option<String>,
        /// Allow sign-in with WINDLASS_SSO_* on hosts other than loopback
        #[arg(long)]
        from_env: bool,
    },
    /// List credentials and secrets with their expiry
    Credentials(Credentials),
    /// Sign in to Charmhub or a registry
    Login(Login),
    /// Remove the credential stored on this machine
    Logout {
        /// Remove the login of this registry instead
        #[arg(long, value_name = "HOST")]
        registry: Option<String>,
    },
    /// Show the account, permissions and expiry of the Charmhub credential
    Whoami,
    /// Rotate a credential in all repository secrets and verify it
    Rotate(Rotate),
    /// Revoke Charmhub sessions and their tokens
    Revoke {
        /// Session ids from 'windlass credentials'
        #[arg(required = true, value_name = "SESSION")]
        sessions: Vec<String>,
    },
    /// List, start, follow, rerun or cancel workflows of the bundle's repository
    Workflow(Workflow),
    /// Check credentials, permissions, quotas and services
    Doctor {
        /// Rename the journal and create a new one from the rows that can be read. Deletes nothing;
        /// asks for confirmation if the journal is not damaged
        #[arg(long)]
        set_journal_aside: bool,
    },
    /// Generate a shell completion script
    Completions {
        /// Shell to generate the script for
        #[arg(value_name = "SHELL", value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Write one page per command to this directory instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Check, show or create configuration
    Config {
        #[command(subcommand)]
        what: ConfigWhat,
    },
    /// Print a generated part of the documentation
    #[command(hide = true)]
    Generate {
        #[command(subcommand)]
        what: super::generate::Generated,
    },
}

#[derive(Subcommand, Debug)]
pub enum Plannable {
    /// Publish an upstream release
    Publish(PublishArgs),
    /// Promote a published release to a more stable risk
    Promote(Promote),
    /// Restore channels to earlier revisions
    Rollback(Rollback),
    /// Rotate a credential in all repository secrets
    Rotate(Rotate),
    /// Upload a file or an image as a resource revision
    UploadResource(UploadResource),
    /// Copy an image to a registry
    Copy(Copy),
    /// Release a charm revision to channels
    Release(Release),
    /// Close a channel of a charm
    Close(Close),
    /// Exclude a release from 'publish --new'
    Hold {
        /// Release, for example 2025-01-27
        release: String,
    },
    /// Remove the hold on a release
    Unhold {
        /// Release, for example 2025-01-27
        release: String,
    },
    /// Revoke Charmhub sessions
    Revoke {
        /// Session ids from 'windlass credentials'
        #[arg(required = true, value_name = "SESSION")]
        sessions: Vec<String>,
    },
    /// Sign in to Charmhub
    Login(Login),
    /// Start, rerun or cancel a workflow
    Workflow(PlannedWorkflow),
}

#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("content").required(true).args(["filepath", "image", "from"])))]
pub struct UploadResource {
    /// Charm name
    #[arg(value_name = "CHARM")]
    pub charm: String,
    /// Resource name
    #[arg(value_name = "RESOURCE")]
    pub resource: String,
    /// Upload a local file
    #[arg(long, value_name = "PATH")]
    pub filepath: Option<PathBuf>,
    /// Use the image with this digest (full, or its first 12 digits) from Canonical's registry or the local engine
    #[arg(long, value_name = "DIGEST")]
    pub image: Option<String>,
    /// Upload the image with this reference: docker://, docker-daemon:, containers-storage:, oci:, oci-archive:, docker-archive:
    #[arg(long, value_name = "REFERENCE")]
    pub from: Option<String>,
    /// Architectures that the file supports, or all
    #[arg(long, value_delimiter = ',', value_name = "A,B", requires = "filepath")]
    pub arch: Vec<String>,
    /// Upload only this platform of the image (repeatable)
    #[arg(long, value_name = "P", requires = "from")]
    pub platform: Vec<String>,
}

#[derive(Args, Clone, Debug)]
pub struct Copy {
    /// Image to copy, in any form that upload-resource --from accepts
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Destination, HOST/NAME:TAG
    #[arg(value_name = "DESTINATION")]
    pub destination: String,
    /// Copy only this platform (repeatable)
    #[arg(long, value_name = "P")]
    pub platform: Vec<String>,
    /// Replace the tag even if another client moved it after the preview
    #[arg(long)]
    pub over: bool,
}

#[derive(Args, Clone, Debug)]
pub struct Release {
    /// Charm name
    #[arg(value_name = "CHARM")]
    pub charm: String,
    /// Charm revision to release
    #[arg(long, value_name = "N")]
    pub revision: String,
    /// Channel to release to (repeatable)
    #[arg(long, short = 'c', required = true, value_name = "C")]
    pub channel: Vec<String>,
    /// Resource revision to release; others keep the channel's revision (repeatable)
    #[arg(long, value_name = "NAME:REV")]
    pub resource: Vec<String>,
}

#[derive(Args, Clone, Debug)]
pub struct Close {
    /// Charm name
    #[arg(value_name = "CHARM")]
    pub charm: String,
    /// Channel to close
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
}

#[derive(Args, Clone, Debug)]
pub struct PublishArgs {
    /// Release, for example 2025-01-27
    #[arg(conflicts_with = "new")]
    pub release: Option<String>,
    /// Publish every unpublished release that the workspace selects
    #[arg(long, conflicts_with_all = ["revision", "image"])]
    pub new: bool,
    /// Publish only this charm (repeatable)
    #[arg(long, value_name = "NAME")]
    pub charm: Vec<String>,
    /// Release this charm revision (repeatable)
    #[arg(long, value_name = "CHARM=N")]
    pub revision: Vec<String>,
    /// Keep the charm revision on latest/edge
    #[arg(long)]
    pub keep_revision: bool,
    /// Use another tag or digest of an image (repeatable)
    #[arg(long, value_name = "NAME=TAG|DIGEST")]
    pub image: Vec<String>,
    /// Release only to the track of the release
    #[arg(long)]
    pub track_only: bool,
    /// Allow an older release on latest/edge
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Leave out these parts
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,…")]
    pub without: Vec<WithoutPart>,
}

/// Parts that can be left out.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutPart {
    /// The marker branch
    Branch,
    /// The bundle
    Bundle,
}

#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["release", "track"])))]
pub struct Promote {
    /// Release, for example 2025-01-27
    #[arg(value_name = "RELEASE")]
    pub release: Option<String>,
    /// Promote every open risk of this track one step, up to RISK, whatever its release. Required
    /// for the track latest
    #[arg(long, value_name = "TRACK", conflicts_with = "with")]
    pub track: Option<String>,
    /// Risk to promote to: candidate, beta or stable
    #[arg(long, value_name = "RISK")]
    pub to: String,
    /// Promote a charm that is missing on the track from this channel (repeatable)
    #[arg(long, value_name = "CHARM=CHANNEL")]
    pub with: Vec<String>,
}

#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["run", "charm"])))]
pub struct Rollback {
    /// Undo everything that this run released or closed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["charm", "channel", "to"])]
    pub run: Option<String>,
    /// Charm name
    #[arg(value_name = "CHARM")]
    pub charm: Option<String>,
    /// Channels to restore; all channels with a change in the journal if omitted
    #[arg(value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// Restore the state at this time (2025-02-03T12:00:00Z, '2 days ago', 3d, yesterday) or after
    /// this run, instead of before the last change
    #[arg(long, value_name = "TIME|RUN")]
    pub to: Option<String>,
    /// Also restore channels that another client has changed since
    #[arg(long)]
    pub over: bool,
    /// Keep channels that another client has changed since, and restore the others
    #[arg(long, conflicts_with = "over")]
    pub keep_changed: bool,
}

#[derive(Args, Clone, Debug)]
pub struct Demo {
    /// Directory of the demo environment (default: windlass/demo in the state directory)
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Start from scratch
    #[arg(long)]
    pub fresh: bool,
    /// Seed of the random data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Size of each image of recent releases
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    pub image_size: u64,
    /// Inject the faults described in FILE
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Delay of the public API behind the publisher API
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    pub serve_lag: f64,
    /// Run only the servers, until SIGTERM or SIGINT
    #[arg(long, requires = "env_file")]
    pub serve: bool,
    /// Write the environment variables to FILE once all servers listen
    #[arg(long, value_name = "FILE", requires = "serve")]
    pub env_file: Option<PathBuf>,
}
