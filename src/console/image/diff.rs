//! Formats the differences between two images.

use crate::console::components::Line;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::detail::{self, Change, Layer, PlatformDiff};
use crate::domain::{ImageDetail, SanitizedText};

/// Returns the lines about what differs between `before` and `after`, each with its title.
pub(super) fn lines(before: (&str, &ImageDetail), after: (&str, &ImageDetail), arrow: &str) -> Vec<Line> {
    let found = detail::diff(before.1, after.1);
    let mut lines = Vec::new();
    for (label, (title, image)) in [("from", before), ("to", after)] {
        lines.push(Line::of(label, title, Tone::Strong));
        lines.push(Line::of("", image.digest.to_string(), Tone::Dim));
    }
    lines.push(Line::blank());
    if found.same {
        lines.push(Line::text("Identical: the same digest.", Tone::Good));
        return lines;
    }
    for (label, platforms) in [("only from", &found.only_before), ("only to", &found.only_after)] {
        for platform in platforms {
            lines.push(Line::of(label, platform.to_string(), Tone::Warn));
        }
    }
    for platform in &found.platforms {
        one_platform(platform, arrow, &mut lines);
    }
    lines
}

fn one_platform(diff: &PlatformDiff, arrow: &str, lines: &mut Vec<Line>) {
    lines.push(Line::heading(diff.platform.to_string()));
    if diff.same_config {
        let text = "Same config: the same image, packed differently.";
        lines.push(Line::text(text, Tone::Good));
    }
    let sum = |layers: &[Layer]| -> u64 { layers.iter().map(|layer| layer.size).sum() };
    let text = format!(
        "{} in common ({}), {} removed ({}), {} added ({})",
        diff.shared.len(),
        words::bytes(sum(&diff.shared)),
        diff.removed.len(),
        words::bytes(sum(&diff.removed)),
        diff.added.len(),
        words::bytes(sum(&diff.added)),
    );
    lines.push(Line::of("layers", text, Tone::Plain));
    for (sign, layers, tone) in [("-", &diff.removed, Tone::Dim), ("+", &diff.added, Tone::Accent)] {
        for layer in layers {
            let text = format!("{sign} {:>8}  {}", words::bytes(layer.size), layer.digest.short());
            lines.push(Line::of("", text, tone));
        }
    }
    for (label, changes) in [
        ("env", diff.env.as_slice()),
        ("labels", diff.labels.as_slice()),
        ("entrypoint", diff.entrypoint.as_slice()),
        ("command", diff.command.as_slice()),
    ] {
        for (at, change) in changes.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            lines.push(Line::of(label, words_of(change, arrow), Tone::Plain));
        }
    }
    lines.push(Line::blank());
}

fn words_of(change: &Change, arrow: &str) -> String {
    let side = |value: &Option<SanitizedText>| match value {
        Some(value) if value.as_str().is_empty() => "empty".to_owned(),
        Some(value) => value.to_string(),
        None => "not set".to_owned(),
    };
    format!(
        "{}: {} {arrow} {}",
        change.name,
        side(&change.before),
        side(&change.after)
    )
}
