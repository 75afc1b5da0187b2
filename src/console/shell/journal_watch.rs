//! Detects writes to the journal by another windlass: one thread sleeps until the kernel reports a
//! change of the file (inotify). Nothing polls, and an idle journal wakes nothing.

use std::path::Path;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::console::msg::Msg;

/// Changes within this time are read together: a run writes several times a second.
const TOGETHER: Duration = Duration::from_secs(1);

/// Sends [`Msg::JournalChanged`] after every change of the journal in `folder`. If inotify is not
/// available, the regular refresh finds the change.
pub fn watch(folder: &Path, sender: mpsc::Sender<Msg>) {
    #[cfg(target_os = "linux")]
    match linux::Changes::of(folder) {
        Ok(changes) => {
            let name = "journal".to_owned();
            let started = thread::Builder::new()
                .name(name)
                .spawn(move || tell(changes, &sender));
            if let Err(error) = started {
                tracing::debug!("the journal is not watched: {error}");
            }
        }
        Err(error) => tracing::debug!("the journal is not watched: {error}"),
    }
}

#[cfg(target_os = "linux")]
fn tell(mut changes: linux::Changes, sender: &mpsc::Sender<Msg>) {
    while changes.wait().is_ok() {
        thread::sleep(TOGETHER);
        if changes.forget().is_err() || sender.blocking_send(Msg::JournalChanged).is_err() {
            return;
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use rustix::io::Errno;

    /// The files that hold runs: the database and its write-ahead log.
    const FILES: [&[u8]; 2] = [b"journal.db", b"journal.db-wal"];

    /// Changes of the journal, as the kernel reports them.
    pub(super) struct Changes {
        events: OwnedFd,
    }

    impl Changes {
        pub(super) fn of(folder: &Path) -> rustix::io::Result<Self> {
            let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            // Watches the directory, not the files: the -wal file is created and removed.
            inotify::add_watch(&events, folder, WatchFlags::MODIFY | WatchFlags::MOVED_TO)?;
            Ok(Self { events })
        }

        /// Blocks until a file of the journal changes.
        pub(super) fn wait(&mut self) -> rustix::io::Result<()> {
            loop {
                match poll(&mut [PollFd::new(&self.events, PollFlags::IN)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error),
                }
                if self.forget()? {
                    return Ok(());
                }
            }
        }

        /// Discards the events reported so far; returns true if a file of the journal was among
        /// them.
        pub(super) fn forget(&mut self) -> rustix::io::Result<bool> {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(&self.events, &mut buffer);
            let mut found = false;
            loop {
                match reader.next() {
                    Ok(event) => {
                        found |= event
                            .file_name()
                            .is_some_and(|name| FILES.contains(&name.to_bytes()));
                    }
                    Err(Errno::WOULDBLOCK) => return Ok(found),
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_change_of_the_journal_is_noticed_and_of_another_file_not() {
            let folder = tempfile::tempdir().unwrap();
            let mut changes = Changes::of(folder.path()).unwrap();
            std::fs::write(folder.path().join("journal.commits"), "1").unwrap();
            assert!(!changes.forget().unwrap());
            let journal = crate::journal::Journal::open(folder.path(), "w").unwrap();
            changes.wait().unwrap();
            changes.forget().unwrap();
            journal.runs(10).unwrap();
            assert!(!changes.forget().unwrap(), "reading changes nothing");
        }
    }
}
