//! Draws the promotion dialog.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Promote, RISKS, Row, latest_edge, rows, served};
use crate::console::actions::ActionId;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, words};
use crate::domain::{Channel, CharmName, Risk};

/// Width of the dialog in columns, borders included.
const COLUMNS: u16 = 84;
/// Lines besides the rows: two borders, one above, two below.
const FIXED: usize = 5;
/// Width of a risk or a charm, in columns.
const LABEL: usize = 20;

/// Returns the lines of the rows that fit, of `count` rows; a heading separates risks and charms.
pub fn height(model: &Model, count: usize) -> usize {
    let room = usize::from(model.lines.saturating_sub(2)).saturating_sub(FIXED + HEADING);
    count.min(room.max(1))
}

/// Lines above the charms.
const HEADING: usize = 2;

/// Draws the dialog.
pub fn draw(model: &Model, dialog: &Promote, frame: &mut Frame, drawn: &mut Drawn) {
    let all = rows(model, dialog);
    let height = height(model, all.len());
    let heading = if all.len() > RISKS.len() { HEADING } else { 0 };
    let lines = u16::try_from(height + FIXED + heading).unwrap_or(u16::MAX);
    let area = layout::dialog(model, COLUMNS, lines);
    view::clear(frame, area);
    let title = match &dialog.release {
        Some(release) => format!("Promote {release}"),
        None => format!("Promote track {}", dialog.track),
    };
    let inner = view::boxed(model, frame, area, &title, None, true);
    let mut y = inner.y;
    let mut put = |frame: &mut Frame, pieces: Vec<Piece>, selected: bool| {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        y += 1;
        if rect.y < inner.bottom() {
            view::line(model, frame, rect, pieces, selected);
        }
        rect
    };
    let edge = Channel::new(dialog.track.clone(), Risk::Edge);
    let help = match &dialog.release {
        Some(_) => format!(" Release what {edge} serves to:"),
        None => format!(
            " Move every open risk of {} up one step, the most stable to:",
            dialog.track
        ),
    };
    put(frame, vec![Piece::new(help, Tone::Plain)], false);
    for (at, row) in all.iter().enumerate().skip(dialog.list.offset).take(height) {
        if at == RISKS.len() || (at > RISKS.len() && at == dialog.list.offset) {
            put(frame, Vec::new(), false);
            let text = format!(
                " Not on {edge} ({}):",
                model.setting.keymap.brief(ActionId::PROMOTE_TICK, "include")
            );
            put(frame, vec![Piece::new(text, Tone::Plain)], false);
        }
        let selected = at == dialog.list.at;
        let mark = if selected {
            model.setting.look.glyph(Glyph::Cursor)
        } else {
            " "
        };
        let mut pieces = vec![Piece::new(format!(" {mark} "), Tone::Accent)];
        pieces.extend(match row {
            Row::Risk(risk) => one_risk(model, dialog, *risk),
            Row::Charm(charm) => one_charm(model, dialog, charm),
        });
        let rect = put(frame, pieces, selected);
        drawn.hit(rect, Msg::Pick(at));
        drawn.rows_built += 1;
    }
    put(frame, Vec::new(), false);
    let along: Vec<&str> = dialog.with.iter().map(|charm| model.short(charm)).collect();
    let along = match along.as_slice() {
        [] => String::new(),
        names => format!(", {} to latest/{}", names.join(", "), dialog.to),
    };
    let target = Channel::new(dialog.track.clone(), dialog.to);
    let text = format!(
        " to {target}{along}; {}",
        model.setting.keymap.brief(ActionId::PROMOTE_ACCEPT, "plan")
    );
    put(frame, vec![Piece::new(text, Tone::Accent)], false);
    view::scroll_mark(model, frame, area, dialog.list.offset, height, all.len());
    drawn.wheel(area, None);
}

/// Returns a risk, and what its channel serves now.
fn one_risk(model: &Model, dialog: &Promote, risk: Risk) -> Vec<Piece> {
    let chosen = dialog.to == risk;
    let (mark, tone) = if chosen {
        ("(x) ", Tone::Strong)
    } else {
        ("( ) ", Tone::Plain)
    };
    let channel = Channel::new(dialog.track.clone(), risk);
    let open: Vec<&str> = model
        .workspace()
        .charms
        .iter()
        .filter(|charm| served(model, &charm.name, &channel).next().is_some())
        .map(|charm| model.short(&charm.name))
        .collect();
    let now = match open.as_slice() {
        [] => "closed".to_owned(),
        names => format!("open for {}", names.join(", ")),
    };
    vec![
        Piece::new(mark, tone),
        Piece::new(words::pad(risk.as_str(), LABEL), tone),
        Piece::new(now, Tone::Dim),
    ]
}

/// Returns a charm that can be included, and what would be released.
fn one_charm(model: &Model, dialog: &Promote, charm: &CharmName) -> Vec<Piece> {
    let (mark, tone) = if dialog.with.contains(charm) {
        ("[x] ", Tone::Strong)
    } else {
        ("[ ] ", Tone::Plain)
    };
    let latest = latest_edge();
    let mut revisions: Vec<String> = served(model, charm, &latest)
        .map(|row| row.revision.to_string())
        .collect();
    revisions.sort();
    revisions.dedup();
    vec![
        Piece::new(mark, tone),
        Piece::new(
            words::pad(&words::cut(model.short(charm), LABEL - 1), LABEL),
            tone,
        ),
        Piece::new(format!("{} of {latest}", revisions.join(", ")), Tone::Dim),
    ]
}
