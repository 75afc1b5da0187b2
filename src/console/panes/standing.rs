//! Determines the state of a pane's data (not read yet, loading, known, stale, forbidden, failed)
//! and its text.

use super::PaneSpec;
use super::sources::Sources;
use crate::console::actions::ActionId;
use crate::console::view::look::Tone;
use crate::console::{Model, wake, words};
use crate::domain::{Problem, ProblemKind, Source};

/// Returns the sources of `pane`. Without a network the problems of single sources are not worth
/// reporting.
pub fn sources<'m>(model: &'m Model, pane: &PaneSpec) -> Sources<'m> {
    let mut found = (pane.status.sources)(model);
    if !is_local(pane)
        && found.problem.is_some()
        && let Some(problem) = model.snapshot.no_network()
    {
        found.problem = Some(("services", problem));
        found.no_network = true;
    }
    found
}

/// Returns true if the data of `pane` comes from the journal.
const fn is_local(pane: &PaneSpec) -> bool {
    pane.status.read.is_empty()
}

/// Returns true if `pane` has a banner with its problem; there is none if a row already shows it.
pub fn has_banner(model: &Model, pane: &PaneSpec) -> bool {
    pane.status.has_banner && sources(model, pane).problem.is_some()
}

/// Shortest useful part of a reason, in columns.
const SOME: usize = 8;

/// Returns what could not be read, why, and which key helps, in one line of at most `columns`.
pub fn banner(model: &Model, pane: &PaneSpec, columns: usize) -> Option<(String, Tone)> {
    let Sources {
        problem, no_network, ..
    } = sources(model, pane);
    let (what, problem) = problem?;
    let (remedy, tone) = remedy(model, problem);
    let more = brief(model, ActionId::OPEN, "details");
    let long = format!(" - {remedy}, {more}");
    let short = format!(" - {more}");
    let shortest = format!("; {}", model.setting.keymap.first(ActionId::OPEN));
    // The cause is more useful than what was requested.
    let cause = problem.causes.first().unwrap_or(&problem.summary);
    let (happened, why) = if no_network {
        ("no network".to_owned(), cause)
    } else if problem.kind == ProblemKind::Credentials {
        (format!("{what}: {}", refused(problem)), &problem.summary)
    } else {
        (format!("{what} could not be read"), cause)
    };
    let whole = format!("{happened}: {why}");
    let fits = |tail: &str| words::width(&whole) + words::width(tail) <= columns;
    let tail = [long.as_str(), short.as_str()]
        .into_iter()
        .find(|tail| fits(tail))
        .unwrap_or(if columns >= 60 { &short } else { &shortest });
    let room = columns.saturating_sub(words::width(tail));
    // A reason cut too short is less useful than none.
    let bare = words::width(&whole) > room && words::width(&happened) + SOME > room;
    let told = words::cut(if bare { &happened } else { &whole }, room);
    Some((format!("{told}{tail}"), tone))
}

/// Returns why a credential did not help: there is none, or the service refused it.
const fn refused(problem: &Problem) -> &'static str {
    if problem.credential_missing {
        "no credential"
    } else {
        "not allowed"
    }
}

/// Returns an action and its key for a line with little space.
fn brief(model: &Model, id: ActionId, does: &str) -> String {
    model.setting.keymap.brief(id, does)
}

/// Returns how to use an action, with the user's own key.
fn hint(model: &Model, id: ActionId, does: &str) -> String {
    model.setting.keymap.hint(id, does)
}

/// Returns the key that is likely to help.
fn remedy(model: &Model, problem: &Problem) -> (String, Tone) {
    match problem.kind {
        _ if model.setting.offline => ("offline".to_owned(), Tone::Warn),
        _ if problem.credential_expired => (brief(model, ActionId::SIGN_IN, "sign in"), Tone::Bad),
        ProblemKind::Credentials => (brief(model, ActionId::CREDENTIALS, "credentials"), Tone::Bad),
        _ => (brief(model, ActionId::REFRESH, "refresh"), Tone::Warn),
    }
}

/// Returns the note in the border of `pane`: the age of its data, or why it has none.
pub fn note(model: &Model, pane: &PaneSpec) -> Option<(String, Tone)> {
    let sources = sources(model, pane);
    let loading = loading(model, pane);
    let Some(at) = sources.read_at else {
        return match sources.problem {
            Some(_) if sources.no_network => Some(("no network".to_owned(), Tone::Bad)),
            Some((_, problem)) if problem.kind == ProblemKind::Credentials => {
                Some((refused(problem).to_owned(), Tone::Bad))
            }
            Some(_) => Some(("could not be read".to_owned(), Tone::Warn)),
            None if loading.is_some() => loading.map(|text| (text, Tone::Dim)),
            None if is_local(pane) => None,
            None => Some(("not read yet".to_owned(), Tone::Dim)),
        };
    };
    let age = words::age(model.now, at);
    let short = age.trim_end_matches(" ago");
    let old = model.now - at > wake::stale_after(model);
    // Data that is being read again is not called stale; its age is shown meanwhile.
    let is_older = model.refresh.started_at.is_none_or(|started| at < started);
    let from_cache = loading.is_some() && model.refresh.answered_at.is_none() && is_older;
    let (mut text, tone) = match sources.problem {
        Some(_) => (format!("stale {short}"), Tone::Warn),
        None if from_cache => (format!("cached {age}"), Tone::Dim),
        None if old => (format!("stale {short}"), Tone::Warn),
        None if sources.unread && loading.is_some() => return loading.map(|text| (text, Tone::Dim)),
        None => (age.clone(), Tone::Dim),
    };
    // A fast answer should not make a label flicker.
    if let Some(loading) = loading.filter(|text| text != LOADING) {
        text = format!("{text}, {loading}");
    }
    Some((text, tone))
}

/// The label of a pane whose sources are being read.
const LOADING: &str = "loading";

/// Returns true if the pending refresh has not read `source` yet.
pub fn is_loading(model: &Model, source: Source) -> bool {
    model.refresh.in_flight.is_some() && !model.refresh.complete.contains(&source)
}

/// Returns "loading", with the seconds since the start, until the sources of `pane` have answered.
fn loading(model: &Model, pane: &PaneSpec) -> Option<String> {
    if is_local(pane) {
        let asking = model.journal.in_flight.is_some() && model.journal.answered_at.is_none();
        return asking.then(|| LOADING.to_owned());
    }
    model.refresh.in_flight?;
    let complete = &model.refresh.complete;
    if pane.status.read.iter().all(|source| complete.contains(source)) {
        return None;
    }
    let seconds = model
        .refresh
        .started_at
        .map_or(0, |at| (model.now - at).num_seconds());
    Some(match seconds {
        ..=0 => LOADING.to_owned(),
        seconds => format!("{LOADING} {seconds} s"),
    })
}

/// Returns the text for a `pane` without rows: what it would show, why it does not, and the remedy.
pub fn empty(model: &Model, pane: &PaneSpec) -> Vec<(String, Tone)> {
    let filter = (pane.list)(model).filter();
    let (_, all) = (pane.list)(model).counts();
    if !filter.trim().is_empty() && all > 0 {
        let things = (pane.status.things)(model);
        let unmatched = format!("no match for '{filter}' among {all} {things}");
        return vec![
            (unmatched, Tone::Plain),
            (hint(model, ActionId::UNFILTER, "clear the filter"), Tone::Dim),
        ];
    }
    let sources = sources(model, pane);
    if let Some((what, problem)) = sources.problem {
        let head = match problem.kind {
            _ if sources.no_network => "no network".to_owned(),
            ProblemKind::Credentials => format!("{what}: {}", refused(problem)),
            _ => format!("{what}: could not be read"),
        };
        let mut lines = vec![(head, Tone::Warn)];
        lines.push((problem.summary.to_string(), Tone::Plain));
        lines.extend(problem.hints.iter().map(|hint| (hint.to_string(), Tone::Plain)));
        return lines;
    }
    let asking = if is_local(pane) {
        model.journal.in_flight.is_some() && model.journal.answered_at.is_none()
    } else {
        sources.read_at.is_none() && loading(model, pane).is_some()
    };
    if let Some(text) = (pane.status.nothing_named)(model) {
        return vec![(text.to_owned(), Tone::Dim)];
    }
    if asking {
        return vec![((pane.status.asking)(model), Tone::Dim)];
    }
    if sources.read_at.is_none() && !is_local(pane) {
        let remedy = if model.setting.offline {
            "offline: nothing is cached; start without --offline".to_owned()
        } else {
            format!("not loaded; {}", hint(model, ActionId::REFRESH, "refresh"))
        };
        return vec![(remedy, Tone::Dim)];
    }
    vec![((pane.status.none)(model), Tone::Dim)]
}
