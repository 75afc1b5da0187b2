//! Labels the state of a release, for the console and the command line.
//!
//! An unpublished release that the workspace's rule does not select is not labelled new. Whether a
//! release is published is decided in `evidence`.

use std::collections::BTreeSet;

use super::evidence::{Published, Twins};
use crate::config::Workspace;
use crate::config::workspace::Select;
use crate::domain::release::newest_per_month;
use crate::domain::{Release, ReleaseName, Snapshot};

/// Label of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// Selected by the rule and not published.
    New,
    /// Published.
    Published,
    /// Partly published: some channels run it.
    Partly,
    /// Rolled back: published before; no channel runs it now.
    RolledBack,
    /// Duplicate: not published, and another release has the same images.
    Twin(ReleaseName),
    /// Skipped: not published and not selected by the rule.
    Passed,
    /// No longer upstream.
    Withdrawn,
    /// A marker branch without a release.
    Phantom,
    /// The marker branches could not be read.
    Unknown,
}

impl Label {
    /// Returns the label as text.
    pub fn words(&self) -> String {
        match self {
            Self::New => "new".to_owned(),
            Self::Published => "published".to_owned(),
            Self::Partly => "partly".to_owned(),
            Self::RolledBack => "rolled back".to_owned(),
            Self::Twin(other) => format!("= {other}"),
            Self::Passed => "passed over".to_owned(),
            Self::Withdrawn => "withdrawn".to_owned(),
            Self::Phantom => "phantom".to_owned(),
            Self::Unknown => "published?".to_owned(),
        }
    }
}

/// Computes the labels of all releases of a snapshot.
pub struct Labels<'a> {
    snapshot: &'a Snapshot,
    /// Releases that the rule selects.
    chosen: BTreeSet<&'a ReleaseName>,
    /// Releases by their images.
    pub twins: Twins<'a>,
}

impl<'a> Labels<'a> {
    /// Prepares the labels for all releases of `snapshot`.
    pub fn among(workspace: &Workspace, snapshot: &'a Snapshot) -> Self {
        let releases = snapshot.releases.value.as_deref().unwrap_or_default();
        let names = releases.iter().map(|release| &release.name);
        let chosen = match &workspace.upstream {
            Some(upstream) if upstream.select == Select::NewestPerMonth => {
                newest_per_month(names, &upstream.since).into_iter().collect()
            }
            _ => names.collect(),
        };
        Self {
            snapshot,
            chosen,
            twins: Twins::among(snapshot),
        }
    }

    /// Returns the duplicate to name: a published one, otherwise the newest.
    fn twin(&self, release: &Release) -> Option<ReleaseName> {
        let markers = self.snapshot.markers.value.as_ref();
        let marked = |name: &ReleaseName| markers.is_some_and(|markers| markers.contains(name));
        let twins = self.twins.of(release).into_iter();
        twins.max_by(|a, b| (marked(a), a).cmp(&(marked(b), b)))
    }

    /// Returns the label of `release`, given whether it is published.
    pub fn of(&self, release: &Release, published: Option<Published>) -> Label {
        match published {
            _ if self.snapshot.is_withdrawn(&release.name) => Label::Withdrawn,
            None => Label::Unknown,
            Some(Published::Yes) => Label::Published,
            Some(Published::Partly) => Label::Partly,
            Some(Published::RolledBack) => Label::RolledBack,
            Some(Published::No) if self.chosen.contains(&release.name) => Label::New,
            Some(Published::No) => self.twin(release).map_or(Label::Passed, Label::Twin),
        }
    }
}
