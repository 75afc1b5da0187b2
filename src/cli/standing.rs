//! `promote`, `rollback`, `hold` and `unhold`: read the services, plan, ask and run.

use chrono::{DateTime, Utc};

use super::args::{Promote, Rollback};
use super::output::Output;
use super::pairs::{self, Form};
use super::{Ending, confirm, runs};
use crate::domain::channel::Risk;
use crate::domain::{Channel, Kind, Outside, Problem, RunId};
use crate::plan::{HoldIntent, Moment, Plan, PromoteIntent, PromoteTrackIntent, RollbackIntent, RolledBack};
use crate::run::Session;

const WITH: Form = Form {
    before: "--with ",
    shape: "CHARM=CHANNEL",
    sign: '=',
};

async fn run(session: &Session, plan: Plan, output: &Output) -> Ending {
    let record = confirm::confirmed(session, plan, output).await?;
    Ok(runs::report(session, &record, output))
}

/// The risk of `--to`. Of a channel both ways to promote are named.
fn target_risk(text: &str) -> Result<Risk, Problem> {
    let problem = match text.parse::<Risk>() {
        Ok(risk) => return Ok(risk),
        Err(problem) => problem,
    };
    Err(match text.parse::<Channel>() {
        Ok(Channel { track, risk, .. }) if text.contains('/') => Problem {
            hints: Vec::new(),
            ..problem
        }
        .hint(format!(
            "'windlass promote --track {track} --to {risk}' promotes everything on track {track}, \
            whatever its release"
        ))
        .hint(format!(
            "'windlass promote RELEASE --to {risk}' promotes a release on its own track"
        )),
        _ => problem,
    })
}

async fn planned_promote(session: &Session, wish: &Promote) -> Result<Plan, Problem> {
    let observer = &session.observer;
    let to = target_risk(&wish.to).map_err(|problem| problem.within("--to names no risk"))?;
    if let Some(track) = &wish.track {
        let track = track.parse()?;
        let snapshot = observer.for_promote_track(observer.cached()).await;
        return session.plan_promote_track(&snapshot, &PromoteTrackIntent { track, to });
    }
    let Some(release) = &wish.release else {
        return Err(Problem::new(
            Kind::Usage,
            "name a release, or a track with --track",
        ));
    };
    let with = WITH.read(&wish.with, |charm, channel| {
        Ok((charm.parse()?, pairs::channel(channel, "--with")?))
    })?;
    let release = release.parse()?;
    let intent = PromoteIntent { release, to, with };
    let snapshot = observer.for_promote(observer.cached(), &intent).await;
    session.plan_promote(&snapshot, &intent)
}

/// Shows what a promotion would change.
pub async fn plan_promote(session: &Session, wish: &Promote, output: &Output) -> Ending {
    let plan = planned_promote(session, wish).await?;
    Ok(confirm::show(session, &plan, output))
}

/// Promotes a release.
pub async fn promote(session: &Session, wish: &Promote, output: &Output) -> Ending {
    confirm::writable(session, "nothing was promoted", Some("windlass plan promote"))?;
    let plan = planned_promote(session, wish).await?;
    run(session, plan, output).await
}

/// A time that is past at `now`, or a run.
fn moment(text: &str, now: DateTime<Utc>) -> Result<Moment, Problem> {
    let wrong = |what: &str| {
        Problem::new(
            Kind::Usage,
            format!("--to {} is {what}", Outside::capped(text, 60)),
        )
        .hint("use a past time with its zone, such as 2025-02-03T12:00:00Z, or a run from 'windlass runs'")
    };
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        if at > now {
            return Err(wrong("in the future"));
        }
        return Ok(Moment::At(at.to_utc()));
    }
    // Begins as a date does: no id of a run has a dash there.
    let dated =
        text.bytes().take(4).all(|byte| byte.is_ascii_digit()) && text.as_bytes().get(4) == Some(&b'-');
    if dated {
        return Err(wrong("not a complete time"));
    }
    run_id(text)
        .map(Moment::After)
        .map_err(|_| wrong("neither a time nor a run"))
}

/// Parses the id of a run; an invalid one is an error before any service is contacted.
fn run_id(text: &str) -> Result<RunId, Problem> {
    let fine =
        !text.is_empty() && text.len() <= 60 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fine {
        Ok(RunId(text.to_owned()))
    } else {
        Err(Problem::new(
            Kind::Usage,
            format!("'{}' is not a run id", Outside::capped(text, 60)),
        )
        .hint("list runs with 'windlass runs'"))
    }
}

fn rollback_intent(wish: &Rollback) -> Result<RollbackIntent, Problem> {
    let of = match (&wish.run, &wish.charm) {
        (Some(run), None) => RolledBack::Run(run_id(run)?),
        (None, Some(charm)) => {
            let mut channels = Vec::new();
            for text in &wish.channel {
                let channel = pairs::channel(text, "CHANNEL")?;
                if !channels.contains(&channel) {
                    channels.push(channel);
                }
            }
            RolledBack::Charm {
                charm: charm.parse()?,
                channels,
                to: wish
                    .to
                    .as_deref()
                    .map(|text| moment(text, Utc::now()))
                    .transpose()?,
            }
        }
        _ => {
            return Err(Problem::new(Kind::Usage, "give --run RUN or a charm"));
        }
    };
    Ok(RollbackIntent { of, over: wish.over })
}

async fn planned_rollback(session: &Session, wish: &Rollback) -> Result<Plan, Problem> {
    let intent = rollback_intent(wish)?;
    let observer = &session.observer;
    let snapshot = observer.for_rollback(observer.cached(), &intent).await;
    session.plan_rollback(&snapshot, &intent)
}

/// Shows what a rollback would change.
pub async fn plan_rollback(session: &Session, wish: &Rollback, output: &Output) -> Ending {
    let plan = planned_rollback(session, wish).await?;
    Ok(confirm::show(session, &plan, output))
}

/// Rolls back.
pub async fn rollback(session: &Session, wish: &Rollback, output: &Output) -> Ending {
    confirm::writable(session, "nothing was rolled back", Some("windlass plan rollback"))?;
    let plan = planned_rollback(session, wish).await?;
    run(session, plan, output).await
}

/// Holds a release, or ends its hold.
pub async fn hold(session: &Session, release: &str, hold: bool, output: &Output) -> Ending {
    let what = if hold {
        "nothing was held"
    } else {
        "no hold was removed"
    };
    let preview = if hold {
        "windlass plan hold"
    } else {
        "windlass plan unhold"
    };
    confirm::writable(session, what, Some(preview))?;
    let plan = planned_hold(session, release, hold).await?;
    run(session, plan, output).await
}

/// Shows what a hold, or ending it, would change.
pub async fn plan_hold(session: &Session, release: &str, hold: bool, output: &Output) -> Ending {
    let plan = planned_hold(session, release, hold).await?;
    Ok(confirm::show(session, &plan, output))
}

async fn planned_hold(session: &Session, release: &str, hold: bool) -> Result<Plan, Problem> {
    let intent = HoldIntent {
        release: release.parse()?,
        hold,
    };
    let observer = &session.observer;
    let snapshot = observer.for_hold(observer.cached(), &intent).await;
    session.plan_hold(&snapshot, &intent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_goes_to_a_past_time_or_a_run_and_an_error_says_how_a_time_is_written() {
        let now = DateTime::from_timestamp(1_764_500_000, 0).unwrap();
        assert!(matches!(moment("2025-02-03T12:00:00Z", now), Ok(Moment::At(_))));
        assert!(matches!(
            moment("20251120T101500Z-1f2e", now),
            Ok(Moment::After(_))
        ));
        for (text, why) in [
            ("2030-12-01T00:00:00Z", "in the future"),
            ("2025-11-30", "not a complete time"),
            ("2025-11-30T12:00:00", "not a complete time"),
            ("yesterday 12:00", "neither"),
        ] {
            let problem = moment(text, now).unwrap_err();
            assert_eq!(problem.kind, Kind::Usage);
            assert!(problem.summary.as_str().contains(why), "{problem}");
            assert!(
                problem.hints[0].as_str().contains("2025-02-03T12:00:00Z"),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn a_channel_in_place_of_a_risk_is_answered_with_both_ways_to_promote() {
        assert_eq!(target_risk("stable").unwrap(), Risk::Stable);
        let problem = target_risk("latest/stable").unwrap_err();
        assert!(
            problem.hints[0].as_str().contains("--track latest --to stable"),
            "{problem:?}"
        );
        for text in ["latest", "stabel", "a/b"] {
            let problem = target_risk(text).unwrap_err();
            assert!(
                problem.hints[0].as_str().contains("use stable, candidate"),
                "{text}: {problem:?}"
            );
        }
    }
}
