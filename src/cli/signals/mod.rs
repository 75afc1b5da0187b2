//! Handles Ctrl-C, Ctrl-\, SIGTERM and a closed terminal.
//!
//! Before a run nothing has changed, so the command just ends; during a run they ask it to stop.
//! Must not kill a run in progress.

mod forced_exit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Ending;
pub use forced_exit::watch as force_exit_when_blocked;

static RUNNING: AtomicBool = AtomicBool::new(false);
/// Above zero while a pager or an editor has the terminal: Ctrl-C and Ctrl-\ are meant for it, but
/// reach the whole process group.
pub static LENT: AtomicUsize = AtomicUsize::new(0);
static TYPED: AtomicBool = AtomicBool::new(false);

/// Reports a Ctrl-C typed while the terminal is in raw mode. The caller ends by itself.
pub fn interrupt() {
    TYPED.store(true, Ordering::SeqCst);
}

/// Listens for stop signals from its creation on: a signal that arrives early is not lost, and no
/// longer kills the process while the terminal is taken over.
struct Requests {
    streams: Vec<(SignalKind, Signal)>,
}

impl Requests {
    fn listen() -> Self {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::quit(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        Self {
            streams: kinds
                .into_iter()
                .filter_map(|kind| Some((kind, signal(kind).ok()?)))
                .collect(),
        }
    }

    /// Waits for the next stop signal.
    async fn next(&mut self) {
        loop {
            let any = self.streams.iter_mut().map(|(kind, stream)| {
                let kind = *kind;
                Box::pin(async move {
                    stream.recv().await;
                    kind
                })
            });
            if any.len() == 0 {
                return std::future::pending().await;
            }
            let (kind, ..) = futures_util::future::select_all(any).await;
            let typed = kind == SignalKind::interrupt() || kind == SignalKind::quit();
            if !typed || LENT.load(Ordering::SeqCst) == 0 {
                return;
            }
        }
    }
}

/// Runs a command; an interruption ends it at once unless a run is in progress. A second one during
/// a run leaves the run unfinished: the journal has its state, and `resume` checks it before doing
/// anything.
pub async fn until_interrupted(command: impl Future<Output = Ending>) -> Ending {
    let mut requests = Requests::listen();
    tokio::pin!(command);
    let mut asked = false;
    loop {
        tokio::select! {
            biased;
            ending = &mut command => {
                return if TYPED.load(Ordering::SeqCst) { Ok(130) } else { ending };
            }
            () = requests.next() => {
                if asked || !RUNNING.load(Ordering::SeqCst) {
                    return Ok(130);
                }
                asked = true;
            }
        }
    }
}

/// Marks that a run is in progress, and asks it to stop at the first interruption. Dropping it
/// removes the mark.
pub struct Guard {
    task: tokio::task::JoinHandle<()>,
}

impl Guard {
    /// Returns the guard of a run that `cancel` stops; `said` is called once.
    pub fn over(cancel: CancellationToken, said: Arc<dyn Fn() + Send + Sync>) -> Self {
        RUNNING.store(true, Ordering::SeqCst);
        let mut requests = Requests::listen();
        let task = tokio::spawn(async move {
            requests.next().await;
            cancel.cancel();
            said();
        });
        Self { task }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
        RUNNING.store(false, Ordering::SeqCst);
    }
}
