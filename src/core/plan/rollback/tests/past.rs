//! Tests a rollback to a time before the first record of the journal.

use super::*;
use crate::plan::Certainty;

/// Sets the release times of the rows to so many days before [`now`], in their order.
fn since(mut snapshot: Snapshot, days: &[i64]) -> Snapshot {
    let rows = facts(&mut snapshot, ENGINE).rows.iter_mut();
    for (row, days) in rows.zip(days) {
        row.released_at = Some(now() - TimeDelta::days(*days));
    }
    snapshot
}

fn days_ago(days: i64) -> Moment {
    Moment::At(now() - TimeDelta::days(days))
}

fn certainty(plan: &Plan) -> Vec<Certainty> {
    plan.history.iter().map(|row| row.certainty).collect()
}

#[test]
fn what_the_store_lists_since_before_that_time_is_observed() {
    let latest = of_charm(&["latest/edge"], Some(days_ago(30)));
    let rows = [focal("latest/edge", serving(50, 7))];
    let plan = made(&since(world(&rows, Vec::new()), &[40]), &latest).unwrap();
    assert_eq!(certainty(&plan), [Certainty::Observed]);
    assert!(
        plan.steps
            .iter()
            .all(|step| step.skip_reason.is_some() || step.kind == "verify")
    );
    let said = plan.warnings[0].as_str();
    assert!(
        said.contains("was r50 + engine-image r7 at that time, observed: listed by Charmhub since"),
        "{said}"
    );

    // It overrides an older record: something else changed the row in between.
    let old = change("r1", -60 * 24 * 50, "latest/edge", None, Some(serving(48, 6)));
    let plan = made(&since(world(&rows, vec![old]), &[40]), &latest).unwrap();
    assert_eq!(certainty(&plan), [Certainty::Observed]);
}

#[test]
fn what_a_later_run_found_or_a_track_serves_is_inferred() {
    let rows = [
        focal("latest/edge", serving(50, 8)),
        focal("2024-12/edge", serving(50, 7)),
        focal("2024-11/edge", serving(48, 6)),
    ];
    let old = |mut snapshot: Snapshot| {
        for revision in &mut facts(&mut snapshot, ENGINE).revisions {
            revision.created_at = now() - TimeDelta::days(100);
        }
        snapshot
    };
    let latest = of_charm(&["latest/edge"], Some(days_ago(30)));
    let released = change(
        "r1",
        -60 * 24 * 10,
        "latest/edge",
        Some(serving(48, 7)),
        Some(serving(50, 8)),
    );
    let found = old(since(world(&rows, vec![released.clone()]), &[10, 40, 70]));
    let plan = made(&found, &latest).unwrap();
    assert_eq!(certainty(&plan), [Certainty::Inferred]);
    assert_eq!(plan.history[0].revision, Some(CharmRevision(48)));
    assert!(
        plan.warnings
            .iter()
            .any(|text| text.as_str().contains("inferred: found by run r1")),
        "{:?}",
        plan.warnings
    );

    // Without a record: the newest track at that time is published together with latest.
    let tracks = old(since(world(&rows, Vec::new()), &[10, 40, 70]));
    for (days, revision) in [(30, 50), (60, 48)] {
        let plan = made(&tracks, &of_charm(&["latest/edge"], Some(days_ago(days)))).unwrap();
        assert_eq!(certainty(&plan), [Certainty::Inferred]);
        assert_eq!(plan.history[0].revision, Some(CharmRevision(revision)), "{days}");
    }

    // Nothing is known about the time before: refused, with the known facts.
    for snapshot in [since(world(&rows[..1], vec![released]), &[10]), tracks] {
        let problem = made(&snapshot, &of_charm(&["latest/edge"], Some(days_ago(99)))).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Refused);
        let causes = format!("{:?}", problem.causes);
        assert!(
            causes.contains("it now serves r50 + engine-image r8, since"),
            "{causes}"
        );
    }
}
