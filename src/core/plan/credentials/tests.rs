//! Tests the answers about secrets in every state.

use super::situations::{day, now, situations, target, workspace};
use super::*;
use crate::domain::Lineage;
use crate::plan::calendar::calendar;
use crate::plan::doctor::{CheckStatus, Examination, checks};
use crate::plan::{RevokeIntent, revoke};

#[test]
fn every_situation_has_one_answer() {
    for situation in situations() {
        let status = status(&workspace(), &situation.snapshot, &target(), now());
        let name = situation.name;
        assert_eq!(status.lineage, situation.lineage, "{name}");
        assert_eq!(status.expires_at, situation.expires_in.map(day), "{name}");
        assert_eq!(status.expires_from, situation.expires_from, "{name}");
        assert_eq!(
            status.revoked_at.is_some(),
            situation.lineage == Lineage::Revoked,
            "{name}"
        );
        let unknown = matches!(situation.lineage, Lineage::Unknown | Lineage::Foreign);
        assert_eq!(
            !status.may_hold.is_empty(),
            unknown && situation.expires_in.is_some(),
            "{name}"
        );
    }
}

#[test]
fn the_doctor_fails_for_revoked_and_expired_tokens_and_warns_of_possible_ones() {
    for situation in situations() {
        let all = checks(&workspace(), &situation.snapshot, &Examination::default(), now());
        let about = |topic: &str| {
            let found = all.iter().filter(|check| check.name.as_str().starts_with(topic));
            found.map(|check| check.standing).max()
        };
        let secret = format!("secret/{}", target());
        let repository = format!("repository/{}", target().repository);
        let failed = [about(&secret), about(&repository)].contains(&Some(CheckStatus::Failed));
        assert_eq!(failed, situation.doctor_fails, "{}: {all:?}", situation.name);
        let possible = matches!(situation.lineage, Lineage::Unknown | Lineage::Foreign);
        let soon = situation.expires_in.is_some_and(|days| days <= 30);
        if situation.lineage == Lineage::Current {
            let warned = about(&secret) == Some(CheckStatus::Warning);
            assert_eq!(warned, soon, "{}: {all:?}", situation.name);
        }
        assert_eq!(
            about("session-expiry/") == Some(CheckStatus::Warning),
            possible && soon,
            "{}: {all:?}",
            situation.name
        );
    }
}

#[test]
fn the_calendar_has_every_expiry_of_a_token_that_is_accepted() {
    for situation in situations() {
        let all = credentials(&workspace(), &situation.snapshot, now());
        let text = calendar(&all, now());
        let wanted = situation
            .expires_in
            .filter(|_| situation.lineage != Lineage::Revoked)
            .map(|days| format!("DTSTART:{}", day(days).format("%Y%m%dT%H%M%SZ")));
        if let Some(wanted) = &wanted {
            assert!(text.contains(wanted), "{}: {text}", situation.name);
        } else {
            assert!(!text.contains("BEGIN:VEVENT"), "{}: {text}", situation.name);
        }
    }
}

#[test]
fn a_revoked_value_is_a_revoked_credential_whatever_its_expiry() {
    let all = situations();
    for situation in all.iter().filter(|one| one.lineage == Lineage::Revoked) {
        let found = credentials(&workspace(), &situation.snapshot, now());
        let value = found
            .iter()
            .find(|one| matches!(one.role, CredentialRole::InSecrets(_)))
            .unwrap();
        assert_eq!(value.alarm(now()), Alarm::Revoked, "{}", situation.name);
        assert!(value.problems[0].as_str().starts_with("it was revoked on "));
    }
}

/// Returns three secrets: windlass set two of them to one token.
fn three() -> (Workspace, Snapshot, Vec<SecretTarget>) {
    let situation = situations().swap_remove(0);
    let mut workspace = workspace();
    let mut snapshot = situation.snapshot;
    let mut all = vec![target()];
    for name in ["finos/legend-juju-studio-operator", "finos/legend-juju-bundle"] {
        let other: SecretTarget = format!("{name}:CHARMHUB_TOKEN").parse().unwrap();
        let mut seen = snapshot.secrets[&target().repository].clone();
        seen.value.as_mut().unwrap().repository = other.repository.clone();
        snapshot.secrets.insert(other.repository.clone(), seen);
        all.push(other);
    }
    let mut record = snapshot.lineage[0].clone();
    record.target = all[1].clone();
    snapshot.lineage.push(record);
    workspace.tokens[0].targets.clone_from(&all);
    (workspace, snapshot, all)
}

#[test]
fn a_revocation_names_every_secret_that_holds_the_token_and_every_one_that_may() {
    let (workspace, mut snapshot, all) = three();
    let mut other = snapshot.sessions.value.as_ref().unwrap()[0].clone();
    other.id = SessionId::new("build");
    other.since = Some(day(-60));
    snapshot.sessions.value.as_mut().unwrap().push(other);
    let warnings = |session: &str| {
        let intent = RevokeIntent {
            sessions: [SessionId::new(session)].into(),
        };
        let plan = revoke::plan(&workspace, &snapshot, &intent).unwrap();
        plan.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("own"),
        [format!(
            "2 secrets hold the token of session own; their jobs fail after the revocation: {}, {}",
            all[0], all[1]
        )]
    );
    let possible = warnings("build");
    assert_eq!(possible.len(), 1, "{possible:?}");
    assert!(
        possible[0].starts_with("1 secret may hold the token of session build")
            && possible[0].ends_with(&all[2].to_string()),
        "{possible:?}"
    );
}

#[test]
fn an_unreadable_secret_may_still_hold_what_windlass_set() {
    let (workspace, mut snapshot, all) = three();
    snapshot.secrets.remove(&all[1].repository);
    let found = status::holders(&workspace, &snapshot, &SessionId::new("own"), now());
    assert_eq!(found.certain, [all[0].clone()]);
    assert_eq!(found.possible, [all[1].clone()]);
}

#[test]
fn a_session_that_windlass_uses_is_listed_once() {
    let all = situations();
    let unknown = all
        .into_iter()
        .find(|one| one.name == "never set by windlass, a session expires soon");
    let mut snapshot = unknown.unwrap().snapshot;
    let mut own = snapshot.github.value.clone().unwrap();
    own.kind = "charmhub".into();
    own.session = Some(SessionId::new("build"));
    snapshot.credential = Observed::read(own, now());
    let found = credentials(&workspace(), &snapshot, now());
    let possible: Vec<_> = found
        .iter()
        .filter(|one| matches!(one.role, CredentialRole::MaybeInSecrets(_)))
        .map(|one| one.facts.session.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(possible, ["late"]);
    // The secret may still hold it.
    let status = status(&workspace(), &snapshot, &target(), now());
    assert_eq!(status.expires_at, Some(day(12)));
}

#[test]
fn a_possible_token_says_how_many_secrets_may_hold_it_and_when_it_expires() {
    let all = situations();
    let unknown = all
        .iter()
        .find(|one| one.name.contains("a session expires soon"))
        .unwrap();
    let found = credentials(&workspace(), &unknown.snapshot, now());
    let problems: Vec<_> = found.iter().flat_map(|one| &one.problems).collect();
    assert!(
        problems
            .iter()
            .any(|text| text.as_str() == "1 secret may hold a token that expires in 12 days"),
        "{problems:?}"
    );
}

/// Returns windlass's own credential when the store refuses it.
fn refused_token(change: impl FnOnce(&mut Snapshot)) -> Credential {
    let mut snapshot = situations().swap_remove(0).snapshot;
    snapshot.credential = Observed::failed(Problem::new(ProblemKind::Credentials, "refused"));
    let mut token = CredentialFacts::bare("Charmhub token".into(), "charmhub", "CHARMCRAFT_AUTH".into());
    token.session = Some(SessionId::new("mine"));
    snapshot.store_token = Some(token);
    change(&mut snapshot);
    credentials(&workspace(), &snapshot, now()).swap_remove(0)
}

#[test]
fn a_refused_token_shows_the_expiry_that_is_known() {
    let expiry = |one: &Credential| (one.facts.expires_at, one.facts.expires_from);
    let unknown = refused_token(|_| {});
    assert_eq!(expiry(&unknown), (None, ExpiryFrom::Unknown));
    assert_eq!(unknown.facts.source.as_str(), "CHARMCRAFT_AUTH");

    let of_caveat = refused_token(|snapshot| {
        let token = snapshot.store_token.as_mut().unwrap();
        (token.expires_at, token.expires_from) = (Some(day(-3)), ExpiryFrom::Caveat);
    });
    assert_eq!(expiry(&of_caveat), (Some(day(-3)), ExpiryFrom::Caveat));
    assert_eq!(of_caveat.alarm(now()), Alarm::Over);

    let recorded = refused_token(|snapshot| {
        snapshot.lineage[0].session = Some(SessionId::new("mine"));
        snapshot.lineage[0].expires_at = Some(day(40));
        snapshot.revocations = vec![crate::domain::secret::Revocation {
            session: SessionId::new("mine"),
            at: day(-1),
        }];
    });
    assert_eq!(expiry(&recorded), (Some(day(40)), ExpiryFrom::Ledger));
    assert_eq!(recorded.alarm(now()), Alarm::Revoked);

    let listed = refused_token(|snapshot| {
        let mut session = snapshot.sessions.value.as_ref().unwrap()[0].clone();
        session.id = SessionId::new("mine");
        session.until = Some(day(-2));
        snapshot.sessions.value.as_mut().unwrap().push(session);
    });
    assert_eq!(expiry(&listed), (Some(day(-2)), ExpiryFrom::Service));
}

#[test]
fn a_refused_github_token_keeps_the_expiry_that_github_gave_for_it() {
    let mut snapshot = situations().swap_remove(0).snapshot;
    snapshot.github.value.as_mut().unwrap().expires_at = Some(day(-1));
    snapshot.github.problem = Some(Problem::new(ProblemKind::Credentials, "refused"));
    let found = credentials(&workspace(), &snapshot, now());
    let token = found
        .iter()
        .find(|one| one.facts.kind.as_str() == "github")
        .unwrap();
    assert_eq!(token.facts.expires_at, Some(day(-1)));
    assert!(token.facts.scopes.is_empty());
    assert_eq!(token.problems[1].as_str(), "it has expired");
}

#[test]
fn the_next_expiry_is_that_of_a_token_in_use() {
    for situation in situations() {
        let name = situation.name;
        let all = credentials(&workspace(), &situation.snapshot, now());
        let next = next_expiry(&all).map(|one| one.alarm(now()));
        // A secret that cannot be read fails even where no token is known that it may hold.
        let fails = next.is_some_and(|alarm| alarm >= Alarm::Urgent);
        assert!(!fails || situation.fails_within_14_days, "{name}: {next:?}");
    }
    // A session whose token no secret holds: after a rotation, the former token.
    let held = situations()
        .into_iter()
        .find(|one| one.name == "never set by windlass, a session expires soon");
    let mut snapshot = held.unwrap().snapshot;
    snapshot.secrets.clear();
    let mut workspace = workspace();
    workspace.tokens.clear();
    let all = credentials(&workspace, &snapshot, now());
    let next = next_expiry(&all).and_then(|one| one.facts.session.clone());
    assert_eq!(next, None, "{all:?}");
}
