//! Checks this machine and the services: folder, keyring, unfinished runs, reachability, clocks,
//! quotas.

use super::offline::not_asked;
use super::{Check, CheckStatus, Examination, KeyringStanding};
use crate::domain::credential::CredentialOrigin;
use crate::domain::{Hint, Snapshot};

/// Clock skew in seconds from which a warning is shown.
const SKEWED: u64 = 60;
/// Clock skew in seconds at which signatures and expiries of tokens fail.
const WRONG: u64 = 300;

/// Adds the checks of this machine.
pub fn machine(seen: &Examination, snapshot: &Snapshot, all: &mut Vec<Check>) {
    if let Some(folder) = &seen.state {
        let name = "state-folder";
        all.push(match &folder.unwritable {
            Some(problem) => Check::bad(
                name,
                CheckStatus::Failed,
                problem.to_string(),
                problem.hints.first().map_or("", Hint::as_str),
            ),
            None if !folder.private => Check::bad(
                name,
                CheckStatus::Failed,
                format!("other users can read {}", folder.path),
                format!("chmod 700 '{}'", folder.path),
            ),
            None => Check::ok(name, format!("{} is private and writable", folder.path)),
        });
    }
    // A token from another source makes the keyring unnecessary.
    let served = snapshot
        .credential
        .value
        .as_ref()
        .is_some_and(|facts| facts.origin != CredentialOrigin::Keyring);
    let instead = "store the token in an encrypted file instead: windlass login --passphrase-file \
        FILE";
    match &seen.keyring {
        KeyringStanding::NotAsked => {}
        KeyringStanding::Usable => all.push(Check::ok("keyring", "available and unlocked")),
        KeyringStanding::Locked => all.push(Check::bad(
            "keyring",
            CheckStatus::Warning,
            "locked",
            "unlock it in the keyring program, or sign in to the desktop",
        )),
        KeyringStanding::Absent(_) if served => {
            all.push(Check::ok("keyring", "not available, and not needed"));
        }
        KeyringStanding::Absent(why) => all.push(Check::bad(
            "keyring",
            CheckStatus::Warning,
            format!("not available: {why}"),
            instead,
        )),
    }
    all.push(match &seen.journal {
        None => Check::ok("journal", "intact and writable"),
        Some(fault) if fault.unusable => Check::problem("journal", CheckStatus::Failed, &fault.problem),
        Some(fault) => Check::problem("journal", CheckStatus::Warning, &fault.problem),
    });
    if seen.journal.as_ref().is_some_and(|fault| fault.unusable) && seen.open_runs.is_empty() {
        // The unfinished runs are not known.
    } else if seen.open_runs.is_empty() {
        all.push(Check::ok("open-runs", "no unfinished run"));
    }
    for run in &seen.open_runs {
        let ended = match run.outcome {
            None => "it was interrupted",
            Some("unknown") => "its outcome is unknown",
            Some("cancelled") => "it was cancelled",
            Some(_) => "it failed",
        };
        all.push(Check::bad(
            format!("open-run/{}", run.id),
            CheckStatus::Warning,
            format!("{}: {ended}", run.title),
            run.ways_on.join(", or: "),
        ));
    }
}

/// Adds the checks of the services themselves.
pub fn reached(seen: &Examination, snapshot: &Snapshot, all: &mut Vec<Check>) {
    for reach in &seen.reached {
        let name = format!("reach/{}", reach.service);
        all.push(match &reach.answer {
            None => not_asked(name),
            Some(Err(problem)) => {
                let mut check = Check::problem(name, CheckStatus::Failed, problem);
                check.remedy.get_or_insert_with(|| {
                    format!("check network, proxy and name resolution for {}", reach.host).into()
                });
                check
            }
            Some(Ok(status)) if *status >= 500 => Check::bad(
                name,
                CheckStatus::Warning,
                format!("{} responds with {status}", reach.host),
                "try again later, or check the service's status page",
            ),
            Some(Ok(_)) => Check::ok(name, format!("{} responds", reach.host)),
        });
    }
    if seen.offline {
        // A rate limit that was read before is not meaningful now.
        all.extend(["clock", "github-quota"].map(not_asked));
        all.extend(snapshot.quota.map(|_| not_asked("docker-hub-quota")));
        return;
    }
    for (host, ahead) in &seen.skews {
        let off = ahead.unsigned_abs();
        let way = if *ahead < 0 { "behind" } else { "ahead of" };
        let text = format!("this clock is {off} s {way} {host}'s");
        let standing = match off {
            _ if off > WRONG => CheckStatus::Failed,
            _ if off > SKEWED => CheckStatus::Warning,
            _ => CheckStatus::Ok,
        };
        let name = format!("clock/{host}");
        all.push(if standing == CheckStatus::Ok {
            Check::ok(name, text)
        } else {
            Check::bad(name, standing, text, "set the clock: timedatectl set-ntp true")
        });
    }
    match (&seen.requests.value, &seen.requests.problem) {
        (_, Some(problem)) => all.push(Check::problem("github-quota", CheckStatus::Warning, problem)),
        (Some(left), None) => {
            let text = format!("{} of {} requests per hour left", left.remaining, left.limit);
            let when = left
                .reset
                .map_or_else(String::new, |at| format!(" until {}", at.format("%H:%M UTC")));
            all.push(quota(
                "github-quota",
                left.remaining,
                left.limit,
                &text,
                &format!("wait{when}; with GH_TOKEN the limit is 5000 per hour"),
            ));
        }
        (None, None) => {}
    }
    if let Some(left) = snapshot.quota {
        let text = format!(
            "{} of {} pulls per {} s left",
            left.remaining, left.limit, left.window
        );
        all.push(quota(
            "docker-hub-quota",
            left.remaining,
            left.limit,
            &text,
            "wait for the next window, or log in for a higher limit: windlass login --registry \
            docker.io",
        ));
    }
}

/// Returns the check of a quota: a failure if nothing is left, a warning below a tenth.
fn quota(name: &str, remaining: u64, limit: u64, text: &str, remedy: &str) -> Check {
    if remaining == 0 {
        Check::bad(name, CheckStatus::Failed, text, remedy)
    } else if remaining < limit / 10 {
        Check::bad(name, CheckStatus::Warning, text, remedy)
    } else {
        Check::ok(name, text)
    }
}
