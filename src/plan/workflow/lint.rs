//! What is wrong with a workflow, as far as its file and its state tell: the one list that doctor,
//! plans and the Activity pane show.
//!
//! Owns the table of runner images that GitHub has removed. Pure: the time is the caller's.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::workflow::{WorkflowFile, WorkflowJob};
use crate::domain::{GitHubRepository, Outside};

/// Runner images, the day from which GitHub no longer has them, and where that was announced
/// (issues of actions/runner-images). A day to come is a warning until it is there.
const REMOVED: [(&str, (i32, u32, u32), u32); 9] = [
    ("ubuntu-18.04", (2023, 4, 1), 6002),
    ("ubuntu-20.04", (2025, 4, 15), 11_101),
    ("ubuntu-22.04", (2027, 4, 17), 14_254),
    ("macos-10.15", (2022, 12, 1), 5583),
    ("macos-11", (2024, 6, 28), 9255),
    ("macos-12", (2024, 12, 3), 10_721),
    ("macos-13", (2025, 12, 4), 13_046),
    ("macos-14", (2026, 11, 2), 13_518),
    ("windows-2019", (2025, 6, 30), 12_045),
];

/// Days before a removal from which it is worth a word.
const SOON: i64 = 180;

/// Names of branches that actions are taken from where somebody did not choose a version.
const MOVING: [&str; 8] = [
    "master", "main", "develop", "dev", "trunk", "HEAD", "latest", "edge",
];

/// What sort of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// GitHub or somebody has disabled it.
    Disabled,
    /// Its file cannot be understood.
    Unreadable,
    /// None of its jobs can start: their runner image is gone.
    CannotRun,
    /// Some of its jobs ask for a runner image that is gone.
    RunnerGone,
    /// A runner image that it asks for goes soon.
    RunnerLeaves,
    /// It installs whatever charmcraft is newest.
    CharmcraftUnpinned,
    /// It uses actions of a branch, whatever is there on the day.
    ActionsMove,
}

impl Fault {
    /// True where it is certain that a run would come to nothing.
    pub const fn prevents(self) -> bool {
        matches!(self, Self::Disabled | Self::Unreadable | Self::CannotRun)
    }

    /// Its stable word, part of the name of a check.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "workflow",
            Self::Unreadable => "workflow-file",
            Self::CannotRun | Self::RunnerGone | Self::RunnerLeaves => "workflow-runner",
            Self::CharmcraftUnpinned => "workflow-charmcraft",
            Self::ActionsMove => "workflow-actions",
        }
    }
}

/// One thing that is wrong with a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What sort of thing.
    pub fault: Fault,
    /// What was found.
    pub text: Outside,
    /// What to do about it.
    pub remedy: Outside,
}

impl Finding {
    fn new(fault: Fault, text: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self {
            fault,
            text: text.into(),
            remedy: remedy.into(),
        }
    }
}

/// Everything that is wrong with `file` of `repository` at `now`, the worst first.
pub fn findings(repository: &GitHubRepository, file: &WorkflowFile, now: DateTime<Utc>) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(state) = &file.state {
        all.extend(disabled(repository, file.file_name(), state.as_str()));
    }
    if let Some(problem) = &file.unreadable {
        all.push(Finding::new(
            Fault::Unreadable,
            problem.to_string(),
            "mend the file: GitHub refuses to run a workflow that it cannot read",
        ));
    }
    all.extend(runners(file, now));
    all.extend(charmcraft(file));
    all.extend(moving(file));
    all.sort_by_key(|finding| finding.fault);
    all
}

/// The finding that a workflow is disabled, where `state` says so.
pub fn disabled(repository: &GitHubRepository, file: &str, state: &str) -> Option<Finding> {
    let why = match state {
        "disabled_inactivity" => {
            "GitHub has disabled it, because nothing happened in the repository for 60 days"
        }
        "disabled_manually" => "somebody has disabled it",
        "disabled_fork" => "it is disabled, because the repository is a fork",
        state if state.starts_with("disabled") => "it is disabled",
        _ => return None,
    };
    Some(Finding::new(
        Fault::Disabled,
        why,
        format!("gh workflow enable {file} --repo {repository}"),
    ))
}

/// The image that one of `labels` names and that is gone by `now`, with the day.
pub fn removed_image(labels: &[String], now: DateTime<Utc>) -> Option<(&'static str, NaiveDate)> {
    image(labels)
        .filter(|(_, day, _)| *day <= now.date_naive())
        .map(|(name, day, _)| (name, day))
}

/// The image of the table that `labels` ask GitHub's own runners for. Whoever hosts runners names
/// their images as he likes.
fn image(labels: &[String]) -> Option<(&'static str, NaiveDate, u32)> {
    if labels
        .iter()
        .any(|label| label.eq_ignore_ascii_case("self-hosted"))
    {
        return None;
    }
    let (name, (year, month, day), issue) = REMOVED
        .iter()
        .find(|(name, ..)| labels.iter().any(|label| label.eq_ignore_ascii_case(name)))?;
    Some((*name, NaiveDate::from_ymd_opt(*year, *month, *day)?, *issue))
}

fn runners(file: &WorkflowFile, now: DateTime<Utc>) -> Option<Finding> {
    let gone = |job: &WorkflowJob| job.runners.iter().find_map(|labels| removed_image(labels, now));
    let every = |job: &WorkflowJob| {
        !job.runners.is_empty()
            && job
                .runners
                .iter()
                .all(|labels| removed_image(labels, now).is_some())
    };
    let remedy = "write 'runs-on: ubuntu-24.04' into the file, or ubuntu-latest";
    if let Some((job, (name, day))) = file.jobs.iter().find_map(|job| Some((job, gone(job)?))) {
        let fault = if file.jobs.iter().all(every) {
            Fault::CannotRun
        } else {
            Fault::RunnerGone
        };
        let text = format!(
            "its job {} asks for the runner image {name}, which GitHub removed on {day}: it never starts",
            job.id
        );
        return Some(Finding::new(fault, text, remedy));
    }
    let leaving = |labels: &Vec<String>| {
        image(labels).filter(|(_, day, _)| (*day - now.date_naive()).num_days() <= SOON)
    };
    let (name, day, issue) = file
        .jobs
        .iter()
        .find_map(|job| job.runners.iter().find_map(leaving))?;
    Some(Finding::new(
        Fault::RunnerLeaves,
        format!("GitHub removes the runner image {name} on {day} (actions/runner-images #{issue})"),
        remedy,
    ))
}

fn charmcraft(file: &WorkflowFile) -> Option<Finding> {
    let pinned = |line: &str| {
        let mut words = line.split_whitespace();
        let channel = words.find_map(|word| {
            word.strip_prefix("--channel=")
                .or_else(|| word.strip_prefix("--revision="))
                .map(str::to_owned)
        });
        let spaced = line
            .split_once("--channel ")
            .or_else(|| line.split_once("--revision "))
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .map(str::to_owned);
        channel.or(spaced).is_some_and(|channel| {
            let channel = channel.trim_matches(['"', '\'']);
            !channel.starts_with("latest") && channel.starts_with(|c: char| c.is_ascii_digit())
        })
    };
    let line = file
        .jobs
        .iter()
        .flat_map(|job| &job.installs)
        .find(|line| !pinned(line))?;
    Some(Finding::new(
        Fault::CharmcraftUnpinned,
        format!("'{line}' takes whatever charmcraft is newest; since 4.0 it packs no bundles"),
        "pin it: sudo snap install charmcraft --classic --channel=3.x/stable",
    ))
}

fn moving(file: &WorkflowFile) -> Option<Finding> {
    let moves = |uses: &&String| {
        uses.rsplit_once('@')
            .is_some_and(|(_, reference)| MOVING.contains(&reference))
    };
    let mut names: Vec<&str> = file
        .jobs
        .iter()
        .flat_map(|job| &job.uses)
        .filter(moves)
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    Some(Finding::new(
        Fault::ActionsMove,
        format!(
            "it runs whatever is on a branch of others that day: {}",
            names.join(", ")
        ),
        "name a version or, better, a commit: uses: OWNER/NAME@COMMIT",
    ))
}
