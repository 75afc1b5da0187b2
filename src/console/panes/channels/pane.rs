//! Describes the channels pane to the console.

use crate::console::Model;
use crate::console::actions::{ActionId, Availability, Scope};
use crate::console::components::Text;
use crate::console::effect::Effect;
use crate::console::panes::channels::{details, rows, timeline, view};
use crate::console::panes::id::PanePlace;
use crate::console::panes::sources::Sources;
use crate::console::panes::spec::StatusSpec;
use crate::console::panes::{Measure, PaneId, PaneSpec, first_key};
use crate::console::view::piece::Cells;
use crate::console::{layout, links, words};
use crate::domain::Source;

impl PaneId {
    /// The channels pane.
    pub const CHANNELS: Self = Self::new("Channels");
}

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: PaneId::CHANNELS,
    short_title: "Chan",
    first: "select a row of Channels first",
    place: PanePlace::Upper,
    scope: Scope::CHANNELS,
    go: ActionId::CHANNELS,
    open: ActionId::OPEN,
    list: |model| model.channel_rows(),
    list_mut: |model| model.channel_rows_mut(),
    rebuild,
    shows_runs: false,
    need: |model| model.state::<view::Needs>().pane(),
    measure: view::measure,
    has_heading: |_| true,
    heading: view::heading,
    row: |model, at, width| match model.channel_rows().rows().get(at) {
        Some(row) => view::row(model, row, width),
        None => Cells::new(width),
    },
    row_page: |model, at| Some(links::charm(model.channel_rows().rows().get(at)?.charm.as_str())),
    show,
    copied: |model| {
        let row = model.channel_rows().selected()?;
        Some(format!("{} {}", row.charm, row.track))
    },
    page: |model| Some(links::charm(model.channel_rows().selected()?.charm.as_str())),
    can_browse,
    status: StatusSpec {
        sources,
        read: &[Source::Channels, Source::Charms],
        has_banner: true,
        nothing_named: no_charms,
        things: |_| "channels".to_owned(),
        asking,
        none,
    },
    ..PaneSpec::EMPTY
};

fn rebuild(model: &mut Model) {
    let rows = rows(model.workspace(), &model.snapshot, model.warm);
    // Rows arrive charm by charm: until a row was chosen, the first one is selected.
    let first = first_key(&rows);
    model.channel_rows_mut().replace(rows, first);
    view::measure(model, Measure::Grow);
}

fn show(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.channel_rows().selected() else {
        return Vec::new();
    };
    let (now, snapshot) = (model.now, &model.snapshot);
    let mut lines = details(model.workspace(), snapshot, row, now);
    let (look, (room, _)) = (&model.setting.look, layout::text_size(model));
    lines.extend(timeline::lines(look, snapshot, &model.runs, row, room, now));
    let mut text = Text::new(format!("{} {}", row.charm, row.track), lines);
    text.copy = Some(row.charm.to_string());
    text.link = Some(links::charm(row.charm.as_str()));
    model.open(text);
    Vec::new()
}

fn can_browse(model: &Model) -> Availability {
    match model.channel_rows().selected() {
        Some(_) => Availability::Enabled,
        None => Availability::Disabled("this row has no page"),
    }
}

/// Uses the publisher's view, else the public one: if one of them was read, a failure of the other
/// is not reported.
fn sources(model: &Model) -> Sources<'_> {
    let snapshot = &*model.snapshot;
    let mut found = Sources::default();
    for (name, seen) in &snapshot.charms {
        match snapshot.served.get(name) {
            Some(served) if seen.value.is_none() && served.problem.is_none() => {
                found.add("channels", served);
            }
            _ => found.add("channels", seen),
        }
    }
    for (name, served) in &snapshot.served {
        if !snapshot.charms.contains_key(name) {
            found.add("channels", served);
        }
    }
    let known = |charm| snapshot.charms.contains_key(charm) || snapshot.served.contains_key(charm);
    let mut charms = model.workspace().charms.iter();
    found.unread |= charms.any(|charm| !known(&charm.name));
    found
}

/// Says that charms are being read; also for the charms pane.
pub fn asking(model: &Model) -> String {
    let charms = words::count(model.workspace().charms.len(), "charm", "charms");
    format!("reading {charms} from Charmhub …")
}

/// Says that there are no charms; also for the charms pane.
pub fn no_charms(model: &Model) -> Option<&'static str> {
    let none = model.workspace().charms.is_empty();
    none.then_some("this workspace has no charms")
}

fn none(model: &Model) -> String {
    let keymap = &model.setting.keymap;
    let release = keymap.hint(ActionId::RELEASE_REVISION, "release a revision in Charms");
    format!("no channel of these charms is open; {release}")
}
