//! Sends a sealed value to one repository, reads back when GitHub says it was set, and records
//! whose value it is.
//!
//! A sealed value may be sent again: it puts the same value in place. So where an answer was lost
//! it is sent until GitHub answers, and what is recorded is certain.

use chrono::{DateTime, Utc};

use super::{Ended, PAUSES, Tools, Work, note, pause_before_retry};
use crate::domain::secret::LineageRecord;
use crate::domain::{Kind, Outside, Problem, SecretTarget};
use crate::journal::{Made, RunRecord, StepOutcome};
use crate::plan::{Op, Plan, StepId, rotate};
use crate::run::progress::Phase;
use crate::services::github::GitHubWriter;
use crate::services::http::Written;

pub async fn perform(
    tools: &Tools,
    mut work: Work<'_>,
    target: SecretTarget,
    before: Option<DateTime<Utc>>,
) -> Ended {
    let seals = (work.made_of)(&StepId(rotate::SEAL_STEP.to_owned())).unwrap_or_default();
    let Some(sealed) = seals.sealed.iter().find(|sealed| sealed.target == target) else {
        return Ended::failed(
            work.made,
            Problem::new(Kind::Internal, format!("nothing was sealed for {target}"))
                .hint("run the same command again"),
        );
    };
    if let Some(problem) = expired(&seals) {
        return Ended::failed(work.made, problem);
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
        &work,
        secret,
        look,
        |facts| facts.updated_at,
        || writer.put_secret(sealed),
    )
    .await
    {
        Ok(facts) => facts,
        Err(stop) => return stop.ended(work.made),
    };
    let updated_at = facts.updated_at;
    work.made.updated_at = Some(updated_at);
    recorded(tools, work, &seals, [target], updated_at)
}

/// Why the value of `seals` may not be sent any more: its token has expired.
pub(super) fn expired(seals: &Made) -> Option<Problem> {
    let end = seals.expires_at.filter(|end| *end <= Utc::now())?;
    Some(
        Problem::new(
            Kind::Credentials,
            format!(
                "the token of this run expired at {}: it is not sent",
                end.format("%Y-%m-%d %H:%M:%S UTC")
            ),
        )
        .hint("run the same command again: it makes a new token"),
    )
}

/// The end of a step that put the value of `seals` in place for `targets`: recorded for each.
pub(super) fn recorded(
    tools: &Tools,
    work: Work<'_>,
    seals: &Made,
    targets: impl IntoIterator<Item = SecretTarget>,
    updated_at: DateTime<Utc>,
) -> Ended {
    let Some(fingerprint) = &seals.fingerprint else {
        return Ended::failed(
            work.made,
            Problem::new(Kind::Internal, "a seal without fingerprint"),
        );
    };
    for target in targets {
        let record = LineageRecord {
            target,
            updated_at,
            fingerprint: fingerprint.clone(),
            session: seals.session.clone(),
            expires_at: seals.expires_at,
            run: Outside::new(tools.run.to_string()),
            at: Utc::now(),
        };
        if let Err(problem) = tools.session.journal.record_lineage(&record) {
            return Ended::unknown(work.made, problem);
        }
    }
    Ended::done(work.made)
}

/// A secret that is to get a new value.
pub(super) struct Setting {
    /// What people call it.
    pub(super) name: String,
    /// Whose settings show it.
    pub(super) owner: &'static str,
    /// When it was set last, as the preview saw it.
    pub(super) before: Option<DateTime<Utc>>,
}

/// Why a secret is not known to hold the new value.
pub(super) enum Stop {
    Failed(Problem),
    Unknown(Problem),
    Cancelled,
}

impl Stop {
    /// The end of the step.
    pub(super) fn ended(self, made: Made) -> Ended {
        match self {
            Self::Failed(problem) => Ended::failed(made, problem),
            Self::Unknown(problem) => Ended::unknown(made, problem),
            Self::Cancelled => Ended::cancelled(made),
        }
    }
}

/// Puts a sealed value in place and reads back what GitHub says of it then: `look` reads it,
/// `set_at` tells when it was set, `write` sends the seal.
pub(super) async fn put<Facts, Look, Seen, Write, Answer>(
    tools: &Tools,
    work: &Work<'_>,
    secret: Setting,
    look: Look,
    set_at: impl Fn(&Facts) -> DateTime<Utc>,
    write: Write,
) -> Result<Facts, Stop>
where
    Look: Fn() -> Seen,
    Seen: Future<Output = Result<Option<Facts>, Problem>>,
    Write: Fn() -> Answer,
    Answer: Future<Output = Result<Written<()>, Problem>>,
{
    let Setting { name, owner, before } = secret;
    note(work, Phase::Looking, "looking at the secret");
    let now = look().await.map_err(Stop::Failed)?.as_ref().map(&set_at);
    // A try of ours that died may be the change; the first try stops at anybody's.
    if work.tries == 0 && now != before {
        return Err(Stop::Failed(
            Problem::new(
                Kind::Refused,
                format!("{name} was set by somebody else since the preview: it is left as it is"),
            )
            .hint("find out who rotates at the same time, then run the same command again"),
        ));
    }
    if work.cancel.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    match send(tools, work, write).await {
        Sent::Taken => {}
        Sent::Refused(problem) => return Err(Stop::Failed(problem)),
        Sent::Unknown(problem) => {
            // Answered with a failure every time and unchanged: it did not happen.
            return Err(match look().await {
                Ok(after) if after.as_ref().map(&set_at) == now && problem.kind != Kind::Network => {
                    Stop::Failed(problem)
                }
                _ => Stop::Unknown(problem),
            });
        }
    }
    note(work, Phase::Processing, "reading back");
    match look().await {
        Ok(Some(facts)) => Ok(facts),
        Ok(None) => Err(Stop::Failed(
            Problem::new(Kind::Service, format!("GitHub took {name}, but does not list it")).hint(format!(
                "look at the {owner}'s settings, then run the same command again"
            )),
        )),
        // It is set; only when is not known. The next run sends the same seal again and reads.
        Err(problem) => Err(Stop::Unknown(problem)),
    }
}

/// What came of sending a seal.
enum Sent {
    Taken,
    Refused(Problem),
    Unknown(Problem),
}

/// Sends a seal until GitHub answers.
async fn send<Write, Answer>(tools: &Tools, work: &Work<'_>, write: Write) -> Sent
where
    Write: Fn() -> Answer,
    Answer: Future<Output = Result<Written<()>, Problem>>,
{
    let mut lost = None;
    for attempt in 0..=PAUSES.len() {
        let sent = tools.paced(|| {
            note(work, Phase::Sending, "sending the seal");
            write()
        });
        match sent.await {
            Ok(Written::Answered(())) => return Sent::Taken,
            Ok(Written::Lost(problem)) => lost = Some(problem),
            // Refused after a lost try: the lost one may have been taken.
            Err(problem) if lost.is_some() => return Sent::Unknown(problem),
            Err(problem) => return Sent::Refused(problem),
        }
        if let (Some(problem), Some(pause)) = (&lost, PAUSES.get(attempt)) {
            pause_before_retry(work, problem, *pause).await;
        }
    }
    Sent::Unknown(lost.unwrap_or_else(|| Problem::new(Kind::Internal, "a write ended without a word")))
}

/// `problem` of a run that set secrets, with an account of which hold the new value and which do
/// not. Another run's problem is given back as it is.
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
    let mut whole = problem.within(format!("{} of {total} secrets hold the new value", held.len()));
    if !held.is_empty() {
        whole = whole.cause(format!("new value in {}", held.join(", ")));
    }
    if !old.is_empty() {
        whole = whole.cause(format!("old value in {}", old.join(", ")));
    }
    if !open.is_empty() {
        whole = whole.cause(format!("nobody knows of {}", open.join(", ")));
    }
    if !hiding.is_empty() {
        whole = whole.cause(format!("an old copy is still read in {}", hiding.join(", ")));
    }
    whole.hint("run the same command again: it sends what is missing and mints nothing")
}
