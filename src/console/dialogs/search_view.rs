//! Draws the palette and help: an input field, the matching actions, and the details of the
//! selected one below.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::help::{self, Help, HelpLine};
use super::palette::{self, Palette, PaletteEntry};
use crate::console::actions::{self, ActionSpec, Availability};
use crate::console::command::{self, Typed};
use crate::console::layout::TEXT_COLUMNS;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, words};
use crate::plan::Risk;

/// Width of titles, in columns; the longest is one shorter.
const TITLE: usize = 17;

/// Width of a sign, in columns; the longest is one shorter.
const SIGN: usize = 13;

/// Largest width of keys, in columns.
const KEYS: usize = 22;

/// Returns the lines of the list in the palette or help: without the field above and the three
/// lines below.
pub fn height(model: &Model) -> u16 {
    let rect = layout::dialog(model, TEXT_COLUMNS, model.lines);
    rect.height.saturating_sub(6)
}

/// Draws the palette.
pub fn draw_palette(model: &Model, dialog: &Palette, frame: &mut Frame, drawn: &mut Drawn) {
    let listed = palette::listed(model, dialog);
    let inner = frame_of(model, "Palette: find an action", frame, drawn);
    field(model, &dialog.input, inner, frame);
    let specs = listed.iter().filter_map(|entry| match entry {
        PaletteEntry::Action(spec) => Some(*spec),
        PaletteEntry::Command(_) => None,
    });
    let keys = key_columns(model, specs);
    let height = usize::from(height(model));
    let entries = listed.iter().enumerate().skip(dialog.list.offset).take(height);
    for ((at, listed), y) in entries.zip(inner.y + 1..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let mut cells = Cells::new(usize::from(rect.width));
        cells.push(mark(model, at == dialog.list.at));
        match listed {
            PaletteEntry::Action(spec) => {
                cells.put(spec.title, TITLE, tone(model, spec));
                cells.put(&model.setting.keymap.shown(spec.id), keys + 1, Tone::Accent);
                cells.push(match spec.standing(model) {
                    Availability::Disabled(reason) => {
                        Piece::new(format!("not available: {reason}"), Tone::Dim)
                    }
                    _ => Piece::new(spec.help, Tone::Dim),
                });
            }
            PaletteEntry::Command(offer) => {
                cells.push(Piece::new(offer.typed.with(&offer.word), Tone::Plain));
                cells.push(Piece::new(format!("  {}", offer.about), Tone::Dim));
            }
        }
        entry(model, cells, rect, at, at == dialog.list.at, frame, drawn);
    }
    match listed.get(dialog.list.at) {
        Some(PaletteEntry::Action(spec)) => below(model, Some(spec), inner, frame),
        Some(PaletteEntry::Command(offer)) => synopsis(model, &offer.typed, inner, frame),
        None => match command::typed(&model.setting.keymap, dialog.input.value()).first() {
            Some(typed) => synopsis(model, typed, inner, frame),
            None => below(model, None, inner, frame),
        },
    }
}

/// Draws what a command does, its parameters, and which one is missing.
fn synopsis(model: &Model, typed: &Typed, inner: Rect, frame: &mut Frame) {
    let takes: Vec<&str> = typed.spec.takes.iter().map(|param| param.name()).collect();
    let next = match typed.param() {
        Some(param) if typed.current.is_empty() => format!("next: {}", param.name()),
        _ => String::new(),
    };
    let texts = [
        (typed.spec.help.to_owned(), Tone::Accent),
        (format!("{} {}", typed.name, takes.join(" ")), Tone::Plain),
        (next, Tone::Dim),
    ];
    let top = inner.bottom().saturating_sub(3).max(inner.y + 1);
    view::texts(model, frame, inner, top, texts.into_iter());
}

/// Draws help.
pub fn draw_help(model: &Model, dialog: &Help, frame: &mut Frame, drawn: &mut Drawn) {
    let lines = help::lines(model, dialog);
    let inner = frame_of(model, "Help: type words or a key", frame, drawn);
    field(model, &dialog.filter, inner, frame);
    let specs = lines.iter().filter_map(|line| match line {
        HelpLine::Action(_, spec) => Some(*spec),
        HelpLine::Heading(_) | HelpLine::Sign(..) => None,
    });
    let keys = key_columns(model, specs);
    let height = usize::from(height(model));
    for (line, y) in lines
        .iter()
        .skip(dialog.list.offset)
        .take(height)
        .zip(inner.y + 1..)
    {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let (at, spec) = match line {
            HelpLine::Heading(title) => {
                let pieces = vec![Piece::new(format!(" {title}"), Tone::Strong)];
                view::line(model, frame, rect, pieces, false);
                continue;
            }
            HelpLine::Action(at, spec) => (*at, *spec),
            HelpLine::Sign(at, sign) => {
                let mut cells = Cells::new(usize::from(rect.width));
                cells.push(mark(model, *at == dialog.list.at));
                cells.put(&sign.text(&model.setting.look), SIGN, Tone::Accent);
                cells.push(Piece::new(sign.meaning, Tone::Plain));
                entry(model, cells, rect, *at, *at == dialog.list.at, frame, drawn);
                continue;
            }
        };
        let mut cells = Cells::new(usize::from(rect.width));
        cells.push(mark(model, at == dialog.list.at));
        cells.put(&model.setting.keymap.shown(spec.id), keys + 1, Tone::Accent);
        cells.put(spec.title, TITLE, tone(model, spec));
        if let Availability::Disabled(reason) = spec.standing(model) {
            cells.push(Piece::new(format!("not available: {reason}"), Tone::Dim));
        } else {
            if spec.risk != Risk::Read {
                cells.push(Piece::new("writes  ", Tone::Warn));
            }
            cells.push(Piece::new(spec.twin.unwrap_or_default(), Tone::Dim));
        }
        entry(model, cells, rect, at, at == dialog.list.at, frame, drawn);
    }
    // A sign cannot be run; only its meaning is shown.
    if help::chosen(model, dialog).is_some() || lines.is_empty() {
        below(model, help::chosen(model, dialog), inner, frame);
    }
}

pub(crate) fn frame_of(model: &Model, title: &str, frame: &mut Frame, drawn: &mut Drawn) -> Rect {
    let area = layout::dialog(model, TEXT_COLUMNS, model.lines);
    view::clear(frame, area);
    drawn.wheel(area, None);
    view::boxed(model, frame, area, title, None, true)
}

pub(crate) fn field(model: &Model, input: &tui_input::Input, inner: Rect, frame: &mut Frame) {
    let room = usize::from(inner.width.saturating_sub(4));
    let scroll = input.visual_scroll(room);
    let text: String = input.value().chars().skip(scroll).collect();
    let pieces = vec![Piece::new(" > ", Tone::Accent), Piece::new(text, Tone::Strong)];
    view::line(model, frame, Rect { height: 1, ..inner }, pieces, false);
    let cursor = input.visual_cursor().saturating_sub(scroll).min(room) as u16;
    frame.set_cursor_position((inner.x + 3 + cursor, inner.y));
}

fn key_columns(model: &Model, specs: impl Iterator<Item = &'static ActionSpec>) -> usize {
    let columns = specs.map(|spec| words::width(&model.setting.keymap.shown(spec.id)));
    columns.max().unwrap_or(0).min(KEYS) + 1
}

pub(crate) fn mark(model: &Model, selected: bool) -> Piece {
    let mark = if selected {
        model.setting.look.glyph(Glyph::Cursor)
    } else {
        " "
    };
    Piece::new(format!("{mark} "), Tone::Accent)
}

fn tone(model: &Model, spec: &ActionSpec) -> Tone {
    if spec.standing(model) == Availability::Enabled {
        Tone::Plain
    } else {
        Tone::Dim
    }
}

pub(crate) fn entry(
    model: &Model,
    cells: Cells,
    rect: Rect,
    at: usize,
    selected: bool,
    frame: &mut Frame,
    drawn: &mut Drawn,
) {
    let look = &model.setting.look;
    frame.render_widget(cells.line(look), rect);
    if selected {
        frame.buffer_mut().set_style(rect, look.selected(true));
    }
    drawn.hit(rect, Msg::Pick(at));
    drawn.rows_built += 1;
}

/// Draws the help sentence of the selected action, or why it is not available, and the equivalent
/// command.
fn below(model: &Model, spec: Option<&'static ActionSpec>, inner: Rect, frame: &mut Frame) {
    let Some(spec) = spec else {
        let rect = Rect::new(inner.x, inner.y + 1, inner.width, 1.min(inner.height));
        let pieces = vec![Piece::new(" no action matches", Tone::Dim)];
        return view::line(model, frame, rect, pieces, false);
    };
    let (said, tone) = match spec.standing(model) {
        Availability::Disabled(reason) => (format!("not available: {reason}"), Tone::Warn),
        _ => (spec.help.to_owned(), Tone::Accent),
    };
    let room = usize::from(inner.width.saturating_sub(2));
    let command = match actions::twin(model, spec) {
        Some(command) => format!("command: {command}"),
        None => "no equivalent command: it only changes the screen".to_owned(),
    };
    let sentence = words::wrap(&said, room)
        .into_iter()
        .chain([String::new()])
        .take(2);
    let texts = sentence.map(|text| (text, tone)).chain([(command, Tone::Dim)]);
    let top = inner.bottom().saturating_sub(3).max(inner.y + 1);
    view::texts(model, frame, inner, top, texts);
}
