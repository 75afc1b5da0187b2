//! Tests journals of other versions, damaged journals, and folders that are not writable.

mod damage;

use std::collections::BTreeSet;

use crate::domain::Hint;
use chrono::{DateTime, Utc};

use super::*;
use crate::journal::{Outcome, RunId};
use crate::plan::{ChannelUpdate, Intent, Op, Plan, PublishIntent, RolledBack, Step, StepId};

fn plan() -> Plan {
    let op = Op::Release {
        charm: "a".parse().unwrap(),
        moves: vec![ChannelUpdate {
            channel: "latest/edge".parse().unwrap(),
            base: None,
            revision: crate::domain::CharmRevision(50),
            resources: Vec::new(),
            before: None,
        }],
    };
    let steps = vec![Step::new(StepId("release/a".to_owned()), op, "a")];
    let intent = Intent::Publish(PublishIntent::of("2025-01-27".parse().unwrap()));
    Plan::new(
        "legend",
        "w",
        "Publish".to_owned(),
        intent,
        steps,
        "yes".to_owned(),
    )
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_740_000_000 + 60 * minute, 0).unwrap()
}

/// Writes `runs` finished runs.
fn fill(folder: &Path, runs: i64) {
    let journal = Journal::open(folder, "w").unwrap();
    let step = StepId("release/a".to_owned());
    for number in 0..runs {
        let id = RunId(format!("r{number:03}"));
        journal.begin(&id, "ann", &plan(), at(2 * number)).unwrap();
        journal.step_begins(&id, &step, at(2 * number)).unwrap();
        let done = crate::journal::StepOutcome::Done;
        journal
            .step_ends(
                &id,
                &step,
                done,
                &crate::journal::StepOutput::default(),
                None,
                at(2 * number),
            )
            .unwrap();
        journal.end(&id, Outcome::Done, None, at(2 * number + 1)).unwrap();
    }
}

fn raise(folder: &Path, version: Option<&str>) {
    let connection = Connection::open(folder.join(FILE)).unwrap();
    if let Some(version) = version {
        connection
            .execute("UPDATE writer SET version = ?1", [version])
            .unwrap();
    }
    connection.pragma_update(None, "user_version", 99).unwrap();
}

fn bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join(FILE)).unwrap()
}

#[test]
fn a_journal_of_a_newer_program_is_not_written_and_its_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1);
    raise(folder.path(), Some("7.2.0"));
    let before = bytes(folder.path());
    let problem = Journal::open(folder.path(), "w").map(drop).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.summary.as_str().contains("windlass 7.2.0"), "{problem}");
    assert!(
        problem.hints[0].as_str().contains("install windlass 7.2.0"),
        "{problem:?}"
    );
    let journal = Journal::open_as_possible(folder.path(), "w").unwrap();
    assert_eq!(journal.check_writable().unwrap_err(), problem);
    assert_eq!(
        journal.runs(10).unwrap_err(),
        problem,
        "its rows may mean something else"
    );
    assert!(
        journal
            .begin(&RunId("x".to_owned()), "ann", &plan(), at(1))
            .is_err()
    );
    drop(journal);
    assert_eq!(bytes(folder.path()), before);
    assert_eq!(Journal::set_aside(folder.path(), at(0)).unwrap_err(), problem);
}

#[test]
fn a_newer_schema_of_the_same_version_is_named_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1);
    let own = env!("CARGO_PKG_VERSION");
    raise(folder.path(), Some(own));
    let problem = Journal::open(folder.path(), "w").map(drop).unwrap_err();
    let summary = problem.summary.as_str();
    let known = format!("windlass {own} supports schemas up to {}", schema::VERSION);
    assert!(summary.contains(&known), "{problem}");
    assert!(summary.contains("a newer windlass with schema"), "{problem}");
    let hints = problem.hints.iter().map(crate::domain::Hint::as_str);
    assert!(hints.clone().all(|hint| !hint.contains(own)), "{problem:?}");
    assert!(
        hints.take(1).all(|hint| hint.contains("supports schema")),
        "{problem:?}"
    );
}

#[test]
fn a_schema_that_is_raised_while_the_journal_is_open_stops_the_older_program() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1);
    let journal = Journal::open(folder.path(), "w").unwrap();
    raise(folder.path(), None);
    let problem = journal
        .begin(&RunId("x".to_owned()), "ann", &plan(), at(1))
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused, "{problem}");
    assert_eq!(journal.run(&RunId("x".to_owned())).unwrap(), None);
}

/// Creates a journal as schema `version` had it, with a finished run, a rolled-back one if the
/// schema records that, and its other tables filled.
fn older(folder: &Path, version: usize) {
    let connection = Connection::open(folder.join(FILE)).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    for step in &schema::UPGRADES[..version] {
        connection.execute_batch(step).unwrap();
    }
    let intent = serde_json::to_string(&plan().intent).unwrap();
    let text = serde_json::to_string(&plan()).unwrap();
    for id in ["r1", "r2"] {
        connection
            .execute(
                "INSERT INTO run (id, world, workspace, actor, intent, plan, outcome, started_at, finished_at)
                 VALUES (?1, 'w', 'legend', 'ann', ?2, ?3, 'done', '2025-01-01T00:00:00.000Z', '2025-01-01T00:01:00.000Z')",
                [id, intent.as_str(), text.as_str()],
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO step (run, id, outcome, attempts, started_at, made)
                 VALUES (?1, 'release/a', 'done', 1, '2025-01-01T00:00:30.000Z', '{}')",
                [id],
            )
            .unwrap();
    }
    connection
        .execute(
            "INSERT INTO release_seen VALUES ('w', 'o/r', 'x', '{}', '2025-01-01T00:00:00Z')",
            [],
        )
        .unwrap();
    if version >= 2 {
        connection
            .execute(
                "INSERT INTO lineage (world, repository, secret, updated_at, fingerprint, run, at)
                 VALUES ('w', 'o/r', 'TOKEN', '2025-01-01T00:00:00Z', 'f', 'r1', '2025-01-01T00:00:00Z')",
                [],
            )
            .unwrap();
    }
    if version >= 3 {
        connection
            .execute("INSERT INTO rolled_back VALUES ('r1', 'r2')", [])
            .unwrap();
    }
    if version >= 4 {
        connection
            .execute_batch(
                "INSERT INTO writer VALUES (1, 'its name', '0.4.0', 7);
                 INSERT INTO touched_row
                     SELECT 'w', 'a', 'latest/edge', '', id, '2025-01-01T00:00:30.000Z' FROM run;",
            )
            .unwrap();
    }
    connection
        .pragma_update(None, "user_version", i64::try_from(version).unwrap())
        .unwrap();
}

#[test]
fn an_upgrade_from_every_older_schema_keeps_everything() {
    for version in 1..schema::UPGRADES.len() {
        let folder = tempfile::tempdir().unwrap();
        older(folder.path(), version);
        let journal = Journal::open(folder.path(), "w").unwrap();
        assert_eq!(journal.notice(), None, "from {version}");
        let runs = journal.runs(10).unwrap();
        assert_eq!(runs.len(), 2, "from {version}");
        assert!(
            runs.iter()
                .all(|run| run.steps[0].attempts == 1 && run.plan == plan())
        );
        assert_eq!(runs[1].rolled_back_by.is_some(), version >= 3, "from {version}");
        let written = |workspace: &str| {
            let journal = journal.of_workspace(workspace);
            journal.lineage(&BTreeSet::new()).unwrap().len()
        };
        assert_eq!(written("legend"), usize::from(version >= 2), "from {version}");
        assert_eq!(written("regtech"), 0, "from {version}");
        assert!(journal.of_workspace("regtech").runs(10).unwrap().is_empty());
        let changes = journal
            .changes_for(&RolledBack::Run(RunId("r2".to_owned())))
            .unwrap();
        assert_eq!(changes.len(), 2, "both runs changed the row: from {version}");
        let seen: i64 = journal
            .connection()
            .query_row("SELECT count(*) FROM release_seen", [], |row| row.get(0))
            .unwrap();
        assert_eq!(seen, 1);
        let found = schema::version(&journal.connection()).unwrap();
        assert_eq!(found, schema::VERSION);
        journal
            .begin(&RunId("r3".to_owned()), "ann", &plan(), at(1))
            .unwrap();
    }
}

#[test]
fn a_lost_wal_file_is_noticed_until_the_next_write() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1);
    let before = bytes(folder.path());
    fill(folder.path(), 2);
    // Later commits are lost, as if the -wal file had been emptied.
    std::fs::write(folder.path().join(FILE), before).unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    let notice = journal.notice().unwrap();
    assert!(notice.summary.as_str().contains("the last"), "{notice}");
    assert!(journal.check_writable().is_ok());
    journal
        .begin(&RunId("x".to_owned()), "ann", &plan(), at(9))
        .unwrap();
    drop(journal);
    assert_eq!(Journal::open(folder.path(), "w").unwrap().notice(), None);
}

#[test]
fn a_dangling_link_is_refused_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere.db");
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    for name in [FILE, "journal.lock"] {
        std::os::unix::fs::symlink(&elsewhere, state.join(name)).unwrap();
        let problem = Journal::open(&state, "w").map(drop).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Machine);
        assert!(!elsewhere.exists(), "{name}: {problem}");
        std::fs::remove_file(state.join(name)).unwrap();
    }
    Journal::open(&state, "w").unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_leaves_reading_without_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let journal = Journal::open_as_possible(&file.join("state"), "w").unwrap();
    assert!(journal.check_writable().is_err());
    assert!(journal.runs(1).is_err(), "an empty list would be a claim");
    assert!(journal.unfinished_runs().is_err());
}

#[test]
fn what_cannot_be_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 2);
    // A folder in place of the lock file also blocks a superuser, whom permissions do not stop.
    std::fs::remove_file(folder.path().join("journal.lock")).unwrap();
    std::fs::create_dir(folder.path().join("journal.lock")).unwrap();
    let journal = Journal::open_as_possible(folder.path(), "w").unwrap();
    assert!(journal.check_writable().is_err());
    assert_eq!(journal.runs(10).unwrap().len(), 2);
    let release =
        crate::domain::Release::from_manifest("2024-04-01".parse().unwrap(), b"{\"core\": {\"a\": \"1\"}}")
            .unwrap();
    assert_eq!(journal.withdrawn("o/r", &[release], at(0)).unwrap(), []);
}

#[test]
fn an_older_journal_that_cannot_be_upgraded_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    older(folder.path(), 4);
    std::fs::create_dir(folder.path().join("journal.lock")).unwrap();
    let journal = Journal::open_as_possible(folder.path(), "w").unwrap();
    let problem = journal.check_writable().unwrap_err();
    assert_eq!(journal.runs(10).unwrap_err(), problem);
    let problem = Journal::open_existing(folder.path(), "w").map(drop).unwrap_err();
    assert!(
        problem.summary.as_str().contains("the older schema 4"),
        "{problem}"
    );
    assert_eq!(problem.causes, [], "no error of SQLite stands for it");
}

#[test]
fn a_full_disk_stops_a_write_and_the_hint_keeps_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "w").unwrap();
    let id = RunId("x".to_owned());
    journal.begin(&id, "ann", &plan(), at(1)).unwrap();
    {
        let connection = journal.connection();
        let pages: i64 = connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    }
    let step = StepId("release/a".to_owned());
    let of_run = (1..200).find_map(|pages| {
        let made = crate::journal::StepOutput {
            note: Some(SanitizedText::capped("x".repeat(4096 * pages), 4096 * pages)),
            ..crate::journal::StepOutput::default()
        };
        journal.step_made(&id, &step, &made).err()
    });
    let of_new = (0..200).find_map(|number| {
        let id = RunId(format!("y{number}"));
        journal.begin(&id, "ann", &plan(), at(number)).err()
    });
    for (problem, then) in [
        (of_run, "windlass resume x"),
        (of_new, "run the same command again"),
    ] {
        let hints = problem.unwrap().hints;
        let place = folder.path().join(FILE);
        let place = place.display();
        let expected = format!("no space is left on the disk of {place}: free some, then {then}");
        assert_eq!(hints.iter().map(Hint::as_str).collect::<Vec<_>>(), [expected]);
    }
}
