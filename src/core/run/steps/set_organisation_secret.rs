//! Sends a sealed value to an organisation for chosen repositories, reads back when it was set and
//! which repositories may read it, and records whose value each of them reads.
//!
//! As with a repository's secret, sending it again sets the same value.

use chrono::{DateTime, Utc};

use super::set_secret::{Setting, expired, put, recorded};
use super::{StepClients, StepContext, StepResult};
use crate::domain::secret::{SelectedRepository, Selection};
use crate::domain::{OrganisationSecret, Problem, ProblemKind, SecretTarget};
use crate::plan::{StepId, rotate};
use crate::services::github::GitHubWriter;

pub async fn perform(
    tools: &StepClients,
    mut work: StepContext<'_>,
    secret: OrganisationSecret,
    repositories: Vec<SelectedRepository>,
    before: Option<DateTime<Utc>>,
) -> StepResult {
    let seals = (work.made_of)(&StepId(rotate::SEAL_STEP.to_owned())).unwrap_or_default();
    let Some(sealed) = seals
        .sealed_organisation
        .iter()
        .find(|sealed| sealed.secret == secret)
    else {
        return StepResult::failed(
            work.made,
            Problem::new(ProblemKind::Internal, format!("no encrypted value for {secret}"))
                .hint("run the same command again"),
        );
    };
    if let Some(problem) = expired(&seals) {
        return StepResult::failed(work.made, problem);
    }
    let ids: Vec<u64> = repositories.iter().map(|one| one.id).collect();
    let github = &tools.services().github;
    let writer = GitHubWriter::new(github.clone());
    let write = || {
        writer.put_organisation_secret(
            &secret.organisation,
            &secret.secret,
            &sealed.key_id,
            &sealed.encrypted_value,
            &ids,
        )
    };
    let setting = Setting {
        name: secret.to_string(),
        owner: "organisation",
        before,
    };
    let look = || github.organisation_secret(&secret.organisation, &secret.secret);
    let put = put(
        tools,
        &mut work,
        setting,
        look,
        |shared| shared.facts.updated_at,
        write,
    );
    let shared = match put.await {
        Ok(shared) => shared,
        Err(result) => return result.ended(work.made),
    };
    // The copies are deleted next: a repository that cannot read this secret would be left without
    // one.
    if shared.selection != Selection::Selected(ids.iter().copied().collect()) {
        let problem = Problem::new(
            ProblemKind::Service,
            format!("GitHub accepted {secret}, but lists other repositories for it than requested"),
        )
        .hint("check the organisation's settings; no copy was deleted");
        return StepResult::failed(work.made, problem);
    }
    let updated_at = shared.facts.updated_at;
    work.made.updated_at = Some(updated_at);
    let targets = repositories.into_iter().map(|one| SecretTarget {
        repository: one.repository,
        secret: secret.secret.clone(),
    });
    recorded(tools, work, &seals, targets, updated_at)
}
