//! Actions of the channels pane.

use crate::console::actions::Param;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, online,
    online_unless, scopes,
};
use crate::console::dialogs::{Choice, Choose};
use crate::console::effect::Effect;
use crate::console::panes::releases::actions::can_promote;
use crate::console::panes::screen::to_pane;
use crate::console::panes::{PaneId, channels};
use crate::console::{Model, choice, image, promote, rollback};
use crate::domain::Channel;
use crate::plan::{CloseIntent, Intent, Risk};

use Availability::Disabled;

scopes! {
    /// In the Channels pane.
    CHANNELS "Pane Channels" in [PANES, SELECTED, LIST, EVERYWHERE, ALWAYS];
}

actions! {
    [Scope::CHANNELS], pane super::pane::PANE;
    CHANNELS = "channels" in Scope::PANES, ["2", "g c"], "channels",
        "Go to the Channels pane.",
        run |model| to_pane(model, PaneId::CHANNELS), twin "windlass channels";
    CLOSE_CHANNEL = "close-channel" in Scope::CHANNELS, ["x"], "close channel",
        "Plan to close a channel of the selected row. Nothing changes before you confirm.",
        run close_channel, footer 11, if close, twin "windlass close CHARM CHANNEL", fill fill, takes [Param::Charm, Param::OpenChannel];
    PROMOTE_CHANNEL = "promote-channel" in Scope::CHANNELS, ["P"], "promote",
        "Choose the risk to promote the track's edge, or all of latest, to, then plan it.",
        change promote::open, footer 15, if can_promote, twin "windlass plan promote RELEASE --to RISK", fill fill;
    ROLL_BACK_CHANNEL = "roll-back-channel" in Scope::CHANNELS, ["b"], "roll back",
        "Plan to restore a channel, or every channel of the charm, to its earlier revision.",
        run rollback::open, footer 16, if roll_back_channel, twin "windlass plan rollback CHARM CHANNEL", fill fill, takes [Param::Charm, Param::Channel];
    CHANNEL_IMAGE = "channel-image" in Scope::CHANNELS, ["i"], "image",
        "Inspect an image that the selected channels serve.",
        run image::open_selected, footer 13, if image::actions::selected_image, twin "windlass resolve IMAGE";
}

fn close(model: &Model) -> Availability {
    match model.channel_rows().selected() {
        None => Disabled("nothing is selected"),
        Some(row) if row.cells.iter().all(|cell| *cell == channels::Cell::Closed) => {
            Disabled("every channel of this row is closed")
        }
        Some(_) => online(model),
    }
}

fn roll_back_channel(model: &Model) -> Availability {
    online_unless(model, rollback::no_channel(model))
}

/// Plans closing the channel of the selected row; asks which one if there are several.
fn close_channel(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.channel_rows().selected() else {
        return Vec::new();
    };
    let mut found: Vec<(String, Choice)> = Vec::new();
    for (risk, cell) in channels::FLOW.into_iter().zip(&row.cells) {
        if let channels::Cell::Open { revision, image, .. } = cell {
            let channel = Channel {
                track: row.track.clone(),
                risk,
                branch: row.branch.clone(),
            };
            let image = image.as_deref().unwrap_or_default();
            let text = format!("{channel}  {revision} {image}");
            let charm = row.charm.clone();
            let wish = Intent::Close(CloseIntent { charm, channel });
            found.push((text, Choice::Plan(Box::new(wish))));
        }
    }
    if found.len() > 1 {
        let title = format!("Close a channel of {}", row.charm);
        model.open(Choose::new(title, "Choose one. The plan is shown next.", found));
        return Vec::new();
    }
    found
        .pop()
        .map_or_else(Vec::new, |(_, choice)| choice::chosen(model, choice))
}

fn fill(model: &Model, word: &str) -> Option<String> {
    match word {
        "RELEASE" => {
            let (release, track) = promote::source(model).ok()?;
            Some(release.map_or_else(|| format!("--track {track}"), |name| name.to_string()))
        }
        "CHARM" => model.channel_rows().selected().map(|row| row.charm.to_string()),
        _ => None,
    }
}
