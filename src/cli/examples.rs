//! Examples of every command, shown at the end of its help and in the manual.
//!
//! A test parses each of them.

use clap::Command;

/// An example: the command line without `windlass`, and what it does.
type Example = (&'static str, &'static str);

/// Examples by the words of the command; the program itself has none.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("demo", "try it: nothing leaves this machine"),
            ("status", "what is published, and what is not"),
            ("plan publish 2025-01-27", "what publishing would change"),
            ("publish 2025-01-27", "show that, ask, and publish"),
            ("resume", "finish what a crash left open"),
        ],
    ),
    (
        "demo",
        &[
            ("demo", "the console on the demo environment"),
            (
                "demo --serve --state demo --env-file demo.env",
                "its servers alone; '. demo.env' points clients at them",
            ),
        ],
    ),
    (
        "status",
        &[("status --offline", "what was read last, without any request")],
    ),
    (
        "releases",
        &[("releases --json", "every release with its evidence")],
    ),
    (
        "charms",
        &[("charms --json", "every revision of every charm and resource")],
    ),
    (
        "channels",
        &[("channels --workspace regtech", "those of another workspace")],
    ),
    (
        "resolve",
        &[
            (
                "resolve docker.io/finos/legend-studio:13.16.0",
                "its digests and platforms",
            ),
            (
                "resolve oci:build/app --to registry.example/acme/app",
                "which layers that repository lacks",
            ),
        ],
    ),
    (
        "diff",
        &[
            ("diff 2025-01-06 2025-01-27", "the images of two releases"),
            (
                "diff ghcr.io/acme/app:2.0 ghcr.io/acme/app:2.1",
                "the layers of two images",
            ),
        ],
    ),
    (
        "plan",
        &[("plan publish 2025-01-27", "what publishing would change")],
    ),
    (
        "plan publish",
        &[
            ("plan publish 2025-01-27", "one release"),
            ("plan publish --new", "every release that is not published yet"),
        ],
    ),
    (
        "plan promote",
        &[("plan promote 2025-01-27 --to stable", "one release")],
    ),
    (
        "plan rollback",
        &[("plan rollback finos-legend-engine-k8s latest/edge", "one channel")],
    ),
    ("plan rotate", &[("plan rotate", "every secret of the workspace")]),
    (
        "plan upload-resource",
        &[(
            "plan upload-resource finos-legend-sdlc-k8s sdlc-image --from finos/legend-sdlc-server:0.187.0",
            "an image of Docker Hub",
        )],
    ),
    (
        "plan copy",
        &[(
            "plan copy ghcr.io/acme/app:2.1 registry.example/acme/app:2.1",
            "one tag",
        )],
    ),
    (
        "plan release",
        &[(
            "plan release finos-legend-engine-k8s --revision 50 -c latest/beta",
            "one channel",
        )],
    ),
    (
        "plan close",
        &[("plan close finos-legend-engine-k8s latest/beta", "one channel")],
    ),
    ("plan hold", &[("plan hold 2025-01-27", "one release")]),
    ("plan unhold", &[("plan unhold 2025-01-27", "one release")]),
    (
        "plan revoke",
        &[(
            "plan revoke charmcraft@buildhost",
            "one session of 'windlass credentials'",
        )],
    ),
    (
        "plan login",
        &[("plan login --export token.txt", "a token that is kept in a file")],
    ),
    (
        "plan workflow",
        &[("plan workflow run publish.yaml", "the start of a workflow")],
    ),
    (
        "plan workflow run",
        &[(
            "plan workflow run publish.yaml release=2025-01-27",
            "with an input",
        )],
    ),
    (
        "plan workflow rerun",
        &[("plan workflow rerun 1234567", "the failed jobs of a run")],
    ),
    (
        "plan workflow cancel",
        &[("plan workflow cancel 1234567", "a run")],
    ),
    (
        "publish",
        &[
            ("publish 2025-01-27", "one release"),
            ("publish --new --yes --json", "every new release, in a pipeline"),
            (
                "publish 2025-01-27 --charm finos-legend-sdlc-k8s --without branch,bundle",
                "one charm alone",
            ),
        ],
    ),
    (
        "promote",
        &[
            ("promote 2025-01-27 --to stable", "what 2025-01/edge runs"),
            (
                "promote 2025-01-27 --to stable --with finos-legend-db-k8s=latest/edge",
                "and a charm that this track does not have",
            ),
        ],
    ),
    (
        "rollback",
        &[
            (
                "rollback --run 20251120T101500Z-1f2e",
                "every channel that a run changed",
            ),
            (
                "rollback finos-legend-engine-k8s latest/edge --to 2025-11-01T00:00:00Z",
                "one channel to what it had then",
            ),
        ],
    ),
    ("hold", &[("hold 2025-01-27", "'publish --new' leaves it out")]),
    (
        "unhold",
        &[("unhold 2025-01-27", "'publish --new' may publish it again")],
    ),
    (
        "upload-resource",
        &[
            (
                "upload-resource finos-legend-sdlc-k8s sdlc-image --from finos/legend-sdlc-server:0.187.0",
                "an image of Docker Hub",
            ),
            (
                "upload-resource finos-legend-db-k8s mongodb-image --image 3e42dd4e79c7",
                "an image of this machine by its digest",
            ),
            (
                "upload-resource my-charm seed --filepath seed.sql --arch all",
                "a file",
            ),
        ],
    ),
    (
        "copy",
        &[
            (
                "copy ghcr.io/acme/app:2.1 registry.example/acme/app:2.1",
                "from one registry to another",
            ),
            (
                "copy docker-archive:app.tar registry.example/acme/app:2.1",
                "from a file",
            ),
        ],
    ),
    (
        "release",
        &[(
            "release finos-legend-engine-k8s --revision 50 -c latest/beta --resource engine-image:33",
            "one revision with an image to one channel",
        )],
    ),
    (
        "close",
        &[("close finos-legend-engine-k8s latest/beta", "one channel")],
    ),
    ("runs", &[("runs --json", "every run with its steps")]),
    (
        "resume",
        &[
            ("resume", "every unfinished run, listed first"),
            ("resume 20251120T101500Z-1f2e", "one of them"),
        ],
    ),
    (
        "credentials",
        &[
            ("credentials", "every credential and secret"),
            (
                "credentials --fail-within 14d",
                "exit 4 where one expires within two weeks",
            ),
        ],
    ),
    (
        "login",
        &[
            ("login", "keep a token in the keyring"),
            (
                "login --export token.txt --charm my-charm --ttl 86400",
                "a token of one charm for a day",
            ),
            ("login --registry ghcr.io", "keep the login of a registry"),
        ],
    ),
    (
        "logout",
        &[("logout --registry ghcr.io", "forget the login of a registry")],
    ),
    ("whoami", &[("whoami --json", "account, permissions and expiry")]),
    (
        "rotate",
        &[
            (
                "rotate --revoke recorded",
                "a new token everywhere; end the former one",
            ),
            (
                "rotate --token-file token.txt --target finos/legend-juju-bundle:GH_TOKEN",
                "a token of your own in one secret",
            ),
        ],
    ),
    (
        "revoke",
        &[(
            "revoke charmcraft@buildhost",
            "one session of 'windlass credentials'",
        )],
    ),
    (
        "workflow",
        &[("workflow list", "workflows of the bundle's repository")],
    ),
    (
        "workflow list",
        &[(
            "workflow list --repository finos/legend-juju-bundle",
            "of one repository",
        )],
    ),
    (
        "workflow run",
        &[(
            "workflow run publish.yaml release=2025-01-27 --timeout 45m",
            "start one and follow it",
        )],
    ),
    ("workflow watch", &[("workflow watch 1234567", "until it ends")]),
    ("workflow rerun", &[("workflow rerun 1234567", "its failed jobs")]),
    ("workflow cancel", &[("workflow cancel 1234567", "stop it")]),
    (
        "doctor",
        &[
            ("doctor", "every check, with its remedy"),
            (
                "doctor --set-journal-aside",
                "make a new journal from a damaged one",
            ),
        ],
    ),
    (
        "completions",
        &[("completions bash", "put it where bash finds it")],
    ),
    (
        "man",
        &[("man --out ~/.local/share/man/man1", "a page for every command")],
    ),
    ("config", &[("config check", "read every file")]),
    (
        "config check",
        &[(
            "config check --workspace acme.toml",
            "a workspace file of your own",
        )],
    ),
    ("config show", &[("config show", "what is in force")]),
    (
        "config new",
        &[
            ("config new", "asks for what it needs"),
            (
                "config new --from legend --out acme.toml --yes",
                "a copy of a built-in workspace",
            ),
        ],
    ),
];

/// Returns the examples of the command with these words.
pub fn examples_of(words: &str) -> &'static [Example] {
    let found = EXAMPLES.iter().find(|(command, _)| *command == words);
    found.map_or(&[], |(_, examples)| *examples)
}

/// Returns `command` with the examples of every command at the end of its help.
pub fn with_examples(command: Command) -> Command {
    added(command, "")
}

fn added(mut command: Command, words: &str) -> Command {
    let below: Vec<String> = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned())
        .collect();
    for name in below {
        let words = format!("{words} {name}");
        command = command.mut_subcommand(name, |below| added(below, words.trim_start()));
    }
    match text(words) {
        text if text.is_empty() => command,
        text => command.after_help(text),
    }
}

/// Formats examples for the end of a help text.
fn text(words: &str) -> String {
    let examples = examples_of(words);
    // The explanation of a long line goes below it, so that the others stay aligned.
    let width = examples
        .iter()
        .map(|(line, _)| line.len())
        .filter(|len| *len <= 44);
    let width = width.max().unwrap_or_default();
    let mut text = String::new();
    for (at, (line, does)) in examples.iter().enumerate() {
        text.push_str(if at == 0 { "Examples:\n" } else { "\n" });
        text.push_str(&if line.len() <= width {
            format!("  windlass {line:width$}   {does}")
        } else {
            format!("  windlass {line}\n      {does}")
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{self, Cli};

    fn commands(command: &Command, above: &str, all: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            let words = format!("{above} {}", below.get_name()).trim_start().to_owned();
            commands(below, &words, all);
            all.push(words);
        }
    }

    #[test]
    fn every_command_has_examples_that_can_be_parsed() {
        let mut all = vec![String::new()];
        commands(&args::command(), "", &mut all);
        for words in &all {
            assert!(!examples_of(words).is_empty(), "'{words}' has no example");
            for (line, does) in examples_of(words) {
                assert!(line.starts_with(words.as_str()), "{line}");
                assert!(!does.is_empty() && does.len() <= 60, "{does}");
                let typed = line.split(' ').map(|word| word.replace('~', "/home/ann"));
                if let Err(error) = Cli::try_parse_from(std::iter::once("windlass".to_owned()).chain(typed)) {
                    panic!("windlass {line}: {error}");
                }
            }
        }
        assert_eq!(
            EXAMPLES.len(),
            all.len(),
            "an example of a command that does not exist"
        );
    }
}
