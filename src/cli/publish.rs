//! `plan publish` and `publish`: look, plan, ask, run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::args::{Wish, WithoutPart};
use super::output::Output;
use super::{Ending, confirm, documents, runs};
use crate::config::workspace::Select;
use crate::domain::release::newest_per_month;
use crate::domain::{Kind, Outside, Problem, Release, ReleaseName, Snapshot};
use crate::journal::{Outcome, RunRecord};
use crate::plan::evidence::{self, Published};
use crate::plan::intent::Part;
use crate::plan::{Plan, PublishIntent};
use crate::run::Session;

fn intent(wish: &Wish, release: ReleaseName) -> Result<PublishIntent, Problem> {
    let pair = |text: &str, what: &str| -> Result<(String, String), Problem> {
        text.split_once('=')
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .ok_or_else(|| {
                Problem::new(
                    Kind::Usage,
                    format!("--{what} {} has no '='", Outside::capped(text, 100)),
                )
                .hint(format!("write --{what} NAME=VALUE"))
            })
    };
    let mut revisions = BTreeMap::new();
    for text in &wish.revision {
        let (charm, number) = pair(text, "revision")?;
        let number = number.trim_start_matches('r').parse().map_err(|_| {
            Problem::new(
                Kind::Usage,
                format!("--revision {} names no number", Outside::capped(text, 100)),
            )
        })?;
        revisions.insert(charm.parse()?, crate::domain::CharmRevision(number));
    }
    let mut images = BTreeMap::new();
    for text in &wish.image {
        let (image, target) = pair(text, "image")?;
        images.insert(image, target.parse()?);
    }
    Ok(PublishIntent {
        release,
        charms: wish
            .charm
            .iter()
            .map(|name| name.parse())
            .collect::<Result<BTreeSet<_>, _>>()?,
        revisions,
        keep_revision: wish.keep_revision,
        images,
        track_only: wish.track_only,
        allow_downgrade: wish.allow_downgrade,
        without: wish
            .without
            .iter()
            .map(|part| match part {
                WithoutPart::Branch => Part::Branch,
                WithoutPart::Bundle => Part::Bundle,
            })
            .collect(),
    })
}

async fn planned(
    session: &Session,
    snapshot: Snapshot,
    intent: &PublishIntent,
) -> Result<(Plan, Snapshot), Problem> {
    let snapshot = session.observer.for_publish(snapshot, intent).await;
    let plan = session.plan_publish(&snapshot, intent)?;
    Ok((plan, snapshot))
}

fn named(wish: &Wish) -> Result<ReleaseName, Problem> {
    wish.release.as_deref().unwrap_or_default().parse()
}

/// Shows what publishing would change.
pub async fn plan(session: &Session, wish: &Wish, output: &Output) -> Ending {
    if wish.new {
        let (chosen, left_out, mut snapshot) = new_releases(session).await?;
        let mut plans = Vec::new();
        for release in chosen {
            let (plan, newer) = planned(session, snapshot, &intent(wish, release)?).await?;
            snapshot = newer;
            plans.push(plan);
        }
        if output.json {
            let plans: Vec<Value> = plans.iter().map(documents::plan).collect();
            let content = vec![("plans", json!(plans)), ("left_out", json!(left_out))];
            output.document("plans", Some(&session.config.workspace.name), content);
        } else {
            for plan in &plans {
                output.answer(&confirm::text(plan));
            }
            say_left_out(&left_out, output);
        }
        return Ok(0);
    }
    let (plan, _) = planned(session, session.observer.cached(), &intent(wish, named(wish)?)?).await?;
    Ok(confirm::show(session, &plan, output))
}

/// Publishes one release, or every new one.
pub async fn publish(session: &Session, wish: &Wish, output: &Output) -> Ending {
    confirm::writable(session, "nothing is published", Some("windlass plan publish"))?;
    if wish.new {
        return publish_new(session, wish, output).await;
    }
    let (plan, _) = planned(session, session.observer.cached(), &intent(wish, named(wish)?)?).await?;
    let record = confirm::confirmed(session, plan, output).await?;
    Ok(runs::report(session, &record, output))
}

#[derive(serde::Serialize)]
struct LeftOut {
    release: ReleaseName,
    reason: Outside,
}

/// What the rule selects and nobody has published, oldest first, and what is left out and why.
async fn new_releases(session: &Session) -> Result<(Vec<ReleaseName>, Vec<LeftOut>, Snapshot), Problem> {
    let workspace = &session.config.workspace;
    let upstream = workspace.upstream()?;
    let snapshot = session.observer.refresh(session.observer.cached()).await;
    let releases = snapshot.releases.need("the list of upstream releases")?.clone();
    snapshot.markers.need("the list of marker branches")?;
    let names = releases.iter().map(|release| &release.name);
    let selected: Vec<ReleaseName> = match upstream.select {
        Select::NewestPerMonth => newest_per_month(names, &upstream.since)
            .into_iter()
            .cloned()
            .collect(),
        Select::All => names
            .filter(|name| name.as_str() > upstream.since.as_str())
            .cloned()
            .collect(),
    };
    let mut chosen: Vec<&Release> = Vec::new();
    let mut left_out = Vec::new();
    for release in releases.iter().filter(|release| selected.contains(&release.name)) {
        if evidence::standing(workspace, &snapshot, release).published == Some(Published::Yes) {
            continue;
        }
        if let Some(warning) = release.misdated() {
            left_out.push(LeftOut {
                release: release.name.clone(),
                reason: Outside::new(format!(
                    "misdated: {}; name it to publish it all the same",
                    warning.text
                )),
            });
        } else if let Some(problem) = &release.unreadable {
            left_out.push(LeftOut {
                release: release.name.clone(),
                reason: Outside::new(problem.to_string()),
            });
        } else {
            chosen.push(release);
        }
    }
    chosen.sort_by_key(|release| (release.made_at(), release.name.clone()));
    let chosen = chosen.into_iter().map(|release| release.name.clone()).collect();
    Ok((chosen, left_out, snapshot))
}

fn say_left_out(left_out: &[LeftOut], output: &Output) {
    for left in left_out {
        output.say(&format!("left out: {} ({})", left.release, left.reason));
    }
}

async fn publish_new(session: &Session, wish: &Wish, output: &Output) -> Ending {
    let (chosen, left_out, mut snapshot) = new_releases(session).await?;
    let mut records: Vec<RunRecord> = Vec::new();
    let mut code = 0;
    let mut stopped: Option<Problem> = None;
    for release in chosen {
        let next = async {
            let (plan, newer) = planned(session, snapshot.clone(), &intent(wish, release)?).await?;
            Ok::<_, Problem>((confirm::confirmed(session, plan, output).await?, newer))
        };
        match next.await {
            Ok((record, newer)) => {
                snapshot = newer;
                code = record.outcome.map_or(1, Outcome::exit_code);
                stopped = documents::problem(&record);
                if !output.json {
                    runs::report(session, &record, output);
                }
                records.push(record);
            }
            // What ran before must be told all the same.
            Err(problem) if records.is_empty() => return Err(problem),
            Err(problem) => {
                output.explain(&problem);
                code = problem.kind.exit_code();
                stopped = Some(problem);
            }
        }
        if code != 0 {
            break;
        }
    }
    if output.json {
        let runs: Vec<Value> = records.iter().map(documents::run).collect();
        let mut content = vec![("runs", json!(runs)), ("left_out", json!(left_out))];
        if let Some(problem) = stopped {
            content.push(("problem", json!(problem)));
        }
        output.document("runs", Some(&session.config.workspace.name), content);
    } else {
        say_left_out(&left_out, output);
        if records.is_empty() {
            output.answer("Nothing new.\n");
        }
    }
    Ok(code)
}
