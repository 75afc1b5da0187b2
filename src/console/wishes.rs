//! What the operator wants of the terminal, from the settings file.
//!
//! Owns the defaults. Must not read the file.

use crate::config::{Notify, UserConfig};

/// The wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// The mouse is taken from the start.
    pub mouse: bool,
    /// What is a page becomes a link, where the terminal can show one.
    pub links: bool,
    /// Texts are copied by way of the terminal.
    pub clipboard: bool,
    /// When the end of a run is told.
    pub notify: Notify,
    /// The settings file; `None` where there is none to edit.
    pub file: Option<String>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            mouse: true,
            links: true,
            clipboard: true,
            notify: Notify::default(),
            file: None,
        }
    }
}

impl Wishes {
    /// What `user` says, and where it says so.
    pub fn of(user: &UserConfig, file: Option<String>) -> Self {
        let usual = Self::default();
        Self {
            mouse: user.mouse.unwrap_or(usual.mouse),
            links: user.links.unwrap_or(usual.links),
            clipboard: user.clipboard.unwrap_or(usual.clipboard),
            notify: user.notify.unwrap_or(usual.notify),
            file,
        }
    }
}
