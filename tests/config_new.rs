//! Tests `config new` through the binary: the file it writes is valid and documented, and no file
//! is overwritten without asking.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use common::{Client, Terminal};

const FLAGS: [&str; 15] = [
    "config",
    "new",
    "--yes",
    "--name",
    "mine",
    "--upstream",
    "acme/releases",
    "--charm",
    "acme-k8s=acme/charm",
    "--resource",
    "acme-k8s:acme-image=acme/server",
    "--bundle",
    "acme-bundle=acme/bundle",
    "--target",
    "acme/charm:CHARMHUB_TOKEN",
];

#[test]
fn flags_alone_write_a_file_that_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::alone(dir.path());
    let ended = client.run(&FLAGS).with(0);
    assert_eq!(
        ended.out,
        "wrote workspace mine to mine.toml\n\
         next: windlass --workspace mine.toml config check\n"
    );
    let checked = client
        .run(&["--workspace", "mine.toml", "config", "check"])
        .with(0);
    assert!(checked.out.ends_with("is valid\n"), "{}", checked.out);
    let shown = client
        .run(&["--workspace", "mine.toml", "config", "show", "--json"])
        .with(0)
        .json();
    let workspace = &shown["config"]["workspace"];
    assert_eq!(workspace["charm"][0]["resources"][0]["image"], "acme/server");
    assert_eq!(workspace["publish"]["channels"][0], "{yyyy-mm}/edge");
    assert_eq!(workspace["bundle"]["branch"], "release-{release}");
    assert_eq!(workspace["token"][0]["targets"][0]["secret"], "CHARMHUB_TOKEN");

    // Never a second time, whatever it contains by now.
    let path = dir.path().join("mine.toml");
    std::fs::write(&path, "# mine by now\n").unwrap();
    let refused = client.run(&FLAGS).with(3);
    assert!(
        refused.err.contains("mine.toml already exists"),
        "{}",
        refused.err
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine by now\n");
}

#[test]
fn a_built_in_workspace_is_copied_with_every_line_explained() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::alone(dir.path());
    for name in ["legend", "regtech"] {
        let file = format!("{name} copy");
        let document = client
            .run(&["config", "new", "--from", name, "--out", &file, "--yes", "--json"])
            .with(0)
            .json();
        assert_eq!(document["schema"], "windlass.config-new/1");
        let next = format!("windlass --workspace './{name} copy' config check");
        assert_eq!(document["next"], next.as_str());
        let built_in = client
            .run(&["--workspace", name, "config", "show", "--json"])
            .with(0)
            .json();
        let copy = format!("./{file}");
        let copied = client
            .run(&["--workspace", &copy, "config", "show", "--json"])
            .with(0)
            .json();
        assert_eq!(copied["config"]["workspace"], built_in["config"]["workspace"]);
    }
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::alone(dir.path());
    for (arguments, code, said) in [
        (&[][..], 3, "cannot ask questions without a terminal"),
        (&["--name", "mine"], 3, "cannot ask questions without a terminal"),
        (
            &["--from", "nope", "--yes"],
            2,
            "built-in workspace 'nope' not found",
        ),
        (
            &["--from", "legend", "--name", "x", "--yes"],
            2,
            "cannot be used with",
        ),
        (&["--name", "a b", "--yes"], 2, "is not a short name"),
        (
            &["--name", "m", "--yes", "--charm", "acme"],
            2,
            "--charm acme is missing '='",
        ),
        (
            &["--name", "m", "--yes", "--charm", "a=o/r", "--charm", "a=o/s"],
            2,
            "repeats a",
        ),
        (&["--name", "m", "--yes", "--charm", "a=o"], 2, "'o'"),
        (
            &["--name", "m", "--yes", "--resource", "a:b=c"],
            2,
            "has no matching --charm",
        ),
        (
            &["--name", "m", "--yes", "--charm", "a=o/r", "--resource", "a:b=c"],
            2,
            "there is no [upstream]",
        ),
        (&["--name", "m", "--yes", "--channel", "edge"], 2, "edge"),
        (
            &["--name", "m", "--yes", "--target", "o/r"],
            2,
            "does not name a secret",
        ),
        (
            &["--name", "m", "--yes", "--out", "no/such/folder.toml"],
            3,
            "cannot write no/such/folder.toml",
        ),
    ] {
        let all: Vec<&str> = ["config", "new"].iter().chain(arguments).copied().collect();
        let ended = client.run(&all).with(code);
        assert!(ended.err.contains(said), "{arguments:?}: {}", ended.err);
        assert!(
            ended.err.contains("hint") || ended.err.contains("--help"),
            "{arguments:?}: {}",
            ended.err
        );
    }
    let files: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    assert!(
        files
            .iter()
            .all(|name| !name.to_string_lossy().ends_with(".toml")),
        "{files:?}"
    );
}

#[test]
fn at_a_terminal_it_asks_checks_as_it_goes_and_shows_the_file_first() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.toml");
    let arguments = ["config", "new", "--out", file.to_str().unwrap()];
    let mut terminal = Terminal::start(&arguments, (80, 160));
    for (question, answers) in [
        ("Short name", &["not short\r", "own\r"][..]),
        ("upstream releases", &["acme\r", "acme/releases\r"]),
        ("Branch", &["\r"]),
        ("Directory of the releases", &["\r"]),
        ("newest-per-month or all", &["some\r", "all\r"]),
        ("newer than", &["\r"]),
        ("Registry of", &["\r"]),
        ("Name of a charm", &["acme-k8s\r"]),
        ("[acme/acme-k8s-operator]", &["\r"]),
        ("Name of a resource of acme-k8s", &["acme-image\r"]),
        ("key of the image", &["acme/server\r"]),
        ("Name of a resource of acme-k8s, or none [none]: ", &["\r"]),
        ("Name of a charm", &["\r"]),
        ("Channels", &["edge\r", "latest/edge {yyyy-mm}/edge\r"]),
        ("Name of the bundle", &["\r"]),
        ("[acme/acme-k8s-operator:CHARMHUB_TOKEN]", &["\r"]),
    ] {
        for (at, answer) in answers.iter().enumerate() {
            if at > 0 {
                terminal.see("error: ");
            }
            // Asked again, also if the same question is above.
            terminal.until(question, |screen| {
                screen
                    .trim_end()
                    .lines()
                    .last()
                    .is_some_and(|line| line.contains(question.trim_end()))
            });
            terminal.press(answer);
            if answers.len() > 1 {
                terminal.until("the answer taken", |screen| {
                    !screen.trim_end().ends_with(answer.trim_end())
                });
            }
        }
    }
    terminal.see("Type yes to write");
    assert!(!file.exists());
    terminal.press("yes\r");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0, "{raw}");
    assert!(raw.contains("config check"), "{raw}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("select = \"all\"") && written.contains("image = \"acme/server\""),
        "{written}"
    );
    assert!(raw.contains("# Name on Charmhub."), "it was shown first\n{raw}");

    // The file exists: asks, and leaves it alone if anything else is typed.
    let mut again = Terminal::start(
        &[
            "config",
            "new",
            "--from",
            "regtech",
            "--out",
            file.to_str().unwrap(),
        ],
        (80, 160),
    );
    again.see("already exists. Type yes to overwrite it");
    again.press("no\r");
    assert_eq!(again.end().0, 3);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    let mut again = Terminal::start(
        &[
            "config",
            "new",
            "--from",
            "regtech",
            "--out",
            file.to_str().unwrap(),
        ],
        (80, 160),
    );
    again.see("already exists. Type yes to overwrite it");
    again.press("yes\r");
    assert_eq!(again.end().0, 0);
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("name = \"regtech\"")
    );
}
