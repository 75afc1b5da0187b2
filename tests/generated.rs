//! Checks the documentation: generated parts match the program, and links name files that exist.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The page with the generated key table.
const KEYS: &str = "assets/docs/keys.md";
/// Maximum number of lines of `README.md`.
const README_LINES: usize = 250;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the text of `page` between the markers of `name`.
fn shown(page: &str, name: &str) -> String {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{page} has no marker {begin}"));
    let (shown, _) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("{page} has no marker {end}"));
    shown.trim().to_owned()
}

fn generated(name: &str) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["generate", name])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap()
}

#[test]
fn the_key_page_is_the_action_table() {
    let (shown, made) = (shown(KEYS, "keys"), generated("keys"));
    let odd = made
        .trim()
        .lines()
        .zip(shown.lines().chain(std::iter::repeat("")))
        .find(|(made, shown)| made != shown);
    assert!(
        shown == made.trim(),
        "the keys in {KEYS} differ from the action table; put the output of 'windlass generate keys' \
         between <!-- keys --> and <!-- /keys -->. The first line that differs (generated, shown): {odd:?}"
    );
}

#[test]
fn the_pictures_are_what_the_console_draws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures");
    let facts = folder.join("legend.json");
    for scene in ["panes", "review", "run"] {
        let made = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(["--workspace", "legend", "generate", "picture", scene, "--facts"])
            .arg(&facts)
            .env("HOME", folder.join("nobody"))
            .env("XDG_CONFIG_HOME", folder.join("nobody"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let kept = std::fs::read(folder.join(format!("{scene}.svg"))).unwrap();
        assert!(
            kept == made.stdout,
            "{scene}.svg is no longer what the console draws; put there what 'windlass generate picture \
             {scene} --facts assets/pictures/legend.json' writes"
        );
    }
}

/// Returns the README, the pages of `assets/docs` and the contributor pages.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join(".github/CONTRIBUTING.md")];
    for entry in std::fs::read_dir(root().join("assets/docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages
}

/// Returns the lines of `text` outside of code blocks, without inline code.
fn prose(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push(line.split('`').step_by(2).collect());
        }
    }
    lines
}

/// Returns the anchors of the headings of `text`, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        let title = line.trim_start_matches('#');
        if !in_code && line.starts_with('#') && title.starts_with(' ') {
            let kept = title.trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    anchors
}

#[test]
fn relative_links_name_files_and_headings_that_exist() {
    let (mut links, mut broken) = (0, Vec::new());
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for line in prose(&text) {
            for rest in line.split("](").skip(1) {
                let Some((target, _)) = rest.split_once(')') else {
                    continue;
                };
                if target.contains("://") {
                    continue;
                }
                links += 1;
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let linked = if file.is_empty() {
                    page.clone()
                } else {
                    page.with_file_name("").join(file)
                };
                let has_anchor = || {
                    let linked = std::fs::read_to_string(&linked).unwrap();
                    anchors(&linked).contains(anchor)
                };
                if !linked.exists() || !(anchor.is_empty() || has_anchor()) {
                    broken.push(format!("{}: {target}", page.display()));
                }
            }
        }
    }
    assert!(links > 30, "only {links} links were found");
    assert!(
        broken.is_empty(),
        "these links lead nowhere:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let lines = text.lines().count();
    assert!(
        lines <= README_LINES,
        "README.md has {lines} lines, the limit is {README_LINES}; move the rest to assets/docs"
    );
}
