//! Runs the binary in a pseudo-terminal and parses what it shows.

use std::io::Read as _;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::ioctl_fionread;
use rustix::termios::{LocalModes, tcgetattr};

/// Longest wait for anything; slow machines run other tests in parallel.
const PATIENCE: Duration = Duration::from_secs(60);

/// Largest size of a frame in bytes, on a large terminal.
const FRAME: usize = 256 * 1024;

/// The end of a frame.
const ENDS: &[u8] = b"\x1b[?2026l";

/// Variables of the caller that change the look of a console.
const CALLERS: [&str; 6] = [
    "NO_COLOR",
    "LC_ALL",
    "LC_CTYPE",
    "COLORTERM",
    "TMUX",
    "WINDLASS_WORKSPACE",
];

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

const fn pty_size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

pub struct Terminal {
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Box<dyn MasterPty + Send>,
    pub parser: vt100::Parser,
    writer: Box<dyn std::io::Write + Send>,
    output: Receiver<Vec<u8>>,
    /// Output that arrived and was not processed yet.
    arrived: Vec<u8>,
    /// Set once the output is left unread.
    unread: Arc<AtomicBool>,
    raw: Vec<u8>,
}

impl Terminal {
    /// Starts windlass in a terminal of this many rows and columns.
    pub fn start(arguments: &[&str], size: (u16, u16)) -> Self {
        Self::start_with(arguments, size, &[])
    }

    /// Like [`Terminal::start`], with additional variables.
    pub fn start_with(arguments: &[&str], size: (u16, u16), variables: &[(&str, &str)]) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_windlass"), arguments, size, variables)
    }

    /// Starts any program, such as a shell that runs windlass.
    pub fn start_program(
        program: &str,
        arguments: &[&str],
        (rows, cols): (u16, u16),
        variables: &[(&str, &str)],
    ) -> Self {
        let pair = native_pty_system().openpty(pty_size(rows, cols)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        for name in CALLERS {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let (sender, output) = channel();
        let unread = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&unread);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let gone = sender.send(buffer[..count].to_vec()).is_err();
                if gone || stopped.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        Self {
            child,
            master: pair.master,
            writer,
            output,
            unread,
            parser: vt100::Parser::new(size(rows), size(cols), 0),
            arrived: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// Processes the output that has arrived up to the end of the next frame; returns false if
    /// nothing is left to process. The start of a mark that ends a frame waits for the rest of it.
    fn advance(&mut self) -> bool {
        let end = self.arrived.windows(ENDS.len()).position(|piece| piece == ENDS);
        let starts = |length: &usize| self.arrived.ends_with(&ENDS[..*length]);
        let rest = || self.arrived.len() - (1..ENDS.len()).rev().find(starts).unwrap_or(0);
        let count = end.map_or_else(rest, |at| at + ENDS.len());
        self.consume(count)
    }

    /// Processes `count` bytes of the output that has arrived; returns false if that is none.
    fn consume(&mut self, count: usize) -> bool {
        let bytes: Vec<u8> = self.arrived.drain(..count).collect();
        self.parser.process(&bytes);
        self.raw.extend(&bytes);
        count > 0
    }

    /// Reads until `wanted`, which is checked after every frame, so that no screen is missed;
    /// returns false if the program has exited before.
    #[track_caller]
    fn read(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + PATIENCE;
        while !(self.whole() && wanted(self)) {
            if self.advance() {
                continue;
            }
            match self
                .output
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.arrived.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => {
                    self.consume(self.arrived.len());
                    return self.whole() && wanted(self);
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("never saw {what}; the screen is\n{}", self.text())
                }
            }
        }
        true
    }

    /// Reads until everything shown was read since the start, and no read is pending.
    #[track_caller]
    pub fn settle(&mut self) {
        let settled = self.read("the end of the refresh", |this| {
            let text = this.text();
            let waiting = ["reading", "loading", "cached", "not read yet"];
            text.contains("just now") && !waiting.iter().any(|word| text.contains(word))
        });
        assert!(settled, "it has gone; the screen is\n{}", self.text());
    }

    /// Returns true between frames, when the screen is consistent.
    fn whole(&self) -> bool {
        let begin = self.raw.len().saturating_sub(FRAME);
        let tail = &self.raw[begin..];
        let last = |mark: &[u8]| tail.windows(mark.len()).rposition(|piece| piece == mark);
        last(b"\x1b[?2026h") <= last(ENDS)
    }

    /// Returns the screen as far as it was read.
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Returns everything sent to the terminal so far.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Reads until the screen satisfies `wanted`.
    #[track_caller]
    pub fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let alive = self.read(what, |this| wanted(&this.text()));
        if !alive {
            let code = self.child.wait().unwrap().exit_code();
            panic!(
                "never saw {what}, it ended with {code}; the screen is\n{}",
                self.text()
            );
        }
        self.text()
    }

    /// Reads until the shell has printed its prompt so many times: an earlier prompt may belong to
    /// a command that is still running.
    #[track_caller]
    pub fn asked(&mut self, prompt: &str, times: usize) -> String {
        self.until(&format!("prompt {times}"), |screen| {
            screen.matches(prompt).count() == times
        })
    }

    #[track_caller]
    pub fn see(&mut self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Reads until `text` is no longer shown.
    #[track_caller]
    pub fn lose(&mut self, text: &str) -> String {
        self.until(&format!("the end of {text}"), |screen| !screen.contains(text))
    }

    /// Reads until a frame was drawn since the terminal was last taken over: before, the screen is
    /// an old one and keys are not read yet.
    #[track_caller]
    pub fn drawn_anew(&mut self) {
        let last = |raw: &[u8], wanted: &[u8]| raw.windows(wanted.len()).rposition(|part| part == wanted);
        let drawn = self.read("a new frame", |this| {
            last(&this.raw, b"\x1b[?1049h") < last(&this.raw, ENDS)
        });
        assert!(drawn, "it has gone; the screen is\n{}", self.text());
    }

    /// Reads until the terminal was restored, and asserts that it is in line mode by then: the
    /// shell on screen expects it.
    #[track_caller]
    pub fn sees_the_shell(&mut self) {
        let last = |raw: &[u8], wanted: &[u8]| raw.windows(wanted.len()).rposition(|part| part == wanted);
        let left = self.read("the shell", |this| {
            last(&this.raw, b"\x1b[?1049h") < last(&this.raw, b"\x1b[?1049l")
        });
        assert!(left, "it has gone; the screen is\n{}", self.text());
        let modes = tcgetattr(self.slave()).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO), "{modes:?}");
    }

    /// Opens the terminal as programs in it have it. Only for a moment: an open descriptor would
    /// keep it alive.
    fn slave(&self) -> OwnedFd {
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK;
        open(self.master.tty_name().unwrap(), flags, Mode::empty()).unwrap()
    }

    pub fn press(&mut self, keys: &str) {
        self.send(keys.as_bytes());
    }

    /// Sends raw bytes. A program that has exited accepts none, which other checks detect.
    pub fn send(&mut self, bytes: &[u8]) {
        drop(self.writer.write_all(bytes).and_then(|()| self.writer.flush()));
    }

    /// Returns where `text` first occurs: row and column from 1, as a mouse reports them.
    #[track_caller]
    pub fn place(&self, text: &str) -> (usize, usize) {
        let rows = self.text();
        let found = rows.lines().enumerate().find_map(|(row, line)| {
            line.find(text)
                .map(|at| (row + 1, line[..at].chars().count() + 1))
        });
        found.unwrap_or_else(|| panic!("{text} is not on the screen\n{rows}"))
    }

    /// Presses and releases the left button on `text`.
    #[track_caller]
    pub fn click(&mut self, text: &str) {
        let (row, column) = self.place(text);
        self.press(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"));
    }

    /// Resizes the terminal.
    pub fn resize(&mut self, rows: u16, cols: u16) {
        self.master.resize(pty_size(rows, cols)).unwrap();
        self.parser.screen_mut().set_size(size(rows), size(cols));
    }

    /// Leaves the output unread from now on, and returns once the terminal's buffer is full: every
    /// new size is a whole frame.
    pub fn leave_unread(&mut self, (rows, cols): (u16, u16)) {
        self.unread.store(true, Ordering::SeqCst);
        let end = Instant::now() + PATIENCE;
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        for odd in (0..2).cycle() {
            self.resize(rows + odd, cols);
            // Space for a byte is not space for a frame: a terminal counts as full once it stays
            // full.
            assert_eq!(poll(&mut [], Some(&pause)).unwrap(), 0);
            let slave = open_slave(self.master.as_ref());
            let mut writable = [PollFd::new(&slave, PollFlags::OUT)];
            if poll(&mut writable, Some(&Timespec::default())).unwrap() == 0 {
                return;
            }
            assert!(Instant::now() < end, "the terminal is never full");
        }
    }

    /// Waits at most `limit` for the exit and returns the exit code. Reads no output. Panics if the
    /// program is still running then.
    #[track_caller]
    pub fn exits_within(&mut self, limit: Duration) -> u32 {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < end, "still running after {limit:?}");
            // Polls, because the exit of a process is not signalled here.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns true if the terminal is in line mode, as the shell expects it.
    pub fn is_in_line_mode(&self) -> bool {
        let modes = tcgetattr(open_slave(self.master.as_ref())).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Waits for the exit; returns the exit code and the last output.
    #[track_caller]
    pub fn end(mut self) -> (u32, String) {
        let gone = self.read("its end", |_| false);
        assert!(!gone);
        let code = self.exits_within(PATIENCE);
        (code, String::from_utf8_lossy(&self.raw).into_owned())
    }

    /// Quits with `q` and asserts a clean exit.
    #[track_caller]
    pub fn quit(mut self) -> String {
        self.press("q");
        self.ends_well()
    }

    /// Asserts that it exits by itself, with 0 and the terminal restored.
    #[track_caller]
    pub fn ends_well(self) -> String {
        let (code, raw) = self.end();
        assert_eq!(code, 0, "{raw}");
        given_back(&raw);
        raw
    }

    /// Reads until the program has read all input; returns false if it has exited.
    #[track_caller]
    fn taken_in(&mut self) -> bool {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(Duration::from_millis(2)) {
                Ok(bytes) => {
                    self.arrived.extend(bytes);
                    while self.advance() {}
                }
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    if ioctl_fionread(self.slave()).unwrap() == 0 {
                        return true;
                    }
                    assert!(
                        Instant::now() < end,
                        "it reads no keys; the screen is\n{}",
                        self.text()
                    );
                }
            }
        }
    }

    /// Quits from any screen: presses back and `q` until nothing is left to close. Each key is
    /// known to be read before the next one is sent: Esc and a letter in one write would be another
    /// key. Garbage may have begun a terminal report, which ends with `m`, `c` or the end of a
    /// paste: until then every key is part of it.
    #[track_caller]
    pub fn leave(mut self) -> String {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            for key in ["m", "c", "\x1b[201~", "\x1b", "q"] {
                self.press(key);
                if !self.taken_in() {
                    return self.ends_well();
                }
            }
        }
        panic!("it cannot be left; the screen is\n{}", self.text());
    }
}

/// Opens the slave side of a terminal, to ask for its state.
pub fn open_slave(master: &dyn MasterPty) -> OwnedFd {
    let how = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
    open(master.tty_name().unwrap(), how, Mode::empty()).unwrap()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A failed test must not leave processes behind.
        drop(self.child.kill());
    }
}

/// Asserts that every terminal mode that was set was reset afterwards.
#[track_caller]
pub fn given_back(raw: &str) {
    for (taken, back) in [
        ("\u{1b}[?1049h", "\u{1b}[?1049l"),
        ("\u{1b}[?1000h", "\u{1b}[?1000l"),
        ("\u{1b}[?2004h", "\u{1b}[?2004l"),
        ("\u{1b}[?25l", "\u{1b}[?25h"),
        ("\u{1b}[22;0t", "\u{1b}[23;0t"),
    ] {
        assert!(raw.contains(taken), "{taken:?}");
        let last = raw
            .rfind(back)
            .unwrap_or_else(|| panic!("{back:?} was never sent"));
        assert!(raw.rfind(taken).unwrap() < last, "{taken:?} after {back:?}");
    }
}

/// Starts the console in a separate demo environment under `folder`.
pub fn demo(folder: &Path, size: (u16, u16)) -> Terminal {
    demo_with(folder, size, &[], &[])
}

/// Like [`demo`], with additional options and variables.
pub fn demo_with(folder: &Path, size: (u16, u16), options: &[&str], variables: &[(&str, &str)]) -> Terminal {
    let state = folder.join("demo");
    let state = state.to_str().unwrap();
    let mut arguments = vec!["demo", "--state", state, "--image-size", "200000"];
    arguments.extend(options);
    Terminal::start_with(&arguments, size, variables)
}
