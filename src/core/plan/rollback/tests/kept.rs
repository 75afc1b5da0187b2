//! Tests a rollback that keeps the channels that were changed since.

use super::*;

fn two_channels(unfinished: bool) -> Snapshot {
    let changes = vec![
        change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
        change("r1", 0, "latest/beta", Some(serving(48, 7)), Some(serving(50, 8))),
    ];
    let rows = [
        focal("latest/edge", serving(50, 9)),
        focal("latest/beta", serving(50, 8)),
    ];
    let mut snapshot = world(&rows, changes);
    snapshot.past.value.as_mut().unwrap().unfinished = unfinished;
    snapshot
}

#[test]
fn a_changed_channel_is_kept_and_the_others_are_rolled_back() {
    let snapshot = two_channels(true);
    let keep = of_run("r1").with(LaterChanges::Keep);
    let refused = made(&snapshot, &of_run("r1")).unwrap_err();
    assert!(refused.offers(crate::domain::Remedy::KeepLaterChanges));
    assert!(
        refused.hints[1].as_str().ends_with(&keep.command()),
        "{refused:?}"
    );
    let plan = made(&snapshot, &keep).unwrap();
    assert_eq!(deeds(&plan), ["latest/beta r48 with r7"]);
    assert_eq!(plan.command, "windlass rollback --run r1 --keep-changed");
    assert!(
        says(
            &plan.left_out,
            "latest/edge for ubuntu 20.04 amd64 now serves r50"
        ),
        "{:?}",
        plan.left_out
    );
}

#[test]
fn the_other_bases_of_a_changed_channel_are_kept_too() {
    let mut changes = vec![
        change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
        change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
    ];
    changes[1].base = Some(base("22.04"));
    let rows = [
        focal("latest/edge", serving(50, 9)),
        ("latest/edge", base("22.04"), serving(50, 8)),
    ];
    let keep = of_run("r1").with(LaterChanges::Keep);
    let plan = made(&world(&rows, changes), &keep).unwrap();
    assert_eq!(deeds(&plan), [""; 0]);
}

#[test]
fn an_unfinished_run_without_other_channels_is_given_up() {
    let mut snapshot = two_channels(true);
    snapshot.changes.pop();
    let plan = made(&snapshot, &of_run("r1").with(LaterChanges::Keep)).unwrap();
    assert!(plan.only_gives_up_a_run());
    assert!(says(&plan.warnings, "the run is given up"), "{:?}", plan.warnings);
    assert!(says(&plan.left_out, "latest/edge"), "{:?}", plan.left_out);
}

#[test]
fn an_intent_of_an_older_journal_is_read() {
    let read = |text: &str| serde_json::from_str::<RollbackIntent>(text).unwrap();
    let older = |over: bool| read(&format!(r#"{{"of":{{"run":"r1"}},"over":{over}}}"#));
    assert_eq!(older(false), of_run("r1"));
    assert_eq!(older(true), of_run("r1").with(LaterChanges::Overwrite));
    for later in [LaterChanges::Refuse, LaterChanges::Overwrite, LaterChanges::Keep] {
        let intent = of_run("r1").with(later);
        assert_eq!(read(&serde_json::to_string(&intent).unwrap()), intent);
    }
}
