//! Tests of the copy engine between registries in memory that misbehave.

use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

use super::test_server::{Server, digest, open_sessions, registries};
use super::{Copied, CopyJob, CopyProgress, CopySource, Registries, TagBefore};
use crate::domain::image::{Platform, Repository};
use crate::domain::{ManifestDigest, Problem, ProblemKind};

static LAYER: [u8; 100_000] = [7; 100_000];

struct Pair {
    from: Server,
    to: Server,
    image: ManifestDigest,
}

async fn pair() -> Pair {
    let (from, to) = (Server::start().await, Server::start().await);
    let image = from.image("v1", &[&LAYER, b"small"]);
    Pair { from, to, image }
}

fn job(source: Repository, image: ManifestDigest, destination: Repository) -> CopyJob {
    CopyJob {
        source: CopySource::Registry(source),
        digest: image,
        destination,
        tag: Some("latest".to_owned()),
        tag_before: TagBefore::Any,
        cut: Vec::new(),
        referrers: false,
    }
}

impl Pair {
    async fn copy(&self, registries: &Registries) -> (Result<Copied, Problem>, Vec<CopyProgress>) {
        let events = Mutex::new(Vec::new());
        let job = job(self.from.repository("a/b"), self.image, self.to.repository("c/d"));
        let heard = |event| events.lock().unwrap().push(event);
        let result = registries.copy(&job, &heard, &CancellationToken::new()).await;
        (result, events.into_inner().unwrap())
    }

    fn arrived(&self) {
        self.to.with(|world| {
            assert_eq!(world.blobs[&digest(&LAYER).to_string()], LAYER);
            assert!(world.manifests.contains_key("latest"));
            assert!(world.manifests.contains_key(&self.image.to_string()));
        });
        assert_eq!(open_sessions(&self.to), 0);
    }
}

/// Bytes reported as sent minus those rolled back.
fn net(events: &[CopyProgress]) -> u64 {
    events.iter().fold(0, |sum, event| match event {
        CopyProgress::Sent { bytes, .. } => sum + bytes,
        CopyProgress::Retrying { rolled_back, .. } => sum - rolled_back,
        _ => sum,
    })
}

const WHOLE: u64 = 100_000 + 5 + 52;

#[tokio::test]
async fn everything_arrives_and_the_second_time_nothing_is_written() {
    let pair = pair().await;
    let registries = registries();
    assert_eq!(
        registries
            .missing(
                &pair.from.repository("a/b").tagged("v1"),
                &pair.to.repository("c/d")
            )
            .await
            .unwrap(),
        WHOLE
    );
    let (copied, events) = pair.copy(&registries).await;
    let copied = copied.unwrap();
    assert_eq!(
        (copied.digest, copied.bytes_sent, copied.already),
        (pair.image, WHOLE, false)
    );
    assert_eq!(net(&events), WHOLE);
    pair.arrived();
    let asked = pair.to.with(|world| world.log.len());
    let writes = |server: &Server| server.count("POST") + server.count("PUT") + server.count("PATCH");
    let before = writes(&pair.to);
    let again = pair.copy(&registries).await.0.unwrap();
    assert_eq!(
        (again.already, again.bytes_sent, again.bytes_skipped),
        (true, 0, WHOLE)
    );
    assert_eq!(writes(&pair.to), before);
    assert_eq!(
        pair.to.with(|world| world.log.len()) - asked,
        2,
        "root and tag, at once"
    );
}

#[tokio::test]
async fn a_failed_put_is_sent_anew_and_counted_once() {
    // A token that expired on the way is handled like a failure.
    for status in [500, 401] {
        let pair = pair().await;
        pair.to
            .with(|world| world.instead.push(("PUT", "/blobs/", status, None)));
        let (copied, events) = pair.copy(&registries()).await;
        assert_eq!(copied.unwrap().bytes_sent, WHOLE);
        assert_eq!(net(&events), WHOLE);
        assert!(
            events
                .iter()
                .any(|event| matches!(event, CopyProgress::Retrying { .. }))
        );
        pair.arrived();
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    let pair = pair().await;
    pair.to.with(|world| world.cut = 1);
    let (copied, events) = pair.copy(&registries()).await;
    assert_eq!(copied.unwrap().bytes_sent, WHOLE);
    assert_eq!(net(&events), WHOLE);
    assert_eq!(pair.to.count("PUT /v2/c/d/blobs"), 3, "nothing is sent twice");
    pair.arrived();
}

#[tokio::test]
async fn a_source_that_breaks_off_is_asked_again() {
    let pair = pair().await;
    pair.from.with(|world| world.truncate = 2);
    let (copied, events) = pair.copy(&registries()).await;
    copied.unwrap();
    assert_eq!(net(&events), WHOLE);
    pair.arrived();
}

#[tokio::test]
async fn wrong_bytes_and_wrong_lengths_never_arrive() {
    for lie in [vec![8; 100_000], vec![7; 99_999], vec![7; 100_001]] {
        let pair = pair().await;
        let name = digest(&LAYER).to_string();
        pair.from.with(|world| world.blobs.insert(name.clone(), lie));
        let (copied, _) = pair.copy(&registries()).await;
        let problem = copied.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Invalid, "{problem}");
        assert!(problem.to_string().contains(&name), "{problem}");
        pair.to.with(|world| {
            assert!(!world.blobs.contains_key(&name));
            assert!(world.manifests.is_empty());
        });
        assert_eq!(open_sessions(&pair.to), 0);
    }
}

#[tokio::test]
async fn a_refused_put_goes_in_chunks() {
    let from = Server::start().await;
    let to = Server::start().await;
    let layer: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 251) as u8).collect();
    let image = from.image("v1", &[&layer]);
    to.with(|world| {
        world.instead = vec![("PUT", "/blobs/", 413, None), ("PUT", "/blobs/", 413, None)];
    });
    let job = job(from.repository("a/b"), image, to.repository("c/d"));
    let copied = registries()
        .copy(&job, &|_| {}, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(copied.bytes_sent, 9_000_000 + 52);
    to.with(|world| assert_eq!(world.blobs[&digest(&layer).to_string()], layer));
    assert!(to.count("PATCH") >= 3);
}

#[tokio::test]
async fn within_one_registry_blobs_are_mounted_or_uploaded_where_the_mount_led() {
    for mounts in [true, false] {
        let server = Server::start().await;
        let image = server.image("v1", &[&LAYER]);
        server.with(|world| {
            world.password = Some("p");
            world.mounts = mounts;
            // The fake registry has one pool of blobs: this answers as if the other repository had
            // none.
            world.instead = vec![("HEAD", "c/d/blobs", 404, None); 2];
            world.instead.push(("HEAD", "c/d/manifests", 404, None));
        });
        let (source, destination) = (server.repository("a/b"), server.repository("c/d"));
        let registries = registries()
            .with_credential(&source, None, "robot".into(), "p".to_owned().into())
            .with_credential(&destination, None, "robot".into(), "p".to_owned().into());
        let job = job(source, image, destination);
        let copied = registries
            .copy(&job, &|_| {}, &CancellationToken::new())
            .await
            .unwrap();
        assert_eq!(copied.bytes_sent, if mounts { 0 } else { 100_052 });
        assert_eq!(server.count("POST"), 2, "one POST a blob");
        let asked = server.with(|world| {
            world.log.iter().any(|line| {
                line.starts_with("GET /token")
                    && line.contains("c%2Fd%3Apull%2Cpush")
                    && line.contains("a%2Fb%3Apull")
            })
        });
        assert!(asked, "both scopes are asked for at once");
        assert_eq!(open_sessions(&server), 0);
    }
}

#[tokio::test]
async fn an_index_comes_with_its_attestations_or_with_the_platforms_chosen() {
    let (from, to) = (Server::start().await, Server::start().await);
    let (one, two) = (from.image("1", &[b"x"]), from.image("2", &[b"y"]));
    let attestation = from.image("3", &[b"z"]);
    let index = from.index(
        "multi",
        &[(one, "amd64"), (two, "arm64"), (attestation, "unknown")],
    );
    let registries = registries();
    let mut job = job(from.repository("a/b"), index, to.repository("c/d"));
    let nobody = CancellationToken::new();
    assert_eq!(
        registries.copy(&job, &|_| {}, &nobody).await.unwrap().digest,
        index
    );
    to.with(|world| {
        for digest in [one, two, attestation, index] {
            assert!(world.manifests.contains_key(&digest.to_string()));
        }
        let puts: Vec<&String> = world
            .log
            .iter()
            .filter(|line| line.starts_with("PUT") && line.contains("/manifests/"))
            .collect();
        assert_eq!(puts.len(), 4, "{puts:?}");
        let root = job.tag.clone().unwrap_or_else(|| index.to_string());
        assert!(puts[3].contains(&root), "the index after its children: {puts:?}");
    });
    job.cut.push(Platform {
        os: "linux".into(),
        architecture: "arm64".into(),
        variant: None,
    });
    assert_eq!(registries.copy(&job, &|_| {}, &nobody).await.unwrap().digest, two);
    job.cut[0].architecture = "s390x".into();
    assert_eq!(
        registries.copy(&job, &|_| {}, &nobody).await.unwrap_err().kind,
        ProblemKind::NotFound
    );
}

#[tokio::test]
async fn a_cancelled_copy_leaves_no_upload_behind_and_can_run_in_a_task() {
    let pair = pair().await;
    let cancel = CancellationToken::new();
    let job = job(pair.from.repository("a/b"), pair.image, pair.to.repository("c/d"));
    let registries = registries();
    let token = cancel.clone();
    let problem = tokio::spawn(async move {
        registries
            .copy(
                &job,
                &|event| {
                    if matches!(event, CopyProgress::Planned { .. }) {
                        token.cancel();
                    }
                },
                &cancel,
            )
            .await
    })
    .await
    .unwrap()
    .unwrap_err();
    assert!(problem.to_string().contains("cancelled"), "{problem}");
    assert_eq!(open_sessions(&pair.to), 0);
    pair.to.with(|world| assert!(world.manifests.is_empty()));
}

#[tokio::test]
async fn a_location_on_another_host_gets_no_authorization() {
    let pair = pair().await;
    let storage = Server::start().await;
    pair.to.with(|world| {
        world.password = Some("p");
        world.elsewhere = Some(format!("http://{}", storage.name));
    });
    let destination = pair.to.repository("c/d");
    let registries = registries().with_credential(&destination, None, "robot".into(), "p".to_owned().into());
    pair.copy(&registries).await.0.unwrap();
    assert_eq!(storage.count("PUT"), 3);
    assert_eq!(storage.with(|world| world.authorized), 0);
    assert!(pair.to.with(|world| world.authorized) > 0);
    assert_eq!(pair.from.with(|world| world.authorized), 0);
}
