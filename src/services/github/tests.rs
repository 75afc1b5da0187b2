//! Tests of secrets, accounts and refusals against a GitHub server with configured answers.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::domain::secret::{SealedValue, Selection};
use crate::domain::{GitHubRepository, SecretName, SecretTarget};
use crate::services::http::{Timeouts, Written};

/// Method, path with query, status, headers, body.
pub(super) type Said = (&'static str, String, u16, Vec<(&'static str, String)>, Value);

#[derive(Default)]
pub(super) struct Stub {
    answers: Vec<Said>,
    /// Method, path with query, `Authorization`, body.
    seen: Vec<(String, String, Option<String>, Value)>,
}

pub(super) type Shared = Arc<Mutex<Stub>>;

pub(super) struct Server {
    url: Url,
    stub: Shared,
}

async fn answer(State(stub): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = head.uri.path_and_query().unwrap().to_string();
    let authorization = head.headers.get("authorization");
    let mut stub = stub.lock().unwrap();
    stub.seen.push((
        head.method.to_string(),
        path.clone(),
        authorization.map(|value| value.to_str().unwrap().to_owned()),
        serde_json::from_slice(&body).unwrap_or_default(),
    ));
    let found = stub
        .answers
        .iter()
        .rev()
        .find(|(method, known, ..)| *method == head.method.as_str() && *known == path);
    let (_, _, status, headers, body) = found.cloned().unwrap_or((
        "",
        String::new(),
        404,
        Vec::new(),
        json!({"message": "Not Found"}),
    ));
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body.to_string())).unwrap()
}

impl Server {
    pub(super) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let stub = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&stub));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, stub }
    }

    pub(super) fn says(&self, method: &'static str, path: &str, status: u16, body: Value) -> &Self {
        self.says_with(method, path, status, &[], body)
    }

    pub(super) fn says_with(
        &self,
        method: &'static str,
        path: &str,
        status: u16,
        headers: &[(&'static str, &str)],
        body: Value,
    ) -> &Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let said = (method, path.to_owned(), status, headers.collect(), body);
        self.stub.lock().unwrap().answers.push(said);
        self
    }

    /// A repository `a/b` with a key, no secret and nothing under way.
    fn with_repository(&self) -> &Self {
        self.says("GET", "/repos/a/b", 200, about("a/b"))
            .says("GET", "/repos/a/b/actions/secrets/public-key", 200, key())
            .says("GET", &secrets(1), 200, json!({"total_count": 0, "secrets": []}));
        for status in ["queued", "in_progress", "waiting", "requested", "pending"] {
            self.says(
                "GET",
                &runs(status),
                200,
                json!({"total_count": 0, "workflow_runs": []}),
            );
        }
        self.says("GET", GLANCE, 200, json!({"total_count": 0, "workflow_runs": []}))
    }

    pub(super) fn seen(&self, method: &str) -> Vec<(String, String, Option<String>, Value)> {
        let stub = self.stub.lock().unwrap();
        stub.seen
            .iter()
            .filter(|seen| seen.0 == method)
            .cloned()
            .collect()
    }

    pub(super) fn github(&self, token: Option<&str>) -> GitHub {
        let http = Http::new(Timeouts::scaled(1.0));
        let token = token.map(|token| (SecretString::from(token), "GH_TOKEN"));
        GitHub::new(http, self.url.clone(), token)
    }
}

pub(super) fn about(name: &str) -> Value {
    json!({"id": 7, "full_name": name, "default_branch": "main",
           "permissions": {"admin": false, "push": true, "pull": true}})
}

fn key() -> Value {
    json!({"key_id": "42", "key": STANDARD.encode([3_u8; 32])})
}

fn secrets(page: u32) -> String {
    format!("/repos/a/b/actions/secrets?per_page=100&page={page}")
}

fn runs(status: &str) -> String {
    format!("/repos/a/b/actions/runs?status={status}&per_page=100&page=1")
}

const GLANCE: &str = "/repos/a/b/actions/runs?per_page=30";

fn secret(name: &str) -> Value {
    json!({"name": name, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-02T00:00:00Z"})
}

pub(super) fn repository() -> GitHubRepository {
    "a/b".parse().unwrap()
}

fn target() -> SecretTarget {
    "a/b:TOKEN".parse().unwrap()
}

fn sealed() -> SealedValue {
    SealedValue {
        target: target(),
        key_id: KeyId("42".to_owned()),
        encrypted_value: "c2VhbGVk".to_owned(),
    }
}

#[tokio::test]
async fn a_repository_tells_of_all_its_secrets_and_of_what_runs() {
    let server = Server::start().await;
    let first: Vec<Value> = (0..100).map(|n| secret(&format!("S{n:03}"))).collect();
    server
        .with_repository()
        .says(
            "GET",
            &secrets(1),
            200,
            json!({"total_count": 101, "secrets": first}),
        )
        .says(
            "GET",
            &secrets(2),
            200,
            json!({"total_count": 101, "secrets": [secret("LAST")]}),
        )
        // It was renamed: GitHub redirects and returns its new name.
        .says("GET", "/repos/a/b", 200, about("a/new"))
        .says(
            "GET",
            &runs("in_progress"),
            200,
            json!({"workflow_runs": [
                {"name": "Publish", "run_number": 3, "status": "in_progress"},
                {"name": "Over", "run_number": 2, "status": "completed"}]}),
        )
        .says(
            "GET",
            GLANCE,
            200,
            json!({"workflow_runs": [
                {"name": "Waits", "run_number": 4, "status": "queued"},
                {"name": "Over", "run_number": 2, "status": "completed"}]}),
        );
    let github = server.github(Some("t"));
    assert_eq!(
        github.busy(&repository()).await.unwrap(),
        [SanitizedText::new("Publish #3")]
    );
    let told = github.repository_secrets(&repository()).await.unwrap();
    assert_eq!(told.secrets.len(), 101);
    let last = told.secrets[&"LAST".parse::<SecretName>().unwrap()];
    assert_eq!(last.updated_at.to_rfc3339(), "2026-02-02T00:00:00+00:00");
    assert_eq!(
        (told.repository.as_str(), told.id, told.may_write),
        ("a/new", 7, true)
    );
    assert_eq!(told.key_id, KeyId("42".to_owned()));
    assert_eq!(told.busy, [SanitizedText::new("Waits #4")]);
}

#[tokio::test]
async fn not_found_means_no_permission_where_the_repository_is_there() {
    let server = Server::start().await;
    let github = server.github(Some("t"));
    let gone = github.repository_secrets(&repository()).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::NotFound, "{gone}");
    let gone = github.public_key(&repository()).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::NotFound, "{gone}");

    server.with_repository().says(
        "GET",
        "/repos/a/b/actions/secrets/public-key",
        404,
        json!({"message": "Not Found"}),
    );
    let writer = GitHubWriter::new(github.clone());
    for denied in [
        github.repository_secrets(&repository()).await.unwrap_err(),
        github.public_key(&repository()).await.unwrap_err(),
        github.secret(&target()).await.unwrap_err(),
        writer.put_secret(&sealed()).await.unwrap_err(),
        writer.delete_secret(&target()).await.unwrap_err(),
    ] {
        assert_eq!(denied.kind, ProblemKind::Credentials, "{denied}");
        let hint = denied.hints[0].as_str();
        assert!(
            hint.contains("scope repo") && hint.contains("Secrets: read and write"),
            "{hint}"
        );
    }
    server.with_repository();
    assert!(github.secret(&target()).await.unwrap().is_none());
}

#[tokio::test]
async fn refusals_say_what_lacks() {
    let server = Server::start().await;
    let github = server.github(Some("t"));
    let path = "/repos/a/b/actions/secrets/public-key";
    server.with_repository().says_with(
        "GET",
        path,
        403,
        &[(
            "x-github-sso",
            "required; url=https://github.com/orgs/a/sso?authorization_request=X",
        )],
        json!({"message": "Resource protected by organization SAML enforcement."}),
    );
    let problem = github.public_key(&repository()).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert!(
        problem.hints[0]
            .as_str()
            .contains("https://github.com/orgs/a/sso?authorization_request=X")
    );

    server.says_with(
        "GET",
        path,
        403,
        &[("x-accepted-github-permissions", "secrets=write")],
        json!({"message": "Resource not accessible by personal access token"}),
    );
    let problem = github.public_key(&repository()).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert!(problem.to_string().contains("secrets=write"), "{problem}");

    server.says(
        "GET",
        path,
        403,
        json!({"message": "You have exceeded a secondary rate limit. Please wait."}),
    );
    let problem = github.public_key(&repository()).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::RateLimited);
    let wait = problem.retry_after.unwrap() - chrono::Utc::now();
    assert!((50..=60).contains(&wait.num_seconds()), "{wait}");

    let anonymous = server.github(None);
    for problem in [
        anonymous.public_key(&repository()).await.unwrap_err(),
        anonymous.secret(&target()).await.unwrap_err(),
        anonymous.repository_secrets(&repository()).await.unwrap_err(),
        GitHubWriter::new(anonymous)
            .put_secret(&sealed())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(problem.kind, ProblemKind::Credentials);
        assert!(problem.hints[0].as_str().contains("GH_TOKEN"), "{problem:?}");
    }
}

#[tokio::test]
async fn a_secret_is_set_once_and_only_where_it_was_meant_to_go() {
    let server = Server::start().await;
    let elsewhere = Server::start().await;
    let writer = GitHubWriter::new(server.github(Some("the-token")));
    let path = "/repos/a/b/actions/secrets/TOKEN";
    for status in [201, 204] {
        server.says("PUT", path, status, Value::Null);
        let written = writer.put_secret(&sealed()).await.unwrap();
        assert!(matches!(written, Written::Answered(())));
    }
    let (_, _, authorization, body) = server.seen("PUT").remove(0);
    assert_eq!(authorization.as_deref(), Some("Bearer the-token"));
    assert_eq!(body, json!({"encrypted_value": "c2VhbGVk", "key_id": "42"}));

    server.says(
        "PUT",
        path,
        422,
        json!({"message": "Bad request - key_id is not right"}),
    );
    let problem = writer.put_secret(&sealed()).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.summary.as_str().contains("key"), "{problem}");

    let before = server.seen("PUT").len();
    server.says("PUT", path, 502, Value::Null);
    let written = writer.put_secret(&sealed()).await.unwrap();
    assert!(matches!(written, Written::Lost(_)));
    assert_eq!(server.seen("PUT").len(), before + 1, "a write is not repeated");

    for status in [301, 302, 307, 308] {
        let location = elsewhere.url.join("x").unwrap();
        server.says_with(
            "PUT",
            path,
            status,
            &[("location", location.as_str())],
            Value::Null,
        );
        let problem = writer.put_secret(&sealed()).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Refused, "{status}");
        assert!(problem.hints[0].as_str().contains("renamed"), "{problem:?}");
    }
    assert!(elsewhere.stub.lock().unwrap().seen.is_empty());

    server.with_repository().says("DELETE", path, 204, Value::Null);
    assert!(matches!(
        writer.delete_secret(&target()).await.unwrap(),
        Written::Answered(())
    ));
    // A secret that is already missing counts as deleted.
    server.says("DELETE", path, 404, Value::Null);
    assert!(matches!(
        writer.delete_secret(&target()).await.unwrap(),
        Written::Answered(())
    ));
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirect_to_another_host() {
    let server = Server::start().await;
    let elsewhere = Server::start().await;
    elsewhere.says("GET", "/user", 200, json!({"login": "other"}));
    let location = elsewhere.url.join("user").unwrap();
    server.says_with(
        "GET",
        "/user",
        302,
        &[("location", location.as_str())],
        Value::Null,
    );
    drop(server.github(Some("the-token")).account().await);
    let other = server
        .github(None)
        .account_of(&SecretString::from("other-token"), "a file")
        .await;
    assert!(other.is_err());
    assert_eq!(server.seen("GET").len(), 2);
    for (_, path, authorization, _) in elsewhere.seen("GET") {
        assert_eq!(authorization, None, "{path}");
    }
}

#[tokio::test]
async fn accounts_tell_the_kind_of_token_and_what_lists_leave_out() {
    let server = Server::start().await;
    let user = json!({"login": "someone"});
    server
        .says_with(
            "GET",
            "/user",
            200,
            &[("x-oauth-scopes", "repo, workflow")],
            user.clone(),
        )
        .says_with(
            "GET",
            "/user/orgs?per_page=1",
            200,
            &[("x-github-sso", "partial-results; organizations=21955855,20582480")],
            json!([]),
        );
    let github = server.github(Some("t"));
    let facts = github.account().await.unwrap();
    assert_eq!(
        facts.scopes,
        [SanitizedText::new("repo"), SanitizedText::new("workflow")]
    );
    assert_eq!(facts.remarks[0].as_str(), "classic token");
    assert!(facts.is_classic());
    let left_out = github.left_out().await;
    assert!(left_out[0].as_str().contains("21955855"), "{left_out:?}");

    let expires = (
        "github-authentication-token-expiration",
        "2027-10-12 09:00:00 UTC",
    );
    server.says_with("GET", "/user", 200, &[expires], user);
    let token = SecretString::from("other-token");
    let facts = server.github(None).account_of(&token, "a file").await.unwrap();
    assert_eq!(facts.remarks, [SanitizedText::new("fine-grained or app token")]);
    assert!(!facts.is_classic());
    assert_eq!(facts.source.as_str(), "a file");
    assert_eq!(
        facts.expires_at.unwrap().to_rfc3339(),
        "2027-10-12T09:00:00+00:00"
    );
    let sent = server.seen("GET").pop().unwrap();
    assert_eq!(sent.2.as_deref(), Some("Bearer other-token"));

    server.says("GET", "/user", 401, json!({"message": "Bad credentials"}));
    let problem = server
        .github(None)
        .account_of(&token, "a file")
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert!(problem.to_string().contains("a file") && !format!("{problem:?}").contains("other-token"));
}

#[tokio::test]
async fn organisations_have_secrets_of_their_own() {
    let server = Server::start().await;
    let github = server.github(Some("t"));
    let name: SecretName = "TOKEN".parse().unwrap();
    let denied = github.organisation_secret("org", &name).await.unwrap_err();
    assert_eq!(denied.kind, ProblemKind::Credentials);
    assert!(denied.hints[0].as_str().contains("admin:org"), "{denied:?}");

    server.says("GET", "/orgs/org/actions/secrets/public-key", 200, key());
    assert!(github.organisation_secret("org", &name).await.unwrap().is_none());
    assert_eq!(github.organisation_key("org").await.unwrap().key, [3; 32]);

    let mut held = secret("TOKEN");
    held["visibility"] = json!("selected");
    server
        .says("GET", "/orgs/org/actions/secrets/TOKEN", 200, held)
        .says(
            "GET",
            "/orgs/org/actions/secrets/TOKEN/repositories?per_page=100&page=1",
            200,
            json!({"total_count": 2, "repositories": [{"id": 7}, {"id": 9}]}),
        );
    let shared = github.organisation_secret("org", &name).await.unwrap().unwrap();
    assert_eq!(shared.selection, Selection::Selected([7, 9].into()));
    let all = github
        .organisation_secrets("org", &[name.clone()].into())
        .await
        .unwrap();
    assert_eq!((all.key_id.0.as_str(), &all.secrets[&name]), ("42", &shared));

    server.says("PUT", "/orgs/org/actions/secrets/TOKEN", 201, Value::Null);
    let writer = GitHubWriter::new(github);
    let key_id = KeyId("42".to_owned());
    let written = writer
        .put_organisation_secret("org", &name, &key_id, "c2VhbGVk", &[7, 9])
        .await
        .unwrap();
    assert!(matches!(written, Written::Answered(())));
    assert_eq!(
        server.seen("PUT")[0].3,
        json!({"encrypted_value": "c2VhbGVk", "key_id": "42", "visibility": "selected",
               "selected_repository_ids": [7, 9]})
    );
}
