//! The console in a real pseudo-terminal, on the embedded world: a publish and a rotation key by
//! key, and the terminal given back on leaving and on SIGTERM.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod common;

use std::process::Command;

use common::{demo, given_back};

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
