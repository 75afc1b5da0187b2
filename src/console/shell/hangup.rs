//! The end of the terminal, told even where no signal tells it: a terminal that does not control
//! this process just stops being there, and whoever reads its keys asks it for ever.
//!
//! Owns one thread that sleeps until then. Must not read a key.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::Notify;

/// How long the console may take to leave by itself.
const GRACE: Duration = Duration::from_secs(2);

/// Says when the terminal is gone.
pub struct Hangup {
    gone: Arc<Notify>,
}

impl Hangup {
    /// Watches the terminal on standard input.
    pub fn watch() -> io::Result<Self> {
        let gone = Arc::new(Notify::new());
        let told = Arc::clone(&gone);
        let name = "hangup".to_owned();
        thread::Builder::new().name(name).spawn(move || end(&told))?;
        Ok(Self { gone })
    }

    /// Waits for it. Dropped without loss.
    pub async fn happened(&self) {
        self.gone.notified().await;
    }
}

/// Tells the end, and makes it come.
#[allow(
    clippy::exit,
    reason = "the thread that should end it may be the one that hangs"
)]
fn end(told: &Notify) {
    if ends() {
        told.notify_one();
        // crossterm reads what is no longer there for ever, on the thread that would have to hear
        // this. The journal bears an end at any moment.
        thread::sleep(GRACE);
        std::process::exit(130);
    }
}

/// Sleeps until the terminal is gone; false where it cannot be watched.
fn ends() -> bool {
    let input = io::stdin();
    loop {
        // Nothing is asked for: only the end is always told.
        match poll(&mut [PollFd::new(&input, PollFlags::empty())], None) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}
