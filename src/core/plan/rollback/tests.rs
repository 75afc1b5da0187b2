//! Tests plans of rollbacks with snapshots and changes built in the test.

mod kept;
mod past;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::bundle::{Author, BundleFacts};
use crate::domain::charm::{Attached, ChannelRow, CharmFacts};
use crate::domain::{
    Base, ChannelChange, CharmRevision, Observed, PastRun, Problem, ProblemKind, ResourceRevision, RunId,
    SanitizedText, Serving, Snapshot,
};
use crate::plan::publish::tests::{ENGINE, base, charm, facts, now, snapshot, workspace};
use crate::plan::{AttachFrom, LaterChanges, Moment, Op, Plan, RollbackIntent, RolledBack};

fn serving(revision: u64, resource: u64) -> Serving {
    Serving {
        revision: CharmRevision(revision),
        resources: vec![("engine-image".parse().unwrap(), ResourceRevision(resource))],
    }
}

fn at(minute: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minute)
}

/// Returns a change of `channel` of the engine on 20.04 by `run` at `minute`.
fn change(
    run: &str,
    minute: i64,
    channel: &str,
    before: Option<Serving>,
    after: Option<Serving>,
) -> ChannelChange {
    ChannelChange {
        run: RunId(run.to_owned()),
        at: at(minute),
        actor: SanitizedText::new("ann@desk"),
        charm: charm(ENGINE),
        channel: channel.parse().unwrap(),
        base: Some(base("20.04")),
        before,
        after,
        certain: true,
        rollback: false,
    }
}

#[test]
fn an_unfinished_run_that_changed_no_channel_is_given_up() {
    let mut snapshot = world(&[], Vec::new());
    let intent = of_run("r1");
    let mut run = PastRun {
        channels: false,
        ..past("r1")
    };
    snapshot.past = Observed::read(run.clone(), now());
    let problem = super::plan(&workspace(), &snapshot, &intent).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    run.unfinished = true;
    snapshot.past = Observed::read(run, now());
    let plan = super::plan(&workspace(), &snapshot, &intent).unwrap();
    assert!(plan.only_gives_up_a_run());
    assert!(
        plan.warnings[0].as_str().contains("given up"),
        "{:?}",
        plan.warnings
    );
}

fn past(run: &str) -> PastRun {
    PastRun {
        id: RunId(run.to_owned()),
        workspace: "legend".into(),
        title: SanitizedText::new("Publish 2025-01-27"),
        channels: true,
        unfinished: false,
        published: None,
        held: None,
        stays: Vec::new(),
    }
}

/// Returns a snapshot with what the engine serves on 20.04 and, if given, on 22.04.
fn world(rows: &[(&str, Base, Serving)], changes: Vec<ChannelChange>) -> Snapshot {
    let mut snapshot = snapshot();
    let engine = facts(&mut snapshot, ENGINE);
    engine.resources.clear();
    let mut older = engine.revision(CharmRevision(50)).unwrap().clone();
    older.revision = CharmRevision(48);
    engine.revisions.push(older);
    engine.rows = rows
        .iter()
        .map(|(channel, base, serving)| ChannelRow {
            channel: channel.parse().unwrap(),
            base: Some(base.clone()),
            revision: serving.revision,
            resources: serving
                .resources
                .iter()
                .map(|(name, revision)| Attached {
                    name: name.clone(),
                    revision: Some(*revision),
                })
                .collect(),
            released_at: None,
        })
        .collect();
    if let Some(last) = changes.last() {
        snapshot.past = Observed::read(past(&last.run.0), now());
    }
    snapshot.changes = changes;
    snapshot
}

fn focal(channel: &str, serving: Serving) -> (&str, Base, Serving) {
    (channel, base("20.04"), serving)
}

fn of_run(run: &str) -> RollbackIntent {
    RollbackIntent::new(RolledBack::Run(RunId(run.to_owned())))
}

fn of_charm(channels: &[&str], to: Option<Moment>) -> RollbackIntent {
    RollbackIntent::new(RolledBack::Charm {
        charm: charm(ENGINE),
        channels: channels.iter().map(|text| text.parse().unwrap()).collect(),
        to,
    })
}

fn made(snapshot: &Snapshot, intent: &RollbackIntent) -> Result<Plan, Problem> {
    super::plan(&workspace(), snapshot, intent)
}

/// Returns what a plan does to channels, one word per row, with skipped steps in brackets.
fn deeds(plan: &Plan) -> Vec<String> {
    let mut deeds = Vec::new();
    for step in &plan.steps {
        let mut words = match &step.op {
            Op::Release { moves, .. } => moves
                .iter()
                .map(|one| {
                    let resources: Vec<String> = one
                        .resources
                        .iter()
                        .map(|attach| match &attach.from {
                            AttachFrom::Revision(revision) => revision.to_string(),
                            AttachFrom::Step(step) => step.to_string(),
                        })
                        .collect();
                    format!("{} {} with {}", one.channel, one.revision, resources.join(" "))
                })
                .collect(),
            Op::Close { channel, .. } => vec![format!("close {channel}")],
            Op::SetHold { release, .. } => vec![format!("hold {release}")],
            Op::LiftHold { release, .. } => vec![format!("unhold {release}")],
            _ => Vec::new(),
        };
        if step.skip_reason.is_some() {
            words = words.iter().map(|word| format!("[{word}]")).collect();
        }
        deeds.extend(words);
    }
    deeds
}

fn says(texts: &[SanitizedText], part: &str) -> bool {
    texts.iter().any(|text| text.as_str().contains(part))
}

#[test]
fn a_run_is_rolled_back_to_the_pairs_and_the_closed_channels_of_before() {
    let changes = vec![
        change("r1", 0, "2025-01/edge", None, Some(serving(50, 8))),
        change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
    ];
    let rows = [
        focal("2025-01/edge", serving(50, 8)),
        focal("latest/edge", serving(50, 8)),
    ];
    let plan = made(&world(&rows, changes), &of_run("r1")).unwrap();
    assert_eq!(deeds(&plan), ["latest/edge r48 with r7", "close 2025-01/edge"]);
    assert_eq!(plan.confirm, "r1", "it changes what users get");
    assert_eq!(plan.command, "windlass rollback --run r1");
    assert!(plan.left_out.is_empty(), "{:?}", plan.left_out);
}

#[test]
fn a_change_of_a_resource_alone_is_undone_by_the_same_revision() {
    let changes = vec![change(
        "r1",
        0,
        "latest/edge",
        Some(serving(50, 7)),
        Some(serving(50, 8)),
    )];
    let rows = [focal("latest/edge", serving(50, 8))];
    let plan = made(&world(&rows, changes), &of_charm(&["latest/edge"], None)).unwrap();
    assert_eq!(deeds(&plan), ["latest/edge r50 with r7"]);
}

#[test]
fn a_row_that_somebody_changed_is_named_and_the_plan_refused_unless_over() {
    let changes = vec![
        change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
        change("r1", 0, "latest/beta", Some(serving(48, 7)), Some(serving(50, 8))),
    ];
    let rows = [
        focal("latest/edge", serving(50, 9)),
        focal("latest/beta", serving(50, 8)),
    ];
    let snapshot = world(&rows, changes);
    let problem = made(&snapshot, &of_run("r1")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem.to_string().contains("latest/edge for ubuntu 20.04"),
        "{problem}"
    );
    assert!(!problem.to_string().contains("latest/beta"), "{problem}");
    assert!(
        problem.hints[0]
            .as_str()
            .contains("windlass rollback --run r1 --over"),
        "{problem:?}"
    );
    let plan = made(&snapshot, &of_run("r1").with(LaterChanges::Overwrite)).unwrap();
    assert_eq!(
        deeds(&plan),
        ["latest/beta r48 with r7", "latest/edge r48 with r7"]
    );
    assert!(says(&plan.warnings, "rolled back anyway"), "{:?}", plan.warnings);
}

#[test]
fn a_later_run_of_ours_counts_as_somebody_and_is_named() {
    let changes = vec![
        change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
        change("r2", 5, "latest/edge", Some(serving(50, 8)), Some(serving(50, 9))),
    ];
    let mut snapshot = world(&[focal("latest/edge", serving(50, 9))], changes);
    snapshot.past = Observed::read(past("r1"), now());
    let problem = made(&snapshot, &of_run("r1")).unwrap_err();
    assert!(problem.to_string().contains("run r2"), "{problem}");
}

#[test]
fn what_is_as_before_is_skipped() {
    let changes = vec![
        change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
        change("r1", 0, "2025-01/edge", None, Some(serving(50, 8))),
    ];
    let plan = made(
        &world(&[focal("latest/edge", serving(48, 7))], changes),
        &of_run("r1"),
    )
    .unwrap();
    assert_eq!(
        deeds(&plan),
        ["[latest/edge r48 with r7]", "[close 2025-01/edge]"]
    );
}

#[test]
fn an_uncertain_change_counts_by_what_the_row_serves() {
    let lost = |seen: Serving| {
        let mut change = change("r2", 5, "latest/edge", Some(serving(50, 8)), Some(serving(50, 9)));
        change.certain = false;
        let earlier = self::change("r1", 0, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8)));
        world(&[focal("latest/edge", seen)], vec![earlier, change])
    };
    // The change was not made: the change before it is the last one.
    let plan = made(&lost(serving(50, 8)), &of_charm(&["latest/edge"], None)).unwrap();
    assert_eq!(deeds(&plan), ["latest/edge r48 with r7"]);
    assert_eq!(
        deeds(&made(&lost(serving(50, 8)), &of_run("r2")).unwrap()),
        [""; 0]
    );
    // The change was made.
    let plan = made(&lost(serving(50, 9)), &of_charm(&["latest/edge"], None)).unwrap();
    assert_eq!(deeds(&plan), ["latest/edge r50 with r8"]);
    // It is unknown whether the change was made.
    let problem = made(&lost(serving(49, 1)), &of_run("r2")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
}

#[test]
fn a_rollback_is_rolled_back() {
    let changes = vec![
        change("r1", 0, "2025-01/edge", None, Some(serving(50, 8))),
        change("r2", 5, "2025-01/edge", Some(serving(50, 8)), None),
    ];
    let plan = made(&world(&[], changes), &of_run("r2")).unwrap();
    assert_eq!(deeds(&plan), ["2025-01/edge r50 with r8"]);
}

#[test]
fn a_channel_that_was_rolled_back_last_is_not_rolled_forward_by_saying_so_again() {
    let (good, bad) = (serving(50, 7), serving(50, 8));
    let published = change("p", 1, "latest/edge", Some(good.clone()), Some(bad.clone()));
    let mut back = change("b", 2, "latest/edge", Some(bad), Some(good.clone()));
    back.rollback = true;
    let snapshot = world(&[focal("latest/edge", good)], vec![published, back]);
    for channels in [&["latest/edge"][..], &[]] {
        let problem = made(&snapshot, &of_charm(channels, None)).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Refused);
        assert!(problem.hints[0].as_str().contains("--run b"), "{problem:?}");
    }
    assert!(made(&snapshot, &of_run("b")).is_ok());
}

#[test]
fn a_base_cannot_be_closed_alone() {
    let changes = vec![change("r1", 0, "latest/edge", None, Some(serving(50, 8)))];
    let rows = [
        focal("latest/edge", serving(50, 8)),
        ("latest/edge", base("22.04"), serving(49, 7)),
    ];
    let plan = made(&world(&rows, changes), &of_run("r1")).unwrap();
    assert_eq!(deeds(&plan), [""; 0]);
    assert!(
        says(&plan.left_out, "cannot be closed alone"),
        "{:?}",
        plan.left_out
    );
    assert!(says(&plan.left_out, "keeps r50"), "{:?}", plan.left_out);
}

#[test]
fn a_time_or_a_run_names_what_the_channel_had_then() {
    let history = || {
        vec![
            change("r1", 0, "latest/edge", Some(serving(48, 6)), Some(serving(48, 7))),
            change(
                "r2",
                10,
                "latest/edge",
                Some(serving(48, 7)),
                Some(serving(50, 8)),
            ),
            change(
                "r3",
                20,
                "latest/edge",
                Some(serving(50, 8)),
                Some(serving(50, 9)),
            ),
        ]
    };
    let snapshot = world(&[focal("latest/edge", serving(50, 9))], history());
    let to = |moment| made(&snapshot, &of_charm(&["latest/edge"], Some(moment)));
    assert_eq!(
        deeds(&to(Moment::At(at(9))).unwrap()),
        ["latest/edge r48 with r7"]
    );
    assert_eq!(
        deeds(&to(Moment::At(at(10))).unwrap()),
        ["latest/edge r50 with r8"]
    );
    let run = |name: &str| Moment::After(RunId(name.to_owned()));
    assert_eq!(deeds(&to(run("r1")).unwrap()), ["latest/edge r48 with r7"]);
    assert_eq!(deeds(&to(run("r3")).unwrap()), ["[latest/edge r50 with r9]"]);
    assert_eq!(to(run("r9")).unwrap_err().kind, ProblemKind::NotFound);
    let problem = to(Moment::At(at(-1))).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem.to_string().contains("found r48 + engine-image r6"),
        "{problem}"
    );
}

#[test]
fn a_charm_without_a_change_is_refused_with_the_remedy() {
    let snapshot = world(&[], Vec::new());
    let problem = made(&snapshot, &of_charm(&[], None)).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem.hints[0].as_str().contains("windlass release"),
        "{problem:?}"
    );
    let problem = made(&snapshot, &of_run("r1")).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
}

#[test]
fn without_channels_every_channel_goes_back_and_different_runs_are_told() {
    let changes = vec![
        change(
            "r1",
            0,
            "2024-12/edge",
            Some(serving(48, 7)),
            Some(serving(50, 7)),
        ),
        change("r2", 5, "latest/edge", Some(serving(48, 7)), Some(serving(50, 8))),
    ];
    let rows = [
        focal("2024-12/edge", serving(50, 7)),
        focal("latest/edge", serving(50, 8)),
    ];
    let plan = made(&world(&rows, changes), &of_charm(&[], None)).unwrap();
    assert_eq!(
        deeds(&plan),
        ["2024-12/edge r48 with r7", "latest/edge r48 with r7"]
    );
    assert!(
        says(
            &plan.warnings,
            "2024-12/edge: restored to the state before run r1"
        ),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_bundle_goes_back_as_any_channel() {
    let bundle = "finos-legend-bundle";
    let plain = |revision: u64| Serving {
        revision: CharmRevision(revision),
        resources: Vec::new(),
    };
    let mut one = change("r1", 0, "2025-01/edge", Some(plain(11)), Some(plain(12)));
    one.charm = charm(bundle);
    one.base = None;
    let mut snapshot = world(&[], vec![one]);
    let mut revision = facts(&mut snapshot, ENGINE).revisions[1].clone();
    revision.bases.clear();
    revision.revision = CharmRevision(11);
    let facts = CharmFacts {
        id: "id".into(),
        bundle: true,
        rows: vec![ChannelRow {
            channel: "2025-01/edge".parse().unwrap(),
            base: None,
            revision: CharmRevision(12),
            resources: Vec::new(),
            released_at: None,
        }],
        revisions: vec![revision],
        ..CharmFacts::default()
    };
    snapshot
        .charms
        .insert(charm(bundle), Observed::read(facts, now()));
    let plan = made(&snapshot, &of_run("r1")).unwrap();
    assert_eq!(deeds(&plan), ["2025-01/edge r11 with "]);
}

fn publish_rolled_back(change_world: impl FnOnce(&mut Snapshot)) -> Plan {
    let changes = vec![change(
        "r1",
        0,
        "latest/edge",
        Some(serving(48, 7)),
        Some(serving(50, 8)),
    )];
    let mut snapshot = world(&[focal("latest/edge", serving(50, 8))], changes);
    let mut past = past("r1");
    past.published = Some("2025-01-27".parse().unwrap());
    past.stays = vec![SanitizedText::new(
        "branch release-2025-01-27 of finos/legend-juju-bundle",
    )];
    snapshot.past = Observed::read(past, now());
    snapshot.holds = Observed::read(std::collections::BTreeSet::new(), now());
    snapshot.bundle = Observed::read(
        BundleFacts {
            tip: "1234567890123456789012345678901234567890".parse().unwrap(),
            files: std::collections::BTreeMap::new(),
            branches: std::collections::BTreeMap::new(),
            writable: Some(true),
            author: Author {
                name: "Ann".into(),
                email: "ann@example.org".into(),
                from: SanitizedText::new("git"),
                remarks: Vec::new(),
            },
        },
        now(),
    );
    change_world(&mut snapshot);
    made(&snapshot, &of_run("r1")).unwrap()
}

#[test]
fn a_publish_that_is_rolled_back_is_held_and_what_stays_is_named() {
    let plan = publish_rolled_back(|_| {});
    assert_eq!(deeds(&plan), ["hold 2025-01-27", "latest/edge r48 with r7"]);
    assert!(plan.steps[0].optional, "the channels do not wait for GitHub");
    assert!(
        says(
            &plan.warnings,
            "branch release-2025-01-27 of finos/legend-juju-bundle stays: it cannot be undone"
        ),
        "{:?}",
        plan.warnings
    );
    let held = publish_rolled_back(|snapshot| {
        snapshot.holds = Observed::read(["2025-01-27".parse().unwrap()].into(), now());
    });
    assert_eq!(deeds(&held), ["[hold 2025-01-27]", "latest/edge r48 with r7"]);
}

#[test]
fn channels_are_rolled_back_without_github_too_and_the_missing_hold_is_told() {
    let down = Problem::new(ProblemKind::Network, "GitHub does not answer");
    let plans = [
        publish_rolled_back(|snapshot| snapshot.bundle = Observed::failed(down.clone())),
        publish_rolled_back(|snapshot| snapshot.holds = Observed::failed(down.clone())),
        publish_rolled_back(|snapshot| snapshot.bundle.value.as_mut().unwrap().writable = Some(false)),
    ];
    for plan in plans {
        assert_eq!(deeds(&plan), ["latest/edge r48 with r7"]);
        assert!(
            says(&plan.left_out, "windlass hold 2025-01-27"),
            "{:?}",
            plan.left_out
        );
        assert!(
            says(&plan.warnings, "windlass hold 2025-01-27"),
            "{:?}",
            plan.warnings
        );
    }
}

#[test]
fn the_hold_that_a_rollback_set_goes_with_it() {
    let plan = publish_rolled_back(|snapshot| {
        let past = snapshot.past.value.as_mut().unwrap();
        past.held = past.published.take();
        snapshot.holds = Observed::read(["2025-01-27".parse().unwrap()].into(), now());
    });
    assert_eq!(deeds(&plan), ["unhold 2025-01-27", "latest/edge r48 with r7"]);
}

#[test]
fn a_run_without_channels_or_of_another_workspace_is_refused() {
    let mut snapshot = world(&[], Vec::new());
    let mut other = past("r1");
    other.channels = false;
    snapshot.past = Observed::read(other.clone(), now());
    assert_eq!(
        made(&snapshot, &of_run("r1")).unwrap_err().kind,
        ProblemKind::Refused
    );
    other.workspace = "regtech".into();
    snapshot.past = Observed::read(other, now());
    assert_eq!(
        made(&snapshot, &of_run("r1")).unwrap_err().kind,
        ProblemKind::Usage
    );
}
