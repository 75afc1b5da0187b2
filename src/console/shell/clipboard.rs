//! Copies text to the clipboard: through tmux where windlass runs in it, else by asking the terminal
//! (OSC 52), which works over ssh too. A terminal does not answer, so only tmux can confirm a copy.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::Outside;

/// Which program takes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The terminal itself.
    Terminal,
    /// The tmux server of this machine: by default it drops what a program asks of the terminal.
    Tmux,
    /// GNU screen, which hands on what is wrapped for it.
    Screen,
    /// A tmux on another machine, as `TERM` says: it hands a copy on only where it is set to.
    RemoteTmux,
}

/// The route that the environment tells of.
pub fn route(variable: impl Fn(&str) -> Option<String>) -> Route {
    let term = variable("TERM").unwrap_or_default();
    if variable("TMUX").is_some() {
        Route::Tmux
    } else if variable("STY").is_some() {
        Route::Screen
    } else if term.starts_with("tmux") {
        Route::RemoteTmux
    } else {
        Route::Terminal
    }
}

/// What the terminal reads to copy `text`. Encoded, no text can end the sequence.
pub fn sequence(route: Route, text: &str) -> Vec<u8> {
    let encoded = STANDARD.encode(text);
    match route {
        Route::Screen => wrapped_for_screen(&format!("\u{1b}]52;c;{encoded}\u{7}")),
        Route::Terminal | Route::Tmux | Route::RemoteTmux => {
            format!("\u{1b}]52;c;{encoded}\u{7}").into_bytes()
        }
    }
}

/// GNU screen takes at most 768 bytes in one string (`MAXSTR`).
const SCREEN_CHUNK: usize = 700;

fn wrapped_for_screen(sequence: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in sequence.as_bytes().chunks(SCREEN_CHUNK) {
        bytes.extend_from_slice(b"\x1bP");
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\x1b\\");
    }
    bytes
}

/// What a remote tmux needs to hand a copy on.
pub const REMOTE_TMUX: &str = "asked the terminal to copy; tmux needs 'set -g set-clipboard on' for it";

/// Puts `text` into tmux's own buffer and the clipboard of its terminal; returns what to tell the
/// operator, or why it failed.
///
/// `-w` is known since tmux 3.2; an older one gets the text into its buffer only.
pub fn copy_to_tmux(text: &str) -> Result<&'static str, String> {
    if load_buffer(&["load-buffer", "-w", "-"], text).is_ok() {
        return Ok("copied to tmux and asked its terminal to copy: prefix ] pastes it");
    }
    load_buffer(&["load-buffer", "-"], text).map(|()| "copied to tmux: prefix ] pastes it")
}

fn load_buffer(arguments: &[&str], text: &str) -> Result<(), String> {
    let failed = |why: String| format!("tmux did not copy: {}", Outside::capped(why.trim(), 120));
    let mut child = Command::new("tmux")
        .args(arguments)
        .env_clear()
        .envs(super::child::inherited())
        .envs(std::env::var_os("TMUX").map(|value| ("TMUX", value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut input| input.write_all(text.as_bytes()));
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        written.map_err(|error| failed(error.to_string()))
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_travels_encoded() {
        assert_eq!(sequence(Route::Terminal, "a\u{7}é"), b"\x1b]52;c;YQfDqQ==\x07");
        assert_eq!(
            sequence(Route::Screen, "a\u{7}é"),
            b"\x1bP\x1b]52;c;YQfDqQ==\x07\x1b\\"
        );
        let long = sequence(Route::Screen, &"x".repeat(3000));
        let chunks = long
            .split(|byte| *byte == b'\\')
            .filter(|chunk| !chunk.is_empty());
        assert!(chunks.clone().count() > 5 && chunks.into_iter().all(|chunk| chunk.len() < 768));
    }

    #[test]
    fn the_environment_tells_who_takes_it() {
        let of = |variables: &[(&str, &str)]| {
            route(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("TERM", "xterm-256color")]), Route::Terminal);
        assert_eq!(of(&[("TERM", "screen"), ("TMUX", "/tmp/t,1,0")]), Route::Tmux);
        assert_eq!(of(&[("TERM", "screen"), ("STY", "1.pts")]), Route::Screen);
        assert_eq!(of(&[("TERM", "tmux-256color")]), Route::RemoteTmux);
    }
}
