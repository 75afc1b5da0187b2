//! Maintains an index of the channel rows that plans change, so that a rollback reads only the runs
//! of one row instead of the whole journal.

use rusqlite::{Connection, OptionalExtension, params};

use super::record::RunId;
use super::store::Journal;
use crate::domain::{Base, Channel, ChannelChange, CharmName, Problem};
use crate::plan::{Op, Plan};

/// A row of the channel map that a run may have changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TouchedRow {
    charm: String,
    channel: String,
    base: String,
}

/// A run that may have changed a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    pub(super) run: RunId,
    /// When it was last started or resumed.
    pub(super) begun_at: String,
}

impl TouchedRow {
    fn new(charm: &CharmName, channel: &Channel, base: Option<&Base>) -> Self {
        Self {
            charm: charm.to_string(),
            channel: channel.to_string(),
            base: base.map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Returns true if `change` changes this row.
    pub(super) fn is_of(&self, change: &ChannelChange) -> bool {
        *self == Self::new(&change.charm, &change.channel, change.base.as_ref())
    }
}

/// Returns the rows that the steps of `plan` change.
fn rows(plan: &Plan) -> Vec<TouchedRow> {
    let mut rows = Vec::new();
    for step in &plan.steps {
        match &step.op {
            Op::Release { charm, moves } => rows.extend(
                moves
                    .iter()
                    .map(|planned| TouchedRow::new(charm, &planned.channel, planned.base.as_ref())),
            ),
            Op::Close {
                charm,
                channel,
                before,
            } => rows.extend(
                before
                    .iter()
                    .map(|(base, _)| TouchedRow::new(charm, channel, base.as_ref())),
            ),
            Op::ReleaseBundle { bundle, channel, .. } => rows.push(TouchedRow::new(bundle, channel, None)),
            _ => {}
        }
    }
    rows
}

/// Stores the rows of a run that is started or resumed `at`, and those of the `replaced` changes of
/// its earlier plans.
pub(super) fn keep(
    connection: &Connection,
    environment: &str,
    run: &str,
    plan: &Plan,
    replaced: &[ChannelChange],
    at: &str,
) -> rusqlite::Result<()> {
    let replaced = replaced
        .iter()
        .map(|change| TouchedRow::new(&change.charm, &change.channel, change.base.as_ref()));
    let mut insert = connection.prepare_cached(
        "INSERT INTO touched_row (environment, charm, channel, base, run, begun_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (run, charm, channel, base) DO NOTHING",
    )?;
    for row in rows(plan).into_iter().chain(replaced) {
        insert.execute(params![environment, row.charm, row.channel, row.base, run, at])?;
    }
    connection.execute(
        "UPDATE touched_row SET begun_at = ?2 WHERE run = ?1",
        params![run, at],
    )?;
    Ok(())
}

/// Fills the index from the runs of a journal with an older schema, one at a time.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut runs = connection.prepare("SELECT id, environment, plan, started_at FROM run")?;
    let mut earlier = connection.prepare("SELECT change FROM earlier_change WHERE run = ?1")?;
    let mut resumed = connection.prepare("SELECT max(started_at) FROM step WHERE run = ?1")?;
    let mut found = runs.query([])?;
    while let Some(row) = found.next()? {
        let (id, environment): (String, String) = (row.get(0)?, row.get(1)?);
        let Ok(plan) = serde_json::from_str::<Plan>(&row.get::<_, String>(2)?) else {
            continue;
        };
        let replaced: Vec<ChannelChange> = earlier
            .query_map(params![id], |row| row.get::<_, String>(0))?
            .filter_map(|text| serde_json::from_str(&text.ok()?).ok())
            .collect();
        // The time of resuming is not recorded; the last step started no earlier.
        let last: Option<String> = resumed.query_row(params![id], |row| row.get(0))?;
        let begun = last.map_or_else(|| row.get(3), Ok)?;
        keep(connection, &environment, &id, &plan, &replaced, &begun)?;
    }
    Ok(())
}

impl Journal {
    /// Returns the rows that a run may have changed.
    pub(super) fn rows_of(&self, run: &RunId) -> Result<Vec<TouchedRow>, Problem> {
        self.touched_rows(
            "SELECT charm, channel, base FROM touched_row WHERE environment = ?1 AND run = ?2",
            params![self.environment, run.0],
        )
    }

    /// Returns the rows of `charm` that runs may have changed: those of `channels`, or all.
    pub(super) fn rows_of_charm(
        &self,
        charm: &CharmName,
        channels: &[Channel],
    ) -> Result<Vec<TouchedRow>, Problem> {
        const NEXT: &str = "SELECT charm, channel, base FROM touched_row
             WHERE environment = ?1 AND charm = ?2 AND (channel, base) > (?3, ?4)
             ORDER BY channel, base LIMIT 1";
        // Steps from row to row through the index, past the many runs of each.
        let mut rows: Vec<TouchedRow> = Vec::new();
        loop {
            let after = rows.last().cloned().unwrap_or_else(|| TouchedRow {
                charm: charm.to_string(),
                channel: String::new(),
                base: String::new(),
            });
            let next = params![self.environment, after.charm, after.channel, after.base];
            match self.touched_rows(NEXT, next)?.pop() {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        if !channels.is_empty() {
            let names: Vec<String> = channels.iter().map(ToString::to_string).collect();
            rows.retain(|row| names.contains(&row.channel));
        }
        Ok(rows)
    }

    fn touched_rows(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<TouchedRow>, Problem> {
        let connection = self.reading()?;
        let read = || {
            connection
                .prepare_cached(sql)?
                .query_map(values, |row| {
                    Ok(TouchedRow {
                        charm: row.get(0)?,
                        channel: row.get(1)?,
                        base: row.get(2)?,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.broken(&error))
    }

    /// Returns the last run that touched `row` before `touch`, or the last of all.
    pub(super) fn touch_before(
        &self,
        row: &TouchedRow,
        touch: Option<&Touch>,
    ) -> Result<Option<Touch>, Problem> {
        let connection = self.reading()?;
        let (begun_at, run) = touch.map_or(("~", ""), |touch| (&touch.begun_at, &touch.run.0));
        let read = || {
            connection
                .prepare_cached(TOUCH_BEFORE)?
                .query_row(
                    params![self.environment, row.charm, row.channel, row.base, begun_at, run],
                    |row| {
                        Ok(Touch {
                            run: RunId(row.get(0)?),
                            begun_at: row.get(1)?,
                        })
                    },
                )
                .optional()
        };
        read().map_err(|error| self.broken(&error))
    }
}

/// Two runs on one charm do not overlap; those that started in the same millisecond are ordered by
/// id.
const TOUCH_BEFORE: &str = "SELECT run, begun_at FROM touched_row
     WHERE environment = ?1 AND charm = ?2 AND channel = ?3 AND base = ?4 AND (begun_at, run) < (?5, ?6)
     ORDER BY begun_at DESC, run DESC LIMIT 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_of_a_row_are_found_by_index() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "w").unwrap();
        let connection = journal.connection();
        let plan: Vec<String> = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {TOUCH_BEFORE}"))
            .unwrap()
            .query_map(params!["w", "a", "b", "c", "d", "e"], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(plan.len(), 1, "no sorting: {plan:?}");
        assert!(plan[0].contains("touched_row_by_time"), "{plan:?}");
        assert!(plan[0].starts_with("SEARCH"), "{plan:?}");
    }
}
