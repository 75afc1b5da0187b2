//! Asks the service whether the value of this run does what the job behind every target needs.

use super::{Ended, Tools, Work, note};
use crate::config::workspace::TokenKind;
use crate::domain::Problem;
use crate::observe::facts_of;
use crate::plan::{Need, rotate};
use crate::run::progress::Phase;

pub async fn perform(tools: &Tools, work: Work<'_>, kind: TokenKind, needs: Vec<Need>) -> Ended {
    note(&work, Phase::Looking, "asking what it may do");
    match check(tools, kind, &needs).await {
        Ok(()) => Ended::done(work.made),
        Err(problem) => Ended::failed(work.made, problem.hint("no secret was touched")),
    }
}

async fn check(tools: &Tools, kind: TokenKind, needs: &[Need]) -> Result<(), Problem> {
    let value = tools.value()?;
    let Some(facts) = facts_of(tools.services(), kind, &value).await? else {
        return Ok(());
    };
    rotate::lacking(kind, &facts, needs).map_or(Ok(()), Err)
}
