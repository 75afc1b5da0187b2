//! Tests plans of uploads with snapshots built in the test.

use std::collections::BTreeMap;

use crate::domain::charm::ImageBehind;
use crate::domain::detail::{Layer, PlatformDetail};
use crate::domain::image::{Platform, PlatformImage};
use crate::domain::{
    ConfigDigest, ContentFacts, FileFacts, ImageDetail, ImageFacts, ImageSource, ManifestDigest, Observed,
    Origin, Problem, ProblemKind, Reference, ResourceRevision, SanitizedText, Snapshot,
};
use crate::plan::publish::tests::{ENGINE, charm, digest, facts, now, snapshot, workspace};
use crate::plan::{Content, Op, Plan, UploadIntent};

fn intent(content: Content) -> UploadIntent {
    UploadIntent {
        charm: charm(ENGINE),
        resource: "engine-image".parse().unwrap(),
        content,
    }
}

fn from() -> Content {
    Content::From {
        source: ImageSource::parse("docker.io/a/b:c").unwrap(),
        platforms: Vec::new(),
    }
}

fn platform(text: &str) -> PlatformDetail {
    PlatformDetail {
        image: PlatformImage {
            platform: Platform::parse(text).unwrap(),
            digest: ManifestDigest(digest(text)),
            config_digest: ConfigDigest(digest(&format!("config of {text}"))),
            size: 100,
        },
        created: None,
        labels: BTreeMap::new(),
        env: Vec::new(),
        entrypoint: Vec::new(),
        command: Vec::new(),
        layers: vec![Layer {
            digest: digest("layer"),
            size: 90,
            media_type: SanitizedText::new("x"),
            foreign: false,
            urls: Vec::new(),
        }],
        config_layers: Some(1),
    }
}

fn image(platforms: &[&str], there: bool) -> ImageFacts {
    let reference = Reference::parse("docker.io/a/b:c").unwrap();
    ImageFacts {
        origin: Origin::Registry(reference.repository.clone()),
        detail: ImageDetail {
            source: ImageSource::Registry(reference),
            digest: ManifestDigest(digest("index")),
            media_type: "m".into(),
            size: 1000,
            platforms: platforms.iter().map(|text| platform(text)).collect(),
            attestations: Vec::new(),
            missing: Vec::new(),
            moved: None,
        },
        cut: None,
        there,
        lacking: Vec::new(),
        bytes_missing: if there { 0 } else { 700 },
        tagged: None,
        left_out: Vec::new(),
        attachments_missing: 0,
    }
}

fn made(mut snapshot: Snapshot, content: ContentFacts, wish: Content) -> Result<Plan, Problem> {
    snapshot.content = Observed::read(content, now());
    super::plan(&workspace(), &snapshot, &intent(wish))
}

#[test]
fn all_platforms_become_the_stores_architectures() {
    let facts = image(
        &["linux/amd64", "linux/arm/v7", "linux/ppc64le", "windows/amd64"],
        false,
    );
    let plan = made(snapshot(), ContentFacts::Image(Box::new(facts)), from()).unwrap();
    let Op::UploadResource { architectures, .. } = &plan.steps[1].op else {
        unreachable!("the second step uploads");
    };
    assert_eq!(architectures, &["amd64", "armhf", "ppc64el"]);
    assert_eq!(plan.bytes(), 700);
    assert_eq!(plan.confirm, "engine-image", "it cannot be undone");
}

#[test]
fn an_image_that_lacks_layers_of_its_config_is_not_uploaded() {
    for manner in [
        from(),
        Content::Digest {
            digest: digest("index").to_string(),
        },
    ] {
        let mut facts = image(&["linux/amd64", "linux/arm64"], false);
        facts.detail.platforms[1].config_layers = Some(3);
        facts.detail.platforms[1].layers.clear();
        let problem = made(snapshot(), ContentFacts::Image(Box::new(facts)), manner).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid);
        let said = format!("{problem:?}");
        assert!(
            said.contains("linux/arm64") && said.contains("3 layers"),
            "{said}"
        );
    }
}

#[test]
fn a_foreign_layer_is_warned_of_with_its_address() {
    let url = "https://mcr.example/layer";
    let mut facts = image(&["linux/amd64"], false);
    let layer = &mut facts.detail.platforms[0].layers[0];
    layer.foreign = true;
    layer.urls = vec![SanitizedText::new(url)];
    let plan = made(snapshot(), ContentFacts::Image(Box::new(facts)), from()).unwrap();
    assert!(
        plan.warnings.iter().any(|warning| warning.as_str().contains(url)),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn an_image_without_linux_is_refused() {
    let facts = image(&["windows/amd64"], false);
    let problem = made(snapshot(), ContentFacts::Image(Box::new(facts)), from()).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Invalid);
}

#[test]
fn what_is_there_is_not_copied_and_what_is_held_is_not_uploaded() {
    let there = || ContentFacts::Image(Box::new(image(&["linux/amd64"], true)));
    let plan = made(snapshot(), there(), from()).unwrap();
    let skipped: Vec<bool> = plan.steps.iter().map(|step| step.skip_reason.is_some()).collect();
    assert_eq!(skipped, [true, false]);

    let mut held = snapshot();
    let key = Snapshot::behind_key(
        &charm(ENGINE),
        &"engine-image".parse().unwrap(),
        ResourceRevision(7),
    );
    let behind = ImageBehind {
        digest: ManifestDigest(digest("index")),
        config_digests: Vec::new(),
    };
    held.behind.insert(key, Observed::read(behind, now()));
    assert!(made(held, there(), from()).unwrap().nothing_to_do());
}

/// Makes revision `number` of the resource hold an image for `architectures`.
fn holding(snapshot: &mut Snapshot, number: u64, manifest: &str, configs: &[&str], architectures: &[&str]) {
    let resource: crate::domain::ResourceName = "engine-image".parse().unwrap();
    let listed = crate::domain::charm::ResourceFacts {
        revision: ResourceRevision(number),
        created_at: now(),
        size: 500,
        sha256: digest(&format!("descriptor {number}")),
        architectures: architectures.iter().map(|name| (*name).to_owned()).collect(),
    };
    let list = facts(snapshot, ENGINE).resources.get_mut(&resource).unwrap();
    list.retain(|one| one.revision != listed.revision);
    list.push(listed);
    let behind = ImageBehind {
        digest: ManifestDigest(digest(manifest)),
        config_digests: configs.iter().map(|one| ConfigDigest(digest(one))).collect(),
    };
    let key = Snapshot::behind_key(&charm(ENGINE), &resource, ResourceRevision(number));
    snapshot.behind.insert(key, Observed::read(behind, now()));
}

#[test]
fn an_image_packed_otherwise_is_the_revision_that_has_its_config() {
    let amd64 = "config of linux/amd64";
    let image = |platforms: &[&str]| ContentFacts::Image(Box::new(image(platforms, false)));
    let mut world = snapshot();
    holding(&mut world, 31, "packed otherwise", &[amd64], &["amd64"]);
    let plan = made(world.clone(), image(&["linux/amd64"]), from()).unwrap();
    assert!(plan.nothing_to_do());
    assert_eq!(plan.bytes(), 0);
    let reason = plan.steps[1].skip_reason.as_ref().unwrap().as_str();
    assert_eq!(reason, "revision 31 of engine-image already holds this image");
    let said = plan.warnings[0].as_str();
    assert!(said.starts_with("no new revision: revision 31"), "{said}");
    assert!(said.contains(&digest("packed otherwise").to_string()), "{said}");

    // The revision that names exactly this manifest comes first, even if it is older.
    holding(&mut world, 5, "index", &[amd64], &["amd64"]);
    let plan = made(world, image(&["linux/amd64"]), from()).unwrap();
    let reason = plan.steps[1].skip_reason.as_ref().unwrap().as_str();
    assert_eq!(reason, "revision 5 of engine-image already holds this image");
    assert_eq!(plan.warnings, []);
}

#[test]
fn another_config_other_platforms_or_other_architectures_make_a_revision() {
    let amd64 = "config of linux/amd64";
    let uploads = |configs: &[&str], architectures: &[&str], platforms: &[&str]| {
        let mut world = snapshot();
        holding(&mut world, 31, "packed otherwise", configs, architectures);
        let content = ContentFacts::Image(Box::new(image(platforms, false)));
        !made(world, content, from()).unwrap().nothing_to_do()
    };
    assert!(uploads(&["another"], &["amd64"], &["linux/amd64"]));
    assert!(
        uploads(&[], &["amd64"], &["linux/amd64"]),
        "its config is not known"
    );
    assert!(uploads(&[amd64], &["amd64"], &["linux/amd64", "linux/arm64"]));
    assert!(uploads(&[amd64], &["amd64", "arm64"], &["linux/amd64"]));
    assert!(!uploads(&[amd64], &["all"], &["linux/amd64"]));
    assert!(!uploads(&[amd64], &[], &["linux/amd64"]));
}

#[test]
fn a_file_is_refused_for_an_image_and_known_by_its_sha256_elsewhere() {
    let file = |seed: &str| {
        ContentFacts::File(FileFacts {
            path: "/tmp/a".into(),
            size: 5,
            digest: digest(seed),
        })
    };
    let wish = || Content::File {
        path: "/tmp/a".into(),
        architectures: vec!["amd64".into()],
    };
    let problem = made(snapshot(), file("x"), wish()).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
    let mut world = snapshot();
    for declared in &mut facts(&mut world, ENGINE).declared {
        declared.kind = SanitizedText::new("file");
    }
    assert_eq!(made(world.clone(), file("x"), wish()).unwrap().bytes(), 5);
    assert!(made(world, file("descriptor"), wish()).unwrap().nothing_to_do());
}

#[test]
fn architectures_are_the_stores_words() {
    let words =
        |list: &[&str]| super::architectures(&list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
    assert!(words(&["amd64", "armhf"]).is_ok());
    assert!(words(&["all"]).is_ok());
    assert!(words(&["all", "amd64"]).is_err());
    assert!(words(&["aarch64"]).is_err());
}
