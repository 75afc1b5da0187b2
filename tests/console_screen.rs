//! Tests reading and navigating the console in a pseudo-terminal: sizes, locales, colours, mouse,
//! filter, help, and arbitrary input.
//!
//! These tests change nothing, so they share one demo environment, and its request log is checked
//! for writes at the end.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

use common::{Client, Terminal, world, writes};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use windlass::demo::World;

/// A demo environment that lives as long as a test needs it.
struct Shared {
    runtime: Runtime,
    world: Option<World>,
    dir: TempDir,
}

static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

impl Shared {
    fn get() -> Arc<Self> {
        let mut kept = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(shared) = kept.upgrade() {
            return shared;
        }
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let world = runtime.block_on(world(dir.path(), ""));
        // Read once: every console starts with this snapshot, so that the tests together do not use
        // up the free pulls of Docker Hub.
        Client::new(&world, dir.path()).run(&["status"]).with(0);
        let shared = Arc::new(Self {
            runtime,
            world: Some(world),
            dir,
        });
        *kept = Arc::downgrade(&shared);
        shared
    }

    fn world(&self) -> &World {
        self.world.as_ref().unwrap()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(world) = self.world.take() {
            let written = writes(&world);
            self.runtime.block_on(world.stop());
            if !std::thread::panicking() {
                assert_eq!(written, Vec::<String>::new(), "the world was changed");
            }
        }
        assert!(self.dir.path().exists());
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// A console on the shared environment, with a separate journal.
struct Desk {
    shared: Arc<Shared>,
    state: TempDir,
}

impl Desk {
    fn new() -> Self {
        let (shared, state) = (Shared::get(), tempfile::tempdir().unwrap());
        copy(
            &shared.dir.path().join("state/cache"),
            &state.path().join("cache"),
        );
        Self { shared, state }
    }

    fn open(&self, size: (u16, u16)) -> Terminal {
        self.open_with(size, &[], &[])
    }

    fn open_with(&self, size: (u16, u16), options: &[&str], more: &[(&str, &str)]) -> Terminal {
        let environment = self.shared.world().environment();
        let state = self.state.path().display().to_string();
        let mut variables: Vec<(&str, &str)> = environment
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        variables.extend([
            ("WINDLASS_STATE_DIR", state.as_str()),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent"),
        ]);
        variables.extend(more);
        Terminal::start_with(options, size, &variables)
    }

    /// Like [`Desk::open`], once everything has been read.
    fn ready(&self, size: (u16, u16)) -> Terminal {
        self.ready_with(size, &[], &[])
    }

    fn ready_with(&self, size: (u16, u16), options: &[&str], more: &[(&str, &str)]) -> Terminal {
        let mut terminal = self.open_with(size, options, more);
        terminal.settle();
        terminal
    }
}

const PANES: [&str; 5] = [
    "1 Releases",
    "2 Channels",
    "3 Charms",
    "4 Credentials",
    "5 Activity",
];

#[test]
fn a_terminal_of_any_size_gets_a_first_frame_of_its_own() {
    let desk = Desk::new();
    for (rows, columns) in [(40, 120), (60, 200)] {
        let mut terminal = desk.ready((rows, columns));
        let text = terminal.text();
        for pane in PANES {
            assert!(text.contains(pane), "{columns}x{rows} shows no {pane}\n{text}");
        }
        let last = text.lines().nth(usize::from(rows) - 1).unwrap();
        assert!(last.trim_end().ends_with("q quit"), "{text}");
        assert!(terminal.parser.screen().alternate_screen());
        assert!(terminal.parser.screen().hide_cursor());
        terminal.see("windlass");
        terminal.quit();
    }
    let terminal = desk.ready((24, 80));
    let text = terminal.text();
    assert!(!text.contains("3 Charms ──"), "one pane at a time\n{text}");
    assert!(
        text.lines().nth(23).unwrap().trim_end().ends_with("q quit"),
        "{text}"
    );
    terminal.quit();

    let terminal = desk.ready((10, 40));
    let text = terminal.text();
    assert!(text.contains("2025-01-27"), "{text}");
    assert!(text.trim_end().ends_with("q quit"), "{text}");
    terminal.quit();

    let mut terminal = desk.open((9, 40));
    terminal.see("windlass needs 40x10, this is 40x9");
    terminal.quit();
}

#[test]
fn a_storm_of_sizes_ends_in_a_sound_frame() {
    let desk = Desk::new();
    let mut terminal = desk.ready((40, 120));
    let mut random = Random(7);
    for _ in 0..80 {
        let (rows, columns) = (1 + random.below(60) as u16, 1 + random.below(220) as u16);
        terminal.resize(rows, columns);
    }
    terminal.resize(8, 42);
    terminal.see("this is 42x8");
    terminal.resize(40, 120);
    let text = terminal.until("all panes", |screen| {
        PANES.iter().all(|pane| screen.contains(pane))
    });
    let frames = text.lines().filter(|line| line.starts_with('┌')).count();
    assert_eq!(frames, 2, "two rows of panes\n{text}");
    terminal.quit();
}

#[test]
fn a_filter_narrows_the_rows_and_escape_brings_them_back() {
    let desk = Desk::new();
    let mut terminal = desk.ready((40, 120));
    terminal.press("1/2023-07-03");
    terminal.until("the filtered rows", |screen| {
        screen.contains("/2023-07-03") && screen.contains("2023-07-03_4") && !screen.contains("2024-01-08")
    });
    terminal.press("\r");
    terminal.see("esc all rows");
    assert!(!terminal.text().contains("2024-01-08"));
    terminal.press("\x1b");
    terminal.see("2024-01-08");
    // Letters bound to actions elsewhere are text in the field.
    terminal.press("/q");
    terminal.see("/q");
    terminal.press("\x1b");
    terminal.see("2024-01-08");
    terminal.quit();
}

#[test]
fn zoom_gives_a_pane_the_screen_and_puts_it_back() {
    let desk = Desk::new();
    let mut terminal = desk.ready((40, 120));
    terminal.press("3z");
    let text = terminal.until("one pane", |screen| {
        screen.contains("finos-legend-engine-k8s") && !screen.contains("2023-11-08")
    });
    assert_eq!(
        text.lines().filter(|line| line.starts_with('┌')).count(),
        1,
        "{text}"
    );
    terminal.press("z");
    terminal.see("2023-11-08");
    terminal.quit();
}

#[test]
fn help_finds_an_action_by_its_words() {
    let desk = Desk::new();
    let mut terminal = desk.ready((40, 120));
    terminal.press("?");
    terminal.lose("z zoom  ");
    terminal.press("only this pane");
    terminal.see("zoom");
    terminal.press("\x1b");
    terminal.see("z zoom  ");
    terminal.quit();
}

#[test]
fn the_mouse_selects_a_row_and_presses_what_the_footer_shows() {
    let desk = Desk::new();
    let mut terminal = desk.ready((40, 120));
    terminal.see("▸ 2025-01-27");
    terminal.click("2023-12-05");
    terminal.see("▸ 2023-12-05");
    terminal.click("z zoom");
    terminal.lose("finos-legend-sdlc-k8s");
    terminal.click("z zoom");
    terminal.see("finos-legend-sdlc-k8s");
    terminal.click("finos-legend-sdlc-k8s");
    terminal.see("▸ finos-legend-sdlc-k8s");
    // Next to everything that can be clicked.
    terminal.press("\x1b[<0;1;1M\x1b[<0;1;1m\x1b[<2;5;5M\x1b[<35;9;9M\x1b[<0;999;999M");
    terminal.click("q quit");
    terminal.ends_well();
}

#[test]
fn the_wheel_moves_the_pane_under_it() {
    let desk = Desk::new();
    let mut terminal = desk.ready((40, 120));
    let (row, column) = terminal.place("2025-01-27");
    terminal.press(&format!("\x1b[<65;{column};{row}M"));
    terminal.lose("▸ 2025-01-27");
    terminal.press(&format!("\x1b[<64;{column};{row}M"));
    terminal.see("▸ 2025-01-27");
    terminal.quit();
}

#[test]
fn a_locale_without_unicode_gets_ascii() {
    let desk = Desk::new();
    let ascii = |terminal: &Terminal| {
        let text = terminal.text();
        let odd: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
        assert!(odd.is_empty(), "{odd:?}\n{text}");
    };
    let mut terminal = desk.ready_with((40, 120), &[], &[("LANG", "C"), ("LC_ALL", "C")]);
    ascii(&terminal);
    assert!(terminal.text().contains("+ 1 Releases -"), "{}", terminal.text());
    for (keys, seen) in [("p", "17 changes"), ("\r", "Type 2025-01-27 to start")] {
        terminal.press(keys);
        terminal.see(seen);
        ascii(&terminal);
    }
    terminal.leave();
    let terminal = desk.ready((40, 120));
    assert!(terminal.text().contains("┌ 1 Releases ─"), "{}", terminal.text());
    terminal.quit();
}

#[test]
fn plain_is_ascii_without_borders_and_tells_the_same() {
    let desk = Desk::new();
    for size in [(40, 120), (24, 80)] {
        let terminal = desk.ready_with(size, &["--plain"], &[]);
        let text = terminal.text();
        assert!(text.is_ascii(), "{text}");
        assert!(!text.lines().any(|line| line.starts_with(['+', '|'])), "{text}");
        assert!(text.contains("Releases") && text.contains("2025-01-27"), "{text}");
        terminal.quit();
    }
}

/// Returns the numbers of every SGR sequence in `raw`.
fn graphics(raw: &str) -> Vec<Vec<u32>> {
    raw.split("\x1b[")
        .filter_map(|piece| {
            let end = piece.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
            let numbers = piece[..end].split([';', ':']).map(|n| n.parse().unwrap_or(0));
            piece[end..].starts_with('m').then(|| numbers.collect())
        })
        .collect()
}

/// Returns true if a sequence sets a colour; 39, 49 and 59 reset it.
fn colours(numbers: &[u32]) -> bool {
    let colour = |n: &u32| matches!(n, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107);
    numbers.iter().any(colour)
}

#[test]
fn no_color_means_no_colour_bytes() {
    let desk = Desk::new();
    let coloured = desk.ready((40, 120)).quit();
    assert!(graphics(&coloured).iter().any(|one| colours(one)));
    for (options, variables) in [(&["--no-color"][..], &[][..]), (&[], &[("NO_COLOR", "1")])] {
        let mut terminal = desk.ready_with((40, 120), options, variables);
        terminal.press("p");
        terminal.see("17 changes");
        terminal.press("\x1b");
        terminal.see("1 Releases");
        let raw = terminal.leave();
        let all = graphics(&raw);
        assert!(!all.is_empty());
        let found: Vec<_> = all.iter().filter(|one| colours(one)).collect();
        assert!(found.is_empty(), "{options:?} {variables:?}: {found:?}");
    }
}

#[test]
fn a_dumb_terminal_is_told_what_else_there_is() {
    let desk = Desk::new();
    let (code, raw) = desk.open_with((24, 80), &[], &[("TERM", "dumb")]).end();
    assert_eq!(code, 2, "{raw}");
    assert!(
        raw.contains("this terminal (TERM=dumb) cannot move the cursor"),
        "{raw}"
    );
    assert!(raw.contains("windlass status"), "{raw}");
    assert!(!raw.contains("\x1b["), "{raw:?}");
}

#[test]
fn a_read_only_console_plans_and_says_why_it_does_not_publish() {
    let desk = Desk::new();
    let mut terminal = desk.ready_with((40, 120), &["--read-only"], &LENT);
    terminal.see("read-only");
    terminal.press("p");
    terminal.see("17 changes");
    terminal.see("read-only: this plan can be reviewed but not run");
    terminal.press("\r");
    terminal.see("start without --read-only to make changes");
    assert!(!terminal.text().contains("to start."), "{}", terminal.text());
    terminal.leave();
}

/// Reproducible random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn bytes(&mut self, count: usize, without: &[u8]) -> Vec<u8> {
        let all = std::iter::repeat_with(|| (self.next() >> 24) as u8);
        all.filter(|byte| !without.contains(byte)).take(count).collect()
    }
}

/// Programs that return from the terminal at once.
const LENT: [(&str, &str); 2] = [("PAGER", "true"), ("EDITOR", "true")];

#[test]
fn garbage_neither_breaks_it_nor_holds_it() {
    let desk = Desk::new();
    for seed in [1_u64, 20_250_127, 0xdead_beef] {
        println!("seed {seed}");
        let mut random = Random(seed);
        let mut terminal = desk.ready_with((40, 120), &["--read-only"], &LENT);
        // q and Ctrl-C quit, as they should, so they are left out. o would open a browser, Ctrl-Z
        // stops.
        for _ in 0..16 {
            terminal.send(&random.bytes(512, b"q\x03o\x1a"));
            let (rows, columns) = (12 + random.below(40) as u16, 50 + random.below(120) as u16);
            terminal.resize(rows, columns);
        }
        let raw = terminal.leave();
        assert!(!raw.contains("panicked"), "seed {seed}");
    }
}

#[test]
fn garbage_with_everything_in_it_ends_well_at_the_latest_by_q() {
    let desk = Desk::new();
    for seed in [3_u64, 4_294_967_291] {
        println!("seed {seed}");
        let mut random = Random(seed);
        let mut terminal = desk.ready_with((24, 80), &["--read-only"], &LENT);
        terminal.send(&random.bytes(2048, b"o\x1a"));
        let raw = terminal.leave();
        assert!(!raw.contains("panicked"), "seed {seed}");
    }
}

#[test]
fn ctrl_c_leaves_from_any_dialog() {
    let desk = Desk::new();
    for keys in ["?", "/", "p", "\r"] {
        let mut terminal = desk.ready((40, 120));
        terminal.press(keys);
        terminal.press("\x03");
        terminal.ends_well();
    }
}

#[test]
fn standard_input_without_a_terminal_is_refused_before_anything_is_drawn() {
    let desk = Desk::new();
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .envs(desk.shared.world().environment())
        .env("WINDLASS_STATE_DIR", desk.state.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(!Path::new(&desk.state.path().join("panes")).exists());
}
