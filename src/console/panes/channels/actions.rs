//! Actions of the channels pane.

use crate::console::actions::{
    ActionId, ActionSpec, Availability, Part, Scope, ScopeSpec, actions, always, online, online_unless,
    scopes,
};
use crate::console::command::Param;
use crate::console::panes::releases::actions::can_promote;
use crate::console::panes::{PaneId, channels};
use crate::console::update::charm::close_channel;
use crate::console::update::go;
use crate::console::{Model, image, promote, rollback};
use crate::plan::Risk;

use Availability::Disabled;

scopes! {
    /// In the Channels pane.
    CHANNELS "Pane Channels" in [PANES, SELECTED, LIST, EVERYWHERE, ALWAYS];
}

actions! {
    [Scope::CHANNELS];
    CHANNELS = "channels" in Scope::PANES, ["2", "g c"], "channels",
        "Go to the Channels pane.",
        run |model| go::to_pane(model, PaneId::Channels), twin "windlass channels";
    CLOSE_CHANNEL = "close-channel" in Scope::CHANNELS, ["x"], "close channel",
        "Plan to close a channel of the selected row. Nothing changes before you confirm.",
        run close_channel, footer 11, if close, twin "windlass close CHARM CHANNEL", takes [Param::Charm, Param::OpenChannel];
    PROMOTE_CHANNEL = "promote-channel" in Scope::CHANNELS, ["P"], "promote",
        "Choose the risk to promote the track's edge, or all of latest, to, then plan it.",
        change promote::open, footer 15, if can_promote, twin "windlass plan promote RELEASE --to RISK";
    ROLL_BACK_CHANNEL = "roll-back-channel" in Scope::CHANNELS, ["b"], "roll back",
        "Plan to restore a channel, or every channel of the charm, to its earlier revision.",
        run rollback::open, footer 16, if roll_back_channel, twin "windlass plan rollback CHARM CHANNEL", takes [Param::Charm, Param::Channel];
    CHANNEL_IMAGE = "channel-image" in Scope::CHANNELS, ["i"], "image",
        "Inspect an image that the selected channels serve.",
        run image::open_selected, footer 13, if image::actions::selected_image, twin "windlass resolve IMAGE";
}

fn close(model: &Model) -> Availability {
    match model.panes.channels.selected() {
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
