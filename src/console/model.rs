//! Holds the application state of the console.
//!
//! Features share the snapshot, the current time, the visible screen and dialog, and the ids of
//! pending requests; the states of features are kept by type. Only [`super::update`] changes it; the view reads it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::actions::{Key, Keymap};
use super::components::Dialog;
use super::panes::id::PaneId;
use super::panes::spec::PaneSpec;
use super::request::RequestId;
use super::screen::Screen;
use super::state::{State, States};
use super::view::look::Look;
use super::wishes::Preferences;
use crate::config::Workspace;
use crate::domain::{CharmName, Problem, Snapshot, Source};
use crate::journal::{RunId, RunRecord};
use crate::plan::Changed;

/// The settings that the console is started with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The current workspace.
    pub workspace: Workspace,
    /// True if nothing may be written.
    pub read_only: bool,
    /// True in the demo environment.
    pub demo: bool,
    /// Colours and glyphs.
    pub look: Look,
    /// Minutes between automatic refreshes; 0 for never.
    pub refresh_minutes: u64,
    /// True if no service may be contacted.
    pub offline: bool,
    /// The directory that relative paths start from.
    pub folder: String,
    /// The home directory that `~` expands to, if known.
    pub home: Option<String>,
    /// The operator's terminal preferences.
    pub wishes: Preferences,
    /// The current keys.
    pub keymap: Arc<Keymap>,
}

/// The state of a kind of request: the pending one and the result of the last.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The pending request; other answers are dropped.
    pub in_flight: Option<RequestId>,
    /// True if something changed since the request was sent, so that its answer may be out of date.
    pub again: bool,
    /// True if the pending request reads only what has changed.
    pub part: bool,
    /// When the request was sent.
    pub started_at: Option<DateTime<Utc>>,
    /// Sources that have answered it completely.
    pub complete: BTreeSet<Source>,
    /// When the last answer arrived.
    pub answered_at: Option<DateTime<Utc>>,
    /// Why the last request failed.
    pub problem: Option<Problem>,
}

/// A message in the last line of the screen, shown until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The message.
    pub text: String,
    /// True for a refusal or an error.
    pub bad: bool,
}

/// The application state: what every feature shares. It knows no feature; their own states are kept
/// by type.
#[derive(Clone, Debug)]
pub struct Model {
    /// The settings it was started with.
    pub setting: Setting,
    /// The panes, in the order of their numbers.
    pub panes: &'static [&'static PaneSpec],
    /// Everything observed.
    pub snapshot: Arc<Snapshot>,
    /// The current time, as of the last message.
    pub now: DateTime<Utc>,
    /// Columns of the terminal.
    pub columns: u16,
    /// Rows of the terminal.
    pub lines: u16,
    /// True while the terminal window has the focus.
    pub in_focus: bool,
    /// True while the console captures the mouse.
    pub mouse: bool,
    /// True if the last message changed nothing visible.
    pub still: bool,
    /// The refresh request.
    pub refresh: Asked,
    /// The request that reads the journal.
    pub journal: Asked,
    /// What runs of another windlass changed, not requested yet.
    pub changed: Changed,
    /// Runs from the journal, newest first.
    pub runs: Vec<RunRecord>,
    /// The focused pane.
    pub pane: PaneId,
    /// True if that pane fills the screen.
    pub zoomed: bool,
    /// The filter field of that pane, while it is being typed.
    pub filtering: Option<tui_input::Input>,
    /// The first key of a two-key binding, while the second is awaited.
    pub pending: Option<Key>,
    /// The visible screen.
    pub screen: Box<dyn Screen>,
    /// The screen that a sign-in interrupted.
    pub interrupted: Option<Box<dyn Screen>>,
    /// The dialog above the screen.
    pub modal: Option<Box<dyn Dialog>>,
    /// The message in the last line.
    pub notice: Option<Notice>,
    /// True once expensive values may be computed: not before the first frame.
    pub warm: bool,
    /// True if the console quits as soon as its runs have ended.
    pub leaving: bool,
    states: States,
    last_id: RequestId,
}

impl Model {
    /// Returns the state before anything is shown: the first of `panes` on `screen`.
    pub fn bare(
        setting: Setting,
        panes: &'static [&'static PaneSpec],
        screen: Box<dyn Screen>,
        snapshot: Arc<Snapshot>,
        now: DateTime<Utc>,
        (columns, lines): (u16, u16),
    ) -> Self {
        let mouse = setting.wishes.mouse;
        Self {
            setting,
            panes,
            snapshot,
            now,
            columns,
            lines,
            in_focus: true,
            mouse,
            still: false,
            refresh: Asked::default(),
            journal: Asked::default(),
            changed: Changed::default(),
            runs: Vec::new(),
            pane: panes.first().map_or(PaneId::new(""), |pane| pane.id),
            zoomed: false,
            filtering: None,
            pending: None,
            screen,
            interrupted: None,
            modal: None,
            notice: None,
            warm: false,
            leaving: false,
            states: States::default(),
            last_id: 0,
        }
    }

    /// Returns the state of a feature.
    pub fn state<T: State>(&self) -> &T {
        self.states.get()
    }

    /// Returns the state of a feature for changes.
    pub fn state_mut<T: State + Clone>(&mut self) -> &mut T {
        self.states.get_mut()
    }

    /// Returns the current workspace.
    pub const fn workspace(&self) -> &Workspace {
        &self.setting.workspace
    }

    /// Returns a request id that was not used before.
    pub const fn next_id(&mut self) -> RequestId {
        self.last_id += 1;
        self.last_id
    }

    /// Shows `text` in the last line.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: false,
        });
    }

    /// Shows in the last line why something is not done.
    pub fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: true,
        });
    }

    /// Returns the charms and the bundle of the workspace.
    pub fn charms(&self) -> impl Iterator<Item = &CharmName> {
        let workspace = self.workspace();
        let charms = workspace.charms.iter().map(|charm| &charm.name);
        charms.chain(workspace.bundle.iter().map(|bundle| &bundle.name))
    }

    /// Returns the run with this id from the journal as last read.
    pub fn record(&self, run: &RunId) -> Option<&RunRecord> {
        self.runs.iter().find(|record| &record.id == run)
    }

    /// Returns `title` with the short names of charms.
    pub fn short_title(&self, title: &str) -> String {
        let mut out = title.to_owned();
        for charm in &self.workspace().charms {
            out = out.replace(charm.name.as_str(), self.short(&charm.name));
        }
        out
    }

    /// Returns the charm's name without the words that all charms of the workspace share.
    pub fn short<'a>(&self, charm: &'a CharmName) -> &'a str {
        short_name(self.workspace(), charm.as_str())
    }
}

/// Returns `name` without the words that all charm names of the workspace begin and end with.
pub fn short_name<'a>(workspace: &Workspace, name: &'a str) -> &'a str {
    let names: Vec<&str> = workspace.charms.iter().map(|c| c.name.as_str()).collect();
    if names.len() < 2 || !names.contains(&name) {
        return name;
    }
    let words: Vec<Vec<&str>> = names.iter().map(|n| n.split('-').collect()).collect();
    let shortest = words.iter().map(Vec::len).min().unwrap_or(0);
    let same = |at: &dyn Fn(&Vec<&str>) -> Option<String>| {
        let first = words.first().and_then(at);
        words.iter().all(|w| at(w) == first)
    };
    let head = (0..shortest)
        .take_while(|i| same(&|w: &Vec<&str>| w.get(*i).map(|s| (*s).to_owned())))
        .count();
    let tail = (1..=shortest)
        .take_while(|i| same(&|w: &Vec<&str>| w.get(w.len() - i).map(|s| (*s).to_owned())))
        .count();
    if head + tail >= shortest {
        return name;
    }
    let own: Vec<&str> = name.split('-').collect();
    let skip: usize = own.iter().take(head).map(|w| w.len() + 1).sum();
    let drop: usize = own.iter().rev().take(tail).map(|w| w.len() + 1).sum();
    name.get(skip..name.len().saturating_sub(drop)).unwrap_or(name)
}
