//! Tests the publish of a held release.

use super::*;

fn held(mut snapshot: Snapshot) -> Snapshot {
    snapshot.holds = Observed::read(["2025-01-27".parse().unwrap()].into(), now());
    snapshot
}

#[test]
fn naming_a_release_lifts_its_hold_just_before_the_branch() {
    let plan = of(&held(snapshot()), &new()).unwrap();
    let kinds = kinds(&plan);
    assert_eq!(kinds[kinds.len() - 2..], ["lift-hold", "create-branch"]);
    assert!(warned(&plan, "removes the hold"), "{:?}", plan.warnings);
    // A rollback held it and left the branch: publishing it again still lifts the hold.
    let again = of(&held(published()), &new()).unwrap();
    assert_eq!(step(&again, "lift-hold/2025-01-27").skip_reason, None);
}

#[test]
fn a_hold_stays_where_no_branch_is_made() {
    let mut narrowed = new();
    narrowed.charms = [charm(ENGINE)].into();
    for wish in [
        narrowed,
        without(&[SkipPart::Branch]),
        without(&[SkipPart::Branch, SkipPart::Bundle]),
    ] {
        let plan = of(&held(snapshot()), &wish).unwrap();
        assert!(!kinds(&plan).contains(&"lift-hold"));
        assert!(warned(&plan, "held"), "{:?}", plan.warnings);
    }
}

#[test]
fn holds_that_could_not_be_read_are_a_warning() {
    let mut snapshot = snapshot();
    snapshot.holds = Observed::failed(Problem::new(ProblemKind::Network, "down"));
    let plan = of(&snapshot, &new()).unwrap();
    assert!(!kinds(&plan).contains(&"lift-hold"));
    assert!(warned(&plan, "could not be read"), "{:?}", plan.warnings);
}
