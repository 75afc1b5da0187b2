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

/// windlass, then every command of it, each once and with the options of its own.
fn whole() -> std::io::Result<String> {
    let mut top = Cli::command();
    top.build();
    let mut page = Vec::new();
    Man::new(top).render(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    // Not built: what is global is told once, above.
    for command in Cli::command().get_subcommands() {
        chapter(command, "windlass", &mut page)?;
    }
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
        for below in command.get_subcommands() {
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
    }
}
