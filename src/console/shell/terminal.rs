//! The terminal: taken over, drawn on, lent to a pager or an editor, given back whatever happens.
//!
//! Owns raw mode, the alternate screen, the window title, mouse, focus and paste reports. Giving
//! back happens when [`Screen`] is dropped, so a signal that drops the console gives back too.

use std::io::{self, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Frame;
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use rustix::stdio::stdout;
use rustix::termios::{QueueSelector, tcflush};

use super::canvas::Canvas;

/// Keeps the window's title on the terminal's own stack, and brings it back from there.
const KEEP_TITLE: &str = "\u{1b}[22;0t";
const FORMER_TITLE: &str = "\u{1b}[23;0t";

/// How long unread output is dropped so that a write to the terminal ends.
const UNBLOCKING: Duration = Duration::from_secs(1);
/// How often it is dropped.
const PAUSE: Duration = Duration::from_millis(10);

static TAKEN: Mutex<bool> = Mutex::new(false);
static TITLED: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub struct Screen {
    canvas: Canvas,
    title: Option<String>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal over, with the mouse where that is wished for, and names its window where
    /// it has a name to give.
    pub fn enter(title: Option<String>, mouse: bool) -> io::Result<Self> {
        let canvas = Canvas::new(Self::size()?)?;
        take(title.as_deref(), mouse)?;
        Ok(Self { canvas, title, mouse })
    }

    /// Columns and rows.
    pub fn size() -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// Draws a frame and returns what `view` said about it. One that looks like the one before
    /// writes nothing.
    pub fn draw<T: Default>(&mut self, view: impl FnOnce(&mut Frame) -> T) -> io::Result<T> {
        let (said, bytes) = self.canvas.draw(view)?;
        if !bytes.is_empty() {
            self.write(&bytes)?;
        }
        Ok(said)
    }

    /// Writes `bytes` between two frames, in one piece.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out: Stdout = io::stdout();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Draws everything anew, at this size. Nothing is asked of the terminal: its answer would have
    /// to be read by whoever reads the keys.
    pub fn anew(&mut self, size: (u16, u16)) -> io::Result<()> {
        self.canvas = Canvas::new(size)?;
        Ok(())
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub fn mouse(&mut self, taken: bool) -> io::Result<()> {
        self.mouse = taken;
        if taken {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Gives the terminal back, stops what the shell started as Ctrl-Z does elsewhere, and takes
    /// the terminal over again once it goes on.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // The whole group, as the terminal itself would: a wrapper that stayed awake would keep
        // the shell from coming back.
        let stopped = kill_current_process_group(Signal::TSTP);
        self.take_back()?;
        stopped.map_err(io::Error::from)
    }

    /// Gives the terminal back for somebody else to use.
    pub fn lend(&mut self) {
        give_back();
    }

    /// Takes the terminal over again; the next frame draws everything.
    pub fn take_back(&mut self) -> io::Result<()> {
        take(self.title.as_deref(), self.mouse)?;
        self.anew(Self::size()?)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(title: Option<&str>, mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    set_taken(true);
    let taken = enter(title, mouse);
    if taken.is_err() {
        give_back();
    }
    taken
}

fn enter(title: Option<&str>, mouse: bool) -> io::Result<()> {
    let mut out = Vec::new();
    if let Some(title) = title {
        TITLED.store(true, Ordering::SeqCst);
        out.extend_from_slice(KEEP_TITLE.as_bytes());
        queue!(out, SetTitle(title))?;
    }
    queue!(out, EnterAlternateScreen)?;
    if mouse {
        queue!(out, EnableMouseCapture)?;
    }
    queue!(out, EnableFocusChange, EnableBracketedPaste, cursor::Hide)?;
    let mut stdout = io::stdout();
    stdout.write_all(&out)?;
    stdout.flush()
}

/// Gives the terminal back, where it is taken.
pub fn give_back() {
    if !set_taken(false) {
        return;
    }
    let former = if TITLED.swap(false, Ordering::SeqCst) {
        FORMER_TITLE
    } else {
        ""
    };
    // A terminal that is gone cannot be given back; there is nobody to tell. Its reports end before
    // the raw mode, so that none is echoed, and the raw mode ends before the shell is to be seen: a
    // line that is typed then must be one.
    drop(execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        DisableFocusChange,
        DisableMouseCapture
    ));
    drop(disable_raw_mode());
    drop(execute!(
        io::stdout(),
        LeaveAlternateScreen,
        crossterm::style::Print(former),
        cursor::Show
    ));
}

/// Restores the terminal in a process that is about to end while a write to the terminal waits:
/// output that nobody has read is dropped until that write ends and the console restores the
/// terminal as usual. Returns after [`UNBLOCKING`] at the latest.
pub fn restore_without_waiting() {
    let pauses = UNBLOCKING.as_millis() / PAUSE.as_millis();
    for _ in 0..pauses {
        {
            // Under this lock, so that nothing that restores the terminal is dropped.
            let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
            if !*taken {
                break;
            }
            // Dropping output makes room, but wakes nobody who waits for it; a signal does.
            let freed =
                tcflush(stdout(), QueueSelector::OFlush).and_then(|()| kill_process(getpid(), Signal::WINCH));
            if let Err(error) = freed {
                tracing::debug!("unread output stays: {error}");
            }
        }
        std::thread::sleep(PAUSE);
    }
    // Also ends the hidden input of a password.
    drop(disable_raw_mode());
}

/// True while the terminal is ours.
pub fn taken() -> bool {
    *TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes whether the terminal is ours, and returns whether it was.
fn set_taken(taken: bool) -> bool {
    std::mem::replace(&mut *TAKEN.lock().unwrap_or_else(PoisonError::into_inner), taken)
}
