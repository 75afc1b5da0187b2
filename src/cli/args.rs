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

/// A release console for the terminal.
#[derive(Parser, Debug)]
#[command(name = "windlass", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// Without a command the console opens.
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
    /// Built-in workspace or the path of a workspace file
    #[arg(long, global = true, value_name = "NAME|FILE")]
    pub workspace: Option<String>,
    /// One JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// How progress is told on standard error
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub progress: Option<ProgressForm>,
    /// Confirm without asking
    #[arg(long, global = true)]
    pub yes: bool,
    /// Refuse everything that changes a remote
    #[arg(long, global = true)]
    pub read_only: bool,
    /// No colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// The console without borders and in ASCII, for screen readers
    #[arg(long, global = true)]
    pub plain: bool,
    /// Ask nobody; show what was seen last
    #[arg(long, global = true)]
    pub offline: bool,
    /// What opens the encrypted credential, without asking; - reads it from standard input
    #[arg(long, global = true, value_name = "FILE|-")]
    pub passphrase_file: Option<PathBuf>,
    /// Record what happens in the console, secrets masked, into a new file
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Say more on standard error; twice for every detail
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
    /// Try windlass on an embedded world: nothing leaves this machine
    Demo(Demo),
    /// The state of everything on one page
    Status,
    /// Upstream releases and whether they are published
    Releases,
    /// Charms, their revisions and resources
    Charms,
    /// What every channel serves
    Channels,
    /// Tag -> manifest digest, config digest, platforms, size, layers, labels
    Resolve {
        /// References such as docker.io/finos/legend-studio:13.16.0 or docker-daemon:NAME
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
        /// Say what of it this repository has already
        #[arg(long, value_name = "REPOSITORY")]
        to: Option<String>,
    },
    /// What differs between two releases, or between two images
    Diff {
        /// A release or an image
        #[arg(value_name = "RELEASE|IMAGE")]
        from: String,
        /// Another one
        #[arg(value_name = "RELEASE|IMAGE")]
        to: String,
    },
    /// Show what a command would change, and change nothing
    Plan {
        #[command(subcommand)]
        what: Plannable,
    },
    /// Publish an upstream release
    Publish(Wish),
    /// Bring a published release to another risk
    Promote(Promote),
    /// Give channels back what they had
    Rollback(Rollback),
    /// Keep a release from being published by a robot
    Hold {
        /// The release
        release: String,
    },
    /// Lift the hold of a release
    Unhold {
        /// The release
        release: String,
    },
    /// Make a file or an image a revision of a charm's resource
    UploadResource(UploadResource),
    /// Copy an image to a registry; only its digest travels
    Copy(Copy),
    /// Release a charm revision to channels
    Release(Release),
    /// Close a channel of a charm
    Close(Close),
    /// Runs of the journal, newest first
    Runs,
    /// Finish runs that did not end well; without RUN list them first
    Resume {
        /// The run; every unfinished one without it
        run: Option<String>,
        /// Take e-mail, password and one-time password from WINDLASS_SSO_* off loopback too
        #[arg(long)]
        from_env: bool,
    },
    /// Every credential, its end, and whose value every secret holds
    Credentials(Credentials),
    /// Sign in to Charmhub, or keep the login of a registry
    Login(Login),
    /// Forget the credential that is kept on this machine
    Logout {
        /// The login of this registry instead
        #[arg(long, value_name = "HOST")]
        registry: Option<String>,
    },
    /// Whose Charmhub credential it is, what it may do and until when
    Whoami,
    /// Put a new credential into every secret that holds it, and prove it
    Rotate(Rotate),
    /// End sessions of the store: their tokens are refused from then on
    Revoke {
        /// Ids of sessions; 'windlass credentials' lists them
        #[arg(required = true, value_name = "SESSION")]
        sessions: Vec<String>,
    },
    /// Workflows of the bundle's repository: start, follow, repeat or stop one
    Workflow(Workflow),
    /// Check everything that a publish or a rotation leans on, each with its remedy
    Doctor {
        /// Rename the journal and make a new one from what can be read of it; nothing is deleted.
        /// Asks first where the journal is not damaged
        #[arg(long)]
        set_journal_aside: bool,
    },
    /// A script for your shell that completes commands and options
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL", value_enum)]
        shell: clap_complete::Shell,
    },
    /// The manual, in one page on standard output
    Man {
        /// A page for every command instead, in this folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Configuration
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
    Publish(Wish),
    /// Bring a published release to another risk
    Promote(Promote),
    /// Give channels back what they had
    Rollback(Rollback),
    /// Put a new credential into every secret that holds it
    Rotate(Rotate),
    /// Make a file or an image a revision of a charm's resource
    UploadResource(UploadResource),
    /// Copy an image to a registry
    Copy(Copy),
    /// Release a charm revision to channels
    Release(Release),
    /// Close a channel of a charm
    Close(Close),
    /// Keep a release from being published by a robot
    Hold {
        /// The release
        release: String,
    },
    /// Lift the hold of a release
    Unhold {
        /// The release
        release: String,
    },
    /// End sessions of the store
    Revoke {
        /// Ids of sessions; 'windlass credentials' lists them
        #[arg(required = true, value_name = "SESSION")]
        sessions: Vec<String>,
    },
    /// Sign in to Charmhub: which token is created, and where it is kept
    Login(Login),
    /// Start, repeat or stop a workflow
    Workflow(PlannedWorkflow),
}

#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("content").required(true).args(["filepath", "image", "from"])))]
pub struct UploadResource {
    /// The charm
    #[arg(value_name = "CHARM")]
    pub charm: String,
    /// The resource
    #[arg(value_name = "RESOURCE")]
    pub resource: String,
    /// A file of this machine
    #[arg(long, value_name = "PATH")]
    pub filepath: Option<PathBuf>,
    /// An image by digest, short (12 digits) or long: in Canonical's registry, else in the local engine
    #[arg(long, value_name = "DIGEST")]
    pub image: Option<String>,
    /// An image by reference: docker://, docker-daemon:, containers-storage:, oci:, oci-archive:, docker-archive:
    #[arg(long, value_name = "REFERENCE")]
    pub from: Option<String>,
    /// Architectures of the file, or all
    #[arg(long, value_delimiter = ',', value_name = "A,B", requires = "filepath")]
    pub arch: Vec<String>,
    /// Only this platform of the image; may be repeated
    #[arg(long, value_name = "P", requires = "from")]
    pub platform: Vec<String>,
}

#[derive(Args, Clone, Debug)]
pub struct Copy {
    /// Which image, in any form that --from of upload-resource takes
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Where it goes: HOST/NAME:TAG
    #[arg(value_name = "DESTINATION")]
    pub destination: String,
    /// Only this platform; may be repeated
    #[arg(long, value_name = "P")]
    pub platform: Vec<String>,
    /// Move the tag even if another client moved it after the preview
    #[arg(long)]
    pub over: bool,
}

#[derive(Args, Clone, Debug)]
pub struct Release {
    /// The charm
    #[arg(value_name = "CHARM")]
    pub charm: String,
    /// The charm revision
    #[arg(long, value_name = "N")]
    pub revision: String,
    /// A channel; may be repeated
    #[arg(long, short = 'c', required = true, value_name = "C")]
    pub channel: Vec<String>,
    /// A resource revision; one that is not named stays as the channel has it; may be repeated
    #[arg(long, value_name = "NAME:REV")]
    pub resource: Vec<String>,
}

#[derive(Args, Clone, Debug)]
pub struct Close {
    /// The charm
    #[arg(value_name = "CHARM")]
    pub charm: String,
    /// The channel
    #[arg(value_name = "CHANNEL")]
    pub channel: String,
}

#[derive(Args, Clone, Debug)]
pub struct Wish {
    /// The release, for example 2025-01-27
    #[arg(conflicts_with = "new")]
    pub release: Option<String>,
    /// Every release that the workspace's rule selects and that is not published yet
    #[arg(long, conflicts_with_all = ["revision", "image"])]
    pub new: bool,
    /// Only this charm; may be repeated
    #[arg(long, value_name = "NAME")]
    pub charm: Vec<String>,
    /// Release this charm revision; may be repeated
    #[arg(long, value_name = "CHARM=N")]
    pub revision: Vec<String>,
    /// Keep the charm revision that latest/edge runs
    #[arg(long)]
    pub keep_revision: bool,
    /// Take another tag or digest of an image; may be repeated
    #[arg(long, value_name = "NAME=TAG|DIGEST")]
    pub image: Vec<String>,
    /// Only the channels of the release's own track
    #[arg(long)]
    pub track_only: bool,
    /// Let latest/edge go back in time
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Leave parts out
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
    /// The release, for example 2025-01-27
    #[arg(value_name = "RELEASE")]
    pub release: Option<String>,
    /// Move every open risk of this track one step, the most stable of them to RISK, whatever
    /// release it has; the only way to promote in the track latest
    #[arg(long, value_name = "TRACK", conflicts_with = "with")]
    pub track: Option<String>,
    /// candidate, beta or stable; a release is promoted in its own track
    #[arg(long, value_name = "RISK")]
    pub to: String,
    /// Take a charm that the release's track does not have from this channel; may be repeated
    #[arg(long, value_name = "CHARM=CHANNEL")]
    pub with: Vec<String>,
}

#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["run", "charm"])))]
pub struct Rollback {
    /// Everything that this run released or closed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["charm", "channel", "to"])]
    pub run: Option<String>,
    /// The charm
    #[arg(value_name = "CHARM")]
    pub charm: Option<String>,
    /// Only these channels; every one that the journal knows a change of without them
    #[arg(value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// What they had then, a time in RFC 3339 or a run, instead of before their last change
    #[arg(long, value_name = "TIME|RUN")]
    pub to: Option<String>,
    /// Also where somebody changed a channel since
    #[arg(long)]
    pub over: bool,
}

#[derive(Args, Clone, Debug)]
pub struct Demo {
    /// The world's folder (default: windlass/demo under the state folder)
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Start anew
    #[arg(long)]
    pub fresh: bool,
    /// What random data is drawn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Size of each image of the recent releases
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    pub image_size: u64,
    /// Faults on request
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Seconds by which the public view lags behind the publisher's
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    pub serve_lag: f64,
    /// Only the servers, until SIGTERM or SIGINT
    #[arg(long, requires = "env_file")]
    pub serve: bool,
    /// Where the world's environment is written once all servers listen
    #[arg(long, value_name = "FILE", requires = "serve")]
    pub env_file: Option<PathBuf>,
}
