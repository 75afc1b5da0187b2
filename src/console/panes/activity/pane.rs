//! Describes the activity pane to the console.

use crate::console::Model;
use crate::console::actions::{ActionId, Availability, Scope};
use crate::console::effect::Effect;
use crate::console::panes::activity::{rows, view};
use crate::console::panes::id::PanePlace;
use crate::console::panes::sources::Sources;
use crate::console::panes::spec::StatusSpec;
use crate::console::panes::{Measure, PaneId, PaneSpec};
use crate::console::running::Running;
use crate::console::view::piece::Cells;
use crate::console::workflows;

impl PaneId {
    /// The activity pane.
    pub const ACTIVITY: Self = Self::new("Activity");
}

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: PaneId::ACTIVITY,
    short_title: "Act",
    first: "select a row of Activity first",
    place: PanePlace::Lower,
    scope: Scope::ACTIVITY,
    go: ActionId::ACTIVITY,
    open: ActionId::OPEN_RUN,
    list: |model| model.run_rows(),
    list_mut: |model| model.run_rows_mut(),
    rebuild,
    shows_runs: true,
    need: |model| model.state::<view::Needs>().pane(),
    measure: view::measure,

    row: |model, at, width| match model.run_rows().rows().get(at) {
        Some(row) => view::row(model, row, width),
        None => Cells::new(width),
    },
    row_page: |_, _| None,
    show,
    copied: |model| Some(model.run_rows().selected()?.run.0.clone()),
    page: |_| None,
    can_browse: |_| Availability::Hidden,
    status: StatusSpec {
        sources,
        read: &[],
        has_banner: true,
        nothing_named: |_| None,
        things: |_| "runs".to_owned(),
        asking: |_| "reading the journal …".to_owned(),
        none,
    },
    ..PaneSpec::EMPTY
};

fn rebuild(model: &mut Model) {
    let rows = rows(&model.runs, model.live(), model.queue());
    model.run_rows_mut().replace(rows, None);
    view::measure(model, Measure::Grow);
}

fn show(model: &mut Model) -> Vec<Effect> {
    let Some(run) = model.run_rows().selected().map(|row| row.run.clone()) else {
        return Vec::new();
    };
    model.show(Running::of(run.clone()));
    workflows::follow(model, &run)
}

fn sources(model: &Model) -> Sources<'_> {
    let problem = model.journal.problem.as_ref();
    Sources {
        problem: problem.map(|problem| ("journal", problem)),
        ..Sources::default()
    }
}

fn none(model: &Model) -> String {
    let keymap = &model.setting.keymap;
    let publish = keymap.hint(ActionId::PUBLISH, "publish the selected release");
    format!("no runs yet; {publish}")
}
