//! Tests that missing permissions of the GitHub token are reported before anything is written.

use super::*;
use crate::domain::credential::GitHubTokenKind;

/// Checks that the plan is refused because of the token, and returns its hints as one text.
fn refused(snapshot: &Snapshot) -> String {
    let problem = of(snapshot, &new()).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials, "{problem}");
    let hints: Vec<String> = problem.hints.iter().map(ToString::to_string).collect();
    let hints = hints.join(" ");
    for word in [
        "repo",
        "public_repo",
        "Contents: write",
        "--without branch,bundle",
    ] {
        assert!(hints.contains(word), "{hints}");
    }
    assert!(of(snapshot, &without(&[SkipPart::Branch, SkipPart::Bundle])).is_ok());
    problem.to_string()
}

fn token(scopes: &[&str], kind: GitHubTokenKind) -> Observed<CredentialFacts> {
    let mut facts = credential();
    facts.kind = "github".into();
    facts.scopes = scopes.iter().map(SanitizedText::new).collect();
    facts.token_kind = Some(kind);
    Observed::read(facts, now())
}

#[test]
fn without_a_token_that_may_write_nothing_is_planned() {
    let mut readable = snapshot();
    repository(&mut readable).writable = Some(false);
    assert!(refused(&readable).contains("finos/legend-juju-bundle"));
    let absent = Observed::failed(Problem::new(ProblemKind::NotFound, "no GitHub token is set"));
    let mut anonymous = snapshot();
    repository(&mut anonymous).writable = None;
    anonymous.github = absent;
    assert!(refused(&anonymous).contains("no GitHub token is set"));
    for kind in [ProblemKind::NotFound, ProblemKind::Credentials] {
        let mut hidden = snapshot();
        hidden.bundle = Observed::failed(Problem::new(kind, "nothing to see"));
        assert!(refused(&hidden).contains("nothing to see"));
    }
    let mut down = snapshot();
    down.bundle = Observed::failed(Problem::new(ProblemKind::Network, "down"));
    assert_eq!(of(&down, &new()).unwrap_err().kind, ProblemKind::Network);
}

#[test]
fn a_classic_token_needs_its_scope_and_other_tokens_list_none() {
    let with = |facts: Observed<CredentialFacts>| {
        let mut snapshot = snapshot();
        snapshot.github = facts;
        snapshot
    };
    assert!(refused(&with(token(&["workflow"], GitHubTokenKind::Classic))).contains("workflow"));
    assert!(refused(&with(token(&[], GitHubTokenKind::Classic))).contains("none"));
    for fine in [
        token(&["repo"], GitHubTokenKind::Classic),
        token(&["public_repo", "workflow"], GitHubTokenKind::Classic),
        token(&[], GitHubTokenKind::FineGrained),
    ] {
        assert!(of(&with(fine), &new()).is_ok());
    }
}

#[test]
fn where_nothing_is_written_no_right_is_asked_for() {
    let mut snapshot = published();
    repository(&mut snapshot).writable = Some(false);
    assert!(of(&snapshot, &new()).is_ok());
    repository(&mut snapshot).branches.clear();
    assert!(of(&snapshot, &without(&[SkipPart::Branch])).is_ok());
}

#[test]
fn the_store_token_must_reach_the_bundle_too() {
    let mut snapshot = snapshot();
    let named = |name: &str| crate::domain::credential::PackageScope {
        kind: SanitizedText::new("charm"),
        name: Some(SanitizedText::new(name)),
        id: None,
    };
    let mut narrow = credential();
    narrow.packages = Some([ENGINE, SDLC, STUDIO].map(named).into());
    snapshot.credential = Observed::read(narrow, now());
    let problem = of(&snapshot, &new()).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert!(problem.hints[0].as_str().contains("--bundle finos-legend-bundle"));
    assert!(of(&snapshot, &without(&[SkipPart::Bundle])).is_ok());
}
