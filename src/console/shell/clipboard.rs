//! Copies text to the clipboard: through tmux if windlass runs in it, else by asking the terminal
//! (OSC 52), which works over ssh too. A terminal does not answer, so only tmux can confirm a copy.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::SanitizedText;

/// The program that receives the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The terminal itself.
    Terminal,
    /// The tmux server of this machine; by default it drops clipboard requests from programs.
    Tmux,
    /// GNU screen, which passes on a wrapped sequence.
    Screen,
    /// A tmux on another machine, according to `TERM`; it passes a copy on only if configured to.
    RemoteTmux,
}

/// Returns the route for this environment.
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

/// Returns the escape sequence that copies `text`. The text is base64, so it cannot end the
/// sequence.
pub fn sequence(route: Route, text: &str) -> Vec<u8> {
    let encoded = STANDARD.encode(text);
    match route {
        Route::Screen => wrapped_for_screen(&format!("\u{1b}]52;c;{encoded}\u{7}")),
        Route::Terminal | Route::Tmux | Route::RemoteTmux => {
            format!("\u{1b}]52;c;{encoded}\u{7}").into_bytes()
        }
    }
}

/// GNU screen accepts at most 768 bytes in one string (`MAXSTR`).
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

/// The tmux setting that a remote tmux needs to pass a copy on.
pub const REMOTE_TMUX: &str = "copy request sent; tmux needs 'set -g set-clipboard on' for it";

/// The command used inside tmux.
pub const TMUX: &[&str] = &["tmux"];

/// Time limit for tmux, both attempts together.
pub const TMUX_LIMIT: Duration = Duration::from_secs(1);

/// Puts `text` into tmux's own buffer and the clipboard of its terminal; returns what to show the
/// operator, or why it failed. Blocks up to `limit`; a `tmux` that takes longer is killed.
///
/// `-w` is known since tmux 3.2; an older one gets the text into its buffer only.
pub fn copy_to_tmux(tmux: &[&str], text: &str, limit: Duration) -> Result<&'static str, String> {
    let end = Instant::now() + limit;
    match load_buffer(tmux, &["load-buffer", "-w", "-"], text, end) {
        Ok(()) => return Ok("copied to tmux and its terminal: prefix ] pastes it"),
        Err(LoadError::NoAnswer) => return Err(no_answer(limit)),
        Err(LoadError::Failed(_)) => {}
    }
    match load_buffer(tmux, &["load-buffer", "-"], text, end) {
        Ok(()) => Ok("copied to tmux: prefix ] pastes it"),
        Err(LoadError::NoAnswer) => Err(no_answer(limit)),
        Err(LoadError::Failed(why)) => Err(format!(
            "tmux did not copy: {}",
            SanitizedText::capped(why.trim(), 120)
        )),
    }
}

/// Why tmux did not take a text.
enum LoadError {
    NoAnswer,
    Failed(String),
}

impl From<std::io::Error> for LoadError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

fn no_answer(limit: Duration) -> String {
    format!("tmux did not copy: no response within {} s", limit.as_secs_f64())
}

fn load_buffer(tmux: &[&str], arguments: &[&str], text: &str, end: Instant) -> Result<(), LoadError> {
    let (program, own) = tmux.split_first().unwrap_or((&"tmux", &[]));
    let mut child = Command::new(program)
        .args(own)
        .args(arguments)
        .env_clear()
        .envs(super::child::inherited())
        .envs(std::env::var_os("TMUX").map(|value| ("TMUX", value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let (sender, answer) = std::sync::mpsc::channel();
    let text = text.to_owned();
    // Both pipes close when the child exits or is killed.
    std::thread::spawn(move || {
        let written = input.map_or(Ok(()), |mut input| input.write_all(text.as_bytes()));
        let mut said = String::new();
        if let Some(errors) = errors {
            drop(errors.take(1000).read_to_string(&mut said));
        }
        // The receiver is gone after the time limit.
        drop(sender.send((written, said)));
    });
    let (ending, ended) = std::sync::mpsc::channel();
    super::child::when_ended(&child, move || ending.send(()).unwrap_or_default());
    let remaining = || end.saturating_duration_since(Instant::now());
    if ended.recv_timeout(remaining()).is_err() {
        child.kill()?;
        child.wait()?;
        return Err(LoadError::NoAnswer);
    }
    let status = child.wait()?;
    let (written, said) = answer
        .recv_timeout(remaining())
        .unwrap_or_else(|_| (Ok(()), String::new()));
    if status.success() {
        written.map_err(LoadError::from)
    } else {
        Err(LoadError::Failed(said))
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

    /// A `tmux` that is this shell script.
    const fn script(text: &str) -> [&str; 3] {
        ["sh", "-c", text]
    }

    #[test]
    fn a_tmux_that_hangs_is_given_up() {
        let limit = Duration::from_millis(200);
        // More than a pipe buffer holds; nothing reads it.
        let text = "x".repeat(1 << 20);
        for hangs in ["exec sleep 600", "exec 2>&-; exec sleep 600"] {
            let begun = Instant::now();
            let why = copy_to_tmux(&script(hangs), &text, limit).unwrap_err();
            assert_eq!(why, "tmux did not copy: no response within 0.2 s");
            assert!(begun.elapsed() < Duration::from_secs(60));
        }
    }

    #[test]
    fn tmux_is_asked_again_without_what_it_does_not_know() {
        let limit = Duration::from_secs(60);
        let copied = copy_to_tmux(&script("cat >/dev/null"), "text", limit).unwrap();
        assert!(copied.contains("its terminal"), "{copied}");
        // The arguments of `sh -c` count from $0.
        let old = "cat >/dev/null; [ \"$1\" = - ] || { echo unknown option >&2; exit 1; }";
        let copied = copy_to_tmux(&script(old), "text", limit).unwrap();
        assert!(!copied.contains("asked"), "{copied}");
        let none = "echo no server running >&2; exit 1";
        let why = copy_to_tmux(&script(none), "text", limit).unwrap_err();
        assert_eq!(why, "tmux did not copy: no server running");
        assert!(copy_to_tmux(&["/nonexistent/tmux"], "text", limit).is_err());
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
