//! Rows of the activity pane: the journal's runs and those of this console, newest first.
//!
//! Must not draw.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::console::listing::Keyed;
use crate::console::live::{self, Live, State};
use crate::journal::{RunId, RunRecord};

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The run.
    pub run: RunId,
    /// What it does.
    pub title: String,
    /// When it began; unknown until the journal was read.
    pub started_at: Option<DateTime<Utc>>,
    /// How it stands.
    pub state: State,
    /// Whole per cent of its steps, while it goes on.
    pub percent: Option<u8>,
}

impl Keyed for Row {
    fn key(&self) -> &str {
        &self.run.0
    }

    fn words(&self) -> String {
        format!("{} {} {}", self.title, self.state.word(), self.run)
    }
}

/// All rows.
pub fn rows(runs: &[RunRecord], live: &BTreeMap<RunId, Live>) -> Vec<Row> {
    let known: BTreeSet<&RunId> = runs.iter().map(|run| &run.id).collect();
    let mut rows: Vec<Row> = live
        .iter()
        .rev()
        .filter(|(run, _)| !known.contains(run))
        .map(|(run, heard)| Row {
            run: run.clone(),
            title: heard.plan.title.clone(),
            started_at: None,
            state: live::state(Some(heard), None),
            percent: percent(heard),
        })
        .collect();
    rows.extend(runs.iter().map(|record| {
        let heard = live.get(&record.id);
        Row {
            run: record.id.clone(),
            title: record.plan.title.clone(),
            started_at: Some(record.started_at),
            state: live::state(heard, Some(record)),
            percent: heard.filter(|heard| !heard.ended).and_then(percent),
        }
    }));
    rows
}

fn percent(live: &Live) -> Option<u8> {
    let progress = live.progress.as_ref()?;
    let total = live.plan.steps.len().max(1);
    let done = progress
        .steps
        .values()
        .filter(|step| step.outcome.is_some())
        .count();
    Some(((done * 100 / total).min(99)) as u8)
}
