//! Tests `doctor` over HTTP in one process: what a new demo environment lacks, by name.

#![allow(clippy::unwrap_used, clippy::large_futures, missing_docs)]

use std::collections::BTreeMap;

use windlass::config::Config;
use windlass::demo::{Options, World};
use windlass::domain::Snapshot;
use windlass::plan::doctor::{Check, CheckStatus, checks};
use windlass::run::{Session, Setting};
use windlass::services::Services;

fn named(all: &[Check], standing: CheckStatus) -> Vec<&str> {
    all.iter()
        .filter(|check| check.standing == standing)
        .map(|check| check.name.as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_world_has_a_dead_name_mail_secrets_and_a_sleeping_workflow() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::in_dir(dir.path().join("world"));
    options.image_size = 65_536;
    let world = World::start(&options).await.unwrap();
    let variables: BTreeMap<String, String> = world.environment().into_iter().collect();
    let variable = |name: &str| variables.get(name).cloned();
    let config = Config::load(None, variable, None).unwrap();
    let cache = dir.path().join("cache");
    let services = Services::new(&variable, Some(cache.clone()), false).unwrap();
    let setting = Setting {
        state: dir.path().join("state"),
        cache,
        read_only: true,
        offline: false,
    };
    let session = Session::open(config, services, &setting).unwrap();
    let (snapshot, seen) = session.observer.examine(Snapshot::default()).await;
    let all = checks(&session.config.workspace, &snapshot, &seen, chrono::Utc::now());
    assert_eq!(named(&all, CheckStatus::Failed), Vec::<&str>::new(), "{all:#?}");
    let mut warnings = named(&all, CheckStatus::Warning);
    let session = warnings.pop().unwrap();
    assert!(session.starts_with("session-expiry/"), "{all:#?}");
    assert_eq!(
        warnings,
        [
            "secret-name/finos/legend-juju-bundle:EMAIL_TO",
            "secret-name/finos/legend-juju-bundle:MAILGUN_API_KEY",
            "secret-name/finos/legend-juju-bundle:MAILGUN_DOMAIN",
            // Part of the demo: its schedule is disabled because of inactivity.
            "workflow/finos/legend-juju-bundle/publish_images.yaml",
            // Its files are as old as the real ones.
            "workflow-runner/finos/legend-juju-bundle/create_overlay.yaml",
            "workflow-runner/finos/legend-juju-bundle/create_release.yaml",
            "workflow-charmcraft/finos/legend-juju-bundle/create_release.yaml",
            "workflow-runner/finos/legend-juju-bundle/publish_images.yaml",
            "workflow-charmcraft/finos/legend-juju-bundle/publish_images.yaml",
            "workflow-actions/finos/legend-juju-bundle/publish_images.yaml",
            "workflow-runner/finos/legend-juju-bundle/release_to_stable.yaml",
            "workflow-charmcraft/finos/legend-juju-bundle/release_to_stable.yaml",
            "workflow-runner/finos/legend-juju-db-operator/publish.yaml",
            "workflow-runner/finos/legend-juju-engine-server-operator/publish.yaml",
            "workflow-runner/finos/legend-juju-gitlab-integrator/publish.yaml",
            "workflow-runner/finos/legend-juju-sdlc-server-operator/publish.yaml",
            "workflow-runner/finos/legend-juju-studio-operator/publish.yaml",
        ],
        "{all:#?}"
    );
    let fine = named(&all, CheckStatus::Ok);
    for name in [
        "state-folder",
        "reach/charmhub",
        "reach/github",
        "reach/ubuntu-one",
        "reach/uploads",
        "reach/docker.io",
        "charmhub-token",
        "charmhub-permissions",
        "github-token",
        "github-quota",
        "docker-hub-quota",
        "registry-login/ghcr.io",
        "secret-name/finos/legend-juju-bundle:CHARMHUB_TOKEN",
        "secret/finos/legend-juju-db-operator:CHARMHUB_TOKEN",
    ] {
        assert!(fine.contains(&name), "{name} is not among {fine:?}");
    }
    assert!(
        fine.iter().any(|name| name.starts_with("clock/")),
        "no clock was compared: {fine:?}"
    );
    world.stop().await;
}
