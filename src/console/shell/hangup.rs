//! Detects that the terminal is gone even where no signal reports it: a terminal that does not
//! control this process just closes, and a reader of its keys would poll it forever.
//!
//! One thread sleeps until then. Must not read a key.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::Notify;

/// How long the console has to quit by itself.
const GRACE: Duration = Duration::from_secs(2);

/// Reports that the terminal is gone.
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

    /// Waits until the terminal is gone. Cancel safe.
    pub async fn happened(&self) {
        self.gone.notified().await;
    }
}

/// Reports the hang-up, and ends the process if that has no effect.
#[allow(
    clippy::exit,
    reason = "the thread that should end it may be the one that hangs"
)]
fn end(told: &Notify) {
    if ends() {
        told.notify_one();
        // crossterm keeps reading the closed terminal on the thread that would have to handle this.
        // The journal is consistent at any moment, so the process may end here.
        thread::sleep(GRACE);
        std::process::exit(130);
    }
}

/// Sleeps until the terminal is gone; returns false if it cannot be watched.
fn ends() -> bool {
    let input = io::stdin();
    loop {
        // No event is requested: hang-up is always reported.
        match poll(&mut [PollFd::new(&input, PollFlags::empty())], None) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}
