//! `rotate`, `plan rotate` and `revoke`.
//!
//! Reads the credential value that the operator supplies. Must not store it.

use std::io::IsTerminal;
use std::path::Path;

use secrecy::SecretString;

use super::args::{Global, Rotate as Wish};
use super::environment::Environment;
use super::output::Output;
use super::{Ending, confirm, login, prompt, runs, secret_file, watch};
use crate::domain::{Fingerprint, Outside, Problem, SessionId};
use crate::journal::Outcome;
use crate::plan::{Plan, RevokeIntent, Revoked, RotateIntent, rotate};
use crate::run::{Means, Session};

/// Returns the intent and the supplied value.
fn intent(session: &Session, wish: &Wish) -> Result<(RotateIntent, Option<SecretString>), Problem> {
    let mut intent = RotateIntent {
        targets: wish
            .target
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()?,
        without: wish
            .without
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()?,
        ttl: wish.ttl,
        brought: None,
        organisation: wish.organisation,
        revoke: wish
            .revoke
            .iter()
            .map(|text| match text.as_str() {
                "recorded" => Revoked::Recorded,
                session => Revoked::Session(SessionId::new(session)),
            })
            .collect(),
    };
    let Some(path) = &wish.token_file else {
        return Ok((intent, None));
    };
    let text = secret_file::read(path)?;
    // The kind of value follows from the targets alone.
    let probe = RotateIntent {
        brought: Some(Fingerprint(String::new())),
        ttl: None,
        ..intent.clone()
    };
    let kind = rotate::token(&session.config.workspace, &probe)?.kind;
    let source = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        Outside::new(path.display().to_string()).to_string()
    };
    let (value, fingerprint) = session.bring(kind, &text, &source)?;
    intent.brought = Some(fingerprint);
    Ok((intent, Some(value)))
}

async fn planned(
    session: &Session,
    intent: &RotateIntent,
    brought: Option<&SecretString>,
) -> Result<Plan, Problem> {
    let snapshot = session
        .observer
        .for_rotate(session.observer.cached(), intent, brought)
        .await;
    session.plan_rotate(&snapshot, intent)
}

/// Shows what a rotation would change.
pub async fn plan(session: &Session, wish: &Wish, output: &Output) -> Ending {
    let (intent, brought) = intent(session, wish)?;
    let plan = planned(session, &intent, brought.as_ref()).await?;
    Ok(confirm::show(session, &plan, output))
}

/// Rotates the credential.
pub async fn rotate(process: &Environment, global: &Global, wish: &Wish, output: &Output) -> Ending {
    let session = &process.session(global, output)?;
    confirm::writable(session, "nothing was rotated", Some("windlass plan rotate"))?;
    let (intent, brought) = intent(session, wish)?;
    let plan = planned(session, &intent, brought.as_ref()).await?;
    if !plan.nothing_to_do() {
        output.preview(&confirm::text(&plan));
        confirm::ask(&plan, output).await?;
    }
    let mut means = match plan.sign_in() {
        Some(scope) => login::sign_in(process, session, scope, wish.from_env, output).await?,
        None => Means::default(),
    };
    means.brought = brought;
    let handle = session.start_with(plan.clone(), means)?;
    let record = watch::follow(handle, &plan, output).await?;
    let code = runs::report(session, &record, output);
    if let (Some(path), Some(Outcome::Done)) = (&wish.token_file, record.outcome) {
        offer_removal(path, output).await;
    }
    Ok(code)
}

/// Offers to remove the file, since the value is now stored in the secrets and a copy on disk can
/// only leak.
async fn offer_removal(path: &Path, output: &Output) {
    if path == Path::new("-") {
        return;
    }
    let shown = Outside::new(path.display().to_string());
    if output.yes || !std::io::stdin().is_terminal() {
        output.say(&format!(
            "{shown} still contains the value in plain text: delete it"
        ));
        return;
    }
    let question = format!("Delete {shown}, which still contains the value in plain text? [y/N] ");
    let answer = login::at_terminal(move || prompt::line(&question)).await;
    if answer.is_ok_and(|answer| matches!(answer.as_str(), "y" | "Y" | "yes")) {
        match std::fs::remove_file(path) {
            Ok(()) => output.say(&format!("deleted {shown}")),
            Err(error) => output.say(&format!("cannot delete {shown}: {error}")),
        }
    }
}

async fn revocation(session: &Session, sessions: &[String]) -> Result<Plan, Problem> {
    let intent = RevokeIntent {
        sessions: sessions.iter().map(|text| SessionId::new(text)).collect(),
    };
    let snapshot = session.observer.for_credentials(session.observer.cached()).await;
    session.plan_revoke(&snapshot, &intent)
}

/// Shows what revoking sessions would change.
pub async fn plan_revoke(session: &Session, sessions: &[String], output: &Output) -> Ending {
    Ok(confirm::show(
        session,
        &revocation(session, sessions).await?,
        output,
    ))
}

/// Revokes sessions of the store.
pub async fn revoke(session: &Session, sessions: &[String], output: &Output) -> Ending {
    confirm::writable(session, "no session was revoked", None)?;
    let plan = revocation(session, sessions).await?;
    let record = confirm::confirmed(session, plan, output).await?;
    Ok(runs::report(session, &record, output))
}
