//! Installs the one TLS provider and hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: building any HTTP client without a provider panics. A provider that is there
    // already is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    drop(
        color_eyre::config::HookBuilder::default()
            .display_env_section(false)
            .install(),
    );
    windlass::cli::main()
}
