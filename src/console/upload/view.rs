//! Draws the upload dialog.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Upload, known, read};
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::image::share::Share;
use crate::console::image::{Look, There, Wanted};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout, words};
use crate::domain::{ImageSource, Target};
use crate::plan::Content;

/// Width of the dialog in columns, borders included.
const COLUMNS: u16 = 104;
/// Width of the bar of existing and missing bytes, in cells.
const BAR: usize = 20;
/// Least width of the description of a completion, in columns; a text that leaves less has none.
const ABOUT: usize = 20;
/// Largest number of completions shown.
const SHOWN: usize = 8;

/// Draws the dialog.
pub fn draw(model: &Model, dialog: &Upload, frame: &mut Frame, drawn: &mut Drawn) {
    let columns = COLUMNS.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let broken = |lines: Vec<Line>| -> Vec<Line> { lines.iter().flat_map(|line| line.wrap(room)).collect() };
    let above = broken(above(dialog));
    let below = broken(below(model, dialog));
    let known = known(model, dialog);
    // Without the completions: two borders, the line and two empty ones.
    let fixed = above.len() + below.len() + 5;
    let spare = usize::from(model.lines.saturating_sub(2)).saturating_sub(fixed + 1);
    let listed = known.len().min(SHOWN).min(spare);
    let height = fixed + listed + usize::from(listed > 0);
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let title = format!("Upload to {} of {}", dialog.resource, dialog.charm);
    let inner = view::boxed(model, frame, area, &title, None, true);
    let mut page = Page {
        model,
        inner,
        y: inner.y,
    };
    // If not everything fits, the field and the first line of its meaning come first.
    let room_above = usize::from(inner.height).saturating_sub(2);
    let shown = above.len().min(room_above);
    for line in above.iter().take(shown) {
        page.put(frame, pieces(line), false);
    }
    if shown < room_above {
        page.put(frame, Vec::new(), false);
    }
    page.field(frame, dialog);
    for line in &below {
        page.put(frame, pieces(line), false);
    }
    if listed == 0 {
        return;
    }
    page.put(frame, Vec::new(), false);
    let taken = dialog.stem.is_some().then_some(dialog.at);
    let first = taken.map_or(0, |at| (at + 1).saturating_sub(listed));
    let more = known.len() - listed;
    let more = if more > 0 {
        format!(" ({more} more)")
    } else {
        String::new()
    };
    let heading = format!(
        " Suggestions{more}; {}",
        model.setting.keymap.brief(ActionId::UPLOAD_NEXT, "use one")
    );
    page.put(frame, vec![Piece::new(heading, Tone::Dim)], false);
    // What is inserted is shown whole; its description gets the rest of the line.
    let in_view = || known.iter().enumerate().skip(first).take(listed);
    let most = room.saturating_sub(3);
    let widths = in_view().map(|(_, one)| words::width(&one.text));
    let column = widths
        .filter(|width| width + 1 + ABOUT <= most)
        .max()
        .unwrap_or_default();
    for (at, one) in in_view() {
        let width = words::width(&one.text).max(column).min(most);
        let text = words::pad(&words::cut(&one.text, width), width);
        let about = words::cut(&one.about, most.saturating_sub(width + 1));
        let mark = if taken == Some(at) {
            model.setting.look.glyph(Glyph::Cursor)
        } else {
            " "
        };
        let line = vec![
            Piece::new(format!(" {mark} "), Tone::Accent),
            Piece::new(text, Tone::Plain),
            Piece::new(format!(" {about}"), Tone::Dim),
        ];
        let rect = page.put(frame, line, taken == Some(at));
        if let Some(rect) = rect {
            drawn.hit(rect, Msg::Pick(at));
            drawn.rows_built += 1;
        }
    }
}

struct Page<'a> {
    model: &'a Model,
    inner: Rect,
    y: u16,
}

impl Page<'_> {
    fn put(&mut self, frame: &mut Frame, pieces: Vec<Piece>, selected: bool) -> Option<Rect> {
        let rect = Rect::new(self.inner.x, self.y, self.inner.width, 1);
        self.y += 1;
        if rect.y >= self.inner.bottom() {
            return None;
        }
        view::line(self.model, frame, rect, pieces, selected);
        Some(rect)
    }

    fn field(&mut self, frame: &mut Frame, dialog: &Upload) {
        let shown = usize::from(self.inner.width.saturating_sub(5));
        let scroll = dialog.input.visual_scroll(shown);
        let text: String = dialog.input.value().chars().skip(scroll).collect();
        let line = vec![Piece::new(" > ", Tone::Accent), Piece::new(text, Tone::Strong)];
        if let Some(rect) = self.put(frame, line, false) {
            let cursor = dialog.input.visual_cursor().saturating_sub(scroll).min(shown);
            frame.set_cursor_position((rect.x + 3 + cursor as u16, rect.y));
        }
    }
}

fn pieces(line: &Line) -> Vec<Piece> {
    vec![
        Piece::new(format!(" {}", line.label), Tone::Dim),
        Piece::new(line.text.clone(), line.tone),
    ]
}

fn above(dialog: &Upload) -> Vec<Line> {
    let ask = match dialog.images {
        Some(false) => "This resource is a file. Type its path.",
        Some(true) => {
            "This resource is an image. Type its digest (12 or 64 digits) or a reference \
            (docker://, docker-daemon:, containers-storage:, oci:, oci-archive:, docker-archive:)."
        }
        None => {
            "Type the path of a file, or the digest (12 or 64 digits) or reference of an \
            image."
        }
    };
    vec![
        Line::text(ask, Tone::Plain),
        Line::text("Nothing is sent before you confirm the plan.", Tone::Dim),
    ]
}

/// Returns the meaning of the line, or why it is invalid.
fn below(model: &Model, dialog: &Upload) -> Vec<Line> {
    let glyph = |glyph| model.setting.look.glyph(glyph);
    let text = dialog.input.value();
    match read(&model.setting, &dialog.resource, dialog.images, text) {
        None => vec![Line::text("  nothing typed yet", Tone::Dim)],
        Some(Ok(content)) => {
            // Parsed only: whether it exists is checked by the plan.
            let mut lines = vec![Line {
                label: format!("{} ", glyph(Glyph::Dot)),
                text: meaning(model, dialog, &content),
                tone: Tone::Plain,
            }];
            lines.extend(share(model, dialog, &content).map(|text| Line {
                label: "  ".to_owned(),
                text,
                tone: Tone::Accent,
            }));
            lines
        }
        Some(Err(problem)) => {
            let mut lines = vec![Line {
                label: format!("{} ", glyph(Glyph::Failed)),
                text: problem.summary.to_string(),
                tone: Tone::Bad,
            }];
            let causes = problem.causes.iter().map(ToString::to_string);
            let more = causes.chain(problem.hints.first().map(ToString::to_string));
            lines.extend(more.map(|text| Line {
                label: "  ".to_owned(),
                text,
                tone: Tone::Plain,
            }));
            lines
        }
    }
}

/// Describes how much of the image the resource lacks, if it was already read.
fn share(model: &Model, dialog: &Upload, content: &Content) -> Option<String> {
    let Content::From { source, .. } = content else {
        return None;
    };
    let look = Look {
        wanted: Wanted::From(source.clone()),
        to: Some((dialog.charm.clone(), dialog.resource.clone())),
    };
    let seen = model.images().fetched.get(&look)?.seen.as_ref()?;
    let There::Layers(there) = &seen.there else {
        return None;
    };
    Some(Share::of(&seen.detail, there).picture(&model.setting.look, BAR))
}

fn meaning(model: &Model, dialog: &Upload, content: &Content) -> String {
    match content {
        Content::File { path, .. } => format!("file, read when the plan is made: {path}"),
        Content::Digest { digest } => {
            let intent = crate::plan::UploadIntent {
                charm: dialog.charm.clone(),
                resource: dialog.resource.clone(),
                content: content.clone(),
            };
            match super::known::behind(model, &intent, digest) {
                Some(revision) => format!("digest of the image in {revision}"),
                None => {
                    "digest, searched in the charm's own repository, then in the local engines".to_owned()
                }
            }
        }
        Content::From { source, .. } => match source {
            ImageSource::Registry(reference) => match &reference.target {
                Target::Tag(tag) => format!(
                    "tag {tag} of {}, pinned to its digest first",
                    reference.repository
                ),
                Target::Digest(digest) => {
                    format!("digest {} of {}", digest.short(), reference.repository)
                }
            },
            ImageSource::Local(local) => format!("image on this machine: {local}"),
        },
    }
}
