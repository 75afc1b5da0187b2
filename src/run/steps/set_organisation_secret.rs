//! Sends a sealed value to an organisation for chosen repositories, reads back when it was set
//! and who may read it, and records whose value every one of them reads.
//!
//! As with a repository's secret, sending it again puts the same value in place.

use chrono::{DateTime, Utc};

use super::set_secret::{Sent, recorded, send};
use super::{Ended, Tools, Work, note};
use crate::domain::secret::{SelectedRepository, Selection, SharedSecret};
use crate::domain::{Kind, OrganisationSecret, Problem, SecretTarget};
use crate::plan::{StepId, rotate};
use crate::run::progress::Phase;
use crate::services::github::GitHubWriter;

pub async fn perform(
    tools: &Tools,
    mut work: Work<'_>,
    secret: OrganisationSecret,
    repositories: Vec<SelectedRepository>,
    before: Option<DateTime<Utc>>,
) -> Ended {
    let seals = (work.made_of)(&StepId(rotate::SEAL_STEP.to_owned())).unwrap_or_default();
    let Some(sealed) = seals
        .sealed_organisation
        .iter()
        .find(|sealed| sealed.secret == secret)
    else {
        return Ended::failed(
            work.made,
            Problem::new(Kind::Internal, format!("nothing was sealed for {secret}"))
                .hint("run the same command again"),
        );
    };
    note(&work, Phase::Looking, "looking at the secret");
    let now = match held(tools, &secret).await {
        Ok(now) => now.map(|now| now.facts.updated_at),
        Err(problem) => return Ended::failed(work.made, problem),
    };
    // A try of ours that died may be the change; the first try stops at anybody's.
    if work.tries == 0 && now != before {
        return Ended::failed(
            work.made,
            Problem::new(
                Kind::Refused,
                format!("{secret} was set by somebody else since the preview: it is left as it is"),
            )
            .hint("find out who rotates at the same time, then run the same command again"),
        );
    }
    if work.cancel.is_cancelled() {
        return Ended::cancelled(work.made);
    }
    let ids: Vec<u64> = repositories.iter().map(|one| one.id).collect();
    let writer = GitHubWriter::new(tools.services().github.clone());
    let put = || {
        writer.put_organisation_secret(
            &secret.organisation,
            &secret.secret,
            &sealed.key_id,
            &sealed.encrypted_value,
            &ids,
        )
    };
    match send(tools, &work, put).await {
        Sent::Taken => {}
        Sent::Refused(problem) => return Ended::failed(work.made, problem),
        Sent::Unknown(problem) => {
            // Answered with a failure every time and unchanged: it did not happen.
            return match held(tools, &secret).await {
                Ok(after)
                    if after.as_ref().map(|after| after.facts.updated_at) == now
                        && problem.kind != Kind::Network =>
                {
                    Ended::failed(work.made, problem)
                }
                _ => Ended::unknown(work.made, problem),
            };
        }
    }
    note(&work, Phase::Processing, "reading back");
    let shared = match held(tools, &secret).await {
        Ok(Some(shared)) => shared,
        Ok(None) => {
            let problem = Problem::new(
                Kind::Service,
                format!("GitHub took {secret}, but does not list it"),
            )
            .hint("look at the organisation's settings, then run the same command again");
            return Ended::failed(work.made, problem);
        }
        // It is set; only when is not known. The next run sends the same seal again and reads.
        Err(problem) => return Ended::unknown(work.made, problem),
    };
    // The copies are deleted next: whoever could not read this one would be left with nothing.
    if shared.selection != Selection::Selected(ids.iter().copied().collect()) {
        let problem = Problem::new(
            Kind::Service,
            format!("GitHub took {secret}, but lists other repositories for it than were chosen"),
        )
        .hint("look at the organisation's settings; no copy was deleted");
        return Ended::failed(work.made, problem);
    }
    let updated_at = shared.facts.updated_at;
    work.made.updated_at = Some(updated_at);
    let targets = repositories.into_iter().map(|one| SecretTarget {
        repository: one.repository,
        secret: secret.secret.clone(),
    });
    recorded(tools, work, &seals, targets, updated_at)
}

async fn held(tools: &Tools, secret: &OrganisationSecret) -> Result<Option<SharedSecret>, Problem> {
    let github = &tools.services().github;
    github
        .organisation_secret(&secret.organisation, &secret.secret)
        .await
}
