//! Completes values of the command line: charms, channels, releases, runs, workspaces.
//!
//! A shell asks at every tab, so candidates come only from files: configuration, cache and journal.
//! A file that cannot be read yields no candidates.

use std::ffi::OsString;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use super::args::{self, Global};
use super::environment::Environment;
use crate::config::{self, Config, Workspace};
use crate::domain::channel::Risk;
use crate::domain::charm::CharmFacts;
use crate::domain::credential::PERMISSIONS;
use crate::domain::{CharmName, ResourceName, SanitizedText, Snapshot};
use crate::journal::{Journal, Outcome, RunRecord};
use crate::plan::known_images;

/// Number of runs offered.
const RUNS: usize = 50;

type Candidates = fn() -> Vec<CompletionCandidate>;

/// Returns the command line without hidden items, each value with its candidates.
pub fn command() -> Command {
    shown(&args::command(), "").version(env!("CARGO_PKG_VERSION"))
}

fn shown(command: &Command, words: &str) -> Command {
    // Leaked: the process answers one question and exits.
    let name: &'static str = Box::leak(command.get_name().to_owned().into_boxed_str());
    let visible = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    Command::new(name)
        .about(command.get_about().cloned().unwrap_or_default())
        .args(visible.map(|arg| match candidates(words, arg) {
            Some(candidates) => arg.clone().add(ArgValueCandidates::new(candidates)),
            None => arg.clone(),
        }))
        .subcommands(below.map(|below| {
            let words = format!("{words} {}", below.get_name());
            shown(below, words.trim_start())
        }))
}

/// Returns the candidates of `arg`, an argument of the command with these words.
fn candidates(words: &str, arg: &Arg) -> Option<Candidates> {
    let value = arg.get_value_names()?.first()?.as_str();
    let of_github = words.ends_with("workflow") || words.contains("workflow ");
    Some(match (value, arg.get_id().as_str()) {
        ("NAME|FILE", _) => workspaces,
        ("legend|regtech", _) => || listed(config::names(None)),
        ("CHARM", _) | ("NAME", "charm") => charms,
        ("NAME", "bundle") => bundle,
        ("CHANNEL" | "C", _) => channels,
        ("N", "revision") => revisions,
        ("RESOURCE", _) => resources,
        ("DIGEST", "image") => digests,
        ("REFERENCE", "from") => references,
        ("RELEASE" | "RELEASE|IMAGE", _) => releases,
        ("RUN", _) if of_github => return None,
        ("RUN", _) if words == "resume" => unfinished_runs,
        ("RUN" | "TIME|RUN", _) => runs,
        ("RISK", _) => risks,
        ("TRACK", _) => tracks,
        ("SESSION", _) => sessions,
        ("SESSION|recorded", _) => || {
            let recorded = CompletionCandidate::new("recorded");
            std::iter::once(recorded).chain(sessions()).collect()
        },
        ("REPO:SECRET", _) => targets,
        ("PERMISSION", _) => || {
            PERMISSIONS
                .iter()
                .map(|name| CompletionCandidate::new(*name))
                .collect()
        },
        ("OWNER/NAME", "repository") => repositories,
        _ => return None,
    })
}

/// Returns the words typed so far, without those that name this program.
fn typed() -> Vec<OsString> {
    std::env::args_os()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect()
}

fn environment() -> (Environment, Global) {
    (Environment::process(), Global::of_words(typed().into_iter()))
}

fn configured() -> Option<Config> {
    let (environment, global) = environment();
    environment.config(&global).ok()
}

/// Returns the last observed state.
fn observed() -> Option<(Config, Snapshot)> {
    let (environment, global) = environment();
    let config = environment.config(&global).ok()?;
    let snapshot = environment.cached(&config).ok()?;
    Some((config, snapshot))
}

fn journal() -> Option<Journal> {
    let journal = Environment::process().existing_journal().ok()?;
    Some(journal.of_workspace(&configured()?.workspace.name))
}

/// Returns values from the charms of the snapshot, or from the charm that the words name.
fn observed_charms<T>(each: impl Fn(&CharmName, &CharmFacts) -> Vec<T>) -> Vec<T> {
    let Some((_, snapshot)) = observed() else {
        return Vec::new();
    };
    let typed = typed();
    let named = |charm: &CharmName| typed.iter().any(|word| word == charm.as_str());
    let all = snapshot.charms.iter();
    let all = all.filter_map(|(charm, seen)| Some((charm, seen.value.as_ref()?)));
    let any = all.clone().any(|(charm, _)| named(charm));
    all.filter(|(charm, _)| !any || named(charm))
        .flat_map(|(charm, facts)| each(charm, facts))
        .collect()
}

/// Returns each value once, in the given order.
fn listed(values: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let mut kept: Vec<String> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    ordered(kept.into_iter().map(CompletionCandidate::new))
}

/// Keeps this order instead of sorting, and drops values with control characters.
fn ordered(candidates: impl Iterator<Item = CompletionCandidate>) -> Vec<CompletionCandidate> {
    let harmless = candidates.filter(|one| {
        let value = one.get_value().to_string_lossy();
        SanitizedText::new(&value).as_str() == value
    });
    let numbered = harmless.enumerate();
    numbered.map(|(at, one)| one.display_order(Some(at))).collect()
}

fn workspaces() -> Vec<CompletionCandidate> {
    let home = Environment::process().config_home();
    listed(config::names(home.as_deref()))
}

fn charms() -> Vec<CompletionCandidate> {
    let workspace = configured().map(|config| config.workspace);
    let charms = workspace.iter().flat_map(|workspace| {
        let bundle = workspace.bundle.iter().map(|bundle| &bundle.name);
        workspace.charms.iter().map(|charm| &charm.name).chain(bundle)
    });
    listed(charms.map(ToString::to_string))
}

fn bundle() -> Vec<CompletionCandidate> {
    let bundle = configured().and_then(|config| config.workspace.bundle);
    listed(bundle.map(|bundle| bundle.name.to_string()))
}

fn channels() -> Vec<CompletionCandidate> {
    listed(observed_charms(|_, facts| {
        let rows = facts.rows.iter().map(|row| row.channel.to_string());
        let all = facts.tracks.iter().flat_map(|track| {
            let of_track = Risk::ALL.iter().map(move |risk| format!("{track}/{risk}"));
            of_track.collect::<Vec<_>>()
        });
        rows.chain(all).collect()
    }))
}

/// Tracks of all charms: a promotion moves those of every charm that has it.
fn tracks() -> Vec<CompletionCandidate> {
    listed(observed_charms(|_, facts| {
        let open = facts.rows.iter().map(|row| row.channel.track.to_string());
        open.chain(facts.tracks.iter().map(ToString::to_string)).collect()
    }))
}

fn revisions() -> Vec<CompletionCandidate> {
    let revisions = observed_charms(|_, facts| {
        let revisions = facts.revisions.iter();
        revisions
            .map(|one| {
                let about = format!("{} {}", one.version, one.status);
                CompletionCandidate::new(one.revision.0.to_string()).help(Some(about.into()))
            })
            .collect()
    });
    ordered(revisions.into_iter())
}

fn resources() -> Vec<CompletionCandidate> {
    listed(observed_charms(|_, facts| {
        facts.resources.keys().map(ToString::to_string).collect()
    }))
}

/// Returns the resources of the charm that the words name: the one that they name, else all.
fn typed_resources(workspace: &Workspace, snapshot: &Snapshot) -> Vec<(CharmName, ResourceName)> {
    let typed = typed();
    let typed = |name: &str| typed.iter().any(|word| word == name);
    let charms = workspace.charms.iter().filter(|charm| typed(charm.name.as_str()));
    let all: Vec<(CharmName, ResourceName)> = charms
        .flat_map(|charm| {
            let facts = snapshot
                .charms
                .get(&charm.name)
                .and_then(|seen| seen.value.as_ref());
            let names = facts.into_iter().flat_map(|facts| facts.resources.keys());
            names.map(|name| (charm.name.clone(), name.clone()))
        })
        .collect();
    let named = all.iter().find(|(_, resource)| typed(resource.as_str())).cloned();
    named.map_or(all, |named| vec![named])
}

/// Returns the digests of images that revisions of the typed resource contain.
fn digests() -> Vec<CompletionCandidate> {
    let Some((config, snapshot)) = observed() else {
        return Vec::new();
    };
    let resources = typed_resources(&config.workspace, &snapshot);
    ordered(resources.iter().flat_map(|(charm, resource)| {
        let found = known_images::of_revisions(&snapshot, charm, resource).into_iter();
        found.map(move |(digest, revision)| {
            let about = format!("{resource} {revision}");
            CompletionCandidate::new(digest.to_string()).help(Some(about.into()))
        })
    }))
}

/// Returns the references that releases name for the typed resource.
fn references() -> Vec<CompletionCandidate> {
    let Some((config, snapshot)) = observed() else {
        return Vec::new();
    };
    let resources = typed_resources(&config.workspace, &snapshot);
    ordered(resources.iter().flat_map(|(charm, resource)| {
        let found = known_images::named_by_releases(&config.workspace, &snapshot, charm, resource);
        found.into_iter().map(|(reference, releases)| {
            let about = releases
                .first()
                .map(|release| format!("release {release}").into());
            CompletionCandidate::new(reference).help(about)
        })
    }))
}

fn releases() -> Vec<CompletionCandidate> {
    let seen = observed().and_then(|(_, snapshot)| snapshot.releases.value);
    let names = seen.iter().flatten().map(|release| release.name.to_string());
    listed(names)
}

fn of_runs(runs: Option<Vec<RunRecord>>) -> Vec<CompletionCandidate> {
    let runs = runs.unwrap_or_default().into_iter().map(|run| {
        let outcome = run.outcome.map_or("stopped midway", Outcome::as_str);
        let about = format!("{}: {outcome}", run.plan.title);
        CompletionCandidate::new(run.id.0).help(Some(about.into()))
    });
    ordered(runs)
}

fn runs() -> Vec<CompletionCandidate> {
    of_runs(journal().and_then(|journal| journal.runs(RUNS).ok()))
}

fn unfinished_runs() -> Vec<CompletionCandidate> {
    of_runs(journal().and_then(|journal| journal.unfinished_runs().ok()))
}

fn risks() -> Vec<CompletionCandidate> {
    // A promotion starts from edge.
    let reached = Risk::ALL.iter().filter(|risk| **risk != Risk::Edge);
    listed(reached.map(ToString::to_string))
}

fn sessions() -> Vec<CompletionCandidate> {
    let seen = observed().and_then(|(_, snapshot)| snapshot.sessions.value);
    let live = seen.into_iter().flatten().filter(|one| one.revoked_at.is_none());
    ordered(live.map(|one| {
        let about = one.description.map(|about| about.to_string().into());
        CompletionCandidate::new(one.id.to_string()).help(about)
    }))
}

fn targets() -> Vec<CompletionCandidate> {
    let tokens = configured().map(|config| config.workspace.tokens);
    let targets = tokens.iter().flatten().flat_map(|token| &token.targets);
    listed(targets.map(ToString::to_string))
}

fn repositories() -> Vec<CompletionCandidate> {
    listed(
        configured()
            .iter()
            .flat_map(|config| config.workspace.repositories()),
    )
}
