//! Checks the registry logins.

use super::offline::not_asked;
use super::{Check, CheckStatus, Examination};
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// A registry login and the registry's response to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginProof {
    /// Host of the registry, `docker.io` for Docker Hub.
    pub registry: SanitizedText,
    /// User name, if known.
    pub user: Option<SanitizedText>,
    /// Where it is stored: a file, a helper or a variable.
    pub source: SanitizedText,
    /// The scopes of its token as far as reported, or why it could not be verified; `None` if no
    /// request was sent.
    pub answer: Option<Result<Vec<SanitizedText>, Problem>>,
}

/// Adds a check of every login, in the order of their sources.
pub fn logins(seen: &Examination, all: &mut Vec<Check>) {
    if let Some(problem) = &seen.logins_unread {
        all.push(Check::problem("registry-logins", CheckStatus::Warning, problem));
    }
    for proof in &seen.logins {
        // Two sources may each hold a login for the same registry.
        let alone = seen
            .logins
            .iter()
            .filter(|other| other.registry == proof.registry)
            .count()
            == 1;
        let name = if alone {
            format!("registry-login/{}", proof.registry)
        } else {
            format!("registry-login/{} from {}", proof.registry, proof.source)
        };
        all.push(match &proof.answer {
            None => not_asked(name),
            Some(Ok(scopes)) => Check::ok(name, accepted(proof, scopes)),
            Some(Err(problem)) if problem.kind == ProblemKind::Credentials => Check::bad(
                name,
                CheckStatus::Failed,
                format!("{problem} (from {})", proof.source),
                remedy(proof),
            ),
            Some(Err(problem)) => Check::problem(name, CheckStatus::Warning, problem),
        });
    }
}

fn accepted(proof: &LoginProof, scopes: &[SanitizedText]) -> String {
    let who = proof
        .user
        .as_ref()
        .map_or_else(String::new, |user| format!(" as {user}"));
    let scopes: Vec<&str> = scopes.iter().map(SanitizedText::as_str).collect();
    let scopes = if scopes.is_empty() {
        "scopes unknown".to_owned()
    } else {
        format!("scopes {}", scopes.join(", "))
    };
    format!("accepted{who}, from {}; {scopes}", proof.source)
}

fn remedy(proof: &LoginProof) -> String {
    let login = format!("windlass login --registry {}", proof.registry);
    if proof.source.as_str() == "CR_PAT" {
        // The variable takes precedence over Docker's logins.
        format!("set CR_PAT to a valid token, or unset it, then: {login}")
    } else {
        login
    }
}
