//! Takes over the terminal, draws on it, lends it to a pager or an editor, and always restores it.
//!
//! Sets raw mode, the alternate screen, the window title, and mouse, focus and paste reports.
//! Dropping [`Screen`] restores them, also when a signal drops the console.

use std::io::{self, Stdout, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// Saves the window title on the terminal's own stack; another sequence restores it.
const KEEP_TITLE: &str = "\u{1b}[22;0t";
const FORMER_TITLE: &str = "\u{1b}[23;0t";

/// How long unread output is discarded so that a pending write to the terminal ends.
const UNBLOCKING: Duration = Duration::from_secs(3);
/// Interval between discards.
const PAUSE: Duration = Duration::from_millis(10);

static TAKEN: Mutex<bool> = Mutex::new(false);
static TITLED: AtomicBool = AtomicBool::new(false);
/// Number of threads that restore the terminal now.
static RESTORING: AtomicUsize = AtomicUsize::new(0);
static UNREAD: Mutex<Unread> = Mutex::new(Unread::Kept);
/// True once the process is ended by force.
static ENDING: AtomicBool = AtomicBool::new(false);

/// What happens to output that the terminal does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// It stays, and a write waits for room.
    Kept,
    /// It is discarded, because the process ends without waiting.
    Discarded,
}

/// The terminal while windlass has it.
pub struct Screen {
    canvas: Canvas,
    title: Option<String>,
    mouse: bool,
}

impl Screen {
    /// Takes over the terminal, captures the mouse if requested, and sets the window title if
    /// given.
    pub fn enter(title: Option<String>, mouse: bool) -> io::Result<Self> {
        let canvas = Canvas::new(Self::size()?)?;
        take(title.as_deref(), mouse)?;
        Ok(Self { canvas, title, mouse })
    }

    /// Returns columns and rows.
    pub fn size() -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// Draws a frame and returns what `view` returned. A frame equal to the previous one writes
    /// nothing.
    pub fn draw<T: Default>(&mut self, view: impl FnOnce(&mut Frame) -> T) -> io::Result<T> {
        let (said, bytes) = self.canvas.draw(view)?;
        if !bytes.is_empty() {
            self.write(&bytes)?;
        }
        Ok(said)
    }

    /// Writes `bytes` between two frames, in one write.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out: Stdout = io::stdout();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Redraws everything at this size. The terminal is not queried: its answer would be read as
    /// keys.
    pub fn anew(&mut self, size: (u16, u16)) -> io::Result<()> {
        self.canvas = Canvas::new(size)?;
        Ok(())
    }

    /// Captures or releases the mouse.
    pub fn mouse(&mut self, taken: bool) -> io::Result<()> {
        self.mouse = taken;
        if taken {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Restores the terminal, stops the process group as Ctrl-Z does in other programs, and takes
    /// the terminal over again once it continues.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // Stops the whole group, as the terminal itself would: a wrapper left running would keep
        // the shell in the background.
        let stopped = kill_current_process_group(Signal::TSTP);
        self.take_back()?;
        stopped.map_err(io::Error::from)
    }

    /// Restores the terminal for another program.
    pub fn lend(&mut self) {
        give_back();
    }

    /// Takes over the terminal again; the next frame redraws everything.
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

/// Restores the terminal, if it is taken over.
pub fn give_back() {
    // Counted before the mark is removed: a forced exit waits for the last sequence.
    RESTORING.fetch_add(1, Ordering::SeqCst);
    if set_taken(false) {
        let former = if TITLED.swap(false, Ordering::SeqCst) {
            FORMER_TITLE
        } else {
            ""
        };
        let is_last = discard_for_the_last_time();
        restore(former);
        // Output was discarded while this was written: it is written again.
        if !is_last && discard_for_the_last_time() {
            restore(former);
        }
    }
    RESTORING.fetch_sub(1, Ordering::SeqCst);
}

/// Writes the sequences that restore the terminal.
fn restore(former_title: &str) {
    // Errors are ignored: a closed terminal cannot be restored. Reports are switched off before raw
    // mode, so that none is echoed, and raw mode before the shell's screen is shown, so that input
    // typed then is line buffered.
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
        crossterm::style::Print(former_title),
        cursor::Show
    ));
}

/// If unread output is being discarded, discards it and ends that: what is written next has room and
/// stays. Returns true in that case.
fn discard_for_the_last_time() -> bool {
    let mut unread = UNREAD.lock().unwrap_or_else(PoisonError::into_inner);
    if *unread != Unread::Discarded {
        return false;
    }
    *unread = Unread::Kept;
    if let Err(error) = tcflush(stdout(), QueueSelector::OFlush) {
        tracing::debug!("unread output stays: {error}");
    }
    true
}

/// Restores the terminal in a process that is about to end while a write to the terminal blocks:
/// unread output is discarded until that write ends and the console restores the terminal as usual.
/// Returns once it is restored, and after [`UNBLOCKING`] at the latest.
pub fn restore_without_waiting() {
    ENDING.store(true, Ordering::SeqCst);
    *UNREAD.lock().unwrap_or_else(PoisonError::into_inner) = Unread::Discarded;
    let pauses = UNBLOCKING.as_millis() / PAUSE.as_millis();
    for _ in 0..pauses {
        if !taken() && RESTORING.load(Ordering::SeqCst) == 0 {
            break;
        }
        {
            // Under this lock, so that the last restoring sequences are not discarded.
            let unread = UNREAD.lock().unwrap_or_else(PoisonError::into_inner);
            if *unread == Unread::Discarded {
                // Discarding output makes room but does not wake a blocked writer; a signal does.
                let freed = tcflush(stdout(), QueueSelector::OFlush)
                    .and_then(|()| kill_process(getpid(), Signal::WINCH));
                if let Err(error) = freed {
                    tracing::debug!("unread output stays: {error}");
                }
            }
        }
        std::thread::sleep(PAUSE);
    }
    // Also ends the hidden input of a password.
    drop(disable_raw_mode());
}

/// Returns true once the process is ended by force. Nothing may be drawn then: every discard is
/// followed by a resize, and a console that redraws each time would fill the terminal again.
pub fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// Returns true while windlass has the terminal.
pub fn taken() -> bool {
    *TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores whether windlass has the terminal, and returns the previous value.
fn set_taken(taken: bool) -> bool {
    std::mem::replace(&mut *TAKEN.lock().unwrap_or_else(PoisonError::into_inner), taken)
}
