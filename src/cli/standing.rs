//! `promote`, `rollback`, `hold` and `unhold`: parses their arguments.

use chrono::{DateTime, Utc};

use super::args::{Promote, Rollback};
use super::pairs::{self, Form};
use super::times::{self, NotPast, PAST_FORMS};
use crate::domain::channel::Risk;
use crate::domain::{Channel, Problem, ProblemKind, RunId, SanitizedText};
use crate::plan::{
    HoldIntent, Intent, LaterChanges, Moment, PromoteIntent, PromoteTrackIntent, RollbackIntent, RolledBack,
};

const WITH: Form = Form {
    before: "--with ",
    shape: "CHARM=CHANNEL",
    sign: '=',
};

/// The risk of `--to`. Of a channel both ways to promote are named.
fn target_risk(text: &str) -> Result<Risk, Problem> {
    let offered = [Risk::Stable, Risk::Candidate, Risk::Beta];
    let problem = match Risk::parse_offering(text, &offered) {
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

/// Returns the intent of `promote`.
pub fn promote(wish: &Promote) -> Result<Intent, Problem> {
    let to = target_risk(&wish.to).map_err(|problem| problem.within("--to names no risk"))?;
    if let Some(track) = &wish.track {
        let track = track.parse()?;
        return Ok(Intent::PromoteTrack(PromoteTrackIntent { track, to }));
    }
    let Some(release) = &wish.release else {
        return Err(Problem::new(
            ProblemKind::Usage,
            "name a release, or a track with --track",
        ));
    };
    let with = WITH.read(&wish.with, |charm, channel| {
        Ok((charm.parse()?, pairs::channel(channel, "--with")?))
    })?;
    let release = release.parse()?;
    Ok(Intent::Promote(PromoteIntent { release, to, with }))
}

/// A time that is past at `now`, or a run.
fn moment(text: &str, now: DateTime<Utc>) -> Result<Moment, Problem> {
    let wrong = |what: &str| {
        Problem::new(
            ProblemKind::Usage,
            format!("--to {} is {what}", SanitizedText::capped(text, 60)),
        )
        .hint(format!(
            "use a past time, such as {PAST_FORMS}, or a run from 'windlass runs'"
        ))
    };
    match times::past(text, now) {
        Ok(at) => Ok(Moment::At(at)),
        Err(NotPast::Future) => Err(wrong("in the future")),
        Err(NotPast::Incomplete) => Err(wrong("not a complete time")),
        Err(NotPast::NoTime) => run_id(text)
            .map(Moment::After)
            .map_err(|_| wrong("neither a time nor a run")),
    }
}

/// Parses the id of a run; an invalid one is an error before any service is contacted.
fn run_id(text: &str) -> Result<RunId, Problem> {
    let fine =
        !text.is_empty() && text.len() <= 60 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fine {
        Ok(RunId(text.to_owned()))
    } else {
        Err(Problem::new(
            ProblemKind::Usage,
            format!("'{}' is not a run id", SanitizedText::capped(text, 60)),
        )
        .hint("list runs with 'windlass runs'"))
    }
}

/// Returns the intent of `rollback`.
pub fn rollback(wish: &Rollback) -> Result<Intent, Problem> {
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
            return Err(Problem::new(ProblemKind::Usage, "give --run RUN or a charm"));
        }
    };
    let later = if wish.over {
        LaterChanges::Overwrite
    } else if wish.keep_changed {
        LaterChanges::Keep
    } else {
        LaterChanges::Refuse
    };
    Ok(Intent::Rollback(RollbackIntent { of, later }))
}

/// Returns the intent of `hold` and `unhold`.
pub fn hold(release: &str, hold: bool) -> Result<Intent, Problem> {
    let release = release.parse()?;
    Ok(Intent::Hold(HoldIntent { release, hold }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_goes_to_a_past_time_or_a_run_and_an_error_says_how_a_time_is_written() {
        let now = DateTime::from_timestamp(1_764_500_000, 0).unwrap();
        assert!(matches!(moment("2025-02-03T12:00:00Z", now), Ok(Moment::At(_))));
        let yesterday = now - chrono::TimeDelta::days(1);
        for text in ["yesterday", "1d", "1 day ago"] {
            assert_eq!(moment(text, now).unwrap(), Moment::At(yesterday), "{text}");
        }
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
            assert_eq!(problem.kind, ProblemKind::Usage);
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
            let hints: Vec<&str> = problem.hints.iter().map(crate::domain::Hint::as_str).collect();
            assert!(
                hints[0].ends_with("use stable, candidate or beta"),
                "{text}: {problem:?}"
            );
        }
    }
}
