//! What is published already.

use super::*;
use crate::plan::evidence::{Published, phantoms, standing};

fn of(snapshot: &Snapshot, name: &str) -> Option<Published> {
    let release = snapshot.release(&name.parse().unwrap()).unwrap();
    standing(&workspace(), snapshot, release).published
}

#[test]
fn the_marker_alone_says_yes() {
    assert_eq!(of(&snapshot(), "2024-12-01"), Some(Published::Yes));
    assert_eq!(of(&snapshot(), "2025-01-27"), Some(Published::No));
}

#[test]
fn without_a_marker_an_image_of_its_own_on_its_track_says_partly() {
    let mut snapshot = snapshot();
    snapshot.markers = Observed::read(std::collections::BTreeSet::new(), now());
    assert_eq!(of(&snapshot, "2024-12-01"), Some(Published::Partly));
}

#[test]
fn an_image_shared_with_a_published_release_says_no() {
    let mut snapshot = snapshot();
    let mut list = snapshot.releases.value.clone().unwrap();
    list.push(release("2024-12-02", "2024-12-02", "1"));
    snapshot.releases = Observed::read(list, now());
    assert_eq!(of(&snapshot, "2024-12-02"), Some(Published::No));
}

#[test]
fn unreadable_markers_say_nothing() {
    let mut snapshot = snapshot();
    snapshot.markers = Observed::failed(Problem::new(Kind::Network, "down"));
    assert_eq!(of(&snapshot, "2025-01-27"), None);
}

#[test]
fn a_branch_without_a_release_is_a_phantom() {
    let mut snapshot = snapshot();
    snapshot.markers = Observed::read(["2022-04-04".parse().unwrap()].into(), now());
    assert_eq!(phantoms(&snapshot)[0].to_string(), "2022-04-04");
}

#[test]
fn a_marker_whose_edge_was_taken_back_is_warned_of() {
    use crate::domain::{Risk, Track};
    let mut snapshot = snapshot();
    let release = snapshot.release(&"2024-12-01".parse().unwrap()).unwrap().clone();
    let said = |snapshot: &Snapshot| -> Vec<String> {
        let warnings = standing(&workspace(), snapshot, &release).warnings;
        warnings.iter().map(|one| one.text.to_string()).collect()
    };
    let before = said(&snapshot);
    let track: Track = release.name.track().unwrap();
    let mut moved = 0;
    for facts in snapshot
        .charms
        .values_mut()
        .filter_map(|facts| facts.value.as_mut())
    {
        for row in facts.rows.iter_mut().filter(|row| row.channel.track == track) {
            row.channel.risk = Risk::Candidate;
            moved += 1;
        }
    }
    assert!(moved > 0);
    assert!(
        !before.iter().any(|text| text.contains("rolled back")),
        "{before:?}"
    );
    let after = said(&snapshot);
    let wanted = "branch release-2024-12-01 exists, but 2024-12/edge runs no image of 2024-12-01: \
                  it was rolled back or closed there";
    assert!(after.iter().any(|text| text == wanted), "{after:?}");
    assert_eq!(
        of(&snapshot, "2024-12-01"),
        Some(Published::Yes),
        "the marker still decides"
    );
}

#[test]
fn a_twin_is_named_after_the_one_that_is_published() {
    use crate::plan::label::{Label, Labels};
    let mut snapshot = snapshot();
    let mut list = snapshot.releases.value.clone().unwrap();
    let published: crate::domain::ReleaseName = "2024-12-01".parse().unwrap();
    let images = list
        .iter()
        .find(|one| one.name == published)
        .unwrap()
        .images
        .clone();
    for name in ["2024-12-02", "2024-12-03"] {
        let mut twin = release(name, name, "1");
        twin.images.clone_from(&images);
        list.push(twin);
    }
    snapshot.releases = Observed::read(list.clone(), now());
    let mut workspace = workspace();
    workspace.upstream.as_mut().unwrap().select = crate::config::workspace::Select::NewestPerMonth;
    let called = |snapshot: &Snapshot, name: &str| {
        let release = snapshot.release(&name.parse().unwrap()).unwrap();
        Labels::among(&workspace, snapshot).of(release, Some(Published::No))
    };
    assert_eq!(called(&snapshot, "2024-12-03"), Label::New);
    assert_eq!(called(&snapshot, "2024-12-02"), Label::Twin(published.clone()));
    snapshot.markers = Observed::read(std::collections::BTreeSet::new(), now());
    let newest = "2024-12-03".parse().unwrap();
    assert_eq!(called(&snapshot, "2024-12-02"), Label::Twin(newest));
    list.retain(|one| one.name.as_str() == "2024-12-03" || one.images != images);
    list.push(release("2024-12-02", "2024-12-02", "9"));
    snapshot.releases = Observed::read(list, now());
    assert_eq!(called(&snapshot, "2024-12-02"), Label::Passed);
}
