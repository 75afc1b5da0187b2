//! `login` and `logout`: signs in to Charmhub and removes stored credentials.
//!
//! Asks the questions of a sign-in, and checks everything it can before a password is typed. Must
//! not store what was typed.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::args::{Global, Login as Args};
use super::carry_out::{self, Mode};
use super::environment::Environment;
use super::output::Output;
use super::{Ending, confirm, pairs, prompt, runs, secret_file, watch};
use crate::domain::credential::{PERMISSIONS, PackageKind, ScopedPackage, TokenScope};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::journal::Outcome;
use crate::plan::{Intent, SignInIntent, TokenStorage};
use crate::run::{RunSecrets, Session};
use crate::services::charmhub::StoreToken;
use crate::services::charmhub::sign_on::{Login, SignOnAnswer};
use crate::services::credential_file::CredentialFile;
use crate::services::http::{host_of, is_loopback};
use crate::services::keyring::{self, Keyring};
use crate::services::private_file;

/// Number of attempts for a wrong password at a terminal.
const TRIES: usize = 3;

/// Signs in to Charmhub and stores the token, or shows which token that creates and where it is
/// stored.
pub async fn run(process: &Environment, global: &Global, wish: &Args, mode: Mode, output: &Output) -> Ending {
    if wish.registry.is_some() {
        return Err(Problem::new(
            ProblemKind::Usage,
            "a registry login changes no service, so there is nothing to plan",
        )
        .hint("run windlass login --registry HOST to check and store it"));
    }
    let session = process.session(global, output)?;
    let passphrase = process.passphrase(global)?;
    let intent = SignInIntent {
        scope: scope(wish)?,
        keep: keep(&session, wish, passphrase.as_ref()).await?,
    };
    let whole = Intent::SignIn(intent.clone());
    let plan = carry_out::planned(&session, &whole, None, output).await?;
    if mode == Mode::Plan {
        return Ok(confirm::show(&session, &plan, output));
    }
    confirm::writable(&session, Some(&whole))?;
    output.preview(&confirm::text(&plan));
    confirm::ask(&plan, output).await?;
    let mut means = sign_in(process, &session, &intent.scope, wish.from_env, output).await?;
    means.passphrase = passphrase;
    let handle = session.start_with(plan.clone(), means)?;
    let record = watch::follow(handle, &plan, output).await?;
    say_lost(&session, &intent.keep, record.outcome, output).await;
    if output.json || record.outcome != Some(Outcome::Done) {
        return Ok(runs::report(&session, &record, output));
    }
    match &intent.keep {
        TokenStorage::Export { path, .. } => {
            // By the name given on the command line, as charmcraft prints it.
            let named = wish.export.as_ref().map(|path| path.display().to_string());
            output.answer(&format!(
                "Login successful. Credentials exported to '{}'.\n",
                SanitizedText::new(named.as_ref().unwrap_or(path))
            ));
            output.say(
                "warning: the file contains the token in plain text; delete it once you have stored the \
                token",
            );
        }
        TokenStorage::Keyring | TokenStorage::EncryptedFile => {
            let who = async { session.observer.services().publisher().await?.whoami().await };
            match who.await {
                Ok(facts) => {
                    let account = facts.account.unwrap_or_default();
                    output.answer(&format!("Logged in as '{account}'.\n"));
                }
                // The token is stored all the same.
                Err(problem) => {
                    output.answer("Login successful.\n");
                    output.explain(&problem);
                }
            }
        }
    }
    Ok(0)
}

/// Lists the tokens that earlier runs created and lost; they are not revoked otherwise.
async fn say_lost(session: &Session, keep: &TokenStorage, outcome: Option<Outcome>, output: &Output) {
    let exported = match (keep, outcome) {
        (TokenStorage::Export { path, .. }, Some(Outcome::Done)) => secret_file::read(Path::new(path))
            .ok()
            .and_then(|text| StoreToken::from_export(text.expose_secret(), "the export").ok()),
        _ => None,
    };
    for lost in session.observer.lost_tokens(exported).await {
        output.say(&format!(
            "warning: the token of session {lost} was lost when its run was interrupted: windlass revoke \
            {lost}"
        ));
    }
}

fn scope(wish: &Args) -> Result<TokenScope, Problem> {
    for permission in &wish.permission {
        if !PERMISSIONS.contains(&permission.as_str()) {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!("Invalid permission: '{}'.", SanitizedText::capped(permission, 80)),
            )
            .hint(format!("use one of {}", PERMISSIONS.join(", "))));
        }
    }
    let mut packages = Vec::new();
    for (kind, names) in [
        (PackageKind::Charm, &wish.charm),
        (PackageKind::Bundle, &wish.bundle),
    ] {
        for name in names {
            packages.push(ScopedPackage {
                kind,
                name: name.parse()?,
            });
        }
    }
    for channel in &wish.channel {
        pairs::channel(channel, "--channel")?;
    }
    Ok(TokenScope {
        permissions: if wish.permission.is_empty() {
            TokenScope::USUAL.map(str::to_owned).to_vec()
        } else {
            wish.permission.clone()
        },
        packages,
        channels: wish.channel.clone(),
        ttl: wish.ttl.unwrap_or(TokenScope::USUAL_TTL),
    })
}

/// Returns where the token will be stored, checked before a password is typed.
async fn keep(
    session: &Session,
    wish: &Args,
    passphrase: Option<&SecretString>,
) -> Result<TokenStorage, Problem> {
    if let Some(path) = &wish.export {
        // A device or a pipe would be replaced by a file.
        let other = std::fs::symlink_metadata(path).is_ok_and(|facts| !facts.is_file());
        if path == std::path::Path::new("-") || other {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!(
                    "--export needs a file, not '{}'",
                    SanitizedText::new(path.display().to_string())
                ),
            )
            .hint("name a file: windlass login --export token.txt"));
        }
        if path.exists() && !wish.force {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!(
                    "{} already exists and was not overwritten",
                    SanitizedText::new(path.display().to_string())
                ),
            )
            .hint("name another file, or add --force"));
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        private_file::probe(&path)?;
        return Ok(TokenStorage::Export {
            path: path.display().to_string(),
            force: wish.force,
        });
    }
    let services = session.observer.services();
    if services.has_variable_token() {
        return Err(Problem::new(
            ProblemKind::Refused,
            "Cannot login when using alternative auth through CHARMCRAFT_AUTH environment variable.",
        )
        .hint("unset CHARMCRAFT_AUTH, or write the token into a file with --export FILE"));
    }
    if let Some(passphrase) = passphrase {
        // Checked early: a file with another passphrase could not be written once the token exists.
        let file = CredentialFile::in_folder(session.journal.folder());
        if file.exists() {
            file.open(passphrase, &services.endpoints.charmhub)?;
        }
        return Ok(TokenStorage::EncryptedFile);
    }
    let why = match keyring::standing().await {
        Keyring::Usable if services.uses_keyring() => return Ok(TokenStorage::Keyring),
        Keyring::Usable => SanitizedText::new("the demo environment does not use your keyring"),
        Keyring::Locked => SanitizedText::new("the keyring is locked"),
        Keyring::Absent(why) => why,
    };
    Err(
        Problem::new(ProblemKind::Machine, "no keyring is available to store the token")
            .cause(why)
            .hint("windlass login --passphrase-file FILE stores it in an encrypted file")
            .hint("windlass login --export FILE writes it to a file in plain text")
            .hint("unlock or start the keyring, then run the same command again"),
    )
}

/// Signs in at Ubuntu One for a token of this scope, asking again as often as allowed.
pub async fn sign_in(
    process: &Environment,
    session: &Session,
    scope: &TokenScope,
    from_env: bool,
    output: &Output,
) -> Result<RunSecrets, Problem> {
    let services = session.observer.services();
    let sso = &services.endpoints.sso;
    let mut asked = false;
    let mut login = if let Some(login) = from_environment(process, is_loopback(sso) || from_env) {
        if !is_loopback(sso) {
            output.say(&format!(
                "warning: the password for {} is in the environment, where other programs can read it",
                host_of(sso)
            ));
        }
        login
    } else {
        asked = true;
        at_terminal(|| {
            Ok(Login {
                email: prompt::line("Email address: ")?,
                password: prompt::hidden("Password: ")?,
                otp: None,
            })
        })
        .await?
    };
    for attempt in 1.. {
        let problem = match services.sign_on().discharge(scope, &login).await {
            Ok(SignOnAnswer::Signed(signed)) => {
                return Ok(RunSecrets {
                    login: Some(login),
                    signed: Some(signed),
                    ..RunSecrets::default()
                });
            }
            Ok(SignOnAnswer::OtpWanted) => {
                login.otp = Some(at_terminal(|| prompt::hidden("One-time password: ")).await?);
                continue;
            }
            Err(problem) => problem,
        };
        // Asks again only for input typed by a person.
        if !asked || attempt >= TRIES || problem.kind != ProblemKind::Credentials {
            return Err(problem);
        }
        output.explain(&problem);
        // The password was accepted before a one-time password was requested, so only the latter is
        // wrong.
        if login.otp.take().is_some() {
            continue;
        }
        login = at_terminal({
            let email = login.email.clone();
            move || {
                Ok(Login {
                    email,
                    password: prompt::hidden("Password: ")?,
                    otp: None,
                })
            }
        })
        .await?;
    }
    Err(Problem::new(
        ProblemKind::Internal,
        "the sign-in stopped without an error",
    ))
}

fn from_environment(process: &Environment, allowed: bool) -> Option<Login> {
    let set = |name: &str| process.variable(name).filter(|text| !text.is_empty());
    if !allowed {
        return None;
    }
    Some(Login {
        email: set("WINDLASS_SSO_EMAIL")?,
        password: SecretString::from(set("WINDLASS_SSO_PASSWORD")?),
        otp: set("WINDLASS_SSO_OTP").map(SecretString::from),
    })
}

/// Runs on a separate thread, so that a signal still ends the command.
pub async fn at_terminal<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(ask).await.unwrap_or_else(|error| {
        Err(Problem::new(ProblemKind::Internal, "the prompt stopped unexpectedly").because(&error))
    })
}

/// Removes what is stored on this machine.
pub async fn logout(session: &Session, registry: Option<&str>, output: &Output) -> Ending {
    let services = session.observer.services();
    if let Some(host) = registry {
        let found = services.registry_logins().forget(host).await?;
        return Ok(said(
            session,
            output,
            found,
            if found {
                "Login removed."
            } else {
                "No login found for that registry."
            },
        ));
    }
    if services.has_variable_token() {
        return Err(Problem::new(
            ProblemKind::Refused,
            "Cannot logout when using alternative auth through CHARMCRAFT_AUTH environment variable.",
        )
        .hint("unset CHARMCRAFT_AUTH; to revoke the token itself: windlass revoke SESSION"));
    }
    let api = &services.endpoints.charmhub;
    let in_keyring = services.uses_keyring() && matches!(keyring::standing().await, Keyring::Usable);
    let mut found = in_keyring && keyring::forget(api).await?;
    let file = CredentialFile::in_folder(session.journal.folder());
    if file.exists() {
        found |= file.forget(api)?;
    }
    services.forget_token();
    Ok(said(
        session,
        output,
        found,
        if found {
            "Charmhub token cleared."
        } else {
            "You are not logged in to Charmhub."
        },
    ))
}

fn said(session: &Session, output: &Output, found: bool, text: &str) -> u8 {
    if output.json {
        output.document(
            "logout",
            Some(&session.config.workspace.name),
            vec![("forgotten", json!(found))],
        );
    } else {
        output.answer(&format!("{text}\n"));
    }
    0
}
