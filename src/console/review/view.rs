//! Draws the plan review.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Review, outline};
use crate::console::view::look::Glyph;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg};
use crate::plan::{Intent, RolledBack};

/// Draws the review into `area`.
pub fn draw(model: &Model, review: &Review, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let title = match &review.plan {
        Some(plan) if review.in_flight.is_none() => format!(
            "{} {} {}",
            model.short_title(&plan.title),
            model.setting.look.glyph(Glyph::Dot),
            plan.id
        ),
        _ => match &review.intent {
            Intent::Publish(intent) => format!("Publish {}", intent.release),
            Intent::Rotate(_) => "Rotate".to_owned(),
            Intent::SignIn(_) => "Sign in to Charmhub".to_owned(),
            Intent::Revoke(_) => "Revoke".to_owned(),
            Intent::Upload(intent) => format!("Upload to {} of {}", intent.resource, intent.charm),
            Intent::Copy(intent) => format!("Copy to {}", intent.destination),
            Intent::Release(intent) => format!("Release {} of {}", intent.revision, intent.charm),
            Intent::Close(intent) => format!("Close {} of {}", intent.channel, intent.charm),
            Intent::Promote(intent) => format!("Promote {} to {}", intent.release, intent.to),
            Intent::PromoteTrack(intent) => format!("Promote track {} to {}", intent.track, intent.to),
            Intent::Rollback(intent) => match &intent.of {
                RolledBack::Run(run) => format!("Roll back run {run}"),
                RolledBack::Charm { charm, .. } => format!("Roll back {charm}"),
            },
            Intent::Hold(intent) if intent.hold => format!("Hold {}", intent.release),
            Intent::Hold(intent) => format!("Remove the hold of {}", intent.release),
            Intent::Workflow(intent) => format!("Workflows of {}", intent.repository),
        },
    };
    let inner = view::boxed(model, frame, area, &title, None, true);
    let outline = outline(model, review, usize::from(inner.width));
    let all = &outline.lines;
    let height = usize::from(inner.height);
    for (line, y) in all.iter().skip(review.offset).take(height).zip(inner.y..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        let here = line.entry == Some(outline.at);
        view::line(model, frame, rect, line.pieces.clone(), here);
        if let Some(entry) = line.entry {
            drawn.hit(rect, Msg::Pick(entry));
        }
    }
    view::scroll_mark(model, frame, area, review.offset, height, all.len());
    drawn.wheel(area, None);
}
