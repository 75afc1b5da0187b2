//! Tests of transfers that break off and resume, of blobs that one process sends once, and of
//! waits and tokens.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::manifest::{CAP, OCI_INDEX, OCI_MANIFEST};
use super::test_server::{Ranges, Server, digest, open_sessions, registries, remembering};
use super::{CopyJob, CopyProgress, CopySource, Registries, TagBefore};
use crate::domain::image::Repository;
use crate::domain::{ManifestDigest, ProblemKind};

const LENGTH: usize = 9_000_000;
const WHOLE: usize = LENGTH + 52;

fn layer() -> Vec<u8> {
    (0..LENGTH as u32).map(|n| (n % 251) as u8).collect()
}

fn job(source: Repository, image: ManifestDigest, destination: Repository) -> CopyJob {
    CopyJob {
        source: CopySource::Registry(source),
        digest: image,
        destination,
        tag: None,
        tag_before: TagBefore::Any,
        cut: Vec::new(),
        referrers: false,
    }
}

struct Pair {
    from: Server,
    to: Server,
    job: CopyJob,
}

async fn pair() -> Pair {
    let (from, to) = (Server::start().await, Server::start().await);
    let image = from.image("v1", &[&layer()]);
    to.with(|world| world.keeps = true);
    let job = job(from.repository("a/b"), image, to.repository("c/d"));
    Pair { from, to, job }
}

async fn run(registries: &Registries, job: &CopyJob) -> (Result<super::Copied, crate::domain::Problem>, u64) {
    let events = Mutex::new(Vec::new());
    let heard = |event| events.lock().unwrap().push(event);
    let result = registries.copy(job, &heard, &CancellationToken::new()).await;
    let net = events
        .into_inner()
        .unwrap()
        .iter()
        .fold(0, |sum, event| match event {
            CopyProgress::Sent { bytes, .. } => sum + bytes,
            CopyProgress::Retrying { rolled_back, .. } => sum - rolled_back,
            _ => sum,
        });
    (result, net)
}

fn arrived(to: &Server) {
    to.with(|world| {
        assert_eq!(world.blobs[&digest(&layer()).to_string()], layer());
        assert_eq!(world.manifests.len(), 1);
    });
    assert_eq!(open_sessions(to), 0);
}

#[tokio::test]
async fn an_upload_that_broke_goes_on_where_the_registry_says() {
    let pair = pair().await;
    pair.to.with(|world| world.cut_after = Some(3_000_000));
    let (copied, net) = run(&registries(), &pair.job).await;
    assert_eq!(copied.unwrap().bytes_sent, WHOLE as u64);
    assert_eq!(net, WHOLE as u64);
    arrived(&pair.to);
    assert_eq!(
        pair.to.with(|world| world.received),
        WHOLE,
        "no byte is sent twice"
    );
    assert_eq!(pair.to.count("POST"), 2, "one session a blob");
    assert!(pair.to.count("PATCH") >= 1);
}

#[tokio::test]
async fn a_session_that_will_not_go_on_is_cancelled_and_begun_anew() {
    let pair = pair().await;
    pair.to.with(|world| {
        world.cut_after = Some(3_000_000);
        world.instead.push(("GET", "/uploads/", 404, None));
    });
    let (copied, net) = run(&registries(), &pair.job).await;
    copied.unwrap();
    assert_eq!(net, WHOLE as u64);
    arrived(&pair.to);
    assert!(pair.to.with(|world| world.received) >= WHOLE + 3_000_000);
    assert_eq!(pair.to.count("DELETE"), 1);
}

#[tokio::test]
async fn the_next_process_goes_on_with_what_the_last_one_left() {
    let pair = pair().await;
    let cache = tempfile::tempdir().unwrap();
    pair.to.with(|world| world.hang_after = Some(3_000_000));
    let (registries, job) = (remembering(cache.path()), pair.job.clone());
    let dying = tokio::spawn(async move { registries.copy(&job, &|_| {}, &CancellationToken::new()).await });
    while pair.to.with(|world| world.hang_after.is_some()) {
        tokio::task::yield_now().await;
    }
    let uploads = cache.path().join("uploads");
    let files: Vec<_> = std::fs::read_dir(&uploads).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1, "the small config is not remembered");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&files[0].path()), mode(&uploads)), (0o600, 0o700));
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());

    let before = pair.to.with(|world| world.received);
    let (copied, net) = run(&remembering(cache.path()), &pair.job).await;
    assert!(
        copied.unwrap().bytes_sent < WHOLE as u64,
        "the beginning was there"
    );
    assert!(net >= LENGTH as u64);
    arrived(&pair.to);
    let received = pair.to.with(|world| world.received);
    assert_eq!(received, WHOLE, "{before} bytes stayed");
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
}

#[tokio::test]
async fn two_processes_never_write_into_one_session() {
    let pair = pair().await;
    let cache = tempfile::tempdir().unwrap();
    pair.to.with(|world| world.hang_after = Some(3_000_000));
    let (one, job) = (remembering(cache.path()), pair.job.clone());
    let slow = tokio::spawn(async move { one.copy(&job, &|_| {}, &CancellationToken::new()).await });
    while pair.to.with(|world| world.hang_after.is_some()) {
        tokio::task::yield_now().await;
    }
    let (copied, _) = run(&remembering(cache.path()), &pair.job).await;
    assert!(copied.unwrap().bytes_sent >= LENGTH as u64);
    assert!(pair.to.with(|world| world.received) >= WHOLE + 2_900_000);
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    for manner in [Ranges::StoredSession, Ranges::Ignored] {
        let pair = pair().await;
        pair.from.with(|world| {
            world.truncate = 2;
            world.range_manner = manner;
        });
        let (copied, net) = run(&registries(), &pair.job).await;
        copied.unwrap();
        assert_eq!(net, WHOLE as u64);
        arrived(&pair.to);
        assert_eq!(pair.to.with(|world| world.received), WHOLE);
        let ranges = pair.from.with(|world| world.ranges.clone());
        assert!(ranges.iter().any(Option::is_some), "{ranges:?}");
    }
}

#[tokio::test]
async fn a_range_that_is_not_the_one_asked_for_is_refused() {
    let pair = pair().await;
    pair.from.with(|world| {
        world.truncate = 2;
        world.range_manner = Ranges::Wrong;
    });
    let (copied, _) = run(&registries(), &pair.job).await;
    assert_eq!(copied.unwrap_err().kind, ProblemKind::Invalid);
    assert!(pair.to.with(|world| world.manifests.is_empty()));
    assert_eq!(open_sessions(&pair.to), 0);
}

#[tokio::test]
async fn what_two_repositories_of_one_registry_need_is_sent_once() {
    for (mounts, other) in [(true, "e/f"), (false, "e/f"), (true, "c/d")] {
        let pair = pair().await;
        pair.to.with(|world| {
            world.apart = Some(std::collections::HashSet::new());
            world.mounts = mounts;
        });
        let mut second = pair.job.clone();
        second.destination.path = other.to_owned();
        let registries = registries();
        let (one, two) = tokio::join!(run(&registries, &pair.job), run(&registries, &second));
        let sent = one.0.unwrap().bytes_sent + two.0.unwrap().bytes_sent;
        let expected = if mounts { WHOLE } else { 2 * WHOLE };
        assert_eq!(sent, expected as u64, "{mounts} {other}");
        assert_eq!(pair.to.with(|world| world.received), expected);
        let held = pair.to.with(|world| world.apart.take().unwrap());
        assert_eq!(held.len(), if other == "c/d" { 2 } else { 4 });
        assert_eq!(open_sessions(&pair.to), 0);
    }
}

#[tokio::test]
async fn a_token_is_never_used_beyond_its_time() {
    let pair = pair().await;
    pair.to.with(|world| {
        world.keeps = false;
        world.password = Some("p");
        world.one_use = true;
    });
    let registries =
        registries().with_credential(&pair.job.destination, None, "robot".into(), "p".to_owned().into());
    run(&registries, &pair.job).await.0.unwrap();
    let (denied, fetched) = (pair.to.with(|world| world.denied), pair.to.count("GET /token"));
    assert_eq!(denied, 1, "only the first request is sent for a token");
    assert!(fetched > 6, "a new token for each request: {fetched}");
}

#[tokio::test]
async fn what_one_blob_is_asked_to_wait_all_wait() {
    let pair = pair().await;
    pair.to
        .with(|world| world.instead.push(("HEAD", "/blobs/", 429, Some("1"))));
    run(&registries(), &pair.job).await.0.unwrap();
    arrived(&pair.to);
    pair.to.with(|world| {
        let at = |start: &str| {
            let first = world.log.iter().position(|line| line.starts_with(start)).unwrap();
            world.times[first]
        };
        let waited = at("POST") - at("HEAD /v2/c/d/blobs");
        assert!(waited >= Duration::from_millis(900), "{waited:?}");
    });
}

#[tokio::test]
async fn what_refers_to_an_image_comes_along_where_it_is_wanted() {
    // Lists are supported; are not; are requested and redirected; are requested and are a web
    // page.
    for manner in 0..4 {
        let lists = manner == 0;
        let (from, to) = (Server::start().await, Server::start().await);
        for server in [&from, &to] {
            server.with(|world| match manner {
                2 => world.instead.push(("GET", "/referrers/", 303, None)),
                3 => world.referrers_page = true,
                _ => {}
            });
        }
        let image = from.image("v1", &[b"layer"]);
        let signature = from.image("signature", &[b"signed"]);
        let size = from.with(|world| world.manifests[&signature.to_string()].1.len());
        let row = json!({"mediaType": OCI_MANIFEST, "digest": signature.to_string(), "size": size,
                         "artifactType": "application/vnd.acme.signature"});
        let tag = image.to_string().replace(':', "-");
        if lists {
            let known = std::collections::HashMap::from([(image.to_string(), vec![row])]);
            from.with(|world| world.referrers = Some(known));
        } else {
            let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [row]});
            from.place(&tag, OCI_INDEX, index.to_string());
        }
        let mut job = job(from.repository("a/b"), image, to.repository("c/d"));
        let registries = registries();
        run(&registries, &job).await.0.unwrap();
        assert!(!to.with(|world| world.manifests.contains_key(&signature.to_string())));
        assert_eq!(from.count("GET /v2/a/b/referrers"), 0);
        job.referrers = true;
        let copied = run(&registries, &job).await.0.unwrap();
        assert!(!copied.already);
        to.with(|world| {
            assert!(world.manifests.contains_key(&signature.to_string()));
            let listed = String::from_utf8(world.manifests[&tag].1.clone()).unwrap();
            assert!(listed.contains("vnd.acme.signature"), "{listed}");
        });
        assert!(run(&registries, &job).await.0.unwrap().already);
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_had_is_not_taken_for_an_empty_one() {
    let (from, to) = (Server::start().await, Server::start().await);
    let image = from.image("v1", &[b"layer"]);
    let mut job = job(from.repository("a/b"), image, to.repository("c/d"));
    job.referrers = true;
    from.with(|world| world.instead.push(("GET", "/referrers/", 429, Some("3600"))));
    let problem = run(&registries(), &job).await.0.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::RateLimited, "{problem}");
    assert!(to.with(|world| world.manifests.contains_key(&image.to_string())));
}

#[tokio::test]
async fn a_manifest_over_the_cap_is_refused_unread() {
    let server = Server::start().await;
    let words = "x".repeat(CAP);
    let document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "x": words});
    server.place("big", OCI_INDEX, document.to_string());
    let reference = server.repository("a/b").tagged("big");
    let problem = registries().resolve(&reference).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Invalid);
    assert!(problem.to_string().contains("larger than"), "{problem}");
    assert_eq!(server.count("GET"), 0);
}

#[tokio::test]
async fn chunks_are_as_long_as_the_registry_wants_them() {
    let pair = pair().await;
    pair.to.with(|world| {
        world.keeps = false;
        world.chunk_minimum = Some("5000000");
        world.instead = vec![("PUT", "/blobs/", 413, None), ("PUT", "/blobs/", 413, None)];
    });
    let (copied, net) = run(&registries(), &pair.job).await;
    copied.unwrap();
    assert_eq!(net, WHOLE as u64);
    arrived(&pair.to);
    assert_eq!(pair.to.count("PATCH"), 3, "two of the layer, one of the config");
}

#[tokio::test]
async fn a_chunk_that_broke_goes_on_in_its_middle() {
    let pair = pair().await;
    pair.to.with(|world| {
        world.instead = vec![("PUT", "/blobs/", 413, None), ("PUT", "/blobs/", 413, None)];
    });
    let registries = registries();
    let events = Mutex::new(0);
    // The first chunk is accepted whole, the second is cut.
    let heard = |event| {
        if matches!(event, CopyProgress::Retrying { .. }) {
            *events.lock().unwrap() += 1;
            pair.to.with(|world| world.cut_after = Some(1_000_000));
        }
    };
    let copied = registries
        .copy(&pair.job, &heard, &CancellationToken::new())
        .await;
    copied.unwrap();
    arrived(&pair.to);
    assert!(*events.lock().unwrap() >= 2);
}
