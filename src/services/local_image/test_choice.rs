//! Tests of archives and layouts that hold several images, none, or lists that are null; and of
//! archives compressed as a whole.

use std::path::Path;

use serde_json::{Value, json};

use super::test_archives::Bench;
use super::test_images::{Image, Tree, document, file, layer, tar_of, unpack, with, without};
use super::{PreparedImage, digest_of};
use crate::domain::image::Platform;
use crate::domain::{ImageSource, Problem, ProblemKind};
use tokio_util::sync::CancellationToken;

/// One archive of a small image, compressed by the usual tools: `gzip`, `xz`, `zstd`.
const COMPRESSED: [(&str, &[u8]); 3] = [
    ("gz", include_bytes!("testdata/one.tar.gz")),
    ("xz", include_bytes!("testdata/one.tar.xz")),
    ("zst", include_bytes!("testdata/one.tar.zst")),
];

async fn open_for(bench: &Bench, text: &str, platforms: &[&str]) -> Result<PreparedImage, Problem> {
    let Ok(ImageSource::Local(source)) = ImageSource::parse(text) else {
        panic!("{text}");
    };
    let platforms: Vec<Platform> = platforms
        .iter()
        .map(|text| Platform::parse(text).unwrap())
        .collect();
    let nothing = |_| -> futures_util::future::BoxFuture<'_, _> {
        Box::pin(std::future::ready(Ok(std::collections::HashSet::new())))
    };
    let cancel = CancellationToken::new();
    bench
        .preparer
        .open(&source, &platforms, &nothing, &|_| {}, &cancel)
        .await
}

fn for_platform(architecture: &str, seed: u8) -> Image {
    let mut image = Image::of(vec![layer(seed, 100)]);
    let mut config: Value = serde_json::from_slice(&image.config).unwrap();
    config["architecture"] = json!(architecture);
    image.config = config.to_string().into_bytes();
    image
}

/// A layout that names all of `images`, each with or without a name; descriptors name no platform.
fn layout(folder: &Path, images: &[(&Image, Option<&str>)]) -> Vec<Value> {
    let mut rows = Vec::new();
    for (image, name) in images {
        let (tree, _, manifest) = image.containerd();
        let tree = without(tree, "manifest.json");
        unpack(&tree, folder);
        let bytes = std::fs::read(folder.join(format!("blobs/sha256/{}", manifest.hex()))).unwrap();
        rows.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest,
            "size": bytes.len(),
            "annotations": name.map(|name| json!({"org.opencontainers.image.ref.name": name})),
        }));
    }
    let index = json!({"schemaVersion": 2, "manifests": rows}).to_string();
    std::fs::write(folder.join("index.json"), index).unwrap();
    rows
}

#[tokio::test]
async fn an_image_of_a_layout_is_chosen_by_position_digest_or_platform() {
    let bench = Bench::new();
    let folder = bench.dir.path().join("layout");
    let (amd64, arm64) = (for_platform("amd64", 1), for_platform("arm64", 2));
    for names in [[None, None], [Some("1.0"), Some("1.0")]] {
        let rows = layout(&folder, &[(&amd64, names[0]), (&arm64, names[1])]);
        let second = rows[1]["digest"].as_str().unwrap().to_owned();
        let path = folder.display();
        let problem = bench.open(&format!("oci:{path}")).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Usage);
        let said = format!("{problem:?}");
        for word in [second.as_str(), "@0", "@1", "linux/arm64", "--platform"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        for text in [
            format!("oci:{path}:@1"),
            format!("oci:{path}:{second}"),
            format!("oci:{path}:@{second}"),
        ] {
            let packed = bench.open(&text).await.unwrap();
            assert_eq!(packed.image.root().to_string(), second, "{text}");
            assert_eq!(packed.pinned, None);
        }
        let packed = open_for(&bench, &format!("oci:{path}"), &["linux/arm64"])
            .await
            .unwrap();
        assert_eq!(packed.image.root().to_string(), second);
        // What is sent later is named by its digest.
        assert_eq!(packed.pinned.unwrap().to_string(), second);
    }
}

#[tokio::test]
async fn an_image_of_a_docker_archive_is_chosen_by_position_config_digest_or_platform() {
    let (amd64, arm64) = (for_platform("amd64", 1), for_platform("arm64", 2));
    let mut tree = Tree::new();
    let mut saved = Vec::new();
    for (image, tags) in [(&amd64, json!(null)), (&arm64, json!([]))] {
        let flat = image.flat();
        let mut row = document(&flat, "manifest.json")[0].clone();
        row["RepoTags"] = tags;
        saved.push(row);
        let parts = without(flat, "manifest.json").into_iter();
        tree.extend(parts.filter(|(name, _)| !name.contains('/')));
    }
    tree.push(file("manifest.json", json!(saved).to_string()));
    let bench = Bench::new();
    let problem = bench.tree(&tree).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Usage);
    let said = format!("{problem:?}");
    assert!(
        said.contains(&arm64.id().to_string()) && said.contains("linux/arm64"),
        "{said}"
    );
    let path = bench.dir.path().join("save.tar");
    let path = path.display();
    for text in [
        format!("docker-archive:{path}:@1"),
        format!("docker-archive:{path}:{}", arm64.id()),
    ] {
        let packed = bench.open(&text).await.unwrap();
        assert_eq!(packed.config.unwrap().0, arm64.id(), "{text}");
    }
    let packed = open_for(&bench, &format!("docker-archive:{path}"), &["arm64"])
        .await
        .unwrap();
    assert_eq!(packed.config.unwrap().0, arm64.id());
    assert_eq!(packed.pinned, Some(arm64.id()));
}

/// The layout that Docker 25.0 writes for some images: its manifest names no layer.
fn without_layers(image: &Image) -> Tree {
    let mut tree = image.classic();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   "digest": image.id(), "size": image.config.len()},
        "layers": null,
    })
    .to_string();
    let digest = digest_of(manifest.as_bytes());
    tree.push(file(format!("blobs/sha256/{}", digest.hex()), manifest.clone()));
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest, "size": manifest.len(), "annotations": null,
    }]});
    with(tree, "index.json", index.to_string())
}

#[tokio::test]
async fn a_layout_whose_manifest_lacks_the_layers_of_its_config_is_refused() {
    let image = Image::usual();
    let bench = Bench::new();
    let good = bench.tree(&image.classic()).await.unwrap().image.root();
    let tree = without_layers(&image);
    // Its manifest.json has the layers.
    assert_eq!(bench.tree(&tree).await.unwrap().image.root(), good);
    let path = bench.dir.path().join("save.tar");
    let problem = bench
        .open(&format!("oci-archive:{}", path.display()))
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Invalid);
    let said = format!("{problem:?}");
    assert!(said.contains("3 layers") && said.contains("no layer"), "{said}");
    assert!(
        said.contains(&format!("docker-archive:{}", path.display())),
        "{said}"
    );
    // No other document to read: refused under either name.
    let alone = without(tree, "manifest.json");
    let problem = bench.tree(&alone).await.unwrap_err();
    assert!(format!("{problem:?}").contains("no layer"), "{problem:?}");
}

#[tokio::test]
async fn null_lists_are_empty_lists() {
    let image = Image::usual();
    let bench = Bench::new();
    let good = bench.tree(&image.classic()).await.unwrap().image.root();
    for index in [
        r#"{"schemaVersion": 2, "manifests": null}"#,
        r#"{"schemaVersion": 2}"#,
    ] {
        let tree = with(image.classic(), "index.json", index);
        assert_eq!(bench.tree(&tree).await.unwrap().image.root(), good);
        let path = bench.dir.path().join("save.tar");
        let problem = bench
            .open(&format!("oci-archive:{}", path.display()))
            .await
            .unwrap_err();
        let said = format!("{problem:?}");
        assert!(
            said.contains("lists no image") && said.contains("docker-archive:"),
            "{said}"
        );
    }
    let empty = with(image.flat(), "manifest.json", "null");
    let problem = bench.tree(&empty).await.unwrap_err();
    assert!(format!("{problem:?}").contains("lists no image"), "{problem:?}");
    // An image without layers is valid.
    let mut none = Image::of(Vec::new());
    none.config =
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":null}}"#.to_vec();
    let mut tree = none.flat();
    let saved = json!([{"Config": format!("{}.json", none.id().hex()), "RepoTags": null, "Layers": null}]);
    tree = with(tree, "manifest.json", saved.to_string());
    assert_eq!(bench.tree(&tree).await.unwrap().config.unwrap().0, none.id());
}

#[tokio::test]
async fn archives_compressed_with_gzip_xz_and_zstd_are_read() {
    let bench = Bench::new();
    let mut roots = Vec::new();
    for (ending, bytes) in COMPRESSED {
        let path = bench.write(&format!("one.tar.{ending}"), bytes);
        let packed = bench
            .open(&format!("docker-archive:{}", path.display()))
            .await
            .unwrap();
        roots.push(packed.image.root());
        // Cut short, it is refused without a panic.
        let path = bench.write("cut", &bytes[..bytes.len() / 2]);
        let problem = bench
            .open(&format!("docker-archive:{}", path.display()))
            .await
            .unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid, "{ending}: {problem}");
    }
    roots.dedup();
    assert_eq!(roots.len(), 1, "{roots:?}");
    // Two frames and a skippable one are one file.
    let (_, zstd) = COMPRESSED[2];
    let skip = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let path = bench.write("frames.tar.zst", &[&skip[..], zstd, &skip[..]].concat());
    let packed = bench
        .open(&format!("docker-archive:{}", path.display()))
        .await
        .unwrap();
    assert_eq!(packed.image.root(), roots[0]);
}

#[tokio::test]
async fn what_is_not_read_is_named_and_its_bytes_are_not_shown() {
    let bench = Bench::new();
    let junk: Vec<u8> = (0..2048).map(|at| 0x80 | (at % 97) as u8).collect();
    for (head, said) in [
        (&b"BZh9"[..], "bzip2 -d"),
        (&b"\x04\x22\x4d\x18"[..], "lz4 -d"),
        (&b"PK\x03\x04"[..], "unzip"),
        (&b"hsqs"[..], "unsquashfs"),
        (&b""[..], "not a tar archive"),
    ] {
        let path = bench.write("odd", &[head, &junk].concat());
        let problem = bench
            .open(&format!("docker-archive:{}", path.display()))
            .await
            .unwrap_err();
        let text = format!("{problem:?}");
        assert!(text.contains(said), "{text}");
        assert!(!text.contains('\u{fffd}') && text.is_ascii(), "{text}");
    }
    // An invalid header in the middle.
    let mut tar = tar_of(&Image::usual().flat());
    let length = tar.len();
    tar[length - 1024..length - 512].copy_from_slice(&junk[..512]);
    let path = bench.write("torn", &tar);
    let problem = bench
        .open(&format!("docker-archive:{}", path.display()))
        .await
        .unwrap_err();
    let text = format!("{problem:?}");
    assert!(text.contains("no tar header") && text.is_ascii(), "{text}");
}

#[tokio::test]
async fn a_sparse_entry_is_named() {
    let bench = Bench::new();
    // Made by `tar --sparse` in GNU's own format and in the pax format.
    for bytes in [
        &include_bytes!("testdata/sparse-gnu.tar.gz")[..],
        &include_bytes!("testdata/sparse-posix.tar.gz")[..],
    ] {
        let path = bench.write("sparse.tar.gz", bytes);
        let problem = bench
            .open(&format!("docker-archive:{}", path.display()))
            .await
            .unwrap_err();
        let text = format!("{problem:?}");
        assert!(
            text.contains("sparse entry: ") && text.contains("without --sparse"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn zstd_layers_stay_as_they_are_and_are_checked_against_the_config() {
    let image = Image::of(vec![layer(1, 3000)]);
    let bench = Bench::new();
    let name = format!("{}.tar", image.diffs()[0].hex());
    let zstd = |bytes: &[u8]| {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(bytes, level)
    };
    let sent = zstd(&image.layers[0]);
    let packed = bench
        .tree(&with(image.flat(), &name, sent.clone()))
        .await
        .unwrap();
    let manifest = packed.image.manifest(packed.image.root()).unwrap();
    let said = String::from_utf8_lossy(&manifest.bytes).into_owned();
    assert!(said.contains("rootfs.diff.tar.zstd"), "{said}");
    assert!(said.contains(&digest_of(&sent).to_string()), "{said}");
    let other = with(image.flat(), &name, zstd(&layer(2, 10)));
    let problem = bench.tree(&other).await.unwrap_err().to_string();
    assert!(problem.contains("does not match its config"), "{problem}");
}

/// Adds a manifest with this JSON to the layout in `folder`; returns its digest.
fn add_manifest(folder: &Path, words: &Value) -> String {
    let config = b"{}";
    let blobs = folder.join("blobs/sha256");
    std::fs::write(blobs.join(digest_of(config).hex()), config).unwrap();
    let mut document = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(config), "size": 2,
        },
        "layers": [],
    });
    for (key, value) in words.as_object().unwrap() {
        document[key] = value.clone();
    }
    let bytes = document.to_string().into_bytes();
    let digest = digest_of(&bytes);
    std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
    digest.to_string()
}

#[tokio::test]
async fn what_a_layout_attaches_to_an_image_is_read_with_it() {
    let bench = Bench::new();
    let folder = bench.dir.path().join("layout");
    let mut rows = layout(&folder, &[(&for_platform("amd64", 1), Some("1.0"))]);
    let image = rows[0]["digest"].as_str().unwrap().to_owned();
    let tag = image.replace(':', "-");
    let subject = |of: &str| json!({"digest": of, "size": 1, "mediaType": "m"});
    let signature = add_manifest(
        &folder,
        &json!({"subject": subject(&image), "artifactType": "a/signature"}),
    );
    let second = add_manifest(&folder, &json!({"subject": subject(&signature)}));
    let listed = add_manifest(&folder, &json!({"annotations": {"x": "listed"}}));
    let cosign = add_manifest(&folder, &json!({"annotations": {"x": "cosign"}}));
    let strange = add_manifest(
        &folder,
        &json!({"subject": subject(&second.replace(['0', '1'], "2"))}),
    );
    let row = |digest: &str| json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1});
    let list = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [row(&listed)],
    });
    let list = list.to_string().into_bytes();
    std::fs::write(
        folder.join(format!("blobs/sha256/{}", digest_of(&list).hex())),
        &list,
    )
    .unwrap();
    let named = |digest: &str, name: &str| {
        let mut row = row(digest);
        row["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        row
    };
    // The signature of the signature comes before what it refers to.
    rows.extend([row(&second), row(&signature), row(&strange)]);
    rows.push(named(&digest_of(&list).to_string(), &tag));
    rows.push(named(&cosign, &format!("{tag}.sig")));
    let index = json!({"schemaVersion": 2, "manifests": rows}).to_string();
    std::fs::write(folder.join("index.json"), index).unwrap();

    let packed = bench
        .open(&format!("oci:{}:1.0", folder.display()))
        .await
        .unwrap();
    let attached = |of: &str| -> Vec<(String, Option<String>)> {
        let found = packed.image.attached_to(of.parse().unwrap());
        let mut found: Vec<_> = found
            .map(|one| (one.digest.to_string(), one.tag.clone()))
            .collect();
        found.sort();
        found
    };
    let mut expected = vec![
        (signature.clone(), None),
        (listed, None),
        (cosign, Some(format!("{tag}.sig"))),
    ];
    expected.sort();
    assert_eq!(attached(&image), expected);
    assert_eq!(attached(&signature), [(second.clone(), None)]);
    let held = packed.image.attached_to(image.parse().unwrap());
    let types: Vec<_> = held
        .filter(|one| one.digest.to_string() == signature)
        .map(|one| one.row["artifactType"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["a/signature"]);

    // An incomplete one is reported, not left out.
    let lost = add_manifest(
        &folder,
        &json!({"subject": subject(&image), "layers": [subject(&format!("sha256:{}", "b".repeat(64)))]}),
    );
    rows.push(row(&lost));
    let index = json!({"schemaVersion": 2, "manifests": rows}).to_string();
    std::fs::write(folder.join("index.json"), index).unwrap();
    let problem = bench
        .open(&format!("oci:{}:1.0", folder.display()))
        .await
        .unwrap_err();
    assert!(problem.to_string().contains(&lost), "{problem}");
}
