//! Tests the tracks of the bundle.

use super::*;

fn no_guardrail() -> Snapshot {
    let mut snapshot = snapshot();
    facts(&mut snapshot, BUNDLE).guardrails.clear();
    snapshot
}

#[test]
fn where_the_bundle_cannot_get_its_track_an_optional_one_waits_with_the_branch() {
    let plan = of(&no_guardrail(), &new()).unwrap();
    assert_eq!(plan.steps.last().unwrap().kind, "verify");
    assert_eq!(plan.left_out.len(), 2, "{:?}", plan.left_out);
    assert!(plan.left_out[0].as_str().contains("2025-01"));
    assert!(plan.left_out[0].as_str().contains("discourse"));
    assert!(plan.left_out[1].as_str().contains("--without bundle"));
    assert!(!plan.steps.iter().any(|step| step.id.0.contains(BUNDLE)));
    let plan = of(&no_guardrail(), &without(&[SkipPart::Bundle])).unwrap();
    assert_eq!(plan.steps.last().unwrap().kind, "verify");
}

#[test]
fn a_required_one_stops_the_plan() {
    let mut workspace = workspace();
    workspace.bundle.as_mut().unwrap().mode = BundleMode::Required;
    let problem = plan(&workspace, &no_guardrail(), &new()).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains(BUNDLE), "{problem}");
    assert!(
        problem
            .hints
            .last()
            .unwrap()
            .as_str()
            .contains("--without bundle")
    );
    let plan = plan(&workspace, &snapshot(), &new()).unwrap();
    assert!(plan.steps.iter().all(|step| !step.optional));
}
