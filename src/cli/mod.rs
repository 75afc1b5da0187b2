//! The command line: a command for every action of the console.
//!
//! Handles arguments, text and JSON output, prompts, signals and exit codes. stdout carries the
//! answer, stderr everything else. Must not depend on the console: the caller of [`main`] passes it
//! in.

mod actions_job;
mod args;
mod candidates;
mod carry_out;
mod completions;
mod config_new;
mod confirm;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod documents;
mod environment;
pub mod examples;
mod generate;
mod login;
mod man;
mod output;
mod pairs;
mod prompt;
mod publish;
mod registry_login;
mod rotate;
mod runs;
mod secret_file;
mod show;
mod signals;
mod standing;
mod tables;
mod times;
mod transfer;
mod upload;
mod watch;
mod workflow;

use std::pin::Pin;
use std::process::ExitCode;

use crate::config::{KeyWish, Workspace};
use crate::domain::{Problem, ProblemKind};
use crate::run::Session;
use args::{Cli, Command, Plannable};
use carry_out::Mode;
use environment::Environment;
pub use generate::Scene;
use output::Output;

/// How the console is opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Without borders and in ASCII.
    pub plain: bool,
    /// Without colours.
    pub no_color: bool,
    /// In the demo environment.
    pub demo: bool,
    /// The file to record everything that happens in.
    pub record: Option<std::path::PathBuf>,
    /// Above zero while Ctrl-C is typed to another program.
    pub lent: &'static std::sync::atomic::AtomicUsize,
}

impl Opening {
    /// Returns what the options request.
    fn of(global: &args::Global, demo: bool) -> Self {
        Self {
            plain: global.plain,
            no_color: global.no_color,
            demo,
            record: global.record.clone(),
            lent: &signals::LENT,
        }
    }
}

/// Opens the console on a session and returns when its operator quits.
pub type Face = fn(Session, Opening) -> Pin<Box<dyn Future<Output = Result<(), Problem>>>>;

/// What the command line needs of the console.
#[derive(Clone, Copy)]
pub struct Console {
    /// Opens the console.
    pub open: Face,
    /// Restores the terminal without waiting for it, in a process that is about to end.
    pub restore_terminal: fn(),
    /// Returns an error if the user's keys are not valid.
    pub check_keys: fn(&[KeyWish]) -> Result<(), Problem>,
    /// Every action with its keys, as Markdown.
    pub key_page: fn() -> String,
    /// Renders the console as SVG, from the facts of a workspace.
    pub picture: fn(Scene, &Workspace, &str) -> Result<String, Problem>,
}

/// How a command ended: the exit code, or why it could not start.
type Ending = Result<u8, Problem>;

/// Parses the arguments, runs the command and maps its result to an exit code. Opens `console` if
/// no command is named.
pub fn main(console: Console) -> ExitCode {
    if let Some(ended) = completions::complete() {
        return ended;
    }
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => {
            let said = error.to_string();
            let clean = crate::domain::text::lines(&said);
            let clean: Vec<String> = clean.map(|line| line.to_string()).collect();
            if said.lines().eq(clean.iter().map(String::as_str)) {
                drop(error.print());
            } else {
                // Typed text may contain control characters.
                Output::new(&args::Global::default()).say(&clean.join("\n"));
            }
            if !error.use_stderr() {
                return ExitCode::SUCCESS;
            }
            let missing = error.get(clap::error::ContextKind::InvalidArg);
            let named = match (error.kind(), missing) {
                // They are on separate lines.
                (
                    clap::error::ErrorKind::MissingRequiredArgument,
                    Some(clap::error::ContextValue::Strings(names)),
                ) => format!(" {}", names.join(", ")),
                _ => String::new(),
            };
            let line = said.lines().next().unwrap_or_default();
            let line = format!("{}{named}", line.strip_prefix("error: ").unwrap_or(line));
            let problem = Problem::new(ProblemKind::Usage, line)
                .hint("run 'windlass help' or 'windlass help COMMAND' for usage");
            Output::new(&args::Global::of_words(std::env::args_os())).problem(&problem);
            return ExitCode::from(problem.kind.exit_code());
        }
    };
    log(cli.global.verbose);
    let output = Output::new(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .thread_stack_size(STACK)
        // A thread kept for later work would wake an idle console just to exit.
        .thread_keep_alive(std::time::Duration::from_millis(500))
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return output
                .fail(&Problem::new(ProblemKind::Machine, "cannot start the runtime").because(&error));
        }
    };
    signals::force_exit_when_blocked(console.restore_terminal);
    let ended = runtime.block_on(signals::until_interrupted(dispatch(cli, console, &output)));
    // A password prompt interrupted by a signal leaves the terminal without echo.
    drop(crossterm::terminal::disable_raw_mode());
    runtime.shutdown_background();
    output.end(ended.as_ref().err());
    match ended {
        Ok(0) if output.lost() => ExitCode::FAILURE,
        Ok(code) => ExitCode::from(code),
        Err(problem) => output.fail(&problem),
    }
}

/// Stack of each thread, in bytes: planning and runs recurse deeply, above all in a debug build.
const STACK: usize = 8 * 1024 * 1024;

/// Returns the number of threads that move bytes, besides the one that reports progress. Every
/// chunk of a blob wakes the task that sends it; if that task is on another thread, both pay for
/// the wake-up. Half of the processors saturate any network, the other half is left to the kernel
/// and, on one machine, to the registry.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).clamp(1, 4))
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "windlass=info",
        _ => "windlass=debug",
    };
    let filter = tracing_subscriber::EnvFilter::new(level);
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
    drop(started);
}

async fn dispatch(cli: Cli, console: Console, output: &Output) -> Ending {
    let global = &cli.global;
    let process = Environment::process();
    match cli.command {
        None => {
            let session = process.quiet_session(global)?;
            (console.open)(session, Opening::of(global, false)).await?;
            Ok(0)
        }
        #[cfg(feature = "demo")]
        Some(Command::Demo(demo)) => demo::run(global, &demo, console.open, output).await,
        #[cfg(not(feature = "demo"))]
        Some(Command::Demo(_)) => Err(Problem::new(
            ProblemKind::Usage,
            "this build of windlass has no demo environment",
        )
        .hint("install a build that has it: cargo install --locked --path .")),
        Some(Command::Status) => show::status(&process.session(global, output)?, output).await,
        Some(Command::Releases) => show::releases(&process.session(global, output)?, output).await,
        Some(Command::Charms) => show::charms(&process.session(global, output)?, output).await,
        Some(Command::Channels) => show::channels(&process.session(global, output)?, output).await,
        Some(Command::Credentials(wish)) => {
            show::credentials(&process.session(global, output)?, &wish, output).await
        }
        Some(Command::Login(wish)) => match &wish.registry {
            Some(host) => {
                let user = wish.username.as_deref();
                registry_login::registry(&process.session(global, output)?, host, user, output).await
            }
            None => write(&process, global, Plannable::Login(wish), Mode::Apply, output).await,
        },
        Some(Command::Logout { registry }) => {
            login::logout(&process.session(global, output)?, registry.as_deref(), output).await
        }
        Some(Command::Plan { what }) => write(&process, global, what, Mode::Plan, output).await,
        Some(Command::Publish(wish)) => {
            write(&process, global, Plannable::Publish(wish), Mode::Apply, output).await
        }
        Some(Command::Promote(wish)) => {
            write(&process, global, Plannable::Promote(wish), Mode::Apply, output).await
        }
        Some(Command::Rollback(wish)) => {
            write(&process, global, Plannable::Rollback(wish), Mode::Apply, output).await
        }
        Some(Command::Hold { release }) => {
            write(&process, global, Plannable::Hold { release }, Mode::Apply, output).await
        }
        Some(Command::Unhold { release }) => {
            write(
                &process,
                global,
                Plannable::Unhold { release },
                Mode::Apply,
                output,
            )
            .await
        }
        Some(Command::Rotate(wish)) => {
            write(&process, global, Plannable::Rotate(wish), Mode::Apply, output).await
        }
        Some(Command::Revoke { sessions }) => {
            write(
                &process,
                global,
                Plannable::Revoke { sessions },
                Mode::Apply,
                output,
            )
            .await
        }
        Some(Command::UploadResource(wish)) => {
            write(
                &process,
                global,
                Plannable::UploadResource(wish),
                Mode::Apply,
                output,
            )
            .await
        }
        Some(Command::Copy(wish)) => {
            write(&process, global, Plannable::Copy(wish), Mode::Apply, output).await
        }
        Some(Command::Release(wish)) => {
            write(&process, global, Plannable::Release(wish), Mode::Apply, output).await
        }
        Some(Command::Close(wish)) => {
            write(&process, global, Plannable::Close(wish), Mode::Apply, output).await
        }
        Some(Command::Whoami) => show::whoami(&process.session(global, output)?, output).await,
        Some(Command::Resolve { images, to }) => {
            show::resolve(&process, global, &images, to.as_deref(), output).await
        }
        Some(Command::Diff { from, to }) => show::diff(&process, global, &from, &to, output).await,
        Some(Command::Runs) => runs::list(&process.session(global, output)?, output),
        Some(Command::Resume { run, from_env }) => {
            runs::resume(&process, global, run.as_deref(), from_env, output).await
        }
        Some(Command::Workflow(wish)) => {
            workflow::workflow(&process.session(global, output)?, &wish, output).await
        }
        Some(Command::Doctor {
            set_journal_aside: true,
        }) => doctor::set_journal_aside(&process, global, output).await,
        Some(Command::Doctor { .. }) => doctor::doctor(&process.session(global, output)?, output).await,
        Some(Command::Completions { shell }) => completions::completions(shell, output),
        Some(Command::Man { out }) => man::man(out.as_deref(), output),
        Some(Command::Config {
            what: args::ConfigWhat::New(wish),
        }) => config_new::new(&wish, output).await,
        Some(Command::Config { what }) => {
            let keys = (console.check_keys)(&process.key_wishes());
            match (process.config(global), keys) {
                (Ok(_), Ok(())) => {}
                (Err(problem), Ok(())) | (Ok(_), Err(problem)) => return Err(problem),
                (Err(problem), Err(keys)) => return Err(problem.and(keys)),
            }
            show::config(&process, global, &what, output)
        }
        Some(Command::Generate { what }) => {
            let workspace = || Ok(process.config(global)?.workspace);
            generate::generate(&what, console, workspace, output)?;
            Ok(0)
        }
    }
}

/// Plans a writing command and does with the plan what `mode` says.
async fn write(
    process: &Environment,
    global: &args::Global,
    command: Plannable,
    mode: Mode,
    output: &Output,
) -> Ending {
    let intent = match command {
        Plannable::Rotate(wish) => return rotate::run(process, global, &wish, mode, output).await,
        Plannable::Login(wish) => return login::run(process, global, &wish, mode, output).await,
        Plannable::Publish(wish) => {
            return publish::run(&process.session(global, output)?, &wish, mode, output).await;
        }
        Plannable::UploadResource(wish) => {
            return upload::run(&process.session(global, output)?, &wish, mode, output).await;
        }
        Plannable::Workflow(wish) => {
            return workflow::plan(&process.session(global, output)?, &wish, output).await;
        }
        Plannable::Promote(wish) => standing::promote(&wish)?,
        Plannable::Rollback(wish) => standing::rollback(&wish)?,
        Plannable::Hold { release } => standing::hold(&release, true)?,
        Plannable::Unhold { release } => standing::hold(&release, false)?,
        Plannable::Revoke { sessions } => rotate::revoke(&sessions),
        Plannable::Copy(wish) => transfer::copy(&wish)?,
        Plannable::Release(wish) => transfer::release(&wish)?,
        Plannable::Close(wish) => transfer::close(&wish)?,
    };
    carry_out::run(&process.session(global, output)?, &intent, mode, output).await
}
