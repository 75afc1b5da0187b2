//! Tests the changes of rows with a journal and a channel map built in the test.

use super::*;
use crate::domain::charm::Attached;
use crate::domain::{CharmRevision, ResourceRevision};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn base(channel: &str) -> Base {
    Base {
        name: "ubuntu".into(),
        channel: channel.into(),
        architecture: "amd64".into(),
    }
}

fn pair((revision, image): (u64, u64)) -> Serving {
    Serving {
        revision: CharmRevision(revision),
        resources: vec![("image".parse().unwrap(), ResourceRevision(image))],
    }
}

fn run(minute: i64, on: &str, before: Option<(u64, u64)>, after: Option<(u64, u64)>) -> ChannelChange {
    ChannelChange {
        run: RunId(format!("run-{minute}")),
        at: at(minute),
        actor: SanitizedText::new("ann"),
        charm: "engine".parse().unwrap(),
        channel: "latest/edge".parse().unwrap(),
        base: Some(base(on)),
        before: before.map(pair),
        after: after.map(pair),
        certain: true,
        rollback: false,
    }
}

fn row(minute: i64, on: &str, serves: (u64, u64)) -> ChannelRow {
    let serving = pair(serves);
    let attached = |(name, revision): &(_, _)| Attached {
        name: Clone::clone(name),
        revision: Some(*revision),
    };
    ChannelRow {
        channel: "latest/edge".parse().unwrap(),
        base: Some(base(on)),
        revision: serving.revision,
        resources: serving.resources.iter().map(attached).collect(),
        released_at: Some(at(minute)),
    }
}

/// Returns the changes of the row of `on`: when, what it served, and which run made them.
fn told(changes: &[ChannelChange], rows: &[ChannelRow], on: &str) -> Vec<String> {
    let found = row_changes(changes, rows, Some(at(90)));
    let key = ("latest/edge".parse().unwrap(), Some(base(on)));
    let line = |change: &RowChange| {
        let when = match change.at {
            ChangedAt::At(time) => format!("{}", (time - at(0)).num_minutes()),
            ChangedAt::By(time) => format!("<={}", (time - at(0)).num_minutes()),
        };
        let what = change.after.as_ref().map_or("closed".to_owned(), |serving| {
            format!("{}/{}", serving.revision, serving.resources[0].1.0)
        });
        let by = match &change.by {
            ChangedBy::Run(run, _) => run.0.clone(),
            ChangedBy::OutsideWindlass => "outside".to_owned(),
        };
        let doubt = if change.certain { "" } else { "?" };
        format!("{when} {what} {by}{doubt}")
    };
    found.get(&key).into_iter().flatten().map(line).collect()
}

#[test]
fn a_release_that_changes_only_the_image_outside_windlass_is_not_credited_to_the_run() {
    let changes = [run(10, "20.04", Some((50, 26)), Some((50, 32)))];
    assert_eq!(
        told(&changes, &[row(10, "20.04", (50, 32))], "20.04"),
        ["10 r50/32 run-10"]
    );
    assert_eq!(
        told(&changes, &[row(14, "20.04", (50, 27))], "20.04"),
        ["10 r50/32 run-10", "14 r50/27 outside"]
    );
}

#[test]
fn every_base_has_changes_of_its_own() {
    let changes = [
        run(10, "20.04", Some((50, 26)), Some((50, 32))),
        run(10, "22.04", Some((49, 26)), Some((49, 32))),
    ];
    let rows = [row(14, "20.04", (50, 27)), row(10, "22.04", (49, 32))];
    assert_eq!(told(&changes, &rows, "20.04").len(), 2);
    assert_eq!(told(&changes, &rows, "22.04"), ["10 r49/32 run-10"]);
}

#[test]
fn closing_is_a_change_by_a_run_or_outside() {
    let changes = [
        run(10, "20.04", None, Some((50, 32))),
        run(20, "20.04", Some((50, 32)), None),
    ];
    assert_eq!(
        told(&changes, &[], "20.04"),
        ["10 r50/32 run-10", "20 closed run-20"]
    );
    // Observed as closed, at an unknown time.
    assert_eq!(
        told(&changes[..1], &[], "20.04"),
        ["10 r50/32 run-10", "<=90 closed outside"]
    );
    // Opened again outside windlass.
    assert_eq!(
        told(&changes, &[row(30, "20.04", (50, 32))], "20.04"),
        ["10 r50/32 run-10", "20 closed run-20", "30 r50/32 outside"]
    );
}

#[test]
fn a_change_between_two_runs_is_told_by_what_the_later_one_found() {
    let changes = [
        run(10, "20.04", None, Some((50, 32))),
        run(30, "20.04", Some((50, 27)), Some((50, 33))),
    ];
    assert_eq!(
        told(&changes, &[row(30, "20.04", (50, 33))], "20.04"),
        ["10 r50/32 run-10", "<=30 r50/27 outside", "30 r50/33 run-30"]
    );
}

#[test]
fn an_uncertain_change_counts_where_the_row_agrees() {
    let mut changes = [run(10, "20.04", Some((50, 26)), Some((50, 32)))];
    changes[0].certain = false;
    assert_eq!(
        told(&changes, &[row(10, "20.04", (50, 32))], "20.04"),
        ["10 r50/32 run-10?"]
    );
    assert_eq!(
        told(&changes, &[row(2, "20.04", (50, 26))], "20.04"),
        ["2 r50/26 outside"]
    );
}

#[test]
fn without_a_run_the_store_alone_tells() {
    assert_eq!(
        told(&[], &[row(5, "20.04", (50, 26))], "20.04"),
        ["5 r50/26 outside"]
    );
}

#[test]
fn a_map_that_was_never_read_closes_nothing() {
    let changes = [run(10, "20.04", None, Some((50, 32)))];
    let found = row_changes(&changes, &[], None);
    assert_eq!(found.values().map(Vec::len).sum::<usize>(), 1);
}
