//! Tests of resolving, tokens and refusals against a registry in memory.

use super::cache::digest_of;
use super::manifest::OCI_MANIFEST;
use serde_json::json;

use super::test_server::{Server, digest, mirrored, registries};
use super::{CopyJob, CopySource, TagBefore};
use crate::domain::image::Platform;
use crate::domain::{ProblemKind, Reference, Target};

#[tokio::test]
async fn a_tag_is_pinned_by_head_and_read_once() {
    let server = Server::start().await;
    let image = server.image("v1", &[b"one", b"two"]);
    let attestation = server.image("att", &[b"three"]);
    let index = server.index("multi", &[(image, "arm64"), (attestation, "unknown")]);
    let registries = registries();
    let reference = server.repository("a/b").tagged("multi");
    let resolved = registries.resolve(&reference).await.unwrap();
    assert_eq!(resolved.digest, index);
    assert_eq!(resolved.platforms.len(), 1);
    assert_eq!(resolved.platforms[0].digest, image);
    assert_eq!(resolved.attestations, [attestation]);
    let read = server.count("GET");
    assert_eq!(registries.resolve(&reference).await.unwrap(), resolved);
    assert_eq!(server.count("GET"), read, "nothing immutable is read twice");
    let quota = registries.quota(&server.name).unwrap();
    assert_eq!((quota.limit, quota.remaining, quota.window), (100, 76, 21600));

    let plain = registries
        .resolve(&server.repository("a/b").tagged("v1"))
        .await
        .unwrap();
    assert_eq!(plain.platforms[0].platform.to_string(), "linux/arm64/v8");
    assert_eq!(plain.size, 6 + 52);
}

#[tokio::test]
async fn what_is_absent_is_named() {
    let server = Server::start().await;
    let reference = server.repository("a/b").tagged("nope");
    assert!(registries().head(&reference).await.unwrap().is_none());
    let problem = registries().resolve(&reference).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    assert!(problem.to_string().contains(&reference.to_string()), "{problem}");
}

#[tokio::test]
async fn a_manifest_that_is_not_its_digest_is_refused() {
    let server = Server::start().await;
    let image = server.image("v1", &[b"one"]);
    server.with(|world| {
        let entry = world.manifests.get_mut(&image.to_string()).unwrap();
        entry.1.push(b' ');
    });
    let problem = registries()
        .manifest(&server.repository("a/b"), image)
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Invalid);
    let text = problem.to_string();
    assert!(text.contains(&format!("expected {image}, got sha256:")), "{text}");
}

#[tokio::test]
async fn long_waits_are_handed_to_the_person() {
    let server = Server::start().await;
    server.with(|world| world.instead.push(("HEAD", "v1", 429, Some("120"))));
    let problem = registries()
        .head(&server.repository("a/b").tagged("v1"))
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::RateLimited);
    assert!(problem.retry_after.is_some());
    assert_eq!(server.count("HEAD"), 1);
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_no_secret_is_told() {
    let server = Server::start().await;
    server.with(|world| world.password = Some("hunter2-secret"));
    let image = server.image("v1", &[b"one"]);
    let repository = server.repository("a/b");
    let login = |password: &str| {
        registries().with_credential(&repository, None, "robot".into(), password.to_owned().into())
    };
    let right = login("hunter2-secret");
    let head = right.head(&repository.tagged("v1")).await.unwrap().unwrap();
    assert_eq!(head.digest, image);
    right.head(&repository.at(image)).await.unwrap();
    assert_eq!(server.count("GET /token"), 1, "a token is used until it ends");
    assert_eq!(server.with(|world| world.basics.len()), 1);

    let reference = Reference {
        repository: server.repository("a/b"),
        target: Target::Tag("v1".into()),
        beside: None,
    };
    let wrong = login("hunter2").head(&reference).await.unwrap_err();
    assert_eq!(wrong.kind, ProblemKind::Credentials);
    assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    let nobody = registries().head(&reference).await.unwrap_err();
    assert_eq!(nobody.kind, ProblemKind::Credentials);
    assert!(
        nobody.to_string().contains("does not exist or needs a login"),
        "{nobody}"
    );
}

#[tokio::test]
async fn the_token_for_github_goes_to_its_own_name_only() {
    let server = Server::start().await;
    server.with(|world| world.password = Some("ghp_planted"));
    server.image("v1", &[b"one"]);
    let ghcr = mirrored("ghcr.io", &server, Some("ghp_planted"));
    let found = ghcr
        .head(&Reference::parse("ghcr.io/a/b:v1").unwrap())
        .await
        .unwrap();
    assert!(found.is_some());
    let asked = server.with(|world| world.basics.len());
    let hub = mirrored("docker.io", &server, Some("ghp_planted"));
    let problem = hub
        .head(&Reference::parse("docker.io/a/b:v1").unwrap())
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    server.with(|world| assert!(world.basics[asked..].iter().all(String::is_empty)));
}

#[tokio::test]
async fn a_basic_challenge_is_met_too() {
    let server = Server::start().await;
    server.with(|world| world.basic = true);
    let image = server.image("v1", &[b"one"]);
    let repository = server.repository("a/b");
    let registries = registries().with_credential(&repository, None, "robot".into(), "p".to_owned().into());
    let head = registries.head(&repository.tagged("v1")).await.unwrap();
    assert_eq!(head.unwrap().digest, image);
}

#[tokio::test]
async fn a_deleted_platform_is_named_and_the_others_can_be_had() {
    let server = Server::start().await;
    let kept = server.image("kept", &[b"one"]);
    let gone = server.image("gone", &[b"two"]);
    server.index("multi", &[(kept, "arm64"), (gone, "s390x")]);
    server.with(|world| {
        world.manifests.remove(&gone.to_string());
        world.manifests.remove("gone");
    });
    let registries = registries();
    let repository = server.repository("a/b");
    let reference = repository.tagged("multi");
    let detail = registries.detail(&reference).await.unwrap();
    assert_eq!(detail.platforms.len(), 1);
    assert_eq!(detail.missing[0].digest, gone);
    assert_eq!(detail.missing[0].to_string(), format!("linux/s390x ({gone})"));

    let problem = registries.resolve(&reference).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    let said = format!("{problem:?}");
    for word in ["linux/s390x", "deleted by a cleanup", "--platform linux/arm64"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let source = CopySource::Registry(repository);
    let platform = Platform::parse("linux/arm64").unwrap();
    let cut = registries.cut(&source, detail.digest, &[platform]).await.unwrap();
    assert_eq!(cut, Some(kept));
}

#[tokio::test]
async fn a_tag_that_left_the_digest_beside_it_is_reported() {
    let server = Server::start().await;
    let old = server.image("v1", &[b"one"]);
    let now = server.image("v1", &[b"two"]);
    let name = server.repository("a/b");
    for (text, expected) in [
        (format!("{name}:v1@{old}"), Some(Some(now))),
        (format!("{name}:v2@{old}"), Some(None)),
        (format!("{name}:v1@{now}"), None),
        (format!("{name}@{old}"), None),
    ] {
        let reference = Reference::parse(&text).unwrap();
        let detail = registries().detail(&reference).await.unwrap();
        assert_eq!(
            Target::Digest(detail.digest),
            reference.target,
            "the digest decides"
        );
        assert_eq!(detail.moved.map(|moved| moved.now), expected, "{text}");
    }
}

#[tokio::test]
async fn an_image_without_the_layers_of_its_config_is_not_copied() {
    let (from, to) = (Server::start().await, Server::start().await);
    let config = br#"{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha256:00"]}}"#;
    let digest = digest_of(config).to_string();
    from.with(|world| world.blobs.insert(digest.clone(), config.to_vec()));
    let document = serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": null,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()},
    });
    let root = from.place("v1", OCI_MANIFEST, document.to_string());
    let detail = registries()
        .detail(&from.repository("a/b").at(root))
        .await
        .unwrap();
    assert_eq!(detail.check_layers().unwrap_err().kind, ProblemKind::Invalid);
    let job = CopyJob {
        source: CopySource::Registry(from.repository("a/b")),
        digest: root,
        destination: to.repository("c/d"),
        tag: Some("v1".to_owned()),
        tag_before: TagBefore::Any,
        cut: Vec::new(),
        referrers: false,
    };
    let never = tokio_util::sync::CancellationToken::new();
    let problem = registries().copy(&job, &|_| {}, &never).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Invalid);
    assert!(format!("{problem:?}").contains("lists no layer"), "{problem:?}");
    assert_eq!(
        to.count("PO") + to.count("PU") + to.count("PA"),
        0,
        "nothing was sent"
    );
}

#[tokio::test]
async fn every_manifest_of_nested_indexes_is_read_once() {
    let server = Server::start().await;
    let images: Vec<_> = (0..20_u8)
        .map(|n| (server.image(&format!("image{n}"), &[&[n]]), "arm64"))
        .collect();
    // Three levels of twenty; each index names everything in the level below.
    let mut level = images;
    for depth in 0..2 {
        level = (0..20)
            .map(|n| {
                let mut children = level.clone();
                children.rotate_left(n);
                (server.index(&format!("index{depth}-{n}"), &children), "arm64")
            })
            .collect();
    }
    let root = server.index("root", &level);
    let reference = server.repository("a/b").at(root);
    let manifest = registries().manifest(&reference.repository, root).await.unwrap();
    assert_eq!(manifest.children().len(), 20);
    let resolved = registries().resolve(&reference).await.unwrap();
    assert_eq!(resolved.digest, root);
    assert_eq!(server.count("GET /v2/a/b/manifests/"), 1 + 61);
}

#[tokio::test]
async fn an_index_of_too_much_is_refused_before_any_of_it_is_read() {
    let server = Server::start().await;
    let entry = |n: usize, size: usize| {
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
               "digest": digest(n.to_string().as_bytes()).to_string(), "size": size})
    };
    for (count, size, why) in [(1001, 10, "1000 manifests"), (6, 7 << 20, "32 MiB")] {
        let entries: Vec<_> = (0..count).map(|n| entry(n, size)).collect();
        let kind = "application/vnd.oci.image.index.v1+json";
        let document = json!({"schemaVersion": 2, "mediaType": kind, "manifests": entries});
        let root = server.place("large", kind, document.to_string());
        let reference = server.repository("a/b").at(root);
        server.with(|world| world.log.clear());
        let problem = registries().resolve(&reference).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid);
        assert!(problem.to_string().contains(why), "{problem}");
        assert_eq!(server.count("GET /v2/a/b/manifests/"), 1);
    }
}
