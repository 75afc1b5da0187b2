//! Tests of archives and folders: every layout, the same digests, and everything that is refused.

use std::collections::HashSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use flate2::read::MultiGzDecoder;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::test_images::{Image, Item, Tree, document, file, gzipped, layer, tar_of, with, without};
use super::{PackProgress, Packed, Packing, digest_of};
use crate::domain::{Digest, ImageSource, Kind, LocalSource, Problem};
use crate::services::engine::Engines;
use crate::services::http::{Http, Timeouts};
use crate::services::registry::{Blob, Content, Place};

/// Packs what is written to disk, for a destination that has `there`.
struct Bench {
    dir: tempfile::TempDir,
    packing: Packing,
    there: HashSet<Digest>,
    asked: Mutex<Vec<Digest>>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = Http::new(Timeouts::scaled(1.0)).unwrap();
        let engines = Engines::from_env(&|_| None, &http);
        let packing = Packing::new(engines, Some(dir.path().join("cache")));
        Self {
            dir,
            packing,
            there: HashSet::new(),
            asked: Mutex::default(),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn open(&self, text: &str) -> Result<Packed, Problem> {
        let source = match ImageSource::parse(text).unwrap() {
            ImageSource::Local(local) => local,
            ImageSource::Registry(_) => panic!("{text}"),
        };
        self.pack(&source, &|_| {}).await
    }

    async fn pack(
        &self,
        source: &LocalSource,
        progress: &(dyn Fn(PackProgress) + Send + Sync),
    ) -> Result<Packed, Problem> {
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
        self.packing
            .open(source, &there, progress, &CancellationToken::new())
            .await
    }

    async fn tree(&self, tree: &Tree) -> Result<Packed, Problem> {
        let path = self.write("save.tar", &tar_of(tree));
        self.open(&format!("docker-archive:{}", path.display())).await
    }
}

/// The bytes of a blob, wherever they are.
fn read(packed: &Packed, blob: &Blob) -> Vec<u8> {
    let bytes = match packed.image.place(blob.digest).unwrap() {
        Place::Bytes(bytes) => bytes.to_vec(),
        Place::File { path, offset } => {
            let mut file = std::fs::File::open(path).unwrap();
            file.seek(SeekFrom::Start(*offset)).unwrap();
            let mut bytes = Vec::new();
            file.take(blob.size).read_to_end(&mut bytes).unwrap();
            bytes
        }
        Place::Elsewhere => panic!("{} is elsewhere", blob.digest),
    };
    assert_eq!(digest_of(&bytes), blob.digest);
    assert_eq!(bytes.len() as u64, blob.size);
    bytes
}

/// The layers of the one image, unpacked; every blob agrees with its digest.
fn layers(packed: &Packed) -> Vec<Vec<u8>> {
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
    // Gzipped as a whole it is still the same.
    let bench = Bench::new();
    let path = bench.write("save.tar.gz", &gzipped(&tar_of(&image.legacy())));
    let packed = bench
        .open(&format!("docker-archive:{}", path.display()))
        .await
        .unwrap();
    digests.push(packed.image.root());
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
    // This one changes only when images that were pushed are to be pushed again.
    assert_eq!(digests[0].to_string(), "PIN_MANIFEST");
}
