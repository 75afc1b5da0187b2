//! Tests plans of promotions of a whole track.

use super::*;

fn track(snapshot: &Snapshot, track: &str, to: &str) -> Result<Plan, Problem> {
    let intent = PromoteTrackIntent {
        track: track.parse().unwrap(),
        to: to.parse().unwrap(),
    };
    crate::plan::promote::track::plan(&workspace(), snapshot, &intent)
}

#[test]
fn latest_is_promoted_base_by_base_with_its_pairs() {
    let plan = track(&world(), "latest", "stable").unwrap();
    assert_eq!(
        moves(&plan),
        [
            format!("{ENGINE} latest/stable 22.04 r49 engine-image r7"),
            format!("{ENGINE} latest/stable 20.04 r50 engine-image r7"),
            "finos-legend-sdlc-k8s latest/stable 20.04 r50 sdlc-image r7".to_owned(),
            "finos-legend-studio-k8s latest/stable 20.04 r50 studio-image r7".to_owned(),
            format!("{GITLAB} latest/stable 20.04 r50 engine-image r7"),
            format!("{DB} latest/stable 20.04 r50 engine-image r7"),
        ]
    );
    assert_eq!(plan.command, "windlass promote --track latest --to stable");
    assert_eq!(plan.confirm, "latest");
    assert!(says(
        &plan.warnings,
        "opening latest/stable: deployments that use it currently get nothing"
    ));
    assert!(says(&plan.warnings, "finos-legend-bundle is unchanged"));
    assert!(
        plan.steps
            .iter()
            .all(|step| matches!(step.kind.as_str(), "release" | "verify"))
    );
}

#[test]
fn every_open_risk_of_a_track_moves_one_step() {
    let mut snapshot = world();
    let mut beta = facts(&mut snapshot, ENGINE).rows[1].clone();
    assert_eq!(beta.channel.to_string(), "2024-12/edge");
    beta.channel = "2024-12/beta".parse().unwrap();
    beta.resources[0].revision = Some(ResourceRevision(7));
    beta.revision = CharmRevision(50);
    let mut edge = beta.clone();
    edge.channel = "2024-12/edge".parse().unwrap();
    edge.resources[0].revision = Some(ResourceRevision(8));
    let engine = facts(&mut snapshot, ENGINE);
    let mut newer = engine.resources[&edge.resources[0].name][0].clone();
    newer.revision = ResourceRevision(8);
    engine
        .resources
        .get_mut(&edge.resources[0].name)
        .unwrap()
        .push(newer);
    engine.rows.retain(|row| row.channel.track.as_str() != "2024-12");
    engine.rows.extend([beta, edge]);
    let plan = track(&snapshot, "2024-12", "candidate").unwrap();
    let engine: Vec<String> = moves(&plan)
        .into_iter()
        .filter(|text| text.starts_with(ENGINE))
        .collect();
    assert_eq!(
        engine,
        [
            format!("{ENGINE} 2024-12/candidate 20.04 r50 engine-image r7"),
            format!("{ENGINE} 2024-12/beta 20.04 r50 engine-image r8"),
        ]
    );
    assert!(says(
        &plan.warnings,
        &format!("{DB} is left out, because nothing on 2024-12 below candidate is open")
    ));
}

#[test]
fn a_track_without_anything_to_move_is_refused_and_latest_never_goes_back() {
    let problem = track(&world(), "2019-01", "stable").unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert_eq!(
        track(&world(), "latest", "edge").unwrap_err().kind,
        ProblemKind::Usage
    );

    let mut snapshot = world();
    let engine = facts(&mut snapshot, ENGINE);
    let mut newer = engine.rows[0].clone();
    newer.channel = "latest/stable".parse().unwrap();
    newer.resources[0].revision = Some(ResourceRevision(8));
    engine.rows.push(newer);
    let behind = ImageBehind {
        digest: ManifestDigest(digest("docker.io/finos/legend-engine-server:e2")),
        config_digests: Vec::new(),
    };
    let resource = "engine-image".parse().unwrap();
    let key = Snapshot::behind_key(&charm(ENGINE), &resource, ResourceRevision(8));
    snapshot.behind.insert(key, Observed::read(behind, now()));
    let problem = track(&snapshot, "latest", "stable").unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains("2025-01-27"), "{problem}");
    assert!(track(&snapshot, "latest", "beta").is_ok());
}

#[test]
fn a_base_that_is_opened_beside_another_cannot_be_undone() {
    use crate::plan::Risk as Impact;
    let release = |plan: &Plan| {
        let engine = |step: &&crate::plan::Step| {
            step.kind == "release" && step.op.charm().is_some_and(|name| name.as_str() == ENGINE)
        };
        plan.steps.iter().find(engine).unwrap().clone()
    };
    let closed = track(&world(), "latest", "stable").unwrap();
    assert!(release(&closed).undo.way().is_some());
    assert_eq!(closed.risk, Impact::Write);

    let mut snapshot = world();
    let mut stable = facts(&mut snapshot, ENGINE)
        .rows
        .iter()
        .find(|row| row.channel.to_string() == "latest/edge" && row.base == Some(base("20.04")))
        .unwrap()
        .clone();
    stable.channel = "latest/stable".parse().unwrap();
    facts(&mut snapshot, ENGINE).rows.push(stable);
    let open = track(&snapshot, "latest", "stable").unwrap();
    let step = release(&open);
    let why = step.undo.impossible_because().unwrap().as_str();
    assert!(
        why.starts_with("ubuntu 22.04 amd64 of latest/stable opens beside"),
        "{why}"
    );
    assert_eq!(
        (step.risk(), open.risk),
        (Impact::Irreversible, Impact::Irreversible)
    );
}
