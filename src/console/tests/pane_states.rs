//! Builds every state that a pane can be in, from the small fixture.

use std::sync::Arc;

use chrono::TimeDelta;

use super::world::{console, now, press, record, setting, snapshot};
use crate::console::actions::Key;
use crate::console::panes::charms::Unfolded;
use crate::console::panes::{self, PaneId, activity, channels, charms};
use crate::console::update::update;
use crate::console::{Model, Msg};
use crate::domain::charm::RevisionFacts;
use crate::domain::{
    CharmName, CharmRevision, Observed, Problem, ProblemKind, SanitizedText, SessionId, Snapshot, Track,
};
use crate::journal::{Outcome, RunId};

/// The state of a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Everything was read, and it is empty.
    Empty,
    /// Nothing was read yet; the first refresh is pending.
    NotAsked,
    /// What is shown was read three hours ago.
    Stale,
    /// Nothing could be read.
    Error,
    /// Names that are long, wide, accented or right-to-left.
    Names,
    /// Ten thousand rows, one in the middle selected.
    Many,
}

impl State {
    pub(super) const ALL: [Self; 6] = [
        Self::Empty,
        Self::NotAsked,
        Self::Stale,
        Self::Error,
        Self::Names,
        Self::Many,
    ];
}

/// Long, wide and accented, with right-to-left letters.
pub(super) const NAME: &str =
    "日本語の長い名前 re\u{301}le\u{300}ase n\u{303} שלום עולם ❤\u{fe0f} 最後まで続く名前 ende";

const MANY: usize = 10_000;

/// Returns a console whose `pane` is in `state` and focused.
pub(super) fn in_state(pane: PaneId, state: State, size: (u16, u16)) -> Model {
    let mut model = match state {
        State::Empty => shown(empty(), size),
        State::NotAsked => {
            let mut model = Model::new(setting(false), Arc::new(Snapshot::default()), now(), size);
            update(&mut model, Msg::FirstFrame(now()));
            model
        }
        State::Stale => {
            let mut model = shown(snapshot(), size);
            update(&mut model, Msg::Clock(now() + TimeDelta::hours(3)));
            model
        }
        State::Error => {
            let mut model = shown(failed(), size);
            model.journal.problem = Some(
                Problem::new(ProblemKind::Machine, "the journal cannot be read")
                    .hint("windlass doctor says what is wrong with it"),
            );
            model
        }
        State::Names => named(size),
        State::Many => many(pane, size),
    };
    let number = char::from_digit(model.pane_number(pane) as u32, 10).unwrap();
    press(&mut model, Key::Char(number));
    if state == State::Many {
        update(&mut model, Msg::Select(pane, MANY / 2));
    }
    model
}

fn shown(snapshot: Snapshot, size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    model.snapshot = Arc::new(snapshot);
    if model.runs.is_empty() && !model.snapshot.releases.value.as_ref().is_none_or(Vec::is_empty) {
        model.runs = vec![record(Some(Outcome::Done))];
    }
    rebuilt(model)
}

fn rebuilt(mut model: Model) -> Model {
    panes::rebuild(&mut model);
    panes::rebuild_activity(&mut model);
    crate::console::update::fit(&mut model);
    model
}

fn empty() -> Snapshot {
    let mut snapshot = Snapshot {
        taken_at: now(),
        ..Snapshot::default()
    };
    snapshot.releases = Observed::read(Vec::new(), now());
    snapshot.markers = Observed::read([].into(), now());
    snapshot
}

fn failed() -> Snapshot {
    let problem = || {
        Problem::new(ProblemKind::Network, "api.example.com did not answer within 30 s")
            .hint("check the network; r looks again")
    };
    let mut snapshot = snapshot();
    snapshot.releases = Observed::failed(problem());
    snapshot.markers = Observed::failed(problem());
    for facts in snapshot.charms.values_mut() {
        *facts = Observed::failed(problem());
    }
    snapshot.credential = Observed::failed(problem());
    snapshot.github = Observed::failed(problem());
    snapshot.sessions = Observed::failed(problem());
    for facts in snapshot.secrets.values_mut() {
        *facts = Observed::failed(problem());
    }
    snapshot
}

/// Returns rows with [`NAME`] in every free text.
fn named(size: (u16, u16)) -> Model {
    let mut world = snapshot();
    for observed in [&mut world.credential, &mut world.github] {
        if let Some(facts) = &mut observed.value {
            facts.name = NAME.into();
            facts.source = NAME.into();
            facts.account = Some(NAME.into());
        }
    }
    for session in world.sessions.value.iter_mut().flatten() {
        session.description = Some(SanitizedText::new(NAME));
    }
    let mut model = shown(world, size);
    let mut record = record(Some(Outcome::Failed));
    record.plan.title = NAME.to_owned();
    model.runs = vec![record];
    panes::rebuild_activity(&mut model);
    let mut rows = model.release_rows().rows().to_vec();
    for row in &mut rows {
        row.tags = vec![NAME.to_owned(), "13.16.0".to_owned()];
    }
    model.release_rows_mut().replace(rows, None);
    let mut rows = model.channel_rows().rows().to_vec();
    for row in &mut rows {
        NAME.clone_into(&mut row.short);
        for cell in &mut row.cells {
            if let channels::Cell::Open { image, .. } = cell {
                *image = Some(NAME.to_owned());
            }
        }
    }
    model.channel_rows_mut().replace(rows, None);
    let mut rows = model.charm_rows().rows().to_vec();
    for row in &mut rows {
        if let charms::What::Resource { image, .. } = &mut row.what {
            *image = Some(NAME.to_owned());
        }
    }
    model.charm_rows_mut().replace(rows, None);
    model
}

fn many(pane: PaneId, size: (u16, u16)) -> Model {
    let engine: CharmName = "finos-legend-engine-k8s".parse().unwrap();
    let mut world = snapshot();
    let facts = world.charms.get_mut(&engine).unwrap().value.as_mut().unwrap();
    match pane {
        PaneId::CHANNELS => {
            let first = facts.rows[0].clone();
            facts.rows = (0..MANY)
                .map(|at| {
                    let mut row = first.clone();
                    row.channel.track = format!("t{at:05}").parse::<Track>().unwrap();
                    row
                })
                .collect();
        }
        PaneId::CHARMS => {
            let first = facts.revisions[0].clone();
            facts.revisions = (0..MANY as u64)
                .map(|at| RevisionFacts {
                    revision: CharmRevision(at + 1),
                    ..first.clone()
                })
                .collect();
        }
        PaneId::CREDENTIALS => {
            let sessions = world.sessions.value.as_mut().unwrap();
            let first = sessions[0].clone();
            *sessions = (0..MANY)
                .map(|at| {
                    let mut session = first.clone();
                    session.id = SessionId::new(&format!("session-{at:05}"));
                    session.description = Some(SanitizedText::new(format!("charmcraft@host-{at:05}")));
                    session
                })
                .collect();
        }
        _ => {}
    }
    let mut model = console(size, false);
    model.warm = false;
    model.snapshot = Arc::new(world);
    if pane == PaneId::CHARMS {
        model.state_mut::<Unfolded>().0.insert(engine.to_string());
    }
    let mut model = rebuilt(model);
    match pane {
        PaneId::RELEASES => {
            let first = model.release_rows().rows()[0].clone();
            let rows = (0..MANY).map(|at| {
                let mut row = first.clone();
                row.name = format!("2025-01-27_{at}").parse().unwrap();
                row
            });
            let rows = rows.collect();
            model.release_rows_mut().replace(rows, None);
        }
        PaneId::ACTIVITY => {
            let rows = (0..MANY).map(|at| activity::Row {
                run: RunId(format!("20250201T120000Z-{at:04x}")),
                title: format!("Publish 2025-01-27 for the {at}th time"),
                started_at: Some(now()),
                state: crate::console::live::State::Ended(Outcome::Done),
                percent: None,
            });
            let rows = rows.collect();
            model.run_rows_mut().replace(rows, None);
        }
        _ => {}
    }
    let (shown, _) = panes::counts(&model, pane);
    assert!(shown >= MANY, "{pane:?} {shown}");
    crate::console::update::fit(&mut model);
    model
}
