//! Draws the first line: workspace, services, remaining pulls, token, read-only.

use chrono::TimeDelta;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::look::{Glyph, Tone};
use super::piece::{Piece, spans};
use crate::console::actions::ActionId;
use crate::console::panes::credentials;
use crate::console::{Model, queue, wake, words};
use crate::domain::Observed;
use crate::domain::credential::days_in_short;
use crate::domain::snapshot::SourceStatus;
use crate::plan::credentials::{Alarm, CredentialRole};

/// Draws the header.
pub fn draw(model: &Model, area: Rect, frame: &mut Frame) {
    let width = usize::from(area.width);
    let right = right(model);
    let right_width: usize = right.iter().map(|p| words::width(&p.text)).sum();
    let name = words::cut(&model.workspace().name, width / 3);
    let demo = if model.setting.demo { " (demo)" } else { "" };
    let own = " windlass  ";
    // An expiry is more important than the name of the owner.
    let own = if words::width(own) + words::width(&name) + demo.len() + right_width > width {
        " "
    } else {
        own
    };
    let mut left = vec![
        Piece::new(own, Tone::Strong),
        Piece::new(name, Tone::Accent),
        Piece::new(demo, Tone::Warn),
    ];
    let mut used: usize = left.iter().map(|p| words::width(&p.text)).sum();
    for group in services(model) {
        let columns: usize = group.iter().map(|p| words::width(&p.text)).sum();
        if used + columns + right_width > width {
            break;
        }
        used += columns;
        left.extend(group);
    }
    let gap = width.saturating_sub(used + right_width);
    left.push(Piece::new(" ".repeat(gap), Tone::Plain));
    left.extend(right);
    frame.render_widget(spans(&model.setting.look, left), area);
}

fn right(model: &Model) -> Vec<Piece> {
    let look = &model.setting.look;
    let mut pieces = Vec::new();
    // Show what expires next; the value in the secrets counts too.
    if let Some(credential) = credentials::nearest(model.credential_rows().rows()) {
        let facts = &credential.facts;
        let tone = credentials::tone(credential, model.now);
        let name = match (&credential.role, facts.kind.as_str()) {
            (CredentialRole::InSecrets(_), _) => "secrets",
            (CredentialRole::MaybeInSecrets(_), _) => "secrets?",
            (_, "charmhub") => "token",
            _ => facts.name.as_str(),
        };
        let name = words::cut(name, 14);
        let sign = if matches!(tone, Tone::Warn | Tone::Bad) {
            format!(" {}", look.glyph(Glyph::Warning))
        } else {
            String::new()
        };
        let text = match (credential.alarm(model.now), facts.days_left(model.now)) {
            (Alarm::Revoked, _) => format!("{name} revoked"),
            (Alarm::Over, _) => format!("{name} expired"),
            (_, days) => format!("{name} {}", days_in_short(days.unwrap_or_default())),
        };
        pieces.push(Piece::new(format!("  {text}{sign}"), tone));
    }
    if !model.mouse && model.setting.wishes.mouse {
        pieces.push(Piece::new(
            format!(
                "  mouse released: {}",
                model.setting.keymap.first(ActionId::MOUSE)
            ),
            Tone::Warn,
        ));
    }
    if model.setting.read_only {
        pieces.push(Piece::new("  read-only", Tone::Warn));
    }
    if queue::busy(model) {
        pieces.push(Piece::new(
            format!("  {} running", look.glyph(Glyph::Running)),
            Tone::Accent,
        ));
    }
    if model.refresh.in_flight.is_some() {
        pieces.push(Piece::new("  reading …", Tone::Dim));
    }
    pieces.push(Piece::new(" ", Tone::Plain));
    pieces
}

fn standing<T>(model: &Model, observed: &Observed<T>) -> SourceStatus {
    match (observed.standing(), observed.read_at) {
        (SourceStatus::Known, Some(at)) if model.now - at > wake::stale_after(model) => SourceStatus::Stale,
        (standing, _) => standing,
    }
}

fn services(model: &Model) -> Vec<Vec<Piece>> {
    let snapshot = &model.snapshot;
    if snapshot.no_network().is_some() {
        return vec![vec![Piece::new("  no network", Tone::Bad)]];
    }
    let charmhub = snapshot
        .charms
        .values()
        .map(|o| standing(model, o))
        .chain(snapshot.served.values().map(|o| standing(model, o)))
        .reduce(worse)
        .unwrap_or(SourceStatus::NotAsked);
    let github = worse(
        standing(model, &snapshot.releases),
        standing(model, &snapshot.markers),
    );
    // Images are requested once, and their digests do not age.
    let hub = snapshot
        .images
        .values()
        .map(Observed::standing)
        .filter(|s| *s != SourceStatus::Absent)
        .reduce(worse)
        .unwrap_or(SourceStatus::NotAsked);
    let mut groups = vec![
        service(model, "Charmhub", charmhub),
        service(model, "GitHub", github),
        service(model, "Docker Hub", hub),
    ];
    if let Some(quota) = &snapshot.quota {
        let low = quota.remaining * 10 < quota.limit;
        groups.push(vec![Piece::new(
            format!("  {}/{} pulls", quota.remaining, quota.limit),
            if low { Tone::Warn } else { Tone::Dim },
        )]);
    }
    if let Some(at) = model.refresh.answered_at
        && model.now - at >= TimeDelta::minutes(1)
    {
        groups.push(vec![Piece::new(
            format!("  checked {}", words::age(model.now, at)),
            Tone::Dim,
        )]);
    }
    groups
}

fn service(model: &Model, name: &str, standing: SourceStatus) -> Vec<Piece> {
    let look = &model.setting.look;
    let (glyph, tone) = match standing {
        SourceStatus::Known => (Glyph::Known, Tone::Good),
        SourceStatus::Stale => (Glyph::Stale, Tone::Warn),
        SourceStatus::Absent | SourceStatus::NotAsked => (Glyph::Unknown, Tone::Dim),
        SourceStatus::NoCredential => (Glyph::Unknown, Tone::Warn),
        SourceStatus::Forbidden | SourceStatus::Unknown => (Glyph::Unknown, Tone::Bad),
    };
    let word = match standing {
        SourceStatus::Known if model.columns < 100 && look.borders => "",
        SourceStatus::Known => "ok",
        other => credentials::view::standing_words(other),
    };
    vec![
        Piece::new(format!("  {name} "), Tone::Plain),
        Piece::new(
            // For a screen reader the sign only repeats the word.
            if look.borders {
                format!("{} {word}", look.glyph(glyph)).trim_end().to_owned()
            } else {
                word.to_owned()
            },
            tone,
        ),
    ]
}

/// Returns the worse of two standings.
const fn worse(a: SourceStatus, b: SourceStatus) -> SourceStatus {
    const fn rank(standing: SourceStatus) -> u8 {
        match standing {
            SourceStatus::Known => 0,
            SourceStatus::Stale => 1,
            SourceStatus::Absent => 2,
            SourceStatus::NotAsked => 3,
            SourceStatus::NoCredential => 4,
            SourceStatus::Forbidden => 5,
            SourceStatus::Unknown => 6,
        }
    }
    if rank(a) >= rank(b) { a } else { b }
}
