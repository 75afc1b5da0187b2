//! Lists the sources of a view: when each was read, and why one could not be read.
//!
//! Follows the list of what the view reads, so that no failed read goes without an error.

use std::collections::BTreeSet;

use super::charm_names;
use crate::cli::documents::Sources;
use crate::domain::{CharmName, Observed, Problem, ProblemKind, Snapshot, Source};
use crate::observe::View;
use crate::run::Session;

/// Returns the sources that `view` reads for its answer. A charm is one source on both sides of the
/// store. Images are one source each: those of resource revisions, and those that releases name.
pub fn sources(session: &Session, view: View, snapshot: &Snapshot) -> Sources {
    let mut sources = Sources::new();
    let reads = |source| view.reads(source);
    if reads(Source::Releases) {
        sources = sources.add("releases", &snapshot.releases);
    }
    if reads(Source::Markers) {
        sources = sources.add("markers", &snapshot.markers);
    }
    if reads(Source::Holds) {
        sources = sources.add("holds", &snapshot.holds);
    }
    if reads(Source::StoreAccount) {
        sources = sources.add("credential", &snapshot.credential);
    }
    if reads(Source::GitHubAccount) && !snapshot.github.problem.as_ref().is_some_and(is_missing) {
        sources = sources.add("github", &snapshot.github);
    }
    if reads(Source::Sessions) && !snapshot.sessions.problem.as_ref().is_some_and(is_missing) {
        sources = sources.add("sessions", &snapshot.sessions);
    }
    let charms = charm_names(session);
    for charm in &charms {
        sources = charm_source(sources, view, snapshot, charm);
    }
    let charms: BTreeSet<CharmName> = charms.into_iter().collect();
    if reads(Source::ResourceImages) {
        let of_charms = snapshot.behind.iter().filter(|(key, _)| {
            let charm = key.split('/').next().unwrap_or_default();
            charms.iter().any(|known| known.as_str() == charm)
        });
        sources = sources.add("resource-images", &failure(of_charms.map(|(_, seen)| seen)));
    }
    // A tag that could not be read matters only while an image has no name.
    if reads(Source::ReleaseNames) && session.observer.runs_unnamed(snapshot, &charms) {
        if !reads(Source::Releases) {
            sources = sources.add("releases", &snapshot.releases);
        }
        sources = sources.add("release-images", &failure(snapshot.images.values()));
    }
    sources
}

/// Adds one charm. What the public is served needs no credential: a publisher's side that is not
/// open to this one counts only without it.
fn charm_source(mut sources: Sources, view: View, snapshot: &Snapshot, charm: &CharmName) -> Sources {
    let served = snapshot
        .served
        .get(charm)
        .filter(|_| view.reads(Source::Channels));
    let is_served = served.is_some_and(|rows| rows.value.is_some() && rows.problem.is_none());
    let published = snapshot.charms.get(charm).filter(|facts| {
        view.reads(Source::Charms) && (!is_served || facts.problem.as_ref().is_none_or(is_unanswered))
    });
    if let Some(facts) = published {
        sources = sources.add(charm.as_str(), facts);
    }
    if let Some(rows) = served {
        sources = sources.add(charm.as_str(), rows);
    }
    sources
}

/// Returns the first failure among `images` as a source without a time. An image that does not
/// exist, or is none, is an answer.
fn failure<'a, T: 'a>(images: impl Iterator<Item = &'a Observed<T>>) -> Observed<()> {
    let mut failed = images.filter(|seen| seen.problem.as_ref().is_some_and(is_unanswered));
    let Some(first) = failed.next() else {
        return Observed::default();
    };
    let problem = first.problem.clone().map(|problem| match failed.count() {
        0 => problem,
        more => problem.cause(format!("{more} more could not be read")),
    });
    Observed {
        problem,
        failed_at: first.failed_at,
        ..Observed::default()
    }
}

/// Returns true if nothing was requested, because no credential is set.
const fn is_missing(problem: &Problem) -> bool {
    problem.credential_missing
}

/// Returns true if the service did not answer, or not with what was requested.
const fn is_unanswered(problem: &Problem) -> bool {
    matches!(
        problem.kind,
        ProblemKind::Network | ProblemKind::Service | ProblemKind::RateLimited
    )
}
