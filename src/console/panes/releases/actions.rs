//! Actions of the releases pane.

use crate::console::actions::Param;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, online,
    online_unless, scopes,
};
use crate::console::effect::Effect;
use crate::console::panes::screen::to_pane;
use crate::console::panes::{self, PaneId};
use crate::console::{Model, image, promote, review};
use crate::plan::{HoldIntent, Intent, PublishIntent, Risk};

use Availability::{Disabled, Enabled};

scopes! {
    /// In the Releases pane.
    RELEASES "Pane Releases" in [PANES, SELECTED, LIST, EVERYWHERE, ALWAYS];
}

actions! {
    [Scope::RELEASES], pane super::pane::PANE;
    RELEASES = "releases" in Scope::PANES, ["1", "g r"], "releases",
        "Go to the Releases pane.",
        run |model| to_pane(model, PaneId::RELEASES), twin "windlass releases";
    PUBLISH = "publish" in Scope::PANES, ["p"], "publish",
        "Plan to publish the selected release. Nothing changes before you confirm.",
        run plan_publish, footer 20, if publish, twin "windlass plan publish RELEASE", fill fill, takes [Param::Release];
    PROMOTE_RELEASE = "promote-release" in Scope::RELEASES, ["P"], "promote",
        "Choose the risk to promote the selected release to, then plan it.",
        change promote::open, footer 22, if can_promote, twin "windlass plan promote RELEASE --to RISK", fill fill, takes [Param::Release, Param::Risk];
    HOLD_RELEASE = "hold-release" in Scope::RELEASES, ["H"], "hold",
        "Plan to hold the selected release, so that 'publish --new' skips it, or to remove its hold.",
        run hold_release, footer 23, if hold, twin "windlass hold RELEASE", fill fill, takes [Param::Release];
    MARK_RELEASE = "mark-release" in Scope::RELEASES, ["space"], "mark",
        "Mark or unmark the selected release.",
        change panes::toggle_mark, if mark_release;
    DIFF_RELEASES = "diff-releases" in Scope::RELEASES, ["d"], "diff",
        "Show which images differ between the marked and the selected release.",
        change diff, footer 62, if diff_releases, twin "windlass diff RELEASE RELEASE", fill fill, takes [Param::Release, Param::Release];
    RELEASE_IMAGE = "release-image" in Scope::RELEASES, ["i"], "image",
        "Inspect an image of the selected release and see how much an upload would send.",
        run image::open_selected, if image::actions::selected_image, twin "windlass resolve IMAGE", takes [Param::Image];
}

fn publish(model: &Model) -> Availability {
    if model.workspace().fed_charms().next().is_none() {
        return Disabled("no charm in this workspace uses an image of a release");
    }
    match model.release_rows().selected() {
        Some(_) => Enabled,
        None if model.refresh.in_flight.is_some() => Disabled("releases are still being read"),
        None => Disabled("no release is selected"),
    }
}

fn hold(model: &Model) -> Availability {
    let reason = if model.workspace().bundle.is_none() {
        Some("this workspace has no bundle repository to store a hold in")
    } else if model.release_rows().selected().is_none() {
        Some("no release is selected")
    } else {
        None
    };
    online_unless(model, reason)
}

fn mark_release(model: &Model) -> Availability {
    match model.release_rows().selected() {
        Some(_) => Enabled,
        None => Disabled("no release is selected"),
    }
}

fn diff_releases(model: &Model) -> Availability {
    match super::pair(model) {
        Some(_) => Enabled,
        None if model.release_rows().marked().len() > 2 => Disabled("more than two releases are marked"),
        None => Disabled("mark another release first"),
    }
}

/// Returns why nothing can be promoted from here, if so.
pub fn can_promote(model: &Model) -> Availability {
    promote::source(model)
        .err()
        .map_or_else(|| online(model), Disabled)
}

fn plan_publish(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.release_rows().selected() else {
        return Vec::new();
    };
    let release = row.name.clone();
    review::open(model, Intent::Publish(PublishIntent::of(release)))
}

fn diff(model: &mut Model) {
    if let Some((from, to)) = super::pair(model) {
        super::show_diff(model, &from, &to);
    }
}

/// Opens the review of holding the selected release, or of ending its hold.
fn hold_release(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.release_rows().selected() else {
        return Vec::new();
    };
    let intent = HoldIntent {
        release: row.name.clone(),
        hold: !row.held,
    };
    review::open(model, Intent::Hold(intent))
}

fn fill(model: &Model, word: &str) -> Option<String> {
    let row = model.release_rows().selected().filter(|_| word == "RELEASE")?;
    Some(row.name.to_string())
}
