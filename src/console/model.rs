//! The whole state of the console.
//!
//! Owns what every feature shares: the snapshot, the time last told, which screen and dialog are
//! up, and the ids of requests under way. Changed by [`super::update`] only; the view reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::actions::{Key, Keymap};
use super::dialogs::Modal;
use super::effect::RequestId;
use super::image::Images;
use super::jumps::Jumps;
use super::live::Live;
use super::panes::{PaneId, Panes};
use super::paths::Folder;
use super::queue::Queue;
use super::review::Review;
use super::running::Running;
use super::split::Split;
use super::tour::Step;
use super::view::look::Look;
use super::wishes::Wishes;
use super::workflows::Followed;
use crate::config::Workspace;
use crate::domain::tags::TagList;
use crate::domain::{CharmName, Observed, Outside, Problem, Repository, Snapshot, Source};
use crate::journal::{RunId, RunRecord};

/// What the console is started with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The workspace in force.
    pub workspace: Workspace,
    /// True where nothing may be written.
    pub read_only: bool,
    /// True on the embedded world.
    pub demo: bool,
    /// Colours and glyphs.
    pub look: Look,
    /// Minutes between automatic refreshes; 0 for none.
    pub refresh_minutes: u64,
    /// True where nobody may be asked.
    pub offline: bool,
    /// The folder that relative paths start from.
    pub folder: String,
    /// What `~` stands for, where it is known.
    pub home: Option<String>,
    /// What the operator wants of the terminal.
    pub wishes: Wishes,
    /// The keys in force.
    pub keymap: Arc<Keymap>,
}

/// Which screen is up.
#[derive(Clone, Debug)]
pub enum Screen {
    /// The panes.
    Panes,
    /// A plan under review.
    Review(Box<Review>),
    /// A run.
    Run(Running),
}

/// A request under way and how the last one went.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The request whose answer counts.
    pub in_flight: Option<RequestId>,
    /// True where something was changed since it was asked: its answer may be older than that.
    pub again: bool,
    /// When it was started.
    pub started_at: Option<DateTime<Utc>>,
    /// Sources that have answered it completely.
    pub complete: BTreeSet<Source>,
    /// When the last answer came.
    pub answered_at: Option<DateTime<Utc>>,
    /// Why the last answer was none.
    pub problem: Option<Problem>,
}

/// A word to the operator at the foot of the screen, until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What is said.
    pub text: String,
    /// True where something could not be done.
    pub bad: bool,
}

/// The state.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it was started with.
    pub setting: Setting,
    /// Everything observed.
    pub snapshot: Arc<Snapshot>,
    /// The time last told.
    pub now: DateTime<Utc>,
    /// Columns of the terminal.
    pub columns: u16,
    /// Rows of the terminal.
    pub lines: u16,
    /// True while the terminal window has the focus.
    pub in_focus: bool,
    /// True while the mouse is the console's and not the terminal's.
    pub mouse: bool,
    /// Where the borders between the panes were dragged to.
    pub split: Split,
    /// True where the message taken last changed nothing that is drawn.
    pub still: bool,
    /// The refresh.
    pub refresh: Asked,
    /// The reading of the journal.
    pub journal: Asked,
    /// Runs from the journal, newest first.
    pub runs: Vec<RunRecord>,
    /// Runs of this console.
    pub live: BTreeMap<RunId, Live>,
    /// Confirmed plans that wait for their turn.
    pub queue: Queue,
    /// True where the log of runs is hidden.
    pub log_hidden: bool,
    /// The panes.
    pub panes: Panes,
    /// The pane with the focus.
    pub pane: PaneId,
    /// True where that pane has the whole screen.
    pub zoomed: bool,
    /// The field of that pane's filter, while it is typed.
    pub filtering: Option<tui_input::Input>,
    /// Where one jumped from.
    pub jumps: Jumps,
    /// The first of two keys, while the second is awaited.
    pub pending: Option<Key>,
    /// The screen.
    pub screen: Screen,
    /// The screen that a sign-in interrupted.
    pub interrupted: Option<Box<Screen>>,
    /// The dialog over it.
    pub modal: Option<Modal>,
    /// Tags of repositories, as their registries listed them.
    pub tags: BTreeMap<Repository, Observed<TagList>>,
    /// Workflow runs that runs of windlass started.
    pub followed: BTreeMap<RunId, Followed>,
    /// Images that were looked at closely.
    pub images: Images,
    /// What engines of this machine hold, by name.
    pub engines: Vec<Outside>,
    /// The folder that completes the path that is typed.
    pub folder: Option<Folder>,
    /// Charms whose older revisions are being looked at.
    pub looking: BTreeMap<CharmName, RequestId>,
    /// The word at the foot.
    pub notice: Option<Notice>,
    /// True once what costs time may be worked out: not before the first frame.
    pub warm: bool,
    /// True where the console leaves as soon as its runs have settled.
    pub leaving: bool,
    /// Where the tour of the demo world is; `None` where there is none.
    pub tour: Option<Step>,
    last_id: RequestId,
}

impl Model {
    /// The state before anything happened, drawn from `snapshot`.
    pub fn new(
        setting: Setting,
        snapshot: Arc<Snapshot>,
        now: DateTime<Utc>,
        (columns, lines): (u16, u16),
    ) -> Self {
        let mouse = setting.wishes.mouse;
        let mut model = Self {
            setting,
            snapshot,
            now,
            columns,
            lines,
            in_focus: true,
            mouse,
            split: Split::default(),
            still: false,
            refresh: Asked::default(),
            journal: Asked::default(),
            runs: Vec::new(),
            live: BTreeMap::new(),
            queue: Queue::default(),
            log_hidden: false,
            panes: Panes::default(),
            pane: PaneId::Releases,
            zoomed: false,
            filtering: None,
            jumps: Jumps::default(),
            pending: None,
            screen: Screen::Panes,
            interrupted: None,
            modal: None,
            tags: BTreeMap::new(),
            followed: BTreeMap::new(),
            images: Images::default(),
            engines: Vec::new(),
            folder: None,
            looking: BTreeMap::new(),
            notice: None,
            warm: false,
            leaving: false,
            tour: None,
            last_id: 0,
        };
        super::panes::rebuild(&mut model);
        super::layout::settle(&mut model);
        model
    }

    /// The workspace.
    pub const fn workspace(&self) -> &Workspace {
        &self.setting.workspace
    }

    /// A number that no request had before.
    pub const fn next_id(&mut self) -> RequestId {
        self.last_id += 1;
        self.last_id
    }

    /// Says `text` at the foot.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: false,
        });
    }

    /// Says at the foot why something is not done.
    pub fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: true,
        });
    }

    /// The run with this id in the journal as read last.
    pub fn record(&self, run: &RunId) -> Option<&RunRecord> {
        self.runs.iter().find(|record| &record.id == run)
    }

    /// True while a run of this console goes on or is being started.
    pub fn busy(&self) -> bool {
        self.live.values().any(|live| !live.ended) || self.queue.starts()
    }

    /// `title` with the charms' short names.
    pub fn short_title(&self, title: &str) -> String {
        let mut out = title.to_owned();
        for charm in &self.workspace().charms {
            out = out.replace(charm.name.as_str(), self.short(&charm.name));
        }
        out
    }

    /// The charm's name without what all charms of the workspace have in common.
    pub fn short<'a>(&self, charm: &'a CharmName) -> &'a str {
        short_name(self.workspace(), charm.as_str())
    }
}

/// `name` without the words that begin and end every charm's name of the workspace.
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
