//! The lines of the review, made of plan and wish; the choices of a publish among them.
//!
//! Must not cut: the view does, at the width that it has.

use std::collections::BTreeMap;

use super::{Item, Review, Sort, items, steps};
use crate::console::Model;
use crate::console::actions::{ActionId, Keymap};
use crate::console::dialogs::Line;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::{Kind, ManifestDigest, Outside, Problem};
use crate::plan::{Intent, Op, Plan, PlannedRow, Revoked, Risk, State, Step};

/// Column where the text after a label begins: a month's channel fits before it.
const LABEL_END: usize = 20;
/// The same where any channel may stand before it.
const WIDE_LABEL_END: usize = 26;

/// A line.
#[derive(Clone, Debug)]
pub struct ReviewLine {
    /// What it says.
    pub pieces: Vec<Piece>,
    /// The image that it is the heading of.
    pub item: Option<usize>,
}

pub(super) struct Page<'a> {
    pub(super) look: &'a Look,
    width: usize,
    label_end: usize,
    pub(super) lines: Vec<ReviewLine>,
}

impl Page<'_> {
    pub(super) fn pieces(&mut self, pieces: Vec<Piece>) {
        self.lines.push(ReviewLine { pieces, item: None });
    }

    pub(super) fn text(&mut self, indent: usize, text: &str, tone: Tone) {
        let room = self.width.saturating_sub(indent + 1);
        for line in words::wrap(text, room) {
            self.pieces(vec![Piece::new(format!("{}{line}", " ".repeat(indent)), tone)]);
        }
    }

    fn blank(&mut self) {
        self.pieces(Vec::new());
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.blank();
        self.pieces(vec![Piece::new(format!(" {text}"), Tone::Strong)]);
    }

    fn label(&mut self, label: &str, text: &str, tone: Tone) {
        let indent = self.label_end;
        let room = self.width.saturating_sub(indent + 1);
        for (at, line) in words::wrap(text, room).into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.pieces(vec![
                Piece::new(format!("      {}", words::pad(label, indent - 6)), Tone::Dim),
                Piece::new(line, tone),
            ]);
        }
    }
}

/// All lines for `width` columns.
pub fn lines(model: &Model, review: &Review, width: usize) -> Vec<ReviewLine> {
    let mut page = Page {
        look: &model.setting.look,
        width,
        label_end: match review.kind() {
            sort if sort.tells_undo() => WIDE_LABEL_END,
            _ => LABEL_END,
        },
        lines: Vec::new(),
    };
    state_line(model, review, &mut page);
    if let Some(problem) = &review.problem {
        page.blank();
        for line in Line::problem(problem) {
            for line in line.wrap(width.saturating_sub(2)) {
                page.pieces(vec![
                    Piece::new(format!(" {}", line.label), Tone::Dim),
                    Piece::new(line.text, line.tone),
                ]);
            }
        }
        page.blank();
        page.text(
            1,
            &remedies(&model.setting.keymap, problem, review.kind()),
            Tone::Plain,
        );
    }
    // What is left out stands in a part of its own.
    let warnings: Vec<&Outside> = review
        .plan
        .iter()
        .flat_map(|plan| plan.warnings.iter().filter(|text| !plan.left_out.contains(text)))
        .collect();
    if !warnings.is_empty() {
        page.heading("Warnings");
        for warning in warnings {
            let glyph = page.look.glyph(Glyph::Warning);
            page.text(3, &format!("{glyph} {warning}"), Tone::Warn);
        }
    }
    if let Some(plan) = review.plan.as_ref().filter(|plan| !plan.left_out.is_empty()) {
        page.heading("Left out, so that the run ends partly");
        for text in &plan.left_out {
            let glyph = page.look.glyph(Glyph::Nothing);
            page.text(3, &format!("{glyph} {text}"), Tone::Plain);
        }
    }
    match review.publish() {
        Some(intent) => {
            let items = items(model.workspace(), &model.snapshot, intent);
            let tags = tags(model, &items);
            for (at, item) in items.iter().enumerate() {
                page.blank();
                image_lines(model, review, &tags, at, item, &mut page);
            }
            if let Some(plan) = &review.plan {
                steps::marking(plan, &mut page);
            }
        }
        None => steps::lines(model, review, &mut page),
    }
    if let Some(plan) = &review.plan {
        plan_lines(plan, &mut page);
    }
    page.heading("Command");
    page.text(3, &review.intent.command(), Tone::Plain);
    page.lines
}

fn remedies(keymap: &Keymap, problem: &Problem, sort: Sort) -> String {
    let text = problem
        .hints
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ");
    let mut keys = Vec::new();
    if sort == Sort::Rollback && text.contains("--over") {
        keys.push(keymap.hint(ActionId::RollBackOver, "goes over what was changed since"));
    }
    // Of the others only a publish can be changed here.
    let text = if sort == Sort::Publish {
        text
    } else {
        String::new()
    };
    if text.contains("--without") {
        keys.push(keymap.hint(ActionId::ReviewWithout, "publishes the charms alone"));
    }
    if text.contains("--track-only") {
        keys.push(keymap.hint(ActionId::ReviewTrackOnly, "publishes to the track alone"));
    }
    if text.contains("--allow-downgrade") {
        keys.push(keymap.hint(ActionId::ReviewDowngrade, "allows the downgrade"));
    }
    if text.contains("--image") {
        keys.push(keymap.hint(ActionId::ReviewReplace, "names another image"));
    }
    if text.contains("--charm") || text.contains("--image") {
        keys.push(keymap.hint(ActionId::ReviewToggle, "leaves the image out"));
    }
    if text.contains("--keep-revision") || text.contains("--revision") {
        keys.push(keymap.hint(ActionId::ReviewKeep, "keeps the charm revisions that run"));
    }
    if problem.kind == Kind::Credentials && sort != Sort::SignIn {
        keys.push(keymap.hint(ActionId::ReviewSignIn, "signs in and comes back"));
    }
    keys.push(keymap.hint(ActionId::ReviewAgain, "plans again"));
    format!("Here: {}.", keys.join(", "))
}

fn state_line(model: &Model, review: &Review, page: &mut Page) {
    let mut pieces = vec![Piece::new(" ", Tone::Plain)];
    let state = if review.starting.is_some() {
        "starting the run …".to_owned()
    } else if review.in_flight.is_some() && review.plan.is_none() {
        match review.kind() {
            Sort::Publish => "looking at Charmhub, GitHub and the registry, then planning …",
            Sort::Rotate => "looking at every target, then planning …",
            Sort::SignIn | Sort::Revoke => "looking at Charmhub, then planning …",
            Sort::Promote | Sort::Rollback => "looking at every channel, then planning …",
            Sort::Hold | Sort::Workflow => "looking at GitHub, then planning …",
            Sort::Single => "looking at what is needed, then planning …",
        }
        .to_owned()
    } else if review.in_flight.is_some() {
        "planning anew …".to_owned()
    } else {
        match (&review.plan, review.planned_at) {
            (Some(plan), Some(at)) if plan.nothing_to_do() => format!(
                "Nothing to do: everything is so already (looked {})",
                words::age(model.now, at)
            ),
            (Some(plan), Some(at)) if review.publish().is_none() => format!(
                "{} {} planned {}",
                steps::summary(plan),
                page.look.glyph(Glyph::Dot),
                words::age(model.now, at)
            ),
            (Some(plan), Some(at)) => {
                let changes = plan
                    .steps
                    .iter()
                    .filter(|s| s.skip_reason.is_none() && s.op.writes())
                    .count();
                format!(
                    "{}, {} to send {} planned {}",
                    words::count(changes, "change", "changes"),
                    words::bytes(plan.bytes()),
                    page.look.glyph(Glyph::Dot),
                    words::age(model.now, at)
                )
            }
            _ => "refused".to_owned(),
        }
    };
    let tone = match (&review.problem, review.in_flight) {
        (Some(_), None) => Tone::Bad,
        _ => Tone::Accent,
    };
    pieces.push(Piece::new(state, tone));
    let flags = match &review.intent {
        Intent::Publish(wish) => vec![
            (wish.track_only, "track only"),
            (wish.allow_downgrade, "downgrade allowed"),
            (wish.keep_revision, "revisions kept"),
            (!wish.without.is_empty(), "without branch and bundle"),
        ],
        Intent::Rollback(wish) => vec![(wish.over, "over later changes")],
        Intent::Rotate(wish) => vec![(
            wish.revoke.contains(&Revoked::Recorded),
            "former tokens are revoked",
        )],
        _ => Vec::new(),
    };
    for (on, word) in flags {
        if on {
            pieces.push(Piece::new(format!("  [{word}]"), Tone::Warn));
        }
    }
    page.pieces(pieces);
    if model.setting.read_only {
        page.text(1, "read-only: this plan can be looked at, not run", Tone::Warn);
    }
}

/// Tag of the release by image digest, for places that know a digest only.
fn tags(model: &Model, items: &[Item]) -> BTreeMap<ManifestDigest, String> {
    let mut tags = BTreeMap::new();
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

fn image_lines(
    model: &Model,
    review: &Review,
    tags: &BTreeMap<ManifestDigest, String>,
    at: usize,
    item: &Item,
    page: &mut Page,
) {
    let selected = review.cursor == at;
    let cursor = if selected {
        page.look.glyph(Glyph::Cursor)
    } else {
        " "
    };
    let mark = if item.taken { "[x]" } else { "[ ]" };
    let tone = if item.taken { Tone::Strong } else { Tone::Dim };
    let mut pieces = vec![
        Piece::new(format!(" {cursor} "), Tone::Accent),
        Piece::new(
            format!("{mark} {}", words::pad(model.short(&item.charm), 10)),
            tone,
        ),
        Piece::new(
            format!(" {}:{}", item.image, short_target(&item.target)),
            if item.taken { Tone::Plain } else { Tone::Dim },
        ),
    ];
    if item.by_hand {
        pieces.push(Piece::new("  by hand", Tone::Warn));
    }
    if !item.taken {
        pieces.push(Piece::new("  left out", Tone::Dim));
    }
    page.lines.push(ReviewLine {
        pieces,
        item: Some(at),
    });
    let Some(plan) = review.plan.as_ref().filter(|_| item.taken) else {
        return;
    };
    for step in plan
        .steps
        .iter()
        .filter(|step| step.op.charm() == Some(&item.charm))
    {
        match &step.op {
            Op::CreateTrack { track, .. } => {
                page.label("track", &format!("{track} is created"), Tone::Accent);
            }
            Op::CopyImage { .. } | Op::UploadResource { .. } => upload_line(step, page),
            Op::Release { .. } => channel_lines(step, tags, page),
            // A publish has no others.
            _ => {}
        }
    }
}

fn short_target(target: &str) -> String {
    if target.starts_with("sha256:") {
        words::cut(target, 20)
    } else {
        target.to_owned()
    }
}

fn upload_line(step: &Step, page: &mut Page) {
    let label = match step.op {
        Op::CopyImage { .. } => "copy",
        _ => "upload",
    };
    if let Some(reason) = &step.skip_reason {
        return page.label(label, &format!("skipped: {reason}"), Tone::Dim);
    }
    let text = match &step.op {
        Op::CopyImage {
            resource,
            source,
            digest,
            ..
        } => {
            let bytes = step.bytes.map_or_else(
                || "size not known".to_owned(),
                |b| format!("{} to send", words::bytes(b)),
            );
            format!("{bytes}, {source}@{} for {resource}", digest.short())
        }
        Op::UploadResource { resource, digest, .. } => {
            format!("a new revision of {resource} with {}", digest.short())
        }
        _ => step.target.to_string(),
    };
    page.label(label, &text, Tone::Plain);
}

/// The channels of a release: what each serves now, and what it would serve then.
pub(super) fn channel_lines(step: &Step, tags: &BTreeMap<ManifestDigest, String>, page: &mut Page) {
    if let Some(reason) = &step.skip_reason {
        page.label("release", &format!("skipped: {reason}"), Tone::Dim);
        return;
    }
    let (State::Rows(before), State::Rows(after)) = (&step.before, &step.after) else {
        return;
    };
    // Bases that change alike share a line.
    let mut groups: Vec<(String, String, String, Vec<String>)> = Vec::new();
    for (was, will) in before.iter().zip(after) {
        let channel = will.channel.to_string();
        let (was, becomes) = (row_words(was, tags, page), row_words(will, tags, page));
        let base = will.base.as_ref().map(ToString::to_string).unwrap_or_default();
        match groups
            .iter_mut()
            .find(|g| g.0 == channel && g.1 == was && g.2 == becomes)
        {
            Some(group) => group.3.push(base),
            None => groups.push((channel, was, becomes, vec![base])),
        }
    }
    for (channel, was, becomes, bases) in groups {
        let bases = bases.join(", ");
        let arrow = page.look.glyph(Glyph::Arrow);
        let room = page.width.saturating_sub(page.label_end + 1);
        let place = if bases.is_empty() {
            String::new()
        } else {
            format!("  on {bases}")
        };
        let one = format!("{was} {arrow} {becomes}");
        if was == becomes {
            page.label(&channel, &format!("{was}, as it is{place}"), Tone::Dim);
        } else if words::width(&one) + words::width(&place) <= room {
            page.label(&channel, &format!("{one}{place}"), Tone::Plain);
        } else {
            page.label(&channel, &format!("{was}{place}"), Tone::Dim);
            page.label("", &format!("{arrow} {becomes}"), Tone::Plain);
        }
    }
}

fn row_words(row: &PlannedRow, tags: &BTreeMap<ManifestDigest, String>, page: &Page) -> String {
    let Some(revision) = row.revision else {
        return "closed".to_owned();
    };
    let dot = page.look.glyph(Glyph::Dot);
    // On a narrow screen the name of the only resource says nothing that the upload did not.
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

fn plan_lines(plan: &Plan, page: &mut Page) {
    let mut stays: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.skip_reason.is_none() && step.op.risk() == Risk::Irreversible)
        .map(|step| {
            let text = step.undo.to_string();
            text.strip_prefix("cannot be undone: ")
                .unwrap_or(&text)
                .to_owned()
        })
        .collect();
    if !stays.is_empty() {
        page.heading("Cannot be undone");
        stays.sort();
        stays.dedup();
        for text in &stays {
            page.text(3, text, Tone::Plain);
        }
    }
    if !plan.assumptions.is_empty() {
        page.heading("Assumed, and looked at again before it counts");
        for assumption in &plan.assumptions {
            page.text(
                3,
                &format!("{} = {}", assumption.what, assumption.value),
                Tone::Dim,
            );
        }
    }
}
