//! The end of the terminal, told even where no signal tells it: a terminal that does not control
//! this process just stops being there, and whoever reads its keys would ask it for ever.
//!
//! Owns one thread that sleeps until then. Must not read a key.

use std::io;
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::Notify;

/// Says when the terminal is gone.
pub struct Hangup {
    gone: Arc<Notify>,
}

impl Hangup {
    /// Watches the terminal on standard input.
    pub fn watch() -> io::Result<Self> {
        let gone = Arc::new(Notify::new());
        let told = Arc::clone(&gone);
        thread::Builder::new().name("hangup".to_owned()).spawn(move || {
            if ends() {
                told.notify_one();
            }
        })?;
        Ok(Self { gone })
    }

    /// Waits for it. Dropped without loss.
    pub async fn happened(&self) {
        self.gone.notified().await;
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
