//! Draws the list of tags.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{TagLists, Tags, rows};
use crate::console::components::Line;
use crate::console::dialogs::search_view;
use crate::console::view::look::Tone;
use crate::console::view::piece::{Cells, Piece};
use crate::console::view::{self, Drawn};
use crate::console::{Model, words};

/// Largest width of a tag, in columns.
const TAG: usize = 44;

/// Draws the list.
pub fn draw(model: &Model, dialog: &Tags, frame: &mut Frame, drawn: &mut Drawn) {
    let title = format!("Tags of {}", dialog.repository);
    let inner = search_view::frame_of(model, &title, frame, drawn);
    search_view::field(model, &dialog.filter, inner, frame);
    let tags = rows(model, dialog);
    let height = usize::from(search_view::height(model));
    let widest = tags.iter().map(|tag| words::width(tag)).max().unwrap_or(0);
    let column = widest.min(TAG).min(usize::from(inner.width) / 2) + 2;
    // A column of its own, also for tags without a digest; none where no digest is known.
    let digests = tags.iter().filter_map(|tag| digest(model, dialog, tag));
    let digests = digests.map(|text| words::width(&text) + 2).next().unwrap_or(0);
    let shown = tags.iter().enumerate().skip(dialog.list.offset).take(height);
    for ((at, tag), y) in shown.zip(inner.y + 1..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let mut cells = Cells::new(usize::from(rect.width));
        cells.push(search_view::mark(model, at == dialog.list.at));
        cells.put(tag, column, Tone::Plain);
        let digest = digest(model, dialog, tag).unwrap_or_default();
        cells.put(&digest, digests, Tone::Dim);
        cells.push(Piece::new(releases(model, dialog, tag), Tone::Dim));
        search_view::entry(model, cells, rect, at, at == dialog.list.at, frame, drawn);
    }
    let room = usize::from(inner.width.saturating_sub(2));
    let top = inner.bottom().saturating_sub(3).max(inner.y + 1);
    let texts = state(model, dialog, tags.len());
    let texts = texts.iter().flat_map(|line| line.wrap(room)).take(3);
    view::texts(model, frame, inner, top, texts.map(|line| (line.text, line.tone)));
}

/// The first digits of the digest of a tag, where it is known.
fn digest(model: &Model, dialog: &Tags, tag: &str) -> Option<String> {
    let seen = model.snapshot.image(&dialog.repository.tagged(tag))?;
    Some(seen.value.as_ref()?.digest.short())
}

/// A release that names a tag, and how many more do.
fn releases(model: &Model, dialog: &Tags, tag: &str) -> String {
    let names = model.snapshot.releases.value.iter().flatten().filter(|release| {
        release.images.iter().any(|(key, named)| {
            let repository = model.workspace().image_repository(key);
            named == tag && repository.is_ok_and(|own| own == dialog.repository)
        })
    });
    let names: Vec<String> = names.map(|release| release.name.to_string()).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => format!("release {only}"),
        [first, more @ ..] => format!("release {first} +{}", more.len()),
    }
}

/// Returns the number of tags, the age of the list, and the problem.
fn state(model: &Model, dialog: &Tags, shown: usize) -> Vec<Line> {
    let seen = model.state::<TagLists>().0.get(&dialog.repository);
    let list = seen.and_then(|seen| seen.value.as_ref());
    let mut lines = Vec::new();
    match (list, dialog.in_flight) {
        (None, Some(_)) => lines.push(Line::text("reading the registry …", Tone::Dim)),
        (Some(list), in_flight) => {
            let all = words::count(list.tags.len(), "tag", "tags");
            let all = if shown == list.tags.len() {
                all
            } else {
                format!("{shown} of {all}")
            };
            let age = match (in_flight, seen.and_then(|seen| seen.read_at)) {
                (Some(_), _) => "reading again …".to_owned(),
                (None, Some(at)) => format!("read {}", words::age(model.now, at)),
                (None, None) => String::new(),
            };
            let cut = if list.cut { "; the registry has more" } else { "" };
            lines.push(Line::text(format!("{all}, {age}{cut}"), Tone::Dim));
        }
        (None, None) => {}
    }
    if let Some(problem) = seen
        .and_then(|seen| seen.problem.as_ref())
        .filter(|_| dialog.in_flight.is_none())
    {
        let hint = problem
            .hints
            .first()
            .map_or_else(String::new, |hint| format!("; {hint}"));
        lines.push(Line::text(format!("{}{hint}", problem.summary), Tone::Bad));
    }
    lines
}
