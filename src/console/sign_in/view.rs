//! Draws the sign-in dialog.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::SignIn;
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::view::look::Tone;
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, words};

/// The demo's credentials, shown to new users.
pub const DEMO_HINT: &str = "demo: releaser@legend.example / demo-password / 123456";
/// Largest number of mask characters shown, whatever the length of the password.
const MASKS: usize = 12;
/// Width of the labels, in columns.
const LABELS: usize = 20;

/// Draws the dialog.
pub fn draw(model: &Model, dialog: &SignIn, frame: &mut Frame, drawn: &mut Drawn) {
    let columns = 76.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let mut above = intro(model, dialog);
    above = above.iter().flat_map(|line| line.wrap(room)).collect();
    let below: Vec<Line> = below(model, dialog)
        .iter()
        .flat_map(|line| line.wrap(room))
        .collect();
    let height = above.len() + dialog.fields.len() + below.len() + 4;
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, "Sign in with Ubuntu One", None, true);
    // On a low screen the fields and the error are more important than the text above.
    let needed = dialog.fields.len() + below.len() + 1;
    let spare = usize::from(inner.height).saturating_sub(needed);
    let mut y = inner.y;
    let mut put = |frame: &mut Frame, pieces: Vec<Piece>| {
        if y < inner.bottom() {
            view::line(model, frame, Rect::new(inner.x, y, inner.width, 1), pieces, false);
        }
        y += 1;
        y - 1
    };
    for line in above.iter().take(spare) {
        put(frame, pieces(line));
    }
    if spare > above.len() {
        put(frame, Vec::new());
    }
    for (at, field) in dialog.fields.iter().enumerate() {
        let here = at == dialog.at;
        let text = if field.ask.masked() {
            let mask = if model.setting.look.unicode { "•" } else { "*" };
            mask.repeat(field.text.len().min(MASKS))
        } else {
            tail(field.text.expose(), room.saturating_sub(LABELS + 3))
        };
        let label = words::pad(field.ask.label(), LABELS);
        let (tone, mark) = if here {
            (Tone::Accent, ">")
        } else {
            (Tone::Dim, " ")
        };
        let cursor = LABELS + 4 + words::width(&text);
        let line = put(
            frame,
            vec![
                Piece::new(format!(" {label}"), tone),
                Piece::new(format!(" {mark} "), Tone::Accent),
                Piece::new(text, Tone::Strong),
            ],
        );
        if line < inner.bottom() {
            drawn.hit(Rect::new(inner.x, line, inner.width, 1), Msg::Pick(at));
            if here && dialog.in_flight.is_none() {
                let x = inner.x + u16::try_from(cursor).unwrap_or(0);
                frame.set_cursor_position((x.min(inner.right().saturating_sub(1)), line));
            }
        }
    }
    put(frame, Vec::new());
    for line in &below {
        put(frame, pieces(line));
    }
}

fn pieces(line: &Line) -> Vec<Piece> {
    vec![
        Piece::new(format!(" {}", line.label), Tone::Dim),
        Piece::new(line.text.clone(), line.tone),
    ]
}

fn intro(model: &Model, dialog: &SignIn) -> Vec<Line> {
    let mut lines = vec![Line::text(
        "Your input goes to Ubuntu One and is not stored.",
        Tone::Plain,
    )];
    let days = dialog.scope.ttl / 86_400;
    let life = if days >= 2 {
        format!("{days} days")
    } else {
        format!("{} hours", dialog.scope.ttl / 3600)
    };
    lines.push(Line::text(
        format!(
            "The token may: {} on {}, for {life}.",
            dialog.scope.permissions.join(", "),
            match dialog.scope.packages.len() {
                0 => "every package of the account".to_owned(),
                count => words::count(count, "package", "packages"),
            }
        ),
        Tone::Dim,
    ));
    if model.setting.demo {
        lines.push(Line::text(DEMO_HINT, Tone::Dim));
    }
    lines
}

fn below(model: &Model, dialog: &SignIn) -> Vec<Line> {
    if dialog.in_flight.is_some() {
        return vec![Line::text("signing in at Ubuntu One …", Tone::Accent)];
    }
    if let Some(problem) = &dialog.problem {
        return Line::problem(problem);
    }
    let keymap = &model.setting.keymap;
    let keys = [
        keymap.brief(ActionId::SIGN_IN_ACCEPT, "next or sign in"),
        keymap.brief(ActionId::NEXT_FIELD, "change field"),
        keymap.brief(ActionId::CLOSE, "cancel"),
    ];
    vec![Line::text(keys.join("    "), Tone::Dim)]
}

/// Returns the end of `text` that fits.
fn tail(text: &str, columns: usize) -> String {
    let text = crate::domain::SanitizedText::capped(text, 512).to_string();
    let mut kept: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        used += words::width(c.encode_utf8(&mut [0; 4]));
        if used > columns {
            break;
        }
        kept.push(c);
    }
    kept.iter().rev().collect()
}
