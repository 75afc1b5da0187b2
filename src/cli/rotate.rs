//! `rotate`, `plan rotate` and `revoke`.
//!
//! Reads the credential value that the operator supplies. Must not store it.

use std::io::IsTerminal;
use std::path::Path;

use secrecy::SecretString;

use super::args::{Global, Rotate as Args};
use super::carry_out::{self, Mode};
use super::environment::Environment;
use super::output::Output;
use super::{Ending, confirm, login, prompt, runs, secret_file, watch};
use crate::domain::{Fingerprint, Problem, SanitizedText, SessionId};
use crate::journal::Outcome;
use crate::plan::{Intent, RevokeIntent, Revoked, RotateIntent, rotate};
use crate::run::{RunSecrets, Session};

/// Returns the intent and the supplied value.
fn intent(session: &Session, wish: &Args) -> Result<(RotateIntent, Option<SecretString>), Problem> {
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
        SanitizedText::new(path.display().to_string()).to_string()
    };
    let (value, fingerprint) = session.bring(kind, &text, &source)?;
    intent.brought = Some(fingerprint);
    Ok((intent, Some(value)))
}

/// Rotates the credential, or shows what that would change.
pub async fn run(process: &Environment, global: &Global, wish: &Args, mode: Mode, output: &Output) -> Ending {
    let session = &process.session(global, output)?;
    let (intent, brought) = intent(session, wish)?;
    let intent = Intent::Rotate(intent);
    if mode == Mode::Apply {
        confirm::writable(session, Some(&intent))?;
    }
    let plan = carry_out::planned(session, &intent, brought.as_ref(), output).await?;
    if mode == Mode::Plan {
        return Ok(confirm::show(session, &plan, output));
    }
    session.check_unblocked(&plan)?;
    if !plan.nothing_to_do() {
        output.preview(&confirm::text(&plan));
        confirm::ask(&plan, output).await?;
    }
    let mut means = match plan.sign_in() {
        Some(scope) => login::sign_in(process, session, scope, wish.from_env, output).await?,
        None => RunSecrets::default(),
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
    let shown = SanitizedText::new(path.display().to_string());
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

/// Returns the intent of `revoke`.
pub fn revoke(sessions: &[String]) -> Intent {
    let sessions = sessions.iter().map(|text| SessionId::new(text)).collect();
    Intent::Revoke(RevokeIntent { sessions })
}
