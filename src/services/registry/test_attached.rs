//! Tests of signatures, bills of materials and what refers to them, copied with an image.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::manifest::OCI_MANIFEST;
use super::test_server::{Server, digest, registries};
use super::{BlobLocation, Copied, CopyJob, CopySource, LocalAttachment, LocalImage, Manifest, TagBefore};
use crate::domain::{ManifestDigest, Problem, ProblemKind};

/// An image with a signature that refers to it, a signature of that signature, and cosign's tag.
struct Signed {
    from: Server,
    to: Server,
    image: ManifestDigest,
    attached: [ManifestDigest; 3],
}

fn row(server: &Server, digest: ManifestDigest) -> Value {
    let size = server.with(|world| world.manifests[&digest.to_string()].1.len());
    json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size})
}

fn cosign(image: ManifestDigest) -> String {
    format!("{}.sig", image.to_string().replace(':', "-"))
}

async fn signed() -> Signed {
    let (from, to) = (Server::start().await, Server::start().await);
    let image = from.image("v1", &[b"layer"]);
    let first = from.image("first", &[b"signature"]);
    let second = from.image("second", &[b"signature of the signature"]);
    let third = from.image(&cosign(image), &[b"cosign"]);
    let lists = HashMap::from([
        (image.to_string(), vec![row(&from, first)]),
        (first.to_string(), vec![row(&from, second)]),
    ]);
    from.with(|world| world.referrers = Some(lists));
    Signed {
        from,
        to,
        image,
        attached: [first, second, third],
    }
}

impl Signed {
    async fn copy(&self) -> Result<Copied, Problem> {
        let job = CopyJob {
            source: CopySource::Registry(self.from.repository("a/b")),
            digest: self.image,
            destination: self.to.repository("c/d"),
            tag: Some("v1".to_owned()),
            tag_before: TagBefore::Any,
            cut: Vec::new(),
            referrers: true,
        };
        registries().copy(&job, &|_| {}, &CancellationToken::new()).await
    }

    async fn missing(&self) -> usize {
        let from = CopySource::Registry(self.from.repository("a/b"));
        let to = self.to.repository("c/d");
        let subjects = vec![self.image];
        registries()
            .attachments_missing(&from, subjects, &to)
            .await
            .unwrap()
    }

    fn arrived(&self) -> [bool; 3] {
        let there = |one: ManifestDigest| {
            self.to
                .with(|world| world.manifests.contains_key(&one.to_string()))
        };
        self.attached.map(there)
    }
}

#[tokio::test]
async fn what_refers_to_a_signature_and_what_cosign_tagged_comes_along() {
    let signed = signed().await;
    assert_eq!(signed.missing().await, 3);
    signed.copy().await.unwrap();
    assert_eq!(signed.arrived(), [true; 3]);
    let tag = cosign(signed.image);
    let named = signed.to.with(|world| world.manifests[&tag].1.clone());
    assert_eq!(ManifestDigest(digest(&named)), signed.attached[2]);
    assert_eq!(signed.missing().await, 0);
    assert!(signed.copy().await.unwrap().already);
}

#[tokio::test]
async fn a_signature_made_after_the_first_copy_is_missed_and_comes_along() {
    let signed = signed().await;
    signed.copy().await.unwrap();
    let late = signed.from.image("late", &[b"late"]);
    let entry = row(&signed.from, late);
    let of = signed.image.to_string();
    signed.from.with(|world| {
        world
            .referrers
            .as_mut()
            .unwrap()
            .get_mut(&of)
            .unwrap()
            .push(entry);
    });
    // cosign stores a second signature in the manifest of the first.
    signed
        .from
        .image(&cosign(signed.image), &[b"cosign", b"cosign again"]);
    assert_eq!(signed.missing().await, 2);
    assert!(!signed.copy().await.unwrap().already);
    assert_eq!(signed.missing().await, 0);
}

#[tokio::test]
async fn signatures_that_only_the_destination_has_are_kept() {
    let signed = signed().await;
    let theirs = signed
        .to
        .image(&cosign(signed.image), &[b"made at the destination"]);
    let problem = signed.copy().await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused, "{problem}");
    assert!(problem.to_string().contains("was not replaced"), "{problem}");
    let tag = cosign(signed.image);
    let named = signed.to.with(|world| world.manifests[&tag].1.clone());
    assert_eq!(ManifestDigest(digest(&named)), theirs);
}

#[tokio::test]
async fn a_registry_that_takes_no_foreign_layers_is_named_and_asked_once() {
    let (from, to) = (Server::start().await, Server::start().await);
    let config = from.image("v1", &[b"layer"]);
    let text = from.with(|world| world.manifests[&config.to_string()].1.clone());
    let mut document: Value = serde_json::from_slice(&text).unwrap();
    document["layers"][0] = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": format!("sha256:{}", "ab".repeat(32)), "size": 5, "urls": ["https://example.org/base"],
    });
    let root = from.place("v2", OCI_MANIFEST, document.to_string());
    to.with(|world| world.instead = vec![("PUT", "/manifests/", 500, None); 4]);
    let job = CopyJob {
        source: CopySource::Registry(from.repository("a/b")),
        digest: root,
        destination: to.repository("c/d"),
        tag: Some("v1".to_owned()),
        tag_before: TagBefore::Any,
        cut: Vec::new(),
        referrers: false,
    };
    let copied = registries().copy(&job, &|_| {}, &CancellationToken::new()).await;
    let problem = copied.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    let said = format!("{problem:?}");
    assert!(
        said.contains("https://example.org/base") && said.contains("urls.allow"),
        "{said}"
    );
    assert_eq!(to.count("PUT /v2/c/d/manifests"), 1);
}

#[tokio::test]
async fn what_is_attached_to_an_image_of_this_machine_comes_along() {
    for lists in [Some(HashMap::new()), None] {
        let to = Server::start().await;
        to.with(|world| world.referrers = lists.clone());
        let manifest = |words: &str| {
            let config = json!({"mediaType": "c", "digest": digest(b"{}").to_string(), "size": 2});
            let document = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [],
                "annotations": {"x": words},
            });
            Manifest::parse("x", None, document.to_string().into()).unwrap()
        };
        let [image, signature, tagged] = ["image", "signature", "cosign"].map(manifest);
        let (root, signed, cosigned) = (image.digest, signature.digest, tagged.digest);
        let size = signature.bytes.len();
        let places = HashMap::from([(digest(b"{}"), BlobLocation::Bytes(b"{}".as_slice().into()))]);
        let local = LocalImage::new(root, vec![image, signature, tagged], places).unwrap();
        let attachment = |digest: ManifestDigest, tag: Option<String>| LocalAttachment {
            subject: root,
            digest,
            tag,
            row: json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size}),
        };
        let tag = cosign(root);
        let attached = vec![attachment(signed, None), attachment(cosigned, Some(tag.clone()))];
        let source = CopySource::Local(Arc::new(local.with_attachments(attached)));
        let job = CopyJob {
            source: source.clone(),
            digest: root,
            destination: to.repository("c/d"),
            tag: Some("v1".to_owned()),
            tag_before: TagBefore::Any,
            cut: Vec::new(),
            referrers: true,
        };
        let missing = async || {
            let there = to.repository("c/d");
            registries()
                .attachments_missing(&source, vec![root], &there)
                .await
                .unwrap()
        };
        assert_eq!(missing().await, 2);
        let copied = registries().copy(&job, &|_| {}, &CancellationToken::new()).await;
        copied.unwrap();
        assert_eq!(missing().await, 0);
        let held = |name: &str| to.with(|world| world.manifests.get(name).map(|found| found.1.clone()));
        assert_eq!(ManifestDigest(digest(&held(&tag).unwrap())), cosigned);
        if lists.is_none() {
            let list = held(&root.to_string().replace(':', "-")).unwrap();
            let list: Value = serde_json::from_slice(&list).unwrap();
            assert_eq!(list["manifests"][0]["digest"], signed.to_string());
        }
    }
}
