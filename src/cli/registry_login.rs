//! `login --registry`: verifies the login of a registry and stores it.
//!
//! Reads user and token from a pipe or asks for them.

use std::io::IsTerminal;

use secrecy::SecretString;
use serde_json::json;

use super::login::at_terminal;
use super::output::Output;
use super::{Ending, prompt, secret_file};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::run::Session;

/// Verifies the login of a registry and stores it.
pub async fn registry(session: &Session, host: &str, user: Option<&str>, output: &Output) -> Ending {
    if host.contains('/') {
        return Err(Problem::new(
            ProblemKind::Usage,
            format!("'{}' is not a registry host", SanitizedText::capped(host, 100)),
        )
        .hint("give only the host, for example ghcr.io"));
    }
    let (user, secret) = registry_login(user).await?;
    let logins = session.observer.services().registry_logins();
    let scopes = logins.check(host, &user, &secret).await?;
    logins.keep(host, &user, &secret).await?;
    if output.json {
        output.document(
            "login",
            Some(&session.config.workspace.name),
            vec![
                ("registry", json!(host)),
                ("account", json!(user)),
                ("scopes", json!(scopes)),
            ],
        );
        return Ok(0);
    }
    let mut text = format!(
        "Logged in to {} as '{}'.\n",
        SanitizedText::new(host),
        SanitizedText::new(&user)
    );
    if !scopes.is_empty() {
        let scopes: Vec<_> = scopes.iter().map(ToString::to_string).collect();
        text.push_str(&format!("scopes: {}\n", scopes.join(", ")));
    }
    output.answer(&text);
    Ok(0)
}

/// Reads `USER:TOKEN` or the token alone from a pipe, else asks for it.
async fn registry_login(user: Option<&str>) -> Result<(String, SecretString), Problem> {
    use secrecy::ExposeSecret;
    if std::io::stdin().is_terminal() {
        let user = user.map(str::to_owned);
        return at_terminal(move || {
            let user = match user {
                Some(user) => user,
                None => prompt::line("Username: ")?,
            };
            Ok((user, prompt::hidden("Token: ")?))
        })
        .await;
    }
    let piped = secret_file::read(std::path::Path::new("-"))?;
    match (user, piped.expose_secret().split_once(':')) {
        (Some(user), _) => Ok((user.to_owned(), piped)),
        (None, Some((user, secret))) => Ok((user.to_owned(), SecretString::from(secret))),
        (None, None) => Err(Problem::new(ProblemKind::Usage, "no user name for the token")
            .hint("add --username USER, or pipe in USER:TOKEN")),
    }
}
