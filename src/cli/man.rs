//! `man`: the manual, made from the arguments themselves.
//!
//! Owns how pages are cut: all of it in one page, or a page a command in a folder. Must not say
//! anything of its own about a command; its help does.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use serde_json::json;

use super::Ending;
use super::args::Cli;
use super::output::Output;
use crate::domain::{Kind, Outside, Problem};

/// Exit status, environment and files.
const SURROUNDINGS: &str = r#".SH "EXIT STATUS"
0 done or partly, 1 failed or not found, 2 usage, 3 refused or this machine cannot, 4 credentials,
5 another run is at work, 6 network or service, 7 unknown, 130 cancelled.
.SH ENVIRONMENT
CHARMCRAFT_AUTH, CHARMCRAFT_STORE_API_URL, CHARMCRAFT_UPLOAD_URL, CHARMCRAFT_REGISTRY_URL,
CHARMCRAFT_STORE_SSO_URL, GITHUB_API_URL, GH_TOKEN, GITHUB_TOKEN, CR_PAT, DOCKER_HOST, DOCKER_CONFIG,
NO_COLOR, SSL_CERT_FILE and proxy variables, as charmcraft, gh and docker read them.
.PP
WINDLASS_WORKSPACE chooses the workspace, WINDLASS_STATE_DIR moves journal and cache,
WINDLASS_REGISTRY_MIRRORS points a registry elsewhere, WINDLASS_TIMEOUT scales timeouts.
.SH FILES
.TP
$XDG_CONFIG_HOME/windlass/config.toml
settings of the console and keys
.TP
$XDG_CONFIG_HOME/windlass/workspaces/NAME.toml
a workspace
.TP
$XDG_STATE_HOME/windlass/journal.db
the journal of runs
.TP
$XDG_CACHE_HOME/windlass
what was seen last; can be deleted
"#;

/// The manual in one page on standard output, or page by page in the folder `out`.
pub fn man(out: Option<&Path>, output: &Output) -> Ending {
    if let Some(folder) = out {
        return pages(folder, output);
    }
    let page = whole()
        .map_err(|error| Problem::new(Kind::Machine, "the manual page cannot be made").because(&error))?;
    if output.json {
        output.document("man", None, vec![("page", json!(page))]);
    } else {
        output.answer(&page);
    }
    Ok(0)
}

fn pages(folder: &Path, output: &Output) -> Ending {
    let shown = Outside::new(folder.display().to_string());
    let failed = |error: std::io::Error| {
        Problem::new(
            Kind::Machine,
            format!("manual pages cannot be written into {shown}"),
        )
        .because(&error)
        .hint("name a folder that you may write to")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    let command = Cli::command();
    for hidden in command.get_subcommands().filter(|command| command.is_hide_set()) {
        remove_pages(folder, &format!("windlass-{}", hidden.get_name())).map_err(failed)?;
    }
    std::fs::OpenOptions::new()
        .append(true)
        .open(folder.join("windlass.1"))
        .and_then(|mut page| std::io::Write::write_all(&mut page, SURROUNDINGS.as_bytes()))
        .map_err(failed)?;
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .map_err(failed)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("windlass") && name.ends_with(".1"))
        .collect();
    files.sort();
    if output.json {
        let content = vec![("folder", json!(shown)), ("files", json!(files))];
        output.document("man", None, content);
    } else {
        output.answer(&format!(
            "{} pages in {shown}; 'man -l {shown}/windlass.1' shows the first\n",
            files.len()
        ));
    }
    Ok(0)
}

/// Removes the pages of a command that is not for people, and of those below it.
fn remove_pages(folder: &Path, called: &str) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let own = name.to_str().and_then(|name| name.strip_prefix(called));
        if own.is_some_and(|rest| rest == ".1" || rest.starts_with('-')) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// windlass, then every command of it, each once and with the options of its own.
fn whole() -> std::io::Result<String> {
    let mut top = Cli::command();
    top.build();
    let mut page = Vec::new();
    Man::new(top).render(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    // Not built: what is global is told once, above.
    let command = Cli::command();
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        chapter(command, "windlass", &mut page)?;
    }
    page.push_str(SURROUNDINGS);
    Ok(page)
}

fn chapter(command: &Command, above: &str, page: &mut String) -> std::io::Result<()> {
    let called = format!("{above} {}", command.get_name());
    let own = command.clone().bin_name(&called).display_name(&called);
    let man = Man::new(own);
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut text)?;
    }
    page.push_str(&format!(".SH {}\n", called.to_uppercase()));
    // Sections of a page of its own are subsections of this one. A page begins with definitions
    // that this one has already.
    let text = String::from_utf8_lossy(&text);
    for line in text.lines() {
        match line.strip_prefix(".SH ") {
            Some(title) => page.push_str(&format!(".SS {title}\n")),
            None => page.push_str(&format!("{line}\n")),
        }
    }
    for below in command.get_subcommands() {
        chapter(below, &called, page)?;
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
        names(&Cli::command(), "windlass", &mut all);
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
