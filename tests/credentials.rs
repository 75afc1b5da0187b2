//! Tests the commands that list, rotate and revoke credentials through the binary against the demo
//! environment: output and exit codes. The rotation itself is tested in `rotate.rs`, signing in in
//! `sign_in.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use crate::common;

use common::{Client, minted, world};
use serde_json::Value;

const EXPIRED: &str = "Provided credentials are no longer valid for Charmhub. Regenerate them and try again.";
const TARGET: &str = "finos/legend-juju-db-operator:CHARMHUB_TOKEN";

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_listed_and_an_end_that_is_near_fails_a_cron_line() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    // Six secrets that windlass did not set may hold the token of a session that expires in 12
    // days.
    let told = client
        .run(&["credentials", "--fail-within", "14d", "--json"])
        .with(4);
    assert!(
        told.err.contains("6 secrets may hold a token that expires in 1"),
        "{}",
        told.err
    );
    client.run(&["credentials", "--fail-within", "10d"]).with(0);
    let told = told.json();
    let own = &told["credentials"][0];
    assert_eq!(
        (&own["kind"], &own["expires_from"]),
        (&"charmhub".into(), &"caveat".into())
    );
    for key in ["name", "account", "expires_at", "days_left", "scopes", "problems"] {
        assert!(!own[key].is_null(), "{key}: {own}");
    }
    let targets = told["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 6);
    for target in targets {
        assert!(target["repository"].is_string() && target["secret"].is_string());
        assert_eq!(target["lineage"], "unknown", "{target}");
        assert_eq!(target["expires_from"], "service", "{target}");
        assert!(target["expires_at"].is_string(), "{target}");
        assert_eq!(target["location"], "repository", "{target}");
    }
    assert!(told["observed_at"]["charmhub"].is_string());
    assert_eq!(told["errors"], Value::Array(Vec::new()));

    let late = client.run(&["credentials", "--fail-within", "3000d"]).with(4);
    assert!(late.err.contains("Charmhub token: expires"), "{}", late.err);
    assert!(
        late.out.contains('█') && late.out.contains("finos/legend-juju-bundle"),
        "{}",
        late.out
    );
    client.run(&["credentials", "--fail-within", "soon"]).with(2);

    // Cached data must not hide that the token is refused now.
    let refused = ["{\"t\": \"macaroon\", \"v\": \"AAAA\"}", "not a token at all"];
    for bad in refused {
        let other = client.with("CHARMCRAFT_AUTH", bad);
        let said = other.run(&["credentials", "--fail-within", "14d"]).with(4);
        let row = said.out.lines().find(|line| line.starts_with("Charmhub token"));
        assert!(row.is_some_and(|row| row.contains("unknown")), "{}", said.out);
    }
    let left = client.without(&["GH_TOKEN", "GITHUB_TOKEN"]);
    let said = left.run(&["credentials", "--fail-within", "10d"]).with(0);
    let mut rows = said.out.lines();
    assert!(!rows.any(|row| row.starts_with("GitHub token")), "{}", said.out);
    let session = told["sessions"][0]["id"].as_str().unwrap().to_owned();
    client.run(&["plan", "revoke", "no-such-session"]).with(1);
    let plan = client.run(&["plan", "revoke", &session, "--json"]);
    assert!([0, 3].contains(&plan.code), "{}", plan.err);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_was_ended_is_told_in_the_known_sentence_by_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["login", "--export", "token", "--yes"]).with(0);
    let token = std::fs::read_to_string(dir.path().join("token")).unwrap();
    let with_it = client.with("CHARMCRAFT_AUTH", &token);
    let told = with_it.run(&["whoami", "--json"]).with(0).json();
    assert!(told["credential"]["account"].is_string());
    with_it.run(&["credentials", "--fail-within", "12h"]).with(0);

    let told = client.run(&["credentials", "--json"]).with(0).json();
    let sessions = told["sessions"].as_array().unwrap();
    let made = sessions
        .iter()
        .find(|one| {
            one["description"]
                .as_str()
                .is_some_and(|text| text.starts_with("windlass@"))
        })
        .unwrap();
    assert_eq!(made["orphan"], false);
    let id = made["id"].as_str().unwrap();
    let plan = client.run(&["plan", "revoke", id]).with(0);
    assert!(plan.out.contains(id), "{}", plan.out);
    client.run(&["revoke", id]).with(3);
    client.run(&["revoke", id, "--yes"]).with(0);

    for arguments in [
        &["whoami"][..],
        &["plan", "publish", "2025-01-27"],
        &["publish", "2025-01-27", "--yes"],
    ] {
        let said = with_it.run(arguments).with(4).err;
        let first = said.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert_eq!(first, format!("error: {EXPIRED}"), "{arguments:?}: {said}");
        let hint = said.lines().find(|line| line.contains("hint: ")).unwrap();
        assert!(hint.contains("windlass login"), "{arguments:?}: {said}");
    }
    let said = with_it.run(&["credentials", "--fail-within", "12h"]).with(4);
    assert!(said.err.contains(EXPIRED), "{}", said.err);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secret_is_rotated_seen_and_adopted_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let plan = client
        .run(&["plan", "rotate", "--target", TARGET, "--json"])
        .with(0)
        .json();
    assert_eq!(
        plan["plan"]["command"],
        format!("windlass rotate --target {TARGET}")
    );
    client.run(&["rotate", "--target", TARGET]).with(3);
    client
        .run(&["rotate", "--target", TARGET, "--yes", "--offline"])
        .with(3);
    assert_eq!(minted(&world), 0);

    let done = client
        .run(&["rotate", "--target", TARGET, "--yes", "--json"])
        .with(0)
        .json();
    assert_eq!(done["run"]["outcome"], "done");
    let step = |kind: &str| {
        let steps = done["run"]["steps"].as_array().unwrap();
        steps.iter().find(|step| step["kind"] == kind).unwrap().clone()
    };
    assert!(step("set-secret")["updated_at"].is_string());
    assert!(step("sign-in")["expires_at"].is_string());
    assert!(!done.to_string().contains("encrypted_value"));

    let seen = client.run(&["credentials", "--json"]).with(0).json();
    let target = seen["targets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|target| target["repository"] == "finos/legend-juju-db-operator")
        .unwrap()
        .clone();
    assert_eq!(target["lineage"], "current");
    assert_eq!(target["updated_at"], step("set-secret")["updated_at"]);
    assert_eq!(target["expires_at"], step("sign-in")["expires_at"]);

    let token = client.variables["CHARMCRAFT_AUTH"].clone();
    let open = client.file("open", &token, 0o640);
    let refused = client
        .run(&["rotate", "--token-file", &open, "--target", TARGET, "--yes"])
        .with(4);
    assert!(
        refused.err.contains(&format!("chmod 600 {open}")),
        "{}",
        refused.err
    );
    let own = client.file("own", &format!(" {token}\n\n"), 0o600);
    let done = client
        .run(&["rotate", "--token-file", &own, "--target", TARGET, "--yes"])
        .with(0);
    assert!(
        done.out.contains(&format!("{TARGET} holds the new value")),
        "{}",
        done.out
    );
    assert!(
        done.err.contains("still contains the value in plain text"),
        "{}",
        done.err
    );
    // The same again, piped in: it is already stored, so nothing is sent.
    let again = client
        .piped(
            &[
                "rotate",
                "--token-file",
                "-",
                "--target",
                TARGET,
                "--yes",
                "--json",
            ],
            &token,
        )
        .with(0)
        .json();
    let steps = again["run"]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["outcome"] == "skipped"), "{again}");
    assert_eq!(minted(&world), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_makes_every_secret_that_holds_it_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["rotate", "--yes"]).with(0);
    let seen = client
        .run(&["credentials", "--fail-within", "14d", "--json"])
        .with(0)
        .json();
    let session = seen["targets"][0]["session"].as_str().unwrap().to_owned();
    let plan = client.run(&["plan", "revoke", &session, "--json"]).with(0).json();
    let warnings = plan["plan"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for target in seen["targets"].as_array().unwrap() {
        let name = format!(
            "{}:{}",
            target["repository"].as_str().unwrap(),
            target["secret"].as_str().unwrap()
        );
        assert!(
            warnings[0].as_str().unwrap().contains(&name),
            "{name}: {warnings:?}"
        );
    }
    client.run(&["revoke", &session, "--yes"]).with(0);
    // Without asking again, from the journal; the store's list agrees.
    for more in [&["--offline"][..], &[]] {
        let arguments = [&["credentials", "--fail-within", "14d", "--json"][..], more].concat();
        let told = client.run(&arguments).with(4).json();
        for target in told["targets"].as_array().unwrap() {
            assert_eq!(target["lineage"], "revoked", "{more:?} {target}");
            assert!(target["revoked_at"].is_string(), "{more:?} {target}");
        }
        let held = told["credentials"].as_array().unwrap();
        let held = held.iter().find(|one| one["alarm"] == "revoked").unwrap();
        assert_eq!(held["secrets"].as_array().unwrap().len(), 6, "{held}");
    }
    let checked = client.run(&["doctor", "--json"]).with(1).json();
    let failed = checked["checks"].as_array().unwrap().iter();
    let failed = failed.filter(|check| check["standing"] == "failed").count();
    assert_eq!(failed, 6, "{checked}");
    client.run(&["rotate", "--yes"]).with(0);
    client.run(&["credentials", "--fail-within", "14d"]).with(0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secret_that_cannot_be_set_can_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let fault = "[[fault]]\nservice = \"github\"\nmethod = \"GET\"\n\
                 path = \"*/legend-juju-studio-operator/actions/secrets*\"\nevery = true\nstatus = 403\n";
    let world = world(dir.path(), fault).await;
    let client = Client::new(&world, dir.path());
    let refused = client.run(&["rotate", "--yes"]);
    assert_ne!(refused.code, 0);
    let hint = "windlass rotate --without finos/legend-juju-studio-operator:CHARMHUB_TOKEN";
    assert!(refused.err.contains(hint), "{}", refused.err);
    let words: Vec<&str> = hint.split(' ').skip(1).chain(["--yes", "--json"]).collect();
    let done = client.run(&words).with(0).json();
    assert_eq!(done["run"]["outcome"], "partly", "{done}");
    assert_eq!(done["run"]["left_out"].as_array().unwrap().len(), 1, "{done}");
    // The one that could not be read is marked in the answer.
    let seen = client.run(&["credentials"]).with(0);
    assert!(seen.out.contains("unreadable: "), "{}", seen.out);
    let seen = client.run(&["credentials", "--json"]).with(0).json();
    let unread: Vec<_> = seen["targets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|target| !target["problem"].is_null())
        .collect();
    assert_eq!(unread.len(), 1, "{seen}");
    client.run(&["credentials", "--fail-within", "14d"]).with(4);
    client
        .run(&["plan", "rotate", "--without", "finos/legend:CHARMHUB_TOKEN"])
        .with(2);
    world.stop().await;
}

/// A token once issued by the store, valid until 2026-11-21 22:48:43 UTC.
const ENDED: &str = "QWdFUFlYQnBMbU5vWVhKdGFIVmlMbWx2QWlaemRHOXlaUzAxTlRoa016TmlaRFl5TnpZME5tSmlPVGxsWTJVNE1XVmtNR0kzTVRZM01RQUNMSFJwYldVdFltVm1iM0psSURJd01qWXRNVEV0TWpGVU1qSTZORGc2TkRNdU9Ea3lOREkwS3pBd09qQXdBQUFHSU84Z1E2djF5UkhUeEV1dzlPVUtIenl0NjRpenRuTzhrRmxmVW8xbkpBU3c=";

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_shows_the_expiry_that_it_names_itself() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let mut client = Client::new(&world, dir.path());
    client
        .variables
        .insert("CHARMCRAFT_AUTH".to_owned(), ENDED.to_owned());
    let shown = client.run(&["credentials", "--json"]).json();
    let own = &shown["credentials"][0];
    assert_eq!(own["kind"], "charmhub");
    assert_eq!(own["expires_at"], "2026-11-21T22:48:43.892424Z");
    assert_eq!(own["expires_from"], "caveat");
    assert_eq!(own["problems"][0], EXPIRED);
    let text = client.run(&["credentials"]).out;
    let line = text
        .lines()
        .find(|line| line.starts_with("Charmhub token"))
        .unwrap();
    assert!(
        line.contains("2026-11-21 22:48 UTC") && line.contains("from the token"),
        "{line}"
    );
    assert!(line.contains("CHARMCRAFT_AUTH"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_every_command_names_the_same_next_expiry() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let next = || client.run(&["status", "--json"]).with(0).json()["status"]["next_expiry"].clone();
    assert_eq!(next()["name"], "charmcraft@buildhost");
    client.run(&["credentials", "--fail-within", "14d"]).with(4);
    client.run(&["rotate", "--yes"]).with(0);
    // The former token is still valid, and windlass treats a secret that it wrote as unread until it
    // reads it again.
    client.run(&["credentials"]).with(0);
    let after = next();
    assert_ne!(after["name"], "charmcraft@buildhost");
    let days = after["days_left"].as_i64().unwrap();
    assert!(days > 14, "{after}");
    let within = |days: i64, code| {
        let span = format!("{days}d");
        client.run(&["credentials", "--fail-within", &span]).with(code)
    };
    within(14, 0);
    within(days, 0);
    let named = within(days + 1, 4).err;
    assert!(named.contains(after["name"].as_str().unwrap()), "{named}");
    world.stop().await;
}
