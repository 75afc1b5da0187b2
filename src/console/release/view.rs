//! Draws the release dialog.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::rows::facts;
use super::{Release, Row, lacking, releasable, rows};
use crate::console::actions::ActionId;
use crate::console::panes::charms;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, words};
use crate::domain::{Channel, ResourceName, ResourceRevision};

/// Width of the dialog in columns, borders included.
const COLUMNS: u16 = 96;
/// Lines besides the rows: two borders, one above, two below.
const FIXED: usize = 5;
/// Width of a label, in columns.
const LABEL: usize = 22;

/// Returns the rows that fit, of `count`.
pub fn height(model: &Model, count: usize) -> usize {
    let room = usize::from(model.lines.saturating_sub(2)).saturating_sub(FIXED);
    count.min(room.max(1))
}

/// Draws the dialog.
pub fn draw(model: &Model, dialog: &Release, frame: &mut Frame, drawn: &mut Drawn) {
    let all = rows(model, dialog);
    let height = height(model, all.len());
    let lines = u16::try_from(height + FIXED).unwrap_or(u16::MAX);
    let area = layout::dialog(model, COLUMNS, lines);
    view::clear(frame, area);
    let title = format!("Release {} of {}", dialog.revision, dialog.charm);
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
    let keymap = &model.setting.keymap;
    let help = format!(
        " {}, {} and {}: change a revision, {}",
        keymap.brief(ActionId::RELEASE_TICK, "select a channel"),
        keymap.first(ActionId::RELEASE_LESS),
        keymap.first(ActionId::RELEASE_MORE),
        keymap.brief(ActionId::RELEASE_ACCEPT, "plan")
    );
    put(frame, vec![Piece::new(help, Tone::Dim)], false);
    for (at, row) in all.iter().enumerate().skip(dialog.list.offset).take(height) {
        let selected = at == dialog.list.at;
        let mark = if selected {
            model.setting.look.glyph(Glyph::Cursor)
        } else {
            " "
        };
        let mut pieces = vec![Piece::new(format!(" {mark} "), Tone::Accent)];
        pieces.extend(match row {
            Row::Revision => revision(model, dialog),
            Row::Resource { name, optional } => resource(model, dialog, name, *optional),
            Row::Channel(channel) => one_channel(model, dialog, channel),
        });
        let rect = put(frame, pieces, selected);
        drawn.hit(rect, Msg::Pick(at));
        drawn.rows_built += 1;
    }
    put(frame, Vec::new(), false);
    let (text, tone) = match &dialog.error {
        Some(error) => (error.clone(), Tone::Bad),
        None if dialog.ticked.is_empty() => ("no channel selected".to_owned(), Tone::Dim),
        None => (
            format!("to {}", joined(dialog.ticked.iter().map(ToString::to_string))),
            Tone::Accent,
        ),
    };
    put(frame, vec![Piece::new(format!(" {text}"), tone)], false);
    view::scroll_mark(model, frame, area, dialog.list.offset, height, all.len());
    drawn.wheel(area, None);
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

fn revision(model: &Model, dialog: &Release) -> Vec<Piece> {
    let known = facts(model, &dialog.charm).and_then(|facts| facts.revision(dialog.revision));
    let newest = releasable(model, &dialog.charm).first() == Some(&dialog.revision);
    let mut about = String::new();
    if newest {
        about.push_str("  newest");
    }
    if let Some(one) = known {
        about.push_str(&format!("  version {}", words::cut(one.version.as_str(), 16)));
        about.push_str(&format!("  {}", words::day(one.created_at)));
        let bases = joined(one.bases.iter().map(ToString::to_string));
        about.push_str(&format!("  for {bases}"));
    }
    vec![
        Piece::new(words::pad("revision", LABEL), Tone::Dim),
        Piece::new(dialog.revision.to_string(), Tone::Strong),
        Piece::new(about, Tone::Dim),
    ]
}

fn resource(model: &Model, dialog: &Release, name: &ResourceName, optional: bool) -> Vec<Piece> {
    let known = facts(model, &dialog.charm).and_then(|facts| facts.resources.get(name));
    let newest = known.into_iter().flatten().map(|one| one.revision).max();
    let (text, about, tone) = match dialog.chosen.get(name) {
        Some(revision) => chosen(model, dialog, name, *revision, newest),
        None => not_chosen(model, dialog, name, optional, newest),
    };
    vec![
        Piece::new(words::pad(name.as_str(), LABEL), Tone::Dim),
        Piece::new(text, tone),
        Piece::new(about, Tone::Dim),
    ]
}

/// Returns a resource revision chosen by hand: its number and content.
fn chosen(
    model: &Model,
    dialog: &Release,
    name: &ResourceName,
    revision: ResourceRevision,
    newest: Option<ResourceRevision>,
) -> (String, String, Tone) {
    let mut about = String::new();
    if Some(revision) == newest {
        about.push_str("  newest");
    }
    let (workspace, snapshot) = (model.workspace(), &model.snapshot);
    if let Some(behind) = snapshot.image_behind(&dialog.charm, name, revision) {
        about.push_str(&format!("  {}", behind.digest.short()));
    }
    let releases = charms::releases_behind(workspace, snapshot, &dialog.charm, name, revision);
    if let Some(release) = releases.first() {
        about.push_str(&format!("  release {release}"));
    }
    (revision.to_string(), about, Tone::Strong)
}

/// Returns a resource that stays as the channel has it, or that must be chosen.
fn not_chosen(
    model: &Model,
    dialog: &Release,
    name: &ResourceName,
    optional: bool,
    newest: Option<ResourceRevision>,
) -> (String, String, Tone) {
    let stays = "keep the channel's".to_owned();
    match lacking(model, dialog, name).first() {
        None => (stays, String::new(), Tone::Plain),
        Some(_) if optional => (stays, "  optional, may be none".to_owned(), Tone::Plain),
        Some(channel) if newest.is_none() => (
            "no revision".to_owned(),
            format!(
                "  {channel} needs one; {}, then {}",
                model.setting.keymap.hint(ActionId::CLOSE, "close this dialog"),
                model.setting.keymap.hint(ActionId::UPLOAD, "upload one")
            ),
            Tone::Warn,
        ),
        Some(channel) => (
            "choose one".to_owned(),
            format!("  {channel} has none yet"),
            Tone::Warn,
        ),
    }
}

fn one_channel(model: &Model, dialog: &Release, channel: &Channel) -> Vec<Piece> {
    let look = &model.setting.look;
    let ticked = dialog.ticked.contains(channel);
    let (mark, tone) = if ticked {
        ("[x] ", Tone::Strong)
    } else {
        ("[ ] ", Tone::Plain)
    };
    let mut served: Vec<String> = Vec::new();
    for row in facts(model, &dialog.charm)
        .into_iter()
        .flat_map(|facts| facts.rows_of(channel))
    {
        let mut text = row.revision.to_string();
        for attached in &row.resources {
            if let Some(revision) = attached.revision {
                text.push_str(&format!(
                    " {} {} {revision}",
                    look.glyph(Glyph::Dot),
                    attached.name
                ));
            }
        }
        if !served.contains(&text) {
            served.push(text);
        }
    }
    let now = if served.is_empty() {
        "closed".to_owned()
    } else {
        format!("now {}", served.join(", "))
    };
    vec![
        Piece::new(mark, tone),
        Piece::new(words::pad(&channel.to_string(), LABEL - 4), tone),
        Piece::new(now, Tone::Dim),
    ]
}
