//! What the README shows of windlass itself is what windlass says of itself today.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::Command;

/// What stands in the README between the markers of `name`.
fn shown(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("README.md has no marker {begin}"));
    let (shown, _) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("README.md has no marker {end}"));
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
    let (shown, made) = (shown("keys"), generated("keys"));
    let odd = made
        .trim()
        .lines()
        .zip(shown.lines().chain(std::iter::repeat("")))
        .find(|(made, shown)| made != shown);
    assert!(
        shown == made.trim(),
        "the keys in README.md are not those of the action table; put what 'windlass generate keys' prints \
         between <!-- keys --> and <!-- /keys -->. The first line that differs (made, shown): {odd:?}"
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
