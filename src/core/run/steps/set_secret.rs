//! Sends a sealed value to one repository, reads back when GitHub reports it was set, and records
//! whose value it is.
//!
//! GitHub shows only when a secret was set. A change that neither the preview nor a try of this
//! run explains was made by another client, whose value is left in place.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::write::{Sent, check_and_write};
use super::{Checked, StepClients, StepContext, StepResult, WriteResult, note};
use crate::domain::secret::LineageRecord;
use crate::domain::{Hint, Problem, ProblemKind, SanitizedText, SecretTarget, count};
use crate::journal::{RunRecord, StepOutcome, StepOutput};
use crate::plan::{Op, Plan, StepId, rotate};
use crate::run::progress::Phase;
use crate::services::Services;
use crate::services::github::GitHubWriter;
use crate::services::http::{Written, host_of};

pub async fn perform(
    tools: &StepClients,
    mut work: StepContext<'_>,
    target: SecretTarget,
    before: Option<DateTime<Utc>>,
) -> StepResult {
    let seals = (work.made_of)(&StepId(rotate::SEAL_STEP.to_owned())).unwrap_or_default();
    let Some(sealed) = seals.sealed.iter().find(|sealed| sealed.target == target) else {
        return StepResult::failed(
            work.made,
            Problem::new(ProblemKind::Internal, format!("no encrypted value for {target}"))
                .hint("run the same command again"),
        );
    };
    if let Some(problem) = expired(&seals) {
        return StepResult::failed(work.made, problem);
    }
    let github = &tools.services().github;
    let writer = GitHubWriter::new(github.clone());
    let secret = Setting {
        name: target.to_string(),
        owner: "repository",
        before,
    };
    let look = || github.secret(&target);
    let facts = match put(
        tools,
        &mut work,
        secret,
        look,
        |facts| facts.updated_at,
        || writer.put_secret(sealed),
    )
    .await
    {
        Ok(facts) => facts,
        Err(result) => return result.ended(work.made),
    };
    let updated_at = facts.updated_at;
    work.made.updated_at = Some(updated_at);
    recorded(tools, work, &seals, [target], updated_at)
}

/// Returns why the value of `seals` may no longer be sent: its token has expired.
pub(super) fn expired(seals: &StepOutput) -> Option<Problem> {
    let end = seals.expires_at.filter(|end| *end <= Utc::now())?;
    Some(
        Problem::new(
            ProblemKind::Credentials,
            format!(
                "the token of this run expired at {} and was not sent",
                end.format("%Y-%m-%d %H:%M:%S UTC")
            ),
        )
        .hint("run the same command again to create a new token"),
    )
}

/// Returns the end of a step that set the value of `seals` for `targets`: recorded for each.
pub(super) fn recorded(
    tools: &StepClients,
    work: StepContext<'_>,
    seals: &StepOutput,
    targets: impl IntoIterator<Item = SecretTarget>,
    updated_at: DateTime<Utc>,
) -> StepResult {
    let Some(fingerprint) = &seals.fingerprint else {
        return StepResult::failed(
            work.made,
            Problem::new(ProblemKind::Internal, "an encrypted value without a fingerprint"),
        );
    };
    for target in targets {
        let record = LineageRecord {
            target,
            updated_at,
            fingerprint: fingerprint.clone(),
            session: seals.session.clone(),
            expires_at: seals.expires_at,
            run: SanitizedText::new(tools.run.to_string()),
            at: Utc::now(),
        };
        if let Err(problem) = tools.session.journal.record_lineage(&record) {
            return StepResult::unknown(work.made, problem);
        }
    }
    StepResult::done(work.made)
}

/// Identifies a secret that gets a new value.
pub(super) struct Setting {
    /// Its name in messages.
    pub(super) name: String,
    /// Whose settings show it: the repository's or the organisation's.
    pub(super) owner: &'static str,
    /// When it was last set, according to the preview.
    pub(super) before: Option<DateTime<Utc>>,
}

/// Returns the refusal for a secret that was set since the preview.
pub(super) fn set_since(
    summary: String,
    before: Option<DateTime<Utc>>,
    now: Option<DateTime<Utc>>,
) -> Problem {
    let word = |at: Option<DateTime<Utc>>| {
        at.map_or_else(
            || "absent".to_owned(),
            |at| format!("set {}", at.format("%Y-%m-%d %H:%M:%S UTC")),
        )
    };
    Problem::new(ProblemKind::Refused, summary)
        .cause(format!(
            "it was {} at the preview and is {} now",
            word(before),
            word(now)
        ))
        .hint("check for another rotation in progress, then plan again: windlass rotate")
}

/// Returns true if a try sent at `sent` may have set a secret that GitHub reports as set at
/// `updated_at`. `ahead`: seconds by which the local clock is ahead of GitHub's. Both times are
/// known to the second only; GitHub is given two seconds to process a request.
pub(in crate::run) fn may_be_ours(sent: DateTime<Utc>, updated_at: DateTime<Utc>, ahead: i64) -> bool {
    let sent = sent - TimeDelta::seconds(ahead);
    (sent - TimeDelta::seconds(1)..=sent + TimeDelta::seconds(3)).contains(&updated_at)
}

/// Returns the seconds by which the local clock is ahead of GitHub's.
pub(in crate::run) fn seconds_ahead(services: &Services) -> i64 {
    let host = host_of(&services.endpoints.github);
    services.http.skews().get(&host).copied().unwrap_or_default()
}

/// Sets a sealed value and reads back what GitHub then reports: `look` reads the secret, `set_at`
/// returns when it was set, `write` sends the seal. A secret that another client set since the
/// preview, or since an earlier try, is left as it is.
pub(super) async fn put<Facts, Look, Seen, Write, Answer>(
    tools: &StepClients,
    work: &mut StepContext<'_>,
    secret: Setting,
    look: Look,
    set_at: impl Fn(&Facts) -> DateTime<Utc>,
    write: Write,
) -> Result<Facts, WriteResult<()>>
where
    Look: Fn() -> Seen,
    Seen: Future<Output = Result<Option<Facts>, Problem>>,
    Write: Fn() -> Answer,
    Answer: Future<Output = Result<Written<()>, Problem>>,
{
    let Setting { name, owner, before } = secret;
    note(work, Phase::Looking, "checking the secret");
    let (at_work, services) = (&*work, tools.services());
    let ahead = || seconds_ahead(services);
    // The last try, if any: by an earlier process, or by this one.
    let earlier = at_work.made.sent_at;
    let tried: Mutex<Option<DateTime<Utc>>> = Mutex::default();
    let last_try = || *tried.lock().unwrap_or_else(PoisonError::into_inner);
    let check = || async {
        let now = look().await?.as_ref().map(&set_at);
        let ours = |sent: Option<DateTime<Utc>>| {
            sent.zip(now)
                .is_some_and(|(sent, now)| may_be_ours(sent, now, ahead()))
        };
        Ok::<Checked<()>, Problem>(if now == before {
            Checked::Planned(())
        } else if last_try().is_none() && ours(earlier) {
            // The try of a process that ended explains the change: the same value is sent again.
            Checked::Planned(())
        } else if ours(last_try()) {
            let summary = format!(
                "{name} was set, either by this run, whose request got no response, or by another client \
                at the same time"
            );
            Checked::Unclear(Problem {
                kind: ProblemKind::Network,
                hints: vec![Hint::new(
                    format!(
                        "if no other client set it, send this run's value again: windlass resume {}",
                        tools.run
                    ),
                    &[],
                )],
                ..set_since(summary, before, now)
            })
        } else {
            let summary = format!("{name} was set by another client since the preview: it was not changed");
            Checked::Changed(set_since(summary, before, now))
        })
    };
    let send = |()| {
        note(at_work, Phase::Sending, "setting the secret");
        let now = Utc::now();
        *tried.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let kept = (at_work.keep)(&StepOutput {
            sent_at: Some(now),
            ..at_work.made.clone()
        });
        let sent = kept.map(|()| write());
        async {
            let written = sent?.await;
            if !matches!(written, Ok(Written::Lost(_))) {
                *tried.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            written
        }
    };
    let sent = check_and_write(at_work, Some(&tools.pacer), &check, send).await;
    work.made.sent_at = last_try().or(earlier);
    match sent {
        Sent::Taken => work.made.sent_at = None,
        Sent::Ended(result) => return Err(result),
    }
    note(work, Phase::Processing, "verifying the secret");
    match look().await {
        Ok(Some(facts)) => Ok(facts),
        Ok(None) => Err(WriteResult::Refused(
            Problem::new(
                ProblemKind::Service,
                format!("GitHub accepted {name}, but does not list it"),
            )
            .hint(format!(
                "check the {owner}'s settings, then run the same command again"
            )),
        )),
        // The secret is set; only the time is unknown. The next run sends the same seal again and
        // reads it.
        Err(problem) => Err(WriteResult::Unknown(problem)),
    }
}

/// Adds to `problem` of a run that set secrets which of them hold the new value and which do not.
/// Another run's problem is returned unchanged.
pub fn account(plan: &Plan, record: Option<&RunRecord>, problem: Problem) -> Problem {
    let Some(record) = record else { return problem };
    let mut held: Vec<String> = Vec::new();
    let mut old: Vec<String> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut hiding: Vec<String> = Vec::new();
    for step in &plan.steps {
        let outcome = record.step(&step.id).and_then(|step| step.outcome);
        let name = match &step.op {
            Op::SetSecret { target, .. } => target.to_string(),
            Op::SetOrganisationSecret { secret, .. } => secret.to_string(),
            Op::DeleteSecret { target, .. } => {
                if !matches!(outcome, Some(StepOutcome::Done | StepOutcome::Skipped)) {
                    hiding.push(target.to_string());
                }
                continue;
            }
            _ => continue,
        };
        let into = match outcome {
            Some(StepOutcome::Done | StepOutcome::Skipped) => &mut held,
            Some(StepOutcome::Unknown) => &mut open,
            _ => &mut old,
        };
        into.push(name);
    }
    if held.is_empty() && open.is_empty() {
        return problem;
    }
    let total = held.len() + old.len() + open.len();
    let mut whole = problem.within(format!(
        "{} of {} the new value",
        held.len(),
        count(total, "secret holds", "secrets hold")
    ));
    if !held.is_empty() {
        whole = whole.cause(format!("new value in {}", held.join(", ")));
    }
    if !old.is_empty() {
        whole = whole.cause(format!("old value in {}", old.join(", ")));
    }
    if !open.is_empty() {
        whole = whole.cause(format!("outcome unknown for {}", open.join(", ")));
    }
    if !hiding.is_empty() {
        whole = whole.cause(format!("an old copy still applies in {}", hiding.join(", ")));
    }
    whole.hint("run the same command again to set the rest; it creates no new token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_in_the_moment_of_a_try_may_be_its_own() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let sent = at("2026-03-01T10:00:00.700Z");
        let ours = |updated_at: &str, ahead| may_be_ours(sent, at(updated_at), ahead);
        assert!(ours("2026-03-01T10:00:00Z", 0), "GitHub shows whole seconds");
        assert!(ours("2026-03-01T10:00:02Z", 0), "and may take a moment");
        assert!(!ours("2026-03-01T09:59:58Z", 0), "set before it was sent");
        assert!(!ours("2026-03-01T10:00:05Z", 0), "set long after");
        assert!(
            ours("2026-03-01T09:58:00Z", 120),
            "our clock is ahead of GitHub's"
        );
        assert!(!ours("2026-03-01T10:00:00Z", 120));
    }
}
