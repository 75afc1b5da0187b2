//! Formats the channels of a release: what each serves now and would serve afterwards, base by
//! base.
//!
//! Lines are cut by the view, to its width.

use std::collections::BTreeMap;

use super::outline::{Entry, Page};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::ManifestDigest;
use crate::plan::step::row_pairs;
use crate::plan::{PlannedRow, Step};

/// Columns before a base, and width of a base.
const INDENT: usize = 7;
const BASE: usize = 20;

/// Tags by digest, for rows that have only a digest.
pub(super) type Tags = BTreeMap<ManifestDigest, String>;

/// A row before and after.
type Pair<'s> = (&'s PlannedRow, &'s PlannedRow);

/// Returns the channels of `step`, in order, each with its rows.
fn channels(step: &Step) -> Vec<(String, Vec<Pair<'_>>)> {
    let mut found: Vec<(String, Vec<Pair>)> = Vec::new();
    for (was, will) in row_pairs(&step.before, &step.after) {
        let channel = will.channel.to_string();
        match found.iter_mut().find(|(name, _)| *name == channel) {
            Some((_, pairs)) => pairs.push((was, will)),
            None => found.push((channel, vec![(was, will)])),
        }
    }
    found
}

/// Returns how many channels `step` changes.
pub(super) fn count(step: &Step) -> usize {
    let changes = |(_, pairs): &(String, Vec<Pair>)| pairs.iter().any(|(was, will)| !was.serves_as(will));
    match step.skip_reason {
        Some(_) => 0,
        None => channels(step).iter().filter(|channel| changes(channel)).count(),
    }
}

/// Adds a section for every channel of `step`, under the heading `key`.
pub(super) fn sections(key: &str, item: Option<usize>, step: &Step, tags: &Tags, page: &mut Page) {
    if let Some(reason) = &step.skip_reason {
        page.label(5, 10, &step.kind, &format!("skipped: {reason}"), Tone::Dim);
        return;
    }
    for (channel, pairs) in channels(step) {
        let entry = Entry {
            key: format!("{key}/{channel}"),
            folds: true,
            item,
            orphan: None,
        };
        let (summary, tone) = summary(&pairs, tags, page);
        let pieces = vec![
            Piece::new(words::pad(&channel, channel.len().max(13)), Tone::Strong),
            Piece::new(format!("  {summary}"), tone),
        ];
        if page.section(1, entry, pieces) {
            bases(&pairs, tags, page);
        }
    }
}

/// Summarises what happens to a channel.
fn summary(pairs: &[Pair], tags: &Tags, page: &Page) -> (String, Tone) {
    let bases = match pairs.len() {
        1 => String::new(),
        many => format!(" on {many} bases"),
    };
    let same = |which: &dyn Fn(&Pair) -> String| {
        let first = pairs.first().map(which)?;
        pairs.iter().all(|pair| which(pair) == first).then_some(first)
    };
    let arrow = page.look.glyph(Glyph::Arrow);
    if pairs
        .iter()
        .all(|(was, will)| whole(was, tags, page) == whole(will, tags, page))
    {
        return (format!("unchanged{bases}"), Tone::Dim);
    }
    let (was, will) = (
        same(&|(was, _): &Pair| brief(was, tags)),
        same(&|(_, will): &Pair| brief(will, tags)),
    );
    let all = |which: &dyn Fn(&Pair) -> bool| pairs.iter().all(which);
    let text = match (was, will) {
        (_, Some(will)) if all(&|(was, _): &Pair| was.revision.is_none()) => {
            format!("opens with {will}{bases}")
        }
        (Some(was), _) if all(&|(_, will): &Pair| will.revision.is_none()) => {
            format!("closes{bases}, serves {was} now")
        }
        (Some(was), Some(will)) if was == will => format!("{was}, another revision{bases}"),
        (Some(was), Some(will)) => format!("{was} {arrow} {will}{bases}"),
        (None, Some(will)) => format!("{arrow} {will}{bases}"),
        _ => format!("{} change", words::count(pairs.len(), "base", "bases")),
    };
    (text, Tone::Accent)
}

/// Describes what a row serves briefly: the tags of its images, else its revision.
fn brief(row: &PlannedRow, tags: &Tags) -> String {
    let Some(revision) = row.revision else {
        return "closed".to_owned();
    };
    let mut named: Vec<String> = row
        .resources
        .iter()
        .filter_map(|resource| {
            let tag = resource.tag.as_ref().map(ToString::to_string);
            tag.or_else(|| resource.digest.and_then(|digest| tags.get(&digest).cloned()))
        })
        .filter(|tag| !tag.starts_with("sha256:"))
        .collect();
    named.dedup();
    if named.is_empty() {
        revision.to_string()
    } else {
        named.join(", ")
    }
}

/// Adds the bases; bases with the same change share a line.
fn bases(pairs: &[Pair], tags: &Tags, page: &mut Page) {
    let mut groups: Vec<(String, String, Vec<String>)> = Vec::new();
    for (was, will) in pairs {
        let base = will.base.as_ref().map(ToString::to_string).unwrap_or_default();
        let (was, becomes) = (whole(was, tags, page), whole(will, tags, page));
        match groups
            .iter_mut()
            .find(|group| group.0 == was && group.1 == becomes)
        {
            Some(group) => group.2.push(base),
            None => groups.push((was, becomes, vec![base])),
        }
    }
    let arrow = page.look.glyph(Glyph::Arrow);
    for (was, becomes, bases) in groups {
        let one = format!("{was} {arrow} {becomes}");
        let label = bases.join(", ");
        let narrow = page.width < 100;
        let fits = words::width(&label) < BASE && !narrow;
        let (indent, columns) = if fits { (INDENT, BASE) } else { (INDENT + 2, 0) };
        if !fits && !label.is_empty() {
            page.text(INDENT, &label, Tone::Dim);
        }
        let label = if fits { label.as_str() } else { "" };
        let room = page.width.saturating_sub(indent + columns + 1);
        if was == becomes {
            page.label(indent, columns, label, &format!("{was}, unchanged"), Tone::Dim);
        } else if words::width(&one) <= room {
            page.label(indent, columns, label, &one, Tone::Plain);
        } else {
            page.label(indent, columns, label, &was, Tone::Dim);
            page.label(indent, columns, "", &format!("{arrow} {becomes}"), Tone::Plain);
        }
    }
}

/// Describes everything known about a row: revision, version, resources, digests, releases.
fn whole(row: &PlannedRow, tags: &Tags, page: &Page) -> String {
    let Some(revision) = row.revision else {
        return "closed".to_owned();
    };
    let dot = page.look.glyph(Glyph::Dot);
    // On a narrow screen the name of the only resource is left out; the upload shows it already.
    let named = page.width >= 100 || row.resources.len() > 1;
    let mut text = revision.to_string();
    if let Some(version) = row
        .version
        .as_ref()
        .filter(|v| v.as_str() != revision.0.to_string())
    {
        text.push_str(&format!(" ({})", words::cut(version.as_str(), 16)));
    }
    for resource in &row.resources {
        let number = resource
            .revision
            .map_or_else(|| "new".to_owned(), |r| r.to_string());
        if named {
            text.push_str(&format!(" {dot} {} {number}", resource.name));
        } else {
            text.push_str(&format!(" {dot} {number}"));
        }
        let tag = resource
            .tag
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| resource.digest.and_then(|d| tags.get(&d).cloned()));
        if let Some(tag) = tag.filter(|tag| !tag.starts_with("sha256:")) {
            text.push_str(&format!(" {tag}"));
        }
        if let Some(digest) = &resource.digest {
            text.push_str(&format!(" {}", digest.short()));
        }
        match resource.release.as_slice() {
            [] => {}
            [one] => text.push_str(&format!(" of {one}")),
            [one, rest @ ..] => text.push_str(&format!(" of {one} +{}", rest.len())),
        }
    }
    text
}
