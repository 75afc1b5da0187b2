//! Reopens the terminal as standard input, so that reading keys never blocks.
//!
//! While the console is open, a separate file description of the terminal replaces the inherited
//! one. Crossterm reads once more after bytes that do not form a key; if that read blocks, it
//! blocks with its lock held, and no resize or message is handled until the next key. The inherited
//! description is shared with the shell and with standard output, so it must not be made
//! non-blocking. Must not read a key.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::stdio::{dup2_stdin, stdin};
use rustix::termios::ttyname;

/// Standard input while the console reads it; dropping it restores the inherited one.
pub struct Keyboard {
    inherited: Option<OwnedFd>,
}

impl Keyboard {
    /// Replaces standard input. If the terminal has no name here (that of another machine, in a
    /// container), everything stays as inherited.
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

    /// Returns the standard input of a child, which expects blocking reads.
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
