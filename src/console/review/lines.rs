//! Formats the review from plan and intent: the summary, warnings, a section per charm, what cannot
//! be undone, assumptions, the command.
//!
//! Lines are cut by the view, to its width.

use super::blocked::{blocking, way_out};
use super::outline::{Entry, Page, ReviewLine, index};
use super::{Review, ReviewKind, left_out_secrets, refused_secrets, sections, seen, steps};
use crate::console::Model;
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::{Hint, Problem, Remedy, SanitizedText};
use crate::plan::{Intent, LaterChanges, Plan, Revoked, Risk};

/// The whole review: its lines, and the entries for the cursor.
#[derive(Clone, Debug)]
pub struct Outline {
    /// All lines.
    pub lines: Vec<ReviewLine>,
    /// All entries, in the order of their lines.
    pub entries: Vec<Entry>,
    /// The entry with the cursor.
    pub at: usize,
}

/// Returns the review for `width` columns.
pub fn outline(model: &Model, review: &Review, width: usize) -> Outline {
    let page = build(model, review, width, review.at.as_deref());
    let at = index(&page.entries, review.at.as_deref());
    let key = page.entries.get(at).map(|entry| entry.key.clone());
    // The entries do not depend on the position of the cursor.
    let page = if key == review.at {
        page
    } else {
        build(model, review, width, key.as_deref())
    };
    Outline {
        lines: page.lines,
        entries: page.entries,
        at,
    }
}

fn build<'a>(model: &'a Model, review: &'a Review, width: usize, at: Option<&'a str>) -> Page<'a> {
    let mut page = Page::new(&model.setting.look, width, &review.folds, at);
    state_line(model, review, &mut page);
    if let Some(run) = review.plan.as_ref().and_then(|plan| blocking(model, plan)) {
        page.blank();
        page.text(1, &way_out(model, run), Tone::Warn);
    }
    if let Some(problem) = &review.problem {
        page.blank();
        for line in Line::problem_without(problem, |hint| has_key(review.kind(), hint)) {
            for line in line.wrap(width.saturating_sub(2)) {
                page.pieces(vec![
                    Piece::new(format!(" {}", line.label), Tone::Dim),
                    Piece::new(line.text, line.tone),
                ]);
            }
        }
        page.blank();
        page.text(1, &remedies(model, review, problem), Tone::Plain);
    }
    // What is left out has its own section.
    let warnings: Vec<&SanitizedText> = review
        .plan
        .iter()
        .flat_map(|plan| plan.warnings.iter().filter(|text| !plan.left_out.contains(text)))
        .collect();
    if !warnings.is_empty() {
        page.heading("Warnings");
        for warning in warnings {
            let glyph = page.look.glyph(Glyph::Warning);
            page.item(3, glyph, warning.as_str(), Tone::Warn);
        }
    }
    if let Some(plan) = review.plan.as_ref().filter(|plan| !plan.left_out.is_empty()) {
        page.heading("Left out; the run ends as partly done");
        for text in &plan.left_out {
            let glyph = page.look.glyph(Glyph::Nothing);
            page.item(3, glyph, text.as_str(), Tone::Plain);
        }
        if !left_out_secrets(review).is_empty() {
            let keymap = &model.setting.keymap;
            page.text(
                3,
                &keymap.hint(ActionId::ROTATE_WITHOUT, "include them again"),
                Tone::Dim,
            );
        }
    }
    if review.publish().is_some() {
        sections::publish(model, review, &mut page);
        if let Some(plan) = &review.plan {
            steps::marking(plan, &mut page);
        }
    } else {
        steps::lines(model, review, &mut page);
    }
    if let Some(plan) = &review.plan {
        stays(plan, &mut page);
        if review.kind().tells_undo() {
            steps::undo_lines(plan, &mut page);
        }
        seen::section(review, plan, model.now, &mut page);
    }
    let copies = model.setting.keymap.hint(ActionId::REVIEW_COPY, "copy it");
    page.heading(&format!("Command: {copies}"));
    page.text(3, &review.intent.command(), Tone::Plain);
    page
}

/// The keys of a review, each with the kind of plan it applies to.
const KEYS: [(ReviewKind, Remedy, ActionId, &str); 8] = [
    (
        ReviewKind::Rollback,
        Remedy::OverLaterChanges,
        ActionId::ROLL_BACK_OVER,
        "overwrite the later changes",
    ),
    (
        ReviewKind::Rollback,
        Remedy::KeepLaterChanges,
        ActionId::ROLL_BACK_KEEP,
        "keep the later changes",
    ),
    (
        ReviewKind::Publish,
        Remedy::WithoutMarker,
        ActionId::REVIEW_WITHOUT,
        "publish only the charms",
    ),
    (
        ReviewKind::Publish,
        Remedy::TrackOnly,
        ActionId::REVIEW_TRACK_ONLY,
        "publish only to the track",
    ),
    (
        ReviewKind::Publish,
        Remedy::AllowDowngrade,
        ActionId::REVIEW_DOWNGRADE,
        "allow the downgrade",
    ),
    (
        ReviewKind::Publish,
        Remedy::ReplaceImage,
        ActionId::REVIEW_REPLACE,
        "choose another image",
    ),
    (
        ReviewKind::Publish,
        Remedy::LeaveImageOut,
        ActionId::REVIEW_TOGGLE,
        "leave the image out",
    ),
    (
        ReviewKind::Publish,
        Remedy::KeepRevision,
        ActionId::REVIEW_KEEP,
        "keep the current charm revisions",
    ),
];

/// Returns true if a key of the review does what `hint` names as an option of the command line. The
/// hints about revisions also name what no key does.
fn has_key(kind: ReviewKind, hint: &Hint) -> bool {
    hint.is_covered(|remedy| {
        let mut keys = KEYS.iter();
        remedy != Remedy::KeepRevision
            && keys.any(|(its, its_remedy, ..)| (*its, *its_remedy) == (kind, remedy))
    })
}

fn remedies(model: &Model, review: &Review, problem: &Problem) -> String {
    let (keymap, sort) = (&model.setting.keymap, review.kind());
    let mut keys: Vec<String> = KEYS
        .into_iter()
        .filter(|(its, remedy, ..)| *its == sort && problem.offers(*remedy))
        .map(|(.., action, what)| keymap.hint(action, what))
        .collect();
    if !refused_secrets(model, review).is_empty() {
        keys.push(keymap.hint(ActionId::ROTATE_WITHOUT, "skip the refused secrets"));
    }
    if problem.wants_sign_in() && sort != ReviewKind::SignIn {
        keys.push(keymap.hint(ActionId::REVIEW_SIGN_IN, "sign in and return here"));
    }
    keys.push(keymap.hint(ActionId::REVIEW_AGAIN, "plan again"));
    keys.join(", ")
}

fn state_line(model: &Model, review: &Review, page: &mut Page) {
    let mut pieces = vec![Piece::new(" ", Tone::Plain)];
    let state = if review.starting.is_some() {
        "starting the run …".to_owned()
    } else if review.in_flight.is_some() && review.plan.is_none() {
        match review.kind() {
            ReviewKind::Publish => "reading Charmhub, GitHub and the registry, then planning …",
            ReviewKind::Rotate => "reading every target, then planning …",
            ReviewKind::SignIn | ReviewKind::Revoke => "reading Charmhub, then planning …",
            ReviewKind::Promote | ReviewKind::Rollback => "reading every channel, then planning …",
            ReviewKind::Hold | ReviewKind::Workflow => "reading GitHub, then planning …",
            ReviewKind::Single => "reading the inputs, then planning …",
        }
        .to_owned()
    } else if review.in_flight.is_some() {
        "planning again …".to_owned()
    } else {
        match (&review.plan, review.planned_at) {
            (Some(plan), Some(_)) if plan.only_gives_up_a_run() => {
                "Nothing to restore: confirm to give the run up".to_owned()
            }
            (Some(plan), Some(at)) if plan.nothing_to_do() => format!(
                "Nothing to do: already done (checked {})",
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
        Intent::Rollback(wish) => vec![
            (wish.later == LaterChanges::Overwrite, "overwrites later changes"),
            (wish.later == LaterChanges::Keep, "keeps later changes"),
        ],
        Intent::Rotate(wish) => vec![
            (
                wish.revoke.contains(&Revoked::Recorded),
                "former tokens are revoked",
            ),
            (wish.organisation, "one organisation secret"),
        ],
        _ => Vec::new(),
    };
    for (on, word) in flags {
        if on {
            pieces.push(Piece::new(format!("  [{word}]"), Tone::Warn));
        }
    }
    page.pieces(pieces);
    if let Some(plan) = review.plan.as_ref().filter(|plan| !plan.nothing_to_do()) {
        risk_line(plan, page);
    }
    if model.setting.read_only {
        page.text(1, "read-only: this plan can be reviewed but not run", Tone::Warn);
    }
}

/// Returns what cannot be undone, each item once.
fn lasting(plan: &Plan) -> Vec<String> {
    let mut stays: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.skip_reason.is_none() && step.risk() == Risk::Irreversible)
        .map(|step| match step.undo.impossible_because() {
            Some(why) => why.to_string(),
            None => step.undo.to_string(),
        })
        .collect();
    stays.sort();
    stays.dedup();
    stays
}

/// Adds the impact of the plan.
fn risk_line(plan: &Plan, page: &mut Page) {
    let (text, tone) = match plan.risk {
        Risk::Read => ("Impact: none, nothing changes.".to_owned(), Tone::Dim),
        Risk::Write if matches!(plan.intent, Intent::Rollback(_)) => {
            ("Impact: reversible by another rollback.".to_owned(), Tone::Plain)
        }
        Risk::Write => (
            "Impact: reversible; every change can be undone.".to_owned(),
            Tone::Plain,
        ),
        Risk::Irreversible => (
            format!(
                "Impact: {} cannot be undone, see below.",
                words::count(lasting(plan).len(), "thing", "things")
            ),
            Tone::Warn,
        ),
    };
    page.text(1, &text, tone);
}

fn stays(plan: &Plan, page: &mut Page) {
    let stays = lasting(plan);
    if stays.is_empty() {
        return;
    }
    let entry = Entry {
        key: "stays".to_owned(),
        folds: true,
        item: None,
        orphan: None,
    };
    let pieces = vec![
        Piece::new("Cannot be undone", Tone::Strong),
        Piece::new(format!("  {}", stays.len()), Tone::Dim),
    ];
    page.gap();
    if page.section(0, entry, pieces) {
        let dot = page.look.glyph(Glyph::Dot);
        for text in &stays {
            page.item(3, dot, text, Tone::Plain);
        }
    }
}
