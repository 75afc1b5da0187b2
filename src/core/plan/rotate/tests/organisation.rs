//! Tests plans of rotations that set one secret of the organisation.

use super::*;
use crate::domain::OrganisationSecret;
use crate::domain::secret::{OrganisationSecrets, Selection, SharedSecret};
use crate::domain::{SecretName, snapshot::SourceStatus};

const SET_AUTH: &str = "set-organisation-secret/finos:CHARMCRAFT_AUTH";
const SET_TOKEN: &str = "set-organisation-secret/finos:CHARMHUB_TOKEN";

fn token_name() -> SecretName {
    "CHARMHUB_TOKEN".parse().unwrap()
}

fn wish() -> RotateIntent {
    RotateIntent {
        organisation: true,
        ..RotateIntent::default()
    }
}

/// Returns [`snapshot`] with a token that may set the secrets of the organisation, which has none
/// yet.
fn permitted() -> Snapshot {
    let mut snapshot = snapshot();
    snapshot.github = Observed::read(credential("github", &["repo", "admin:org"]), now());
    for (at, seen) in snapshot.secrets.values_mut().enumerate() {
        seen.value.as_mut().unwrap().id = 70 + at as u64;
    }
    let finos = OrganisationSecrets {
        key_id: KeyId("key of finos".to_owned()),
        secrets: BTreeMap::new(),
    };
    snapshot
        .organisations
        .insert("finos".to_owned(), Observed::read(finos, now()));
    snapshot
}

fn finos(snapshot: &mut Snapshot) -> &mut OrganisationSecrets {
    let seen = snapshot.organisations.get_mut("finos").unwrap();
    seen.value.as_mut().unwrap()
}

fn held(selection: Selection, days: i64) -> SharedSecret {
    SharedSecret {
        facts: SecretFacts {
            created_at: ago(100),
            updated_at: ago(days),
        },
        selection,
    }
}

/// Sets every target of the six repositories' name to `value`, written by windlass as the
/// organisation's secret.
fn shared(snapshot: &mut Snapshot, value: &str, days: i64, copies: bool) {
    let ids: BTreeSet<u64> = snapshot
        .secrets
        .values()
        .map(|seen| seen.value.as_ref().unwrap().id)
        .collect();
    let secret = held(Selection::Selected(ids), days);
    for target in targets().iter().filter(|target| target.secret == token_name()) {
        snapshot.lineage.push(record(target, value, Some("s2"), days));
        let facts = facts_mut(snapshot, target.repository.as_str());
        facts.shared.insert(token_name(), secret.facts);
        if !copies {
            facts.secrets.clear();
        }
    }
    finos(snapshot).secrets.insert(token_name(), secret);
}

#[test]
fn the_organisations_secrets_come_first_and_then_every_copy_goes() {
    let plan = planned(&permitted(), &wish());
    let deletes: Vec<String> = targets()
        .iter()
        .filter(|target| target.secret == token_name())
        .map(|target| format!("delete-secret/{target}"))
        .collect();
    let mut expected = vec!["sign-in", "check-token", "seal-secrets", SET_AUTH, SET_TOKEN];
    expected.extend(deletes.iter().map(String::as_str));
    assert_eq!(deletes.len(), 6);
    assert_eq!(ids(&plan, false), expected);
    assert_eq!(plan.command, "windlass rotate --organisation");
    for step in plan.steps.iter().filter(|step| step.op.stands_alone()) {
        assert!(step.undo.impossible_because().is_some(), "{step:?}");
    }
    // Only the organisation's key seals the value.
    let assumed: Vec<_> = plan.assumptions.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(assumed, ["key of finos"]);
    let seals = plan.steps.iter().find_map(|step| match &step.op {
        Op::SealSecrets {
            targets,
            organisations,
        } => Some((targets.len(), organisations.len())),
        _ => None,
    });
    assert_eq!(seals, Some((0, 2)));
    let chosen = plan.steps.iter().find_map(|step| match &step.op {
        Op::SetOrganisationSecret {
            secret,
            repositories,
            before,
        } if secret.secret == token_name() => Some((
            repositories.iter().map(|one| one.id).collect::<BTreeSet<_>>(),
            *before,
        )),
        _ => None,
    });
    assert_eq!(chosen, Some(((70..76).collect(), None)));
    // Another run that changes one of the repositories must wait.
    assert_eq!(
        plan.subjects(),
        planned(&permitted(), &RotateIntent::default()).subjects()
    );
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn without_the_scope_it_is_refused_and_not_offered() {
    let mut snapshot = permitted();
    snapshot.github = Observed::read(credential("github", &["repo", "workflow"]), now());
    let problem = refused(&snapshot, &wish());
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert!(whole(&problem).contains("admin:org"), "{}", whole(&problem));
    assert!(
        whole(&problem).contains("no token was created"),
        "{}",
        whole(&problem)
    );
    assert!(!warned(
        &planned(&snapshot, &RotateIntent::default()),
        "--organisation"
    ));

    // A token without a list of scopes may try: GitHub's response counts.
    snapshot.github = Observed::read(credential("github", &[]), now());
    assert_eq!(ids(&planned(&snapshot, &wish()), false)[3], SET_AUTH);
    let denied = Problem::new(ProblemKind::Credentials, "no permission for secrets there");
    snapshot
        .organisations
        .insert("finos".to_owned(), Observed::failed(denied));
    assert_eq!(
        snapshot.organisations["finos"].standing(),
        SourceStatus::Forbidden
    );
    assert_eq!(refused(&snapshot, &wish()).kind, ProblemKind::Credentials);
}

#[test]
fn it_is_offered_once_where_it_is_permitted() {
    let offers = |plan: &Plan| {
        let text = "one organisation secret would replace 6 copies: add --organisation";
        plan.warnings
            .iter()
            .filter(|warning| warning.as_str() == text)
            .count()
    };
    let plan = planned(&permitted(), &RotateIntent::default());
    assert_eq!(offers(&plan), 1, "{:?}", plan.warnings);
    assert_eq!(
        plan.steps.len(),
        planned(&snapshot(), &RotateIntent::default()).steps.len()
    );
    assert!(!warned(&planned(&permitted(), &wish()), "add --organisation"));
    let mut one = RotateIntent::default();
    one.targets.insert(db());
    assert!(!warned(&planned(&permitted(), &one), "add --organisation"));
    let mut unseen = permitted();
    unseen.organisations.clear();
    assert!(!warned(
        &planned(&unseen, &RotateIntent::default()),
        "add --organisation"
    ));
}

#[test]
fn a_secret_that_others_read_too_is_left_alone() {
    for (selection, words) in [
        (Selection::Open, "by repositories that are not a target"),
        (Selection::Selected((70..78).collect()), "by 2 other repositories"),
    ] {
        let mut snapshot = permitted();
        finos(&mut snapshot)
            .secrets
            .insert(token_name(), held(selection, 9));
        let problem = refused(&snapshot, &wish());
        assert_eq!(problem.kind, ProblemKind::Refused);
        assert!(problem.to_string().contains(words), "{problem}");
        assert!(!warned(
            &planned(&snapshot, &RotateIntent::default()),
            "add --organisation"
        ));
    }
}

#[test]
fn seals_for_the_organisation_are_taken_up_while_its_key_is_the_same() {
    let mut snapshot = permitted();
    let of = |name: &str| {
        let secret = OrganisationSecret {
            organisation: "finos".to_owned(),
            secret: name.parse().unwrap(),
        };
        (secret, KeyId("key of finos".to_owned()))
    };
    snapshot.sealed = Some(SealedRotation {
        sealed: Vec::new(),
        organisations: vec![of("CHARMCRAFT_AUTH"), of("CHARMHUB_TOKEN")],
        ..sealed(&snapshot)
    });
    // The first run stopped after the six repositories' secret.
    shared(&mut snapshot, "second", 0, true);
    let plan = planned(&snapshot, &wish());
    assert!(plan.sign_in().is_none());
    assert_eq!(
        ids(&plan, true),
        ["sign-in", "check-token", "seal-secrets", SET_TOKEN]
    );
    assert_eq!(ids(&plan, false).len(), 7);

    finos(&mut snapshot).key_id = KeyId("another".to_owned());
    let plan = planned(&snapshot, &wish());
    assert!(plan.sign_in().is_some());
    assert!(
        warned(&plan, "the key of the organisation finos has changed"),
        "{:?}",
        plan.warnings
    );

    let same = |now: &RotateIntent, then: &RotateIntent| {
        Intent::Rotate(now.clone()).takes_up(&Intent::Rotate(then.clone()))
    };
    assert!(same(&wish(), &wish()) && !same(&wish(), &RotateIntent::default()));
}

#[test]
fn a_repository_without_a_copy_has_the_organisations_value() {
    let mut snapshot = permitted();
    shared(&mut snapshot, "second", 5, false);
    let of = |snapshot: &Snapshot, target: &SecretTarget| lineage(&workspace(), snapshot, target, now());
    assert_eq!(of(&snapshot, &db()), Lineage::Current);

    let mut foreign = snapshot.clone();
    let facts = facts_mut(&mut foreign, DB);
    facts.shared.get_mut(&token_name()).unwrap().updated_at = ago(1);
    assert_eq!(of(&foreign, &db()), Lineage::Foreign);

    let mut gone = snapshot.clone();
    facts_mut(&mut gone, DB).shared.clear();
    assert_eq!(of(&gone, &db()), Lineage::Absent);

    // A copy that windlass wrote and that still exists is read instead, and is older; any other
    // copy is foreign.
    let mut hidden = permitted();
    wrote(&mut hidden, &db(), "first", Some("s1"), 20);
    shared(&mut hidden, "second", 5, true);
    assert_eq!(of(&hidden, &db()), Lineage::Older);
    let studio = target("finos/legend-juju-studio-operator:CHARMHUB_TOKEN");
    assert_eq!(of(&hidden, &studio), Lineage::Foreign);
}

#[test]
fn a_token_that_the_organisation_still_hands_out_is_not_revoked() {
    let mut snapshot = permitted();
    shared(&mut snapshot, "second", 5, false);
    let one = RotateIntent {
        targets: [db()].into(),
        ..revoking(Revoked::Recorded)
    };
    let plan = planned(&snapshot, &one);
    assert_eq!(revoked(&plan), Vec::<&str>::new());
    assert!(warned(&plan, "still holds the token"), "{:?}", plan.warnings);
    let all = RotateIntent {
        targets: targets().into_iter().collect(),
        ..revoking(Revoked::Recorded)
    };
    assert_eq!(revoked(&planned(&snapshot, &all)), ["s2"]);
}

#[test]
fn copies_that_would_hide_the_organisations_secret_are_made_only_where_they_are_named() {
    let mut snapshot = permitted();
    shared(&mut snapshot, "second", 5, false);
    let problem = refused(&snapshot, &RotateIntent::default());
    assert_eq!(problem.kind, ProblemKind::Refused);
    let text = whole(&problem);
    assert!(text.contains("windlass rotate --organisation"), "{text}");
    let one = RotateIntent {
        targets: [db()].into(),
        ..RotateIntent::default()
    };
    let plan = planned(&snapshot, &one);
    assert!(warned(
        &plan,
        "the copy will hide the organisation secret of finos"
    ));
    assert!(
        planned(&snapshot, &wish())
            .warnings
            .iter()
            .all(|text| !text.as_str().contains("will hide"))
    );
}
