//! Tests what is known of credentials: origin of a secret's value, alarms, grouping.

use super::*;

#[test]
fn lineage_tells_whose_value_a_secret_holds() {
    let mut snapshot = snapshot();
    let all = targets();
    let of = |snapshot: &Snapshot, index: usize| lineage(&workspace(), snapshot, &all[index], now());
    assert_eq!(of(&snapshot, 0), Lineage::Absent);
    assert_eq!(of(&snapshot, 1), Lineage::Unknown);
    wrote(&mut snapshot, &all[1], "first", None, 20);
    wrote(&mut snapshot, &all[2], "first", None, 20);
    assert_eq!(of(&snapshot, 1), Lineage::Current);
    wrote(&mut snapshot, &all[3], "second", None, 10);
    assert_eq!(
        (of(&snapshot, 2), of(&snapshot, 3)),
        (Lineage::Older, Lineage::Current)
    );
    let touched = facts_mut(&mut snapshot, all[3].repository.as_str());
    touched.secrets.get_mut(&all[3].secret).unwrap().updated_at = ago(9);
    assert_eq!(of(&snapshot, 3), Lineage::Foreign);
    snapshot.secrets.clear();
    assert_eq!(of(&snapshot, 3), Lineage::Unknown);
}

#[test]
fn alarms_ring_at_thirty_fourteen_and_three_days() {
    const DAY: i64 = 86_400;
    let at = |seconds: i64| alarm(Some(now() + TimeDelta::seconds(seconds)), now());
    assert_eq!(alarm(None, now()), Alarm::None);
    assert_eq!(
        [at(30 * DAY + 1), at(30 * DAY), at(14 * DAY + 1)],
        [Alarm::None, Alarm::Soon, Alarm::Soon]
    );
    assert_eq!(
        [at(14 * DAY), at(3 * DAY + 1), at(3 * DAY), at(1), at(0), at(-1)],
        [
            Alarm::Urgent,
            Alarm::Urgent,
            Alarm::Critical,
            Alarm::Critical,
            Alarm::Over,
            Alarm::Over
        ]
    );
}

#[test]
fn a_value_in_seven_secrets_is_one_credential() {
    let mut snapshot = snapshot();
    for target in targets() {
        wrote(&mut snapshot, &target, "first", Some("s1"), 20);
    }
    let names: Vec<String> = credentials(&workspace(), &snapshot, now())
        .iter()
        .map(|one| one.facts.name.to_string())
        .collect();
    assert_eq!(names, ["charmhub", "github", "CHARMCRAFT_AUTH, CHARMHUB_TOKEN"]);
}

#[test]
fn targets_are_looked_for_in_the_workspace_and_their_order_is_its_own() {
    let stranger = RotateIntent {
        targets: [target("somebody/else:TOKEN")].into(),
        brought: Some(print("x")),
        ..RotateIntent::default()
    };
    let problem = refused(&snapshot(), &stranger);
    assert_eq!(problem.kind, ProblemKind::Usage);
    assert!(whole(&problem).contains("somebody/else"));

    let engine = target("finos/legend-juju-engine-server-operator:CHARMHUB_TOKEN");
    let auth = target(&format!("{BUNDLE}:CHARMCRAFT_AUTH"));
    let some = RotateIntent {
        targets: [db(), engine.clone(), auth.clone()].into(),
        ..RotateIntent::default()
    };
    let plan = planned(&snapshot(), &some);
    let expected = [auth, engine, db()].map(|target| format!("set-secret/{target}"));
    assert_eq!(ids(&plan, false)[3..], expected);
}

#[test]
fn other_credentials_must_be_brought_and_do_not_mix() {
    let gh = target(&format!("{BUNDLE}:GH_TOKEN"));
    let mut intent = RotateIntent {
        targets: [gh.clone()].into(),
        ..RotateIntent::default()
    };
    let problem = refused(&snapshot(), &intent);
    assert_eq!(problem.kind, ProblemKind::Usage);
    assert!(whole(&problem).contains("--token-file"));

    intent.brought = Some(print("pat"));
    let mut snapshot = snapshot();
    snapshot.brought = Observed::read(credential("github", &["repo"]), now());
    let text = whole(&refused(&snapshot, &intent));
    assert!(text.contains("scope workflow"), "{text}");
    snapshot.brought = Observed::read(credential("github", &["repo", "workflow"]), now());
    assert_eq!(
        ids(&planned(&snapshot, &intent), false),
        ["check-token", "seal-secrets", &format!("set-secret/{gh}")]
    );

    intent.targets.insert(db());
    assert!(whole(&refused(&snapshot, &intent)).contains("different kinds"));
    let ttl = RotateIntent {
        ttl: Some(60),
        ..bringing("x")
    };
    assert!(whole(&refused(&snapshot, &ttl)).contains("--ttl"));
}

#[test]
fn a_wish_takes_up_an_earlier_one_whatever_is_revoked() {
    let plain = RotateIntent::default();
    let revoke = revoking(Revoked::Recorded);
    let takes = |now: &RotateIntent, then: &RotateIntent| {
        Intent::Rotate(now.clone()).takes_up(&Intent::Rotate(then.clone()))
    };
    assert!(takes(&revoke, &plain) && takes(&plain, &revoke));
    for other in [
        bringing("x"),
        RotateIntent {
            ttl: Some(60),
            ..RotateIntent::default()
        },
        RotateIntent {
            targets: [db()].into(),
            ..RotateIntent::default()
        },
    ] {
        assert!(!takes(&plain, &other) && !takes(&other, &plain), "{other:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, cases: 64, ..Default::default() })]

    /// For any subset of targets, the token covers every charm whose repository is in it, and no
    /// charm that no target publishes.
    #[test]
    fn the_scope_is_what_the_chosen_targets_publish(chosen in proptest::collection::btree_set(0usize..7, 1..7)) {
        let all = targets();
        let wished: BTreeSet<SecretTarget> = chosen.iter().map(|index| all[*index].clone()).collect();
        let intent = RotateIntent { targets: wished.clone(), ..RotateIntent::default() };
        let plan = planned(&snapshot(), &intent);
        let scope = plan.sign_in().unwrap();
        let bundle = wished.iter().any(|target| target.repository.as_str() == BUNDLE);
        for charm in &workspace().charms {
            let own = wished.iter().any(|target| target.repository.as_str() == charm.repository);
            let covered = scope.packages.iter().any(|package| package.name == charm.name);
            proptest::prop_assert_eq!(covered, own || bundle, "{}", charm.name);
        }
        let sets = plan.steps.iter().filter(|step| matches!(step.op, Op::SetSecret { .. })).count();
        proptest::prop_assert_eq!(sets, wished.len());
    }
}
