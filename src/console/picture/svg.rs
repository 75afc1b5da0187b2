//! Renders a frame as SVG: text by columns, box lines as strokes, backgrounds as rectangles.

use std::collections::BTreeMap;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::console::words;

/// Width and height of a cell, font size and margin, in SVG units.
pub(super) const CELL: (f64, f64) = (8.4, 18.0);
const LETTERS: f64 = 14.0;
const ROOM: f64 = 10.0;
/// The default text colour.
const INK: &str = "#d7dae0";

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

pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn hex(color: Color, other: &str) -> String {
    match color {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Reset => other.to_owned(),
        // Terminal palettes leave these to the terminal.
        _ => other.to_owned(),
    }
}

pub(super) fn x_of(column: u16) -> f64 {
    ROOM + f64::from(column) * CELL.0
}

pub(super) fn y_of(line: u16) -> f64 {
    ROOM + f64::from(line) * CELL.1
}

/// Returns which of left, right, up and down a box-drawing character connects to.
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

/// Draws box lines as strokes, by colour: as characters they would have gaps.
fn strokes(buffer: &Buffer, ink: &str) -> String {
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    let (width, height) = (buffer.area.width, buffer.area.height);
    let cell = |x: u16, y: u16| {
        buffer
            .cell((x, y))
            .filter(|cell| reaches(cell.symbol()).is_some())
    };
    let half =
        |cell: &Cell, side: usize| reaches(cell.symbol()).is_some_and(|sides| sides.get(side) == Some(&true));
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
                        path.push_str(&format!("M{x} {}V{}", number(from), number(start)));
                    } else {
                        let y = number(y_of(lane) + CELL.1 / 2.0);
                        path.push_str(&format!("M{} {y}H{}", number(from), number(start)));
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
                        let Some((from, colour)) = begun.take() else {
                            continue;
                        };
                        let path = paths.entry(colour).or_default();
                        let to = start + size / 2.0;
                        if down {
                            let x = number(x_of(lane) + CELL.0 / 2.0);
                            path.push_str(&format!("M{x} {}V{}", number(from), number(to)));
                        } else {
                            let y = number(y_of(lane) + CELL.1 / 2.0);
                            path.push_str(&format!("M{} {y}H{}", number(from), number(to)));
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

/// Adjacent cells of a line with the same style, drawn as one text.
struct Run {
    from: u16,
    text: String,
    columns: u16,
}

fn runs(buffer: &Buffer, y: u16) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::new();
    let mut x = 0;
    while x < buffer.area.width {
        let cell = &buffer[(x, y)];
        let columns = words::width(cell.symbol()).max(1) as u16;
        let drawn = cell.symbol() != " " && reaches(cell.symbol()).is_none();
        if drawn {
            // Characters whose width depends on the font start a new text, so that nothing shifts.
            let goes_on = all.last().is_some_and(|last: &Run| {
                let own = &buffer[(last.from, y)];
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

/// Returns `buffer` as a picture called `title`, with this background.
pub(super) fn svg(buffer: &Buffer, ground: (u8, u8, u8), title: &str) -> String {
    let (r, g, b) = ground;
    let backdrop = hex(Color::Rgb(r, g, b), INK);
    let ink = INK;
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
            let bg = buffer[(x, y)].bg;
            let from = x;
            while x < buffer.area.width && buffer[(x, y)].bg == bg {
                x += 1;
            }
            if bg != Color::Reset {
                let columns = number(f64::from(x - from) * CELL.0);
                let (left, top) = (number(x_of(from)), number(y_of(y)));
                let fill = hex(bg, ink);
                svg.push_str(&format!(
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{columns}\" height=\"{}\" fill=\"{fill}\"/>\n",
                    CELL.1
                ));
            }
        }
    }
    svg.push_str(&strokes(buffer, ink));
    for y in 0..buffer.area.height {
        for run in runs(buffer, y) {
            let cell = &buffer[(run.from, y)];
            let fill = hex(cell.fg, ink);
            let left = number(x_of(run.from));
            let columns = number(f64::from(run.columns) * CELL.0);
            if run.text.starts_with('█') {
                let (top, tall) = (number(y_of(y) + 3.0), number(CELL.1 - 6.0));
                svg.push_str(&format!(
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{columns}\" height=\"{tall}\" fill=\"{fill}\"/>\n"
                ));
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
            svg.push_str(&format!(
                "<text x=\"{left}\" y=\"{base}\" fill=\"{fill}\"{weight}{fit}>{text}</text>\n"
            ));
        }
    }
    svg.push_str("</svg>\n");
    svg
}
