//! Holds the operator's terminal preferences from the settings file, and their defaults.

use crate::config::{Notify, UserConfig};

/// The preferences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// Capture the mouse from the start.
    pub mouse: bool,
    /// Show pages as hyperlinks, if the terminal supports them.
    pub links: bool,
    /// Copy text through the terminal.
    pub clipboard: bool,
    /// When to notify that a run ended.
    pub notify: Notify,
    /// The settings file; `None` if there is none to edit.
    pub file: Option<String>,
}

impl Default for Preferences {
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

impl Preferences {
    /// Returns the preferences in `user`, whose file is `file`.
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
