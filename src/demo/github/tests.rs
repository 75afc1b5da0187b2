//! Tests of the demo GitHub over the wire, read with the models that real clients use.

use std::time::Duration;

use octocrab::models::{
    Author, PublicKey, RateLimit, Repository, UserProfile, git::GitTree, repos, workflows::WorkFlow,
};
use reqwest::{Client, Method as Verb, Response as Reply};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;
use crate::demo::registry;

const TOKEN: &str = "ghp_demo";
const PLANTED: Planted<'_> = Planted {
    token: TOKEN,
    packages_token: "ghp_packages",
    credential: "b3BlcmF0b3I=",
    older_credential: "b2xkZXI=",
};
const BUNDLE: &str = "/repos/finos/legend-juju-bundle";

/// A GitHub server that listens.
pub(super) struct World {
    pub base: String,
    pub client: Client,
    pub folder: tempfile::TempDir,
    pub github: Arc<GitHub>,
}

pub(super) async fn world() -> World {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let ghcr = Registry::open(registry::Setup {
        name: "ghcr",
        dir: folder.path().join("ghcr"),
        realm: String::new(),
        service: String::new(),
        quota: false,
        anonymous_pull: true,
    })
    .unwrap();
    for tag in ["v1.0.0_1.1", "v1.0.0_2.1", "v1.0.0", "latest"] {
        let made_for = if tag.ends_with("_1.1") { tag } else { "v1.0.0_2.1" };
        let shape = registry::images::Shape::Schema2;
        let (repository, tag_of) = ("cfpb/regtech/sbl/alpine".to_owned(), made_for.to_owned());
        let recipe = registry::images::Recipe {
            repository,
            tag: tag_of,
            seed: 7,
            size: 4096,
            shape,
        };
        ghcr.offer("cfpb/regtech/sbl/alpine", tag, recipe);
    }
    let github = GitHub::open(folder.path(), 7, &PLANTED).unwrap();
    github.show_packages(ghcr);
    let serving = router(github.clone());
    tokio::spawn(async move { axum::serve(listener, serving).await.unwrap() });
    let client = Client::builder()
        .tls_certs_only([])
        .user_agent("test")
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    World {
        base,
        client,
        folder,
        github,
    }
}

impl World {
    pub(super) fn ask(&self, verb: Verb, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(verb, format!("{}{path}", self.base))
            .bearer_auth(TOKEN)
    }

    pub(super) async fn send(&self, verb: Verb, path: &str, body: Value) -> (u16, Value) {
        let reply = self.ask(verb, path).json(&body).send().await.unwrap();
        let status = reply.status().as_u16();
        (
            status,
            serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let reply = self.ask(Verb::GET, path).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{path}");
        let text = reply.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    pub(super) fn github_json(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.folder.path().join("github.json")).unwrap()).unwrap()
    }
}

pub(super) fn field(reply: &Reply, name: &str) -> String {
    reply
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn releases_are_read_verbatim_by_tree_and_blob() {
    let world = world().await;
    let tree: GitTree = world
        .get("/repos/finos/legend/git/trees/master:releases?recursive=1")
        .await;
    let manifests: Vec<_> = tree
        .tree
        .iter()
        .filter(|entry| entry.path.ends_with("/manifest.json"))
        .collect();
    assert_eq!(manifests.len(), 42);
    for entry in manifests {
        let raw = world
            .ask(Verb::GET, &format!("/repos/finos/legend/git/blobs/{}", entry.sha))
            .header("accept", "application/vnd.github.raw+json")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let name = entry.path.split('/').next().unwrap();
        let known = manifests::RELEASES
            .iter()
            .find(|(release, _)| *release == name)
            .unwrap()
            .1;
        assert_eq!(raw, known);
    }
    let commits: Vec<Value> = world
        .get("/repos/finos/legend/commits?path=releases/2023-12-05&per_page=1")
        .await;
    assert_eq!(commits[0]["commit"]["message"], "new Docker release 2023-12-05");
}

#[tokio::test]
async fn shapes_satisfy_the_models_of_octocrab() {
    let world = world().await;
    let repository: Repository = world.get(BUNDLE).await;
    assert_eq!(repository.default_branch.as_deref(), Some("main"));
    assert!(repository.permissions.unwrap().push);
    let refs: Vec<repos::Ref> = world
        .get(&format!("{BUNDLE}/git/matching-refs/heads/release-"))
        .await;
    assert_eq!(refs.len(), 9);
    let branches: Vec<repos::Branch> = world.get(&format!("{BUNDLE}/branches")).await;
    assert_eq!(branches.len(), 11);
    let commits: Vec<repos::RepoCommit> = world
        .get(&format!("{BUNDLE}/commits?sha=release-2023-12-05"))
        .await;
    assert_eq!(commits[1].commit.author.as_ref().unwrap().name, "Pedro Cruz");
    let one: repos::RepoCommit = world.get(&format!("{BUNDLE}/commits/release-2023-12-05")).await;
    assert_eq!(one.files.unwrap()[0].filename, "overlay-2023-12-05.yaml");
    let file: repos::Content = world
        .get(&format!("{BUNDLE}/contents/bundle.yaml?ref=edge"))
        .await;
    assert!(file.decoded_content().unwrap().contains("&external-hostname"));
    let folder: Vec<repos::Content> = world.get(&format!("{BUNDLE}/contents/.github/workflows")).await;
    assert_eq!(folder.len(), 5);
    let workflows: Value = world.get(&format!("{BUNDLE}/actions/workflows")).await;
    let workflows: Vec<WorkFlow> = serde_json::from_value(workflows["workflows"].clone()).unwrap();
    let images = workflows
        .iter()
        .find(|flow| flow.path.ends_with("publish_images.yaml"))
        .unwrap();
    assert_eq!(images.state, "disabled_inactivity");
    let secrets: repos::secrets::RepositorySecrets = world.get(&format!("{BUNDLE}/actions/secrets")).await;
    assert_eq!(secrets.total_count, 2);
    let user: UserProfile = world.get("/user").await;
    let author: Author = world.get("/user").await;
    assert_eq!(user.login, author.login);
    let _: RateLimit = world.get("/rate_limit").await;
}

#[tokio::test]
async fn sealed_secrets_open_with_the_recorded_key() {
    let world = world().await;
    let path = format!("{BUNDLE}/actions/secrets");
    let key: PublicKey = world.get(&format!("{path}/public-key")).await;
    let public = crypto_box::PublicKey::from_slice(&STANDARD.decode(&key.key).unwrap()).unwrap();
    let sealed = STANDARD.encode(public.seal(&mut crypto_box::aead::OsRng, b"new token").unwrap());
    let body = serde_json::json!({"encrypted_value": sealed, "key_id": key.key_id});
    assert_eq!(
        world
            .send(Verb::PUT, &format!("{path}/CHARMHUB_TOKEN"), body.clone())
            .await
            .0,
        204
    );
    assert_eq!(
        world
            .send(Verb::PUT, &format!("{path}/CHARMCRAFT_AUTH"), body)
            .await
            .0,
        201
    );
    let wrong = serde_json::json!({"encrypted_value": sealed, "key_id": "1"});
    assert_eq!(
        world
            .send(Verb::PUT, &format!("{path}/CHARMHUB_TOKEN"), wrong)
            .await
            .0,
        422
    );

    let kept = &world.github_json()["repositories"]["finos/legend-juju-bundle"];
    let private = STANDARD
        .decode(kept["keys"][0]["private"].as_str().unwrap())
        .unwrap();
    let private = crypto_box::SecretKey::from_slice(&private).unwrap();
    for secret in ["CHARMHUB_TOKEN", "CHARMCRAFT_AUTH"] {
        let value = STANDARD
            .decode(kept["secrets"][secret]["encrypted_value"].as_str().unwrap())
            .unwrap();
        assert_eq!(private.unseal(&value).unwrap(), b"new token");
    }
    assert_eq!(
        world
            .send(Verb::DELETE, &format!("{path}/CHARMCRAFT_AUTH"), Value::Null)
            .await
            .0,
        204
    );
    let anonymous = world
        .client
        .get(format!("{}{path}", world.base))
        .send()
        .await
        .unwrap();
    assert_eq!(anonymous.status(), 404);
}

#[tokio::test]
async fn a_branch_is_made_of_one_commit_and_survives_a_restart() {
    let world = world().await;
    let git = format!("{BUNDLE}/git");
    let edge: Value = world.get(&format!("{git}/ref/heads/edge")).await;
    let base: Value = world
        .get(&format!(
            "{git}/commits/{}",
            edge["object"]["sha"].as_str().unwrap()
        ))
        .await;
    let tree = serde_json::json!({
        "base_tree": base["tree"]["sha"],
        "tree": [{"path": "overlay-2024-01-08.yaml", "mode": "100644", "type": "blob", "content": "a: 1\n"}],
    });
    let (status, tree) = world.send(Verb::POST, &format!("{git}/trees"), tree).await;
    assert_eq!((status, tree["tree"].as_array().unwrap().len()), (201, 6));
    let commit = serde_json::json!({"message": "m", "tree": tree["sha"], "parents": [base["sha"]]});
    let (status, commit) = world.send(Verb::POST, &format!("{git}/commits"), commit).await;
    assert_eq!(status, 201);
    let branch = serde_json::json!({"ref": "refs/heads/release-2024-01-08", "sha": commit["sha"]});
    assert_eq!(
        world
            .send(Verb::POST, &format!("{git}/refs"), branch.clone())
            .await
            .0,
        201
    );
    let (status, again) = world.send(Verb::POST, &format!("{git}/refs"), branch).await;
    assert_eq!(
        (status, again["message"].as_str().unwrap()),
        (422, "Reference already exists")
    );

    let reopened = GitHub::open(world.folder.path(), 7, &PLANTED).unwrap();
    let store = reopened.store.lock().unwrap();
    let repo = store.repo("finos/legend-juju-bundle").unwrap();
    assert_eq!(
        repo.objects.resolve("release-2024-01-08"),
        commit["sha"].as_str().map(str::to_owned)
    );
}

#[tokio::test]
async fn workflows_are_enabled_dispatched_and_cancelled() {
    let world = world().await;
    let flows = format!("{BUNDLE}/actions/workflows");
    let ask = |file: &str, body: Value| {
        let path = format!("{flows}/{file}/dispatches");
        let world = &world;
        async move { world.send(Verb::POST, &path, body).await }
    };
    let main = || serde_json::json!({"ref": "main", "return_run_details": true});
    assert_eq!(ask("publish_images.yaml", main()).await.0, 422);
    assert_eq!(
        world
            .send(
                Verb::PUT,
                &format!("{flows}/publish_images.yaml/enable"),
                Value::Null
            )
            .await
            .0,
        204
    );
    let (status, run) = ask("publish_images.yaml", main()).await;
    assert_eq!(status, 200);
    let (status, refused) = ask("create_release.yaml", main()).await;
    assert_eq!(
        (status, refused["message"].as_str().unwrap()),
        (422, "Required input 'release' not provided")
    );
    let inputs = serde_json::json!({"ref": "main", "inputs": {"release": "2024-01-08"}});
    assert_eq!(ask("create_release.yaml", inputs).await.0, 204);

    let path = format!("{BUNDLE}/actions/runs/{}", run["workflow_run_id"]);
    let seen: octocrab::models::workflows::Run = world.get(&path).await;
    assert_eq!(seen.event, "workflow_dispatch");
    let jobs: Value = world.get(&format!("{path}/jobs")).await;
    let jobs: Vec<octocrab::models::workflows::Job> = serde_json::from_value(jobs["jobs"].clone()).unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        world
            .send(Verb::POST, &format!("{path}/cancel"), Value::Null)
            .await
            .0,
        202
    );
    assert_eq!(
        world
            .send(Verb::POST, &format!("{path}/cancel"), Value::Null)
            .await
            .0,
        409
    );
    let all: Value = world
        .get(&format!("{BUNDLE}/actions/runs?status=cancelled"))
        .await;
    assert_eq!(all["total_count"], 1);
}

#[tokio::test]
async fn package_versions_are_listed_withdrawn_and_restored() {
    let world = world().await;
    let packages: Vec<Value> = world.get("/orgs/cfpb/packages?package_type=container").await;
    assert_eq!(
        (&packages[0]["name"], &packages[0]["version_count"]),
        (&"regtech/sbl/alpine".into(), &2.into())
    );
    let path = "/orgs/cfpb/packages/container/regtech%2Fsbl%2Falpine/versions";
    let versions: Vec<Value> = world.get(path).await;
    let tags = |version: &Value| version["metadata"]["container"]["tags"].as_array().unwrap().len();
    assert_eq!(versions.iter().map(tags).collect::<Vec<_>>(), [3, 1]);
    let newest = format!("{path}/{}", versions[0]["id"]);
    let oldest = format!("{path}/{}", versions[1]["id"]);
    assert_eq!(world.send(Verb::DELETE, &newest, Value::Null).await.0, 204);
    assert_eq!(world.send(Verb::DELETE, &oldest, Value::Null).await.0, 400);
    let gone: Vec<Value> = world.get(&format!("{path}?state=deleted")).await;
    assert_eq!(gone.len(), 1);
    assert_eq!(
        world
            .send(Verb::POST, &format!("{newest}/restore"), Value::Null)
            .await
            .0,
        204
    );
    assert_eq!(
        world
            .get::<Vec<Value>>(path)
            .await
            .iter()
            .map(tags)
            .sum::<usize>(),
        4
    );
}

#[tokio::test]
async fn validators_quota_and_refusals_are_github_s() {
    let world = world().await;
    let first = world.ask(Verb::GET, BUNDLE).send().await.unwrap();
    assert_eq!(field(&first, "x-ratelimit-remaining"), "4999");
    assert!(!field(&first, "x-oauth-scopes").is_empty());
    let etag = field(&first, "etag");
    assert!(etag.starts_with("W/\""));
    let again = world
        .ask(Verb::GET, BUNDLE)
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (again.status().as_u16(), field(&again, "x-ratelimit-remaining")),
        (304, "4999".into())
    );

    let bad = world
        .client
        .get(format!("{}/user", world.base))
        .bearer_auth("wrong")
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 401);
    assert_eq!(bad.json::<Value>().await.unwrap()["message"], "Bad credentials");
    let version = world
        .ask(Verb::GET, BUNDLE)
        .header("x-github-api-version", "2020-01-01")
        .send()
        .await
        .unwrap();
    assert_eq!(version.status(), 400);
    let anonymous = || world.client.get(format!("{}{BUNDLE}", world.base)).send();
    for _ in 0..60 {
        assert_eq!(anonymous().await.unwrap().status(), 200);
    }
    let over = anonymous().await.unwrap();
    assert_eq!(
        (over.status().as_u16(), field(&over, "x-ratelimit-remaining")),
        (403, "0".into())
    );
    let upstream = serde_json::json!({"ref": "refs/heads/x", "sha": "0".repeat(40)});
    assert_eq!(
        world
            .send(Verb::POST, "/repos/finos/legend/git/refs", upstream)
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn graphql_answers_what_a_query_selects() {
    let world = world().await;
    let ask = |query: &'static str, variables: Value| {
        let world = &world;
        async move {
            let body = serde_json::json!({"query": query, "variables": variables});
            world.send(Verb::POST, "/graphql", body).await.1
        }
    };
    // The request that gh 2.103 sends before it dispatches a workflow or clones.
    let info = "fragment repo on Repository { id databaseId name owner { login } defaultBranchRef { name } }
        query RepositoryInfo($owner: String!, $name: String!) {
          repository(owner: $owner, name: $name) { ...repo parent { ...repo } mergeCommitAllowed }
        }";
    let named = serde_json::json!({"owner": "finos", "name": "legend-juju-bundle"});
    let answer = ask(info, named.clone()).await;
    let repository = &answer["data"]["repository"];
    assert_eq!(repository["defaultBranchRef"]["name"], "main");
    assert_eq!(repository["parent"], Value::Null);
    assert!(
        repository["databaseId"].is_u64() && repository.get("url").is_none(),
        "{answer}"
    );
    let missing = ask(info, serde_json::json!({"owner": "finos", "name": "nothing"})).await;
    assert_eq!(missing["errors"][0]["type"], "NOT_FOUND");

    let deep = "query($owner: String!, $name: String!, $n: Int = 2) {
          viewer { login organizations(first: 5) { nodes { login } } }
          repository(owner: $owner, name: $name) {
            file: object(expression: \"edge:bundle.yaml\") { __typename ... on Blob { byteSize text } }
            refs(refPrefix: \"refs/heads/\", first: $n) { totalCount nodes { name } pageInfo { hasNextPage endCursor } }
          }
        }";
    let answer = ask(deep, named.clone()).await;
    assert_eq!(answer["data"]["viewer"]["login"], LOGIN);
    let repository = &answer["data"]["repository"];
    assert_eq!(repository["file"]["__typename"], "Blob");
    assert!(
        repository["file"]["text"]
            .as_str()
            .unwrap()
            .contains("finos-legend-bundle")
    );
    assert_eq!(repository["refs"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(repository["refs"]["pageInfo"]["hasNextPage"], true);

    let unknown = ask("{ viewer { login shoeSize } }", Value::Null).await;
    assert_eq!(
        unknown["errors"][0]["message"],
        "Field 'shoeSize' doesn't exist on type 'User'"
    );
    assert!(unknown.get("data").is_none());
}

#[tokio::test]
async fn a_branch_cannot_be_a_folder_of_branches() {
    let world = world().await;
    let heads: Value = world.get(&format!("{BUNDLE}/git/ref/heads/edge")).await;
    let sha = &heads["object"]["sha"];
    for name in ["refs/heads/edge/sub", "refs/heads/edge/sub/sub"] {
        let body = serde_json::json!({"ref": name, "sha": sha});
        let (status, answer) = world.send(Verb::POST, &format!("{BUNDLE}/git/refs"), body).await;
        assert_eq!(
            (status, answer["message"].as_str()),
            (422, Some("Reference update failed"))
        );
    }
    for (name, status) in [
        ("refs/heads/deep/er", 201),
        ("refs/heads/deep", 422),
        ("refs/heads/deeper", 201),
    ] {
        let body = serde_json::json!({"ref": name, "sha": sha});
        assert_eq!(
            world
                .send(Verb::POST, &format!("{BUNDLE}/git/refs"), body)
                .await
                .0,
            status,
            "{name}"
        );
    }
}

#[tokio::test]
async fn variables_collaborators_and_comparisons_are_there() {
    let world = world().await;
    let orgs: Value = world.get("/user/orgs").await;
    assert_eq!(orgs[0]["login"], "finos");
    let variables = format!("{BUNDLE}/actions/variables");
    let set = serde_json::json!({"name": "CHANNEL", "value": "edge"});
    assert_eq!(world.send(Verb::POST, &variables, set.clone()).await.0, 201);
    assert_eq!(world.send(Verb::POST, &variables, set).await.0, 409);
    let one = format!("{variables}/channel");
    let changed = serde_json::json!({"value": "beta"});
    assert_eq!(world.send(Verb::PATCH, &one, changed).await.0, 204);
    assert_eq!(world.get::<Value>(&one).await["value"], "beta");
    assert_eq!(world.send(Verb::DELETE, &one, Value::Null).await.0, 204);
    assert_eq!(world.get::<Value>(&variables).await["total_count"], 0);
    let people: Value = world.get(&format!("{BUNDLE}/collaborators")).await;
    assert_eq!(
        (people[0]["login"].as_str(), people[0]["role_name"].as_str()),
        (Some(LOGIN), Some("admin"))
    );
    let compared: Value = world
        .get(&format!("{BUNDLE}/compare/main...release-2023-12-05"))
        .await;
    assert!(
        ["ahead", "diverged"].contains(&compared["status"].as_str().unwrap()),
        "{}",
        compared["status"]
    );
    assert!(!compared["commits"].as_array().unwrap().is_empty());
    let same: Value = world.get(&format!("{BUNDLE}/compare/main...main")).await;
    assert_eq!(
        (same["status"].as_str(), same["total_commits"].as_u64()),
        (Some("identical"), Some(0))
    );
}

#[test]
fn clones_and_stored_logs_do_not_count_against_the_quota() {
    for path in [
        "/rate_limit",
        "/finos/legend.git/objects/ab/cd",
        "/repos/a/b/actions/runs/1/blob/1.2",
    ] {
        assert!(!is_counted(path), "{path}");
    }
    assert!(is_counted("/repos/finos/legend") && is_counted("/repos/a/b/git/blobs/1"));
}
