//! Describes the charms pane to the console.

use crate::console::Model;
use crate::console::actions::{ActionId, Availability, Scope};
use crate::console::components::Text;
use crate::console::effect::Effect;
use crate::console::panes::charms::{Row, Unfolded, What, details, rows, view};
use crate::console::panes::id::PanePlace;
use crate::console::panes::sources::Sources;
use crate::console::panes::spec::StatusSpec;
use crate::console::panes::{Measure, PaneId, PaneSpec, channels, first_key};
use crate::console::view::piece::Cells;
use crate::console::{image, links};
use crate::domain::Source;

impl PaneId {
    /// The charms pane.
    pub const CHARMS: Self = Self::new("Charms");
}

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: PaneId::CHARMS,
    short_title: "Charm",
    first: "select a row of Charms first",
    place: PanePlace::Lower,
    scope: Scope::CHARMS,
    go: ActionId::CHARMS,
    open: ActionId::OPEN,
    list: |model| model.charm_rows(),
    list_mut: |model| model.charm_rows_mut(),
    rebuild,
    shows_runs: false,
    need: |model| model.state::<view::Needs>().pane(),
    measure: view::measure,

    row: |model, at, width| match model.charm_rows().rows().get(at) {
        Some(row) => view::row(model, row, width),
        None => Cells::new(width),
    },
    row_page: |model, at| {
        let row = model.charm_rows().rows().get(at)?;
        matches!(row.what, What::Charm(_)).then(|| links::charm(row.charm.as_str()))
    },
    show,
    copied: |model| copied(model),
    page: |model| Some(links::charm(model.charm_rows().selected()?.charm.as_str())),
    can_browse,
    status: StatusSpec {
        sources,
        read: &[Source::Charms],
        // A row shows it already.
        has_banner: false,
        nothing_named: channels::pane::no_charms,
        things: |_| "charms, revisions and resources".to_owned(),
        asking: channels::pane::asking,
        none: |_| "no charms, revisions and resources".to_owned(),
    },
    ..PaneSpec::EMPTY
};

fn rebuild(model: &mut Model) {
    let unfolded = &model.state::<Unfolded>().0;
    let rows = rows(model.workspace(), &model.snapshot, unfolded, model.warm);
    let first = first_key(&rows);
    model.charm_rows_mut().replace(rows, first);
    view::measure(model, Measure::Grow);
}

/// Shows the revisions of the selected charm or resource, or hides them again.
pub fn unfold(model: &mut Model) {
    let Some(key) = model.charm_rows().selected().and_then(Row::stem) else {
        return;
    };
    let unfolded = &mut model.state_mut::<Unfolded>().0;
    if !unfolded.remove(&key) {
        unfolded.insert(key.clone());
    }
    let unfolded = &model.state::<Unfolded>().0;
    let rows = rows(model.workspace(), &model.snapshot, unfolded, model.warm);
    let list = model.charm_rows_mut();
    list.replace(rows, None);
    list.select_key(&key);
    view::measure(model, Measure::Grow);
}

/// Shows everything known about the selected charm, or the image of a resource revision.
fn show(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.charm_rows().selected() else {
        return Vec::new();
    };
    if matches!(row.what, What::Held { .. }) && !image::selected(model).is_empty() {
        return image::open_selected(model);
    }
    let charm = row.charm.clone();
    let text = text(model, row);
    model.open(text);
    image::ask_behind(model, &charm)
}

/// Rebuilds the details of a charm, if they are shown.
pub fn rewrite_details(model: &mut Model) {
    let Some(text) = model.dialog::<Text>() else {
        return;
    };
    let offset = text.offset;
    let charm = text.charm.clone();
    let is_shown = |row: &&Row| Some(&row.charm) == charm.as_ref();
    let listing = model.charm_rows();
    let row = listing
        .selected()
        .filter(is_shown)
        .or_else(|| listing.rows().iter().find(is_shown));
    if let Some(row) = row {
        let mut text = self::text(model, row);
        text.offset = offset;
        model.open(text);
    }
}

fn text(model: &Model, row: &Row) -> Text {
    let lines = details(model.workspace(), &model.snapshot, row, model.now);
    let mut text = Text::new(row.charm.to_string(), lines);
    text.copy = Some(row.charm.to_string());
    text.link = Some(links::charm(row.charm.as_str()));
    text.charm = Some(row.charm.clone());
    text
}

/// Returns the digest of a resource revision, or the name of the charm for any other row.
fn copied(model: &Model) -> Option<String> {
    let row = model.charm_rows().selected()?;
    let behind = row
        .resource()
        .and_then(|(resource, revision)| model.snapshot.image_behind(&row.charm, resource, revision?));
    Some(behind.map_or_else(|| row.charm.to_string(), |behind| behind.digest.to_string()))
}

fn can_browse(model: &Model) -> Availability {
    match model.charm_rows().selected().map(|row| &row.what) {
        Some(What::Charm(_) | What::Resource { .. }) => Availability::Enabled,
        _ => Availability::Disabled("this row has no page"),
    }
}

fn sources(model: &Model) -> Sources<'_> {
    let mut found = Sources::default();
    let seen = model.snapshot.charms.values();
    seen.for_each(|seen| found.add("charms", seen));
    found.unread |= model
        .charms()
        .any(|charm| !model.snapshot.charms.contains_key(charm));
    found
}
