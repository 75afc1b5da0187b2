//! Ctrl-C, SIGTERM and a closed terminal.
//!
//! Owns what they mean: before a run nothing has happened, so the command just ends; during a run
//! they ask it to stop. Must not kill a run that is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Ending;

static RUNNING: AtomicBool = AtomicBool::new(false);

/// Resolves at the next request to stop.
pub async fn interruption() {
    let hang_up = async {
        match signal(SignalKind::hangup()) {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
        () = hang_up => {}
    }
}

/// Runs a command; an interruption ends it at once unless a run is under way. A second one during
/// a run leaves it where it is: the journal knows, and `resume` looks before it does anything.
pub async fn until_interrupted(command: impl Future<Output = Ending>) -> Ending {
    tokio::pin!(command);
    let mut asked = false;
    loop {
        tokio::select! {
            ending = &mut command => return ending,
            () = interruption() => {
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
        let task = tokio::spawn(async move {
            interruption().await;
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
