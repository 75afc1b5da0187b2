//! The plan review: what would change, image by image and channel by channel, and how to change
//! the wish before it is confirmed.
//!
//! Owns the wish while it is being shaped. Must not plan: it asks for a new plan.

mod lines;
mod update;
pub mod view;

pub use lines::{ReviewLine, lines};
pub use update::{open, planned, replace_image, started, update};

use chrono::{DateTime, Utc};

use super::Model;
use super::effect::RequestId;
use super::listing::window;
use super::model::Screen;
use crate::config::Workspace;
use crate::domain::{CharmName, Outside, Problem, Snapshot};
use crate::plan::{Plan, PublishIntent};

/// The state of the review.
#[derive(Clone, Debug)]
pub struct Review {
    /// The wish.
    pub intent: PublishIntent,
    /// The plan for it, or for the wish before the last change while a new one is made.
    pub plan: Option<Plan>,
    /// Why there is none.
    pub problem: Option<Problem>,
    /// When it was planned.
    pub planned_at: Option<DateTime<Utc>>,
    /// The planning under way.
    pub in_flight: Option<RequestId>,
    /// The start under way.
    pub starting: Option<RequestId>,
    /// The selected image.
    pub cursor: usize,
    /// First line shown.
    pub offset: usize,
    /// True while the window follows the cursor.
    pub follow: bool,
}

/// An image that can be left out or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The charm that takes it.
    pub charm: CharmName,
    /// The key of the manifest.
    pub image: String,
    /// True where it is part of the wish.
    pub taken: bool,
    /// The tag or digest chosen.
    pub target: String,
    /// True where it was chosen by hand.
    pub by_hand: bool,
}

/// The images of a release that charms take.
pub fn items(workspace: &Workspace, snapshot: &Snapshot, intent: &PublishIntent) -> Vec<Item> {
    let release = snapshot.release(&intent.release);
    workspace
        .fed_charms()
        .flat_map(|charm| charm.fed().map(move |(_, key)| (charm, key)))
        .map(|(charm, key)| {
            let by_hand = intent.images.get(key);
            let named = release.and_then(|release| release.images.get(key));
            Item {
                charm: charm.name.clone(),
                image: key.to_owned(),
                taken: intent.charms.is_empty() || intent.charms.contains(&charm.name),
                target: by_hand
                    .map(ToString::to_string)
                    .or_else(|| named.map(|tag| Outside::new(tag).to_string()))
                    .unwrap_or_else(|| "not named by the release".to_owned()),
                by_hand: by_hand.is_some(),
            }
        })
        .collect()
}

/// Keeps cursor and window inside.
pub fn settle(model: &mut Model, width: usize, height: usize) {
    let Screen::Review(review) = &model.screen else {
        return;
    };
    let lines = lines(model, review, width);
    let at = lines.iter().position(|line| line.item == Some(review.cursor));
    let last = lines.len();
    let Screen::Review(review) = &mut model.screen else {
        return;
    };
    if let Some(at) = at.filter(|_| review.follow) {
        // The lines under an item belong to it: show a few of them too.
        let end = (at + 5).min(last.saturating_sub(1));
        review.offset = window(review.offset, end, height, last);
        review.offset = window(review.offset, at, height, last);
    }
    review.offset = review.offset.min(last.saturating_sub(height));
}
