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
    let bars = spark(look, &folded(&rhythm.months, BARS), BARS);
    let days: Vec<u64> = rhythm.lags.iter().map(|lag| lag.days).collect();
    let waited = spark(look, &days, BARS);
    let short = cadence.trim_start_matches("cadence ").to_owned();
    let dot = look.glyph(crate::console::view::look::Glyph::Dot);
    let mut forms: Vec<String> = Vec::new();
    if let Some(lag) = rhythm.lag_words() {
        let all = spark(look, &rhythm.months, rhythm.months.len());
        forms.push(format!("{all} {cadence} {dot} {waited} {lag}"));
        forms.push(format!("{bars} {cadence} {dot} {lag}"));
        forms.push(format!("{cadence} {dot} {lag}"));
        if let Some(median) = rhythm.median() {
            let most = match (rhythm.at_most(), look.unicode) {
                (true, true) => "≤",
                (true, false) => "<=",
                (false, _) => "",
            };
            forms.push(format!("{bars} {short} {dot} lag {most}{median} d"));
            forms.push(format!("{short} {dot} lag {most}{median} d"));
        }
    }
    forms.push(format!("{bars} {cadence}"));
    forms.push(cadence);
    forms.push(short);
    forms
        .into_iter()
        .map(|form| form.replace("  ", " ").trim_start().to_owned())
        .find(|form| words::width(form) <= columns)
}

/// As many months to a bar as it takes that `columns` bars hold all: the bars cover the time that
/// the number beside them is about.
fn folded(months: &[u64], columns: usize) -> Vec<u64> {
    let each = months.len().div_ceil(columns.max(1)).max(1);
    let mut bars: Vec<u64> = months.rchunks(each).map(|part| part.iter().sum()).collect();
    bars.reverse();
    bars
}

/// How long the release of `row` waited; nothing where it is not published.
pub fn waited(rhythm: &Rhythm, row: &releases::Row, now: DateTime<Utc>) -> Option<Line> {
    if row.published != Some(Published::Yes) {
        return None;
    }
    let Some(lag) = rhythm.lag(&row.name) else {
        let text =
            "not known: no run of this journal and no channel of its track tells when it was published";
        return Some(Line::of("lag", text, Tone::Dim));
    };
    let told = match lag.told {
        Told::Run => format!("{} after it was made, by a run of this journal", days(lag.days)),
        Told::Channel => format!(
            "{} after it was made at the latest: since then a channel of its track runs it",
            days(lag.days)
        ),
    };
    let text = format!("{told} ({})", words::age(now, lag.published));
    Some(Line::of("lag", text, Tone::Plain))
}

/// The rhythm of all releases, for the details of one.
pub fn lines(look: &Look, rhythm: &Rhythm) -> Vec<Line> {
    let Some(cadence) = rhythm.cadence_words() else {
        return Vec::new();
    };
    let months = rhythm.months.len();
    let bars = spark(look, &rhythm.months, months);
    let text = format!(
        "{bars} {cadence} over {}",
        words::count(months, "month", "months")
    );
    let mut lines = vec![
        Line::blank(),
        Line::heading("Rhythm of all releases"),
        Line::of("a month", text, Tone::Plain),
    ];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_cover_all_months_that_the_number_is_about() {
        assert_eq!(folded(&[1, 2, 3], 12), [1, 2, 3]);
        assert_eq!(folded(&[1; 24], 12), [2; 12]);
        // The newest bar is whole; the oldest may be of fewer months.
        assert_eq!(folded(&[1; 13], 12), [1, 2, 2, 2, 2, 2, 2]);
        assert_eq!(folded(&[], 12), Vec::<u64>::new());
    }
}
