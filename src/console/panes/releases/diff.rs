//! Compares two releases: the images that each names, different ones first.

use crate::console::Model;
use crate::console::components::{Line, Text};
use crate::console::view::look::{Glyph, Tone};
use crate::console::words;
use crate::domain::{Release, ReleaseName, SanitizedText, release};

/// Returns the releases to compare: the marked one and the selected one, or the two marked ones,
/// the older first.
pub fn pair(model: &Model) -> Option<(ReleaseName, ReleaseName)> {
    let list = model.release_rows();
    let selected = list.selected()?.name.to_string();
    let marked: Vec<&String> = list.marked().iter().collect();
    let two = match marked.as_slice() {
        [one, other] if **one == selected || **other == selected => [(*one).clone(), (*other).clone()],
        [one] if **one != selected => [(*one).clone(), selected],
        _ => return None,
    };
    let [a, b] = two.map(|name| list.rows().iter().find(|row| row.name.as_str() == name));
    let (a, b) = (a?, b?);
    Some(if (a.made, &a.name) <= (b.made, &b.name) {
        (a.name.clone(), b.name.clone())
    } else {
        (b.name.clone(), a.name.clone())
    })
}

/// Shows what differs from the release `from` to the release `to`.
pub fn show_diff(model: &mut Model, from: &ReleaseName, to: &ReleaseName) {
    let known = |name: &ReleaseName| model.snapshot.release(name);
    let (Some(a), Some(b)) = (known(from), known(to)) else {
        return model.refuse("the manifest of a marked release could not be read");
    };
    let lines = lines(model, a, b);
    let mut text = Text::new(format!("Releases {from} and {to}"), lines);
    text.copy = Some(format!("windlass diff {from} {to}"));
    model.open(text);
}

fn lines(model: &Model, from: &Release, to: &Release) -> Vec<Line> {
    let images = release::diff(from, to);
    let arrow = model.setting.look.glyph(Glyph::Arrow);
    let (changed, same): (Vec<_>, Vec<_>) = images.iter().partition(|one| one.changed);
    let mut lines = vec![Line::heading(match changed.len() {
        0 => "No image differs".to_owned(),
        count => words::count(count, "image differs", "images differ"),
    })];
    let widest = images
        .iter()
        .map(|one| words::width(one.image))
        .max()
        .unwrap_or(0);
    let fed = |image: &str| {
        let mut charms = model.workspace().fed_charms();
        charms.any(|charm| charm.fed().any(|(_, key)| key == image))
    };
    let tag = |tag: Option<&str>| {
        tag.map_or_else(
            || "not named".to_owned(),
            |tag| SanitizedText::capped(tag, 60).to_string(),
        )
    };
    for one in changed {
        let image = words::pad(SanitizedText::capped(one.image, 100).as_str(), widest);
        let text = format!("  {image}  {} {arrow} {}", tag(one.from), tag(one.to));
        // Images used by a charm change what a publish does.
        lines.push(Line::text(
            text,
            if fed(one.image) { Tone::Strong } else { Tone::Plain },
        ));
    }
    if !same.is_empty() {
        lines.push(Line::blank());
        lines.push(Line::heading(words::count(
            same.len(),
            "image is the same",
            "images are the same",
        )));
    }
    for one in same {
        let image = words::pad(SanitizedText::capped(one.image, 100).as_str(), widest);
        lines.push(Line::text(format!("  {image}  {}", tag(one.to)), Tone::Dim));
    }
    lines
}
