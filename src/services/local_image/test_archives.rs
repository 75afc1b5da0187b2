//! Tests of archives and folders: every layout, the same digests, and everything that is refused.

use std::collections::HashSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Mutex;

use flate2::read::MultiGzDecoder;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::test_images::{Image, Item, Tree, document, file, gzipped, layer, tar_of, unpack, with, without};
use super::{ImagePreparer, PrepareProgress, PreparedImage, digest_of};
use crate::domain::{Digest, ImageSource, LocalSource, Problem, ProblemKind};
use crate::services::engine::Engines;
use crate::services::http::{Http, Timeouts};
use crate::services::registry::{Blob, BlobLocation, Content};

/// Packs what is written to disk, for a destination that has the blobs in `present`.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) preparer: ImagePreparer,
    there: HashSet<Digest>,
    asked: Mutex<Vec<Digest>>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = Http::new(Timeouts::scaled(1.0));
        let engines = Engines::from_env(&|_| None, &http);
        let preparer = ImagePreparer::new(engines, Some(dir.path().join("cache")));
        Self {
            dir,
            preparer,
            there: HashSet::new(),
            asked: Mutex::default(),
        }
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) async fn open(&self, text: &str) -> Result<PreparedImage, Problem> {
        let source = match ImageSource::parse(text).unwrap() {
            ImageSource::Local(local) => local,
            ImageSource::Registry(_) => panic!("{text}"),
        };
        self.pack(&source, &|_| {}).await
    }

    async fn pack(
        &self,
        source: &LocalSource,
        progress: &(dyn Fn(PrepareProgress) + Send + Sync),
    ) -> Result<PreparedImage, Problem> {
        let there = |blobs: Vec<Blob>| -> futures_util::future::BoxFuture<'_, _> {
            self.asked
                .lock()
                .unwrap()
                .extend(blobs.iter().map(|blob| blob.digest));
            let found = blobs
                .into_iter()
                .map(|blob| blob.digest)
                .filter(|digest| self.there.contains(digest));
            let found: HashSet<Digest> = found.collect();
            Box::pin(async move { Ok(found) })
        };
        self.preparer
            .open(source, &[], &there, progress, &CancellationToken::new())
            .await
    }

    pub(super) async fn tree(&self, tree: &Tree) -> Result<PreparedImage, Problem> {
        let path = self.write("save.tar", &tar_of(tree));
        self.open(&format!("docker-archive:{}", path.display())).await
    }
}

/// The bytes of a blob, wherever they are.
fn read(packed: &PreparedImage, blob: &Blob) -> Vec<u8> {
    let bytes = match packed.image.place(blob.digest).unwrap() {
        BlobLocation::Bytes(bytes) => bytes.to_vec(),
        BlobLocation::File { path, offset } => {
            let mut file = std::fs::File::open(path).unwrap();
            file.seek(SeekFrom::Start(*offset)).unwrap();
            let mut bytes = Vec::new();
            file.take(blob.size).read_to_end(&mut bytes).unwrap();
            bytes
        }
        BlobLocation::Elsewhere => panic!("{} is elsewhere", blob.digest),
    };
    assert_eq!(digest_of(&bytes), blob.digest);
    assert_eq!(bytes.len() as u64, blob.size);
    bytes
}

/// The layers of the only image, unpacked; every blob matches its digest.
fn layers(packed: &PreparedImage) -> Vec<Vec<u8>> {
    let manifest = packed.image.manifest(packed.image.root()).unwrap();
    let Content::Image { config, layers } = &manifest.content else {
        panic!("an index");
    };
    read(packed, config);
    let unpacked = |blob| {
        let mut raw = Vec::new();
        MultiGzDecoder::new(&read(packed, blob)[..])
            .read_to_end(&mut raw)
            .unwrap();
        raw
    };
    layers.iter().map(unpacked).collect()
}

#[tokio::test]
async fn one_image_has_one_digest_however_it_was_saved() {
    let image = Image::usual();
    let mut shuffled = image.legacy();
    shuffled.reverse();
    let mut hard = image.flat();
    let last = hard
        .iter()
        .position(|(name, _)| name.contains("/layer.tar"))
        .unwrap();
    let target = hard[0].0.clone();
    hard[last].1 = Item::Hard(target);
    let untagged = Image {
        tags: None,
        ..image.clone()
    };
    let mut digests = Vec::new();
    for tree in [
        image.legacy(),
        image.flat(),
        image.classic(),
        shuffled,
        hard,
        untagged.legacy(),
    ] {
        let bench = Bench::new();
        let packed = bench.tree(&tree).await.unwrap();
        assert_eq!(layers(&packed), image.layers);
        assert_eq!((packed.compressed, packed.known), (3, 0));
        assert_eq!(packed.config.unwrap().0, image.id());
        assert_eq!(packed.id, None);
        digests.push(packed.image.root());
    }
    // Compressed with gzip as a whole it is still the same.
    let bench = Bench::new();
    let path = bench.write("save.tar.gz", &gzipped(&tar_of(&image.legacy())));
    let packed = bench
        .open(&format!("docker-archive:{}", path.display()))
        .await
        .unwrap();
    digests.push(packed.image.root());
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
    // Changes only if images that were pushed are to be pushed again.
    assert_eq!(
        digests[0].to_string(),
        "sha256:0ccb4b82ce02d378400c7168500f1cee1dbe4bdf390f140b6f3b1d67ab460816"
    );
}

#[tokio::test]
async fn layers_twice_in_an_image_are_one_blob() {
    let image = Image::of(vec![layer(1, 500), layer(2, 500), layer(1, 500)]);
    let mut roots = Vec::new();
    for tree in [image.legacy(), image.flat(), image.classic()] {
        let bench = Bench::new();
        let packed = bench.tree(&tree).await.unwrap();
        assert_eq!(layers(&packed).len(), 3);
        assert_eq!((packed.compressed, packed.known), (2, 0));
        roots.push(packed.image.root());
    }
    assert!(roots.iter().all(|root| *root == roots[0]));
}

#[tokio::test]
async fn what_is_compressed_with_its_manifest_is_taken_as_it_is() {
    let image = Image::usual();
    let (tree, index, manifest) = image.containerd();
    let bench = Bench::new();
    let packed = bench.tree(&tree).await.unwrap();
    assert_eq!(packed.image.root().0, index);
    assert_eq!((packed.compressed, packed.config), (0, None));
    let held = packed.image.manifest(packed.image.root()).unwrap();
    assert_eq!(held.children().len(), 2);
    for child in held.children() {
        for blob in packed.image.manifest(child.digest).unwrap().blobs() {
            read(&packed, blob);
        }
    }
    // Without the attestation the index cannot be sent; the one platform can.
    let attestation = held.children()[1].digest.0.hex();
    let partly = without(tree, &format!("blobs/sha256/{attestation}"));
    let packed = bench.tree(&partly).await.unwrap();
    assert_eq!(packed.image.root().0, manifest);
    assert_eq!(packed.config.unwrap().0, image.id());
    assert!(packed.left_out.is_empty());
}

#[tokio::test]
async fn compressed_layers_in_an_old_layout_stay_as_they_are() {
    let image = Image::usual();
    let mut tree = image.legacy();
    let (name, Item::File(raw)) = tree[2].clone() else {
        panic!("{:?}", tree[2].0);
    };
    let packed_layer = gzipped(&raw);
    tree[2].1 = Item::File(packed_layer.clone());
    let bench = Bench::new();
    let packed = bench.tree(&tree).await.unwrap();
    assert_eq!(packed.compressed, 2);
    assert_eq!(layers(&packed), image.layers);
    let manifest = packed.image.manifest(packed.image.root()).unwrap();
    assert_eq!(manifest.blobs().nth(1).unwrap().digest, digest_of(&packed_layer));
    // It must still be the layer that the config names.
    let other = with(tree, &name, gzipped(&layer(9, 100)));
    let problem = Bench::new().tree(&other).await.unwrap_err();
    assert!(
        problem.to_string().contains("does not match its config"),
        "{problem}"
    );
}

#[tokio::test]
async fn one_of_several_images_is_named() {
    let (one, two) = (Image::usual(), Image::of(vec![layer(7, 900)]));
    let two = Image {
        tags: Some(vec!["acme/two:latest".to_owned()]),
        ..two
    };
    let (mut tree, other) = (one.flat(), two.flat());
    let both = json!([
        document(&tree, "manifest.json")[0],
        document(&other, "manifest.json")[0]
    ]);
    tree = with(tree, "manifest.json", both.to_string());
    tree.extend(without(other, "manifest.json"));
    let bench = Bench::new();
    let path = bench.write("both.tar", &tar_of(&tree));
    let named = |name: &str| format!("docker-archive:{}{name}", path.display());
    let problem = bench.open(&named("")).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
    assert!(
        ["acme/img:v1", "acme/two:latest"]
            .iter()
            .all(|name| problem.to_string().contains(name)),
        "{problem}"
    );
    let problem = bench.open(&named(":acme/three:1")).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    assert!(problem.to_string().contains("acme/two:latest"), "{problem}");
    for name in [":acme/two:latest", ":acme/two", ":docker.io/acme/two:latest"] {
        let packed = bench.open(&named(name)).await.unwrap();
        assert_eq!(packed.config.unwrap().0, two.id(), "{name}");
    }
}

#[tokio::test]
async fn a_torn_archive_is_never_taken_for_a_whole_one() {
    let image = Image::of(vec![layer(1, 3000), layer(2, 700)]);
    for tree in [
        image.legacy(),
        image.flat(),
        image.classic(),
        image.containerd().0,
    ] {
        let whole = tar_of(&tree);
        // The two empty blocks at the end contain nothing of the image.
        for length in (1..whole.len() - 1024).step_by(331) {
            let bench = Bench::new();
            let path = bench.write("torn.tar", &whole[..length]);
            let problem = bench
                .open(&format!("docker-archive:{}", path.display()))
                .await
                .unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Invalid, "{length}: {problem}");
            assert!(
                problem.to_string().contains("is incomplete"),
                "{length}: {problem}"
            );
        }
    }
    let bench = Bench::new();
    let torn = gzipped(&tar_of(&image.legacy()));
    let path = bench.write("torn.tar.gz", &torn[..torn.len() / 2]);
    let problem = bench
        .open(&format!("docker-archive:{}", path.display()))
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("is incomplete"), "{problem}");
}

#[tokio::test]
async fn tricks_with_paths_are_refused_by_name() {
    let image = Image::usual();
    for (name, item) in [
        file("../evil", "x"),
        file("/etc/evil", "x"),
        file("a/../../evil", "x"),
        ("evil".to_owned(), Item::Symlink("../../etc/passwd".to_owned())),
        ("evil".to_owned(), Item::Hard("/etc/passwd".to_owned())),
    ] {
        let mut tree = image.legacy();
        tree.push((name.clone(), item));
        let bench = Bench::new();
        let problem = bench.tree(&tree).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid, "{problem}");
        assert!(
            problem.to_string().contains(&name) && problem.to_string().contains("save.tar"),
            "{problem}"
        );
        let left: Vec<_> = std::fs::read_dir(bench.dir.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
    let tree = image.legacy();
    let mut saved = document(&tree, "manifest.json");
    saved[0]["Layers"][0] = json!("../../../etc/passwd");
    let problem = Bench::new()
        .tree(&with(tree, "manifest.json", saved.to_string()))
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("etc/passwd"), "{problem}");
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused() {
    let image = Image::usual();
    let tree = image.flat();
    let config = format!("{}.json", image.id().hex());
    let first = tree[0].0.clone();
    let mut fewer = document(&tree, "manifest.json");
    fewer[0]["Layers"].as_array_mut().unwrap().pop();
    let mut other_algorithm = document(&tree, &config);
    other_algorithm["rootfs"]["diff_ids"][0] = json!(format!("sha512:{}", "a".repeat(128)));
    for (bad, said) in [
        (
            with(tree.clone(), &first, layer(9, 20)),
            "does not match its config",
        ),
        (without(tree.clone(), &first), "which is missing"),
        (without(tree.clone(), &config), "which is missing"),
        (without(tree.clone(), "manifest.json"), "manifest.json is missing"),
        (with(tree.clone(), "manifest.json", "[]"), "lists no image"),
        (with(tree.clone(), "manifest.json", "<html>"), "manifest.json"),
        (
            with(tree.clone(), "manifest.json", fewer.to_string()),
            "it has 2 layers",
        ),
        (
            with(tree.clone(), "manifest.json", vec![b' '; 9 << 20]),
            "has 9437184 bytes",
        ),
        (
            with(tree.clone(), &config, other_algorithm.to_string()),
            "only sha256 is supported",
        ),
    ] {
        let problem = Bench::new().tree(&bad).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid, "{said}: {problem}");
        assert!(problem.to_string().contains(said), "{said}: {problem}");
        assert!(problem.to_string().contains("save.tar"), "{problem}");
    }
}

#[tokio::test]
async fn only_plain_files_are_archives() {
    let bench = Bench::new();
    let fifo = bench.dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    bench.write("empty", b"");
    bench.write("text", &b"this is no archive\n".repeat(100));
    for (name, said) in [
        ("pipe", "is a pipe"),
        ("", "is a directory"),
        ("empty", "is empty"),
        ("gone", "not found"),
        ("text", "not a tar archive"),
    ] {
        for transport in ["docker-archive", "oci-archive"] {
            let path = bench.dir.path().join(name);
            let problem = bench
                .open(&format!("{transport}:{}", path.display()))
                .await
                .unwrap_err();
            assert!(problem.to_string().contains(said), "{problem}");
            assert!(!problem.hints.is_empty());
        }
    }
    let problem = bench
        .open(&format!("oci:{}", bench.dir.path().join("text").display()))
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("is not a directory"), "{problem}");
}

#[tokio::test]
async fn oci_folders_and_archives_are_read_where_they_are() {
    let image = Image::usual();
    let (tree, index, _) = image.containerd();
    let tree = without(tree, "manifest.json");
    let bench = Bench::new();
    let folder = bench.dir.path().join("layout");
    unpack(&tree, &folder);
    let plain = bench.write("a.rock", &tar_of(&tree));
    let zipped = bench.write("a.rock.gz", &gzipped(&tar_of(&tree)));
    for text in [
        format!("oci:{}", folder.display()),
        format!("oci:{}:v1", folder.display()),
        format!("oci-archive:{}", plain.display()),
        format!("oci-archive:{}:v1", zipped.display()),
        // The content decides, too.
        format!("docker-archive:{}", plain.display()),
    ] {
        let packed = bench.open(&text).await.unwrap();
        assert_eq!(packed.image.root().0, index, "{text}");
        let root = packed.image.manifest(packed.image.root()).unwrap();
        for child in root.children() {
            for blob in packed.image.manifest(child.digest).unwrap().blobs() {
                read(&packed, blob);
            }
        }
        // Nothing was copied, except the archive that had to be unpacked.
        let spooled = std::fs::read_dir(bench.dir.path().join("cache/spool"))
            .unwrap()
            .count();
        assert_eq!(spooled, usize::from(text.contains(".gz")), "{text}");
    }
    assert_eq!(
        std::fs::read_dir(bench.dir.path().join("cache/spool"))
            .unwrap()
            .count(),
        0
    );
    for (text, said) in [
        (format!("oci:{}:v2", folder.display()), "contains no image v2"),
        (
            format!("oci:{}", bench.dir.path().display()),
            "index.json is missing",
        ),
    ] {
        let problem = bench.open(&text).await.unwrap_err();
        assert!(problem.to_string().contains(said), "{problem}");
    }
    // A manifest with other bytes, and a missing blob.
    let name = folder.join("blobs/sha256").join(index.hex());
    let text = std::fs::read_to_string(&name).unwrap();
    std::fs::write(&name, format!("{text} ")).unwrap();
    let problem = bench
        .open(&format!("oci:{}", folder.display()))
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("has another digest"), "{problem}");
    std::fs::write(&name, text).unwrap();
    let layer = digest_of(&gzipped(&image.layers[1]));
    std::fs::remove_file(folder.join("blobs/sha256").join(layer.hex())).unwrap();
    let problem = bench
        .open(&format!("oci:{}", folder.display()))
        .await
        .unwrap_err();
    assert!(problem.to_string().contains(&layer.to_string()), "{problem}");
}

#[tokio::test]
async fn a_layout_with_several_images_tells_their_names() {
    let image = Image::usual();
    let (tree, _, manifest) = image.containerd();
    let mut index = document(&tree, "index.json");
    let size = tree
        .iter()
        .find_map(|(name, item)| match item {
            Item::File(bytes) if name.ends_with(&manifest.hex()) => Some(bytes.len()),
            _ => None,
        })
        .unwrap();
    index["manifests"].as_array_mut().unwrap().push(json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": size,
        "annotations": {"org.opencontainers.image.ref.name": "single"},
    }));
    let bench = Bench::new();
    let path = bench.write("two.tar", &tar_of(&with(tree, "index.json", index.to_string())));
    let problem = bench
        .open(&format!("oci-archive:{}", path.display()))
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
    assert!(
        problem.to_string().contains("single") && problem.to_string().contains("v1"),
        "{problem}"
    );
    let packed = bench
        .open(&format!("oci-archive:{}:single", path.display()))
        .await
        .unwrap();
    assert_eq!(packed.image.root().0, manifest);
}

#[tokio::test]
async fn what_is_known_is_not_compressed_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let image = Image::usual();
    let mut bench = Bench::new();
    let cache = bench.dir.path().join("cache");
    let first = bench.tree(&image.legacy()).await.unwrap();
    assert_eq!(first.compressed, 3);
    assert!(bench.asked.lock().unwrap().is_empty());
    for (path, mode) in [("spool", 0o700), ("layers", 0o700)] {
        let facts = std::fs::metadata(cache.join(path)).unwrap();
        assert_eq!(facts.permissions().mode() & 0o777, mode);
        for entry in std::fs::read_dir(cache.join(path)).unwrap().flatten() {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    // Spooled: nothing is compressed, and the layers are reported as known.
    let told = Mutex::new(Vec::new());
    let path = bench.dir.path().join("save.tar").display().to_string();
    let source = LocalSource::DockerArchive { path, name: None };
    let second = bench
        .pack(&source, &|event| told.lock().unwrap().push(event))
        .await
        .unwrap();
    assert_eq!((second.compressed, second.known), (0, 3));
    assert_eq!(second.image.root(), first.image.root());
    assert_eq!(layers(&second), image.layers);
    let known = told.into_inner().unwrap();
    let known = known
        .iter()
        .filter(|event| matches!(event, PrepareProgress::Layer { known: true, .. }));
    assert_eq!(known.count(), 3);
    assert_eq!(bench.asked.lock().unwrap().len(), 3);
    // A modified file in the spool is not trusted.
    let manifest = first.image.manifest(first.image.root()).unwrap();
    let blobs: Vec<Blob> = manifest.blobs().skip(1).cloned().collect();
    let file = cache.join("spool").join(blobs[1].digest.hex());
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let third = bench.tree(&image.flat()).await.unwrap();
    assert_eq!((third.compressed, third.known), (1, 2));
    assert_eq!(layers(&third), image.layers);
    // The files are removed, as after a week; the records remain, and the destination reports what
    // it has.
    for entry in std::fs::read_dir(cache.join("spool")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    bench.there = blobs[..2].iter().map(|blob| blob.digest).collect();
    let fourth = bench.tree(&image.classic()).await.unwrap();
    assert_eq!((fourth.compressed, fourth.known), (1, 2));
    assert_eq!(fourth.image.root(), first.image.root());
    assert!(matches!(
        fourth.image.place(blobs[0].digest),
        Some(BlobLocation::Elsewhere)
    ));
    assert!(matches!(
        fourth.image.place(blobs[2].digest),
        Some(BlobLocation::File { .. })
    ));
    // Records of another recipe are ignored.
    let note = cache.join("layers").join(image.diffs()[0].hex());
    let text = std::fs::read_to_string(&note).unwrap();
    std::fs::write(&note, text.replace("gzip-2", "gzip-1")).unwrap();
    let fifth = bench.tree(&image.classic()).await.unwrap();
    assert_eq!((fifth.compressed, fifth.known), (1, 2));
}

#[tokio::test]
async fn without_a_cache_nothing_stays_and_with_one_leftovers_go() {
    let image = Image::of(vec![layer(1, 100)]);
    let mut bench = Bench::new();
    let cache = bench.dir.path().join("cache");
    std::fs::create_dir_all(cache.join("spool")).unwrap();
    let (old, young) = (cache.join("spool/old"), cache.join("spool/young"));
    for path in [&old, &young] {
        std::fs::write(path, "x").unwrap();
    }
    let eight_days = std::time::Duration::from_secs(8 * 24 * 3600);
    let file = std::fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(std::time::SystemTime::now() - eight_days)
        .unwrap();
    bench.tree(&image.legacy()).await.unwrap();
    assert!(!old.exists() && young.exists());
    bench.preparer.folder = None;
    let packed = bench.tree(&image.legacy()).await.unwrap();
    let manifest = packed.image.manifest(packed.image.root()).unwrap();
    let Some(BlobLocation::File { path, .. }) = packed.image.place(manifest.blobs().nth(1).unwrap().digest)
    else {
        panic!("not in a file");
    };
    let path = path.clone();
    assert!(path.exists() && !path.starts_with(&cache));
    drop(packed);
    assert!(!path.exists() && !path.parent().unwrap().exists());
}
