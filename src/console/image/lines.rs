//! Formats the details of an image.

use std::collections::BTreeSet;

use super::share::{Share, distinct};
use super::{Fetched, Look, There, Wanted};
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::view::look::{Glyph, Look as Appearance, Tone};
use crate::console::{Model, words};
use crate::domain::charm::ImageBehind;
use crate::domain::detail::{Layer, PlatformDetail};
use crate::domain::{Digest, ImageDetail, ImageSource, ManifestDigest, SanitizedText};
use crate::plan::evidence;

/// Width of a layer's bar, in cells.
const BAR: usize = 12;
/// Width of the bar of all layers, in cells.
const SUM: usize = 20;

/// Returns the lines of everything known about the image of `look`.
pub(super) fn lines(model: &Model, look: &Look) -> Vec<Line> {
    let unknown = Fetched::default();
    let fetched = model.images().fetched.get(look).unwrap_or(&unknown);
    let mut lines = Vec::new();
    if fetched.in_flight.is_some() {
        lines.push(Line::text("reading its manifest and config …", Tone::Accent));
    }
    if let Some(problem) = &fetched.problem {
        lines.extend(Line::problem(problem));
        lines.push(Line::of(
            "here",
            model
                .setting
                .keymap
                .hint(ActionId::IMAGE_AGAIN, "read the image again"),
            Tone::Accent,
        ));
    }
    let Some(seen) = &fetched.seen else {
        return lines;
    };
    if !lines.is_empty() {
        lines.push(Line::blank());
    }
    let detail = &seen.detail;
    head(model, look, detail, &mut lines);
    let there = match &seen.there {
        There::NotAsked => None,
        There::Unknown(problem) => {
            let text = format!("unknown: {}", problem.summary);
            lines.push(Line::of("to send", text, Tone::Warn));
            None
        }
        There::Layers(there) => {
            let share = Share::of(detail, there);
            let picture = share.picture(&model.setting.look, SUM);
            lines.push(Line::of("to send", share.words(), Tone::Accent));
            lines.push(Line::of("", picture, Tone::Plain));
            Some(there)
        }
    };
    if let Some(at) = fetched.at {
        let text = format!("{} UTC", words::minute(at));
        lines.push(Line::of("read at", text, Tone::Dim));
    }
    for platform in &detail.platforms {
        let told = platform.image.digest == detail.digest;
        one_platform(&model.setting.look, platform, told, there, &mut lines);
    }
    lines
}

fn head(model: &Model, look: &Look, detail: &ImageDetail, lines: &mut Vec<Line>) {
    let label = if detail.platforms.len() > 1 || detail.media_type.contains("index") {
        "index"
    } else {
        "manifest"
    };
    lines.push(Line::of(label, detail.digest.to_string(), Tone::Strong));
    if let [one] = detail.platforms.as_slice()
        && one.image.digest == detail.digest
    {
        let config = one.image.config_digest.to_string();
        lines.push(Line::of("config", config, Tone::Plain));
    }
    lines.push(Line::of("image", detail.source.to_string(), Tone::Plain));
    let releases = releases(model, look, detail);
    lines.push(if releases.is_empty() {
        Line::of("release", "not named by any known release", Tone::Dim)
    } else {
        Line::of("release", releases.join(", "), Tone::Good)
    });
    let behind = behind(model, detail);
    if !behind.is_empty() {
        lines.push(Line::of("contained in", behind.join(", "), Tone::Plain));
    }
    let platforms: Vec<String> = detail
        .platforms
        .iter()
        .map(|one| one.image.platform.to_string())
        .collect();
    lines.push(Line::of("platforms", platforms.join(", "), Tone::Plain));
    let layers = distinct(detail).len();
    let text = format!(
        "{} in {}",
        words::bytes(detail.size),
        words::count(layers, "layer", "layers")
    );
    lines.push(Line::of("size", text, Tone::Plain));
    let text = match detail.attestations.as_slice() {
        [] => "none".to_owned(),
        all => {
            let short: Vec<String> = all.iter().map(ManifestDigest::short).collect();
            format!("{}: {}", all.len(), short.join(", "))
        }
    };
    lines.push(Line::of("attested", text, Tone::Dim));
    lines.push(Line::of(
        "type",
        SanitizedText::new(&detail.media_type).to_string(),
        Tone::Dim,
    ));
}

/// Returns the releases that name the image: by the key that feeds the resource, else by any key.
fn releases(model: &Model, look: &Look, detail: &ImageDetail) -> Vec<String> {
    let workspace = model.workspace();
    let place = match (&look.wanted, &look.to) {
        (Wanted::Behind { charm, resource, .. }, _) => Some((charm, resource)),
        (_, Some((charm, resource))) => Some((charm, resource)),
        _ => None,
    };
    let image = as_behind(detail);
    let mut names: BTreeSet<String> = BTreeSet::new();
    for charm in &workspace.charms {
        for (resource, key) in charm.fed() {
            if place.is_none_or(|place| place == (&charm.name, resource)) {
                let found = evidence::releases_of(workspace, &model.snapshot, key, &image);
                names.extend(found.iter().map(ToString::to_string));
                names.extend(by_tag(model, key, &detail.source));
            }
        }
    }
    names.into_iter().rev().collect()
}

/// Returns the releases that name the same tag, whether their images were resolved or not.
fn by_tag(model: &Model, key: &str, source: &ImageSource) -> Vec<String> {
    let (Ok(repository), ImageSource::Registry(looked_at)) =
        (model.workspace().image_repository(key), source)
    else {
        return Vec::new();
    };
    let releases = model.snapshot.releases.value.iter().flatten();
    releases
        .filter(|release| {
            let tag = release.images.get(key);
            tag.is_some_and(|tag| repository.tagged(tag) == *looked_at)
        })
        .map(|release| release.name.to_string())
        .collect()
}

fn as_behind(detail: &ImageDetail) -> ImageBehind {
    ImageBehind {
        digest: detail.digest,
        config_digests: detail
            .platforms
            .iter()
            .map(|one| one.image.config_digest)
            .collect(),
    }
}

/// Returns the resource revisions that contain the image.
fn behind(model: &Model, detail: &ImageDetail) -> Vec<String> {
    let mut found = Vec::new();
    for (charm, seen) in &model.snapshot.charms {
        for (resource, revisions) in seen.value.iter().flat_map(|facts| &facts.resources) {
            for one in revisions {
                let image = model.snapshot.image_behind(charm, resource, one.revision);
                if image.is_some_and(|image| image.digest == detail.digest) {
                    found.push(format!("{resource} {} of {}", one.revision, model.short(charm)));
                }
            }
        }
    }
    found
}

fn one_platform(
    look: &Appearance,
    platform: &PlatformDetail,
    told: bool,
    there: Option<&BTreeSet<Digest>>,
    lines: &mut Vec<Line>,
) {
    lines.push(Line::blank());
    lines.push(Line::heading(platform.image.platform.to_string()));
    // A single manifest is already shown at the top.
    if !told {
        let manifest = platform.image.digest.to_string();
        lines.push(Line::of("manifest", manifest, Tone::Plain));
        let config = platform.image.config_digest.to_string();
        lines.push(Line::of("config", config, Tone::Plain));
    }
    if let Some(at) = platform.created {
        let text = format!("{} UTC", words::minute(at));
        lines.push(Line::of("created", text, Tone::Plain));
    }
    let joined = |words: &[SanitizedText]| -> String {
        let words: Vec<&str> = words.iter().map(SanitizedText::as_str).collect();
        words.join(" ")
    };
    if !platform.entrypoint.is_empty() {
        lines.push(Line::of("entrypoint", joined(&platform.entrypoint), Tone::Plain));
    }
    if !platform.command.is_empty() {
        lines.push(Line::of("command", joined(&platform.command), Tone::Plain));
    }
    for (at, (name, value)) in platform.labels.iter().enumerate() {
        let label = if at == 0 { "labels" } else { "" };
        let text = format!("{}={value}", SanitizedText::new(name));
        lines.push(Line::of(label, text, Tone::Plain));
    }
    let largest = platform
        .layers
        .iter()
        .map(|layer| layer.size)
        .max()
        .unwrap_or(0)
        .max(1);
    for (at, layer) in platform.layers.iter().enumerate() {
        let label = if at == 0 { "layers" } else { "" };
        let tone = match there {
            Some(there) if !there.contains(&layer.digest) => Tone::Accent,
            Some(_) => Tone::Dim,
            None => Tone::Plain,
        };
        lines.push(Line::of(label, layer_words(look, layer, largest, there), tone));
    }
}

fn layer_words(look: &Appearance, layer: &Layer, largest: u64, there: Option<&BTreeSet<Digest>>) -> String {
    let (full, empty) = look.bar();
    // What is already stored is drawn lighter than what must be sent.
    let full = match there {
        Some(there) if layer.foreign || there.contains(&layer.digest) => look.part(),
        _ => full,
    };
    let share = layer.size as f64 / largest as f64;
    // A layer is never empty: it shows at least one cell.
    let share = share.max(1.0 / BAR as f64);
    let bar = words::bar(share, BAR, full, empty);
    let arrow = look.glyph(Glyph::Arrow);
    let done = look.glyph(Glyph::Done);
    let standing = match there {
        _ if layer.foreign => "  stored elsewhere, never sent".to_owned(),
        Some(there) if there.contains(&layer.digest) => format!("  {done} present"),
        Some(_) => format!("  {arrow} to send"),
        None => String::new(),
    };
    format!(
        "{bar} {:>8}  {}{standing}",
        words::bytes(layer.size),
        layer.digest.short()
    )
}
