//! Describes the credentials pane to the console.

use crate::console::Model;
use crate::console::actions::{ActionId, Availability, Scope};
use crate::console::components::Text;
use crate::console::effect::Effect;
use crate::console::panes::credentials::{axis, details, rows, view};
use crate::console::panes::id::PanePlace;
use crate::console::panes::sources::Sources;
use crate::console::panes::spec::StatusSpec;
use crate::console::panes::{Measure, PaneId, PaneSpec, first_key, standing};
use crate::console::view::piece::Cells;
use crate::domain::Source;
use crate::domain::snapshot::SourceStatus;
use crate::plan;
use crate::plan::axis::Axis;

impl PaneId {
    /// The credentials pane.
    pub const CREDENTIALS: Self = Self::new("Credentials");
}

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: PaneId::CREDENTIALS,
    short_title: "Cred",
    first: "select a row of Credentials first",
    place: PanePlace::Lower,
    scope: Scope::CREDENTIALS,
    go: ActionId::CREDENTIALS,
    open: ActionId::OPEN,
    list: |model| model.credential_rows(),
    list_mut: |model| model.credential_rows_mut(),
    rebuild,
    shows_runs: false,
    need: |model| model.state::<view::Needs>().pane(),
    measure: view::measure,
    has_heading: |_| true,
    heading: view::heading,
    row: |model, at, width| match model.credential_rows().rows().get(at) {
        Some(row) => view::row(model, row, width),
        None => Cells::new(width),
    },
    row_page: |model, at| model.credential_rows().rows().get(at)?.link(),
    show,
    copied: |model| Some(model.credential_rows().selected()?.text()),
    page: |model| model.credential_rows().selected()?.link(),
    can_browse,
    status: StatusSpec {
        sources,
        read: &[
            Source::StoreAccount,
            Source::GitHubAccount,
            Source::Secrets,
            Source::Sessions,
        ],
        has_banner: true,
        nothing_named: |_| None,
        things: |_| "credentials".to_owned(),
        asking: |_| "reading …".to_owned(),
        none,
    },
    ..PaneSpec::EMPTY
};

fn rebuild(model: &mut Model) {
    let loading = standing::is_loading(model, Source::Secrets);
    let rows = rows(model.workspace(), &model.snapshot, model.now, loading);
    let first = first_key(&rows);
    *model.state_mut::<Axis>() = axis(&rows, model.now);
    model.credential_rows_mut().replace(rows, first);
    view::measure(model, Measure::Grow);
}

fn show(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.credential_rows().selected() else {
        return Vec::new();
    };
    let settings = (model.workspace(), &*model.setting.keymap);
    let (title, lines) = details(settings, &model.snapshot, row, model.now);
    let mut text = Text::new(title, lines);
    text.copy = Some(row.text());
    text.link = row.link();
    model.open(text);
    Vec::new()
}

fn can_browse(model: &Model) -> Availability {
    match model.credential_rows().selected() {
        Some(row) if row.link().is_some() => Availability::Enabled,
        _ => Availability::Hidden,
    }
}

/// Reports only problems that have no row in the pane.
fn sources(model: &Model) -> Sources<'_> {
    let snapshot = &*model.snapshot;
    let mut found = Sources {
        unread: snapshot.sessions.standing() == SourceStatus::NotAsked,
        ..Sources::default()
    };
    for seen in [&snapshot.credential, &snapshot.github] {
        found.unread |= seen.standing() == SourceStatus::NotAsked;
        if let Some(at) = seen.read_at {
            found.read_at = Some(found.read_at.map_or(at, |known| known.min(at)));
        }
    }
    if snapshot.credential.problem.is_none() && snapshot.sessions.problem.is_some() {
        found.add("sessions", &snapshot.sessions);
    }
    if snapshot.github.problem.is_none() {
        let failed = snapshot.secrets.values().find(|seen| seen.problem.is_some());
        if let Some(seen) = failed {
            found.add("secrets", seen);
        }
    }
    let targets = plan::credentials::targets(model.workspace(), snapshot);
    let mut targets = targets.iter();
    found.unread |= targets.any(|target| !snapshot.has_read_secrets(&target.repository));
    found
}

fn none(model: &Model) -> String {
    let sign_in = model
        .setting
        .keymap
        .hint(ActionId::SIGN_IN, "sign in to Charmhub");
    format!("no credentials found; {sign_in}")
}
