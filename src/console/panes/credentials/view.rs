//! Draws the credentials pane: the expiry of every credential on one time axis, then secrets and
//! sessions.

use chrono::{DateTime, Utc};

use super::state::SessionState;
use super::{Row, SecretRow, SessionRow};
use crate::console::Model;
use crate::console::panes::{Measure, PaneNeed};
use crate::console::state::state;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;
use crate::domain::credential::days_in_short;
use crate::domain::snapshot::SourceStatus;
use crate::domain::{Lineage, SanitizedText};
use crate::plan::axis::Axis;
use crate::plan::credentials::{Alarm, Credential, SecretLocation};

/// From this width on a row shows more than name, bar and days.
const WIDE: usize = 70;

/// Returns the text for a standing.
pub const fn standing_words(standing: SourceStatus) -> &'static str {
    match standing {
        SourceStatus::Known => "known",
        SourceStatus::Stale => "stale",
        SourceStatus::Absent => "none",
        SourceStatus::NoCredential => "no credential",
        SourceStatus::Forbidden => "not accepted",
        SourceStatus::Unknown => "unknown",
        SourceStatus::NotAsked => "not read yet",
    }
}

/// Returns the text for an alarm; `None` if no alarm is needed.
pub const fn alarm_words(alarm: Alarm) -> Option<&'static str> {
    match alarm {
        Alarm::None => None,
        Alarm::Soon => Some("soon"),
        Alarm::Urgent => Some("urgent"),
        Alarm::Critical => Some("critical"),
        Alarm::Over => Some("expired"),
        Alarm::Revoked => Some("revoked"),
    }
}

/// Returns the tone of a credential's expiry.
pub fn tone(credential: &Credential, now: DateTime<Utc>) -> Tone {
    match credential.alarm(now) {
        Alarm::Revoked | Alarm::Over | Alarm::Critical => Tone::Bad,
        Alarm::Urgent | Alarm::Soon => Tone::Warn,
        Alarm::None if credential.facts.expires_at.is_some() => Tone::Good,
        Alarm::None => Tone::Plain,
    }
}

/// Returns the tone of a lineage.
pub const fn lineage_tone(lineage: Lineage) -> Tone {
    match lineage {
        Lineage::Current => Tone::Good,
        Lineage::Older | Lineage::Absent => Tone::Warn,
        Lineage::Foreign | Lineage::Revoked | Lineage::Expired => Tone::Bad,
        Lineage::Unknown => Tone::Dim,
    }
}

const fn lineage_glyph(lineage: Lineage) -> Glyph {
    match lineage {
        Lineage::Current => Glyph::Done,
        Lineage::Older => Glyph::Stale,
        Lineage::Foreign | Lineage::Revoked | Lineage::Expired => Glyph::Warning,
        Lineage::Absent => Glyph::Nothing,
        Lineage::Unknown => Glyph::Unknown,
    }
}

/// Returns the tone of a session's state.
pub const fn session_tone(row: &SessionRow) -> Tone {
    match row.state() {
        SessionState::Revoked | SessionState::Expired => Tone::Dim,
        SessionState::Lost => Tone::Warn,
        SessionState::InUse | SessionState::Valid => Tone::Plain,
    }
}

/// Width of the axis, from the narrowest pane to the widest.
const AXIS: [usize; 3] = [10, 24, 36];
/// Smallest and largest width of a credential's name.
const NAME: (usize, usize) = (15, 26);
/// Width of a session's state with a space after it.
const STATE: usize = 14;
/// Width of a session's days.
const DAYS: usize = 35;
/// Largest width of a repository or of a session's description.
const LONGEST: usize = 60;
/// Columns for the essential part of a row.
const BRIEF: usize = 46;
/// Longest row, in columns; a longer one is cut.
const LONGEST_ROW: usize = 120;

/// Column widths that all rows need, not only the visible ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    name: usize,
    /// The whole row of a credential.
    credential: usize,
    repository: usize,
    /// The repository without the words that all share.
    short: usize,
    secret: usize,
    lineage: usize,
    set: usize,
    session: usize,
}

state!(Needs);

impl Needs {
    /// Returns the columns the pane needs.
    pub fn pane(&self) -> PaneNeed {
        let secret = self.repository + self.secret + self.lineage + self.set + 3;
        let session = if self.session == 0 {
            0
        } else {
            self.session + STATE + DAYS
        };
        let full = self.credential.max(secret).max(session);
        PaneNeed::inside(BRIEF, full.clamp(BRIEF, LONGEST_ROW))
    }

    /// Grows to include `other`.
    pub fn grow(&mut self, other: Self) {
        let grow = |own: &mut usize, other: usize| *own = (*own).max(other);
        grow(&mut self.name, other.name);
        grow(&mut self.credential, other.credential);
        grow(&mut self.repository, other.repository);
        grow(&mut self.short, other.short);
        grow(&mut self.secret, other.secret);
        grow(&mut self.lineage, other.lineage);
        grow(&mut self.set, other.set);
        grow(&mut self.session, other.session);
    }
}

/// Measures the rows.
pub fn measure(model: &mut Model, measure: Measure) {
    let needs = needs(model);
    let known = model.state_mut::<Needs>();
    if measure == Measure::Again {
        *known = Needs::default();
    }
    known.grow(needs);
}

/// Returns the widths that the rows need, each column with a space after it.
pub fn needs(model: &Model) -> Needs {
    let mut needs = Needs::default();
    let rows = model.credential_rows().rows();
    let grow = |own: &mut usize, columns: usize| *own = (*own).max(columns);
    for row in rows {
        match row {
            Row::Credential { credential, .. } => {
                grow(&mut needs.name, words::width(credential.facts.name.as_str()) + 1);
            }
            Row::Secret(row) => {
                grow(
                    &mut needs.repository,
                    words::width(row.target.repository.as_str()) + 3,
                );
                grow(&mut needs.short, words::width(&row.short) + 3);
                grow(&mut needs.secret, words::width(row.target.secret.as_str()) + 1);
                let (word, _) = lineage_word(model, row);
                grow(&mut needs.lineage, words::width(&word) + 1);
                grow(&mut needs.set, words::width(&set_words(row)));
            }
            Row::Session(row) => grow(&mut needs.session, words::width(who(row)) + 3),
            Row::Trouble { .. } | Row::Group { .. } => {}
        }
    }
    needs.repository = needs.repository.min(LONGEST);
    needs.session = needs.session.min(LONGEST);
    let shape = (needs.name.clamp(NAME.0, NAME.1), AXIS[1]);
    for row in rows {
        if let Row::Credential { credential, .. } = row {
            let mut cells = Cells::new(LONGEST_ROW);
            credential_row(model, credential, shape, true, &mut cells);
            grow(&mut needs.credential, cells.used());
        }
    }
    needs
}

/// Returns the width of the name, and of the axis after it.
fn columns(model: &Model, width: usize) -> (usize, usize) {
    let needs = model.state::<Needs>();
    let [short, usual, long] = AXIS;
    if width < WIDE {
        return (NAME.0, short);
    }
    let more = long - usual;
    let axis = if width >= (needs.credential + more).max(100) {
        long
    } else {
        usual
    };
    (needs.name.clamp(NAME.0, NAME.1), axis)
}

/// Returns the scale of the axis, above the bars.
pub fn heading(model: &Model, width: usize) -> Cells {
    let (name, axis) = columns(model, width.saturating_sub(2));
    let mut cells = Cells::new(width);
    cells.put("  expires in", name + 2, Tone::Dim);
    cells.push(Piece::new(model.state::<Axis>().scale(axis), Tone::Dim));
    cells
}

/// Returns the cells of one row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    match row {
        Row::Credential { credential, .. } => {
            credential_row(
                model,
                credential,
                columns(model, width),
                width >= WIDE,
                &mut cells,
            );
        }
        Row::Trouble { problem, tone, .. } => {
            let glyph = model.setting.look.glyph(Glyph::Warning);
            cells.push(Piece::new(format!("  {glyph} {}", problem.summary), *tone));
        }
        Row::Group {
            title, words, tone, ..
        } => {
            cells.put(title, 10, Tone::Strong);
            cells.push(Piece::new(words.clone(), *tone));
        }
        Row::Secret(row) => secret_row(model, row, width, &mut cells),
        Row::Session(row) => session_row(model, row, width, &mut cells),
    }
    cells
}

fn credential_row(
    model: &Model,
    credential: &Credential,
    (name, axis): (usize, usize),
    with_origin: bool,
    cells: &mut Cells,
) {
    let look = &model.setting.look;
    let facts = &credential.facts;
    cells.put(facts.name.as_str(), name, Tone::Strong);
    let tone = tone(credential, model.now);
    let remaining = match facts.expires_at {
        _ if credential.revoked_at.is_some() => {
            cells.push(Piece::new(look.bar_of(0, axis), tone));
            String::new()
        }
        Some(end) => {
            let filled = model.state::<Axis>().cells(end - model.now, axis);
            cells.push(Piece::new(look.bar_of(filled, axis), tone));
            words::remaining(model.now, end)
        }
        None if facts.kind.as_str() == "registry" => {
            cells.put("", axis, Tone::Plain);
            "login".to_owned()
        }
        None => {
            cells.put("", axis, Tone::Plain);
            if facts.source.as_str().is_empty() {
                "unknown".to_owned()
            } else {
                "no expiry".to_owned()
            }
        }
    };
    let sign = look.glyph(Glyph::Warning);
    let alarm = alarm_words(credential.alarm(model.now));
    let alarm = alarm.map_or_else(String::new, |word| format!(" {sign}{word}"));
    if !remaining.is_empty() {
        cells.push(Piece::new(
            fitting(credential, model.now, remaining, cells.left()),
            tone,
        ));
    }
    // The tone and the sign say it too where the word has no place.
    if words::width(&alarm) <= cells.left() {
        cells.push(Piece::new(alarm, tone));
    } else if !alarm.is_empty() {
        cells.push(Piece::new(format!(" {sign}"), tone));
    }
    if !with_origin {
        return;
    }
    let dot = look.glyph(Glyph::Dot);
    let mut more: Vec<&str> = Vec::new();
    if facts.expires_at.is_some() {
        more.push(facts.expires_from.describe(facts.kind.as_str()));
    }
    more.extend(facts.account.as_ref().map(SanitizedText::as_str));
    more.extend(Some(facts.source.as_str()).filter(|text| !text.is_empty()));
    let mut text = String::new();
    for part in more {
        text.push_str(&format!(" {dot} {part}"));
    }
    cells.push(Piece::new(text, Tone::Dim));
}

/// Returns how long a credential is valid within `columns`: a number is shortened, never cut.
fn fitting(credential: &Credential, now: DateTime<Utc>, remaining: String, columns: usize) -> String {
    if words::width(&remaining) < columns {
        return format!(" {remaining}");
    }
    match credential.facts.days_left(now) {
        Some(days) => format!(" {}", days_in_short(days)),
        None => format!(" {remaining}"),
    }
}

fn lineage_word(model: &Model, row: &SecretRow) -> (String, Tone) {
    let lineage = row.status.lineage;
    let glyph = model.setting.look.glyph(lineage_glyph(lineage));
    let word = if row.read { lineage.as_str() } else { "not read" };
    (format!("{glyph} {word}"), lineage_tone(lineage))
}

/// Describes when the secret was set.
fn set_words(row: &SecretRow) -> String {
    let status = &row.status;
    match (status.updated_at, &status.location) {
        _ if !row.read => String::new(),
        (Some(at), Some(SecretLocation::Organisation(_))) => format!("set {} org", words::day(at)),
        (Some(at), _) => format!("set {}", words::day(at)),
        (None, _) if status.lineage == Lineage::Absent => "not set".to_owned(),
        (None, _) => "not read".to_owned(),
    }
}

/// Draws a secret: with the full repository name if it fits, else without the shared words, and
/// finally without the day.
fn secret_row(model: &Model, row: &SecretRow, width: usize, cells: &mut Cells) {
    let needs = model.state::<Needs>();
    let (word, tone) = lineage_word(model, row);
    let with_day = needs.secret + needs.lineage + needs.set;
    let (repository, columns, day) = if width >= needs.repository + with_day {
        (row.target.repository.as_str(), needs.repository, true)
    } else {
        let day = width >= needs.short + with_day;
        let room = width.saturating_sub(needs.secret + needs.lineage.saturating_sub(1));
        (row.short.as_str(), needs.short.min(room), day)
    };
    // Columns are separated if there is space for it.
    let gap = usize::from(day && width >= columns + with_day + 3);
    cells.put(&format!("  {repository}"), columns + gap, Tone::Plain);
    cells.put(row.target.secret.as_str(), needs.secret + gap, Tone::Plain);
    if day {
        cells.put(&word, needs.lineage + gap, tone);
        cells.push(Piece::new(set_words(row), Tone::Dim));
    } else {
        cells.push(Piece::new(word, tone));
    }
}

/// Returns who created the session, as described by its creator.
fn who(row: &SessionRow) -> &str {
    let description = row.facts.description.as_ref();
    description.map_or("no description", SanitizedText::as_str)
}

fn session_row(model: &Model, row: &SessionRow, width: usize, cells: &mut Cells) {
    let look = &model.setting.look;
    let facts = &row.facts;
    let who = who(row);
    let tone = session_tone(row);
    let glyph = match row.state() {
        SessionState::Lost => Glyph::Warning,
        SessionState::Revoked | SessionState::Expired => Glyph::Stopped,
        SessionState::InUse | SessionState::Valid => Glyph::Known,
    };
    let word = format!("{} {}", look.glyph(glyph), row.state().word());
    let day = |at: Option<DateTime<Utc>>| at.map_or_else(|| "?".to_owned(), words::day);
    let needed = model.state::<Needs>().session;
    if width < WIDE {
        let room = width.saturating_sub(STATE + 11);
        cells.put(&format!("  {who}"), room, tone);
        cells.put(&word, STATE, tone);
        cells.push(Piece::new(day(facts.until), Tone::Dim));
        return;
    }
    let room = width.saturating_sub(STATE + DAYS).min(needed);
    cells.put(&format!("  {who}"), room, tone);
    cells.put(&word, STATE, tone);
    cells.push(Piece::new(
        format!("since {}  until {}", day(facts.since), day(facts.until)),
        Tone::Dim,
    ));
}
