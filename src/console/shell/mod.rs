//! The impure part: terminal, events, clock and the session behind the effects.
//!
//! Owns the loop: gather everything that happened, update, draw once if something changed. Must
//! not decide anything about releases.

mod capabilities;
mod clipboard;
mod events;
mod executor;
mod terminal;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::actions::Keymap;
use super::effect::Effect;
use super::model::Setting;
use super::update::update;
use super::view::{self, Drawn};
use super::{Model, Msg, links, wake};
use crate::domain::{Kind, Problem};
use crate::run::Session;
use events::Input;
use executor::Executor;
use terminal::Screen;

/// How the console is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleOptions {
    /// Without borders, in ASCII, for screen readers.
    pub plain: bool,
    /// Without colours.
    pub no_color: bool,
    /// On the embedded world.
    pub demo: bool,
}

/// Messages that may wait before whoever sends one has to.
const QUEUE: usize = 256;

/// Opens the console on `session` until the operator leaves it.
///
/// # Errors
/// [`Kind::Config`] where the user's keys are wrong, [`Kind::Usage`] without a terminal, [`Kind::Machine`] where it cannot be read or written.
pub async fn run(session: Session, options: ConsoleOptions) -> Result<(), Problem> {
    let keymap = Keymap::with(&session.config.user.key_wishes)?;
    capabilities::check()?;
    let look = capabilities::look(options);
    let setting = Setting {
        workspace: session.config.workspace.clone(),
        read_only: session.read_only,
        demo: options.demo,
        look,
        refresh_minutes: session.config.user.refresh_minutes.unwrap_or(5),
        offline: session.observer.is_offline(),
        folder: std::env::current_dir()
            .map_or_else(|_| "/".to_owned(), |folder| folder.to_string_lossy().into_owned()),
        home: std::env::home_dir().map(|folder| folder.to_string_lossy().into_owned()),
        keymap: Arc::new(keymap),
    };
    let cached = Arc::new(session.observer.cached());
    let (sender, receiver) = mpsc::channel(QUEUE);
    let mut screen = Screen::enter().map_err(|error| terminal_problem(&error))?;
    let size = screen.size().map_err(|error| terminal_problem(&error))?;
    let model = Model::new(setting, cached, Utc::now(), size);
    let mut console = Console {
        model,
        executor: Executor::new(session, sender),
        receiver,
        drawn: Drawn::default(),
        dirty: true,
    };
    let ended = console.turn(&mut screen).await;
    drop(screen);
    ended.map_err(|error| terminal_problem(&error))
}

fn terminal_problem(error: &io::Error) -> Problem {
    Problem::new(Kind::Machine, "the terminal cannot be used")
        .because(error)
        .hint("every command works without one: windlass status, windlass publish RELEASE")
}

struct Console {
    model: Model,
    executor: Executor,
    receiver: mpsc::Receiver<Msg>,
    drawn: Drawn,
    dirty: bool,
}

/// What came out of a round.
#[derive(PartialEq)]
enum Next {
    Go,
    Suspend,
    Quit,
}

impl Console {
    async fn turn(&mut self, screen: &mut Screen) -> io::Result<()> {
        let mut events = EventStream::new();
        self.draw(screen)?;
        // What costs time is worked out now that something is on screen.
        let mut next = self.take(screen, Msg::FirstFrame(Utc::now()))?;
        loop {
            match next {
                Next::Quit => return Ok(()),
                Next::Suspend => {
                    // The stream reads the terminal as long as it lives: it has to go first.
                    drop(events);
                    screen.suspend()?;
                    events = EventStream::new();
                    let (columns, lines) = screen.size()?;
                    self.take(screen, Msg::Resize(columns, lines))?;
                }
                Next::Go => {}
            }
            self.draw(screen)?;
            next = self.wait(screen, &mut events).await?;
        }
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        if std::mem::take(&mut self.dirty) {
            let model = &self.model;
            self.drawn = screen.draw(|frame| view::draw(model, frame))?;
        }
        Ok(())
    }

    /// Waits until something happens, then takes everything that has happened by then.
    async fn wait(&mut self, screen: &mut Screen, events: &mut EventStream) -> io::Result<Next> {
        let timer = sleep_until(wake::next(&self.model));
        tokio::select! {
            event = events.next() => match event {
                Some(event) => {
                    let next = self.take_event(screen, event?)?;
                    if next != Next::Go {
                        return Ok(next);
                    }
                }
                // The terminal is gone.
                None => return Ok(Next::Quit),
            },
            Some(msg) = self.receiver.recv() => {
                let next = self.take(screen, msg)?;
                if next != Next::Go {
                    return Ok(next);
                }
            }
            () = timer => return self.take(screen, Msg::Clock(Utc::now())),
        }
        for _ in 0..QUEUE {
            // Polled with this task's own waker: the stream keeps the first one that it is given,
            // and with any other the next key would wake nobody.
            let next = tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(event) => self.take_event(screen, event?)?,
                    None => Next::Quit,
                },
                Some(msg) = self.receiver.recv() => self.take(screen, msg)?,
                () = std::future::ready(()) => break,
            };
            if next != Next::Go {
                return Ok(next);
            }
        }
        Ok(Next::Go)
    }

    fn take_event(&mut self, screen: &mut Screen, event: Event) -> io::Result<Next> {
        match events::read(event) {
            Input::Msg(msg) => self.take(screen, msg),
            Input::Click(x, y) => {
                // What was clicked is what the operator saw: the frame drawn last.
                let msg = self.drawn.click(x, y);
                msg.map_or(Ok(Next::Go), |msg| self.take(screen, msg))
            }
            Input::Wheel(x, y, steps) => match self.drawn.wheel_at(x, y) {
                Some(pane) => self.take(screen, Msg::Wheel(pane, steps)),
                None => Ok(Next::Go),
            },
            Input::Suspend => Ok(Next::Suspend),
            Input::Nothing => Ok(Next::Go),
        }
    }

    fn take(&mut self, screen: &mut Screen, msg: Msg) -> io::Result<Next> {
        self.dirty = true;
        for effect in update(&mut self.model, msg) {
            match effect {
                Effect::Quit => return Ok(Next::Quit),
                Effect::Copy(text) => clipboard::copy(screen, &text)?,
                Effect::Open(link) => self.browse(&link),
                other => self.executor.perform(other),
            }
        }
        Ok(Next::Go)
    }

    fn browse(&mut self, link: &str) {
        // Asked again where it counts: the link goes to a program as one argument.
        if !links::allowed(link) {
            return;
        }
        if open::that_detached(link).is_err() {
            self.model.refuse(format!("no browser here; the page is {link}"));
        }
    }
}

/// Sleeps until `at`, for ever where there is none.
async fn sleep_until(at: Option<DateTime<Utc>>) {
    match at {
        Some(at) => {
            let wait = (at - Utc::now()).to_std().unwrap_or(Duration::from_millis(1));
            tokio::time::sleep(wait).await;
        }
        None => std::future::pending().await,
    }
}
