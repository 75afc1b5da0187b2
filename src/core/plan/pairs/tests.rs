//! Tests what is released, and in which order, with charms built in the test.

use super::*;
use crate::domain::charm::{Attached, ChannelRow, DeclaredResource, ResourceFacts};
use crate::domain::{CharmRevision, ResourceRevision};
use crate::plan::publish::tests::{base, digest, now};

fn charm() -> Charm {
    Charm {
        name: "c".parse().unwrap(),
        repository: String::new(),
        resources: Vec::new(),
    }
}

fn serving(revision: u64, resource: u64) -> Serving {
    Serving {
        revision: CharmRevision(revision),
        resources: vec![("image".parse().unwrap(), ResourceRevision(resource))],
    }
}

fn wanted(on: &str, revision: u64, resource: u64) -> Wanted {
    Wanted {
        channel: "1/stable".parse().unwrap(),
        base: Some(base(on)),
        serving: serving(revision, resource),
    }
}

/// Returns revisions, each with its bases, and rows of `1/stable`.
fn facts(revisions: &[(u64, &[&str])], rows: &[(&str, u64, u64)]) -> CharmFacts {
    CharmFacts {
        revisions: revisions
            .iter()
            .map(|(number, bases)| RevisionFacts {
                revision: CharmRevision(*number),
                version: SanitizedText::new("x"),
                status: SanitizedText::new("released"),
                created_at: now(),
                bases: bases.iter().map(|on| base(on)).collect(),
                sha3: None,
                errors: Vec::new(),
            })
            .collect(),
        rows: rows
            .iter()
            .map(|(on, revision, resource)| ChannelRow {
                channel: "1/stable".parse().unwrap(),
                base: Some(base(on)),
                revision: CharmRevision(*revision),
                resources: vec![Attached {
                    name: "image".parse().unwrap(),
                    revision: Some(ResourceRevision(*resource)),
                }],
                released_at: None,
            })
            .collect(),
        ..CharmFacts::default()
    }
}

fn made(facts: &CharmFacts, wanted: &[Wanted]) -> Result<(Vec<String>, Vec<SanitizedText>), Problem> {
    let mut warnings = Vec::new();
    let moves = moves(&charm(), facts, wanted, &mut warnings)?;
    let words = moves
        .iter()
        .map(|one| format!("{} {}", one.base.as_ref().unwrap().channel, one.revision))
        .collect();
    Ok((words, warnings))
}

#[test]
fn a_revision_that_covers_the_row_of_another_goes_first() {
    // r60 is the newer one, but r50 must stay on 22.04.
    let facts = facts(&[(60, &["20.04", "22.04"]), (50, &["22.04"])], &[]);
    let (order, warnings) = made(&facts, &[wanted("20.04", 60, 1), wanted("22.04", 50, 1)]).unwrap();
    assert_eq!(order, ["20.04 r60", "22.04 r50"]);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn two_pairs_that_overwrite_each_other_are_refused() {
    let facts = facts(&[(60, &["20.04", "22.04"])], &[]);
    let problem = made(&facts, &[wanted("20.04", 60, 1), wanted("22.04", 60, 2)]).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem
            .to_string()
            .contains("without losing r60 + image r1 for ubuntu 20.04"),
        "{problem}"
    );
}

#[test]
fn a_row_that_is_so_already_is_not_overwritten_by_another() {
    let facts = facts(
        &[(60, &["20.04", "22.04"]), (70, &["22.04"])],
        &[("22.04", 70, 1)],
    );
    let problem = made(&facts, &[wanted("20.04", 60, 1), wanted("22.04", 70, 1)]).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(!problem.hints.is_empty());
}

#[test]
fn a_base_that_is_set_beside_the_wanted_ones_is_a_move_with_a_warning() {
    let facts = facts(
        &[(60, &["20.04", "22.04", "24.04"]), (40, &["22.04"])],
        &[("22.04", 40, 1)],
    );
    let (order, warnings) = made(&facts, &[wanted("20.04", 60, 1)]).unwrap();
    assert_eq!(order, ["20.04 r60", "24.04 r60", "22.04 r60"]);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].as_str().contains("which opens"), "{warnings:?}");
    assert!(warnings[1].as_str().contains("stops serving r40"), "{warnings:?}");
}

#[test]
fn nothing_is_set_beside_rows_that_are_so_already() {
    let facts = facts(&[(60, &["20.04", "22.04"])], &[("20.04", 60, 1)]);
    let (order, warnings) = made(&facts, &[wanted("20.04", 60, 1)]).unwrap();
    assert_eq!(order, ["20.04 r60"]);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_pair_that_the_store_no_longer_has_is_refused() {
    let mut facts = facts(&[(60, &["20.04"])], &[]);
    assert_eq!(
        made(&facts, &[wanted("20.04", 61, 1)]).unwrap_err().kind,
        ProblemKind::NotFound
    );
    let listed = ResourceFacts {
        revision: ResourceRevision(1),
        created_at: now(),
        size: 1,
        sha256: digest("x"),
        architectures: Vec::new(),
    };
    facts.resources.insert("image".parse().unwrap(), vec![listed]);
    assert!(made(&facts, &[wanted("20.04", 60, 1)]).is_ok());
    assert_eq!(
        made(&facts, &[wanted("20.04", 60, 2)]).unwrap_err().kind,
        ProblemKind::NotFound
    );
    facts.revisions[0].status = SanitizedText::new("rejected");
    assert_eq!(
        made(&facts, &[wanted("20.04", 60, 1)]).unwrap_err().kind,
        ProblemKind::Refused
    );
}

#[test]
fn a_resource_that_cannot_be_taken_away_is_told() {
    let mut facts = facts(&[(60, &["20.04"]), (50, &["20.04"])], &[("20.04", 50, 1)]);
    facts.declared.push(DeclaredResource {
        charm_revision: CharmRevision(60),
        name: "image".parse().unwrap(),
        kind: SanitizedText::new("oci-image"),
        optional: true,
    });
    let bare = Wanted {
        serving: Serving {
            revision: CharmRevision(60),
            resources: Vec::new(),
        },
        ..wanted("20.04", 60, 1)
    };
    let (_, warnings) = made(&facts, &[bare]).unwrap();
    assert!(warnings[0].as_str().contains("keeps image r1"), "{warnings:?}");
}
