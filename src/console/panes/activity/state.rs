//! Builds the rows of the activity pane: runs of the journal and of this console, newest first.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::console::Model;
use crate::console::listing::{Keyed, Listing};
use crate::console::live::{self, Live, State};
use crate::console::queue::Queue;
use crate::console::sorting::{SortColumn, SortValue};
use crate::console::state::state;
use crate::console::words;
use crate::journal::{RunId, RunRecord};

/// A row of the activity pane.
#[derive(Clone, Debug)]
pub struct Row {
    /// The run.
    pub run: RunId,
    /// Its title.
    pub title: String,
    /// When it began; `None` until the journal was read.
    pub started_at: Option<DateTime<Utc>>,
    /// Its state.
    pub state: State,
    /// Progress in whole per cent, while it is running.
    pub percent: Option<u8>,
}

state!(Listing<Row>);

impl Model {
    /// Returns the rows of the activity pane.
    pub fn run_rows(&self) -> &Listing<Row> {
        self.state()
    }

    /// Returns the rows of the activity pane for changes.
    pub fn run_rows_mut(&mut self) -> &mut Listing<Row> {
        self.state_mut()
    }
}

impl Keyed for Row {
    fn key(&self) -> &str {
        &self.run.0
    }

    fn words(&self) -> String {
        format!("{} {} {}", self.title, self.state.word(), self.run)
    }

    fn details(&self) -> String {
        self.started_at.map(words::minute).unwrap_or_default()
    }

    fn sort_columns() -> &'static [SortColumn] {
        const {
            &[
                SortColumn::newest("started"),
                SortColumn::words("state"),
                SortColumn::words("title"),
            ]
        }
    }

    fn sort_value(&self, column: usize) -> Option<SortValue> {
        match column {
            0 => self.started_at.map(SortValue::Time),
            1 => Some(SortValue::Text(self.state.word().to_owned())),
            _ => Some(SortValue::Text(self.title.clone())),
        }
    }
}

/// Returns all rows.
pub fn rows(runs: &[RunRecord], live: &BTreeMap<RunId, Live>, queue: &Queue) -> Vec<Row> {
    let known: BTreeSet<&RunId> = runs.iter().map(|run| &run.id).collect();
    // The plan that is next in the queue is listed next to the running one.
    let waiting = queue.waiting().iter().rev().map(|one| Row {
        run: one.place.clone(),
        title: one.plan.title.clone(),
        started_at: None,
        state: one.state(),
        percent: None,
    });
    let mut rows: Vec<Row> = waiting.collect();
    let fresh = live
        .iter()
        .rev()
        .filter(|(run, _)| !known.contains(run))
        .map(|(run, heard)| Row {
            run: run.clone(),
            title: heard.plan.title.clone(),
            started_at: None,
            state: live::state(Some(heard), None),
            percent: Live::percent(heard).filter(|_| !heard.ended),
        });
    rows.extend(fresh);
    rows.extend(runs.iter().map(|record| {
        let heard = live.get(&record.id);
        Row {
            run: record.id.clone(),
            title: record.plan.title.clone(),
            started_at: Some(record.started_at),
            state: live::state(heard, Some(record)),
            percent: heard.filter(|heard| !heard.ended).and_then(Live::percent),
        }
    }));
    rows
}
