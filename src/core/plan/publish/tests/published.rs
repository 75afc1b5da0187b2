//! Tests which releases count as published.

use super::*;
use crate::domain::Remedy;
use crate::plan::evidence::{Published, phantoms, standing};

fn of(snapshot: &Snapshot, name: &str) -> Option<Published> {
    let release = snapshot.release(&name.parse().unwrap()).unwrap();
    standing(&workspace(), snapshot, release).published
}

/// Changes the rows of `name` on the track of 2024-12-01.
fn on_track(snapshot: &mut Snapshot, name: &str, change: impl FnOnce(&mut Vec<ChannelRow>)) {
    let facts = facts(snapshot, name);
    let (mut own, others) = std::mem::take(&mut facts.rows)
        .into_iter()
        .partition(|row| row.channel.track.as_str() == "2024-12");
    change(&mut own);
    facts.rows = others;
    facts.rows.append(&mut own);
}

/// Sets the image of revision 8 of every charm's resource to that of 2025-01-27.
fn other_images(snapshot: &mut Snapshot) {
    for (name, resource, reference) in [
        (ENGINE, "engine-image", "docker.io/finos/legend-engine-server:e2"),
        (SDLC, "sdlc-image", "docker.io/finos/legend-sdlc-server:s2"),
        (STUDIO, "studio-image", "docker.io/finos/legend-studio:u2"),
    ] {
        let upstream = image(reference);
        let behind = ImageBehind {
            digest: upstream.digest,
            config_digests: upstream.config_digests().collect(),
        };
        let key = Snapshot::behind_key(&charm(name), &resource.parse().unwrap(), ResourceRevision(8));
        snapshot.behind.insert(key, Observed::read(behind, now()));
    }
}

const SDLC: &str = "finos-legend-sdlc-k8s";
const STUDIO: &str = "finos-legend-studio-k8s";
const FED: [&str; 3] = [ENGINE, SDLC, STUDIO];

/// A state of the release 2024-12-01.
pub struct Situation {
    /// Name of the state.
    pub name: &'static str,
    /// The observed facts.
    pub snapshot: Snapshot,
    /// Expected answer; `None` if it is unknown.
    pub published: Option<Published>,
    /// The expected warning about its evidence; empty if there is none.
    pub warning: String,
}

/// Applies `change` to a snapshot in which the release runs everywhere and has its marker.
fn after(change: impl FnOnce(&mut Snapshot)) -> Snapshot {
    let mut snapshot = snapshot();
    other_images(&mut snapshot);
    change(&mut snapshot);
    snapshot
}

/// Returns whether the release 2024-12-01 is published, with the warnings about its evidence.
fn answer(snapshot: &Snapshot) -> (Option<Published>, String) {
    let release = snapshot.release(&"2024-12-01".parse().unwrap()).unwrap();
    let standing = standing(&workspace(), snapshot, release);
    let warnings: Vec<&str> = standing.warnings.iter().map(|one| one.text.as_str()).collect();
    (standing.published, warnings.join(" "))
}

fn serve_other_image(row: &mut ChannelRow) {
    for attached in &mut row.resources {
        attached.revision = Some(ResourceRevision(8));
    }
}

/// Returns all states.
pub fn situations() -> Vec<Situation> {
    let no_marker = |snapshot: &mut Snapshot| {
        snapshot.markers = Observed::read(std::collections::BTreeSet::new(), now());
    };
    let unmarked = |change: fn(&mut Snapshot)| {
        after(|snapshot| {
            no_marker(snapshot);
            change(snapshot);
        })
    };
    let close_all = |snapshot: &mut Snapshot| {
        for name in FED {
            on_track(snapshot, name, Vec::clear);
        }
    };
    let (engine, latest) = (
        "finos-legend-engine-k8s",
        "branch release-2024-12-01 exists, but ",
    );
    let all = vec![
        ("all run it", after(|_| ()), Some(Published::Yes), String::new()),
        (
            "one charm is closed",
            after(|snapshot| on_track(snapshot, ENGINE, Vec::clear)),
            Some(Published::Partly),
            format!("{latest}{engine} 2024-12/edge is closed"),
        ),
        (
            "one charm runs another image with the same charm revision",
            after(|snapshot| {
                on_track(snapshot, ENGINE, |rows| {
                    rows.iter_mut().for_each(serve_other_image);
                });
            }),
            Some(Published::Partly),
            format!(
                "{latest}{engine} 2024-12/edge runs r50 + engine-image r8, the image of 2025-01-27 on ubuntu 20.04 amd64"
            ),
        ),
        (
            "one base of a charm runs another image",
            after(|snapshot| {
                on_track(snapshot, ENGINE, |rows| {
                    let mut other = rows[0].clone();
                    other.base = Some(base("22.04"));
                    other.revision = CharmRevision(49);
                    serve_other_image(&mut other);
                    rows.push(other);
                });
            }),
            Some(Published::Partly),
            format!(
                "{latest}{engine} 2024-12/edge runs r49 + engine-image r8, the image of 2025-01-27 on ubuntu 22.04 amd64"
            ),
        ),
        (
            "every charm is closed",
            after(close_all),
            Some(Published::RolledBack),
            format!(
                "{latest}no channel of track 2024-12 runs an image of 2024-12-01: rolled back or closed \
                 ({engine} 2024-12/edge is closed; finos-legend-sdlc-k8s 2024-12/edge is closed; \
                 finos-legend-studio-k8s 2024-12/edge is closed)"
            ),
        ),
        (
            "some run it without a marker",
            unmarked(|_| ()),
            Some(Published::Partly),
            String::new(),
        ),
        (
            "neither",
            after(|snapshot| {
                no_marker(snapshot);
                close_all(snapshot);
            }),
            Some(Published::No),
            String::new(),
        ),
        (
            "the images are not known",
            after(|snapshot| snapshot.behind.clear()),
            Some(Published::Yes),
            String::new(),
        ),
        (
            "the markers could not be read",
            after(|snapshot| snapshot.markers = Observed::failed(Problem::new(ProblemKind::Network, "down"))),
            None,
            String::new(),
        ),
    ];
    all.into_iter()
        .map(|(name, snapshot, published, warning)| Situation {
            name,
            snapshot,
            published,
            warning,
        })
        .collect()
}

#[test]
fn marker_and_channels_together_say_what_is_published() {
    for situation in situations() {
        let (published, warning) = answer(&situation.snapshot);
        assert_eq!(published, situation.published, "{}", situation.name);
        assert_eq!(warning, situation.warning, "{}", situation.name);
    }
    assert_eq!(of(&snapshot(), "2025-01-27"), Some(Published::No));
}

#[test]
fn doctor_labels_and_promotions_give_the_answer_of_every_situation() {
    use crate::plan::label::{Label, Labels};
    use crate::plan::{PromoteIntent, doctor, promote};
    let promotion = PromoteIntent {
        release: "2024-12-01".parse().unwrap(),
        to: crate::domain::Risk::Stable,
        with: BTreeMap::new(),
    };
    let mut fed = workspace();
    fed.charms.retain(|charm| charm.fed().next().is_some());
    for Situation {
        name,
        snapshot,
        published,
        ..
    } in situations()
    {
        let release = snapshot.release(&promotion.release).unwrap();
        let label = Labels::among(&workspace(), &snapshot).of(release, answer(&snapshot).0);
        let wanted = match published {
            Some(Published::Yes) => Label::Published,
            Some(Published::Partly) => Label::Partly,
            Some(Published::RolledBack) => Label::RolledBack,
            Some(Published::No) => Label::New,
            None => Label::Unknown,
        };
        assert_eq!(label, wanted, "{name}");

        let mut checks = Vec::new();
        doctor::releases::releases(&workspace(), &snapshot, now(), &mut checks);
        let warned = checks
            .iter()
            .any(|check| check.name.as_str() == "published 2024-12-01");
        let marked = snapshot.markers.value.as_ref().is_some_and(|all| !all.is_empty());
        assert_eq!(warned, marked && published != Some(Published::Yes), "{name}");

        let refused = promote::plan(&fed, &snapshot, &promotion).err();
        let said = refused
            .map(|problem| problem.summary.to_string())
            .unwrap_or_default();
        let unpublished = said.ends_with("it is not published");
        assert_eq!(unpublished, published == Some(Published::No), "{name}: {said}");
        let rolled_back = said.ends_with("it was rolled back");
        assert_eq!(
            rolled_back,
            published == Some(Published::RolledBack),
            "{name}: {said}"
        );
    }
}

#[test]
fn bases_are_mixed_where_their_images_differ_and_not_where_their_numbers_do() {
    use crate::plan::evidence::has_mixed_bases;
    let latest = "latest/edge".parse().unwrap();
    let mixed = |snapshot: &Snapshot| has_mixed_bases(snapshot, &charm(ENGINE), &latest);
    let mut snapshot = snapshot();
    assert!(!mixed(&snapshot), "r50 and r49 run the same image");
    let second = |snapshot: &mut Snapshot| {
        let rows = facts(snapshot, ENGINE).rows.iter_mut();
        let mut rows = rows.filter(|row| row.channel == latest);
        serve_other_image(rows.nth(1).unwrap());
    };
    second(&mut snapshot);
    assert!(mixed(&snapshot), "another revision, its image unknown");
    other_images(&mut snapshot);
    assert!(mixed(&snapshot), "another image");
    // Revision 8 is the image of revision 7, packed differently.
    let behind = |number| {
        let resource = "engine-image".parse().unwrap();
        Snapshot::behind_key(&charm(ENGINE), &resource, ResourceRevision(number))
    };
    let mut same = snapshot.behind[&behind(7)].clone();
    same.value.as_mut().unwrap().digest = ManifestDigest(digest("packed otherwise"));
    snapshot.behind.insert(behind(8), same);
    assert!(!mixed(&snapshot));
}

#[test]
fn what_cannot_be_checked_does_not_contradict_the_marker() {
    let (published, _) = answer(&after(|snapshot| {
        snapshot.charms.clear();
        snapshot.served.clear();
    }));
    assert_eq!(published, Some(Published::Yes));
}

#[test]
fn a_later_release_of_the_month_is_no_rollback() {
    let mut snapshot = snapshot();
    let mut list = snapshot.releases.value.clone().unwrap();
    list.push(release("2024-12-20", "2024-12-20", "2"));
    snapshot.releases = Observed::read(list, now());
    snapshot.markers = Observed::read(
        ["2024-12-01".parse().unwrap(), "2024-12-20".parse().unwrap()].into(),
        now(),
    );
    assert_eq!(
        of(&snapshot, "2024-12-20"),
        Some(Published::RolledBack),
        "the earlier one runs"
    );
    other_images(&mut snapshot);
    for name in FED {
        on_track(&mut snapshot, name, |rows| {
            rows.iter_mut().for_each(serve_other_image);
        });
    }
    assert_eq!(of(&snapshot, "2024-12-20"), Some(Published::Yes));
    let earlier = snapshot.release(&"2024-12-01".parse().unwrap()).unwrap();
    let standing = standing(&workspace(), &snapshot, earlier);
    assert_eq!(standing.published, Some(Published::Yes));
    assert_eq!(standing.warnings, []);
    let replaced = "finos-legend-engine-k8s runs 2024-12-20 on track 2024-12 on ubuntu 20.04 amd64, \
                    a later release of the month";
    assert!(
        standing.evidence.iter().any(|one| one.as_str() == replaced),
        "{:?}",
        standing.evidence
    );
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
    snapshot.markers = Observed::failed(Problem::new(ProblemKind::Network, "down"));
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
    let wanted = "branch release-2024-12-01 exists, but 2024-12/edge runs no image of 2024-12-01: rolled back or closed";
    assert!(after.iter().any(|text| text == wanted), "{after:?}");
    assert_eq!(
        of(&snapshot, "2024-12-01"),
        Some(Published::Yes),
        "it runs on its track, promoted"
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

#[test]
fn the_release_that_is_published_is_named_first() {
    let mut snapshot = snapshot();
    let mut list = snapshot.releases.value.clone().unwrap();
    list.insert(0, release("2025-01-30", "2025-01-30", "2"));
    snapshot.releases = Observed::read(list, now());
    let plan = plan(&workspace(), &snapshot, &intent("2025-01-27")).unwrap();
    let rows = plan.steps.iter().filter_map(|step| match &step.after {
        State::Rows(rows) => Some(rows),
        _ => None,
    });
    let mut resources = rows.flatten().flat_map(|row| &row.resources).peekable();
    assert!(resources.peek().is_some());
    for resource in resources {
        let names: Vec<String> = resource.release.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["2025-01-27", "2025-01-30"]);
    }
}

#[test]
fn an_image_that_the_operator_named_is_not_blamed_on_the_release() {
    let mut snapshot = snapshot();
    let gone = "docker.io/finos/legend-engine-server:gone";
    let missing = Observed::failed(Problem::new(ProblemKind::NotFound, "no such tag"));
    snapshot.images.insert(gone.to_owned(), missing);
    let mut intent = intent("2025-01-27");
    let target = crate::domain::Target::Tag("gone".to_owned());
    intent
        .images
        .insert("finos/legend-engine-server".to_owned(), target);
    let problem = plan(&workspace(), &snapshot, &intent).unwrap_err();
    let said = format!("{problem} {:?}", problem.causes);
    assert!(
        said.contains("you chose docker.io/finos/legend-engine-server:gone for finos/legend-engine-server"),
        "{said}"
    );
}

#[test]
fn the_track_of_a_release_does_not_go_back_in_time_unasked() {
    let snapshot = after(|snapshot| {
        for name in FED {
            on_track(snapshot, name, |rows| rows.iter_mut().for_each(serve_other_image));
        }
    });
    let track_only = PublishIntent {
        track_only: true,
        ..intent("2024-12-01")
    };
    let problem = plan(&workspace(), &snapshot, &track_only).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused, "{problem}");
    assert!(
        problem
            .to_string()
            .contains("2024-12/edge serves release 2025-01-27"),
        "{problem}"
    );
    assert!(
        problem.offers(Remedy::AllowDowngrade) && !problem.offers(Remedy::TrackOnly),
        "{problem:?}"
    );
    let allowed = PublishIntent {
        allow_downgrade: true,
        ..track_only
    };
    let plan = plan(&workspace(), &snapshot, &allowed).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|text| text.as_str().starts_with("downgrade: "))
    );
}
