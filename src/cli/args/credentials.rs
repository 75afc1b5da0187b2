//! Arguments of the commands that read, create and rotate credentials.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug)]
pub struct Credentials {
    /// Exit 4 if a credential expires within SPAN, for example 14d or 36h
    #[arg(long, value_name = "SPAN", value_parser = crate::cli::show::span)]
    pub fail_within: Option<chrono::TimeDelta>,
    /// Write expiry dates to an iCalendar file, or to standard output with -
    #[arg(long, value_name = "FILE")]
    pub calendar: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct Login {
    /// Write the token to FILE for CHARMCRAFT_AUTH instead of storing it
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Overwrite an existing export file
    #[arg(long, requires = "export")]
    pub force: bool,
    /// Limit the token to this charm (repeatable)
    #[arg(long, value_name = "NAME")]
    pub charm: Vec<String>,
    /// Limit the token to this bundle (repeatable)
    #[arg(long, value_name = "NAME")]
    pub bundle: Vec<String>,
    /// Limit the token to this channel (repeatable)
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// Limit the token to this permission (repeatable)
    #[arg(long, value_name = "PERMISSION")]
    pub permission: Vec<String>,
    /// Lifetime of the token
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..=3_155_760_000))]
    pub ttl: Option<u64>,
    /// Allow sign-in with WINDLASS_SSO_* on hosts other than loopback
    #[arg(long)]
    pub from_env: bool,
    /// Store a login for this registry; reads the token from a prompt or standard input
    #[arg(long, value_name = "HOST", conflicts_with_all = ["export", "charm", "bundle", "channel", "permission", "ttl", "from_env"])]
    pub registry: Option<String>,
    /// User name for the registry
    #[arg(long, value_name = "USER", requires = "registry")]
    pub username: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct Rotate {
    /// Use the value in FILE, or from standard input with -, instead of a new token
    #[arg(long, value_name = "FILE|-")]
    pub token_file: Option<PathBuf>,
    /// Lifetime of the new token
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..=3_155_760_000))]
    pub ttl: Option<u64>,
    /// Rotate only this secret (repeatable)
    #[arg(long, value_name = "REPO:SECRET")]
    pub target: Vec<String>,
    /// Leave this secret unchanged (repeatable)
    #[arg(long, value_name = "REPO:SECRET")]
    pub without: Vec<String>,
    /// Replace the repository secrets with one organisation secret for those repositories
    #[arg(long)]
    pub organisation: bool,
    /// Revoke this session afterwards, or all recorded earlier sessions of these secrets
    #[arg(long, value_name = "SESSION|recorded")]
    pub revoke: Vec<String>,
    /// Allow sign-in with WINDLASS_SSO_* on hosts other than loopback
    #[arg(long)]
    pub from_env: bool,
}
