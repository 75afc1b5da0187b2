//! The terminal: taken over, drawn on, given back whatever happens.
//!
//! Owns raw mode, the alternate screen, mouse, focus and paste reports, and the panic hook. Giving
//! back happens when [`Screen`] is dropped, so a signal that drops the console gives back too.

use std::io::{self, BufWriter, Stdout, Write};
use std::mem::ManuallyDrop;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

type Out = BufWriter<Stdout>;

/// One frame of a large terminal fits, so that it leaves in one write.
const BUFFER: usize = 64 * 1024;

static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal while it is ours.
pub struct Screen {
    /// Never dropped: it would show the cursor once more, and where the terminal is gone print why it
    /// cannot, which ends in an abort where standard error is gone too.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Out>>>,
}

impl Screen {
    /// Takes the terminal over.
    pub fn enter() -> io::Result<Self> {
        hook_panics();
        take()?;
        let out = BufWriter::with_capacity(BUFFER, io::stdout());
        match Terminal::new(CrosstermBackend::new(out)) {
            Ok(terminal) => Ok(Self {
                terminal: ManuallyDrop::new(terminal),
            }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// The stream that frames go to; whatever else goes to the terminal must take it too.
    pub fn writer(&mut self) -> &mut impl Write {
        self.terminal.backend_mut()
    }

    /// Draws a frame and returns what `view` said about it.
    pub fn draw<T>(&mut self, view: impl FnOnce(&mut Frame) -> T) -> io::Result<T>
    where
        T: Default,
    {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let mut said = T::default();
        self.terminal.draw(|frame| said = view(frame))?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.terminal.backend_mut())?;
        Ok(said)
    }

    /// Gives the terminal back, stops this process as Ctrl-Z does elsewhere, and takes the
    /// terminal over again once it goes on.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        let stopped = Command::new("kill")
            .args(["-TSTP", &std::process::id().to_string()])
            .status();
        take()?;
        // A new one draws everything anew without asking the terminal anything: its answer would
        // have to be read before the event stream is back.
        let out = BufWriter::with_capacity(BUFFER, io::stdout());
        self.terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(out))?);
        stopped.map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let taken = execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableMouseCapture,
        EnableFocusChange,
        EnableBracketedPaste,
        cursor::Hide
    );
    if taken.is_err() {
        give_back();
    }
    taken
}

fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // A terminal that is gone cannot be given back; there is nobody to tell.
    drop(execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        DisableFocusChange,
        DisableMouseCapture,
        LeaveAlternateScreen,
        cursor::Show
    ));
    drop(disable_raw_mode());
}

/// A panic of the thread that draws gives the terminal back and is then reported as usual. Another
/// thread's must not tear down a living screen: it arrives as a failed task.
fn hook_panics() {
    HOOK.call_once(|| {
        let owner: ThreadId = thread::current().id();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if thread::current().id() == owner {
                give_back();
                usual(info);
            } else if TAKEN.load(Ordering::SeqCst) {
                tracing::error!("a background task panicked: {info}");
            } else {
                usual(info);
            }
        }));
    });
}
