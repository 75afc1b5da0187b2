//! Determines the state of a pane's data (not read yet, loading, known, stale, forbidden, failed)
//! and its text.
//!
//! Also defines which sources a pane shows.

use chrono::{DateTime, Utc};

use super::PaneId;
use crate::console::actions::ActionId;
use crate::console::view::look::Tone;
use crate::console::{Model, wake, words};
use crate::domain::snapshot::SourceStatus;
use crate::domain::{Observed, Problem, ProblemKind, Snapshot, Source};
use crate::plan;

/// The sources of a pane.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// When the oldest value shown was read.
    pub read_at: Option<DateTime<Utc>>,
    /// The first source whose last read failed, with its name.
    pub problem: Option<(&'static str, &'a Problem)>,
    /// True if no service can be reached at all.
    pub no_network: bool,
    /// True if a source was never read, so that an age would claim too much.
    pub unread: bool,
}

impl<'a> Sources<'a> {
    fn add<T>(&mut self, what: &'static str, seen: &'a Observed<T>) {
        if let Some(at) = seen.read_at {
            self.read_at = Some(self.read_at.map_or(at, |known| known.min(at)));
        }
        if self.problem.is_none() {
            self.problem = seen.problem.as_ref().map(|problem| (what, problem));
        }
        self.unread |= seen.standing() == SourceStatus::NotAsked;
    }
}

/// Returns the sources of `pane`.
pub fn sources(model: &Model, pane: PaneId) -> Sources<'_> {
    let snapshot = &*model.snapshot;
    let mut found = Sources::default();
    match pane {
        PaneId::Releases => {
            found.add("releases", &snapshot.releases);
            found.add("marker branches", &snapshot.markers);
        }
        PaneId::Channels => {
            channels(snapshot, &mut found);
            let known = |charm| snapshot.charms.contains_key(charm) || snapshot.served.contains_key(charm);
            let mut charms = model.workspace().charms.iter();
            found.unread |= charms.any(|charm| !known(&charm.name));
        }
        PaneId::Charms => {
            let seen = snapshot.charms.values();
            seen.for_each(|seen| found.add("charms", seen));
            found.unread |= model.charms().any(|charm| !snapshot.charms.contains_key(charm));
        }
        PaneId::Credentials => {
            credentials(snapshot, &mut found);
            let targets = plan::credentials::targets(model.workspace(), snapshot);
            let mut targets = targets.iter();
            found.unread |= targets.any(|target| !snapshot.has_read_secrets(&target.repository));
        }
        PaneId::Activity => {
            let problem = model.journal.problem.as_ref();
            found.problem = problem.map(|problem| ("journal", problem));
        }
    }
    if pane != PaneId::Activity
        && found.problem.is_some()
        && let Some(problem) = snapshot.no_network()
    {
        // Without a network the problems of single credentials are not worth reporting.
        found.problem = Some(("services", problem));
        found.no_network = true;
    }
    found
}

/// Uses the publisher's view, else the public one: if one of them was read, a failure of the other
/// is not reported.
fn channels<'a>(snapshot: &'a Snapshot, found: &mut Sources<'a>) {
    for (name, seen) in &snapshot.charms {
        match snapshot.served.get(name) {
            Some(served) if seen.value.is_none() && served.problem.is_none() => {
                found.add("channels", served);
            }
            _ => found.add("channels", seen),
        }
    }
    for (name, served) in &snapshot.served {
        if !snapshot.charms.contains_key(name) {
            found.add("channels", served);
        }
    }
}

/// Reports only problems that have no row in the pane.
fn credentials<'a>(snapshot: &'a Snapshot, found: &mut Sources<'a>) {
    found.unread = snapshot.sessions.standing() == SourceStatus::NotAsked;
    for seen in [&snapshot.credential, &snapshot.github] {
        found.unread |= seen.standing() == SourceStatus::NotAsked;
        if let Some(at) = seen.read_at {
            found.read_at = Some(found.read_at.map_or(at, |known| known.min(at)));
        }
    }
    if snapshot.credential.problem.is_none() && snapshot.sessions.problem.is_some() {
        found.add("sessions", &snapshot.sessions);
    }
    if snapshot.github.problem.is_none() {
        let failed = snapshot.secrets.values().find(|seen| seen.problem.is_some());
        if let Some(seen) = failed {
            found.add("secrets", seen);
        }
    }
}

/// Returns true if `pane` has a banner with its problem; there is none if a row already shows it.
pub fn has_banner(model: &Model, pane: PaneId) -> bool {
    pane != PaneId::Charms && sources(model, pane).problem.is_some()
}

/// Shortest useful part of a reason, in columns.
const SOME: usize = 8;

/// Returns what could not be read, why, and which key helps, in one line of at most `columns`.
pub fn banner(model: &Model, pane: PaneId, columns: usize) -> Option<(String, Tone)> {
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
pub fn note(model: &Model, pane: PaneId) -> Option<(String, Tone)> {
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
            None if pane == PaneId::Activity => None,
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

/// Returns the sources of `pane` as a refresh reads them.
const fn behind(pane: PaneId) -> &'static [Source] {
    match pane {
        PaneId::Releases => &[Source::Releases, Source::Markers, Source::Holds],
        PaneId::Channels => &[Source::Channels, Source::Charms],
        PaneId::Charms => &[Source::Charms],
        PaneId::Credentials => &[
            Source::StoreAccount,
            Source::GitHubAccount,
            Source::Secrets,
            Source::Sessions,
        ],
        PaneId::Activity => &[],
    }
}

/// Returns true if the pending refresh has not read `source` yet.
pub fn is_loading(model: &Model, source: Source) -> bool {
    model.refresh.in_flight.is_some() && !model.refresh.complete.contains(&source)
}

/// Returns "loading", with the seconds since the start, until the sources of `pane` have answered.
fn loading(model: &Model, pane: PaneId) -> Option<String> {
    if pane == PaneId::Activity {
        let asking = model.journal.in_flight.is_some() && model.journal.answered_at.is_none();
        return asking.then(|| LOADING.to_owned());
    }
    model.refresh.in_flight?;
    let complete = &model.refresh.complete;
    if behind(pane).iter().all(|source| complete.contains(source)) {
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
pub fn empty(model: &Model, pane: PaneId) -> Vec<(String, Tone)> {
    let filter = super::filter(&model.panes, pane);
    let (_, all) = super::counts(&model.panes, pane);
    if !filter.trim().is_empty() && all > 0 {
        return vec![
            (unmatched(model, pane, filter, all), Tone::Plain),
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
    let asking = if pane == PaneId::Activity {
        model.journal.in_flight.is_some() && model.journal.answered_at.is_none()
    } else {
        sources.read_at.is_none() && loading(model, pane).is_some()
    };
    if let Some(text) = nothing_named(model, pane) {
        return vec![(text.to_owned(), Tone::Dim)];
    }
    if asking {
        return vec![(asking_words(model, pane), Tone::Dim)];
    }
    if sources.read_at.is_none() && pane != PaneId::Activity {
        let remedy = if model.setting.offline {
            "offline: nothing is cached; start without --offline".to_owned()
        } else {
            format!("not loaded; {}", hint(model, ActionId::REFRESH, "refresh"))
        };
        return vec![(remedy, Tone::Dim)];
    }
    vec![(none(model, pane), Tone::Dim)]
}

/// Returns a text if the workspace configures nothing that the pane could show.
fn nothing_named(model: &Model, pane: PaneId) -> Option<&'static str> {
    let workspace = model.workspace();
    match pane {
        PaneId::Releases if workspace.upstream.is_none() => Some("this workspace has no upstream"),
        PaneId::Channels | PaneId::Charms if workspace.charms.is_empty() => {
            Some("this workspace has no charms")
        }
        _ => None,
    }
}

/// Returns what the pane lists, for sentences such as "no releases".
fn things(model: &Model, pane: PaneId) -> String {
    match (pane, &model.workspace().upstream) {
        (PaneId::Releases, Some(upstream)) => format!("releases since {}", upstream.since),
        (PaneId::Releases, None) => "releases".to_owned(),
        (PaneId::Channels, _) => "channels".to_owned(),
        (PaneId::Charms, _) => "charms, revisions and resources".to_owned(),
        (PaneId::Credentials, _) => "credentials".to_owned(),
        (PaneId::Activity, _) => "runs".to_owned(),
    }
}

fn unmatched(model: &Model, pane: PaneId, filter: &str, all: usize) -> String {
    // Listed data may be older than what is being read.
    let things = match pane {
        PaneId::Releases => "releases".to_owned(),
        _ => things(model, pane),
    };
    format!("no match for '{filter}' among {all} {things}")
}

fn asking_words(model: &Model, pane: PaneId) -> String {
    match (pane, &model.workspace().upstream) {
        (PaneId::Releases, Some(upstream)) => format!("reading {} from GitHub …", upstream.repository),
        (PaneId::Channels | PaneId::Charms, _) => {
            let charms = words::count(model.workspace().charms.len(), "charm", "charms");
            format!("reading {charms} from Charmhub …")
        }
        (PaneId::Activity, _) => "reading the journal …".to_owned(),
        _ => "reading …".to_owned(),
    }
}

fn none(model: &Model, pane: PaneId) -> String {
    match (pane, &model.workspace().upstream) {
        (PaneId::Releases, Some(upstream)) => format!(
            "no {} in {}/{}",
            things(model, pane),
            upstream.repository,
            upstream.path
        ),
        (PaneId::Channels, _) => format!(
            "no channel of these charms is open; {}",
            hint(model, ActionId::RELEASE_REVISION, "release a revision in Charms")
        ),
        (PaneId::Credentials, _) => format!(
            "no credentials found; {}",
            hint(model, ActionId::SIGN_IN, "sign in to Charmhub")
        ),
        (PaneId::Activity, _) => format!(
            "no runs yet; {}",
            hint(model, ActionId::PUBLISH, "publish the selected release")
        ),
        _ => format!("no {}", things(model, pane)),
    }
}
