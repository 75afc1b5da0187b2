//! Ctrl-C, Ctrl-\, SIGTERM and a closed terminal.
//!
//! Owns what they mean: before a run nothing has happened, so the command just ends; during a run
//! they ask it to stop. Must not kill a run that is under way.

mod forced_exit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Ending;
pub use forced_exit::watch as force_exit_when_blocked;

static RUNNING: AtomicBool = AtomicBool::new(false);
/// Above zero while a pager or an editor has the terminal: Ctrl-C and Ctrl-\ are typed to it, and
/// reach everybody.
pub static LENT: AtomicUsize = AtomicUsize::new(0);
static TYPED: AtomicBool = AtomicBool::new(false);

/// Ctrl-C was typed where the terminal makes no signal of it. Whoever asked ends on its own.
pub fn interrupt() {
    TYPED.store(true, Ordering::SeqCst);
}

/// Listens for requests to stop, from the moment it is made: one that arrives before anybody waits
/// is not lost, and no longer kills the process with the terminal taken.
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

    /// Resolves at the next one.
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

/// Runs a command; an interruption ends it at once unless a run is under way. A second one during
/// a run leaves it where it is: the journal knows, and `resume` looks before it does anything.
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

/// Marks that a run is under way and asks it to stop at the first interruption. Dropping it ends
/// the marking.
pub struct Guard {
    task: tokio::task::JoinHandle<()>,
}

impl Guard {
    /// Watches over a run that `cancel` stops; `said` is called once.
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
