//! Formats the review of every plan that is not a publish: step by step, before and after.
//!
//! Lines are cut by the view, to its width.

use super::outline::{Entry, Page};
use super::rows::{self, Tags};
use super::{Orphan, Review, orphans, sections};
use crate::console::Model;
use crate::console::actions::{ActionId, Keymap};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::credential::CredentialOrigin;
use crate::domain::{ContentFacts, ImageFacts};
use crate::plan::{Intent, Op, Plan, Risk, State, Step, TokenStorage};

/// Width of the kind of step, in columns.
const KIND: usize = 16;

/// Adds the choices of the intent and the steps of its plan.
pub(super) fn lines(model: &Model, review: &Review, page: &mut Page) {
    page.gap();
    notes(model, review, page);
    if let Some(plan) = &review.plan {
        sections::others(model, plan, page);
        let charms = sections::charms(plan);
        let rest = |step: &&Step| step.op.charm().is_none_or(|charm| !charms.contains(charm));
        let title = if charms.is_empty() {
            "Steps, in this order"
        } else {
            "Other steps, in this order"
        };
        steps_section(title, plan.steps.iter().filter(rest), page);
    }
    let orphans = orphans(model, review);
    if !orphans.is_empty() {
        let revokes = model
            .setting
            .keymap
            .hint(ActionId::ROTATE_ORPHAN, "revoke one too");
        page.heading(&format!("Lost tokens of an interrupted run; {revokes}"));
        for (at, orphan) in orphans.iter().enumerate() {
            orphan_line(at, orphan, page);
        }
    }
}

/// Adds the steps of a publish that belong to no charm: branch, bundle and hold.
pub(super) fn marking(plan: &Plan, page: &mut Page) {
    let bundle = plan.steps.iter().find_map(|step| match &step.op {
        Op::UploadBundle { bundle, .. } => Some(bundle),
        _ => None,
    });
    let steps = plan.steps.iter().filter(|step| match &step.op {
        Op::Commit { .. }
        | Op::UploadBundle { .. }
        | Op::ReleaseBundle { .. }
        | Op::LiftHold { .. }
        | Op::CreateBranch { .. } => true,
        Op::CreateTrack { charm, .. } => Some(charm) == bundle,
        _ => false,
    });
    steps_section("Branch and bundle, in this order", steps, page);
}

/// Adds a section of steps that belong to no charm.
fn steps_section<'s>(title: &str, steps: impl Iterator<Item = &'s Step>, page: &mut Page) {
    let steps: Vec<&Step> = steps.collect();
    if steps.is_empty() {
        return;
    }
    let skipped = steps.iter().filter(|step| step.skip_reason.is_some()).count();
    let mut says = words::count(steps.len(), "step", "steps");
    if skipped > 0 {
        says.push_str(&format!(", {skipped} already done"));
    }
    let entry = Entry {
        key: "steps".to_owned(),
        folds: true,
        item: None,
        orphan: None,
    };
    let pieces = vec![
        Piece::new(title, Tone::Strong),
        Piece::new(format!("  {says}"), Tone::Dim),
    ];
    page.gap();
    if page.section(0, entry, pieces) {
        for step in steps {
            step_lines(step, page);
        }
    }
}

/// Adds what the intent leaves out and which key includes it.
fn notes(model: &Model, review: &Review, page: &mut Page) {
    match &review.intent {
        Intent::Rotate(intent) if intent.revoke.contains(&crate::plan::Revoked::Recorded) => {
            page.text(
                1,
                &format!(
                    "Former tokens are revoked last; {}.",
                    model
                        .setting
                        .keymap
                        .hint(ActionId::ROTATE_FORMER, "keep them valid")
                ),
                Tone::Dim,
            );
        }
        Intent::Rotate(_) => page.text(
            1,
            &format!(
                "Former tokens stay valid until they expire; {}.",
                model
                    .setting
                    .keymap
                    .hint(ActionId::ROTATE_FORMER, "revoke those recorded here")
            ),
            Tone::Dim,
        ),
        Intent::SignIn(intent) => {
            let keymap = &model.setting.keymap;
            let text = match &intent.keep {
                TokenStorage::Keyring => format!(
                    "Stored in the keyring; {}.",
                    keymap.hint(ActionId::SIGN_IN_KEEP, "store it in an encrypted file instead")
                ),
                TokenStorage::EncryptedFile if model.setting.demo => {
                    "Stored in an encrypted file of the demo environment; your own keyring is not \
                    used."
                        .to_owned()
                }
                TokenStorage::EncryptedFile => format!(
                    "Stored in an encrypted file; {}.",
                    keymap.hint(ActionId::SIGN_IN_KEEP, "store it in the keyring instead")
                ),
                TokenStorage::Export { .. } => "Stored in an unencrypted file.".to_owned(),
            };
            page.text(1, &text, Tone::Dim);
            let facts = model.snapshot.credential.value.as_ref();
            if facts.is_some_and(|facts| facts.origin == CredentialOrigin::Variable) {
                page.text(
                    1,
                    "This console continues with the new token. CHARMCRAFT_AUTH is set and still \
                    applies to every other command.",
                    Tone::Dim,
                );
            }
        }
        Intent::Upload(_) | Intent::Copy(_) => {
            if let Some(plan) = &review.plan
                && let Some(ContentFacts::Image(image)) = &model.snapshot.content.value
            {
                image_note(&model.setting.keymap, plan, image, page);
            }
        }
        _ => {}
    }
}

/// Adds the image, and how much of it is already there.
fn image_note(keymap: &Keymap, plan: &Plan, image: &ImageFacts, page: &mut Page) {
    let platforms: Vec<String> = image
        .detail
        .platforms
        .iter()
        .map(|one| one.image.platform.to_string())
        .collect();
    let text = format!(
        "{} from {}: {}",
        image.detail.digest,
        image.detail.source,
        platforms.join(", ")
    );
    page.heading("Image");
    page.text(3, &text, Tone::Plain);
    let size = words::bytes(image.detail.size);
    // The reason of a skipped step names the revision or registry that already has the image.
    let has_it = plan
        .steps
        .iter()
        .filter(|step| matches!(step.op, Op::CopyImage { .. } | Op::Copy { .. }))
        .find_map(|step| step.skip_reason.as_ref());
    let text = if let Some(reason) = has_it {
        let shows = keymap.hint(ActionId::SINGLE_IMAGE, "show its layers");
        format!("{size}, nothing to send: {reason}; {shows}")
    } else if image.there {
        let shows = keymap.hint(ActionId::SINGLE_IMAGE, "show its layers");
        format!("{size}, all already present; {shows}")
    } else {
        format!(
            "{} of {size} to send, {} already present; {}",
            words::bytes(image.bytes_missing),
            words::bytes(image.bytes_present()),
            keymap.hint(ActionId::SINGLE_IMAGE, "show which layers")
        )
    };
    page.text(3, &text, Tone::Dim);
}

/// Adds how each reversible change can be undone.
pub(super) fn undo_lines(plan: &Plan, page: &mut Page) {
    let mut ways: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.skip_reason.is_none() && step.risk() == Risk::Write)
        .filter_map(|step| step.undo.way())
        .collect();
    ways.dedup();
    if ways.is_empty() {
        return;
    }
    let entry = Entry {
        key: "undo".to_owned(),
        folds: true,
        item: None,
        orphan: None,
    };
    page.gap();
    if page.section(0, entry, vec![Piece::new("How to undo it", Tone::Strong)]) {
        let dot = page.look.glyph(Glyph::Dot);
        for way in ways {
            page.item(3, dot, way, Tone::Plain);
        }
    }
}

fn step_lines(step: &Step, page: &mut Page) {
    let (glyph, tone) = match &step.skip_reason {
        Some(_) => (Glyph::Nothing, Tone::Dim),
        None if step.op.writes() => (Glyph::Arrow, Tone::Accent),
        None => (Glyph::Dot, Tone::Dim),
    };
    let text_tone = if step.skip_reason.is_some() {
        Tone::Dim
    } else {
        Tone::Strong
    };
    let glyph = page.look.glyph(glyph);
    let optional = if step.optional { "  (optional)" } else { "" };
    page.pieces(vec![
        Piece::new(format!(" {glyph} "), tone),
        Piece::new(words::pad(&step.kind, KIND), Tone::Dim),
        Piece::new(step.target.to_string(), text_tone),
        Piece::new(optional, Tone::Dim),
    ]);
    let indent = KIND + 3;
    if let Some(reason) = &step.skip_reason {
        return page.text(indent, &format!("skipped: {reason}"), Tone::Dim);
    }
    if matches!((&step.before, &step.after), (State::Rows(_), State::Rows(_))) {
        return rows::sections(&format!("steps/{}", step.id), None, step, &Tags::new(), page);
    }
    let arrow = page.look.glyph(Glyph::Arrow);
    let (before, after) = (words_of(&step.before), words_of(&step.after));
    let text = match (before, after) {
        (Some(before), Some(after)) => format!("{before} {arrow} {after}"),
        (None, Some(text)) | (Some(text), None) => text,
        (None, None) => return,
    };
    page.text(indent, &text, Tone::Plain);
}

pub(super) fn words_of(state: &State) -> Option<String> {
    match state {
        State::Text(text) => Some(text.to_string()),
        State::Rows(rows) => Some(words::count(rows.len(), "channel", "channels")),
        State::Nothing(()) => None,
    }
}

fn orphan_line(at: usize, orphan: &Orphan, page: &mut Page) {
    let key = format!("orphan/{}", orphan.session);
    let cursor = page.cursor(&key);
    let mark = if orphan.taken { "[x]" } else { "[ ]" };
    let pieces = vec![
        Piece::new(format!(" {cursor} "), Tone::Accent),
        Piece::new(format!("{mark} session {}", orphan.session), Tone::Strong),
        Piece::new(format!("  {}", orphan.words), Tone::Dim),
    ];
    let entry = Entry {
        key,
        folds: false,
        item: None,
        orphan: Some(at),
    };
    page.entry(pieces, entry);
}

/// Returns the first line: what would be done, and when it was planned.
pub(super) fn summary(plan: &Plan) -> String {
    let all = plan.steps.len();
    let skipped = plan
        .steps
        .iter()
        .filter(|step| step.skip_reason.is_some())
        .count();
    let writes = plan
        .steps
        .iter()
        .filter(|step| step.skip_reason.is_none() && step.op.writes())
        .count();
    let mut text = words::count(all, "step", "steps");
    text.push_str(&match (all, writes) {
        (1, 0) => ", no change".to_owned(),
        (1, _) => ", 1 change".to_owned(),
        _ => format!(
            ", {writes} of them {}",
            if writes == 1 { "a change" } else { "changes" }
        ),
    });
    if matches!(plan.intent, Intent::Upload(_) | Intent::Copy(_)) {
        text.push_str(&format!(", {} to send", words::bytes(plan.bytes())));
    }
    if skipped > 0 {
        text.push_str(&format!(", {skipped} already done"));
    }
    text
}
