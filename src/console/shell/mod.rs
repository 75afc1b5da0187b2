//! The impure part of the console: terminal, events, clock, and the session that performs effects.
//!
//! Runs the loop: collect everything that happened, update, draw once if something changed. Must
//! not decide anything about releases.

mod canvas;
mod capabilities;
mod child;
mod clipboard;
mod crash;
mod events;
mod executor;
mod frames;
mod hangup;
mod journal_watch;
mod keyboard;
mod marker;
mod notify;
mod pointer;
mod recorder;
mod redact;
mod terminal;
mod watch;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::Utc;
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::actions::Keymap;
use super::effect::Effect;
use super::model::Setting;
use super::update::update;
use super::view::{self, Drawn, hyper};
use super::wishes::Preferences;
use super::{Model, Msg, links, live, tour, wake};
use crate::config::UserConfig;
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::run::Session;
use crate::services::private_file;
use clipboard::Route;
use events::Input;
use executor::Executor;
use frames::{Frames, Source, Woken};
use hangup::Hangup;
use keyboard::Keyboard;
use pointer::Pointer;
use recorder::Recorder;
use terminal::Screen;
pub use terminal::restore_without_waiting as restore_terminal;
use watch::Watch;

/// How the console is opened.
#[derive(Clone, Debug, Default)]
pub struct ConsoleOptions {
    /// Without borders and in ASCII, for screen readers.
    pub plain: bool,
    /// Without colours.
    pub no_color: bool,
    /// In the demo environment.
    pub demo: bool,
    /// The file to record everything that happens in.
    pub record: Option<PathBuf>,
    /// Above zero while Ctrl-C is typed to another program.
    pub lent: Option<&'static AtomicUsize>,
}

/// Number of messages that may wait before a sender has to wait.
const QUEUE: usize = 256;

/// Opens the console on `session` and returns when the operator quits.
///
/// # Errors
/// [`ProblemKind::Config`] if the user's keys are not valid, [`ProblemKind::Usage`] without a terminal,
/// [`ProblemKind::Machine`] if it cannot be read or written.
pub async fn run(session: Session, options: ConsoleOptions) -> Result<(), Problem> {
    let keymap = Keymap::with(&session.config.user.key_wishes)?;
    capabilities::check()?;
    let user = &session.config.user;
    let look = capabilities::look(&options, user);
    let user_file = session.config.user_file.clone();
    let shown = user_file.as_ref().map(|path| path.display().to_string());
    let setting = Setting {
        workspace: session.config.workspace.clone(),
        read_only: session.read_only,
        demo: options.demo,
        look,
        refresh_minutes: user.refresh_minutes.unwrap_or(5),
        offline: session.observer.is_offline(),
        folder: std::env::current_dir()
            .map_or_else(|_| "/".to_owned(), |folder| folder.to_string_lossy().into_owned()),
        home: std::env::home_dir().map(|folder| folder.to_string_lossy().into_owned()),
        wishes: Preferences::of(user, shown),
        keymap: Arc::new(keymap),
    };
    let variable = capabilities::variable;
    let links = setting.wishes.links && !options.plain && capabilities::links(variable);
    let name = SanitizedText::capped(format!("windlass {}", setting.workspace.name), 80);
    let title = capabilities::titled(variable).then(|| name.to_string());
    let cached = Arc::new(session.observer.cached());
    let (sender, receiver) = mpsc::channel(QUEUE);
    journal_watch::watch(session.journal.folder(), sender.clone());
    let recorder = options.record.as_deref().map(Recorder::create).transpose()?;
    let folder = session.journal.folder().to_owned();
    crash::hook(&folder);
    let size = Screen::size().map_err(|error| terminal_problem(&error))?;
    let now = Utc::now();
    let mut model = Model::new(setting, cached, now, size);
    if tour::offered(&model) && !marker::is_set(&folder) {
        model.set_tour(Some(tour::Step::FIRST));
    }
    let keyboard = Keyboard::take().map_err(|error| terminal_problem(&error))?;
    let mut screen = Screen::enter(title, model.mouse).map_err(|error| terminal_problem(&error))?;
    let mut console = Console {
        folder,
        executor: Executor::new(session, sender),
        inputs: Inputs {
            events: None,
            receiver,
            hangup: Hangup::watch().map_err(|error| terminal_problem(&error))?,
        },
        drawn: Drawn::default(),
        frames: Frames::default(),
        watch: Watch::new(now, Instant::now()),
        pointer: Pointer::default(),
        notified_by: notify::form(variable),
        settings: user_file,
        keyboard,
        lent: options.lent,
        recorder,
        links,
        model,
    };
    let ended = console.turn(&mut screen).await;
    // From here on keys are typed to the shell and must not be read.
    console.inputs.events = None;
    drop(screen);
    if terminal::is_ending() {
        // Another thread ends the process now that the terminal is restored.
        std::future::pending::<()>().await;
    }
    drop(io::stderr().write_all(live::unfinished_runs(&console.model).as_bytes()));
    ended.map_err(|error| terminal_problem(&error))
}

fn terminal_problem(error: &io::Error) -> Problem {
    Problem::new(ProblemKind::Machine, "cannot use the terminal")
        .because(error)
        .hint("commands need no terminal: windlass status, windlass publish RELEASE")
}

/// Events of the terminal and answers of background tasks.
struct Inputs {
    /// `None` while another program reads the terminal.
    events: Option<EventStream>,
    receiver: mpsc::Receiver<Msg>,
    hangup: Hangup,
}

/// Something that happened.
enum Happened {
    Event(io::Result<Event>),
    Msg(Msg),
}

impl Source for Inputs {
    type Item = Happened;

    async fn next(&mut self) -> Option<Happened> {
        let Some(events) = &mut self.events else {
            return self.receiver.recv().await.map(Happened::Msg);
        };
        tokio::select! {
            biased;
            () = self.hangup.happened() => None,
            // The stream ends when the terminal is gone.
            event = events.next() => event.map(Happened::Event),
            Some(msg) = self.receiver.recv() => Some(Happened::Msg(msg)),
        }
    }
}

struct Console {
    model: Model,
    /// The directory of the session's journal.
    folder: PathBuf,
    executor: Executor,
    inputs: Inputs,
    drawn: Drawn,
    frames: Frames,
    watch: Watch,
    pointer: Pointer,
    notified_by: notify::Form,
    settings: Option<PathBuf>,
    keyboard: Keyboard,
    lent: Option<&'static AtomicUsize>,
    recorder: Option<Recorder>,
    links: bool,
}

/// What to do after an event was handled.
enum Next {
    Go,
    Suspend,
    Page(String),
    EditSettings,
    Quit,
}

impl Console {
    async fn turn(&mut self, screen: &mut Screen) -> io::Result<()> {
        self.inputs.events = Some(EventStream::new());
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(&self.model);
        }
        self.frames.want();
        self.draw(screen)?;
        // Expensive values are computed now that the first frame is on screen.
        let now = self.now();
        let mut next = self.take(screen, Msg::FirstFrame(now))?;
        loop {
            if terminal::is_ending() {
                return Ok(());
            }
            match next {
                Next::Quit => return Ok(()),
                Next::Go => {}
                Next::Suspend => {
                    self.suspend(screen)?;
                    next = Next::Go;
                    continue;
                }
                Next::Page(text) => {
                    next = self.page(screen, text).await?;
                    continue;
                }
                Next::EditSettings => {
                    next = self.edit_settings(screen).await?;
                    continue;
                }
            }
            self.draw(screen)?;
            next = self.wait(screen).await?;
        }
    }

    /// Returns the current time.
    fn now(&mut self) -> chrono::DateTime<Utc> {
        self.watch.tell(Utc::now(), Instant::now())
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        if !self.frames.take(Instant::now()) {
            return Ok(());
        }
        // A key that arrives together with a resize may hide the resize from the event stream.
        let (columns, lines) = Screen::size()?;
        if (columns, lines) != (self.model.columns, self.model.lines) {
            screen.anew((columns, lines))?;
            self.take(screen, Msg::Resize(columns, lines))?;
        }
        let (model, links) = (&self.model, self.links);
        self.drawn = screen.draw(|frame| {
            let drawn = view::draw(model, frame);
            if links {
                hyper::pass(frame.buffer_mut(), &drawn.links);
            }
            drawn
        })?;
        #[cfg(debug_assertions)]
        broken_on_purpose();
        Ok(())
    }

    /// Waits until something happens, then collects everything that has happened by then.
    async fn wait(&mut self, screen: &mut Screen) -> io::Result<Next> {
        let clock = wake::next(&self.model).map(|at| self.watch.when(at));
        let mut woken = frames::wait(&mut self.inputs, &self.frames, clock).await;
        for _ in 0..QUEUE {
            let next = match woken {
                Woken::Gone => Next::Quit,
                Woken::Frame => return Ok(Next::Go),
                Woken::Clock => {
                    let now = self.now();
                    return self.take(screen, Msg::Clock(now));
                }
                Woken::Happened(Happened::Event(event)) => self.take_event(screen, event?)?,
                Woken::Happened(Happened::Msg(msg)) => self.take(screen, msg)?,
            };
            if !matches!(next, Next::Go) {
                return Ok(next);
            }
            match frames::ready(&mut self.inputs).await {
                Some(more) => woken = more,
                None => break,
            }
        }
        Ok(Next::Go)
    }

    fn take_event(&mut self, screen: &mut Screen, event: Event) -> io::Result<Next> {
        let msgs = match events::read(event) {
            Input::Msg(Msg::Resize(columns, lines)) => {
                screen.anew((columns, lines))?;
                vec![Msg::Resize(columns, lines)]
            }
            Input::Msg(msg) => vec![msg],
            // A click refers to what the operator saw: the frame drawn last.
            Input::Click(x, y) => self.pointer.press(&self.drawn, x, y, Instant::now()),
            Input::Drag(x, y) => self.pointer.drag(x, y).into_iter().collect(),
            Input::Release => {
                self.pointer.release();
                Vec::new()
            }
            Input::Wheel(x, y, steps) => {
                let pane = self.drawn.wheel_at(x, y);
                pane.map(|pane| Msg::Wheel(pane, steps)).into_iter().collect()
            }
            Input::Suspend => return Ok(Next::Suspend),
            Input::Nothing => Vec::new(),
        };
        for msg in msgs {
            let next = self.take(screen, msg)?;
            if !matches!(next, Next::Go) {
                return Ok(next);
            }
        }
        Ok(Next::Go)
    }

    fn end_tour(&mut self, screen: &mut Screen) -> io::Result<()> {
        if let Err(error) = marker::set(&self.folder) {
            let text = format!("could not record the end of the tour: {error}");
            self.take(screen, Msg::Refused(text))?;
        }
        Ok(())
    }

    /// Records `msg`, applies it and performs the effects. The model changes in no other way, so
    /// that a recording contains everything that a frame shows.
    fn take(&mut self, screen: &mut Screen, msg: Msg) -> io::Result<Next> {
        crash::note(&msg);
        if let Some(recorder) = &mut self.recorder {
            recorder.note(&self.model, &msg);
        }
        let mut next = Next::Go;
        for effect in update(&mut self.model, msg) {
            match effect {
                Effect::Quit => return Ok(Next::Quit),
                Effect::Copy(text) => self.copy(screen, &text)?,
                Effect::Open(link) => self.browse(screen, &link)?,
                Effect::EndTour => self.end_tour(screen)?,
                Effect::Mouse(taken) => {
                    self.pointer.release();
                    screen.mouse(taken)?;
                }
                Effect::Notify(text) => screen.write(&notify::sequence(self.notified_by, &text))?,
                Effect::Page(text) => next = Next::Page(text),
                Effect::EditSettings => next = Next::EditSettings,
                other => self.executor.perform(other),
            }
        }
        if !self.model.still {
            self.frames.want();
        }
        Ok(next)
    }

    fn copy(&mut self, screen: &mut Screen, text: &str) -> io::Result<()> {
        let route = clipboard::route(capabilities::variable);
        match route {
            Route::Tmux => self.executor.copy_to_tmux(text.to_owned()),
            Route::RemoteTmux => {
                screen.write(&clipboard::sequence(route, text))?;
                self.take(screen, Msg::Said(clipboard::REMOTE_TMUX.to_owned()))?;
            }
            Route::Terminal | Route::Screen => screen.write(&clipboard::sequence(route, text))?,
        }
        Ok(())
    }

    fn browse(&mut self, screen: &mut Screen, link: &str) -> io::Result<()> {
        // Checked again here: the link is passed to a program as one argument.
        if links::allowed(link) && open::that_detached(link).is_err() {
            let text = format!("no browser found; the page is {link}");
            self.take(screen, Msg::Refused(text))?;
        }
        Ok(())
    }

    fn suspend(&mut self, screen: &mut Screen) -> io::Result<()> {
        // The stream reads the terminal until it is dropped, so it is dropped first.
        self.inputs.events = None;
        screen.suspend()?;
        self.back(screen)
    }

    /// Continues after another program used the terminal: size and time may have changed.
    fn back(&mut self, screen: &mut Screen) -> io::Result<()> {
        self.inputs.events = Some(EventStream::new());
        self.pointer = Pointer::default();
        let (columns, lines) = Screen::size()?;
        screen.anew((columns, lines))?;
        let now = self.now();
        self.take(screen, Msg::Resize(columns, lines))?;
        self.take(screen, Msg::Clock(now))?;
        self.frames.anew();
        Ok(())
    }

    async fn page(&mut self, screen: &mut Screen, text: String) -> io::Result<Next> {
        let ended = match child::pagers(capabilities::variable) {
            Ok(commands) => self.lend(screen, commands, None, Some(text)).await?,
            Err(problem) => Err(problem),
        };
        match ended {
            Ok(()) => Ok(Next::Go),
            Err(problem) => self.take(screen, Msg::Refused(child::in_a_line(&problem))),
        }
    }

    async fn edit_settings(&mut self, screen: &mut Screen) -> io::Result<Next> {
        let Some(path) = self.settings.clone() else {
            return Ok(Next::Go);
        };
        let folder = path.parent().map_or(Ok(()), private_file::make_folder);
        let commands = match folder {
            Ok(()) => child::editors(capabilities::variable),
            Err(error) => {
                let shown = SanitizedText::new(path.display().to_string());
                Err(Problem::new(
                    ProblemKind::Machine,
                    format!("could not create the directory of {shown}"),
                )
                .because(&error))
            }
        };
        let ended = match commands {
            Ok(commands) => self.lend(screen, commands, Some(path.clone()), None).await?,
            Err(problem) => Err(problem),
        };
        match ended {
            Ok(()) => self.take(screen, Msg::Edited(UserConfig::read(&path).map(drop))),
            Err(problem) => self.take(screen, Msg::Refused(child::in_a_line(&problem))),
        }
    }

    /// Runs one of `commands` in the terminal, with `file` or `text`, and takes the terminal back.
    async fn lend(
        &mut self,
        screen: &mut Screen,
        commands: Vec<Vec<String>>,
        file: Option<PathBuf>,
        text: Option<String>,
    ) -> io::Result<Result<(), Problem>> {
        self.inputs.events = None;
        screen.lend();
        let lent = Lent::of(self.lent);
        let keyboard = || self.keyboard.for_a_child();
        let ended = child::run(commands, file.as_deref(), text, keyboard).await;
        drop(lent);
        screen.take_back()?;
        self.back(screen)?;
        Ok(ended)
    }
}

/// How long a Ctrl-C typed to another program may still be in transit to this one.
const LATE: Duration = Duration::from_secs(1);

/// Marks that another program has the terminal, until a moment after this is dropped: a Ctrl-C that
/// ends a pager is sent to the whole process group, and may arrive here after the pager has exited.
/// While windlass has the terminal, no key sends such a signal.
struct Lent(Option<&'static AtomicUsize>);

impl Lent {
    fn of(count: Option<&'static AtomicUsize>) -> Self {
        if let Some(count) = count {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Self(count)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            tokio::spawn(async move {
                tokio::time::sleep(LATE).await;
                count.fetch_sub(1, Ordering::SeqCst);
            });
        }
    }
}

/// Panics after a frame if a test of a debug build requests it; release builds do not contain this.
#[cfg(debug_assertions)]
fn broken_on_purpose() {
    static FRAMES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    if let Some(wanted) = capabilities::variable("WINDLASS_TEST_PANIC_AT_FRAME") {
        let drawn = FRAMES.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(
            Some(drawn) != wanted.parse().ok(),
            "on purpose, with password: \"sesame-open\""
        );
    }
}
