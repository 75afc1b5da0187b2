//! `demo`: starts the demo environment and opens the console in it, or only runs its servers.

use std::time::Duration;

use super::args::{Demo, Global};
use super::environment::Environment;
use super::output::Output;
use super::{Ending, Face, Opening};
use crate::demo::{self, Options, World};

/// Starts the demo environment, and serves it or opens the console in it.
pub async fn run(global: &Global, wish: &Demo, console: Face, output: &Output) -> Ending {
    let dir = match &wish.state {
        Some(dir) => dir.clone(),
        None => Environment::process().folders()?.0.join("demo"),
    };
    let lag = Duration::try_from_secs_f64(wish.serve_lag).unwrap_or_default();
    let options = Options {
        dir: dir.clone(),
        fresh: wish.fresh,
        seed: wish.seed,
        image_size: wish.image_size,
        faults: wish.faults.clone(),
        serve_lag: lag,
    };
    if wish.serve {
        let file = wish.env_file.clone().unwrap_or_else(|| dir.join("environment"));
        demo::serve(&options, &file).await?;
        return Ok(0);
    }
    let own = dir.join("windlass");
    if wish.fresh && own.exists() {
        std::fs::remove_dir_all(&own).map_err(|error| {
            crate::domain::Problem::new(
                crate::domain::ProblemKind::Machine,
                "cannot remove the demo's journal",
            )
            .because(&error)
        })?;
    }
    let world = World::start(&options).await?;
    let environment = Environment::demo(world.environment(), own);
    let session = environment.session(global, output)?;
    output.say(&format!(
        "The demo environment runs on 127.0.0.1 with made-up data; its files are in {}.",
        crate::domain::SanitizedText::new(dir.display().to_string())
    ));
    let ended = console(session, Opening::of(global, true)).await;
    world.stop().await;
    ended.map(|()| 0)
}
