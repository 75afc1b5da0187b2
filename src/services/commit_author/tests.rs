//! Tests of the author: where it is found, and what is refused.

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::get;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::services::http::{Http, Timeouts};

/// A GitHub server that knows the token's account.
async fn github(user: Option<Value>) -> GitHub {
    rustls::crypto::ring::default_provider().install_default().ok();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let router = match user {
        Some(user) => Router::new().route("/user", get(move || async move { user.to_string() })),
        None => Router::new(),
    };
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let token = Some((SecretString::from("t"), "GH_TOKEN"));
    GitHub::new(Http::new(Timeouts::scaled(1.0)), url, token)
}

fn octocat() -> Value {
    json!({"id": 583_231, "login": "octocat", "name": "The Octocat"})
}

fn surroundings(variables: &[(&str, &str)], token_from: &str) -> Surroundings {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|text| (*text).to_owned());
    Surroundings::from_env(&variable, Some(token_from))
}

const JOB: [(&str, &str); 5] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_REPOSITORY", "finos/legend-juju-bundle"),
    ("GITHUB_RUN_ID", "42"),
    ("GITHUB_ACTOR", "octocat"),
];

fn operator(name: Option<&str>, email: Option<&str>) -> Operator {
    Operator {
        name: name.map(str::to_owned),
        email: email.map(str::to_owned),
    }
}

#[tokio::test]
async fn the_operator_of_the_file_goes_before_all() {
    let job = surroundings(&JOB, "GITHUB_TOKEN");
    let own = operator(Some("Ada"), Some("ada@example.org"));
    let signed = author(&github(None).await, &job, &own).await.unwrap();
    assert_eq!(
        (signed.name.as_str(), signed.email.as_str()),
        ("Ada", "ada@example.org")
    );
    assert_eq!(signed.remarks.len(), 2);
}

#[tokio::test]
async fn a_job_signs_as_github_s_robot_and_says_which_job_it_was() {
    let signed = author(
        &github(None).await,
        &surroundings(&JOB, "GITHUB_TOKEN"),
        &Operator::default(),
    )
    .await
    .unwrap();
    assert_eq!(signed.name, "github-actions[bot]");
    assert_eq!(
        signed.email,
        "41898282+github-actions[bot]@users.noreply.github.com"
    );
    assert_eq!(
        signed.remarks,
        [
            "Job: https://github.com/finos/legend-juju-bundle/actions/runs/42",
            "Started-by: octocat"
        ]
    );
}

#[tokio::test]
async fn a_job_with_a_person_s_token_signs_as_that_person() {
    let job = surroundings(&JOB, "GH_TOKEN");
    let signed = author(&github(Some(octocat())).await, &job, &Operator::default())
        .await
        .unwrap();
    assert_eq!(signed.name, "The Octocat");
    assert_eq!(signed.email, "583231+octocat@users.noreply.github.com");
    assert!(signed.remarks.is_empty());
}

#[tokio::test]
async fn what_a_job_says_gets_into_no_message_unless_it_is_plain() {
    let odd = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://user:secret@github.com/?x=1#y"),
        ("GITHUB_REPOSITORY", "finos/legend\nSigned-off-by: x"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_ACTOR", "octo\nSigned-off-by: x <x@x>"),
    ];
    assert_eq!(surroundings(&odd, "GITHUB_TOKEN").job, Some(Vec::new()));
    let mut odd = odd;
    odd[2].1 = "finos/legend";
    let job = surroundings(&odd, "GITHUB_TOKEN").job.unwrap();
    assert_eq!(job, ["Job: https://github.com/finos/legend/actions/runs/42"]);
}

#[tokio::test]
async fn half_an_operator_is_made_whole_and_a_broken_one_refused() {
    let nowhere = surroundings(&[], "GH_TOKEN");
    let github = github(Some(octocat())).await;
    let half = author(&github, &nowhere, &operator(Some("Ada"), None))
        .await
        .unwrap();
    assert_eq!(half.name, "Ada");
    assert_eq!(half.email, "583231+octocat@users.noreply.github.com");
    assert!(half.from.as_str().contains("account"), "{}", half.from);
    for (name, email) in [
        ("Ada\nSigned-off-by: x", "ada@example.org"),
        ("Ada <x>", "ada@example.org"),
        ("Ada", "ada@example.org>"),
        ("Ada", "nowhere"),
        ("Ada", "a da@example.org"),
        ("A\u{1b}[2Jda", "ada@example.org"),
    ] {
        let problem = author(&github, &nowhere, &operator(Some(name), Some(email)))
            .await
            .unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Config, "{name} {email}");
    }
}

#[tokio::test]
async fn an_account_with_an_odd_name_signs_with_its_login() {
    let github = github(Some(json!({"id": 7, "login": "octo", "name": "<b>Octo</b>"}))).await;
    let signed = author(&github, &surroundings(&[], "GH_TOKEN"), &Operator::default())
        .await
        .unwrap();
    assert_eq!(signed.name, "octo");
}

/// A fake `git` that prints what it was given.
#[cfg(unix)]
#[tokio::test]
async fn git_is_asked_with_nothing_of_ours_but_where_its_settings_are() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let git = home.path().join("git");
    let script = "#!/bin/sh\ncase $3 in user.name) echo \"Grace ${GH_TOKEN:-alone}\";; *) echo grace@example.org;; esac\n";
    std::fs::write(&git, script).unwrap();
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o700)).unwrap();
    let home = home.path().to_str().unwrap();
    let path = format!("{home}:/usr/bin:/bin");
    let with_git = surroundings(&[("HOME", home), ("PATH", &path), ("GH_TOKEN", "t")], "GH_TOKEN");
    let signed = author(&github(None).await, &with_git, &Operator::default())
        .await
        .unwrap();
    assert_eq!(
        (signed.name.as_str(), signed.email.as_str()),
        ("Grace alone", "grace@example.org")
    );
    let without = surroundings(&[("HOME", home), ("PATH", "/nowhere")], "GH_TOKEN");
    let signed = author(&github(Some(octocat())).await, &without, &Operator::default())
        .await
        .unwrap();
    assert_eq!(signed.name, "The Octocat");
}
