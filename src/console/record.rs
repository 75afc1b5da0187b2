//! Records what happens to a console as lines that can be stored and replayed.
//!
//! From the terminal everything is recorded, except that keys typed while signing in are masked and
//! a paste is reduced to its length. From the background it records what journal and cache store on
//! disk anyway (snapshots, plans, records of runs); of every other answer only the name, because
//! its content may be secret. A replay skips those. Must not touch a file.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::actions::Key;
use super::components::Dialog;
use super::effect::RequestId;
use super::model::Setting;
use super::msg::{Border, Grip};
use super::panes::PaneId;
use super::tour::Step;
use super::update::update;
use super::view::look::Look;
use super::wishes::Preferences;
use super::{Model, Msg, registry};
use crate::config::{Notify, Workspace};
use crate::domain::{Problem, RunId, Snapshot, SourceUpdate};
use crate::journal::RunRecord;
use crate::plan::Plan;

/// Replaces every masked character.
const MASKED: char = '*';

/// The initial state of the console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    version: String,
    at: DateTime<Utc>,
    columns: u16,
    lines: u16,
    workspace: Workspace,
    read_only: bool,
    demo: bool,
    refresh_minutes: u64,
    offline: bool,
    folder: String,
    home: Option<String>,
    mouse: bool,
    clipboard: bool,
    notify: Notify,
    tour: bool,
    snapshot: Snapshot,
}

/// A line of the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// The first.
    Begin(Box<Begin>),
    /// A key.
    Key(String),
    /// A masked key.
    Masked,
    /// A paste, as a number of characters.
    Pasted(usize),
    /// Columns and rows.
    Resize(u16, u16),
    /// Whether the window has the focus.
    Focus(bool),
    /// An action was clicked, by its name.
    Act(String),
    /// A pane was clicked, by its number.
    Pane(u8),
    /// The banner of a pane was clicked, by the number of the pane.
    Banner(u8),
    /// A row of a pane was clicked.
    Select(u8, usize),
    /// A line was clicked.
    Pick(usize),
    /// The click was repeated (double click).
    Twice,
    /// A border was dragged: which one, its grip offset, the target column and row.
    Drag(u8, u16, u16, u16),
    /// The wheel.
    Wheel(Option<u8>, isize),
    /// The time.
    Clock(DateTime<Utc>),
    /// The first frame.
    FirstFrame(DateTime<Utc>),
    /// A refresh was started.
    RefreshStarted(RequestId, DateTime<Utc>),
    /// A source of a refresh answered.
    SourceRead(RequestId, DateTime<Utc>, Box<SourceUpdate>),
    /// A refresh ended.
    Observed(RequestId, DateTime<Utc>, Box<Snapshot>),
    /// A file of the journal changed.
    JournalChanged,
    /// The journal was read.
    RunsRead(RequestId, DateTime<Utc>, Result<Vec<RunRecord>, Problem>),
    /// An intent was planned, or planning failed.
    Planned(
        RequestId,
        DateTime<Utc>,
        Box<Snapshot>,
        Box<Result<Plan, Problem>>,
    ),
    /// A run began, or not.
    Started(RequestId, Result<RunId, Problem>),
    /// A run ended.
    Ended(RunId, DateTime<Utc>, Box<Result<RunRecord, Problem>>),
    /// Another message, by its name.
    Other(String),
}

/// Returns the first line for `model`.
pub fn begin(model: &Model) -> Entry {
    let setting = &model.setting;
    Entry::Begin(Box::new(Begin {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: model.now,
        columns: model.columns,
        lines: model.lines,
        workspace: setting.workspace.clone(),
        read_only: setting.read_only,
        demo: setting.demo,
        refresh_minutes: setting.refresh_minutes,
        offline: setting.offline,
        folder: setting.folder.clone(),
        home: setting.home.clone(),
        mouse: setting.wishes.mouse,
        clipboard: setting.wishes.clipboard,
        notify: setting.wishes.notify,
        tour: model.tour().is_some(),
        snapshot: Snapshot::clone(&model.snapshot),
    }))
}

/// Returns the line for `msg`, which is called `name` and is about to be applied to `model`.
pub fn entry(model: &Model, msg: &Msg, name: String) -> Entry {
    match msg {
        Msg::Key(Key::Char(_)) if model.modal.as_deref().is_some_and(Dialog::is_secret) => Entry::Masked,
        Msg::Key(key) => Entry::Key(key.to_string()),
        Msg::Paste(text) => Entry::Pasted(text.len()),
        Msg::Resize(columns, lines) => Entry::Resize(*columns, *lines),
        Msg::Focus(focus) => Entry::Focus(*focus),
        Msg::Act(id) => Entry::Act(id.name().to_owned()),
        Msg::Pane(pane) => Entry::Pane(number(*pane)),
        Msg::Banner(pane) => Entry::Banner(number(*pane)),
        Msg::Select(pane, at) => Entry::Select(number(*pane), *at),
        Msg::Pick(at) => Entry::Pick(*at),
        Msg::Twice => Entry::Twice,
        Msg::Drag(grip, x, y) => {
            let border = BORDERS.iter().position(|border| *border == grip.border);
            Entry::Drag(border.unwrap_or(0) as u8, grip.before, *x, *y)
        }
        Msg::Wheel(pane, steps) => Entry::Wheel(pane.map(number), *steps),
        Msg::Clock(at) => Entry::Clock(*at),
        Msg::FirstFrame(at) => Entry::FirstFrame(*at),
        Msg::RefreshStarted(id, at) => Entry::RefreshStarted(*id, *at),
        Msg::SourceRead(id, at, update) => Entry::SourceRead(*id, *at, update.clone()),
        Msg::Observed(id, at, snapshot) => Entry::Observed(*id, *at, Box::new(Snapshot::clone(snapshot))),
        Msg::JournalChanged => Entry::JournalChanged,
        Msg::RunsRead(id, at, runs) => Entry::RunsRead(*id, *at, runs.clone()),
        Msg::Planned(id, at, snapshot, plan) => {
            Entry::Planned(*id, *at, Box::new(Snapshot::clone(snapshot)), plan.clone())
        }
        Msg::Started(id, result) => Entry::Started(*id, result.clone()),
        Msg::Ended(run, at, result) => Entry::Ended(run.clone(), *at, result.clone()),
        _ => Entry::Other(name),
    }
}

const BORDERS: [Border; 4] = [Border::Column, Border::Row, Border::Lower, Border::LowerColumn];

fn number(pane: PaneId) -> u8 {
    registry::PANES.iter().position(|one| one.id == pane).unwrap_or(0) as u8
}

fn pane(number: u8) -> Option<PaneId> {
    registry::PANES.get(usize::from(number)).map(|one| one.id)
}

/// Returns the message of a line; `None` if only its name is recorded.
fn message(entry: Entry) -> Option<Msg> {
    match entry {
        Entry::Begin(_) | Entry::Other(_) => None,
        Entry::Key(text) => Key::parse(&text).map(Msg::Key),
        Entry::Masked => Some(Msg::Key(Key::Char(MASKED))),
        Entry::Pasted(length) => Some(Msg::Paste(MASKED.to_string().repeat(length.min(1000)).into())),
        Entry::Resize(columns, lines) => Some(Msg::Resize(columns, lines)),
        Entry::Focus(focus) => Some(Msg::Focus(focus)),
        Entry::Act(name) => {
            let named = registry::all().find(|spec| spec.id.name() == name);
            named.map(|spec| Msg::Act(spec.id))
        }
        Entry::Pane(at) => pane(at).map(Msg::Pane),
        Entry::Banner(at) => pane(at).map(Msg::Banner),
        Entry::Select(at, row) => pane(at).map(|pane| Msg::Select(pane, row)),
        Entry::Pick(at) => Some(Msg::Pick(at)),
        Entry::Twice => Some(Msg::Twice),
        Entry::Drag(border, before, x, y) => BORDERS.get(usize::from(border)).map(|border| {
            let border = *border;
            Msg::Drag(Grip { border, before }, x, y)
        }),
        Entry::Wheel(at, steps) => Some(Msg::Wheel(at.and_then(pane), steps)),
        Entry::Clock(at) => Some(Msg::Clock(at)),
        Entry::FirstFrame(at) => Some(Msg::FirstFrame(at)),
        Entry::RefreshStarted(id, at) => Some(Msg::RefreshStarted(id, at)),
        Entry::SourceRead(id, at, update) => Some(Msg::SourceRead(id, at, update)),
        Entry::Observed(id, at, snapshot) => Some(Msg::Observed(id, at, Arc::from(snapshot))),
        Entry::JournalChanged => Some(Msg::JournalChanged),
        Entry::RunsRead(id, at, runs) => Some(Msg::RunsRead(id, at, runs)),
        Entry::Planned(id, at, snapshot, plan) => Some(Msg::Planned(id, at, Arc::from(snapshot), plan)),
        Entry::Started(id, result) => Some(Msg::Started(id, result)),
        Entry::Ended(run, at, result) => Some(Msg::Ended(run, at, result)),
    }
}

/// A replayed console.
#[derive(Debug)]
pub struct Replayed {
    /// Its state.
    pub model: Model,
    /// Lines that contain only a name: from the first of them on, the replay may differ.
    pub left_out: Vec<String>,
}

/// Replays `lines` on a console with the given `look`. Effects are dropped. Returns `None` if the
/// first line is not a beginning or a line cannot be parsed.
pub fn replay<'a>(lines: impl IntoIterator<Item = &'a str>, look: Look) -> Option<Replayed> {
    let mut lines = lines.into_iter();
    let Entry::Begin(begin) = serde_json::from_str(lines.next()?).ok()? else {
        return None;
    };
    let setting = Setting {
        workspace: begin.workspace,
        read_only: begin.read_only,
        demo: begin.demo,
        look,
        refresh_minutes: begin.refresh_minutes,
        offline: begin.offline,
        folder: begin.folder,
        home: begin.home,
        wishes: Preferences {
            mouse: begin.mouse,
            clipboard: begin.clipboard,
            notify: begin.notify,
            ..Preferences::default()
        },
        // Custom keys are not recorded: the replay uses the default ones.
        keymap: Arc::default(),
    };
    let size = (begin.columns, begin.lines);
    let mut model = Model::new(setting, Arc::new(begin.snapshot), begin.at, size);
    model.set_tour(begin.tour.then_some(Step::FIRST));
    let mut left_out = Vec::new();
    for line in lines {
        let entry: Entry = serde_json::from_str(line).ok()?;
        if let Entry::Other(name) = &entry {
            left_out.push(name.clone());
        }
        if let Some(msg) = message(entry) {
            update(&mut model, msg);
        }
    }
    Some(Replayed { model, left_out })
}
