//! Examples of every command, shown at the end of its help and in the manual.
//!
//! One test parses each of them, another runs them on the demo environment.

use clap::Command;

/// An example: the command line without `windlass`, and what it does.
type Example = (&'static str, &'static str);

/// Examples by the words of the command; the program itself has none.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("demo", "try it out; nothing leaves this machine"),
            ("status", "list releases and whether they are published"),
            ("plan publish 2025-01-27", "preview a publish"),
            ("publish 2025-01-27", "preview, confirm and publish"),
            ("resume", "resume an interrupted run"),
        ],
    ),
    (
        "demo",
        &[
            ("demo", "open the console on the demo environment"),
            (
                "demo --serve --state demo --env-file demo.env",
                "run only the servers; source demo.env in your shell",
            ),
        ],
    ),
    (
        "status",
        &[("status --offline", "use cached data, send no request")],
    ),
    (
        "releases",
        &[("releases --json", "list releases as JSON, with evidence")],
    ),
    (
        "charms",
        &[("charms --json", "list all revisions and resources as JSON")],
    ),
    (
        "channels",
        &[("channels --json", "list what every channel serves as JSON")],
    ),
    (
        "resolve",
        &[
            (
                "resolve docker.io/finos/legend-studio:13.16.0",
                "show its digests and platforms",
            ),
            (
                "resolve oci:build/app --to registry.example/acme/app",
                "show which layers the target repository lacks",
            ),
        ],
    ),
    (
        "diff",
        &[
            ("diff 2025-01-06 2025-01-27", "compare the images of two releases"),
            (
                "diff ghcr.io/acme/app:2.0 ghcr.io/acme/app:2.1",
                "compare the layers of two images",
            ),
        ],
    ),
    ("plan", &[("plan publish 2025-01-27", "preview a publish")]),
    (
        "plan publish",
        &[
            ("plan publish 2025-01-27", "one release"),
            (
                "plan publish --new",
                "every unpublished release that the workspace selects",
            ),
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
            "plan upload-resource finos-legend-sdlc-k8s sdlc-image --from finos/legend-sdlc-server:0.180.0",
            "an image from Docker Hub",
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
            "plan release finos-legend-engine-k8s --revision 50 -c latest/beta --resource engine-image:32",
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
            "one session from 'windlass credentials'",
        )],
    ),
    (
        "plan login",
        &[("plan login --export token.txt", "a token exported to a file")],
    ),
    (
        "plan workflow",
        &[("plan workflow run ci.yaml", "start a workflow")],
    ),
    (
        "plan workflow run",
        &[(
            "plan workflow run ci.yaml --repository finos/legend-juju-bundle",
            "start a workflow of one repository",
        )],
    ),
    (
        "plan workflow rerun",
        &[("plan workflow rerun 1234567", "rerun the failed jobs of a run")],
    ),
    (
        "plan workflow cancel",
        &[("plan workflow cancel 1234567", "cancel a run")],
    ),
    (
        "publish",
        &[
            ("publish 2025-01-27", "publish one release"),
            ("publish --new --yes --json", "publish every new release, in CI"),
            (
                "publish 2025-01-27 --charm finos-legend-sdlc-k8s --without branch,bundle",
                "publish one charm only",
            ),
        ],
    ),
    (
        "promote",
        &[
            (
                "promote 2025-01-27 --to stable",
                "promote what is on 2025-01/edge",
            ),
            (
                "promote 2025-01-27 --to stable --with finos-legend-db-k8s=latest/edge",
                "include a charm that has no such track",
            ),
        ],
    ),
    (
        "rollback",
        &[
            (
                "rollback --run 20251120T101500Z-1f2e",
                "undo all changes of a run",
            ),
            (
                "rollback finos-legend-engine-k8s latest/edge --to 2d",
                "restore one channel as of two days ago",
            ),
        ],
    ),
    ("hold", &[("hold 2025-01-27", "exclude it from 'publish --new'")]),
    (
        "unhold",
        &[("unhold 2025-01-27", "let 'publish --new' publish it again")],
    ),
    (
        "upload-resource",
        &[
            (
                "upload-resource finos-legend-sdlc-k8s sdlc-image --from finos/legend-sdlc-server:0.180.0",
                "upload an image from Docker Hub",
            ),
            (
                "upload-resource finos-legend-db-k8s legend-db-image --image c89f04177e82",
                "upload an image by its digest",
            ),
            (
                "upload-resource finos-legend-db-k8s legend-db-seed --filepath seed.sql --arch all",
                "upload a file",
            ),
        ],
    ),
    (
        "copy",
        &[
            (
                "copy ghcr.io/acme/app:2.1 registry.example/acme/app:2.1",
                "copy between registries",
            ),
            (
                "copy docker-archive:app.tar registry.example/acme/app:2.1",
                "push from a file",
            ),
        ],
    ),
    (
        "release",
        &[(
            "release finos-legend-engine-k8s --revision 50 -c latest/beta --resource engine-image:32",
            "release a revision and an image to one channel",
        )],
    ),
    (
        "close",
        &[("close finos-legend-engine-k8s latest/beta", "close one channel")],
    ),
    ("runs", &[("runs --json", "list runs with their steps as JSON")]),
    (
        "resume",
        &[
            ("resume", "resume all unfinished runs"),
            ("resume 20251120T101500Z-1f2e", "resume one run"),
        ],
    ),
    (
        "credentials",
        &[
            ("credentials", "list credentials and secrets"),
            (
                "credentials --fail-within 14d",
                "exit 4 if a credential expires within two weeks",
            ),
        ],
    ),
    (
        "login",
        &[
            ("login", "store a token in the keyring"),
            (
                "login --export token.txt --charm finos-legend-db-k8s --ttl 86400",
                "export a token limited to one charm, valid for a day",
            ),
            ("login --registry ghcr.io", "store a registry login"),
        ],
    ),
    (
        "logout",
        &[("logout --registry ghcr.io", "remove a registry login")],
    ),
    (
        "whoami",
        &[("whoami --json", "show account, permissions and expiry")],
    ),
    (
        "rotate",
        &[
            (
                "rotate --revoke recorded",
                "set a new token everywhere, revoke the old one",
            ),
            (
                "rotate --token-file github-token.txt --target finos/legend-juju-bundle:GH_TOKEN",
                "set an existing token in one secret",
            ),
        ],
    ),
    (
        "revoke",
        &[(
            "revoke charmcraft@buildhost",
            "revoke one session from 'windlass credentials'",
        )],
    ),
    (
        "workflow",
        &[("workflow list", "list the workflows of the bundle's repository")],
    ),
    (
        "workflow list",
        &[(
            "workflow list --repository finos/legend-juju-bundle",
            "list the workflows of one repository",
        )],
    ),
    (
        "workflow run",
        &[(
            "workflow run ci.yaml --timeout 45m",
            "start a workflow and follow it",
        )],
    ),
    (
        "workflow watch",
        &[("workflow watch 1234567", "follow a run until it finishes")],
    ),
    (
        "workflow rerun",
        &[("workflow rerun 1234567", "rerun the failed jobs")],
    ),
    ("workflow cancel", &[("workflow cancel 1234567", "cancel it")]),
    (
        "doctor",
        &[
            ("doctor", "run all checks, with a remedy for each failure"),
            ("doctor --set-journal-aside", "replace a damaged journal"),
        ],
    ),
    (
        "completions",
        &[("completions bash", "generate a script for bash")],
    ),
    (
        "man",
        &[("man --out ~/.local/share/man/man1", "write one page per command")],
    ),
    ("config", &[("config check", "check all configuration files")]),
    (
        "config check",
        &[(
            "config check --workspace acme.toml",
            "check a custom workspace file",
        )],
    ),
    (
        "config show",
        &[("config show", "show the effective configuration")],
    ),
    (
        "config new",
        &[
            ("config new", "prompt for all values"),
            (
                "config new --from legend --out acme.toml --yes",
                "copy a built-in workspace",
            ),
        ],
    ),
];

/// Returns every example, without `windlass`.
pub fn all() -> impl Iterator<Item = &'static str> {
    let examples = EXAMPLES.iter().flat_map(|(_, examples)| examples.iter());
    examples.map(|(line, _)| *line)
}

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
