//! Tests of exports: read once, predicted, and what happens when a prediction was wrong.

use std::collections::HashSet;
use std::sync::Mutex;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::test_images::{Image, Tree, layer, tar_of, with, without};
use super::{ImagePreparer, PreparedImage, digest_of};
use crate::domain::{Digest, LocalSource, Problem, ProblemKind};
use crate::services::engine::test_engine::{Fake, World};
use crate::services::registry::{Blob, BlobLocation};

struct Bench {
    dir: tempfile::TempDir,
    engine: Fake,
    there: HashSet<Digest>,
    asked: Mutex<usize>,
}

/// An engine with this image under its name and id.
fn engine(image: &Image, id: Digest, tree: &Tree, podman: bool) -> Fake {
    let inspection = json!({"Id": id, "RootFS": {"Type": "layers", "Layers": image.diffs()}});
    Fake::start(World {
        podman,
        inspections: [("acme/img:v1".to_owned(), inspection)].into(),
        exports: [(id.to_string(), tar_of(tree))].into(),
        ..World::default()
    })
}

impl Bench {
    fn new(engine: Fake) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            engine,
            there: HashSet::new(),
            asked: Mutex::default(),
        }
    }

    fn saved(&self, id: Digest, tree: &Tree) {
        let mut world = self.engine.world.lock().unwrap();
        world.exports.insert(id.to_string(), tar_of(tree));
    }

    async fn open(&self) -> Result<PreparedImage, Problem> {
        self.open_until(&CancellationToken::new()).await
    }

    async fn open_until(&self, cancel: &CancellationToken) -> Result<PreparedImage, Problem> {
        let preparer = ImagePreparer::new(self.engine.engines(), Some(self.dir.path().to_path_buf()));
        let there = |blobs: Vec<Blob>| -> futures_util::future::BoxFuture<'_, _> {
            *self.asked.lock().unwrap() += blobs.len();
            let digests = blobs.into_iter().map(|blob| blob.digest);
            let found: HashSet<Digest> = digests.filter(|digest| self.there.contains(digest)).collect();
            Box::pin(async move { Ok(found) })
        };
        let source = LocalSource::DockerDaemon {
            image: "acme/img:v1".to_owned(),
        };
        preparer.open(&source, &[], &there, &|_| {}, cancel).await
    }

    fn spooled(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("spool")).unwrap().count()
    }
}

fn blobs(packed: &PreparedImage) -> Vec<Blob> {
    let manifest = packed.image.manifest(packed.image.root()).unwrap();
    manifest.blobs().cloned().collect()
}

#[tokio::test]
async fn an_export_with_an_index_that_is_null_is_read_by_its_manifest_json() {
    let image = Image::usual();
    let whole = Bench::new(engine(&image, image.id(), &image.classic(), false));
    let root = whole.open().await.unwrap().image.root();
    for index in [
        r#"{"schemaVersion": 2, "manifests": null}"#,
        r#"{"schemaVersion": 2}"#,
    ] {
        let tree = with(image.classic(), "index.json", index);
        let bench = Bench::new(engine(&image, image.id(), &tree, false));
        let packed = bench.open().await.unwrap();
        assert_eq!((packed.image.root(), packed.compressed), (root, 3), "{index}");
        assert_eq!(packed.config.unwrap().0, image.id());
        assert_eq!(bench.engine.exports(), 1);
    }
}

#[tokio::test]
async fn an_export_is_read_once_and_the_second_run_needs_none() {
    let image = Image::usual();
    let untagged = Image {
        tags: None,
        ..image.clone()
    };
    let mut roots = Vec::new();
    for (tree, podman) in [
        (untagged.legacy(), false),
        (image.flat(), true),
        (image.classic(), false),
    ] {
        let mut bench = Bench::new(engine(&image, image.id(), &tree, podman));
        let first = bench.open().await.unwrap();
        assert_eq!((first.compressed, first.known), (3, 0));
        assert_eq!(first.id.unwrap().0, image.id());
        assert_eq!(first.config.unwrap().0, image.id());
        let second = bench.open().await.unwrap();
        assert_eq!((second.compressed, second.known), (0, 3));
        assert_eq!(second.config, first.config);
        assert_eq!(bench.engine.exports(), 1);
        assert_eq!(bench.spooled(), 3);
        // Missing in the spool, as after a week: the destination has it.
        emptied(bench.dir.path());
        assert_eq!(bench.spooled(), 0);
        bench.there = blobs(&first).iter().map(|blob| blob.digest).collect();
        let third = bench.open().await.unwrap();
        assert_eq!((third.compressed, third.known, bench.spooled()), (0, 3, 0));
        assert!(matches!(
            third.image.place(blobs(&first)[1].digest),
            Some(BlobLocation::Elsewhere)
        ));
        assert_eq!(bench.engine.exports(), 1);
        // A config that does not match its name is not trusted; then nothing is compressed either,
        // but the export is read.
        let config = bench.dir.path().join("configs").join(image.id().hex());
        std::fs::write(&config, b"{}").unwrap();
        let fourth = bench.open().await.unwrap();
        assert_eq!((fourth.compressed, bench.engine.exports()), (0, 2));
        assert_eq!(digest_of(&std::fs::read(&config).unwrap()), image.id());
        roots.extend([&first, &second, &third, &fourth].map(|packed| packed.image.root()));
    }
    // The same as from archives.
    assert!(roots.iter().all(|root| {
        root.to_string() == "sha256:0ccb4b82ce02d378400c7168500f1cee1dbe4bdf390f140b6f3b1d67ab460816"
    }));
}

fn emptied(cache: &std::path::Path) {
    for entry in std::fs::read_dir(cache.join("spool")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

#[tokio::test]
async fn a_layer_that_changed_is_the_only_one_compressed() {
    let image = Image::usual();
    let bench = Bench::new(engine(&image, image.id(), &image.legacy(), false));
    bench.open().await.unwrap();
    let mut layers = image.layers.clone();
    layers[1] = layer(8, 4000);
    let changed = Image::of(layers);
    bench.saved(changed.id(), &changed.legacy());
    let inspection = json!({"Id": changed.id(), "RootFS": {"Layers": changed.diffs()}});
    let name = "acme/img:v1".to_owned();
    bench
        .engine
        .world
        .lock()
        .unwrap()
        .inspections
        .insert(name, inspection);
    let packed = bench.open().await.unwrap();
    assert_eq!((packed.compressed, packed.known), (1, 2));
    assert_eq!(packed.id.unwrap().0, changed.id());
}

#[tokio::test]
async fn a_wrong_prediction_costs_a_second_export_and_nothing_else() {
    let image = Image::usual();
    let bench = Bench::new(engine(&image, image.id(), &image.legacy(), false));
    let expected = bench.open().await.unwrap();
    // Two layers are forgotten; the export's order is reversed, so that one of them comes where a
    // known one is expected.
    for diff in &image.diffs()[1..] {
        std::fs::remove_file(bench.dir.path().join("layers").join(diff.hex())).unwrap();
    }
    let mut tree = image.legacy();
    tree.reverse();
    bench.saved(image.id(), &tree);
    let packed = bench.open().await.unwrap();
    assert_eq!(packed.image.root(), expected.image.root());
    assert_eq!(bench.engine.exports(), 3);
    for blob in blobs(&packed).iter().skip(1) {
        assert!(
            matches!(packed.image.place(blob.digest), Some(BlobLocation::File { path, .. }) if path.exists())
        );
    }
    // Exports of engines that do not list their layers are read without predictions.
    std::fs::remove_dir_all(bench.dir.path().join("configs")).unwrap();
    let inspection = json!({"Id": image.id()});
    let name = "acme/img:v1".to_owned();
    bench
        .engine
        .world
        .lock()
        .unwrap()
        .inspections
        .insert(name, inspection);
    let packed = bench.open().await.unwrap();
    assert_eq!((packed.compressed, bench.engine.exports()), (3, 4));
    assert_eq!(packed.image.root(), expected.image.root());
}

#[tokio::test]
async fn an_image_of_containerds_store_keeps_its_digest() {
    let image = Image::usual();
    let (tree, index, manifest) = image.containerd();
    let mut bench = Bench::new(engine(&image, index, &tree, false));
    let packed = bench.open().await.unwrap();
    assert_eq!((packed.image.root().0, packed.id.unwrap().0), (index, index));
    assert_eq!((packed.compressed, packed.config), (0, None));
    let root = packed.image.manifest(packed.image.root()).unwrap();
    let child = packed.image.manifest(root.children()[0].digest).unwrap();
    assert_eq!(child.digest.0, manifest);
    let layers: Vec<Blob> = child.blobs().skip(1).cloned().collect();
    for blob in &layers {
        let Some(BlobLocation::File { path, offset: 0 }) = packed.image.place(blob.digest) else {
            panic!("{} is nowhere", blob.digest);
        };
        assert_eq!(digest_of(&std::fs::read(path).unwrap()), blob.digest);
    }
    emptied(bench.dir.path());
    assert_eq!(bench.spooled(), 0);
    // What the destination has is not spooled.
    bench.there = layers.iter().map(|blob| blob.digest).collect();
    let again = bench.open().await.unwrap();
    assert_eq!((again.image.root().0, bench.spooled()), (index, 0));
    assert!(matches!(
        again.image.place(layers[0].digest),
        Some(BlobLocation::Elsewhere)
    ));
}

#[tokio::test]
async fn platforms_that_the_engine_lacks_are_told() {
    let image = Image::usual();
    let (mut tree, index, manifest) = image.containerd();
    let name = format!("blobs/sha256/{}", index.hex());
    let mut whole = super::test_images::document(&tree, &name);
    whole["manifests"].as_array_mut().unwrap().push(json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": format!("sha256:{}", "5".repeat(64)), "size": 5,
        "platform": {"os": "linux", "architecture": "s390x"},
    }));
    let text = whole.to_string().into_bytes();
    let wider = digest_of(&text);
    tree = without(tree, &name);
    tree.push((
        format!("blobs/sha256/{}", wider.hex()),
        super::test_images::Item::File(text.clone()),
    ));
    let mut layout = super::test_images::document(&tree, "index.json");
    layout["manifests"][0]["digest"] = json!(wider);
    layout["manifests"][0]["size"] = json!(text.len());
    let tree = super::test_images::with(tree, "index.json", layout.to_string());
    let bench = Bench::new(engine(&image, wider, &tree, false));
    let packed = bench.open().await.unwrap();
    assert_eq!(packed.image.root().0, manifest);
    let left_out: Vec<String> = packed.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(left_out, ["linux/s390x"]);
}

#[tokio::test]
async fn an_export_that_breaks_off_is_told_apart_from_a_torn_one() {
    let image = Image::usual();
    let length = tar_of(&image.legacy()).len();
    let bench = Bench::new(engine(&image, image.id(), &image.legacy(), false));
    for cut in [1, 512, 300_000, length - 5000, length - 1024] {
        bench.engine.world.lock().unwrap().cut = Some((cut, false));
        let problem = bench.open().await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid, "{cut}: {problem}");
        assert!(problem.to_string().contains("is incomplete"), "{cut}: {problem}");
        bench.engine.world.lock().unwrap().cut = Some((cut, true));
        let problem = bench.open().await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Service, "{cut}: {problem}");
        assert!(
            problem.to_string().contains("was interrupted"),
            "{cut}: {problem}"
        );
    }
    let parts = std::fs::read_dir(bench.dir.path().join("spool"))
        .unwrap()
        .flatten();
    let parts = parts.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(parts.count(), 0);
}

#[tokio::test]
async fn a_cancel_ends_it() {
    let image = Image::usual();
    let bench = Bench::new(engine(&image, image.id(), &image.legacy(), false));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let problem = bench.open_until(&cancel).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem
            .to_string()
            .contains("docker-daemon:acme/img:v1: cancelled"),
        "{problem}"
    );
}

#[tokio::test]
async fn an_image_without_layers_goes_the_same_way_in_every_form() {
    let image = Image::of(Vec::new());
    let mut roots = HashSet::new();
    for tree in [image.legacy(), image.flat(), image.classic()] {
        let bench = Bench::new(engine(&image, image.id(), &tree, false));
        roots.insert(bench.open().await.unwrap().image.root());
    }
    assert_eq!(roots.len(), 1);
}
