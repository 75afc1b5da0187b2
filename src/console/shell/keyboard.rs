//! Standard input as the reader of the keys needs it: never one that can hang.
//!
//! Owns a description of the terminal of its own, in place of the inherited one while the console
//! is open. Crossterm reads once more after bytes that make no key, and where that read waits, it
//! waits with its lock held: until the next key no new size and no message is seen. The inherited
//! description is shared with the shell and with standard output, so it is not the one to change.
//! Must not read a key.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::stdio::{dup2_stdin, stdin};
use rustix::termios::ttyname;

/// Standard input while the console reads it; the inherited one is back once this is dropped.
pub struct Keyboard {
    inherited: Option<OwnedFd>,
}

impl Keyboard {
    /// Takes the place of standard input. Where the terminal has no name here (another machine's,
    /// in a container), everything stays as it was inherited.
    pub fn take() -> io::Result<Self> {
        let how = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let own = ttyname(stdin(), Vec::new()).and_then(|name| open(name.as_c_str(), how, Mode::empty()));
        let Ok(own) = own else {
            return Ok(Self { inherited: None });
        };
        let inherited = stdin().try_clone_to_owned()?;
        dup2_stdin(&own)?;
        Ok(Self {
            inherited: Some(inherited),
        })
    }

    /// What a child gets: it expects to wait when it reads.
    pub fn for_a_child(&self) -> io::Result<Stdio> {
        let inherited = self.inherited.as_ref().map(OwnedFd::try_clone).transpose()?;
        Ok(inherited.map_or_else(Stdio::inherit, Stdio::from))
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(inherited) = &self.inherited
            && let Err(error) = dup2_stdin(inherited)
        {
            tracing::debug!("standard input stays as it is: {error}");
        }
    }
}
