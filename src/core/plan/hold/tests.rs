//! Tests plans of holds with snapshots built in the test.

use std::collections::{BTreeMap, BTreeSet};

use super::plan;
use crate::domain::bundle::{Author, BundleFacts};
use crate::domain::{Observed, Problem, ProblemKind, ReleaseName, SanitizedText, Snapshot};
use crate::plan::publish::tests::{now, snapshot, workspace};
use crate::plan::{HoldIntent, Op, Plan};

fn world(held: &[&str]) -> Snapshot {
    let mut snapshot = snapshot();
    let held: BTreeSet<ReleaseName> = held.iter().map(|name| name.parse().unwrap()).collect();
    snapshot.holds = Observed::read(held, now());
    let facts = BundleFacts {
        tip: "1234567890123456789012345678901234567890".parse().unwrap(),
        files: BTreeMap::new(),
        branches: BTreeMap::new(),
        writable: Some(true),
        author: Author {
            name: "Ann".into(),
            email: "ann@example.org".into(),
            from: SanitizedText::new("git"),
            remarks: Vec::new(),
        },
    };
    snapshot.bundle = Observed::read(facts, now());
    snapshot
}

fn made(snapshot: &Snapshot, release: &str, hold: bool) -> Result<Plan, Problem> {
    let release = release.parse().unwrap();
    plan(&workspace(), snapshot, &HoldIntent { release, hold })
}

#[test]
fn a_hold_names_the_tip_and_is_undone_by_its_end() {
    let plan = made(&world(&[]), "2025-01-27", true).unwrap();
    let Op::SetHold { release, at, .. } = &plan.steps[0].op else {
        unreachable!("a hold is set");
    };
    assert_eq!((release.as_str(), at.short()), ("2025-01-27", "1234567890"));
    assert_eq!(plan.steps[0].undo.to_string(), "windlass unhold 2025-01-27");
    assert_eq!(
        (plan.confirm.as_str(), plan.command.as_str()),
        ("yes", "windlass hold 2025-01-27")
    );
    let plan = made(&world(&["2025-01-27"]), "2025-01-27", false).unwrap();
    assert!(matches!(plan.steps[0].op, Op::LiftHold { .. }) && !plan.nothing_to_do());
}

#[test]
fn what_is_so_already_is_nothing_to_do() {
    assert!(
        made(&world(&["2025-01-27"]), "2025-01-27", true)
            .unwrap()
            .nothing_to_do()
    );
    assert!(made(&world(&[]), "2025-01-27", false).unwrap().nothing_to_do());
}

#[test]
fn a_name_that_nobody_knows_is_refused_and_a_held_one_can_be_freed() {
    let problem = made(&world(&[]), "2025-01-72", true).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    assert!(
        !made(&world(&["2025-01-72"]), "2025-01-72", false)
            .unwrap()
            .nothing_to_do()
    );
    let mut marked = world(&[]);
    marked.releases = Observed::read(Vec::new(), now());
    assert!(made(&marked, "2024-12-01", true).is_ok(), "its marker is known");
}

#[test]
fn without_a_bundle_or_the_right_to_write_the_remedy_is_named() {
    let mut workspace = workspace();
    workspace.bundle = None;
    let intent = HoldIntent {
        release: "2025-01-27".parse().unwrap(),
        hold: true,
    };
    let problem = plan(&workspace, &world(&[]), &intent).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Config);
    assert!(!problem.hints.is_empty());
    let mut closed = world(&[]);
    closed.bundle.value.as_mut().unwrap().writable = Some(false);
    let problem = made(&closed, "2025-01-27", true).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    let mut unseen = world(&[]);
    unseen.holds = Observed::failed(Problem::new(ProblemKind::Network, "no answer"));
    assert_eq!(
        made(&unseen, "2025-01-27", true).unwrap_err().kind,
        ProblemKind::Network
    );
}
