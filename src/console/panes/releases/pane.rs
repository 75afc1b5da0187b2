//! Describes the releases pane to the console.

use crate::console::Model;
use crate::console::actions::{ActionId, Availability, Scope};
use crate::console::components::Text;
use crate::console::effect::Effect;
use crate::console::panes::id::PanePlace;
use crate::console::panes::releases::{details, link, preferred, rows, view};
use crate::console::panes::sources::Sources;
use crate::console::panes::spec::StatusSpec;
use crate::console::panes::{Measure, PaneId, PaneSpec, rhythm};
use crate::console::view::piece::Cells;
use crate::domain::Source;
use crate::plan::rhythm::Rhythm;

impl PaneId {
    /// The releases pane.
    pub const RELEASES: Self = Self::new("Releases");
}

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: PaneId::RELEASES,
    short_title: "Rel",
    first: "select a row of Releases first",
    place: PanePlace::Upper,
    scope: Scope::RELEASES,
    go: ActionId::RELEASES,
    open: ActionId::OPEN,
    list: |model| model.release_rows(),
    list_mut: |model| model.release_rows_mut(),
    rebuild,
    shows_runs: true,
    need: |model| model.state::<view::Needs>().pane(),
    measure: view::measure,
    has_heading: |width| width >= view::WIDE,
    heading: view::heading,
    row: |model, at, width| match model.release_rows().rows().get(at) {
        Some(row) => view::row(model, row, width),
        None => Cells::new(width),
    },
    row_page: |model, at| link(model.workspace(), &model.release_rows().rows().get(at)?.name),
    show,
    copied: |model| Some(model.release_rows().selected()?.name.to_string()),
    page: |model| link(model.workspace(), &model.release_rows().selected()?.name),
    can_browse,
    note: view::note,
    foot: rhythm::foot,
    status: StatusSpec {
        sources,
        read: &[Source::Releases, Source::Markers, Source::Holds],
        has_banner: true,
        nothing_named: |model| {
            let no_upstream = model.workspace().upstream.is_none();
            no_upstream.then_some("this workspace has no upstream")
        },
        things: |_| "releases".to_owned(),
        asking,
        none,
    },
};

fn rebuild(model: &mut Model) {
    let rows = rows(model.workspace(), &model.snapshot, model.warm);
    let preferred = preferred(&rows);
    model.release_rows_mut().replace(rows, preferred);
    view::measure(model, Measure::Grow);
    // Published runs count for the rhythm too.
    if model.warm {
        *model.state_mut::<Rhythm>() = rhythm::of(model);
    }
}

fn show(model: &mut Model) -> Vec<Effect> {
    if let Some(text) = text(model) {
        model.open(text);
    }
    Vec::new()
}

fn text(model: &Model) -> Option<Text> {
    let row = model.release_rows().selected()?;
    let (workspace, now) = (model.workspace(), model.now);
    let (look, rhythm) = (&model.setting.look, model.state::<Rhythm>());
    let waited = rhythm::waited(rhythm, row, now);
    let settings = (workspace, &*model.setting.keymap);
    let mut lines = details(settings, &model.snapshot, &model.runs, row, waited, now);
    lines.extend(rhythm::lines(look, rhythm));
    let mut text = Text::new(format!("Release {}", row.name), lines);
    text.copy = Some(row.name.to_string());
    text.link = link(workspace, &row.name);
    Some(text)
}

fn can_browse(model: &Model) -> Availability {
    if model.release_rows().selected().is_some() && model.workspace().upstream.is_some() {
        Availability::Enabled
    } else {
        Availability::Disabled("this row has no page")
    }
}

fn sources(model: &Model) -> Sources<'_> {
    let mut found = Sources::default();
    found.add("releases", &model.snapshot.releases);
    found.add("marker branches", &model.snapshot.markers);
    found
}

fn asking(model: &Model) -> String {
    match &model.workspace().upstream {
        Some(upstream) => format!("reading {} from GitHub …", upstream.repository),
        None => "reading …".to_owned(),
    }
}

fn none(model: &Model) -> String {
    match &model.workspace().upstream {
        Some(upstream) => format!(
            "no releases since {} in {}/{}",
            upstream.since, upstream.repository, upstream.path
        ),
        None => "no releases".to_owned(),
    }
}
