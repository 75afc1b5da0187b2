//! Serves what `git clone` reads of a repository over plain HTTP: references and loose objects.
//!
//! This is git's "dumb" protocol: files below `OWNER/NAME.git`. It does not support pushes.

use super::reply::{Payload, Reply};
use super::store::Repo;

/// Handles GET of `rest` below `OWNER/NAME.git/`.
pub(super) fn serve(repo: &Repo, rest: &[&str]) -> Result<Reply, Reply> {
    let (bytes, kind) = match rest {
        ["HEAD"] => {
            let head = format!("ref: refs/heads/{}\n", repo.default_branch());
            (head.into_bytes(), "text/plain; charset=utf-8")
        }
        ["info", "refs"] => {
            let refs = repo.objects.refs.iter();
            let lines: String = refs.map(|(name, id)| format!("{id}\t{name}\n")).collect();
            (lines.into_bytes(), "text/plain; charset=utf-8")
        }
        ["objects", first, rest] => {
            let object = repo.objects.loose(&format!("{first}{rest}"));
            let object = object.ok_or_else(Reply::not_found)?;
            (object, "application/x-git-loose-object")
        }
        _ => return Err(Reply::not_found()),
    };
    let mut reply = Reply::raw(bytes);
    if let Payload::Raw(_, given) = &mut reply.payload {
        *given = kind;
    }
    Ok(reply)
}
