//! Runs the demo world: `windlass demo --serve --state DIR --env-file FILE …`.

use std::path::PathBuf;
use std::process::ExitCode;

use windlass::demo::{self, Options};

fn main() -> ExitCode {
    let mut options = Options::in_dir("demo-world");
    let mut env_file = PathBuf::from("demo-world.env");
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--state" => options.dir = value().into(),
            "--env-file" => env_file = value().into(),
            "--seed" => options.seed = value().parse().unwrap_or(1),
            "--image-size" => options.image_size = value().parse().unwrap_or(1 << 20),
            "--faults" => options.faults = Some(value().into()),
            "--fresh" => options.fresh = true,
            _ => {}
        }
    }
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return ExitCode::FAILURE;
    };
    match runtime.block_on(demo::serve(&options, &env_file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            use std::io::Write;
            drop(writeln!(std::io::stderr(), "{problem:?}"));
            ExitCode::from(problem.kind.exit_code())
        }
    }
}
