//! Draws the workflows of a repository, and the form of one.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Form, Row, Workflows, known, lines, rows};
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, words};
use crate::domain::workflow::{WorkflowFile, WorkflowRun};
use crate::plan::workflow::lint;

/// Width of the dialog in columns, borders included.
const COLUMNS: u16 = 112;
/// Lines besides the rows: two borders, and the line between the rows and the details of the
/// selected one.
const FIXED: usize = 3;
/// Rows that are shown even if they leave less space for the details of the selected one.
const FEW: usize = 3;
/// Width of a file name, and of a state.
const NAME: usize = 26;
const STATE: usize = 12;

/// Returns the lines of the rows, and of the details of the selected one, as far as the screen has
/// space. They do not depend on which row is selected.
pub fn heights(model: &Model, dialog: &Workflows) -> (usize, usize) {
    let all = rows(model, dialog);
    let room = usize::from(model.lines.saturating_sub(2)).saturating_sub(FIXED);
    let width = usize::from(COLUMNS.min(model.columns.saturating_sub(2))).saturating_sub(4);
    let selected = all.iter().copied().map(Some).chain([None]);
    let lines = |row| {
        about(model, dialog, row)
            .iter()
            .flat_map(|line| line.wrap(width))
            .count()
    };
    let said = selected.map(lines).max().unwrap_or(0);
    let least = all.len().clamp(1, FEW);
    let said = said.min(room.saturating_sub(least));
    // If not everything fits, the rows get at least half of the space.
    let listed = all.len().min((room - said).max(room / 2)).max(least);
    (listed, said.min(room.saturating_sub(listed)))
}

/// Draws the list.
pub fn draw(model: &Model, dialog: &Workflows, frame: &mut Frame, drawn: &mut Drawn) {
    let all = rows(model, dialog);
    let (height, said) = heights(model, dialog);
    let lines = u16::try_from(height + said + FIXED).unwrap_or(u16::MAX);
    let area = layout::dialog(model, COLUMNS, lines);
    view::clear(frame, area);
    let title = format!("Workflows of {}", dialog.repository);
    let age = age(model, dialog);
    let inner = view::boxed(model, frame, area, &title, Some(age), true);
    let width = usize::from(inner.width);
    for ((at, row), y) in all
        .iter()
        .enumerate()
        .skip(dialog.list.offset)
        .take(height)
        .zip(inner.y..)
    {
        let selected = at == dialog.list.at;
        let mark = if selected {
            model.setting.look.glyph(Glyph::Cursor)
        } else {
            " "
        };
        let mut pieces = vec![Piece::new(format!(" {mark} "), Tone::Accent)];
        match row {
            Row::File(file) => pieces.extend(of_file(model, dialog, file)),
            Row::Run(run) => pieces.extend(of_run(model, run)),
        }
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, pieces, selected);
        drawn.hit(rect, Msg::Pick(at));
        drawn.rows_built += 1;
    }
    let about = about(model, dialog, all.get(dialog.list.at).copied());
    let about = about.iter().flat_map(|line| line.wrap(width.saturating_sub(2)));
    let first = inner.y + u16::try_from(height).unwrap_or(u16::MAX) + 1;
    for (line, y) in about.take(said).zip(first..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let pieces = vec![
            Piece::new(format!(" {}", line.label), Tone::Dim),
            Piece::new(line.text, line.tone),
        ];
        view::line(model, frame, rect, pieces, false);
    }
    view::scroll_mark(model, frame, area, dialog.list.offset, height, all.len());
    drawn.wheel(area, None);
}

fn age(model: &Model, dialog: &Workflows) -> Vec<Piece> {
    let read_at = model
        .snapshot
        .workflows
        .get(&dialog.repository)
        .and_then(|seen| seen.read_at);
    let text = match read_at {
        _ if dialog.in_flight.is_some() => "reading …".to_owned(),
        Some(at) if dialog.problem.is_some() => format!("stale {}", words::age(model.now, at)),
        Some(at) => words::age(model.now, at),
        None => "not read".to_owned(),
    };
    vec![Piece::new(text, Tone::Dim)]
}

/// Returns a workflow: its state, and its worst problem.
fn of_file(model: &Model, dialog: &Workflows, file: &WorkflowFile) -> Vec<Piece> {
    let look = &model.setting.look;
    let state = file.state.as_ref().map_or("unknown", |state| state.as_str());
    let state = words::pad(&state.replace('_', " "), STATE);
    let mut pieces = vec![
        Piece::new(words::pad(file.file_name(), NAME), Tone::Strong),
        Piece::new(format!("{state} "), Tone::Plain),
    ];
    let findings = lint::findings(&dialog.repository, file, model.now);
    match findings.first() {
        Some(one) => {
            let tone = if one.fault.prevents() {
                Tone::Bad
            } else {
                Tone::Warn
            };
            let more = match findings.len() {
                1 => String::new(),
                count => format!(" (+{})", count - 1),
            };
            let text = format!("{} {}{more}", look.glyph(Glyph::Warning), one.text);
            pieces.push(Piece::new(text, tone));
        }
        None => pieces.push(Piece::new(file.title.to_string(), Tone::Dim)),
    }
    pieces
}

fn of_run(model: &Model, run: &WorkflowRun) -> Vec<Piece> {
    let (glyph, tone) = lines::mark(run);
    let state = format!(
        "{} {}",
        model.setting.look.glyph(glyph),
        run.word().replace('_', " ")
    );
    vec![
        Piece::new(words::pad(&lines::title(run), NAME), Tone::Plain),
        Piece::new(format!("{} ", words::pad(&state, STATE)), tone),
        Piece::new(
            format!(
                "{} by {}, {}",
                words::age(model.now, run.created_at),
                run.actor,
                run.event
            ),
            Tone::Dim,
        ),
    ]
}

/// Returns the details of the selected row.
fn about(model: &Model, dialog: &Workflows, row: Option<Row<'_>>) -> Vec<Line> {
    match row {
        None => match &dialog.problem {
            Some(problem) => Line::problem(problem),
            None if known(model, dialog).is_some() => {
                vec![Line::text("this repository has no workflows", Tone::Dim)]
            }
            None => vec![Line::text("reading …", Tone::Dim)],
        },
        Some(Row::Run(run)) => vec![
            Line::of("run", run.title.to_string(), Tone::Plain),
            Line::of(
                "",
                model
                    .setting
                    .keymap
                    .hint(ActionId::WORKFLOWS_OPEN, "show its jobs and the end of the log"),
                Tone::Dim,
            ),
        ],
        Some(Row::File(file)) => {
            let form = match &file.form {
                None => "cannot be started by hand".to_owned(),
                Some(form) => crate::plan::workflow::words(form),
            };
            let mut about = vec![Line::of("inputs", form, Tone::Plain)];
            let findings = lint::findings(&dialog.repository, file, model.now);
            for one in &findings {
                about.push(Line::of("problem", one.text.to_string(), Tone::Warn));
                about.push(Line::of("remedy", one.remedy.to_string(), Tone::Plain));
            }
            about
        }
    }
}

/// Draws the form.
pub fn draw_form(model: &Model, form: &Form, frame: &mut Frame, drawn: &mut Drawn) {
    let about = form
        .fields
        .get(form.at)
        .map_or_else(Vec::new, |field| words_of(field, form.error.as_deref()));
    let columns = 84.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let about: Vec<Line> = about.iter().flat_map(|line| line.wrap(room)).collect();
    let height = form.fields.len() + about.len() + 3;
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let title = format!("Start {} of {}", form.workflow, form.repository);
    let inner = view::boxed(model, frame, area, &title, None, true);
    let label = form
        .fields
        .iter()
        .map(|field| words::width(&field.input.name) + 2)
        .max()
        .unwrap_or(0)
        .min(30);
    for ((at, field), y) in form.fields.iter().enumerate().zip(inner.y..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let name = words::pad(
            &crate::domain::SanitizedText::new(&field.input.name).to_string(),
            label,
        );
        let own = at == form.at;
        let pieces = vec![
            Piece::new(format!(" {name}"), Tone::Dim),
            Piece::new("> ", if own { Tone::Accent } else { Tone::Dim }),
            Piece::new(field.value.value().to_owned(), Tone::Strong),
        ];
        view::line(model, frame, rect, pieces, false);
        drawn.hit(rect, Msg::Pick(at));
        if own {
            let left = usize::from(inner.width).saturating_sub(label + 4);
            let cursor = field.value.visual_cursor().min(left) + label + 3;
            frame.set_cursor_position((inner.x + cursor as u16, y));
        }
    }
    let first = inner.y + form.fields.len() as u16 + 1;
    for (line, y) in about.iter().zip(first..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let pieces = vec![
            Piece::new(format!(" {}", line.label), Tone::Dim),
            Piece::new(line.text.clone(), line.tone),
        ];
        view::line(model, frame, rect, pieces, false);
    }
}

fn words_of(field: &super::form::Field, error: Option<&str>) -> Vec<Line> {
    let mut lines = vec![Line::text(field.input.description.to_string(), Tone::Plain)];
    let options = field.options();
    if !options.is_empty() {
        let text = format!("choose with left and right: {}", options.join(", "));
        lines.push(Line::text(text, Tone::Dim));
    }
    if field.input.required {
        lines.push(Line::text("required", Tone::Dim));
    }
    lines.extend(error.map(|error| Line::text(error, Tone::Bad)));
    lines
}
