//! Renders the console as SVG for the documentation, from recorded facts.
//!
//! The facts are passed in, so that none are built in. Must not read or write a file.

mod svg;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::actions::{Key, Keymap};
use super::effect::Effect;
use super::live::Live;
use super::model::Setting;
use super::update::update;
use super::view::look::Look;
use super::view::theme::{Depth, Palette, made_for};
use super::wishes::Preferences;
use super::{Model, Msg, panes, view};
use crate::config::{Colors, ThemeName, Workspace};
use crate::domain::{Problem, ProblemKind, Snapshot};
use crate::journal::{Outcome, RunId, RunRecord, StepOutcome};
use crate::plan::{Intent, Plan, PublishIntent, publish};
use crate::run::progress::{Phase, RunProgress, StepProgress};

/// Size of a picture in columns and lines.
const SIZE: (u16, u16) = (110, 32);
/// Age of the facts, in seconds.
const AGE: i64 = 20;

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// All panes.
    Panes,
    /// The review of a publish.
    Review,
    /// A publish in progress.
    Run,
}

impl Scene {
    const fn title(self) -> &'static str {
        match self {
            Self::Panes => "The console: releases, channels, charms, credentials and runs",
            Self::Review => "The review of a plan, before anything is changed",
            Self::Run => "A run in progress",
        }
    }
}

/// Returns `scene` as SVG, drawn from `facts`: a snapshot of `workspace` as JSON.
///
/// # Errors
/// [`ProblemKind::Usage`] if the facts cannot be parsed or lead to no plan.
pub fn picture(scene: Scene, workspace: &Workspace, facts: &str) -> Result<String, Problem> {
    let stage = Stage::new(workspace, facts)?;
    let model = match scene {
        Scene::Panes => stage.console()?,
        Scene::Review => stage.reviewing()?,
        Scene::Run => stage.running()?,
    };
    Ok(drawn(&model, scene.title()))
}

fn drawn(model: &Model, title: &str) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(model.columns, model.lines));
    let Ok(frame) = terminal.draw(|frame| drop(view::draw(model, frame)));
    let ground = made_for(ThemeName::Dark).unwrap_or_default();
    svg::svg(frame.buffer, ground, title)
}

/// What all scenes are built from.
struct Stage<'a> {
    workspace: &'a Workspace,
    snapshot: Arc<Snapshot>,
    now: DateTime<Utc>,
    /// The publish that is reviewed and run: that of the newest release.
    plan: Plan,
}

impl<'a> Stage<'a> {
    fn new(workspace: &'a Workspace, facts: &str) -> Result<Self, Problem> {
        let snapshot: Snapshot = serde_json::from_str(facts).map_err(|error| {
            Problem::new(ProblemKind::Usage, "the facts of a workspace cannot be parsed").because(&error)
        })?;
        let newest = snapshot.releases.value.iter().flatten().max_by_key(|r| &r.name);
        let newest = newest.ok_or_else(|| Problem::new(ProblemKind::Usage, "no release in these facts"))?;
        let intent = PublishIntent::of(newest.name.clone());
        Ok(Self {
            workspace,
            now: snapshot.taken_at + TimeDelta::seconds(AGE),
            plan: publish::plan(workspace, &snapshot, &intent)?,
            snapshot: Arc::new(snapshot),
        })
    }

    fn record(&self, number: u8, days: i64, outcome: Option<Outcome>) -> RunRecord {
        let at = self.now - TimeDelta::days(days);
        RunRecord {
            id: RunId(format!("20261121T101500Z-{number:04x}")),
            actor: "rita@desk".into(),
            plan: self.plan.clone(),
            outcome,
            started_at: at,
            finished_at: outcome.map(|_| at + TimeDelta::minutes(3)),
            steps: Vec::new(),
            problem: None,
            running: false,
            rolled_back_by: None,
            given_up: false,
            replaced_by: None,
        }
    }

    fn setting(&self) -> Setting {
        Setting {
            workspace: self.workspace.clone(),
            read_only: false,
            demo: true,
            look: Look {
                palette: Palette::of(ThemeName::Dark, &Colors::default(), Depth::True),
                ..Look::FULL
            },
            refresh_minutes: 5,
            offline: false,
            folder: "/".to_owned(),
            home: None,
            wishes: Preferences::default(),
            keymap: Arc::new(Keymap::default()),
        }
    }

    fn console(&self) -> Result<Model, Problem> {
        let mut model = Model::new(self.setting(), Arc::clone(&self.snapshot), self.now, SIZE);
        for (number, days, outcome, title) in [
            (3, 1, Outcome::Done, "Rotate CHARMHUB_TOKEN in 7 repositories"),
            (2, 30, Outcome::Done, "Publish 2023-12-05"),
            (1, 61, Outcome::Cancelled, "Promote 2023-11-08 to stable"),
        ] {
            let mut record = self.record(number, days, Some(outcome));
            title.clone_into(&mut record.plan.title);
            model.runs.push(record);
        }
        let effects = update(&mut model, Msg::FirstFrame(self.now));
        self.answer(&mut model, effects)?;
        Ok(model)
    }

    /// Answers effects as the shell would, always with the same facts.
    fn answer(&self, model: &mut Model, effects: Vec<Effect>) -> Result<(), Problem> {
        for effect in effects {
            let msg = match effect {
                Effect::Refresh { id, previous, .. } => Msg::Observed(id, self.now, previous),
                Effect::ReadRuns { id } => Msg::RunsRead(id, self.now, Ok(model.runs.clone())),
                Effect::Plan {
                    id,
                    previous,
                    intent: Intent::Publish(intent),
                } => {
                    let plan = publish::plan(self.workspace, &previous, &intent)?;
                    Msg::Planned(id, self.now, previous, Box::new(Ok(plan)))
                }
                _ => continue,
            };
            let more = update(model, msg);
            self.answer(model, more)?;
        }
        Ok(())
    }

    fn press(&self, model: &mut Model, key: Key) -> Result<(), Problem> {
        let effects = update(model, Msg::Key(key));
        self.answer(model, effects)
    }

    fn reviewing(&self) -> Result<Model, Problem> {
        let mut model = self.console()?;
        self.press(&mut model, Key::Char('p'))?;
        Ok(model)
    }

    fn running(&self) -> Result<Model, Problem> {
        let mut model = self.console()?;
        let mut record = self.record(4, 0, None);
        record.running = true;
        let run = record.id.clone();
        let mut steps = BTreeMap::new();
        for (at, step) in self.plan.steps.iter().enumerate() {
            let mut progress = StepProgress::default();
            match at {
                0..4 => progress.outcome = Some(StepOutcome::Done),
                4 => {
                    progress.phase = Phase::Sending;
                    progress.bytes_done = 612_000;
                    progress.bytes_total = Some(1_100_000);
                    progress.rate = Some(9_800_000.0);
                }
                _ => {}
            }
            steps.insert(step.id.clone(), progress);
        }
        let mut live = Live::new(self.plan.clone());
        live.progress = Some(RunProgress {
            run: run.clone(),
            at: model.now,
            begun_at: model.now,
            events: Vec::new(),
            steps,
            cancel_requested: false,
            outcome: None,
        });
        model.live_mut().insert(run, live);
        model.runs.insert(0, record);
        panes::rebuild_activity(&mut model);
        for key in [Key::Char('5'), Key::Home, Key::Enter] {
            self.press(&mut model, key)?;
        }
        Ok(model)
    }
}
