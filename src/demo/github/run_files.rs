//! Serves the archive of a run's logs, through an address that is valid for a minute.
//!
//! The logs of single jobs are in `runs`.

use chrono::Utc;

use super::reply::{Call, Payload, Reply};
use super::runs::{LOG_LIVES, Run, log, signature};
use super::store::Repo;
use crate::demo::store::archive::stored;

/// Returns where logs are stored: a separate host, so that clients do not send their credential
/// there. On loopback it is the demo's GitHub itself.
pub(super) fn storage(call: &Call) -> &str {
    match call.base.as_str() {
        "https://api.github.com" => "https://results-receiver.actions.githubusercontent.com",
        base => base,
    }
}

/// Handles GET `runs/{id}/logs`: 302 to the archive.
pub(super) fn logs(name: &str, call: &Call, run: &Run) -> Result<Reply, Reply> {
    if !call.signed_in {
        return Err(Reply::fail(403, "Must have admin rights to Repository."));
    }
    // There is no archive before the run ends.
    if run.state(Utc::now()).1.is_none() {
        return Err(Reply::not_found());
    }
    let until = Utc::now().timestamp() + LOG_LIVES;
    let signed = signature(name, run.id, until);
    let to = format!(
        "{}/repos/{name}/actions/runs/{}/blob/{until}.{signed}",
        storage(call),
        run.id
    );
    let mut reply = Reply::no_content();
    reply.status = 302;
    reply.headers.push(("location", to));
    Ok(reply)
}

/// Serves the archive at that address; the storage refuses requests with a credential.
pub(super) fn archive(repo: &Repo, name: &str, call: &Call, id: &str, signed: &str) -> Result<Reply, Reply> {
    if call.signed_in {
        return Err(Reply::fail(400, "InvalidAuthenticationInfo"));
    }
    let run = repo.runs.iter().find(|run| id.parse() == Ok(run.id));
    let run = run.ok_or_else(Reply::not_found)?;
    let (until, given) = signed.split_once('.').ok_or_else(Reply::not_found)?;
    let until: i64 = until.parse().map_err(|_| Reply::not_found())?;
    if given != signature(name, run.id, until) || until < Utc::now().timestamp() {
        return Err(Reply::fail(403, "AuthenticationFailed"));
    }
    let text = log(repo, run);
    let packed = stored(&[("0_build.txt", text.as_bytes())]);
    let packed = packed.map_err(|problem| Reply::fail(500, &problem.to_string()))?;
    let mut reply = Reply::raw(packed);
    if let Payload::Raw(_, kind) = &mut reply.payload {
        *kind = "application/zip";
    }
    Ok(reply)
}
