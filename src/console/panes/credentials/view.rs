//! Draws the credentials pane: the end of every credential on one axis of time, then secrets and
//! sessions.

use chrono::{DateTime, Utc};

use super::details::said_by;
use super::{Row, SecretRow, SessionRow};
use crate::console::Model;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;
use crate::domain::snapshot::Standing;
use crate::domain::{Lineage, Outside};
use crate::plan::credentials::{Alarm, Credential, SecretLocation};

/// From this width on there is room for more than name, bar and days.
const WIDE: usize = 70;

/// The words of a standing, for people.
pub const fn standing_words(standing: Standing) -> &'static str {
    match standing {
        Standing::Known => "known",
        Standing::Stale => "stale",
        Standing::Absent => "none",
        Standing::Forbidden => "not accepted",
        Standing::Unknown => "unknown",
        Standing::NotAsked => "not asked yet",
    }
}

/// The word of an alarm; none where there is no need for one.
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

/// How the end of a credential is shown.
pub fn tone(credential: &Credential, now: DateTime<Utc>) -> Tone {
    match credential.alarm(now) {
        Alarm::Revoked | Alarm::Over | Alarm::Critical => Tone::Bad,
        Alarm::Urgent | Alarm::Soon => Tone::Warn,
        Alarm::None if credential.facts.expires_at.is_some() => Tone::Good,
        Alarm::None => Tone::Plain,
    }
}

/// How a lineage is shown.
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

/// How the state of a session is shown.
pub const fn session_tone(row: &SessionRow) -> Tone {
    if row.facts.revoked_at.is_some() || row.over {
        Tone::Dim
    } else if row.orphan {
        Tone::Warn
    } else {
        Tone::Plain
    }
}

/// Columns of the name, and of the axis after it.
const fn columns(width: usize) -> (usize, usize) {
    if width >= 100 {
        (26, 36)
    } else if width >= WIDE {
        (20, 24)
    } else {
        (15, 10)
    }
}

/// The scale of the axis, over the bars.
pub fn heading(model: &Model, width: usize) -> Cells {
    let (name, axis) = columns(width);
    let mut cells = Cells::new(width);
    cells.put("  ends in", name + 2, Tone::Dim);
    cells.push(Piece::new(model.panes.axis.scale(axis), Tone::Dim));
    cells
}

/// One row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    match row {
        Row::Credential { credential, .. } => credential_row(model, credential, width, &mut cells),
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

fn credential_row(model: &Model, credential: &Credential, width: usize, cells: &mut Cells) {
    let look = &model.setting.look;
    let facts = &credential.facts;
    let (name, axis) = columns(width);
    cells.put(facts.name.as_str(), name, Tone::Strong);
    let tone = tone(credential, model.now);
    let remaining = match facts.expires_at {
        _ if credential.revoked_at.is_some() => {
            cells.push(Piece::new(look.bar_of(0, axis), tone));
            String::new()
        }
        Some(end) => {
            let filled = model.panes.axis.cells(end - model.now, axis);
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
                "not known".to_owned()
            } else {
                "no end told".to_owned()
            }
        }
    };
    if !remaining.is_empty() {
        cells.push(Piece::new(format!(" {remaining}"), tone));
    }
    if let Some(word) = alarm_words(credential.alarm(model.now)) {
        cells.push(Piece::new(format!(" {}{word}", look.glyph(Glyph::Warning)), tone));
    }
    if width < WIDE {
        return;
    }
    let dot = look.glyph(Glyph::Dot);
    let mut more: Vec<&str> = Vec::new();
    if facts.expires_at.is_some() {
        more.push(said_by(facts.expires_from));
    }
    more.extend(facts.account.as_ref().map(Outside::as_str));
    more.extend(Some(facts.source.as_str()).filter(|text| !text.is_empty()));
    let mut text = String::new();
    for part in more {
        text.push_str(&format!(" {dot} {part}"));
    }
    cells.push(Piece::new(text, Tone::Dim));
}

fn secret_row(model: &Model, row: &SecretRow, width: usize, cells: &mut Cells) {
    let look = &model.setting.look;
    let status = &row.status;
    let glyph = look.glyph(lineage_glyph(status.lineage));
    let word = format!("{glyph} {}", status.lineage.as_str());
    let tone = lineage_tone(status.lineage);
    let repository = row.target.repository.as_str();
    if width < WIDE {
        let room = width.saturating_sub(16 + 9 + 2);
        cells.put(&format!("  {}", row.short), room + 2, Tone::Plain);
        cells.put(row.target.secret.as_str(), 16, Tone::Plain);
        cells.push(Piece::new(word, tone));
        return;
    }
    let set = match (status.updated_at, &status.location) {
        (Some(at), Some(SecretLocation::Organisation(_))) => format!("set {} org", words::day(at)),
        (Some(at), _) => format!("set {}", words::day(at)),
        (None, _) if status.lineage == Lineage::Absent => "not set".to_owned(),
        (None, _) => "not read".to_owned(),
    };
    let wide = width.saturating_sub(18 + 12 + 15);
    cells.put(&format!("  {repository}"), wide.min(60), Tone::Plain);
    cells.put(row.target.secret.as_str(), 18, Tone::Plain);
    cells.put(&word, 12, tone);
    cells.push(Piece::new(set, Tone::Dim));
}

fn session_row(model: &Model, row: &SessionRow, width: usize, cells: &mut Cells) {
    let look = &model.setting.look;
    let facts = &row.facts;
    let who = facts
        .description
        .as_ref()
        .map_or("no description", Outside::as_str);
    let (glyph, tone) = match row.word() {
        "lost token" => (Glyph::Warning, Tone::Warn),
        "revoked" | "over" => (Glyph::Stopped, Tone::Dim),
        _ => (Glyph::Known, session_tone(row)),
    };
    let word = format!("{} {}", look.glyph(glyph), row.word());
    let day = |at: Option<DateTime<Utc>>| at.map_or_else(|| "?".to_owned(), words::day);
    if width < WIDE {
        let room = width.saturating_sub(14 + 11);
        cells.put(&format!("  {who}"), room, session_tone(row));
        cells.put(&word, 14, tone);
        cells.push(Piece::new(day(facts.until), Tone::Dim));
        return;
    }
    let room = width.saturating_sub(14 + 35).min(60);
    cells.put(&format!("  {who}"), room, session_tone(row));
    cells.put(&word, 14, tone);
    cells.push(Piece::new(
        format!("since {}  until {}", day(facts.since), day(facts.until)),
        Tone::Dim,
    ));
}
