//! Tests changes made from the console, key by key in a pseudo-terminal: resuming, rolling back,
//! quitting during a run, and a signal during one. Publish and rotation are in `console_terminal`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Terminal, demo, demo_with, published_state};
use windlass::journal::Journal;

const SIZE: (u16, u16) = (40, 120);

fn ready(folder: &Path) -> Terminal {
    let mut terminal = demo(folder, SIZE);
    terminal.see("2 new");
    terminal
}

/// Types the confirmation word of the dialog.
#[track_caller]
fn confirm(terminal: &mut Terminal) -> String {
    terminal.press("\r");
    answer(terminal)
}

#[track_caller]
fn answer(terminal: &mut Terminal) -> String {
    let asked = |screen: &str| {
        let (_, word) = screen.split_once("Type ")?;
        let (word, rest) = word.split_once(" to ")?;
        (rest.starts_with("start") || rest.starts_with("continue")).then(|| word.to_owned())
    };
    let text = terminal.until("the question", |screen| asked(screen).is_some());
    let word = asked(&text).unwrap();
    terminal.press(&format!("{word}\r"));
    word
}

#[track_caller]
fn done(terminal: &mut Terminal) {
    terminal.until("the end of the run", |screen| screen.contains("done  started"));
}

/// Returns the requests that changed something, as logged by the demo environment under `folder`.
fn writes(folder: &Path) -> Vec<String> {
    common::writes_in(&folder.join("demo"))
}

fn ending(written: &[String], end: &str) -> usize {
    written.iter().filter(|line| line.ends_with(end)).count()
}

#[test]
fn a_release_is_published_promoted_and_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = ready(folder.path());
    terminal.press("p");
    terminal.see("17 changes");
    assert_eq!(confirm(&mut terminal), "2025-01-27");
    done(&mut terminal);
    let published = writes(folder.path());
    assert_eq!(ending(&published, "/git/refs 201"), 1, "{published:#?}");
    assert_eq!(ending(&published, "/releases 200"), 4, "{published:#?}");

    terminal.press("\x1b");
    terminal.see("1 new");
    terminal.press("1P");
    terminal.see("to 2025-01/candidate");
    terminal.press("\r");
    terminal.see("7 of them changes");
    assert_eq!(confirm(&mut terminal), "2025-01-27");
    done(&mut terminal);
    let promoted = writes(folder.path()).split_off(published.len());
    assert_eq!(ending(&promoted, "/releases 200"), 4, "{promoted:#?}");

    // From the run screen itself.
    terminal.press("b");
    terminal.see("4 of them changes");
    let word = confirm(&mut terminal);
    assert!(
        word.len() == 4 && word.chars().all(|c| c.is_ascii_hexdigit()),
        "{word}"
    );
    done(&mut terminal);
    let before = published.len() + promoted.len();
    let back = writes(folder.path()).split_off(before);
    assert_eq!(ending(&back, "/releases 200"), 4, "{back:#?}");
    assert!(back.iter().all(|line| line.contains("/releases")), "{back:#?}");
    terminal.press("\x1b");
    terminal.see("1 Releases");
    terminal.quit();
}

#[test]
fn a_release_is_held_and_the_hold_is_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = ready(folder.path());
    terminal.press("1H");
    terminal.see("not held → held");
    assert_eq!(confirm(&mut terminal), "yes");
    done(&mut terminal);
    terminal.press("\x1b");
    terminal.until("the mark", |screen| {
        screen
            .lines()
            .any(|line| line.contains("2025-01-27") && line.contains("held"))
    });
    terminal.press("1H");
    terminal.until("the plan", |screen| {
        screen.contains("Remove the hold of 2025-01-27") && screen.contains("1 step, 1 change")
    });
    confirm(&mut terminal);
    done(&mut terminal);
    let written = writes(folder.path());
    assert_eq!(written.len(), 2, "{written:#?}");
    assert!(written[0].ends_with("/git/refs 201"), "{written:#?}");
    assert!(written[1].contains(" DELETE "), "{written:#?}");
    terminal.press("\x1b");
    terminal.see("2 new");
    terminal.quit();
}

#[test]
fn a_word_that_is_not_the_one_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = ready(folder.path());
    terminal.press("p");
    terminal.see("17 changes");
    terminal.press("\r");
    terminal.see("Type 2025-01-27 to start");
    for wrong in ["yes\r", "\x152025-01-28\r", "\x15\r"] {
        terminal.press(wrong);
        terminal.see("Type 2025-01-27 to start");
    }
    // Esc alone: together with the next character it would be another key.
    terminal.press("\x1b");
    terminal.lose("Type 2025-01-27");
    terminal.press("\x1b");
    terminal.see("2 new");
    terminal.quit();
    assert_eq!(writes(folder.path()), Vec::<String>::new());
}

/// Starts a demo environment whose store is slow for every change.
fn slow(folder: &Path) -> Terminal {
    let faults = folder.join("faults.toml");
    let text = "[[fault]]\nservice = 'charmhub'\nmethod = 'POST'\npath = '*'\nevery = true\nlatency = 1.5\n";
    std::fs::write(&faults, text).unwrap();
    let mut terminal = demo_with(folder, SIZE, &["--faults", faults.to_str().unwrap()], &[]);
    terminal.see("2 new");
    terminal.press("p");
    terminal.see("17 changes");
    confirm(&mut terminal);
    // Shown as running as soon as it is started; once it has begun it is in the journal.
    terminal.see("started");
    terminal
}

#[test]
fn leaving_while_a_run_goes_on_asks_and_then_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = slow(folder.path());
    terminal.press("q");
    terminal.see("A run is in progress. Leave?");
    terminal.press("\x1b");
    terminal.lose("A run is in progress. Leave?");
    terminal.see("running");
    terminal.press("q");
    terminal.see("A run is in progress. Leave?");
    terminal.press("x");
    terminal.ends_well();
    let written = writes(folder.path());
    assert_eq!(ending(&written, "/git/refs 201"), 0, "{written:#?}");

    // What it left unfinished is shown at the next start, and can be resumed.
    let mut terminal = demo(folder.path(), SIZE);
    terminal.see("cancelled");
    terminal.press("5r");
    answer(&mut terminal);
    done(&mut terminal);
    let written = writes(folder.path());
    assert_eq!(ending(&written, "/git/refs 201"), 1, "{written:#?}");
    assert_eq!(ending(&written, "/releases 200"), 4, "{written:#?}");
    terminal.press("\x1b");
    terminal.see("1 Releases");
    terminal.quit();
}

#[test]
fn ctrl_c_twice_leaves_at_once_and_the_run_can_be_settled() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = slow(folder.path());
    terminal.press("\x03");
    terminal.see("A run is in progress. Leave?");
    terminal.press("\x03");
    terminal.ends_well();
    let mut terminal = demo(folder.path(), SIZE);
    terminal.see("2 new");
    terminal.press("5");
    terminal.see("resume");
    terminal.press("r");
    answer(&mut terminal);
    done(&mut terminal);
    let written = writes(folder.path());
    assert_eq!(ending(&written, "/releases 200"), 4, "{written:#?}");
    terminal.press("\x1b");
    terminal.see("1 Releases");
    terminal.quit();
}

#[test]
fn a_signal_ends_a_run_in_an_unread_terminal_and_a_resume_completes_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = ready(folder.path());
    terminal.press("p");
    terminal.see("17 changes");
    confirm(&mut terminal);
    done(&mut terminal);
    terminal.press("\x1b");
    terminal.see("1 new");
    terminal.quit();
    let undisturbed = published_state(&folder.path().join("demo"));

    for signal in ["-TERM", "-HUP", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut terminal = slow(folder.path());
        terminal.leave_unread(SIZE);
        let pid = terminal.child.process_id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success(), "{signal}");
        // "Within seconds": the store answers a write after 1.5.
        let code = terminal.exits_within(Duration::from_secs(15));
        assert_eq!(code, 130, "{signal}");
        assert!(terminal.is_in_line_mode(), "{signal}");
        drop(terminal);
        let written = writes(folder.path());
        assert_eq!(ending(&written, "/git/refs 201"), 0, "{signal}: {written:#?}");
        assert!(
            Journal::is_sound(&folder.path().join("demo/windlass")),
            "{signal}"
        );

        let mut terminal = ready(folder.path());
        terminal.press("5");
        terminal.see("resume");
        terminal.press("r");
        answer(&mut terminal);
        done(&mut terminal);
        terminal.press("\x1b");
        terminal.see("1 Releases");
        terminal.quit();
        let state = published_state(&folder.path().join("demo"));
        assert_eq!(state, undisturbed, "{signal}");
        let written = writes(folder.path());
        assert_eq!(ending(&written, "/releases 200"), 4, "{signal}: {written:#?}");
    }
}
