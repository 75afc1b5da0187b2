//! Builds the rows of the credentials pane: every credential with its expiry, every secret with the
//! credential it holds, every session of the store.
//!
//! Never holds a secret: the facts contain none.

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::console::Model;
use crate::console::listing::{Keyed, Listing};
use crate::console::sorting::{SortColumn, SortValue};
use crate::console::state::state;
use crate::console::view::look::Tone;
use crate::console::{links, words};
use crate::domain::secret::SessionFacts;
use crate::domain::snapshot::SourceStatus;
use crate::domain::{Lineage, Problem, SanitizedText, SecretTarget, Snapshot};
use crate::plan::axis::Axis;
use crate::plan::credentials::{self, Credential, SecretStatus, status};
use crate::plan::rotate::revocations;

/// A row of the credentials pane.
#[derive(Clone, Debug)]
pub enum Row {
    /// A credential.
    Credential {
        /// Its key across refreshes.
        key: String,
        /// The credential with its state.
        credential: Box<Credential>,
    },
    /// A problem of the credential above.
    Trouble {
        /// Its key across refreshes.
        key: String,
        /// The problem.
        problem: Problem,
        /// How it is shown.
        tone: Tone,
    },
    /// The heading of a group.
    Group {
        /// Its key across refreshes.
        key: &'static str,
        /// The title of the group.
        title: &'static str,
        /// The state of the group.
        words: String,
        /// The tone of the state.
        tone: Tone,
    },
    /// A secret of a repository.
    Secret(Box<SecretRow>),
    /// A session of the store.
    Session(Box<SessionRow>),
}

/// A secret of a repository.
#[derive(Clone, Debug)]
pub struct SecretRow {
    key: String,
    /// Its location.
    pub target: SecretTarget,
    /// The repository without the words that all of them share.
    pub short: String,
    /// Its status.
    pub status: SecretStatus,
    /// True if GitHub has answered about its repository.
    pub read: bool,
}

/// A session of the store.
#[derive(Clone, Debug)]
pub struct SessionRow {
    key: String,
    /// What the store reports.
    pub facts: SessionFacts,
    /// True if its token is not known to be stored anywhere.
    pub orphan: bool,
    /// True if windlass itself uses its token.
    pub in_use: bool,
    /// True if it has expired.
    pub over: bool,
}

state!(Listing<Row>);
state!(Axis);

impl Model {
    /// Returns the rows of the credentials pane.
    pub fn credential_rows(&self) -> &Listing<Row> {
        self.state()
    }

    /// Returns the rows of the credentials pane for changes.
    pub fn credential_rows_mut(&mut self) -> &mut Listing<Row> {
        self.state_mut()
    }
}

impl Keyed for Row {
    fn key(&self) -> &str {
        match self {
            Self::Credential { key, .. } | Self::Trouble { key, .. } => key,
            Self::Group { key, .. } => key,
            Self::Secret(row) => &row.key,
            Self::Session(row) => &row.key,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Credential { credential, .. } => format!(
                "{} {} {}",
                credential.facts.name, credential.facts.kind, credential.facts.source
            ),
            Self::Trouble { problem, .. } => problem.summary.to_string(),
            Self::Group { title, .. } => (*title).to_owned(),
            Self::Secret(row) => format!("{} {}", row.target, row.status.lineage.as_str()),
            Self::Session(row) => format!(
                "session {} {} {}",
                row.facts.id,
                row.facts.description.as_ref().map_or("", SanitizedText::as_str),
                row.state().word()
            ),
        }
    }

    fn details(&self) -> String {
        let day = |at: Option<DateTime<Utc>>| at.map(words::day).unwrap_or_default();
        match self {
            Self::Credential { credential, .. } => {
                let facts = &credential.facts;
                let account = facts
                    .account
                    .iter()
                    .chain(&facts.scopes)
                    .map(SanitizedText::as_str);
                let texts: Vec<&str> = account.collect();
                format!("{} {}", day(facts.expires_at), texts.join(" "))
            }
            Self::Trouble { problem, .. } => problem.to_string(),
            Self::Group { words, .. } => words.clone(),
            Self::Secret(row) => {
                let status = &row.status;
                let mut sessions = status.session.iter().chain(&status.may_hold);
                format!(
                    "set {} {} {}",
                    day(status.updated_at),
                    day(status.expires_at),
                    sessions
                        .by_ref()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" ")
                )
            }
            Self::Session(row) => {
                format!("since {}  until {}", day(row.facts.since), day(row.facts.until))
            }
        }
    }

    fn sort_columns() -> &'static [SortColumn] {
        const {
            &[
                SortColumn::words("name"),
                SortColumn::words("expiry"),
                SortColumn::words("state"),
            ]
        }
    }

    fn sort_value(&self, column: usize) -> Option<SortValue> {
        let (name, expiry, state) = match self {
            Self::Credential { credential, .. } => {
                let facts = &credential.facts;
                let kind = facts.kind.to_string();
                (facts.name.to_string(), facts.expires_at, kind)
            }
            Self::Secret(row) => {
                let state = row.status.lineage.as_str().to_owned();
                (row.target.to_string(), row.status.expires_at, state)
            }
            Self::Session(row) => (self.text(), row.facts.until, row.state().word().to_owned()),
            Self::Trouble { .. } | Self::Group { .. } => return None,
        };
        match column {
            0 => Some(SortValue::Text(name)),
            1 => expiry.map(SortValue::Time),
            _ => Some(SortValue::Text(state)),
        }
    }

    fn level(&self) -> u8 {
        match self {
            Self::Credential { .. } | Self::Group { .. } => 0,
            Self::Trouble { .. } | Self::Secret(_) | Self::Session(_) => 1,
        }
    }

    fn group(&self) -> u8 {
        u8::from(matches!(self, Self::Group { .. }))
    }
}

impl Row {
    /// Returns the text that `y` copies.
    pub fn text(&self) -> String {
        match self {
            Self::Credential { credential, .. } => credential.facts.name.to_string(),
            Self::Trouble { problem, .. } => problem.to_string(),
            Self::Group { title, .. } => (*title).to_owned(),
            Self::Secret(row) => row.target.to_string(),
            Self::Session(row) => row.facts.id.to_string(),
        }
    }

    /// Returns its page.
    pub fn link(&self) -> Option<String> {
        match self {
            Self::Secret(row) => Some(links::secrets(row.target.repository.as_str())),
            _ => None,
        }
    }
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Revoked.
    Revoked,
    /// Expired.
    Expired,
    /// Valid; its token is not known to be stored anywhere.
    Lost,
    /// Valid; windlass itself uses its token.
    InUse,
    /// Valid.
    Valid,
}

impl SessionState {
    /// Returns its label on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Lost => "lost token",
            Self::InUse => "in use here",
            Self::Valid => "valid",
        }
    }
}

impl SessionRow {
    /// Returns its state.
    pub const fn state(&self) -> SessionState {
        if self.facts.revoked_at.is_some() {
            SessionState::Revoked
        } else if self.over {
            SessionState::Expired
        } else if self.orphan {
            SessionState::Lost
        } else if self.in_use {
            SessionState::InUse
        } else {
            SessionState::Valid
        }
    }
}

/// Returns the sessions that an action applies to: the marked ones, else the selected one.
pub fn chosen_sessions(list: &Listing<Row>) -> impl Iterator<Item = &SessionRow> {
    let marked = list.marked();
    let chosen = move |row: &&Row| match list.selected() {
        _ if !marked.is_empty() => marked.contains(row.key()),
        Some(selected) => selected.key() == row.key(),
        None => false,
    };
    list.rows().iter().filter(chosen).filter_map(|row| match row {
        Row::Session(session) => Some(&**session),
        _ => None,
    })
}

/// Returns all rows. `loading` is true while secrets are being read.
pub fn rows(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>, loading: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, credential) in credentials::credentials(workspace, snapshot, now)
        .into_iter()
        .enumerate()
    {
        let facts = &credential.facts;
        let key = format!("credential/{at}/{}/{}", facts.kind, facts.name);
        let own = match facts.kind.as_str() {
            "charmhub" if at == 0 => snapshot.credential.problem.as_ref(),
            "github" if at <= 1 => snapshot.github.problem.as_ref(),
            _ => None,
        };
        let trouble = own.map(|problem| trouble(&key, problem, Tone::Bad));
        rows.push(Row::Credential {
            key,
            credential: Box::new(credential),
        });
        rows.extend(trouble);
    }
    rows.extend(missing(snapshot));
    secrets(workspace, snapshot, now, loading, &mut rows);
    sessions(snapshot, now, &mut rows);
    rows
}

fn trouble(key: &str, problem: &Problem, tone: Tone) -> Row {
    Row::Trouble {
        key: format!("{key}/problem"),
        problem: problem.clone(),
        tone,
    }
}

/// Returns rows for missing credentials, because their absence matters too.
fn missing(snapshot: &Snapshot) -> impl Iterator<Item = Row> {
    let none = |problem: &Option<Problem>, standing: SourceStatus, key: &str| {
        problem
            .as_ref()
            .filter(|_| standing == SourceStatus::Absent)
            .map(|problem| trouble(key, problem, Tone::Warn))
    };
    [
        none(
            &snapshot.credential.problem,
            snapshot.credential.standing(),
            "charmhub",
        ),
        none(&snapshot.github.problem, snapshot.github.standing(), "github"),
    ]
    .into_iter()
    .flatten()
}

fn secrets(
    workspace: &Workspace,
    snapshot: &Snapshot,
    now: DateTime<Utc>,
    loading: bool,
    rows: &mut Vec<Row>,
) {
    let targets = credentials::targets(workspace, snapshot);
    if targets.is_empty() {
        return;
    }
    let common = common_words(&targets);
    let secrets: Vec<Row> = targets
        .into_iter()
        .map(|target| {
            Row::Secret(Box::new(SecretRow {
                key: format!("secret/{target}"),
                short: target
                    .repository
                    .name()
                    .splitn(common + 1, '-')
                    .last()
                    .unwrap_or_default()
                    .to_owned(),
                status: credentials::status(workspace, snapshot, &target, now),
                read: snapshot.has_read_secrets(&target.repository),
                target,
            }))
        })
        .collect();
    let of = |wanted: Lineage| {
        secrets
            .iter()
            .filter(|row| matches!(row, Row::Secret(row) if row.read && row.status.lineage == wanted))
            .count()
    };
    let read = secrets
        .iter()
        .filter(|row| matches!(row, Row::Secret(row) if row.read))
        .count();
    if read < secrets.len() {
        // A count of some of them would be taken for a count of all.
        let words = match (loading, read) {
            (true, 0) => "loading".to_owned(),
            (true, _) => format!("loading, {read} of {} read", secrets.len()),
            (false, 0) => "not read yet".to_owned(),
            (false, _) => format!("{read} of {} read", secrets.len()),
        };
        rows.push(Row::Group {
            key: "secrets",
            title: "Secrets",
            words,
            tone: Tone::Dim,
        });
        rows.extend(secrets);
        return;
    }
    let current = of(Lineage::Current);
    let mut words = vec![format!("{current} of {} current", secrets.len())];
    for lineage in [
        Lineage::Revoked,
        Lineage::Expired,
        Lineage::Older,
        Lineage::Foreign,
        Lineage::Absent,
        Lineage::Unknown,
    ] {
        if of(lineage) > 0 {
            words.push(format!("{} {}", of(lineage), lineage.as_str()));
        }
    }
    rows.push(Row::Group {
        key: "secrets",
        title: "Secrets",
        words: words.join(", "),
        tone: if current == secrets.len() {
            Tone::Good
        } else if of(Lineage::Revoked) + of(Lineage::Expired) > 0 {
            Tone::Bad
        } else {
            Tone::Warn
        },
    });
    rows.extend(secrets);
}

/// Returns how many leading words all repository names share; at least one is left.
fn common_words(targets: &[SecretTarget]) -> usize {
    let names: Vec<Vec<&str>> = targets
        .iter()
        .map(|target| target.repository.name().split('-').collect())
        .collect();
    let Some(first) = names.first() else { return 0 };
    let shortest = names.iter().map(Vec::len).min().unwrap_or(0);
    (0..shortest.saturating_sub(1))
        .take_while(|at| names.iter().all(|name| name.get(*at) == first.get(*at)))
        .count()
}

fn sessions(snapshot: &Snapshot, now: DateTime<Utc>, rows: &mut Vec<Row>) {
    let mut sessions: Vec<SessionRow> = snapshot
        .sessions
        .value
        .iter()
        .flatten()
        .map(|facts| SessionRow {
            key: format!("session/{}", facts.id),
            orphan: snapshot.orphans.contains(&facts.id),
            in_use: revocations::in_use(snapshot, &facts.id),
            over: facts.until.is_some_and(|until| until <= now),
            facts: SessionFacts {
                revoked_at: status::revoked_at(snapshot, &facts.id),
                ..facts.clone()
            },
        })
        .collect();
    if sessions.is_empty() {
        return;
    }
    // Valid sessions come first, the newest first.
    sessions.sort_by_key(|row| {
        let ended = row.over || row.facts.revoked_at.is_some();
        (ended, !row.orphan, std::cmp::Reverse(row.facts.since))
    });
    let valid = sessions
        .iter()
        .filter(|row| !row.over && row.facts.revoked_at.is_none())
        .count();
    let lost = sessions.iter().filter(|row| row.orphan).count();
    let lost_words = if lost > 0 {
        format!(", {}", words::count(lost, "lost token", "lost tokens"))
    } else {
        String::new()
    };
    rows.push(Row::Group {
        key: "sessions",
        title: "Sessions",
        words: format!("{valid} valid{lost_words}"),
        tone: if lost > 0 { Tone::Warn } else { Tone::Dim },
    });
    rows.extend(sessions.into_iter().map(|row| Row::Session(Box::new(row))));
}

/// Returns the credential among `rows` that was revoked or expires first.
pub fn nearest(rows: &[Row]) -> Option<&Credential> {
    credentials::next_expiry(rows.iter().filter_map(|row| match row {
        Row::Credential { credential, .. } => Some(&**credential),
        _ => None,
    }))
}

/// Returns the time axis of all expiries among `rows`.
pub fn axis(rows: &[Row], now: DateTime<Utc>) -> Axis {
    let ends = rows.iter().filter_map(|row| match row {
        Row::Credential { credential, .. } => credential.facts.expires_at,
        _ => None,
    });
    Axis::reaching(ends, now)
}
