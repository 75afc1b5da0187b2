//! The rhythm of releases in words and bars.
//!
//! Owns what of it fits where. Must not count: the plan's room does.

use chrono::{DateTime, Utc};

use super::releases;
use crate::console::dialogs::Line;
use crate::console::view::look::{Look, Tone};
use crate::console::view::spark::spark;
use crate::console::{Model, words};
use crate::journal::RunRecord;
use crate::plan::evidence::Published;
use crate::plan::rhythm::{Rhythm, Told};

/// Columns of a row of bars in a foot line.
const BARS: usize = 12;

/// The rhythm of what `model` knows.
pub fn of(model: &Model) -> Rhythm {
    let runs = model.runs.iter().filter_map(RunRecord::published);
    Rhythm::of(model.workspace(), &model.snapshot, runs, model.now)
}

/// The foot line of the releases pane: as much as fits into `columns`, numbers before bars.
pub fn foot(model: &Model, columns: usize) -> Option<String> {
    let rhythm = &model.panes.rhythm;
    let look = &model.setting.look;
    let cadence = rhythm.cadence_words()?;
    let bars = spark(look, &rhythm.months, BARS);
    let days: Vec<u64> = rhythm.lags.iter().map(|lag| lag.days).collect();
    let waited = spark(look, &days, BARS);
    let short = cadence.trim_start_matches("cadence ").to_owned();
    let dot = look.glyph(crate::console::view::look::Glyph::Dot);
    let mut forms: Vec<String> = Vec::new();
    if let Some(lag) = rhythm.lag_words() {
        forms.push(format!("{bars} {cadence} {dot} {waited} {lag}"));
        forms.push(format!("{bars} {cadence} {dot} {lag}"));
        forms.push(format!("{cadence} {dot} {lag}"));
        if let Some(median) = rhythm.median() {
            forms.push(format!("{bars} {short} {dot} lag {median} d"));
            forms.push(format!("{short} {dot} lag {median} d"));
        }
    }
    forms.push(format!("{bars} {cadence}"));
    forms.push(cadence);
    forms.push(short);
    forms
        .into_iter()
        .map(|form| form.replace("  ", " "))
        .find(|form| words::width(form) <= columns)
}

/// The rhythm for the details of the release of `row`.
pub fn lines(look: &Look, rhythm: &Rhythm, row: &releases::Row, now: DateTime<Utc>) -> Vec<Line> {
    let mut lines = Vec::new();
    let published = row.published == Some(Published::Yes);
    match rhythm.lag(&row.name) {
        Some(lag) => {
            let told = match lag.told {
                Told::Run => format!("{} after it was made, by a run of this journal", days(lag.days)),
                Told::Channel => format!(
                    "{} after it was made at the latest: since then a channel of its track runs it",
                    days(lag.days)
                ),
            };
            let text = format!("{told} ({})", words::age(now, lag.published));
            lines.push(Line::of("lag", text, Tone::Plain));
        }
        None if published => lines.push(Line::of(
            "lag",
            "not known: no run of this journal and no channel of its track tells when it was published",
            Tone::Dim,
        )),
        None => {}
    }
    let Some(cadence) = rhythm.cadence_words() else {
        return lines;
    };
    lines.push(Line::blank());
    lines.push(Line::heading("Rhythm of all releases"));
    let months = rhythm.months.len();
    let text = format!(
        "{} {cadence} over {}",
        spark(look, &rhythm.months, months),
        words::count(months, "month", "months")
    );
    lines.push(Line::of("a month", text, Tone::Plain));
    if let Some(words_of_lag) = rhythm.lag_words() {
        let all: Vec<u64> = rhythm.lags.iter().map(|lag| lag.days).collect();
        let of = format!(
            "{} known, {} not",
            words::count(all.len(), "release", "releases"),
            rhythm.unknown
        );
        let text = format!("{} {words_of_lag} ({of})", spark(look, &all, months.max(BARS)));
        lines.push(Line::of("waited", text.trim_start(), Tone::Plain));
    }
    lines
}

fn days(count: u64) -> String {
    if count == 0 {
        "within a day".to_owned()
    } else {
        format!("{count} d")
    }
}
