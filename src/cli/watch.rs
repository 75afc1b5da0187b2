//! Follows a run on the command line: prints progress to stderr and forwards Ctrl-C to the run.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::args::ProgressForm;
use super::output::Output;
use super::{signals, tables};
use crate::domain::{Problem, ProblemKind, count};
use crate::journal::{RunRecord, StepOutcome};
use crate::plan::{Plan, StepId};
use crate::run::{Phase, RunHandle, RunProgress, StepProgress};

/// Follows a run to its end.
pub async fn follow(mut handle: RunHandle, plan: &Plan, output: &Output) -> Result<RunRecord, Problem> {
    let json_lines = output.progress == ProgressForm::Json;
    let said: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        if !json_lines {
            use std::io::Write;
            let text: &[u8] = b"stopping after the current requests; press Ctrl-C again to stop now and \
                continue later with 'windlass resume'\n";
            drop(std::io::stderr().write_all(text));
        }
    });
    let _guard = signals::Guard::over(handle.cancel.clone(), said);
    let mut teller = Teller::new(plan, output);
    let ended = loop {
        tokio::select! {
            ended = &mut handle.finished => break ended,
            changed = handle.progress.changed() => {
                teller.tell(&handle.progress.borrow_and_update().clone());
                if changed.is_err() {
                    break (&mut handle.finished).await;
                }
                // At most 10 (JSON) or 20 (text) updates a second; the end of the run is reported
                // at once.
                let pause = Duration::from_millis(if json_lines { 100 } else { 50 });
                if let Ok(ended) = tokio::time::timeout(pause, &mut handle.finished).await {
                    break ended;
                }
            }
        }
    };
    teller.tell(&handle.progress.borrow().clone());
    match ended {
        Ok(result) => result,
        Err(error) => Err(Problem::new(
            ProblemKind::Internal,
            format!("run {} was interrupted", handle.id),
        )
        .because(&error)
        .hint(format!("continue with: windlass resume {}", handle.id))),
    }
}

struct Teller<'a> {
    plan: &'a Plan,
    output: &'a Output,
    told: BTreeMap<StepId, StepProgress>,
    terminal: bool,
}

impl<'a> Teller<'a> {
    fn new(plan: &'a Plan, output: &'a Output) -> Self {
        Self {
            plan,
            output,
            told: BTreeMap::new(),
            terminal: std::io::stderr().is_terminal(),
        }
    }

    fn tell(&mut self, picture: &RunProgress) {
        if self.output.progress == ProgressForm::None {
            return;
        }
        for step in &self.plan.steps {
            let Some(now) = picture.steps.get(&step.id) else {
                continue;
            };
            let before = self.told.get(&step.id);
            if before == Some(now) {
                continue;
            }
            if self.output.progress == ProgressForm::Json {
                let line = json!({
                    "schema": "windlass.progress/1", "run": picture.run, "step": step.id,
                    "phase": now.phase, "bytes_done": now.bytes_done, "bytes_total": now.bytes_total,
                    "percent": now.percent(), "rate": now.rate, "retries": now.retries, "note": now.note,
                    "outcome": now.outcome,
                });
                self.output.say(&line.to_string());
            } else if self.worth_a_line(before, now) {
                self.output
                    .say(&line(step.kind.as_str(), step.target.as_str(), now));
            }
            self.told.insert(step.id.clone(), now.clone());
        }
    }

    /// Text shows the start and end of steps; on a terminal also intermediate messages of a
    /// service.
    fn worth_a_line(&self, before: Option<&StepProgress>, now: &StepProgress) -> bool {
        match before {
            Some(before) if before.outcome != now.outcome => true,
            Some(before) if before.retries != now.retries => true,
            Some(before) => self.terminal && before.phase != now.phase && now.phase != Phase::Looking,
            None => now.outcome.is_some(),
        }
    }
}

fn line(kind: &str, target: &str, now: &StepProgress) -> String {
    let mut text = match (now.outcome, now.phase) {
        (Some(outcome), _) => format!("{:<9} {kind} {target}", outcome.as_str()),
        (None, Phase::Processing | Phase::Retrying) => format!("{:<9} {kind} {target}", "waiting"),
        (None, _) => format!("{:<9} {kind} {target}", "sending"),
    };
    if now.bytes_done > 0 {
        text.push_str(&format!(" · {}", tables::bytes(now.bytes_done)));
        // What was already at the target counts too; the result says how much was sent.
        if now.outcome.is_some() {
            text.push_str(" in total");
        }
        if let Some(total) = now.bytes_total.filter(|_| now.outcome.is_none()) {
            text.push_str(&format!(" of {}", tables::bytes(total)));
        }
    }
    if now.retries > 0 {
        let retries = count(now.retries as usize, "retry", "retries");
        text.push_str(&format!(" · {retries}"));
    }
    if let Some(problem) = &now.problem {
        text.push_str(&format!(" · {}", problem.summary));
    } else if let Some(note) = now
        .note
        .as_ref()
        .filter(|_| now.outcome != Some(StepOutcome::Done))
    {
        text.push_str(&format!(" · {note}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_counted_in_words_that_fit() {
        let mut now = StepProgress::default();
        let end = |now: &StepProgress| line("upload", "charm", now);
        now.retries = 1;
        assert!(end(&now).ends_with(" · 1 retry"), "{}", end(&now));
        now.retries = 2;
        assert!(end(&now).ends_with(" · 2 retries"), "{}", end(&now));
    }
}
