//! Plans an intent, then shows the plan or carries it out: `plan COMMAND` and COMMAND are the same
//! function with another mode.

use secrecy::SecretString;

use super::output::Output;
use super::{Ending, confirm, runs, tables};
use crate::domain::{Problem, Snapshot};
use crate::observe::Inputs;
use crate::plan::{Intent, Plan};
use crate::run::Session;
use crate::services::local_image::PrepareProgress;

/// What is done with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is shown.
    Plan,
    /// It is confirmed and run.
    Apply,
}

/// Plans `intent` and does with the plan what `mode` says.
pub async fn run(session: &Session, intent: &Intent, mode: Mode, output: &Output) -> Ending {
    if mode == Mode::Apply {
        confirm::writable(session, Some(intent))?;
    }
    let plan = planned(session, intent, None, output).await?;
    match mode {
        Mode::Plan => Ok(confirm::show(session, &plan, output)),
        Mode::Apply => {
            let record = confirm::confirmed(session, plan, output).await?;
            Ok(runs::report(session, &record, output))
        }
    }
}

/// Reads what `intent` needs, and plans it. `value` is what the operator supplies for a rotation.
pub async fn planned(
    session: &Session,
    intent: &Intent,
    value: Option<&SecretString>,
    output: &Output,
) -> Result<Plan, Problem> {
    let cached = session.observer.cached();
    planned_from(session, cached, intent, value, output).await.1
}

/// Plans as [`planned`] does, starting from `snapshot`, and returns the new snapshot too.
pub async fn planned_from(
    session: &Session,
    snapshot: Snapshot,
    intent: &Intent,
    value: Option<&SecretString>,
    output: &Output,
) -> (Snapshot, Result<Plan, Problem>) {
    let packing = packing(output);
    let inputs = Inputs {
        value,
        packing: &packing,
    };
    session.plan(snapshot, intent, inputs).await
}

/// Shows on a terminal how much of a local image was read.
pub fn packing(output: &Output) -> impl Fn(PrepareProgress) + Send + Sync + '_ {
    move |progress| {
        output.busy(&match progress {
            PrepareProgress::Exporting {
                bytes,
                total: Some(total),
            } => {
                format!(
                    "reading the image: {} of {}",
                    tables::bytes(bytes),
                    tables::bytes(total)
                )
            }
            PrepareProgress::Exporting { bytes, total: None } => {
                format!("reading the image: {}", tables::bytes(bytes))
            }
            PrepareProgress::Layer { diff, size, known } => {
                let word = if known { "known" } else { "packed" };
                format!("layer {} {word}: {}", diff.short(), tables::bytes(size))
            }
        });
    }
}
