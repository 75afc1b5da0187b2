//! Draws dialogs.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Choose, Help, Line, Modal, Prompt, TEXT_COLUMNS, Text, help};
use crate::console::actions::{Availability, Scope};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, promote, release, sign_in, upload, words, workflows};
use crate::plan::Risk;

/// Draws `modal` over the screen.
pub fn draw(model: &Model, modal: &Modal, frame: &mut Frame, drawn: &mut Drawn) {
    match modal {
        Modal::Help(help) => draw_help(model, help, frame, drawn),
        Modal::Problem(text) | Modal::Details(text) => draw_text(model, text, frame, drawn),
        Modal::Prompt(prompt) => draw_prompt(model, prompt, frame),
        Modal::SignIn(dialog) => sign_in::view::draw(model, dialog, frame, drawn),
        Modal::Upload(dialog) => upload::view::draw(model, dialog, frame, drawn),
        Modal::Release(dialog) => release::view::draw(model, dialog, frame, drawn),
        Modal::Promote(dialog) => promote::view::draw(model, dialog, frame, drawn),
        Modal::Workflows(dialog) => match &dialog.shown {
            Some(shown) => draw_text(model, &shown.text, frame, drawn),
            None => workflows::view::draw(model, dialog, frame, drawn),
        },
        Modal::Form(form) => workflows::view::draw_form(model, form, frame, drawn),
        Modal::Choose(choose) => draw_choose(model, choose, frame, drawn),
        Modal::Image(image) => draw_text(model, &image.text, frame, drawn),
        Modal::Stop(_) => question(
            model,
            frame,
            "Stop the run?",
            &[
                "What is under way ends first. It answers one of three things: stopped,",
                "finished anyway, or unknown: then resume looks before anything is repeated.",
            ],
            "x stop it    esc let it go on",
        ),
        Modal::Leave => {
            let queued = model.queue.waiting().len();
            let dropped = format!(
                "{}: leaving drops {}, and nothing of it was started.",
                words::count(queued, "confirmed plan waits", "confirmed plans wait"),
                if queued == 1 { "it" } else { "them" }
            );
            let stops = "The run is asked to stop, and windlass leaves when it has.";
            let later = "What is missing then can be finished with windlass resume.";
            match (model.busy(), queued > 0) {
                (false, _) => question(
                    model,
                    frame,
                    "Plans wait. Leave?",
                    &[&dropped],
                    "x leave    esc stay",
                ),
                (true, true) => question(
                    model,
                    frame,
                    "A run goes on, and plans wait. Leave?",
                    &[stops, later, &dropped],
                    "x stop and leave    esc stay",
                ),
                (true, false) => question(
                    model,
                    frame,
                    "A run goes on. Leave?",
                    &[stops, later],
                    "x stop and leave    esc stay",
                ),
            }
        }
    }
}

fn pieces_of(line: &Line) -> Vec<Piece> {
    vec![
        Piece::new(format!(" {}", line.label), Tone::Dim),
        Piece::new(line.text.clone(), line.tone),
    ]
}

fn draw_text(model: &Model, text: &Text, frame: &mut Frame, drawn: &mut Drawn) {
    let lines = u16::try_from(text.lines.len() + 2).unwrap_or(u16::MAX);
    let area = layout::dialog(model, TEXT_COLUMNS, lines);
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, &text.title, None, true);
    let height = usize::from(inner.height);
    for (line, y) in text.lines.iter().skip(text.offset).take(height).zip(inner.y..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, pieces_of(line), false);
        drawn.rows_built += 1;
    }
    view::scroll_mark(model, frame, area, text.offset, height, text.lines.len());
    drawn.wheel(area, None);
}

fn draw_prompt(model: &Model, prompt: &Prompt, frame: &mut Frame) {
    let columns = 76.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let lines: Vec<Line> = prompt.lines.iter().flat_map(|line| line.wrap(room)).collect();
    let error: Vec<String> = prompt
        .error
        .as_ref()
        .map(|error| words::wrap(error, room))
        .unwrap_or_default();
    let height = lines.len() + error.len() + 5;
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, &prompt.title, None, true);
    let mut y = inner.y;
    for line in &lines {
        if y >= inner.bottom() {
            return;
        }
        view::line(
            model,
            frame,
            Rect::new(inner.x, y, inner.width, 1),
            pieces_of(line),
            false,
        );
        y += 1;
    }
    y += 1;
    if y >= inner.bottom() {
        y = inner.bottom().saturating_sub(1);
    }
    let field = Rect::new(inner.x, y, inner.width, 1);
    let shown = usize::from(inner.width.saturating_sub(5));
    let scroll = prompt.input.visual_scroll(shown);
    let text: String = prompt.input.value().chars().skip(scroll).collect();
    view::line(
        model,
        frame,
        field,
        vec![Piece::new(" > ", Tone::Accent), Piece::new(text, Tone::Strong)],
        false,
    );
    let cursor = prompt.input.visual_cursor().saturating_sub(scroll).min(shown) as u16;
    frame.set_cursor_position((inner.x + 3 + cursor, y));
    for (text, y) in error.iter().zip(y + 1..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(
            model,
            frame,
            rect,
            vec![Piece::new(format!(" {text}"), Tone::Bad)],
            false,
        );
    }
}

fn draw_choose(model: &Model, choose: &Choose, frame: &mut Frame, drawn: &mut Drawn) {
    let columns = 76.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let lines: Vec<Line> = choose.lines.iter().flat_map(|line| line.wrap(room)).collect();
    let height = lines.len() + choose.entries.len() + 3;
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, &choose.title, None, true);
    let asked = lines.iter().map(|line| (pieces_of(line), None));
    let blank = std::iter::once((Vec::new(), None));
    let entries = choose.entries.iter().enumerate().skip(choose.offset);
    let entries = entries.map(|(at, (text, _))| {
        let mark = if at == choose.at {
            model.setting.look.glyph(Glyph::Cursor)
        } else {
            " "
        };
        let pieces = vec![
            Piece::new(format!(" {mark} "), Tone::Accent),
            Piece::new(text.clone(), Tone::Plain),
        ];
        (pieces, Some(at))
    });
    for ((pieces, at), y) in asked.chain(blank).chain(entries).zip(inner.y..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, pieces, at == Some(choose.at));
        if let Some(at) = at {
            drawn.hit(rect, Msg::Pick(at));
            drawn.rows_built += 1;
        }
    }
    drawn.wheel(area, None);
}

fn question(model: &Model, frame: &mut Frame, title: &str, lines: &[&str], answers: &str) {
    let columns = 80.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let wrapped: Vec<String> = words::wrap(&lines.join(" "), room);
    let area = layout::dialog(model, columns, wrapped.len() as u16 + 4);
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, title, None, true);
    let texts = wrapped
        .iter()
        .map(|line| (line.as_str(), Tone::Plain))
        .chain([("", Tone::Plain), (answers, Tone::Accent)]);
    for ((text, tone), y) in texts.zip(inner.y..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(
            model,
            frame,
            rect,
            vec![Piece::new(format!(" {text}"), tone)],
            false,
        );
    }
}

const fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Always | Scope::Everywhere => "everywhere",
        Scope::Panes => "panes",
        Scope::Pane(pane) => pane.title(),
        Scope::Filter => "filter",
        Scope::Review | Scope::ReviewOf(_) => "review",
        Scope::Run => "run",
        Scope::Help => "help",
        Scope::Text => "dialog",
        Scope::Prompt => "field",
        Scope::SignIn => "sign-in",
        Scope::Upload => "upload",
        Scope::Release => "release",
        Scope::Promote => "promotion",
        Scope::Workflows => "workflows",
        Scope::Form => "form",
        Scope::Image => "image",
        Scope::Stop | Scope::Leave | Scope::Choose => "question",
    }
}

fn draw_help(model: &Model, dialog: &Help, frame: &mut Frame, drawn: &mut Drawn) {
    let area = layout::dialog(model, TEXT_COLUMNS, model.lines);
    view::clear(frame, area);
    let inner = view::boxed(
        model,
        frame,
        area,
        "Help: type to search, enter does it",
        None,
        true,
    );
    let field = Rect { height: 1, ..inner };
    view::line(
        model,
        frame,
        field,
        vec![
            Piece::new(" > ", Tone::Accent),
            Piece::new(dialog.filter.value().to_owned(), Tone::Strong),
        ],
        false,
    );
    let cursor = (dialog.filter.visual_cursor() as u16).min(inner.width.saturating_sub(4));
    frame.set_cursor_position((inner.x + 3 + cursor, inner.y));
    let entries = help::entries(model, dialog);
    let height = usize::from(inner.height.saturating_sub(2));
    let explained = entries.get(dialog.at);
    let window = entries
        .iter()
        .enumerate()
        .skip(dialog.offset)
        .take(height)
        .zip(inner.y + 1..);
    for ((at, spec), y) in window {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let availability = (spec.availability)(model);
        let tone = if availability == Availability::Enabled {
            Tone::Plain
        } else {
            Tone::Dim
        };
        let mut pieces = vec![
            Piece::new(
                format!(" {} ", words::pad(&spec.keys.join(" "), 16)),
                Tone::Accent,
            ),
            Piece::new(words::pad(spec.title, 17), tone),
        ];
        if let Availability::Disabled(reason) = availability {
            pieces.push(Piece::new(format!("not now: {reason}"), Tone::Dim));
        } else {
            pieces.push(Piece::new(words::pad(scope_words(spec.scope), 12), Tone::Dim));
            if spec.risk != Risk::Read {
                pieces.push(Piece::new("writes  ", Tone::Warn));
            }
            if let Some(twin) = spec.twin {
                pieces.push(Piece::new(twin, Tone::Dim));
            }
        }
        view::line(model, frame, rect, pieces, at == dialog.at);
        drawn.hit(rect, Msg::Pick(at));
        drawn.rows_built += 1;
    }
    if let Some(spec) = explained {
        let rect = Rect::new(inner.x, inner.bottom().saturating_sub(1), inner.width, 1);
        view::line(
            model,
            frame,
            rect,
            vec![Piece::new(format!(" {}", spec.help), Tone::Accent)],
            false,
        );
    } else {
        let rect = Rect::new(inner.x, inner.y + 1, inner.width, 1);
        view::line(
            model,
            frame,
            rect,
            vec![Piece::new(" nothing is called so", Tone::Dim)],
            false,
        );
    }
    drawn.wheel(area, None);
}
