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
