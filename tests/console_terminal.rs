//! The console in a real pseudo-terminal, on the embedded world: a publish and a rotation key by
//! key, and the terminal given back on leaving and on SIGTERM.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Longest wait for anything; slow machines run other tests beside.
const PATIENCE: Duration = Duration::from_secs(60);

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn std::io::Write + Send>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    raw: Vec<u8>,
}

impl Terminal {
    fn start(arguments: &[&str], (rows, cols): (u16, u16)) -> Self {
        let pty = native_pty_system();
        let pair = pty
            .openpty(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_windlass"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            master: pair.master,
            writer,
            output,
            parser: vt100::Parser::new(size(rows), size(cols), 0),
            raw: Vec::new(),
        }
    }

    /// Reads until the screen satisfies `wanted`.
    fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.parser.screen().contents();
            if wanted(&text) {
                return text;
            }
            match self
                .output
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => {
                    self.parser.process(&bytes);
                    self.raw.extend(bytes);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never saw {what}; the screen is\n{text}")
                }
            }
        }
    }

    fn see(&mut self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits for the end and says what the terminal was told last.
    fn end(mut self) -> (u32, String) {
        let end = Instant::now() + PATIENCE;
        while let Ok(bytes) = self
            .output
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.raw.extend(bytes);
        }
        let code = self.child.wait().unwrap().exit_code();
        (code, String::from_utf8_lossy(&self.raw).into_owned())
    }
}

fn given_back(raw: &str) {
    for (taken, back) in [
        ("\u{1b}[?1049h", "\u{1b}[?1049l"),
        ("\u{1b}[?1000h", "\u{1b}[?1000l"),
        ("\u{1b}[?2004h", "\u{1b}[?2004l"),
        ("\u{1b}[?25l", "\u{1b}[?25h"),
    ] {
        assert!(raw.contains(taken), "{taken:?}");
        let last = raw
            .rfind(back)
            .unwrap_or_else(|| panic!("{back:?} was never sent"));
        assert!(raw.rfind(taken).unwrap() < last, "{taken:?} after {back:?}");
    }
}

fn demo(folder: &std::path::Path, size: (u16, u16)) -> Terminal {
    let state = folder.join("demo");
    Terminal::start(
        &[
            "demo",
            "--state",
            state.to_str().unwrap(),
            "--image-size",
            "200000",
        ],
        size,
    )
}

#[test]
fn a_publish_key_by_key_and_the_terminal_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = demo(folder.path(), (40, 120));
    terminal.see("2 new");
    terminal.press("p");
    terminal.see("17 changes");
    terminal.press("\r");
    terminal.see("Type 2025-01-27 to start");
    // A bracketed paste is refused.
    terminal.press("\u{1b}[200~2025-01-27\u{1b}[201~");
    terminal.see("typed, not pasted");
    terminal.press("2025-01-27\r");
    let text = terminal.until("the end of the run", |screen| {
        screen.contains("done  begun") && screen.contains("Released")
    });
    assert!(
        text.contains("https://charmhub.io/finos-legend-engine-k8s"),
        "{text}"
    );
    terminal.press("\u{1b}");
    terminal.see("1 new");
    terminal
        .master
        .resize(PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        })
        .unwrap();
    terminal.parser.screen_mut().set_size(size(24), size(80));
    terminal.press("2");
    terminal.until("one pane", |screen| {
        screen.contains("2025-01") && !screen.contains("3 Charms ──")
    });
    terminal.press("q");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    given_back(&raw);
}

#[test]
fn a_rotation_key_by_key_from_plan_to_proof() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = demo(folder.path(), (24, 80));
    terminal.press("4");
    terminal.see("0 of 7 current");
    terminal.press("R");
    terminal.see("in 6 repositories");
    terminal.see("set-secret");
    terminal.press("\r");
    terminal.see("Type CHARMHUB_TOKEN to start");
    terminal.press("CHARMHUB_TOKEN\r");
    terminal.see("Sign in with Ubuntu One");
    terminal.press("releaser@legend.example\rwrong-password\r");
    // Said in the dialog, which stays for another try.
    terminal.until("the refusal", |screen| {
        screen.contains("what to do") && screen.contains("Sign in with Ubuntu One")
    });
    terminal.press("\u{1b}[200~demo-password\u{1b}[201~");
    terminal.press("\r");
    terminal.see("One-time password");
    terminal.press("123456\r");
    let text = terminal.until("the end of the run", |screen| screen.contains("done  begun"));
    assert!(
        text.contains("set-secret") && !text.contains("demo-password"),
        "{text}"
    );
    terminal.press("\u{1b}");
    terminal.see("7 of 7 current");
    terminal.press("q");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    given_back(&raw);
    assert!(!raw.contains("wrong-password"), "a password was shown");
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = demo(folder.path(), (24, 80));
    terminal.see("1 Releases");
    let pid = terminal.child.process_id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let (_, raw) = terminal.end();
    given_back(&raw);
}

#[test]
fn without_a_terminal_it_says_what_else_there_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .env("WINDLASS_STATE_DIR", tempfile::tempdir().unwrap().path())
        .env("CHARMCRAFT_STORE_API_URL", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("windlass status"), "{text}");
}
