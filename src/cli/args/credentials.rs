//! Arguments of the commands that read, create and rotate credentials.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug)]
pub struct Credentials {
    /// End with 4 where one ends within this span, for example 14d or 36h
    #[arg(long, value_name = "SPAN", value_parser = crate::cli::show::span)]
    pub fail_within: Option<chrono::TimeDelta>,
    /// Write every known end as an iCalendar file; - for standard output
    #[arg(long, value_name = "FILE")]
    pub calendar: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct Login {
    /// Write the token into this file instead, in the form that CHARMCRAFT_AUTH takes
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Overwrite that file
    #[arg(long, requires = "export")]
    pub force: bool,
    /// Limit the token to this charm; may be repeated
    #[arg(long, value_name = "NAME")]
    pub charm: Vec<String>,
    /// Limit the token to this bundle; may be repeated
    #[arg(long, value_name = "NAME")]
    pub bundle: Vec<String>,
    /// Limit the token to this channel; may be repeated
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Vec<String>,
    /// Limit the token to this permission; may be repeated
    #[arg(long, value_name = "PERMISSION")]
    pub permission: Vec<String>,
    /// How long the token lives, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..=3_155_760_000))]
    pub ttl: Option<u64>,
    /// Take e-mail, password and one-time password from WINDLASS_SSO_* off loopback too
    #[arg(long)]
    pub from_env: bool,
    /// Keep the login of this registry instead; its token is typed or piped in
    #[arg(long, value_name = "HOST", conflicts_with_all = ["export", "charm", "bundle", "channel", "permission", "ttl", "from_env"])]
    pub registry: Option<String>,
    /// The user of that registry
    #[arg(long, value_name = "USER", requires = "registry")]
    pub username: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct Rotate {
    /// A ready value instead of a new token; - reads it from standard input
    #[arg(long, value_name = "FILE|-")]
    pub token_file: Option<PathBuf>,
    /// How long the new token lives, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..=3_155_760_000))]
    pub ttl: Option<u64>,
    /// Only this secret; may be repeated
    #[arg(long, value_name = "REPO:SECRET")]
    pub target: Vec<String>,
    /// Leave this secret as it is; may be repeated
    #[arg(long, value_name = "REPO:SECRET")]
    pub without: Vec<String>,
    /// One secret of the organisation for chosen repositories, in place of their copies
    #[arg(long)]
    pub organisation: bool,
    /// End this session afterwards, or every former one that was recorded for these secrets
    #[arg(long, value_name = "SESSION|recorded")]
    pub revoke: Vec<String>,
    /// Take e-mail, password and one-time password from WINDLASS_SSO_* off loopback too
    #[arg(long)]
    pub from_env: bool,
}
