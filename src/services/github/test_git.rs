//! Tests of commits and references against a GitHub server with configured answers.

use std::collections::BTreeMap;

use chrono::{TimeZone, Utc};
use serde_json::{Value, json};

use super::tests::{Server, about, repository};
use super::*;
use crate::domain::{Author, CommitId};
use crate::services::http::Written;
use crate::services::http::raw::{Raw, Said};

fn id(digit: char) -> CommitId {
    digit.to_string().repeat(40).parse().unwrap()
}

fn author() -> Author {
    Author {
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        from: SanitizedText::new("test"),
        remarks: Vec::new(),
    }
}

fn told(message: &str) -> Value {
    json!({"message": message})
}

impl Server {
    /// A repository `a/b` whose branch `edge` is at commit `1…`, with two files and a link.
    fn with_edge(&self) -> &Self {
        let tree = json!({"truncated": false, "tree": [
            {"path": "bundle.yaml", "mode": "100755", "type": "blob", "sha": "934edc81e1b954e9c9ce29ecdf4bfc7ff6f5404d", "size": 3},
            {"path": "README.md", "mode": "120000", "type": "blob", "sha": "b2", "size": 3},
            {"path": "icon.svg", "mode": "100644", "type": "blob", "sha": "b3", "size": 2_000_000},
            {"path": "docs", "mode": "040000", "type": "tree", "sha": "b4"},
        ]});
        self.says("GET", "/repos/a/b", 200, about("a/b"))
            .says(
                "GET",
                "/repos/a/b/git/ref/heads/edge",
                200,
                json!({"object": {"sha": id('1'), "type": "commit"}}),
            )
            .says(
                "GET",
                &format!("/repos/a/b/git/commits/{}", id('1')),
                200,
                json!({"tree": {"sha": "t1"}, "parents": []}),
            )
            .says("GET", "/repos/a/b/git/trees/t1", 200, tree)
            .says(
                "GET",
                "/repos/a/b/git/blobs/934edc81e1b954e9c9ce29ecdf4bfc7ff6f5404d",
                200,
                json!({"content": "bmFtZQ=="}),
            )
    }
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_told_from_a_repository_that_is_not() {
    let server = Server::start().await;
    server.with_edge();
    let github = server.github(Some("t"));
    assert_eq!(github.tip(&repository(), "edge").await.unwrap(), id('1'));
    let nothing = github.reference(&repository(), &RefName::branch("gone")).await;
    assert_eq!(nothing.unwrap(), None);
    assert_eq!(
        github.tip(&repository(), "gone").await.unwrap_err().kind,
        ProblemKind::NotFound
    );
    let other = "a/other".parse().unwrap();
    let problem = github
        .reference(&other, &RefName::branch("edge"))
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
}

#[tokio::test]
async fn only_regular_files_of_a_sound_size_are_read_and_each_once() {
    let server = Server::start().await;
    server.with_edge();
    let github = server.github(Some("t"));
    let kept = std::sync::Mutex::new(BTreeMap::new());
    let keep = |sha: &str, bytes: &[u8]| {
        kept.lock().unwrap().insert(sha.to_owned(), bytes.to_vec());
    };
    let known = |sha: &str| kept.lock().unwrap().get(sha).cloned();
    let wanted = |path: &str| path != "icon.svg";
    for _ in 0..2 {
        let files = github
            .files(&repository(), &id('1'), &wanted, &known, &keep)
            .await
            .unwrap();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["bundle.yaml"]);
        assert_eq!(files["bundle.yaml"].text(), Some("name"));
    }
    let blobs = server
        .seen("GET")
        .iter()
        .filter(|seen| seen.1.contains("/blobs/"))
        .count();
    assert_eq!(blobs, 1);
    let all = |_: &str| true;
    let problem = github
        .files(&repository(), &id('1'), &all, &known, &keep)
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("icon.svg"), "{problem}");
}

#[tokio::test]
async fn a_commit_builds_on_its_parent_and_carries_one_date() {
    let server = Server::start().await;
    server
        .with_edge()
        .says("POST", "/repos/a/b/git/trees", 201, json!({"sha": "t2"}))
        .says("POST", "/repos/a/b/git/commits", 201, json!({"sha": id('2')}));
    let files = BTreeMap::from([
        ("bundle.yaml".to_owned(), "name: x\n".to_owned()),
        ("overlay-x.yaml".to_owned(), "applications:\n".to_owned()),
    ]);
    let new = NewCommit {
        parent: &id('1'),
        files: &files,
        message: "Creates x release\n",
        author: &author(),
        at: Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap(),
    };
    let writer = GitHubWriter::new(server.github(Some("t")));
    assert_eq!(writer.store_commit(&repository(), &new).await.unwrap(), id('2'));
    let sent = server.seen("POST");
    assert_eq!(sent[0].3["base_tree"], "t1");
    // An executable file stays one.
    assert_eq!(sent[0].3["tree"][0]["mode"], "100755");
    assert_eq!(sent[0].3["tree"][1]["mode"], "100644");
    assert_eq!(sent[0].3["tree"][1]["content"], "applications:\n");
    let person = json!({"name": "Ada", "email": "ada@example.org", "date": "2026-01-02T03:04:05Z"});
    assert_eq!(
        sent[1].3,
        json!({"message": "Creates x release\n", "tree": "t2", "parents": [id('1')],
               "author": person, "committer": person})
    );
    assert_eq!(sent.len(), 2);
}

#[tokio::test]
async fn a_reference_that_exists_is_refused_and_not_sent_twice() {
    let server = Server::start().await;
    server.with_edge().says(
        "POST",
        "/repos/a/b/git/refs",
        422,
        told("Reference already exists"),
    );
    let writer = GitHubWriter::new(server.github(Some("t")));
    let name = RefName::branch("release-x");
    let problem = writer
        .create_reference(&repository(), &name, &id('2'))
        .await
        .unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem.to_string().contains("Reference already exists"),
        "{problem}"
    );
    let sent = server.seen("POST");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].3, json!({"ref": "refs/heads/release-x", "sha": id('2')}));
    server.says("POST", "/repos/a/b/git/refs", 502, json!({}));
    let lost = writer
        .create_reference(&repository(), &name, &id('2'))
        .await
        .unwrap();
    assert!(matches!(lost, Written::Lost(_)));
    assert_eq!(server.seen("POST").len(), 2);
}

#[tokio::test]
async fn a_rule_of_the_repository_is_named_with_whom_to_ask() {
    let ruled = json!({"message": "Repository rule violations found",
        "errors": [{"message": "Cannot create ref due to creations being restricted."}]});
    for (status, body) in [
        (422, ruled.clone()),
        (409, ruled),
        (403, told("Cannot delete a protected branch")),
    ] {
        let server = Server::start().await;
        server
            .with_edge()
            .says("POST", "/repos/a/b/git/refs", status, body);
        let writer = GitHubWriter::new(server.github(Some("t")));
        let name = RefName::branch("release-x");
        let problem = writer
            .create_reference(&repository(), &name, &id('2'))
            .await
            .unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Refused, "{problem}");
        assert!(problem.summary.as_str().contains("rule"), "{problem}");
        assert!(problem.hints[0].as_str().contains("administrator"), "{problem:?}");
        assert_eq!(
            problem.to_string().contains("being restricted"),
            status != 403,
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_with_its_scope() {
    for status in [403, 404] {
        let server = Server::start().await;
        server.with_edge();
        for path in ["refs", "trees", "blobs"] {
            server.says(
                "POST",
                &format!("/repos/a/b/git/{path}"),
                status,
                told("Not for you"),
            );
        }
        let writer = GitHubWriter::new(server.github(Some("github_pat_x")));
        let name = RefName::tag("windlass-hold-x");
        let problem = writer
            .create_reference(&repository(), &name, &id('2'))
            .await
            .unwrap_err();
        let asked = writer.may_write(&repository()).await.unwrap_err();
        for problem in [problem, asked] {
            assert_eq!(problem.kind, ProblemKind::Credentials, "{problem}");
            assert!(
                problem.hints[0].as_str().contains("Contents: read and write"),
                "{problem:?}"
            );
        }
    }
    let server = Server::start().await;
    server.with_edge().says_with(
        "POST",
        "/repos/a/b/git/refs",
        403,
        &[("x-github-sso", "required; url=https://github.com/orgs/a/sso")],
        told("Resource protected by organization SAML enforcement."),
    );
    let writer = GitHubWriter::new(server.github(Some("t")));
    let name = RefName::branch("release-x");
    let problem = writer
        .create_reference(&repository(), &name, &id('2'))
        .await
        .unwrap_err();
    assert!(
        problem.hints[0]
            .as_str()
            .contains("https://github.com/orgs/a/sso"),
        "{problem:?}"
    );
}

#[tokio::test]
async fn what_github_tells_of_a_token_is_believed_and_no_more() {
    let told = |push: bool| {
        json!({"id": 7, "full_name": "a/b", "default_branch": "main", "private": false,
               "permissions": {"admin": false, "push": push, "pull": true}})
    };
    let server = Server::start().await;
    let scopes = |scopes: &'static str| [("x-oauth-scopes", scopes)];
    for (token, push, held, expected) in [
        (Some("ghp_x"), true, Some("repo, workflow"), Some(true)),
        (Some("ghp_x"), true, Some("public_repo"), Some(true)),
        (Some("ghp_x"), true, Some("read:org"), Some(false)),
        (Some("ghp_x"), false, Some("repo"), Some(false)),
        (Some("github_pat_x"), true, None, None),
        (Some("github_pat_x"), false, None, Some(false)),
        (Some("ghs_x"), false, None, None),
        (None, true, None, Some(false)),
    ] {
        match held {
            Some(held) => server.says_with("GET", "/repos/a/b", 200, &scopes(held), told(push)),
            None => server.says("GET", "/repos/a/b", 200, told(push)),
        };
        let may = server.github(token).may_push(&repository()).await.unwrap();
        assert_eq!(may, expected, "{token:?} {push} {held:?}");
    }
    // If nothing is reported, GitHub gets a request that it refuses in every case.
    server.says(
        "POST",
        "/repos/a/b/git/blobs",
        422,
        json!({"message": "Invalid request."}),
    );
    let writer = GitHubWriter::new(server.github(Some("ghs_x")));
    writer.may_write(&repository()).await.unwrap();
    assert_eq!(server.seen("POST")[0].3, json!({}));
}

#[tokio::test]
async fn nothing_is_sent_after_a_redirect() {
    let server = Server::start().await;
    server.with_edge().says_with(
        "DELETE",
        "/repos/a/b/git/refs/tags/windlass-hold-x",
        307,
        &[("location", "/repositories/7/git/refs/tags/windlass-hold-x")],
        told("Moved Permanently"),
    );
    let writer = GitHubWriter::new(server.github(Some("t")));
    let name = RefName::tag("windlass-hold-x");
    let problem = writer.delete_reference(&repository(), &name).await.unwrap_err();
    assert!(problem.hints[0].as_str().contains("renamed"), "{problem:?}");
    assert_eq!(server.seen("DELETE").len(), 1);
}

/// Returns content that is wrong once, for requests that contain `wrong`.
async fn wrong_once(wrong: &'static str) -> (Raw, GitHub) {
    let server = Raw::start(move |request, before| {
        assert!(request.contains("/git/blobs/"), "{request}");
        if before == 0 {
            Said::json(200, wrong)
        } else {
            Said::json(200, r#"{"content": "bmFtZQ=="}"#)
        }
    })
    .await;
    let http = crate::services::http::Http::new(crate::services::http::Timeouts::scaled(1.0));
    let github = GitHub::new(http, server.url.clone(), None);
    (server, github)
}

#[tokio::test]
async fn a_file_that_is_not_what_its_id_says_is_asked_for_once_more() {
    let sha = "934edc81e1b954e9c9ce29ecdf4bfc7ff6f5404d";
    for wrong in [
        // An older file, an empty one, one cut short, and an answer cut short.
        r#"{"content": "b2xk"}"#,
        r#"{"content": ""}"#,
        r#"{"content": "bmFt"}"#,
        r#"{"content": "bmF"#,
    ] {
        let (server, github) = wrong_once(wrong).await;
        assert_eq!(github.blob("a/b", sha).await.unwrap(), b"name", "{wrong}");
        assert_eq!(server.count(), 2);
    }
    let server = Raw::start(|_, _| Said::json(200, r#"{"content": "b2xk"}"#)).await;
    let http = crate::services::http::Http::new(crate::services::http::Timeouts::scaled(1.0));
    let github = GitHub::new(http, server.url.clone(), None);
    let problem = github.blob("a/b", sha).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Service);
    assert!(problem.to_string().contains("other content"), "{problem}");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_tree_that_is_not_what_its_id_says_is_not_used() {
    let whole = r#"{"sha": "f115c6d5cfb15ca1a72429900dcaca0fd1057951", "tree": [{"path": "x",
        "mode": "100644", "type": "blob", "sha": "c1b0730e0133447badcfd47fd144e254807b06e1"}]}"#;
    let less = r#"{"sha": "f115c6d5cfb15ca1a72429900dcaca0fd1057951", "tree": []}"#;
    let http = crate::services::http::Http::new(crate::services::http::Timeouts::scaled(1.0));
    for name in ["f115c6d5cfb15ca1a72429900dcaca0fd1057951", "main"] {
        let server =
            Raw::start(move |_, before| Said::json(200, if before == 0 { less } else { whole })).await;
        let github = GitHub::new(http.clone(), server.url.clone(), None);
        assert_eq!(github.tree("a/b", name).await.unwrap().len(), 1);
        let server = Raw::start(move |_, _| Said::json(200, less)).await;
        let github = GitHub::new(http.clone(), server.url.clone(), None);
        let problem = github.tree("a/b", name).await.unwrap_err();
        assert!(problem.to_string().contains("other content"), "{problem}");
    }
}

#[tokio::test]
async fn pages_that_never_end_are_left() {
    let page = |first: usize| {
        let list: Vec<Value> = (first..first + 100)
            .map(|n| {
                json!({"name": format!("S{n}"), "created_at": "2026-01-01T00:00:00Z",
                            "updated_at": "2026-01-01T00:00:00Z"})
            })
            .collect();
        json!({"total_count": 1, "secrets": list}).to_string()
    };
    let http = crate::services::http::Http::new(crate::services::http::Timeouts::scaled(1.0));
    for (server, most) in [
        (Raw::start(move |_, _| Said::json(200, &page(0))).await, 2),
        (
            Raw::start(move |_, before| Said::json(200, &page(before * 100))).await,
            100,
        ),
    ] {
        let github = GitHub::new(http.clone(), server.url.clone(), None);
        let problem = github
            .pages::<Value>("/repos/a/b/actions/secrets", "secrets", "reading it")
            .await
            .unwrap_err();
        assert!(problem.to_string().contains("does not end"), "{problem}");
        assert_eq!(server.count(), most);
    }
}
