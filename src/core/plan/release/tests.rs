//! Tests plans of single releases and closings with snapshots built in the test.

use std::collections::BTreeMap;

use crate::domain::charm::DeclaredResource;
use crate::domain::{CharmRevision, Problem, ProblemKind, ResourceRevision, SanitizedText, Snapshot};
use crate::plan::publish::tests::{ENGINE, base, charm, facts, snapshot, workspace};
use crate::plan::{AttachFrom, ChannelUpdate, CloseIntent, Op, Plan, ReleaseIntent, State};

fn intent(revision: u64, channel: &str, resources: &[(&str, u64)]) -> ReleaseIntent {
    ReleaseIntent {
        charm: charm(ENGINE),
        revision: CharmRevision(revision),
        channels: vec![channel.parse().unwrap()],
        resources: resources
            .iter()
            .map(|(name, number)| (name.parse().unwrap(), ResourceRevision(*number)))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn made(snapshot: &Snapshot, intent: &ReleaseIntent) -> Result<Plan, Problem> {
    super::plan(&workspace(), snapshot, intent)
}

fn moves(plan: &Plan) -> Vec<ChannelUpdate> {
    plan.steps
        .iter()
        .find_map(|step| match &step.op {
            Op::Release { moves, .. } => Some(moves.clone()),
            _ => None,
        })
        .unwrap()
}

#[test]
fn a_resource_that_nobody_names_stays_as_the_channel_has_it() {
    let plan = made(&snapshot(), &intent(50, "latest/edge", &[])).unwrap();
    let moves = moves(&plan);
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].base, Some(base("20.04")));
    assert_eq!(
        moves[0].resources[0].from,
        AttachFrom::Revision(ResourceRevision(7))
    );
    assert!(plan.nothing_to_do(), "it runs there already");
}

#[test]
fn a_resource_is_never_guessed() {
    let problem = made(&snapshot(), &intent(50, "latest/beta", &[])).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
    assert!(
        problem
            .hints
            .iter()
            .any(|hint| hint.as_str().contains("engine-image:7"))
    );
    let plan = made(&snapshot(), &intent(50, "latest/beta", &[("engine-image", 7)])).unwrap();
    assert!(moves(&plan)[0].before.is_none());
}

#[test]
fn an_optional_resource_may_be_left_out() {
    let mut snapshot = snapshot();
    facts(&mut snapshot, ENGINE).declared.push(DeclaredResource {
        charm_revision: CharmRevision(50),
        name: "licence".parse().unwrap(),
        kind: SanitizedText::new("file"),
        optional: true,
    });
    let plan = made(&snapshot, &intent(50, "latest/beta", &[("engine-image", 7)])).unwrap();
    assert_eq!(moves(&plan)[0].resources.len(), 1);
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let cases = [
        (intent(51, "latest/edge", &[]), ProblemKind::Refused),
        (intent(99, "latest/edge", &[]), ProblemKind::NotFound),
        (
            intent(50, "latest/edge", &[("engine-image", 8)]),
            ProblemKind::NotFound,
        ),
        (intent(50, "latest/edge", &[("other", 1)]), ProblemKind::Usage),
        (
            intent(50, "no-such-track/edge", &[("engine-image", 7)]),
            ProblemKind::Refused,
        ),
    ];
    for (intent, kind) in cases {
        let problem = made(&snapshot(), &intent).unwrap_err();
        assert_eq!(problem.kind, kind, "{intent:?}: {problem}");
        assert!(!problem.hints.is_empty(), "{problem}");
    }
}

#[test]
fn bases_that_the_revision_is_not_built_for_are_told() {
    let plan = made(&snapshot(), &intent(50, "latest/edge", &[])).unwrap();
    let told = plan
        .warnings
        .iter()
        .any(|text| text.as_str().contains("keeps r49 for ubuntu 22.04"));
    assert!(told, "{:?}", plan.warnings);
}

#[test]
fn a_new_track_that_the_guardrail_allows_is_created_first() {
    let plan = made(&snapshot(), &intent(50, "2025-01/edge", &[("engine-image", 7)])).unwrap();
    let kinds: Vec<&str> = plan.steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(kinds, ["create-track", "release", "verify"]);
}

#[test]
fn a_closing_shows_every_row_and_a_closed_channel_is_nothing_to_do() {
    let close = |channel: &str| {
        let intent = CloseIntent {
            charm: charm(ENGINE),
            channel: channel.parse().unwrap(),
        };
        super::close(&workspace(), &snapshot(), &intent)
    };
    let plan = close("latest/edge").unwrap();
    assert_eq!(plan.confirm, "latest/edge", "users of the channel notice");
    let followers = "deployments that use latest/edge get ";
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.as_str().starts_with(followers)),
        "{:?}",
        plan.warnings
    );
    let (State::Rows(before), State::Rows(after)) = (&plan.steps[0].before, &plan.steps[0].after) else {
        unreachable!("rows are shown");
    };
    assert_eq!((before.len(), after.len()), (2, 2));
    assert!(before.iter().all(|row| row.revision.is_some()));
    assert!(after.iter().all(|row| row.revision.is_none()));
    assert!(close("latest/beta").unwrap().nothing_to_do());
    assert_eq!(close("2019-01/edge").unwrap_err().kind, ProblemKind::NotFound);
}
