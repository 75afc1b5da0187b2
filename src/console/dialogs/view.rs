//! Draws dialogs.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Choose, Line, Modal, Prompt, Purpose, TEXT_COLUMNS, Text, search_view};
use crate::console::actions::{self, ActionId as Id};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, promote, release, sign_in, tags, upload, words, workflows};

/// Draws `modal` over the screen.
pub fn draw(model: &Model, modal: &Modal, frame: &mut Frame, drawn: &mut Drawn) {
    match modal {
        Modal::Palette(dialog) => search_view::draw_palette(model, dialog, frame, drawn),
        Modal::Help(dialog) => search_view::draw_help(model, dialog, frame, drawn),
        Modal::Problem(text) | Modal::Details(text) => draw_text(model, text, frame, drawn),
        Modal::Prompt(prompt) => draw_prompt(model, prompt, frame),
        Modal::SignIn(dialog) => sign_in::view::draw(model, dialog, frame, drawn),
        Modal::Upload(dialog) => upload::view::draw(model, dialog, frame, drawn),
        Modal::Tags(dialog) => tags::view::draw(model, dialog, frame, drawn),
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
            "Cancel the run?",
            &[
                "The current step finishes first. The run then ends as cancelled, finished",
                "anyway, or unknown; resuming it checks the current state first.",
            ],
            &answers(model, [Id::StopYes, Id::StopNo]),
        ),
        Modal::Leave => {
            let queued = model.queue.waiting().len();
            let dropped = format!(
                "{} and not started; leaving removes {}.",
                words::count(queued, "confirmed plan is queued", "confirmed plans are queued"),
                if queued == 1 { "it" } else { "them" }
            );
            let stops = "The run is cancelled, and windlass exits when it has ended.";
            let later = "Finish the missing steps later with windlass resume.";
            let (title, lines): (_, &[&str]) = match (model.busy(), queued > 0) {
                (false, _) => ("Plans are queued. Leave?", &[&dropped]),
                (true, true) => (
                    "A run is in progress and plans are queued. Leave?",
                    &[stops, later, &dropped],
                ),
                (true, false) => ("A run is in progress. Leave?", &[stops, later]),
            };
            let answers = answers(model, [Id::LeaveYes, Id::LeaveNo]);
            question(model, frame, title, lines, &answers);
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
    let searched: Vec<String> = if text.find.words.is_empty() {
        Vec::new()
    } else {
        let lines = text.lines.iter();
        lines.map(|line| format!("{}{}", line.label, line.text)).collect()
    };
    let found = text.find.note(searched.iter().map(String::as_str));
    let title = found.map_or_else(|| text.title.clone(), |found| format!("{}  {found}", text.title));
    let inner = view::boxed(model, frame, area, &title, None, true);
    let height = usize::from(inner.height);
    let lines = text.lines.iter().enumerate().skip(text.offset).take(height);
    for ((at, line), y) in lines.zip(inner.y..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, pieces_of(line), false);
        view::mark_words(model, frame, rect, &text.find, at);
        drawn.rows_built += 1;
    }
    view::scroll_mark(model, frame, area, text.offset, height, text.lines.len());
    drawn.wheel(area, None);
}

fn draw_prompt(model: &Model, prompt: &Prompt, frame: &mut Frame) {
    // A digest has 71 characters.
    let wanted = match prompt.purpose {
        Purpose::Replace(_) => TEXT_COLUMNS,
        Purpose::Start(_) | Purpose::Resume(_) => 76,
    };
    let columns = wanted.min(model.columns.saturating_sub(2));
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
    // If the dialog is too small, the end is shown: the question, the field and the error.
    let fitting = usize::from(inner.height).saturating_sub(1 + error.len());
    for line in lines.iter().skip(lines.len().saturating_sub(fitting)) {
        view::line(
            model,
            frame,
            Rect::new(inner.x, y, inner.width, 1),
            pieces_of(line),
            false,
        );
        y += 1;
    }
    let last = inner.bottom().saturating_sub(1 + error.len() as u16);
    y = (y + 1).min(last.max(inner.y));
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
    let wrong = error.iter().map(|text| (text, Tone::Bad));
    view::texts(model, frame, inner, y + 1, wrong);
}

fn draw_choose(model: &Model, choose: &Choose, frame: &mut Frame, drawn: &mut Drawn) {
    let columns = 76.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let lines: Vec<Line> = choose.lines.iter().flat_map(|line| line.wrap(room)).collect();
    let height = lines.len() + choose.entries.len() + 3;
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, &choose.title, None, true);
    // At least three options are visible; of the text above them the end is shown, the question.
    let fitting = usize::from(inner.height).saturating_sub(choose.entries.len().min(3));
    let asked = lines.iter().map(|line| (pieces_of(line), None));
    let asked = asked.skip(lines.len().saturating_sub(fitting));
    let blank = std::iter::once((Vec::new(), None)).take(usize::from(fitting > lines.len()));
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

/// Returns the options with their current keys.
fn answers(model: &Model, ids: [Id; 2]) -> String {
    let said = ids.map(|id| {
        let title = actions::spec(id).map_or("", |spec| spec.title);
        model.setting.keymap.brief(id, title)
    });
    said.join("    ")
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
    view::texts(model, frame, inner, inner.y, texts);
}
