//! Formats the rhythm of releases as text and bars, as far as there is space. The figures are
//! computed in the plan module.

use chrono::{DateTime, Utc};

use super::releases;
use crate::console::components::Line;
use crate::console::state::state;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::spark::spark;
use crate::console::{Model, words};
use crate::journal::RunRecord;
use crate::plan::evidence::Published;
use crate::plan::rhythm::{Rhythm, Told};

state!(Rhythm);

/// Largest number of bars in a narrow foot line, and smallest number worth drawing.
const BARS: usize = 12;
const FEWEST: usize = 3;

/// Returns the rhythm of the releases in `model`.
pub fn of(model: &Model) -> Rhythm {
    let runs = model.runs.iter().filter_map(RunRecord::published);
    Rhythm::of(model.workspace(), &model.snapshot, runs, model.now)
}

/// A way to show the rhythm: text, and how many bars must fit beside it.
struct Form {
    cadence: String,
    lag: Option<String>,
    months: usize,
    waits: usize,
}

/// Returns the foot line of the releases pane: as much as fits into `columns`. Bars with short text
/// are preferred to long text without bars; every number has a label.
pub fn foot(model: &Model, columns: usize) -> Option<String> {
    said(model.state(), &model.setting.look, columns)
}

fn said(rhythm: &Rhythm, look: &Look, columns: usize) -> Option<String> {
    let forms = forms(rhythm, look)?;
    forms
        .into_iter()
        .find_map(|form| form.within(rhythm, look, columns))
}

/// Returns every form, the best first.
fn forms(rhythm: &Rhythm, look: &Look) -> Option<Vec<Form>> {
    let cadence = rhythm.cadence_words()?;
    let short = cadence.trim_start_matches("cadence ");
    let all = rhythm.months.len();
    // A single bar is always full, so it shows nothing.
    let waits = match rhythm.lags.len() {
        0 | 1 => 0,
        many => many.min(BARS),
    };
    let (some, few) = (all.min(BARS / 2), all.min(FEWEST));
    let mut forms = Vec::new();
    let mut add = |cadence: &str, lag: Option<&String>, months: usize, waits: usize| {
        // In plain mode only forms without bars are used.
        if look.borders || months + waits == 0 {
            let (cadence, lag) = (cadence.to_owned(), lag.cloned());
            forms.push(Form {
                cadence,
                lag,
                months,
                waits,
            });
        }
    };
    let long = rhythm
        .lag_words()
        .map(|words| words.trim_start_matches("lag ").to_owned());
    let middle = median(rhythm, look).or_else(|| long.clone());
    if long.is_some() {
        add(&cadence, long.as_ref(), all, waits);
        add(short, long.as_ref(), some, waits.min(BARS / 2));
        add(short, middle.as_ref(), few, waits.min(FEWEST));
        add(short, middle.as_ref(), few, 0);
        add(&cadence, long.as_ref(), 0, 0);
        add(&cadence, middle.as_ref(), 0, 0);
        add(short, middle.as_ref(), 0, 0);
    }
    for words in [cadence.as_str(), short] {
        add(words, None, few, 0);
    }
    for words in [cadence.as_str(), short] {
        add(words, None, 0, 0);
    }
    Some(forms)
}

/// Formats the median lag briefly.
fn median(rhythm: &Rhythm, look: &Look) -> Option<String> {
    let median = rhythm.median()?;
    let most = match (rhythm.at_most(), look.unicode) {
        (true, true) => "≤",
        (true, false) => "<=",
        (false, _) => "",
    };
    Some(format!("{most}{median} d median"))
}

impl Form {
    /// Formats it with as many bars as fit into `columns`; `None` if its text or the smallest
    /// number of bars does not fit.
    fn within(&self, rhythm: &Rhythm, look: &Look, columns: usize) -> Option<String> {
        let lag = self
            .lag
            .as_ref()
            .map(|lag| (format!(" {} lag ", look.glyph(Glyph::Dot)), lag));
        let spoken = lag
            .as_ref()
            .map_or(0, |(of, lag)| words::width(of) + words::width(lag));
        // A space after each group of bars.
        let blanks = usize::from(self.months > 0) + usize::from(self.waits > 0);
        let room = columns.checked_sub(words::width(&self.cadence) + spoken + blanks)?;
        let beside = room.checked_sub(self.months + self.waits)?;
        let waits = match self.waits {
            0 => 0,
            fewest => (fewest + beside / 2).min(rhythm.lags.len()).min(BARS),
        };
        let months = match self.months {
            0 => 0,
            _ => rhythm.months.len().min(room - waits),
        };
        let mut text = String::new();
        if months > 0 {
            text.push_str(&spark(look, &folded(&rhythm.months, months), months));
            text.push(' ');
        }
        text.push_str(&self.cadence);
        if let Some((of, lag)) = lag {
            text.push_str(&of);
            if waits > 0 {
                let days: Vec<u64> = rhythm.lags.iter().map(|lag| lag.days).collect();
                text.push_str(&spark(look, &days, waits));
                text.push(' ');
            }
            text.push_str(lag);
        }
        Some(text)
    }
}

/// Combines months so that at most `columns` bars cover all of them: the bars cover the time that
/// the number beside them is about.
fn folded(months: &[u64], columns: usize) -> Vec<u64> {
    let each = months.len().div_ceil(columns.max(1)).max(1);
    let mut bars: Vec<u64> = months.rchunks(each).map(|part| part.iter().sum()).collect();
    bars.reverse();
    bars
}

/// Describes how long the release of `row` waited; `None` if it is not published.
pub fn waited(rhythm: &Rhythm, row: &releases::Row, now: DateTime<Utc>) -> Option<Line> {
    if row.published != Some(Published::Yes) {
        return None;
    }
    let Some(lag) = rhythm.lag(&row.name) else {
        let text = "unknown: neither the journal nor its channels show when it was published";
        return Some(Line::of("lag", text, Tone::Dim));
    };
    let told = match lag.told {
        Told::Run => format!("{} after its date, by a run in this journal", days(lag.days)),
        Told::Channel => format!(
            "at most {} after its date: a channel of its track has run it since",
            days(lag.days)
        ),
    };
    let text = format!("{told} ({})", words::age(now, lag.published));
    Some(Line::of("lag", text, Tone::Plain))
}

/// Returns the rhythm of all releases, for the details of one.
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
        Line::heading("Cadence of all releases"),
        Line::of("monthly", text, Tone::Plain),
    ];
    if let Some(words_of_lag) = rhythm.lag_words() {
        let all: Vec<u64> = rhythm.lags.iter().map(|lag| lag.days).collect();
        let of = format!(
            "{} known, {} unknown",
            words::count(all.len(), "release", "releases"),
            rhythm.unknown
        );
        let text = format!("{} {words_of_lag} ({of})", spark(look, &all, months.max(BARS)));
        lines.push(Line::of("lag", text.trim_start(), Tone::Plain));
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
    use crate::plan::rhythm::Lag;

    /// Returns five releases in two years, three of them published.
    fn rhythm() -> Rhythm {
        let lag = |day: u32, days| Lag {
            release: format!("2024-01-{day:02}").parse().unwrap(),
            published: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            days,
            told: Told::Channel,
        };
        let mut months = vec![0; 24];
        for at in [0, 7, 13, 14, 23] {
            months[at] = 1;
        }
        Rhythm {
            months,
            lags: vec![lag(1, 173), lag(2, 44), lag(3, 20)],
            unknown: 1,
        }
    }

    #[test]
    fn a_picture_with_its_numbers_goes_before_long_words() {
        let at = |columns| said(&rhythm(), &Look::FULL, columns).unwrap();
        for (columns, text) in [
            (14, "▄▄█▄ 0.2/month"),
            (20, "▄·▄·█··▄ 0.2/month"),
            (28, "0.2/month · lag ≤44 d median"),
            (32, "██▄ 0.2/month · lag ≤44 d median"),
            (33, "▄▄█▄ 0.2/month · lag ≤44 d median"),
            (46, "█··█··██···█ 0.2/month · lag █▃▁ ≤44 d median"),
            (
                62,
                "▄·▄·█··▄ 0.2/month · lag █▃▁ median 44 d, worst 173 d at most",
            ),
        ] {
            assert_eq!(at(columns), text);
        }
        assert!(at(120).ends_with("█ cadence 0.2/month · lag █▃▁ median 44 d, worst 173 d at most"));
    }

    #[test]
    fn whatever_the_room_what_a_number_is_of_is_said() {
        let ascii = Look {
            unicode: false,
            ..Look::FULL
        };
        for look in [Look::FULL, ascii, Look::PLAIN] {
            for columns in 0..140 {
                let Some(text) = said(&rhythm(), &look, columns) else {
                    assert!(columns < "0.2/month".len(), "{columns}");
                    continue;
                };
                assert!(words::width(&text) <= columns, "{columns} {text}");
                assert!(text.contains("0.2/month"), "{columns} {text}");
                let lag = text.contains("44 d");
                assert_eq!(
                    lag,
                    text.contains("lag ") && text.contains("median"),
                    "{columns} {text}"
                );
                assert!(lag || columns < 29, "{columns} {text}");
            }
        }
    }

    #[test]
    fn without_pictures_the_words_are_as_long_as_there_is_room() {
        let at = |columns| said(&rhythm(), &Look::PLAIN, columns).unwrap();
        assert_eq!(at(62), "cadence 0.2/month - lag median 44 d, worst 173 d at most");
        assert_eq!(at(40), "cadence 0.2/month - lag <=44 d median");
        assert_eq!(at(20), "cadence 0.2/month");
    }

    #[test]
    fn one_wait_alone_has_no_bar() {
        let mut one = rhythm();
        one.lags.truncate(1);
        let text = said(&one, &Look::FULL, 120).unwrap();
        assert!(
            text.ends_with("· lag median 173 d, worst 173 d at most"),
            "{text}"
        );
    }

    #[test]
    fn a_lag_that_nobody_knows_is_said_to_be_so() {
        let unknown = Rhythm {
            lags: Vec::new(),
            ..rhythm()
        };
        let at = |columns| said(&unknown, &Look::FULL, columns).unwrap();
        assert!(at(62).ends_with("cadence 0.2/month · lag unknown"));
        assert!(at(34).ends_with(" 0.2/month · lag unknown"));
    }

    #[test]
    fn bars_cover_all_months_that_the_number_is_about() {
        assert_eq!(folded(&[1, 2, 3], 12), [1, 2, 3]);
        assert_eq!(folded(&[1; 24], 12), [2; 12]);
        // The newest bar is complete; the oldest may cover fewer months.
        assert_eq!(folded(&[1; 13], 12), [1, 2, 2, 2, 2, 2, 2]);
        assert_eq!(folded(&[], 12), Vec::<u64>::new());
    }
}
