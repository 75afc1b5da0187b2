//! Installs the TLS provider and starts the command line.

use std::process::ExitCode;

use windlass::{cli, console};

fn main() -> ExitCode {
    // Must run first: building an HTTP client without a provider panics. A provider that is already
    // installed works as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    cli::main(cli::Console {
        open: |session, opening| {
            let options = console::ConsoleOptions {
                plain: opening.plain,
                no_color: opening.no_color,
                demo: opening.demo,
                record: opening.record,
                lent: Some(opening.lent),
            };
            Box::pin(console::run(session, options))
        },
        restore_terminal: console::restore_terminal,
        check_keys: |wishes| console::actions::Keymap::with(wishes).map(drop),
        key_page: console::registry::key_page,
        picture: |scene, workspace, facts| {
            let scene = match scene {
                cli::Scene::Panes => console::picture::Scene::Panes,
                cli::Scene::Review => console::picture::Scene::Review,
                cli::Scene::Run => console::picture::Scene::Run,
            };
            console::picture::picture(scene, workspace, facts)
        },
    })
}
