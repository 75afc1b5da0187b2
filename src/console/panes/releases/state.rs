//! Builds the rows of the releases pane, and the tone of their labels.

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::console::Model;
use crate::console::listing::{Keyed, Listing};
use crate::console::sorting::{SortColumn, SortValue};
use crate::console::state::state;
use crate::console::view::look::Tone;
use crate::console::{links, words};
use crate::domain::release::WarningKind;
use crate::domain::{Release, ReleaseName, SanitizedText, Snapshot};
use crate::plan::evidence::{self, Published};
pub use crate::plan::label::Label;
use crate::plan::label::Labels;

/// A row of the releases pane.
#[derive(Clone, Debug)]
pub struct Row {
    /// The release.
    pub name: ReleaseName,
    /// Its label.
    pub label: Label,
    /// When it was made.
    pub made: Option<DateTime<Utc>>,
    /// Tags of the images used by charms, in the order of the charms.
    pub tags: Vec<String>,
    /// The most important oddity, in a word.
    pub oddity: Option<&'static str>,
    /// Every oddity in full.
    pub warnings: Vec<SanitizedText>,
    /// True if it is held: automatic publishes skip it.
    pub held: bool,
    /// Whether it is published; `None` if unknown.
    pub published: Option<Published>,
}

impl Row {
    /// Returns the tone of its label.
    pub const fn tone(&self) -> Tone {
        match self.label {
            Label::New => Tone::Accent,
            Label::Published => Tone::Good,
            Label::Partly | Label::RolledBack | Label::Unknown | Label::Withdrawn | Label::Phantom => {
                Tone::Warn
            }
            Label::Twin(_) | Label::Passed => Tone::Dim,
        }
    }
}

state!(Listing<Row>);

impl Model {
    /// Returns the rows of the releases pane.
    pub fn release_rows(&self) -> &Listing<Row> {
        self.state()
    }

    /// Returns the rows of the releases pane for changes.
    pub fn release_rows_mut(&mut self) -> &mut Listing<Row> {
        self.state_mut()
    }
}

impl Keyed for Row {
    fn key(&self) -> &str {
        self.name.as_str()
    }

    fn words(&self) -> String {
        format!(
            "{} {} {} {} {}",
            self.name,
            self.label.words(),
            if self.held { "held" } else { "" },
            self.tags.join(" "),
            self.oddity.unwrap_or_default()
        )
    }

    fn details(&self) -> String {
        let made = self.made.map(words::minute).unwrap_or_default();
        let warnings = self.warnings.iter().map(SanitizedText::as_str);
        std::iter::once(made.as_str())
            .chain(warnings)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn sort_columns() -> &'static [SortColumn] {
        const {
            &[
                SortColumn::newest("release"),
                SortColumn::words("status"),
                SortColumn::newest("date"),
            ]
        }
    }

    fn sort_value(&self, column: usize) -> Option<SortValue> {
        match column {
            0 => Some(SortValue::Text(self.name.to_string())),
            1 => Some(SortValue::Text(self.label.words())),
            _ => self.made.map(SortValue::Time),
        }
    }
}

/// Returns the words that stand for a warning in a row.
pub fn sign_words() -> impl Iterator<Item = &'static str> {
    [
        WarningKind::Misdated,
        WarningKind::Unreadable,
        WarningKind::Evidence,
    ]
    .into_iter()
    .filter_map(oddity)
}

const fn oddity(kind: WarningKind) -> Option<&'static str> {
    Some(match kind {
        WarningKind::Misdated => "date?",
        WarningKind::Unreadable => "unreadable",
        WarningKind::Evidence => "evidence?",
        WarningKind::SameContent | WarningKind::Withdrawn | WarningKind::Phantom => return None,
    })
}

/// Returns all rows, newest first. Without `warm` only markers are checked, which is fast.
pub fn rows(workspace: &Workspace, snapshot: &Snapshot, warm: bool) -> Vec<Row> {
    let keys: Vec<&str> = workspace
        .fed_charms()
        .flat_map(|charm| charm.fed().map(|(_, key)| key))
        .collect();
    let given = Given {
        workspace,
        snapshot,
        keys: &keys,
        labels: &Labels::among(workspace, snapshot),
    };
    let releases = snapshot.releases.value.as_deref().unwrap_or_default();
    let mut rows: Vec<Row> = releases
        .iter()
        .chain(&snapshot.withdrawn)
        .map(|release| row(&given, release, warm))
        .collect();
    rows.extend(evidence::phantoms(snapshot).into_iter().map(|name| Row {
        warnings: vec![SanitizedText::new("marker branch without an upstream release")],
        held: held(snapshot, &name),
        name,
        label: Label::Phantom,
        made: None,
        tags: Vec::new(),
        oddity: None,
        published: Some(Published::Yes),
    }));
    rows
}

/// What all rows are built from.
struct Given<'a> {
    workspace: &'a Workspace,
    snapshot: &'a Snapshot,
    /// The manifest's keys of the images used by charms.
    keys: &'a [&'a str],
    labels: &'a Labels<'a>,
}

fn row(given: &Given<'_>, release: &Release, warm: bool) -> Row {
    let snapshot = given.snapshot;
    let (published, warnings) = if warm {
        let (standing, warnings) = evidence::judged(given.workspace, snapshot, &given.labels.twins, release);
        (standing.published, warnings)
    } else {
        let published = snapshot.markers.value.as_ref().map(|markers| {
            if markers.contains(&release.name) {
                Published::Yes
            } else {
                Published::No
            }
        });
        (published, release.misdated().into_iter().collect())
    };
    let label = given.labels.of(release, published);
    // These labels already say that marker and channels disagree.
    let is_said = |kind| kind == WarningKind::Evidence && matches!(label, Label::Partly | Label::RolledBack);
    let mut odd = warnings.iter().filter(|warning| !is_said(warning.kind));
    let oddity = odd.find_map(|warning| oddity(warning.kind));
    Row {
        name: release.name.clone(),
        label,
        made: release.made_at(),
        tags: given
            .keys
            .iter()
            .map(|key| {
                release
                    .images
                    .get(*key)
                    .map_or_else(|| "-".to_owned(), |tag| SanitizedText::new(tag).to_string())
            })
            .collect(),
        oddity,
        warnings: warnings.into_iter().map(|w| w.text).collect(),
        held: held(snapshot, &release.name),
        published,
    }
}

fn held(snapshot: &Snapshot, release: &ReleaseName) -> bool {
    let holds = snapshot.holds.value.as_ref();
    holds.is_some_and(|holds| holds.contains(release))
}

/// Returns the initially selected row: the newest that should be published and is not, else the
/// newest.
pub fn preferred(rows: &[Row]) -> Option<String> {
    rows.iter()
        .find(|row| row.label == Label::New)
        .or_else(|| rows.first())
        .map(|row| row.name.to_string())
}

/// Returns the page of a release.
pub fn link(workspace: &Workspace, name: &ReleaseName) -> Option<String> {
    let upstream = workspace.upstream.as_ref()?;
    Some(links::release(
        &upstream.repository,
        &upstream.branch,
        &upstream.path,
        name.as_str(),
    ))
}
