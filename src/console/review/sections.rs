//! Formats the sections of the review: one per charm, with its images, uploads and channels.
//!
//! Lines are cut by the view, to its width.

use super::outline::{Entry, Page};
use super::rows::{self, Tags};
use super::{Item, Review, items};
use crate::console::Model;
use crate::console::actions::ActionId;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::{CharmName, ManifestDigest};
use crate::plan::{Op, Plan, State, Step};

/// Columns before the content of a charm's section, and width of its labels.
const INDENT: usize = 5;
const LABEL: usize = 10;

/// Returns true if the section of a charm shows `step`; steps of a bundle are shown with its
/// branch.
fn of_charm(step: &Step, charm: &CharmName) -> bool {
    step.op.charm() == Some(charm) && !of_bundle(step)
}

/// Returns true if `step` is about the bundle.
fn of_bundle(step: &Step) -> bool {
    matches!(step.op, Op::UploadBundle { .. } | Op::ReleaseBundle { .. })
}

/// Returns the charms of `plan` that have a section, in the order of its steps.
pub(super) fn charms(plan: &Plan) -> Vec<CharmName> {
    let bundle = plan
        .steps
        .iter()
        .find(|step| of_bundle(step))
        .and_then(|step| step.op.charm());
    let mut found: Vec<CharmName> = Vec::new();
    for charm in plan
        .steps
        .iter()
        .filter(|step| !of_bundle(step))
        .filter_map(|step| step.op.charm())
    {
        if !found.contains(charm) && Some(charm) != bundle {
            found.push(charm.clone());
        }
    }
    found
}

/// Adds the sections of a publish: of every charm that could take part.
pub(super) fn publish(model: &Model, review: &Review, page: &mut Page) {
    let Some(intent) = review.publish() else {
        return;
    };
    let items = items(model.workspace(), &model.snapshot, intent);
    let tags = tags(model, &items);
    let mut done: Vec<&CharmName> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if done.contains(&&item.charm) {
            continue;
        }
        done.push(&item.charm);
        let own: Vec<(usize, &Item)> = items
            .iter()
            .enumerate()
            .filter(|(_, other)| other.charm == item.charm)
            .collect();
        page.gap();
        taking(model, review, &tags, at, &own, page);
    }
}

/// Adds the sections of every other plan.
pub(super) fn others(model: &Model, plan: &Plan, page: &mut Page) {
    for charm in charms(plan) {
        page.gap();
        let steps: Vec<&Step> = plan.steps.iter().filter(|step| of_charm(step, &charm)).collect();
        let key = format!("charm/{charm}");
        let entry = Entry {
            key: key.clone(),
            folds: true,
            item: None,
            orphan: None,
        };
        let pieces = vec![
            Piece::new(charm.to_string(), Tone::Strong),
            Piece::new(format!("  {}", summary(&steps, page)), Tone::Plain),
        ];
        if page.section(0, entry, pieces) {
            for step in steps {
                step_lines(model, &key, None, step, &Tags::new(), page);
            }
        }
    }
}

/// Summarises the channels and bytes of a charm's steps.
fn summary(steps: &[&Step], page: &Page) -> String {
    let mut parts = Vec::new();
    let channels: usize = steps.iter().map(|step| rows::count(step)).sum();
    if channels > 0 {
        parts.push(words::count(channels, "channel", "channels"));
    }
    let open = || steps.iter().filter(|step| step.skip_reason.is_none());
    let sends = |step: &&&Step| matches!(step.op, Op::CopyImage { .. } | Op::UploadFile { .. });
    if open().any(|step| sends(&step)) {
        let bytes = open().filter_map(|step| step.bytes).sum();
        parts.push(format!("{} to send", words::bytes(bytes)));
    }
    let skipped = steps.iter().filter(|step| step.skip_reason.is_some()).count();
    if skipped > 0 {
        parts.push(format!(
            "{} done",
            words::count(skipped, "step already", "steps already")
        ));
    }
    parts.join(&format!(" {} ", page.look.glyph(Glyph::Dot)))
}

/// Adds the section of a charm that uses images of the release.
fn taking(model: &Model, review: &Review, tags: &Tags, at: usize, own: &[(usize, &Item)], page: &mut Page) {
    let Some((_, item)) = own.first() else { return };
    let steps: Vec<&Step> = review
        .plan
        .iter()
        .flat_map(|plan| plan.steps.iter().filter(|step| of_charm(step, &item.charm)))
        .collect();
    let mark = if item.taken { "[x]" } else { "[ ]" };
    let tone = if item.taken { Tone::Strong } else { Tone::Dim };
    let says = match (item.taken, steps.is_empty()) {
        (false, _) => format!(
            "left out; {}",
            model.setting.keymap.hint(ActionId::REVIEW_TOGGLE, "include it")
        ),
        (true, true) => String::new(),
        (true, false) => {
            let tags: Vec<String> = own.iter().map(|(_, one)| short_target(&one.target)).collect();
            let dot = page.look.glyph(Glyph::Dot);
            format!("{} {dot} {}", tags.join(", "), summary(&steps, page))
        }
    };
    let key = format!("charm/{}", item.charm);
    let entry = Entry {
        key: key.clone(),
        folds: item.taken,
        item: Some(at),
        orphan: None,
    };
    let name = words::pad(
        model.short(&item.charm),
        words::width(model.short(&item.charm)).max(8),
    );
    let pieces = vec![
        Piece::new(format!("{mark} {name}"), tone),
        Piece::new(
            format!("  {says}"),
            if item.taken { Tone::Plain } else { Tone::Dim },
        ),
    ];
    if !page.section(0, entry, pieces) || !item.taken {
        return;
    }
    for (number, one) in own {
        let text = format!("{}:{}", one.image, short_target(&one.target));
        let by_hand = if one.by_hand { "  custom" } else { "" };
        if own.len() == 1 {
            let tone = if one.by_hand { Tone::Warn } else { Tone::Plain };
            page.label(INDENT, LABEL, "image", &format!("{text}{by_hand}"), tone);
            continue;
        }
        let key = format!("{key}/image/{}", one.image);
        let line = vec![
            Piece::new(format!("    {}", page.cursor(&key)), Tone::Accent),
            Piece::new(words::pad("image", LABEL), Tone::Dim),
            Piece::new(text, Tone::Plain),
            Piece::new(by_hand, Tone::Warn),
        ];
        let entry = Entry {
            key,
            folds: false,
            item: Some(*number),
            orphan: None,
        };
        page.entry(line, entry);
    }
    for step in steps {
        step_lines(model, &key, Some(at), step, tags, page);
    }
}

fn short_target(target: &str) -> String {
    if target.starts_with("sha256:") {
        words::cut(target, 20)
    } else {
        target.to_owned()
    }
}

/// Adds the lines of `step` inside the section `key`.
fn step_lines(model: &Model, key: &str, item: Option<usize>, step: &Step, tags: &Tags, page: &mut Page) {
    if matches!((&step.before, &step.after), (State::Rows(_), State::Rows(_))) {
        return rows::sections(key, item, step, tags, page);
    }
    let label = match step.op {
        Op::CreateTrack { .. } => "track",
        Op::CopyImage { .. } => "copy",
        Op::UploadResource { .. } | Op::UploadFile { .. } => "upload",
        Op::Verify { .. } => "then",
        _ => step.kind.as_str(),
    };
    if let Some(reason) = &step.skip_reason {
        return page.label(INDENT, LABEL, label, &format!("skipped: {reason}"), Tone::Dim);
    }
    match &step.op {
        Op::CreateTrack { track, .. } => {
            page.label(INDENT, LABEL, label, &format!("create {track}"), Tone::Plain);
        }
        Op::CopyImage {
            resource,
            source,
            digest,
            ..
        } => {
            let text = to_send(step.bytes, whole(model, *digest));
            page.label(INDENT, LABEL, label, &text, Tone::Plain);
            let text = format!("{source}@{} for {resource}", digest.short());
            page.label(INDENT, LABEL, "", &text, Tone::Dim);
        }
        Op::UploadResource { resource, digest, .. } => {
            let text = format!("create a revision of {resource} with {}", digest.short());
            page.label(INDENT, LABEL, label, &text, Tone::Plain);
        }
        Op::Verify { .. } => {
            let text = "wait until Charmhub serves the new revisions";
            page.label(INDENT, LABEL, label, text, Tone::Dim);
        }
        _ => {
            let arrow = page.look.glyph(Glyph::Arrow);
            let text = match (
                super::steps::words_of(&step.before),
                super::steps::words_of(&step.after),
            ) {
                (Some(before), Some(after)) => format!("{before} {arrow} {after}"),
                (None, Some(text)) | (Some(text), None) => text,
                (None, None) => step.target.to_string(),
            };
            page.label(INDENT, LABEL, label, &text, Tone::Plain);
        }
    }
}

/// Formats the bytes to send, and what is already there.
fn to_send(bytes: Option<u64>, whole: Option<u64>) -> String {
    match (bytes, whole) {
        (None, _) => "upload size unknown".to_owned(),
        (Some(0), Some(whole)) => format!("nothing to send: all {} already present", words::bytes(whole)),
        (Some(bytes), Some(whole)) if whole > bytes => format!(
            "{} to send of {}, {} already present",
            words::bytes(bytes),
            words::bytes(whole),
            words::bytes(whole - bytes)
        ),
        (Some(bytes), _) => format!("{} to send", words::bytes(bytes)),
    }
}

/// Returns the size of an image that was read.
fn whole(model: &Model, digest: ManifestDigest) -> Option<u64> {
    let mut seen = model
        .snapshot
        .images
        .values()
        .filter_map(|one| one.value.as_ref());
    seen.find(|image| image.digest == digest).map(|image| image.size)
}

/// Returns the release's tags by image digest, for places that have only a digest.
fn tags(model: &Model, items: &[Item]) -> Tags {
    let mut tags = Tags::new();
    for item in items {
        let resolved = model
            .workspace()
            .image_repository(&item.image)
            .ok()
            .and_then(|repository| {
                model
                    .snapshot
                    .image(&repository.tagged(&item.target))?
                    .value
                    .as_ref()
            });
        if let Some(resolved) = resolved {
            tags.insert(resolved.digest, item.target.clone());
        }
    }
    tags
}
