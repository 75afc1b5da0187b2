//! Tests the dependencies between modules, the purity of three of them, and the size of files, by
//! reading the source text under `src/`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules it may use; it may always use itself.
const MODULES: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("config", &["domain"]),
    ("plan", &["domain", "config"]),
    ("journal", &["domain", "config", "plan"]),
    ("services", &["domain", "config", "plan", "journal"]),
    ("observe", &["domain", "config", "plan", "journal", "services"]),
    (
        "run",
        &["domain", "config", "plan", "journal", "services", "observe"],
    ),
    ("demo", &["domain"]),
    (
        "console",
        &[
            "domain", "config", "plan", "journal", "services", "observe", "run", "demo",
        ],
    ),
    (
        "cli",
        &[
            "domain", "config", "plan", "journal", "services", "observe", "run", "demo",
        ],
    ),
];

/// Names that pure modules must not contain: runtimes, sockets, files, processes, clocks,
/// randomness.
const IMPURE: [&str; 12] = [
    "tokio",
    "reqwest",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "rand",
    "uuid",
];

/// Calls that open a file.
const OPENS: [&str; 8] = [
    "File::open(",
    "File::create(",
    "File::create_new(",
    "File::options(",
    "OpenOptions::new(",
    "fs::read(",
    "fs::read_to_string(",
    "fs::copy(",
];

/// Files that may open files, and why. `config/file.rs` opens everything that is read: a pipe or a
/// device is refused there. The demo environment reads only what it wrote itself.
const OPENERS: [(&str, &str); 8] = [
    ("config/file.rs", "opens what is read, and locks"),
    ("services/private_file.rs", "creates files, never reads"),
    (
        "services/local_image/layer_cache.rs",
        "sets the age of a layer, never reads",
    ),
    ("journal/lineage.rs", "creates its key, never reads"),
    ("journal/aside.rs", "repairs the header of its own copy"),
    ("cli/config_new.rs", "writes the file that the operator names"),
    ("cli/actions_job.rs", "appends to the summary of a job"),
    ("console/shell/marker.rs", "creates an empty marker"),
];

const LONGEST: usize = 600;
const LONGEST_MAIN: usize = 50;

#[test]
fn modules_use_only_the_modules_above_them() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some((module, allowed)) = module_of(&path) else {
            continue;
        };
        for (line, used) in modules_used(&production(&text)) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{path}:{line}: {module} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_touch_nothing() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !is_pure(&path) {
            continue;
        }
        for (line, word) in impure(&production(&text)) {
            wrong.push(format!("{path}:{line}: {word}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_opened_by_one_module() {
    let mut wrong = Vec::new();
    let mut openers = Vec::new();
    for (path, text) in sources() {
        if is_test_file(&path) || path.starts_with("demo") {
            continue;
        }
        let found = opens(&production(&text));
        if OPENERS.iter().any(|(opener, _)| *opener == path) {
            openers.extend(found.first().map(|_| path));
        } else {
            wrong.extend(
                found
                    .into_iter()
                    .map(|(line, call)| format!("{path}:{line}: {call}) instead of config::file")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(openers.len(), OPENERS.len(), "listed without need: {openers:?}");
}

#[test]
fn modules_open_with_what_they_own_and_stay_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//!") {
            wrong.push(format!("{path}: does not open with //!"));
        }
        let lines = text.lines().count();
        let limit = if path == "main.rs" { LONGEST_MAIN } else { LONGEST };
        if lines >= limit && !is_test_file(&path) {
            wrong.push(format!("{path}: {lines} lines, the limit is {limit}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_directory_is_a_crate_or_the_command_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, ["cli", "console", "core", "demo", "domain", "services"]);
    for crate_directory in found.iter().filter(|name| *name != "cli") {
        assert!(
            root.join(crate_directory).join("Cargo.toml").is_file(),
            "{crate_directory}"
        );
    }
}

// ---- the matchers, and tests of them

#[test]
fn the_matchers_find_what_they_must() {
    let used =
        |text: &str| -> Vec<String> { modules_used(text).into_iter().map(|(_, module)| module).collect() };
    assert_eq!(used("use crate::demo::World;"), ["demo"]);
    assert_eq!(
        used("use crate::{domain::Problem, run::{self, Session}};"),
        ["domain", "run"]
    );
    assert_eq!(
        used("use crate::{\n    cli,\n    plan::{Op, Step},\n};"),
        ["cli", "plan"]
    );
    assert_eq!(used("let x = crate::services::http::get();"), ["services"]);
    assert!(used("// crate::demo is not used\nlet s = 1; // crate::demo").is_empty());

    assert_eq!(impure("use std::fs;").len(), 1);
    assert_eq!(impure("let now = chrono::Utc::now();").len(), 1);
    assert_eq!(impure("use std::{fs::File, path::Path};").len(), 1);
    assert_eq!(impure("let n = rand::random();").len(), 1);
    assert_eq!(impure("use ::tokio::sync;").len(), 1);
    assert!(impure("let brand = operand; // tokio\n/// rand\n").is_empty());

    for call in OPENS {
        assert_eq!(
            opens(&format!("let file = std::fs::{call}path)?;")).len(),
            1,
            "{call}"
        );
    }
    assert_eq!(opens("let mut options = fs::OpenOptions::new();").len(), 1);
    assert!(opens("// File::open(path)\nMyFile::open(path); cache::File::openness(1)").is_empty());

    let text = "use crate::domain;\n#[cfg(test)]\nmod tests {\n    use crate::demo;\n}\nuse crate::plan;\n";
    assert_eq!(used(&production(text)), ["domain", "plan"]);
    let text = "use crate::domain;\n#[cfg(test)]\nmod tests;\nuse crate::plan;\n";
    assert_eq!(used(&production(text)), ["domain", "plan"]);

    assert!(is_pure("plan/publish/tracks.rs") && is_pure("console/update.rs"));
    assert!(!is_pure("console/shell/mod.rs") && !is_pure("run/mod.rs"));
}

/// Returns the path relative to `src/` and the text of every source file.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                // By module, whichever crate it belongs to.
                let name = ["core/", "domain/"]
                    .iter()
                    .find_map(|prefix| name.strip_prefix(prefix).filter(|rest| starts_module(rest)))
                    .unwrap_or(&name)
                    .to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 50, "only {} files under src/", found.len());
    found.sort();
    found
}

/// Returns true if `path` begins with the directory of a module.
fn starts_module(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    path.contains('/') && MODULES.iter().any(|(module, _)| *module == first)
}

fn module_of(path: &str) -> Option<(&'static str, &'static [&'static str])> {
    // A test file may use any module.
    if is_test_file(path) {
        return None;
    }
    let first = path.split('/').next()?.trim_end_matches(".rs");
    MODULES.iter().find(|(module, _)| *module == first).copied()
}

fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.contains("/tests/") || name == "tests.rs" || name.starts_with("test_")
}

fn is_pure(path: &str) -> bool {
    let pure_console = path.starts_with("console") && !path.starts_with("console/shell");
    !is_test_file(path) && (path.starts_with("domain") || path.starts_with("plan") || pure_console)
}

/// Returns the text without code compiled only for tests. Line numbers are kept.
fn production(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if !["#[cfg(test)]", r#"#[cfg(any(test, feature = "testing"))]"#].contains(&line.trim()) {
            continue;
        }
        let mut depth = 0_i64;
        for line in lines.by_ref() {
            out.push('\n');
            depth += line.matches('{').count() as i64 - line.matches('}').count() as i64;
            if depth <= 0 && (line.trim_end().ends_with(';') || line.contains('}')) {
                break;
            }
        }
    }
    out
}

fn without_comment(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") {
        return "";
    }
    line.split(" //").next().unwrap_or_default()
}

/// Returns line and name of every module that `text` uses through `crate::`.
fn modules_used(text: &str) -> Vec<(usize, String)> {
    let code: String = text
        .lines()
        .map(|line| format!("{}\n", without_comment(line)))
        .collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        let names = if let Some(group) = rest.strip_prefix('{') {
            first_names(group)
        } else {
            vec![name_at(rest)]
        };
        for name in names {
            if MODULES.iter().any(|(module, _)| *module == name) {
                found.push((line, name));
            }
        }
    }
    found
}

/// Returns the first names of a use group, without its `{`.
fn first_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begins = true;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if letter.is_whitespace() => {}
            _ if begins => {
                names.push(name_at(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn name_at(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

/// Returns line and word of everything in `text` that a pure module must not contain.
fn impure(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = without_comment(line);
        for word in IMPURE {
            let grouped = word
                .strip_prefix("std::")
                .is_some_and(|part| code.contains("std::{") && names(code, part));
            if names(code, word) || grouped {
                found.push((number + 1, word));
            }
        }
    }
    found
}

/// Returns line and call of everything in `text` that opens a file.
fn opens(text: &str) -> Vec<(usize, &'static str)> {
    let begins = |code: &str, at: usize| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = without_comment(line);
        for call in OPENS {
            if code.match_indices(call).any(|(at, _)| begins(code, at)) {
                found.push((number + 1, call));
            }
        }
    }
    found
}

/// Returns true if `code` contains `word` as whole path segments.
fn names(code: &str, word: &str) -> bool {
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let ends = if word.contains("::") {
            !after.is_some_and(part_of_name)
        } else {
            // A crate is used only through a path.
            code[at + word.len()..].starts_with("::")
                || code.trim_start().starts_with("use ") && !after.is_some_and(part_of_name)
        };
        ends && !before.is_some_and(part_of_name)
    })
}
