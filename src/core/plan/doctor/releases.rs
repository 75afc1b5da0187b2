//! Checks releases whose marker branch and channels disagree.

use chrono::{DateTime, Utc};

use super::{Check, CheckStatus};
use crate::config::Workspace;
use crate::domain::Snapshot;
use crate::domain::text::age;
use crate::plan::evidence::{self, Published};

/// Compares every marked release with what the channels were last observed to run. Held releases
/// are left out, because they were rolled back on purpose.
pub fn releases(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>, all: &mut Vec<Check>) {
    let (Some(markers), Some(releases)) = (&snapshot.markers.value, &snapshot.releases.value) else {
        return;
    };
    let holds = snapshot.holds.value.as_ref();
    let when = snapshot
        .markers
        .read_at
        .map_or_else(String::new, |at| format!(" (read {})", age(now, at)));
    let mut disagree = false;
    for release in releases.iter().filter(|release| markers.contains(&release.name)) {
        if holds.is_some_and(|holds| holds.contains(&release.name)) {
            continue;
        }
        let standing = evidence::standing(workspace, snapshot, release);
        if standing.published == Some(Published::Yes) {
            continue;
        }
        disagree = true;
        let text: Vec<&str> = standing
            .warnings
            .iter()
            .map(|warning| warning.text.as_str())
            .collect();
        all.push(Check::bad(
            format!("published {}", release.name),
            CheckStatus::Warning,
            format!("{}{when}", text.join("; ")),
            format!("windlass publish {0}, or windlass hold {0}", release.name),
        ));
    }
    if !disagree {
        all.push(Check::ok(
            "published",
            format!("channels and marker branches agree{when}"),
        ));
    }
}
