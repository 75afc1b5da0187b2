//! Ends a process that a stop signal cannot reach: one blocked on a write to a terminal or pipe
//! that is not read, or on a read of a file that never answers.
//!
//! The signals are watched on a thread with its own runtime, because the thread that would have to
//! react may be the blocked one. The journal is consistent at any moment, so the process may end
//! anywhere.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{RUNNING, Requests};

/// How long the process has to end by itself after a signal.
const GRACE: Duration = Duration::from_millis(1500);
/// How often the outputs are checked while a run is being stopped.
const INTERVAL: Duration = Duration::from_millis(100);

/// Watches the stop signals for the rest of the process. `restore_terminal` is called before the
/// process is ended by force, and may let it end by itself; it must return soon.
pub fn watch(restore_terminal: fn()) {
    let spawned = thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || watch_signals(restore_terminal));
    if let Err(error) = spawned {
        tracing::warn!("cannot interrupt a blocked write: {error}");
    }
}

fn watch_signals(restore_terminal: fn()) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        let mut requests = Requests::listen();
        let mut stopping = false;
        loop {
            requests.next().await;
            let run_is_stopping = RUNNING.load(Ordering::SeqCst) && !stopping;
            stopping = true;
            thread::spawn(move || {
                if run_is_stopping {
                    wait_until_blocked();
                } else {
                    thread::sleep(GRACE);
                }
                force(restore_terminal);
            });
        }
    });
}

/// Returns once neither standard output nor standard error has accepted a byte for [`GRACE`].
fn wait_until_blocked() {
    let mut blocked_for = Duration::ZERO;
    while blocked_for < GRACE {
        thread::sleep(INTERVAL);
        if is_blocked(io::stdout()) || is_blocked(io::stderr()) {
            blocked_for += INTERVAL;
        } else {
            blocked_for = Duration::ZERO;
        }
    }
}

/// Returns true if a write to `output` would block.
fn is_blocked(output: impl AsFd) -> bool {
    let now = Timespec::default();
    matches!(
        poll(&mut [PollFd::new(&output, PollFlags::OUT)], Some(&now)),
        Ok(0)
    )
}

#[allow(clippy::exit, reason = "the main thread waits")]
fn force(restore_terminal: fn()) {
    restore_terminal();
    std::process::exit(130);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_pipe_is_blocked_once_it_is_full_and_no_longer_once_it_was_read() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        assert!(!is_blocked(&writer));
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let mut written = 0;
        while let Ok(count) = writer.write(&[0; 4096]) {
            written += count;
        }
        assert!(written > 0 && is_blocked(&writer));
        let mut taken = vec![0; written];
        io::Read::read_exact(&mut reader, &mut taken).unwrap();
        assert!(!is_blocked(&writer));
        drop(reader);
        assert!(!is_blocked(&writer), "a write to a closed pipe fails at once");
    }
}
