//! Tests of images on this machine, of missing blobs and of platforms selected from an index.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::manifest::OCI_MANIFEST;
use super::test_server::{Server, digest, open_sessions, registries};
use super::{BlobLocation, CopyJob, CopySource, LocalImage, Manifest, TagBefore, local_detail};
use crate::domain::image::Platform;
use crate::domain::{ImageSource, ProblemKind};

const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64","created":"2026-01-02T03:04:05.678Z",
    "config":{"Env":["A=1"],"Labels":{"x":"y"},"Entrypoint":["/bin/sh"],"Cmd":null}}"#;

/// An image whose layer begins at byte 3 of a file; `claimed` is the layer that its manifest names.
fn on_disk(file: &[u8], claimed: &[u8]) -> (tempfile::NamedTempFile, LocalImage) {
    let mut held = tempfile::NamedTempFile::new().unwrap();
    held.write_all(b"tar").unwrap();
    held.write_all(file).unwrap();
    let document = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "c", "digest": digest(CONFIG).to_string(), "size": CONFIG.len()},
        "layers": [{"mediaType": "l", "digest": digest(claimed).to_string(), "size": claimed.len()}],
    });
    let manifest = Manifest::parse("x", None, document.to_string().into()).unwrap();
    let place = BlobLocation::File {
        path: held.path().to_owned(),
        offset: 3,
    };
    let places = HashMap::from([
        (digest(CONFIG), BlobLocation::Bytes(CONFIG.into())),
        (digest(claimed), place),
    ]);
    let image = LocalImage::new(manifest.digest, vec![manifest], places).unwrap();
    (held, image)
}

fn job(image: &LocalImage, to: &Server) -> CopyJob {
    CopyJob {
        source: CopySource::Local(Arc::new(image.clone())),
        digest: image.root(),
        destination: to.repository("c/d"),
        tag: None,
        tag_before: TagBefore::Any,
        cut: Vec::new(),
        referrers: false,
    }
}

#[tokio::test]
async fn an_image_of_this_machine_arrives_and_is_looked_at() {
    let layer: Vec<u8> = (0..700_001_u32).map(|n| (n % 253) as u8).collect();
    let (_file, image) = on_disk(&[&layer[..], b"behind it"].concat(), &layer);
    let to = Server::start().await;
    let registries = registries();
    let job = job(&image, &to);
    let lacking = registries.lacking(&job.source, job.digest, &job.destination, false);
    let lacking = lacking.await.unwrap();
    assert_eq!(lacking.bytes, (layer.len() + CONFIG.len()) as u64);
    assert_eq!((lacking.missing.len(), lacking.present.len()), (2, 0));
    let nobody = CancellationToken::new();
    let copied = registries.copy(&job, &|_| {}, &nobody).await.unwrap();
    assert_eq!(copied.bytes_sent, lacking.bytes);
    to.with(|world| assert_eq!(world.blobs[&digest(&layer).to_string()], layer));
    let again = registries.lacking(&job.source, job.digest, &job.destination, false);
    let again = again.await.unwrap();
    assert_eq!((again.bytes, again.present.len()), (0, 2));
    let held = registries.present(&job.destination, lacking.missing);
    assert_eq!(held.await.unwrap().len(), 2);

    // The same image has the same detail in both places.
    let source = ImageSource::parse("oci:x").unwrap();
    let mut here = local_detail(&source, &image).await.unwrap();
    let there = job.destination.at(job.digest);
    let there = registries.detail(&there).await.unwrap();
    assert_eq!(there.platforms[0].env[0].as_str(), "A=1");
    assert_eq!(there.platforms[0].labels["x"].as_str(), "y");
    assert_eq!(there.platforms[0].entrypoint[0].as_str(), "/bin/sh");
    assert_eq!(there.platforms[0].image.platform.to_string(), "linux/amd64");
    assert_eq!(there.platforms[0].layers.len(), 1);
    assert_eq!(there.platforms[0].created.unwrap().timestamp(), 1_767_323_045);
    here.source = there.source.clone();
    assert_eq!(here, there);
}

#[tokio::test]
async fn a_file_that_changed_or_is_cut_short_never_arrives() {
    for file in [b"other bytes".as_slice(), b"right", b""] {
        let (_file, image) = on_disk(file, b"right bytes");
        let to = Server::start().await;
        let nobody = CancellationToken::new();
        let problem = registries().copy(&job(&image, &to), &|_| {}, &nobody).await;
        let problem = problem.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid, "{problem}");
        to.with(|world| {
            assert!(!world.blobs.contains_key(&digest(b"right bytes").to_string()));
            assert!(world.manifests.is_empty());
        });
        assert_eq!(open_sessions(&to), 0);
    }
}

#[tokio::test]
async fn what_was_left_out_and_is_needed_after_all_says_run_again() {
    let (_file, image) = on_disk(b"x", b"x");
    let places = HashMap::from([
        (digest(CONFIG), BlobLocation::Bytes(CONFIG.into())),
        (digest(b"x"), BlobLocation::Elsewhere),
    ]);
    let root = image.manifest(image.root()).unwrap().clone();
    let image = LocalImage::new(image.root(), vec![root], places).unwrap();
    let to = Server::start().await;
    let nobody = CancellationToken::new();
    let problem = registries().copy(&job(&image, &to), &|_| {}, &nobody).await;
    let text = problem.unwrap_err().to_string();
    assert!(text.contains("the registry had it then"), "{text}");
    assert_eq!(open_sessions(&to), 0);
}

#[tokio::test]
async fn a_cut_is_told_before_it_is_copied() {
    let (from, to) = (Server::start().await, Server::start().await);
    let children: Vec<_> = ["amd64", "arm64", "s390x"]
        .map(|name| (from.image(name, &[name.as_bytes()]), name))
        .to_vec();
    let index = from.index("multi", &children);
    let source = CopySource::Registry(from.repository("a/b"));
    let platform = |architecture: &str| Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        variant: None,
    };
    let registries = registries();
    assert_eq!(registries.cut(&source, index, &[]).await.unwrap(), None);
    let all = ["amd64", "arm64", "s390x"].map(platform);
    assert_eq!(registries.cut(&source, index, &all).await.unwrap(), None);
    let one = registries.cut(&source, index, &[platform("arm64")]).await;
    assert_eq!(one.unwrap(), Some(children[1].0));
    let two = [platform("amd64"), platform("s390x")];
    let cut = registries.cut(&source, index, &two).await.unwrap().unwrap();
    assert_ne!(cut, index);
    let destination = to.repository("c/d");
    let lacking = registries.lacking(&source, cut, &destination, true).await;
    let lacking = lacking.unwrap();
    assert_eq!(lacking.missing.len(), 3, "two layers and the config they share");
    let job = CopyJob {
        source,
        digest: index,
        destination,
        tag: None,
        tag_before: TagBefore::Any,
        cut: two.to_vec(),
        referrers: false,
    };
    let copied = registries.copy(&job, &|_| {}, &CancellationToken::new()).await;
    assert_eq!(copied.unwrap().digest, cut);
    assert!(to.with(|world| world.manifests.contains_key(&cut.to_string())));
}
