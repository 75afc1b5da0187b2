//! Tests the console in a pseudo-terminal against the demo environment: a publish and a rotation
//! key by key, and the terminal lent to programs, suspended, lost and restored.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

use crate::common;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Terminal, demo, demo_with, given_back, open_slave};
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionread;
use rustix::termios::{LocalModes, tcgetattr};

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
    terminal.see("it cannot be pasted");
    terminal.press("2025-01-27\r");
    let text = terminal.until("the end of the run", |screen| {
        screen.contains("done  started") && screen.contains("Released")
    });
    assert!(
        text.contains("2025-01/edge (ubuntu 22.04 amd64), latest/edge (ubuntu 22.04 amd64)  r49"),
        "{text}"
    );
    terminal.press("\u{1b}");
    terminal.see("1 new");
    terminal.resize(24, 80);
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
    terminal.see("0 of 6 current");
    terminal.press("R");
    terminal.see("in 6 repositories");
    // Scroll to what is below the screen.
    terminal.press("\u{1b}[6~");
    terminal.see("set-secret");
    terminal.press("\r");
    terminal.see("Type CHARMHUB_TOKEN to start");
    terminal.press("CHARMHUB_TOKEN\r");
    terminal.see("Sign in with Ubuntu One");
    terminal.press("releaser@legend.example\rwrong-password\r");
    // Shown in the dialog, which stays open for another attempt.
    terminal.until("the refusal", |screen| {
        screen.contains("what to do") && screen.contains("Sign in with Ubuntu One")
    });
    terminal.press("\u{1b}[200~demo-password\u{1b}[201~");
    terminal.press("\r");
    terminal.see("One-time password");
    terminal.press("123456\r");
    let text = terminal.until("the end of the run", |screen| screen.contains("done  started"));
    assert!(
        text.contains("set-secret") && !text.contains("demo-password"),
        "{text}"
    );
    terminal.press("\u{1b}");
    terminal.see("6 of 6 current");
    terminal.press("q");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    given_back(&raw);
    assert!(!raw.contains("wrong-password"), "a password was shown");
}

#[test]
fn a_tmux_that_hangs_is_given_up_after_a_second() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let tmux = folder.path().join("tmux");
    std::fs::write(&tmux, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&tmux, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", folder.path().display());
    let variables = [("PATH", path.as_str()), ("TMUX", "/nonexistent/tmux,1,0")];
    let mut terminal = demo_with(folder.path(), (24, 120), &[], &variables);
    terminal.see("2 new");
    terminal.press("y");
    terminal.see("tmux did not copy: no response within 1 s");
    terminal.quit();
}

/// Returns the mouse report for press (`M`) or release (`m`) of a button at a cell.
fn mouse(button: u8, x: u16, y: u16, end: char) -> String {
    format!("\u{1b}[<{button};{};{}{end}", x + 1, y + 1)
}

#[test]
fn the_mouse_drags_opens_and_is_released_and_a_recording_shows_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let (state, tape) = (folder.path().join("demo"), folder.path().join("tape"));
    let arguments = [
        "demo",
        "--state",
        state.to_str().unwrap(),
        "--record",
        tape.to_str().unwrap(),
    ];
    let mut terminal = Terminal::start(&arguments, (40, 120));
    terminal.see("2 new");
    assert!(String::from_utf8_lossy(terminal.raw()).contains("\u{1b}]0;windlass legend\u{7}"));
    // Drag the border between the columns to the right; the widest row of the loaded panes
    // determines its position.
    let border = |screen: &str| {
        let line = screen.lines().nth(1).unwrap_or_default();
        line.chars().position(|c| c == '┐')
    };
    terminal.settle();
    let at = u16::try_from(border(&terminal.text()).unwrap()).unwrap();
    let to = at + 12;
    terminal.press(&(mouse(0, at, 6, 'M') + &mouse(32, at + 5, 6, 'M') + &mouse(32, to, 6, 'M')));
    terminal.press(&mouse(0, to, 6, 'm'));
    terminal.until("a wider pane", |screen| {
        border(screen).is_some_and(|now| now.abs_diff(usize::from(to)) <= 1)
    });
    // Two clicks on the first release open it. They are sent together: a console that is not
    // scheduled between them would see two single clicks.
    let clicks = ['M', 'm', 'M', 'm'].map(|end| mouse(0, 5, 2, end));
    terminal.press(&clicks.concat());
    terminal.see("Release 2025-01-27");
    let raw = String::from_utf8_lossy(terminal.raw()).into_owned();
    let link = "https://github.com/finos/legend/tree/master/releases/2025-01-27\u{1b}\\2\u{1b}]8;;\u{1b}\\";
    assert!(raw.contains(link), "every cell is a link of its own");
    terminal.press("\u{1b}");
    terminal.until("the panes", |screen| !screen.contains("Release 2025-01-27"));
    terminal.press("m");
    terminal.see("mouse released");
    let raw = String::from_utf8_lossy(terminal.raw()).into_owned();
    assert!(raw.rfind("\u{1b}[?1000l").unwrap() > raw.rfind("\u{1b}[?1000h").unwrap());
    terminal.press("?");
    let shown = terminal.see("Help: type words or a key");
    terminal.press("\u{1b}");
    terminal.until("the panes", |screen| !screen.contains("Help:"));
    terminal.press("q");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    given_back(&raw);

    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&tape).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let recorded = std::fs::read_to_string(&tape).unwrap();
    let lines: Vec<&str> = recorded.lines().collect();
    let last = |key: &str| lines.iter().rposition(|line| *line == key).unwrap();
    let (opened, closed) = (last(r#"{"key":"?"}"#), last(r#"{"key":"esc"}"#));
    let replayed = |end: usize| {
        let look = windlass::console::view::look::Look::FULL;
        windlass::console::record::replay(lines[..end].iter().copied(), look).unwrap()
    };
    // A frame shows everything that happened before it, which may be more than the key that opened
    // help: an age that changed, an answer that arrived.
    let same = |end| drawn(&replayed(end).model) == tidy(&shown);
    if !(opened + 1..=closed).any(same) {
        let first = replayed(opened + 1);
        let after = &lines[opened..=closed];
        assert_eq!(
            drawn(&first.model),
            tidy(&shown),
            "left out: {:?}, then {after:?}",
            first.left_out
        );
    }
}

/// Returns the screen of a console, without blanks at the ends of lines.
fn drawn(model: &windlass::console::Model) -> String {
    let backend = ratatui::backend::TestBackend::new(model.columns, model.lines);
    let mut terminal = ratatui::Terminal::new(backend).unwrap();
    terminal
        .draw(|frame| {
            windlass::console::view::draw(model, frame);
        })
        .unwrap();
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(model.columns));
    let text: Vec<String> = lines
        .map(|cells| cells.iter().map(ratatui::buffer::Cell::symbol).collect())
        .collect();
    tidy(&text.join("\n"))
}

fn tidy(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

#[test]
fn a_pager_gets_the_terminal_and_what_interrupts_it_ends_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (state, pager) = (folder.path().join("demo"), folder.path().join("my pager"));
    // Reads the text, then a line from the terminal itself, in line mode with echo.
    let script = "#!/bin/sh\ntrap 'echo INTERRUPTED' INT\ntrap '' QUIT\nlines=$(wc -l)\n\
                  echo \"PAGED $1 ${GITHUB_TOKEN:-no-token} $((lines > 3))\"\n\
                  while ! read answer < /dev/tty; do :; done\necho \"READ $answer\"\n";
    std::fs::write(&pager, script).unwrap();
    std::fs::set_permissions(&pager, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let command = format!("'{}' \"a $HOME b\"", pager.display());
    let variables = [
        ("PAGER", command.as_str()),
        ("GITHUB_TOKEN", "planted-token-value"),
    ];
    let arguments = ["demo", "--state", state.to_str().unwrap()];
    let mut terminal = Terminal::start_with(&arguments, (24, 80), &variables);
    terminal.see("2 new");
    terminal.press("\r");
    terminal.see("Release 2025-01-27");
    terminal.press("v");
    // Nothing was expanded, no token was inherited, the text arrived.
    terminal.see("PAGED a $HOME b no-token 1");
    given_back(&String::from_utf8_lossy(terminal.raw()));
    terminal.press("\u{3}");
    terminal.see("INTERRUPTED");
    // Keys of the console are plain text for the pager, which ignores Ctrl-\.
    terminal.press("\u{1c}quit\r");
    terminal.until("the dialog again", |screen| {
        screen.contains("Release 2025-01-27") && !screen.contains("PAGED")
    });
    terminal.drawn_anew();
    assert!(String::from_utf8_lossy(terminal.raw()).contains("READ quit"));
    // At the moment the pager exits.
    terminal.press("\u{1b}");
    terminal.see("1 Releases");
    terminal.press("q");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    given_back(&raw);
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("demo");
    let variables = [
        ("PS1", "SHELL> "),
        ("ENV", ""),
        ("HOME", folder.path().to_str().unwrap()),
    ];
    let mut terminal = Terminal::start_program("/bin/sh", &["-i"], (24, 80), &variables);
    terminal.see("SHELL>");
    terminal.press(&format!(
        "{} demo --state {}\r",
        env!("CARGO_BIN_EXE_windlass"),
        state.display()
    ));
    terminal.see("2 new");
    terminal.press("\u{1a}");
    terminal.asked("SHELL>", 2);
    given_back(&String::from_utf8_lossy(terminal.raw()));
    terminal.press("echo still-$((40 + 2))\r");
    terminal.see("still-42");
    terminal.asked("SHELL>", 3);
    terminal.press("fg\r");
    terminal.see("1 Releases");
    // It reads keys again.
    terminal.press("?");
    terminal.see("Help: type words or a key");
    terminal.press("\u{1b}");
    terminal.until("the panes", |screen| !screen.contains("Help:"));
    terminal.press("q");
    terminal.sees_the_shell();
    terminal.asked("SHELL>", 4);
    given_back(&String::from_utf8_lossy(terminal.raw()));
    terminal.press("exit\r");
    terminal.end();
}

#[test]
fn a_terminal_that_hangs_up_in_the_middle_of_a_run_leaves_a_run_that_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = demo(folder.path(), (40, 120));
    terminal.see("2 new");
    terminal.press("p");
    terminal.see("17 changes");
    terminal.press("\r");
    terminal.see("Type 2025-01-27 to start");
    terminal.press("2025-01-27\r");
    // It has begun: from here on it is in the journal.
    terminal.see("started");
    let pid = terminal.child.process_id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-HUP", &pid])
            .status()
            .unwrap()
            .success()
    );
    let (code, raw) = terminal.end();
    assert_eq!(code, 130);
    given_back(&raw);
    // The journal is intact: it contains the run, and a resume completes it.
    let mut terminal = demo(folder.path(), (40, 120));
    terminal.see("Publish");
    terminal.press("5\r");
    let text = terminal.until("the run", |screen| screen.contains("started"));
    if !text.contains("done  started") {
        terminal.press("r");
        terminal.see("Type 2025-01-27 to continue");
        terminal.press("2025-01-27\r");
    }
    terminal.until("its end", |screen| screen.contains("done  started"));
    terminal.press("\u{1b}");
    terminal.see("1 Releases");
    terminal.press("q");
    terminal.end();
}

#[test]
fn a_panic_gives_the_terminal_back_and_leaves_a_report_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("demo");
    let variables = [
        ("WINDLASS_TEST_PANIC_AT_FRAME", "2"),
        ("GITHUB_TOKEN", "planted-token-value"),
    ];
    let arguments = ["demo", "--state", state.to_str().unwrap()];
    let terminal = Terminal::start_with(&arguments, (24, 80), &variables);
    let (code, raw) = terminal.end();
    assert_eq!(code, 101);
    given_back(&raw);
    let told = &raw[raw.rfind("\u{1b}[?1049l").unwrap()..];
    let crashes = state.join("windlass").join("crashes");
    let report = std::fs::read_dir(&crashes)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let flat = told.replace(['\r', '\n'], "");
    assert!(flat.contains(report.to_str().unwrap()), "{told}");
    assert!(
        told.contains("windlass resume") && !told.contains("sesame"),
        "{told}"
    );
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(
        text.contains("on purpose") && text.contains("FirstFrame"),
        "{text}"
    );
    assert!(!text.contains("sesame") && !text.contains("planted"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&report).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
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

/// Starts the console in a terminal whose output is never read, and returns once its buffer is
/// full.
fn unread_console(folder: &Path) -> (Box<dyn Child + Send + Sync>, Box<dyn MasterPty + Send>) {
    let size = PtySize {
        rows: 50,
        cols: 200,
        ..PtySize::default()
    };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_windlass"));
    let state = folder.join("demo");
    command.args([
        "demo",
        "--image-size",
        "200000",
        "--state",
        state.to_str().unwrap(),
    ]);
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    let mut child = pair.slave.spawn_command(command).unwrap();
    let mut keys = pair.master.take_writer().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let room = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    loop {
        let slave = open_slave(pair.master.as_ref());
        // Space for a byte is not space for a frame: a terminal counts as full once it stays full.
        let mut writable = [PollFd::new(&slave, PollFlags::OUT)];
        if poll(&mut writable, Some(&Timespec::default())).unwrap() == 0 {
            break;
        }
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none());
        // Every zoom redraws the whole screen.
        keys.write_all(b"z").unwrap();
        assert_eq!(poll(&mut [], Some(&room)).unwrap(), 0);
    }
    (child, pair.master)
}

/// Waits for the exit of `child`, for a bounded time: a console that does not end must fail the
/// test and not hang it.
fn ended_in_time(child: &mut dyn Child, what: &str) -> ExitStatus {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("{what}: the console did not end");
        }
        // Polls, because the exit of a process is not signalled here.
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_unread_terminal_does_not_keep_the_console_from_ending() {
    for signal in ["-TERM", "-HUP", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, master) = unread_console(folder.path());
        let pid = child.process_id().unwrap().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = ended_in_time(child.as_mut(), signal);
        assert_eq!(status.exit_code(), 130, "{signal}");
        let modes = tcgetattr(open_slave(master.as_ref())).unwrap().local_modes;
        assert!(
            modes.contains(LocalModes::ICANON | LocalModes::ECHO),
            "{signal}: {modes:?}"
        );
        // Unread output was discarded, so that the terminal itself could be restored.
        let mut left = Vec::new();
        let mut reader = master.try_clone_reader().unwrap();
        drop(master);
        drop(reader.read_to_end(&mut left));
        let left = String::from_utf8_lossy(&left);
        assert!(
            left.contains("\u{1b}[?1049l") && left.ends_with("\u{1b}[?25h"),
            "{signal}: {left:?}"
        );
    }
}

#[test]
fn an_unread_pipe_does_not_keep_a_command_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // A pipe holds 16 pages; the manual needs more than the six that are left.
    let page = 4096;
    writer.write_all(&vec![0; 10 * page]).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .arg("man")
        .env("WINDLASS_STATE_DIR", folder.path())
        .stdout(writer)
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while ioctl_fionread(&reader).unwrap() <= 15 * page as u64 {
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
