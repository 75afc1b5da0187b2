//! Tests login, sessions, revoking and secrets over HTTP against the demo environment: the service
//! clients only; plans and runs have their own tests.

#![allow(clippy::unwrap_used, clippy::panic, clippy::large_futures, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::{ExposeSecret, SecretString};
use windlass::demo::{Options, World};
use windlass::domain::credential::{ExpiryFrom, PackageKind, ScopedPackage, TokenScope};
use windlass::domain::secret::SealedValue;
use windlass::domain::{GitHubRepository, ProblemKind, SecretTarget};
use windlass::services::Services;
use windlass::services::charmhub::{EXPIRED, Login, Publisher, SignOnAnswer, StoreToken, StoreWriter};
use windlass::services::credential_file::CredentialFile;
use windlass::services::github::GitHubWriter;
use windlass::services::http::Written;
use windlass::services::sealed_box::seal;

async fn world(dir: &Path) -> World {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut options = Options::in_dir(dir.join("world"));
    options.image_size = 65_536;
    World::start(&options).await.unwrap()
}

fn services(world: &World, without: &[&str]) -> Services {
    let mut variables: BTreeMap<String, String> = world.environment().into_iter().collect();
    for name in without {
        variables.remove(*name);
    }
    Services::new(&|name: &str| variables.get(name).cloned(), None, false).unwrap()
}

fn login(world: &World, otp: bool) -> Login {
    let variables: BTreeMap<String, String> = world.environment().into_iter().collect();
    Login {
        email: variables["WINDLASS_SSO_EMAIL"].clone(),
        password: SecretString::from(variables["WINDLASS_SSO_PASSWORD"].as_str()),
        otp: otp.then(|| SecretString::from(variables["WINDLASS_SSO_OTP"].as_str())),
    }
}

fn scope() -> TokenScope {
    TokenScope {
        permissions: ["package-manage", "package-view-revisions"]
            .map(str::to_owned)
            .to_vec(),
        packages: vec![ScopedPackage {
            kind: PackageKind::Charm,
            name: "finos-legend-engine-k8s".parse().unwrap(),
        }],
        channels: Vec::new(),
        ttl: 3600,
    }
}

async fn signed_in(world: &World, services: &Services, description: &str) -> StoreToken {
    let sign_on = services.sign_on();
    let answer = sign_on.discharge(&scope(), &login(world, true)).await.unwrap();
    let SignOnAnswer::Signed(signed) = answer else {
        panic!("not signed on");
    };
    match sign_on.exchange(&signed, description).await.unwrap() {
        Written::Answered(token) => token,
        Written::Lost(problem) | Written::NotTaken(problem) => panic!("lost: {problem}"),
    }
}

fn publisher(services: &Services, token: &StoreToken) -> Publisher {
    let api = services.endpoints.charmhub.clone();
    Publisher::new(services.http.clone(), api, token.clone())
}

/// Caches nothing.
struct NoCache;

impl windlass::services::github::releases::BlobCache for NoCache {
    fn blob(&self, _sha: &str) -> Option<Vec<u8>> {
        None
    }

    fn keep_blob(&self, _sha: &str, _bytes: &[u8]) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_signed_for_seen_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let services = services(&world, &["CHARMCRAFT_AUTH"]);
    assert!(!services.has_variable_token());
    let answer = services
        .sign_on()
        .discharge(&scope(), &login(&world, false))
        .await;
    assert!(matches!(answer.unwrap(), SignOnAnswer::OtpWanted));
    let mut wrong = login(&world, true);
    wrong.password = SecretString::from("wrong");
    let refused = services.sign_on().discharge(&scope(), &wrong).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::Credentials);

    let token = signed_in(&world, &services, "windlass@here one").await;
    let other = signed_in(&world, &services, "windlass@here two").await;
    let (ours, theirs) = (publisher(&services, &token), publisher(&services, &other));
    let facts = ours.whoami().await.unwrap();
    assert_eq!(facts.expires_from, ExpiryFrom::Caveat);
    let left = (facts.expires_at.unwrap() - chrono::Utc::now()).num_seconds();
    assert!((3500..=3600).contains(&left), "{left}");
    assert!(facts.permits("package-manage") && facts.reaches("finos-legend-engine-k8s", None));
    assert!(!facts.reaches("finos-legend-sdlc-k8s", None));

    let session = facts.session.unwrap();
    let listed = ours.sessions(false).await.unwrap();
    let one = listed.iter().find(|item| item.id == session).unwrap();
    assert_eq!(one.description.as_ref().unwrap().as_str(), "windlass@here one");
    assert_eq!(
        one.until.unwrap().timestamp(),
        facts.expires_at.unwrap().timestamp()
    );

    let writer = StoreWriter::new(theirs.clone(), services.endpoints.storage.clone());
    let revoked = writer.revoke(&session).await.unwrap();
    assert!(matches!(revoked, Written::Answered(())));
    let expired = ours.whoami().await.unwrap_err();
    assert_eq!(expired.kind, ProblemKind::Credentials);
    assert_eq!(expired.summary.as_str(), EXPIRED);
    assert!(expired.causes[1].as_str().contains("the sign-in"), "{expired:?}");
    assert!(theirs.whoami().await.is_ok());
    let listed = theirs.sessions(false).await.unwrap();
    assert!(listed.iter().all(|item| item.id != session));
    let listed = theirs.sessions(true).await.unwrap();
    let one = listed.iter().find(|item| item.id == session).unwrap();
    assert!(one.revoked_at.is_some());
    assert!(services.http.skews().values().all(|skew| skew.abs() <= 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encrypted_file_is_the_last_place_and_asks_only_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let ask: windlass::services::AskPassphrase = Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Some(SecretString::from("pass"))
    });
    let folder = dir.path().join("kept");
    let with_variable = services(&world, &[]).with_passphrase(folder.clone(), Arc::clone(&ask));
    assert!(with_variable.has_variable_token());
    let without = services(&world, &["CHARMCRAFT_AUTH"]).with_passphrase(folder.clone(), ask);

    assert_eq!(
        without.store_token().await.unwrap_err().kind,
        ProblemKind::Credentials
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);

    let token = signed_in(&world, &without, "x").await;
    CredentialFile::in_folder(&folder)
        .keep(
            &SecretString::from("pass"),
            &without.endpoints.charmhub,
            &token.export(),
        )
        .unwrap();
    assert!(without.store_token().await.is_err(), "what was found stays found");
    without.forget_token();
    let found = without.store_token().await.unwrap();
    assert_eq!(found.secret().expose_secret(), token.secret().expose_secret());
    assert!(without.publisher().await.unwrap().whoami().await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let other = with_variable.store_token().await.unwrap();
    assert_eq!(other.source().as_str(), "CHARMCRAFT_AUTH");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sealed_set_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let services = services(&world, &[]);
    let repository: GitHubRepository = "finos/legend-juju-bundle".parse().unwrap();
    let github = &services.github;
    let before = github.repository_secrets(&repository).await.unwrap();
    assert_eq!(before.repository, repository);
    assert!(before.may_write);
    let target: SecretTarget = "finos/legend-juju-bundle:WINDLASS_TEST".parse().unwrap();
    assert!(github.secret(&target).await.unwrap().is_none());

    let key = github.public_key(&repository).await.unwrap();
    assert_eq!(key.key_id, before.key_id);
    let sealed = SealedValue {
        target: target.clone(),
        key_id: key.key_id.clone(),
        encrypted_value: seal(&key, &SecretString::from("the value")).unwrap(),
    };
    let writer = GitHubWriter::new(github.clone());
    for _ in 0..2 {
        let written = writer.put_secret(&sealed).await.unwrap();
        assert!(matches!(written, Written::Answered(())));
    }
    let facts = github.secret(&target).await.unwrap().unwrap();
    let after = github.repository_secrets(&repository).await.unwrap();
    assert_eq!(after.secrets[&target.secret], facts);
    assert_eq!(after.secrets.len(), before.secrets.len() + 1);

    let wrong = SealedValue {
        key_id: windlass::domain::KeyId("1".to_owned()),
        ..sealed
    };
    let refused = writer.put_secret(&wrong).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::Refused);
    assert!(refused.summary.as_str().contains("key"), "{refused}");

    let deleted = writer.delete_secret(&target).await.unwrap();
    assert!(matches!(deleted, Written::Answered(())));
    assert!(github.secret(&target).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_files_tell_which_secrets_they_read() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let services = services(&world, &[]);
    let repository: GitHubRepository = "finos/legend-juju-bundle".parse().unwrap();
    let read = services
        .github
        .workflow_files(&repository, &NoCache)
        .await
        .unwrap()
        .files;
    assert!(!read.is_empty());
    assert!(
        read.iter()
            .all(|file| file.path.starts_with(".github/workflows/") && file.unreadable.is_none()),
        "{read:?}"
    );
    assert!(
        read.iter()
            .flat_map(|file| &file.reads)
            .any(|name| name.as_str() == "CHARMHUB_TOKEN"),
        "{read:?}"
    );
    let states = services.github.workflow_states(&repository).await.unwrap();
    assert!(states.iter().any(|(_, state)| state == "active"), "{states:?}");
}
