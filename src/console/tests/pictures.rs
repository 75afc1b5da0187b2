//! The pictures in the README: what the console draws of the demo world as it was read once, put
//! into SVG. `UPDATE=1` writes them anew; without it they are compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::styled::{frame, themed};
use super::world::setting;
use crate::config::{ThemeName, Workspace};
use crate::console::actions::Key;
use crate::console::effect::Effect;
use crate::console::live::Live;
use crate::console::update::update;
use crate::console::view::theme::made_for;
use crate::console::{Model, Msg, panes, words};
use crate::domain::Snapshot;
use crate::journal::{Outcome, RunId, RunRecord, StepOutcome};
use crate::plan::{Intent, Plan, PublishIntent, publish};
use crate::run::progress::{Phase, RunProgress, StepProgress};

const SIZE: (u16, u16) = (110, 32);

// ---- what is shown

fn legend() -> Workspace {
    Workspace::parse(include_str!("../../../assets/workspaces/legend.toml"), "legend").unwrap()
}

fn snapshot() -> Snapshot {
    serde_json::from_str(include_str!("pictures/legend.json")).unwrap()
}

fn now() -> DateTime<Utc> {
    snapshot().taken_at + TimeDelta::seconds(20)
}

fn plan(release: &str) -> Plan {
    let intent = PublishIntent::of(release.parse().unwrap());
    publish::plan(&legend(), &snapshot(), &intent).unwrap()
}

fn record(number: u8, days: i64, outcome: Option<Outcome>) -> RunRecord {
    RunRecord {
        id: RunId(format!("20261121T101500Z-{number:04x}")),
        actor: "rita@desk".into(),
        plan: plan("2025-01-27"),
        outcome,
        started_at: now() - TimeDelta::days(days),
        finished_at: outcome.map(|_| now() - TimeDelta::days(days) + TimeDelta::minutes(3)),
        steps: Vec::new(),
        problem: None,
        running: false,
        rolled_back_by: None,
    }
}

fn console() -> Model {
    let setting = crate::console::model::Setting {
        workspace: legend(),
        demo: true,
        ..setting(false)
    };
    let mut model = Model::new(setting, Arc::new(snapshot()), now(), SIZE);
    for (number, days, outcome, title) in [
        (3, 1, Outcome::Done, "Rotate CHARMHUB_TOKEN in 7 repositories"),
        (2, 30, Outcome::Done, "Publish 2023-12-05"),
        (1, 61, Outcome::Cancelled, "Promote 2023-11-08 to stable"),
    ] {
        let mut record = record(number, days, Some(outcome));
        title.clone_into(&mut record.plan.title);
        model.runs.push(record);
    }
    let effects = update(&mut model, Msg::FirstFrame(now()));
    answer(&mut model, effects);
    themed(model, ThemeName::Dark)
}

fn answer(model: &mut Model, effects: Vec<Effect>) {
    for effect in effects {
        let msg = match effect {
            Effect::Refresh { id, previous } => Msg::Observed(id, now(), previous),
            Effect::ReadRuns { id } => Msg::RunsRead(id, now(), Ok(model.runs.clone())),
            Effect::Plan {
                id,
                previous,
                intent: Intent::Publish(intent),
            } => {
                let plan = publish::plan(&legend(), &previous, &intent);
                Msg::Planned(id, now(), previous, Box::new(plan))
            }
            _ => continue,
        };
        let more = update(model, msg);
        answer(model, more);
    }
}

fn press(model: &mut Model, key: Key) {
    let effects = update(model, Msg::Key(key));
    answer(model, effects);
}

fn reviewing() -> Model {
    let mut model = console();
    press(&mut model, Key::Char('p'));
    model
}

fn running() -> Model {
    let mut model = console();
    let mut record = record(4, 0, None);
    record.running = true;
    let run = record.id.clone();
    let plan = record.plan.clone();
    let mut steps = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let mut progress = StepProgress::default();
        match at {
            0..4 => progress.outcome = Some(StepOutcome::Done),
            4 => {
                progress.phase = Phase::Sending;
                progress.bytes_done = 612_000;
                progress.bytes_total = Some(1_100_000);
                progress.rate = Some(9_800_000.0);
            }
            _ => {}
        }
        steps.insert(step.id.clone(), progress);
    }
    let mut live = Live::new(plan);
    live.progress = Some(RunProgress {
        run: run.clone(),
        at: model.now,
        begun_at: model.now,
        events: Vec::new(),
        steps,
        cancel_requested: false,
        outcome: None,
    });
    model.live.insert(run, live);
    model.runs.insert(0, record);
    panes::rebuild_activity(&mut model);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Home);
    press(&mut model, Key::Enter);
    model
}

// ---- how it becomes a picture

/// Width and height of a cell, size of the letters and room around, in units of the picture.
const CELL: (f64, f64) = (8.4, 18.0);
const LETTERS: f64 = 14.0;
const ROOM: f64 = 10.0;

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn hex(color: Color, other: &str) -> String {
    match color {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Reset => other.to_owned(),
        other => panic!("{other} has no fixed value"),
    }
}

fn x_of(column: u16) -> f64 {
    ROOM + f64::from(column) * CELL.0
}

fn y_of(line: u16) -> f64 {
    ROOM + f64::from(line) * CELL.1
}

/// Which of left, right, up and down a sign of a box reaches.
fn reaches(symbol: &str) -> Option<[bool; 4]> {
    Some(match symbol {
        "─" => [true, true, false, false],
        "│" => [false, false, true, true],
        "┌" => [false, true, false, true],
        "┐" => [true, false, false, true],
        "└" => [false, true, true, false],
        "┘" => [true, false, true, false],
        _ => return None,
    })
}

/// Lines of boxes as strokes, by colour: as letters they would have gaps between them.
fn strokes(buffer: &Buffer, ink: &str) -> String {
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    let (width, height) = (buffer.area.width, buffer.area.height);
    let cell = |x: u16, y: u16| {
        buffer
            .cell((x, y))
            .filter(|cell| reaches(cell.symbol()).is_some())
    };
    let half = |cell: &Cell, side: usize| reaches(cell.symbol()).is_some_and(|sides| sides[side]);
    for down in [false, true] {
        let (lanes, length) = if down { (width, height) } else { (height, width) };
        let (back, forth) = if down { (2, 3) } else { (0, 1) };
        for lane in 0..lanes {
            let mut begun: Option<(f64, String)> = None;
            for at in 0..=length {
                let (x, y) = if down { (lane, at) } else { (at, lane) };
                let here = (at < length).then(|| cell(x, y)).flatten();
                let (start, size) = if down {
                    (y_of(at), CELL.1)
                } else {
                    (x_of(at), CELL.0)
                };
                let colour = here.map(|cell| hex(cell.fg, ink));
                let goes_on = here.is_some_and(|cell| half(cell, back))
                    && begun
                        .as_ref()
                        .is_some_and(|(_, own)| Some(own) == colour.as_ref());
                if !goes_on && let Some((from, colour)) = begun.take() {
                    let path = paths.entry(colour).or_default();
                    if down {
                        let x = number(x_of(lane) + CELL.0 / 2.0);
                        write!(path, "M{x} {}V{}", number(from), number(start)).unwrap();
                    } else {
                        let y = number(y_of(lane) + CELL.1 / 2.0);
                        write!(path, "M{} {y}H{}", number(from), number(start)).unwrap();
                    }
                }
                let (Some(cell), Some(colour)) = (here, colour) else {
                    continue;
                };
                if begun.is_none() && half(cell, back) {
                    begun = Some((start, colour.clone()));
                }
                match (begun.is_some(), half(cell, forth)) {
                    (false, true) => begun = Some((start + size / 2.0, colour)),
                    (true, false) => {
                        let (from, colour) = begun.take().unwrap();
                        let path = paths.entry(colour).or_default();
                        let to = start + size / 2.0;
                        if down {
                            let x = number(x_of(lane) + CELL.0 / 2.0);
                            write!(path, "M{x} {}V{}", number(from), number(to)).unwrap();
                        } else {
                            let y = number(y_of(lane) + CELL.1 / 2.0);
                            write!(path, "M{} {y}H{}", number(from), number(to)).unwrap();
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    paths
        .iter()
        .map(|(colour, path)| format!("<path d=\"{path}\" stroke=\"{colour}\" fill=\"none\"/>\n"))
        .collect()
}

/// Neighbours of one line with the same look, as far as letters go.
struct Run {
    from: u16,
    text: String,
    columns: u16,
}

fn runs(buffer: &Buffer, y: u16) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::new();
    let mut x = 0;
    while x < buffer.area.width {
        let cell = buffer.cell((x, y)).unwrap();
        let columns = words::width(cell.symbol()).max(1) as u16;
        let drawn = cell.symbol() != " " && reaches(cell.symbol()).is_none();
        if drawn {
            // Letters whose width depends on the font begin anew, so that nothing shifts.
            let goes_on = all.last().is_some_and(|last: &Run| {
                let own = buffer.cell((last.from, y)).unwrap();
                let blank = last.from + last.columns + 1 == x;
                let near = blank || last.from + last.columns == x;
                let letters = last.text.is_ascii() && cell.symbol().is_ascii();
                let blocks = last.text.ends_with('█') && cell.symbol() == "█" && !blank;
                near && (letters || blocks) && own.fg == cell.fg && own.modifier == cell.modifier
            });
            match all.last_mut().filter(|_| goes_on) {
                Some(last) => {
                    if last.from + last.columns < x {
                        last.text.push(' ');
                        last.columns += 1;
                    }
                    last.text.push_str(cell.symbol());
                    last.columns += columns;
                }
                None => all.push(Run {
                    from: x,
                    text: cell.symbol().to_owned(),
                    columns,
                }),
            }
        }
        x += columns;
    }
    all
}

/// The frame of `model` as a picture called `title`.
fn picture(model: &Model, title: &str) -> String {
    let (buffer, ..) = frame(model);
    let backdrop = made_for(ThemeName::Dark)
        .map(|(r, g, b)| Color::Rgb(r, g, b))
        .unwrap();
    let backdrop = hex(backdrop, "");
    let ink = "#d7dae0";
    let (width, height) = (x_of(buffer.area.width) + ROOM, y_of(buffer.area.height) + ROOM);
    let (width, height) = (number(width), number(height));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"{LETTERS}\">\n\
         <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{backdrop}\"/>\n",
        escape(title)
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let bg = buffer.cell((x, y)).unwrap().bg;
            let from = x;
            while x < buffer.area.width && buffer.cell((x, y)).unwrap().bg == bg {
                x += 1;
            }
            if bg != Color::Reset {
                let columns = number(f64::from(x - from) * CELL.0);
                let (left, top) = (number(x_of(from)), number(y_of(y)));
                let fill = hex(bg, ink);
                writeln!(
                    svg,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{columns}\" height=\"{}\" fill=\"{fill}\"/>",
                    CELL.1
                )
                .unwrap();
            }
        }
    }
    svg.push_str(&strokes(&buffer, ink));
    for y in 0..buffer.area.height {
        for run in runs(&buffer, y) {
            let cell = buffer.cell((run.from, y)).unwrap();
            let fill = hex(cell.fg, ink);
            let left = number(x_of(run.from));
            let columns = number(f64::from(run.columns) * CELL.0);
            if run.text.starts_with('█') {
                let (top, tall) = (number(y_of(y) + 3.0), number(CELL.1 - 6.0));
                writeln!(
                    svg,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{columns}\" height=\"{tall}\" fill=\"{fill}\"/>"
                )
                .unwrap();
                continue;
            }
            let base = number(y_of(y) + CELL.1 * 0.72);
            let weight = if cell.modifier.contains(Modifier::BOLD) {
                " font-weight=\"700\""
            } else {
                ""
            };
            let fit = if run.columns > 1 {
                format!(" textLength=\"{columns}\"")
            } else {
                String::new()
            };
            let text = escape(&run.text);
            writeln!(
                svg,
                "<text x=\"{left}\" y=\"{base}\" fill=\"{fill}\"{weight}{fit}>{text}</text>"
            )
            .unwrap();
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[test]
fn the_pictures_are_what_the_console_draws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures");
    let mut stale = Vec::new();
    for (name, title, model) in [
        (
            "panes",
            "The console: releases, channels, charms, credentials and runs",
            console(),
        ),
        (
            "review",
            "The review of a plan, before anything is changed",
            reviewing(),
        ),
        ("run", "A run under way", running()),
    ] {
        let svg = picture(&model, title);
        assert!(svg.len() < 60_000, "{name}: {} bytes", svg.len());
        let path = folder.join(format!("{name}.svg"));
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &svg).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != svg {
            stale.push(path.display().to_string());
        }
    }
    assert!(
        stale.is_empty(),
        "no longer what the console draws; UPDATE=1 writes anew: {stale:?}"
    );
}

#[test]
fn a_picture_places_letters_by_their_column_and_escapes_them() {
    let mut model = console();
    model.refuse("a<b> & \"日本\" ende");
    let svg = picture(&model, "x < y");
    assert!(svg.contains("<title>x &lt; y</title>"));
    let last = number(y_of(SIZE.1 - 1) + CELL.1 * 0.72);
    let own: Vec<&str> = svg
        .lines()
        .filter(|line| line.contains(&format!("y=\"{last}\"")))
        .collect();
    assert!(own[0].ends_with(">a&lt;b&gt; &amp; &quot;</text>"), "{own:?}");
    // The two wide characters begin where their columns do, and so does what follows.
    for (column, text) in [(9, "日"), (11, "本"), (13, "&quot; ende")] {
        let line = own
            .iter()
            .find(|line| line.ends_with(&format!(">{text}</text>")))
            .unwrap();
        assert!(
            line.contains(&format!("x=\"{}\"", number(x_of(column)))),
            "{line}"
        );
    }
    for symbol in ["&lt;b", "textLength"] {
        assert!(svg.contains(symbol));
    }
}
