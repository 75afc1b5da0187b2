//! The small fixture: one charm with two bases and one with one, a published release and a new one,
//! a credential that expires soon.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::images::{detail, on_amd64, seen};
use crate::config::Workspace;
use crate::console::actions::Key;
use crate::console::effect::Effect;
use crate::console::model::Setting;
use crate::console::msg::Folder;
use crate::console::update::update;
use crate::console::view::look::Look;
use crate::console::view::{self, Drawn};
use crate::console::wishes::Preferences;
use crate::console::{Model, Msg};
use crate::domain::charm::{
    Attached, ChannelRow, CharmFacts, DeclaredResource, ImageBehind, ResourceFacts, RevisionFacts,
};
use crate::domain::credential::{CredentialFacts, CredentialOrigin, ExpiryFrom};
use crate::domain::secret::{LineageRecord, RepositorySecrets, SecretFacts, SessionFacts};
use crate::domain::snapshot::PullQuota;
use crate::domain::{
    Author, Base, BundleFacts, CharmRevision, ContentFacts, Digest, FileBytes, Fingerprint, GitHubRepository,
    ImageFacts, KeyId, ManifestDigest, Observed, Origin, Release, ResolvedImage, ResourceRevision,
    SanitizedText, SessionId, Snapshot,
};
use crate::journal::{Outcome, RunId, RunRecord};
use crate::plan::{
    Content, Intent, Plan, PublishIntent, UploadIntent, copy, hold, promote, publish, release as releasing,
    revoke, rollback, rotate, sign_in, upload, workflow,
};

const WORKSPACE: &str = r#"
name = "small"
[upstream]
kind = "manifest-directory"
repository = "finos/legend"
branch = "master"
path = "releases"
since = "2022-04-01"
select = "newest-per-month"
registry = "docker.io"
[publish]
channels = ["{yyyy-mm}/edge", "latest/edge"]
[[charm]]
name = "finos-legend-engine-k8s"
repository = "finos/engine"
resources = [{ name = "engine-image", image = "finos/legend-engine-server" }]
[[charm]]
name = "finos-legend-studio-k8s"
repository = "finos/studio"
resources = [{ name = "studio-image", image = "finos/legend-studio" }]
[bundle]
name = "finos-legend-bundle"
repository = "finos/bundle"
base = "edge"
branch = "release-{release}"
mode = "optional"
[[token]]
kind = "charmhub"
ttl = "15780000s"
permissions = ["package-manage"]
targets = [
  { repository = "finos/bundle", secret = "CHARMHUB_TOKEN" },
  { repository = "finos/engine", secret = "CHARMHUB_TOKEN" },
  { repository = "finos/studio", secret = "CHARMHUB_TOKEN" },
]
"#;

/// The charms with their resource, the manifest's key and the letter of their tags.
const CHARMS: [(&str, &str, &str, &str); 2] = [
    (
        "finos-legend-engine-k8s",
        "engine-image",
        "finos/legend-engine-server",
        "4.",
    ),
    (
        "finos-legend-studio-k8s",
        "studio-image",
        "finos/legend-studio",
        "13.",
    ),
];

pub(super) fn workspace() -> Workspace {
    Workspace::parse(WORKSPACE, "test").unwrap()
}

pub(super) fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2025-02-01T12:00:00Z")
        .unwrap()
        .to_utc()
}

pub(super) fn digest(seed: &str) -> Digest {
    use sha2::{Digest as _, Sha256};
    Digest::from_bytes(Sha256::digest(seed.as_bytes()).into())
}

fn base(channel: &str) -> Base {
    Base {
        name: "ubuntu".into(),
        channel: channel.into(),
        architecture: "amd64".into(),
    }
}

fn release(name: &str, day: &str, tag: &str) -> Release {
    let at = DateTime::parse_from_rfc3339(&format!("{day}T12:00:00Z"))
        .unwrap()
        .timestamp_millis();
    let core: Vec<String> = CHARMS
        .iter()
        .map(|(_, _, key, major)| format!("\"{key}\": \"{major}{tag}\""))
        .collect();
    let text = format!("{{\"timestamp\": {at}, \"core\": {{{}}}}}", core.join(","));
    Release::from_manifest(name.parse().unwrap(), text.as_bytes()).unwrap()
}

fn image(workspace: &Workspace, key: &str, tag: &str) -> ResolvedImage {
    let reference = workspace.image_repository(key).unwrap().tagged(tag);
    let seed = reference.to_string();
    ResolvedImage {
        reference,
        digest: ManifestDigest(digest(&seed)),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        size: 335_000_000,
        platforms: vec![on_amd64(&seed)],
        attestations: Vec::new(),
    }
}

pub(super) fn snapshot() -> Snapshot {
    let workspace = workspace();
    let mut snapshot = Snapshot {
        taken_at: now(),
        world: "test".into(),
        workspace: "small".into(),
        quota: Some(PullQuota {
            limit: 100,
            remaining: 97,
            window: 21_600,
        }),
        ..Snapshot::default()
    };
    snapshot.releases = Observed::read(
        vec![
            release("2025-01-27", "2025-01-27", "68.0"),
            release("2024-01-08", "2025-01-08", "67.12"),
            release("2023-12-05", "2023-12-05", "36.0"),
            release("2023-11-08", "2023-11-08", "35.0"),
            release("2023-11-07", "2023-11-07", "35.0"),
        ],
        now(),
    );
    snapshot.markers = Observed::read(
        ["2023-12-05", "2023-11-08"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect(),
        now(),
    );
    for (name, resource, key, major) in CHARMS {
        for tag in ["68.0", "67.12", "36.0", "35.0"] {
            let image = image(&workspace, key, &format!("{major}{tag}"));
            snapshot
                .images
                .insert(image.reference.to_string(), Observed::read(image, now()));
        }
        let name: crate::domain::CharmName = name.parse().unwrap();
        let resource: crate::domain::ResourceName = resource.parse().unwrap();
        let running = image(&workspace, key, &format!("{major}36.0"));
        snapshot.behind.insert(
            Snapshot::behind_key(&name, &resource, ResourceRevision(32)),
            Observed::read(
                ImageBehind {
                    digest: running.digest,
                    config_digests: running.config_digests().collect(),
                },
                now(),
            ),
        );
        let bases: &[&str] = if major == "4." {
            &["20.04", "22.04"]
        } else {
            &["20.04"]
        };
        snapshot
            .charms
            .insert(name.clone(), Observed::read(facts(&resource, bases), now()));
    }
    books(&mut snapshot);
    snapshot.credential = Observed::read(
        CredentialFacts {
            name: "Charmhub token".into(),
            kind: "charmhub".into(),
            source: "CHARMCRAFT_AUTH".into(),
            account: Some("releaser".into()),
            expires_at: Some(now() + TimeDelta::hours(12 * 24 + 4)),
            expires_from: ExpiryFrom::Caveat,
            scopes: vec!["package-manage".into(), "package-view-revisions".into()],
            packages: None,
            channels: None,
            session: Some(SessionId::new("session-in-use")),
            origin: CredentialOrigin::Other,
            token_kind: None,
            remarks: Vec::new(),
            rewrite: None,
        },
        now(),
    );
    snapshot
}

/// Adds the secrets that GitHub lists, what is remembered about them, and the store's sessions.
fn books(snapshot: &mut Snapshot) {
    let ago = |days| now() - TimeDelta::days(days);
    let read = |name: &str, days| {
        let facts = SecretFacts {
            created_at: ago(400),
            updated_at: ago(days),
        };
        let secrets = [("CHARMHUB_TOKEN".parse().unwrap(), facts)].into();
        let repository: GitHubRepository = name.parse().unwrap();
        let facts = RepositorySecrets {
            repository: repository.clone(),
            id: 7,
            may_write: true,
            key_id: KeyId(format!("key of {name}")),
            secrets,
            shared: BTreeMap::new(),
            busy: Vec::new(),
        };
        (repository, Observed::read(facts, now()))
    };
    // Written by windlass; written by windlass and by another client since; unknown.
    snapshot.secrets = [
        read("finos/bundle", 100),
        read("finos/engine", 3),
        read("finos/studio", 200),
    ]
    .into();
    for repository in ["finos/bundle", "finos/engine"] {
        snapshot.lineage.push(LineageRecord {
            target: format!("{repository}:CHARMHUB_TOKEN").parse().unwrap(),
            updated_at: ago(100),
            fingerprint: Fingerprint("f1".into()),
            session: Some(SessionId::new("session-of-the-secrets")),
            expires_at: Some(now() + TimeDelta::days(82)),
            run: "20241024T120000Z-0001".into(),
            at: ago(100),
        });
    }
    let session = |id: &str, who: &str, days: i64, left: i64| SessionFacts {
        id: SessionId::new(id),
        description: Some(SanitizedText::new(who)),
        since: Some(ago(days)),
        until: Some(now() + TimeDelta::days(left)),
        revoked_at: None,
    };
    let mut ended = session("session-ended", "charmcraft@old", 300, 20);
    ended.revoked_at = Some(ago(100));
    snapshot.sessions = Observed::read(
        vec![
            session("session-in-use", "charmcraft@here", 18, 12),
            session(
                "session-of-the-secrets",
                "windlass@here 20241024T120000Z-0001",
                100,
                82,
            ),
            session("session-lost", "windlass@here 20250101T120000Z-0002", 30, 150),
            ended,
        ],
        now(),
    );
    snapshot.orphans = vec![SessionId::new("session-lost")];
    snapshot.github = Observed::read(
        CredentialFacts {
            name: "GitHub token".into(),
            kind: "github".into(),
            source: "GH_TOKEN".into(),
            account: Some("releaser".into()),
            expires_at: None,
            expires_from: ExpiryFrom::Unknown,
            scopes: vec!["repo".into()],
            packages: None,
            channels: None,
            session: None,
            origin: CredentialOrigin::Other,
            token_kind: None,
            remarks: Vec::new(),
            rewrite: None,
        },
        now(),
    );
}

fn facts(resource: &crate::domain::ResourceName, bases: &[&str]) -> CharmFacts {
    let numbered = |at: usize| CharmRevision(50 - at as u64);
    let rows = ["latest/edge", "2023-12/edge"]
        .iter()
        .flat_map(|channel| {
            bases.iter().enumerate().map(move |(at, on)| ChannelRow {
                channel: channel.parse().unwrap(),
                base: Some(base(on)),
                revision: numbered(at),
                resources: vec![Attached {
                    name: resource.clone(),
                    revision: Some(ResourceRevision(32)),
                }],
                released_at: Some(now() - TimeDelta::days(30)),
            })
        })
        .collect();
    CharmFacts {
        id: "x".repeat(32),
        bundle: false,
        tracks: ["latest", "2023-12"].map(|t| t.parse().unwrap()).to_vec(),
        guardrails: vec![r"\d{4}-\d{2}".into()],
        rows,
        revisions: bases
            .iter()
            .enumerate()
            .map(|(at, on)| RevisionFacts {
                revision: numbered(at),
                version: SanitizedText::new(numbered(at).0.to_string()),
                status: "released".into(),
                created_at: now() - TimeDelta::days(300),
                bases: vec![base(on)],
                sha3: None,
                errors: Vec::new(),
            })
            .collect(),
        declared: bases
            .iter()
            .enumerate()
            .map(|(at, _)| DeclaredResource {
                charm_revision: numbered(at),
                name: resource.clone(),
                kind: "oci-image".into(),
                optional: false,
            })
            .collect(),
        resources: [(
            resource.clone(),
            vec![ResourceFacts {
                revision: ResourceRevision(32),
                created_at: now() - TimeDelta::days(30),
                size: 300,
                sha256: digest("descriptor"),
                architectures: vec!["amd64".into()],
            }],
        )]
        .into(),
    }
}

pub(super) fn setting(read_only: bool) -> Setting {
    Setting {
        workspace: workspace(),
        read_only,
        demo: false,
        look: Look::FULL,
        refresh_minutes: 5,
        offline: false,
        folder: "/home/me/images".into(),
        home: Some("/home/me".into()),
        wishes: Preferences::default(),
        keymap: std::sync::Arc::default(),
    }
}

/// Returns a console on the fixture, its first refresh answered.
pub(super) fn console(size: (u16, u16), read_only: bool) -> Model {
    let mut model = Model::new(setting(read_only), Arc::new(snapshot()), now(), size);
    let effects = update(&mut model, Msg::FirstFrame(now()));
    answer(&mut model, effects);
    model
}

/// Answers the effects as the shell would, always with the same fixture.
pub(super) fn answer(model: &mut Model, effects: Vec<Effect>) -> Vec<Effect> {
    let mut rest = Vec::new();
    for effect in effects {
        let msg = match effect {
            Effect::Refresh { id, previous, .. } => Msg::Observed(id, now(), previous),
            Effect::ReadRuns { id } => Msg::RunsRead(id, now(), Ok(model.runs.clone())),
            Effect::Plan { id, previous, intent } => {
                let previous = looked_for(previous, &intent);
                let plan = match &intent {
                    Intent::Publish(intent) => publish::plan(&workspace(), &previous, intent),
                    Intent::Rotate(intent) => rotate::plan(&workspace(), &previous, intent),
                    Intent::SignIn(intent) => sign_in::plan(&workspace(), &previous, intent),
                    Intent::Revoke(intent) => revoke::plan(&workspace(), &previous, intent),
                    Intent::Upload(intent) => upload::plan(&workspace(), &previous, intent),
                    Intent::Copy(intent) => copy::plan(&workspace(), &previous, intent),
                    Intent::Release(intent) => releasing::plan(&workspace(), &previous, intent),
                    Intent::Close(intent) => releasing::close(&workspace(), &previous, intent),
                    Intent::Promote(intent) => promote::plan(&workspace(), &previous, intent),
                    Intent::PromoteTrack(intent) => promote::track::plan(&workspace(), &previous, intent),
                    Intent::Rollback(intent) => rollback::plan(&workspace(), &previous, intent),
                    Intent::Hold(intent) => hold::plan(&workspace(), &previous, intent),
                    Intent::Workflow(intent) => workflow::plan(&workspace(), &previous, intent),
                };
                Msg::Planned(id, now(), previous, Box::new(plan))
            }
            Effect::Look { id, image, to, .. } => Msg::Looked(id, Box::new(Ok(seen(&image, to.is_some())))),
            Effect::LookBehind { id, charm, previous } => Msg::Behind(id, charm, previous.behind.clone()),
            Effect::LookAtWorkflows { id, .. } => {
                let seen = Observed::read(super::workflows::seen(), now());
                Msg::WorkflowsSeen(id, Box::new(seen))
            }
            Effect::LookAtRun { id, run, .. } => {
                Msg::WorkflowRunSeen(id, Box::new(Ok(super::workflows::looked_at(run))))
            }
            Effect::ListFolder(path) => Msg::FolderListed(Folder {
                names: ["bundle.tar", "images/", "notes", "notes.txt"]
                    .map(str::to_owned)
                    .to_vec(),
                path,
            }),
            Effect::ListTags { id, repository } => {
                Msg::TagsListed(id, now(), Box::new(super::tags::listed(&repository)))
            }
            Effect::ReadJobLog { id, job, .. } => {
                Msg::JobLogRead(id, Box::new(super::workflows::log_of(job)))
            }
            Effect::AskEngines => {
                Msg::Held(vec![SanitizedText::new("docker-daemon:finos/legend-studio:mine")])
            }
            other => {
                rest.push(other);
                continue;
            }
        };
        let more = update(model, msg);
        rest.extend(answer(model, more));
    }
    rest
}

/// Adds the bundle and its repository, as read for a publish.
pub(super) fn with_bundle(snapshot: &mut Snapshot) {
    let mut text = String::from("applications:\n");
    for (charm, ..) in CHARMS {
        text.push_str(&format!(
            "  {charm}:\n    charm: {charm}\n    channel: latest/edge\n"
        ));
    }
    let repository = BundleFacts {
        tip: "a".repeat(40).parse().unwrap(),
        files: [("bundle.yaml".to_owned(), FileBytes(text.into_bytes()))].into(),
        branches: BTreeMap::new(),
        writable: Some(true),
        author: Author {
            name: "Rita Releaser".into(),
            email: "rita@example.com".into(),
            from: "git".into(),
            remarks: Vec::new(),
        },
    };
    snapshot.bundle = Observed::read(repository, now());
    let store = CharmFacts {
        bundle: true,
        tracks: vec!["latest".parse().unwrap()],
        guardrails: vec![r"\d{4}-\d{2}".into()],
        ..CharmFacts::default()
    };
    snapshot.charms.insert(
        "finos-legend-bundle".parse().unwrap(),
        Observed::read(store, now()),
    );
}

/// Adds what is read for a publish, or for an upload of an image by reference.
fn looked_for(previous: Arc<Snapshot>, intent: &Intent) -> Arc<Snapshot> {
    if matches!(intent, Intent::Publish(_) | Intent::Promote(_)) {
        let mut snapshot = Arc::unwrap_or_clone(previous);
        with_bundle(&mut snapshot);
        return Arc::new(snapshot);
    }
    let Intent::Upload(UploadIntent {
        content: Content::From { source, .. },
        ..
    }) = intent
    else {
        return previous;
    };
    let mut snapshot = Arc::unwrap_or_clone(previous);
    let detail = detail(source);
    let own = detail.platforms[0].layers[1].clone();
    let facts = ImageFacts {
        origin: Origin::Registry(workspace().image_repository("finos/legend-studio").unwrap()),
        cut: None,
        there: false,
        lacking: vec![own.digest],
        bytes_missing: own.size,
        tagged: None,
        left_out: Vec::new(),
        attachments_missing: 0,
        detail,
    };
    snapshot.content = Observed::read(ContentFacts::Image(Box::new(facts)), now());
    Arc::new(snapshot)
}

/// Returns the console of 120x40 with a rotation refused for one of its repositories.
pub(super) fn refused_rotation() -> Model {
    let mut model = console((120, 40), false);
    let snapshot = Arc::make_mut(&mut model.snapshot);
    let studio = snapshot.secrets.get_mut(&"finos/studio".parse().unwrap());
    studio.unwrap().value.as_mut().unwrap().may_write = false;
    press(&mut model, Key::Char('R'));
    model
}

/// Presses `key`, answers the requests, and returns the other effects.
pub(super) fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    let effects = update(model, Msg::Key(key));
    answer(model, effects)
}

pub(super) fn type_in(model: &mut Model, text: &str) {
    for c in text.chars() {
        press(model, Key::Char(c));
    }
}

/// Returns the text on screen, and what was drawn.
pub(super) fn screen(model: &Model) -> (String, Drawn) {
    let mut terminal = Terminal::new(TestBackend::new(model.columns, model.lines)).unwrap();
    let mut drawn = Drawn::default();
    terminal.draw(|frame| drawn = view::draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        for x in 0..buffer.area.width {
            line.push_str(buffer.cell((x, y)).unwrap().symbol());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    (text, drawn)
}

/// Returns the plan of publishing the new release.
pub(super) fn plan() -> Plan {
    let intent = PublishIntent::of("2025-01-27".parse().unwrap());
    let mut snapshot = snapshot();
    with_bundle(&mut snapshot);
    publish::plan(&workspace(), &snapshot, &intent).unwrap()
}

pub(super) fn record(outcome: Option<Outcome>) -> RunRecord {
    RunRecord {
        id: RunId("20250201T120000Z-ab12".into()),
        actor: "someone@here".into(),
        plan: plan(),
        outcome,
        started_at: now(),
        finished_at: outcome.map(|_| now() + TimeDelta::seconds(42)),
        steps: Vec::new(),
        problem: None,
        running: false,
        rolled_back_by: None,
        given_up: false,
        replaced_by: None,
    }
}
