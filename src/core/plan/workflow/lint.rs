//! Finds problems of a workflow from its file and its state. Doctor, plans and the Activity pane
//! show the same list.
//!
//! The table of runner images that GitHub has removed is here.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::workflow::{WorkflowFile, WorkflowJob};
use crate::domain::{GitHubRepository, SanitizedText};

/// Runner images, the date of their removal by GitHub, and the announcement (issue in
/// actions/runner-images). A future date is only a warning.
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

/// Days before a removal from which a warning is shown.
const SOON: i64 = 180;

/// Branch names that show that an action is not pinned to a version.
const MOVING: [&str; 8] = [
    "master", "main", "develop", "dev", "trunk", "HEAD", "latest", "edge",
];

/// Kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The workflow is disabled, by GitHub or by hand.
    Disabled,
    /// The file cannot be parsed.
    Unreadable,
    /// None of its jobs can start: their runner image was removed.
    CannotRun,
    /// Some of its jobs require a runner image that was removed.
    RunnerGone,
    /// It requires a runner image that will be removed soon.
    RunnerLeaves,
    /// It installs the newest charmcraft without a version.
    CharmcraftUnpinned,
    /// It uses actions from a branch, whose content changes.
    ActionsMove,
}

impl Fault {
    /// Returns true if a run would certainly fail.
    pub const fn prevents(self) -> bool {
        matches!(self, Self::Disabled | Self::Unreadable | Self::CannotRun)
    }

    /// Returns the stable name, which is part of the name of a check.
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

/// A problem of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Kind of problem.
    pub fault: Fault,
    /// Description.
    pub text: SanitizedText,
    /// Remedy.
    pub remedy: SanitizedText,
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

/// Returns every problem of `file` of `repository` at `now`, worst first.
pub fn findings(repository: &GitHubRepository, file: &WorkflowFile, now: DateTime<Utc>) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(state) = &file.state {
        all.extend(disabled(repository, file.file_name(), state.as_str()));
    }
    if let Some(problem) = &file.unreadable {
        all.push(Finding::new(
            Fault::Unreadable,
            problem.to_string(),
            "correct the file: GitHub refuses to run a workflow that it cannot parse",
        ));
    }
    all.extend(runners(file, now));
    all.extend(charmcraft(file));
    all.extend(moving(file));
    all.sort_by_key(|finding| finding.fault);
    all
}

/// Returns the problem that a workflow is disabled, if `state` is such a state.
pub fn disabled(repository: &GitHubRepository, file: &str, state: &str) -> Option<Finding> {
    let why = match state {
        "disabled_inactivity" => "disabled by GitHub after 60 days without activity in the repository",
        "disabled_manually" => "disabled manually",
        "disabled_fork" => "disabled, because the repository is a fork",
        state if state.starts_with("disabled") => "disabled",
        _ => return None,
    };
    Some(Finding::new(
        Fault::Disabled,
        why,
        format!("gh workflow enable {file} --repo {repository}"),
    ))
}

/// Returns the image in `labels` that is removed at `now`, with the date.
pub fn removed_image(labels: &[String], now: DateTime<Utc>) -> Option<(&'static str, NaiveDate)> {
    image(labels)
        .filter(|(_, day, _)| *day <= now.date_naive())
        .map(|(name, day, _)| (name, day))
}

/// Returns the image of the table that `labels` request from GitHub's own runners. Labels of
/// self-hosted runners are chosen freely.
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
    let remedy = "write 'runs-on: ubuntu-24.04' or ubuntu-latest in the file";
    if let Some((job, (name, day))) = file.jobs.iter().find_map(|job| Some((job, gone(job)?))) {
        let fault = if file.jobs.iter().all(every) {
            Fault::CannotRun
        } else {
            Fault::RunnerGone
        };
        let text = format!(
            "its job {} uses the runner image {name}, which GitHub removed on {day}: it never \
            starts",
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
        format!("'{line}' installs the newest charmcraft, which packs no bundles since 4.0"),
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
            "it uses actions of others at a branch, which can change any day: {}",
            names.join(", ")
        ),
        "pin a version or, better, a commit: uses: OWNER/NAME@COMMIT",
    ))
}
