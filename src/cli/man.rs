//! `man`: generates the manual from the arguments: one page, or one page per command in a
//! directory.
//!
//! The text about a command comes from its help.

use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use serde_json::json;

use super::Ending;
use super::args;
use super::examples::examples_of;
use super::output::Output;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Exit status, environment and files.
const SURROUNDINGS: &str = r#".SH "EXIT STATUS"
.TP
0
done, or partly done with a warning
.TP
1
a run or a check failed, or nothing was found
.TP
2
the arguments or the configuration are wrong
.TP
3
refused (read\-only, not confirmed, changed since the preview) or not supported on this machine
.TP
4
a credential is missing, expired or lacks permission
.TP
5
another run is in progress or unfinished
.TP
6
the network or a service failed
.TP
7
the outcome is unknown; check it with windlass resume
.TP
130
cancelled
.SH ENVIRONMENT
.TP
CHARMCRAFT_AUTH
Charmhub credential in the format of charmcraft login \-\-export
.TP
CHARMCRAFT_STORE_API_URL, CHARMCRAFT_UPLOAD_URL, CHARMCRAFT_REGISTRY_URL, CHARMCRAFT_STORE_SSO_URL, GITHUB_API_URL
service URLs
.TP
GH_TOKEN, GITHUB_TOKEN, CR_PAT
GitHub token, and ghcr.io token
.TP
DOCKER_HOST, DOCKER_CONFIG
local container engine, and directory of the registry logins
.TP
WINDLASS_WORKSPACE
workspace to use without \-\-workspace
.TP
WINDLASS_STATE_DIR
directory for the journal and the cache
.TP
WINDLASS_REGISTRY_MIRRORS
mirrors as NAME=URL pairs, separated by commas
.TP
WINDLASS_TIMEOUT
factor for all timeouts, above 0
.TP
WINDLASS_SSO_EMAIL, WINDLASS_SSO_PASSWORD, WINDLASS_SSO_OTP
sign in without a terminal; hosts other than loopback need \-\-from\-env
.TP
NO_COLOR, SSL_CERT_FILE, HTTPS_PROXY, NO_PROXY
as in other programs
.TP
PAGER, VISUAL, EDITOR
programs started by the console
.SH FILES
.TP
$XDG_CONFIG_HOME/windlass/config.toml
console settings and keys
.TP
$XDG_CONFIG_HOME/windlass/workspaces/NAME.toml
workspace files
.TP
$XDG_STATE_HOME/windlass/journal.db
journal of runs
.TP
$XDG_CACHE_HOME/windlass
cached data; safe to delete
"#;

/// The end of the page of one command.
const SEE_ALSO: &str = r#".SH "SEE ALSO"
windlass(1) for exit status, environment and files
"#;

/// Prints the manual in one page on standard output, or writes it page by page into `out`.
pub fn man(out: Option<&Path>, output: &Output) -> Ending {
    if let Some(folder) = out {
        return pages(folder, output);
    }
    let page = whole().map_err(|error| {
        Problem::new(ProblemKind::Machine, "cannot render the manual page").because(&error)
    })?;
    if output.json {
        output.document("man", None, vec![("page", json!(page))]);
    } else {
        output.answer(&page);
    }
    Ok(0)
}

fn pages(folder: &Path, output: &Output) -> Ending {
    let shown = SanitizedText::new(folder.display().to_string());
    let failed = |error: std::io::Error| {
        Problem::new(
            ProblemKind::Machine,
            format!("cannot write manual pages to {shown}"),
        )
        .because_of_file(&error, &shown, "name a directory that you can write to")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut top = args::command().disable_help_subcommand(true);
    top.build();
    let mut files = Vec::new();
    write_pages(&top, "", folder, &mut files).map_err(failed)?;
    files.sort();
    if output.json {
        let content = vec![("folder", json!(shown)), ("files", json!(files))];
        output.document("man", None, content);
    } else {
        output.answer(&format!(
            "wrote {} pages to {shown}; view the first with 'man -l {shown}/windlass.1'\n",
            files.len()
        ));
    }
    Ok(0)
}

/// Writes the page of `command`, whose words after the program's name are `words`, and the pages of
/// its subcommands; adds their names to `files`.
fn write_pages(
    command: &Command,
    words: &str,
    folder: &Path,
    files: &mut Vec<String>,
) -> std::io::Result<()> {
    let mut page = beginning(command)?;
    page.extend(examples(words, "SH").into_bytes());
    let end = if words.is_empty() { SURROUNDINGS } else { SEE_ALSO };
    page.extend(end.as_bytes());
    let file = Man::new(command.clone()).get_filename();
    std::fs::write(folder.join(&file), page)?;
    files.push(file);
    for below in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        let words = format!("{words} {}", below.get_name());
        write_pages(below, words.trim_start(), folder, files)?;
    }
    Ok(())
}

/// Returns a page up to its subcommands.
fn beginning(command: &Command) -> std::io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    Ok(page)
}

/// Returns the examples section of a command, with a heading of the macro `level`.
fn examples(words: &str, level: &str) -> String {
    let mut section = String::new();
    for (at, (line, does)) in examples_of(words).iter().enumerate() {
        if at == 0 {
            section.push_str(&format!(".{level} EXAMPLES\n"));
        }
        section.push_str(&format!(
            ".TP\n\\fBwindlass {}\\fR\n{}\n",
            escaped(line),
            escaped(does)
        ));
    }
    section
}

/// Escapes `text` for roff.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

/// Returns the page of windlass, then every command once with its own options.
fn whole() -> std::io::Result<String> {
    let mut top = args::command();
    top.build();
    let mut page = String::from_utf8_lossy(&beginning(&top)?).into_owned();
    page.push_str(&examples("", "SH"));
    // Not built: global options are documented once, above.
    let command = args::command();
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        chapter(command, "", &mut page)?;
    }
    page.push_str(SURROUNDINGS);
    Ok(page)
}

fn chapter(command: &Command, above: &str, page: &mut String) -> std::io::Result<()> {
    let words = format!("{above} {}", command.get_name());
    let words = words.trim_start();
    let called = format!("windlass {words}");
    let own = command.clone().bin_name(&called).display_name(&called);
    let man = Man::new(own);
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut text)?;
    }
    page.push_str(&format!(".SH {}\n", called.to_uppercase()));
    // Sections of a command's page become subsections of this one. The definitions at the start of
    // a page are already in this one.
    let text = String::from_utf8_lossy(&text);
    for line in text.lines() {
        match line.strip_prefix(".SH ") {
            Some(title) => page.push_str(&format!(".SS {title}\n")),
            None => page.push_str(&format!("{line}\n")),
        }
    }
    page.push_str(&examples(words, "SS"));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        chapter(below, words, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(command: &Command, above: &str, all: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            let name = format!("{above} {}", below.get_name());
            names(below, &name, all);
            all.push(name);
        }
    }

    #[test]
    fn every_command_has_its_chapter_and_what_is_global_is_told_once() {
        let page = whole().unwrap();
        assert!(
            page.lines().any(|line| line.starts_with(".TH windlass 1")),
            "{page}"
        );
        let mut all = Vec::new();
        names(&args::command(), "windlass", &mut all);
        assert!(all.len() > 30, "{all:?}");
        for name in all {
            let title = format!(".SH {}\n", name.to_uppercase());
            assert_eq!(page.matches(&title).count(), 1, "{name}");
        }
        let told = page
            .lines()
            .filter(|line| line.starts_with("\\fB\\-\\-passphrase\\-file"));
        assert_eq!(told.count(), 1, "{page}");
        for title in ["\"EXIT STATUS\"", "ENVIRONMENT", "FILES"] {
            assert!(page.contains(&format!(".SH {title}\n")), "{title}");
        }
        assert!(!page.contains("WINDLASS GENERATE"), "it is not for people");
    }
}
