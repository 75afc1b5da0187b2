//! `plan publish` and `publish`: reads the services, plans, asks and runs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::actions_job::{self, Level};
use super::args::{PublishArgs, WithoutPart};
use super::carry_out::{self, Mode};
use super::output::Output;
use super::pairs::{self, Form};
use super::{Ending, confirm, documents, runs};
use crate::domain::{CharmRevision, Problem, ProblemKind, ReleaseName, Snapshot};
use crate::journal::{Outcome, RunRecord};
use crate::observe::View;
use crate::plan::intent::SkipPart;
use crate::plan::queue::{LeftOut, Queue};
use crate::plan::{Intent, PublishIntent};
use crate::run::Session;

const REVISION: Form = Form {
    before: "--revision ",
    shape: "CHARM=N",
    sign: '=',
};
const IMAGE: Form = Form {
    before: "--image ",
    shape: "NAME=TAG|DIGEST",
    sign: '=',
};

fn intent(wish: &PublishArgs, release: ReleaseName) -> Result<PublishIntent, Problem> {
    let revisions = REVISION.read(&wish.revision, |charm, number| {
        Ok((
            charm.parse()?,
            CharmRevision(pairs::number(number, "--revision")?),
        ))
    })?;
    let images = IMAGE.read(&wish.image, |image, target| {
        Ok((image.to_owned(), target.parse()?))
    })?;
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
                WithoutPart::Branch => SkipPart::Branch,
                WithoutPart::Bundle => SkipPart::Bundle,
            })
            .collect(),
    })
}

fn named(wish: &PublishArgs) -> Result<ReleaseName, Problem> {
    let name = wish.release.as_deref().ok_or_else(|| {
        Problem::new(ProblemKind::Usage, "publish requires a release or --new")
            .hint("windlass publish --new publishes every release that the workspace selects")
            .hint("list releases with 'windlass releases'")
    })?;
    name.parse()
}

/// Publishes one release or every new one, or shows what that would change.
pub async fn run(session: &Session, wish: &PublishArgs, mode: Mode, output: &Output) -> Ending {
    if !wish.new {
        let intent = Intent::Publish(intent(wish, named(wish)?)?);
        return carry_out::run(session, &intent, mode, output).await;
    }
    match mode {
        Mode::Plan => plan_new(session, wish, output).await,
        Mode::Apply => {
            confirm::writable(session, None)?;
            publish_new(session, wish, output).await
        }
    }
}

/// Shows what publishing every new release would change.
async fn plan_new(session: &Session, wish: &PublishArgs, output: &Output) -> Ending {
    let (queue, mut snapshot) = queue(session, session.observer.cached()).await?;
    let mut plans = Vec::new();
    for release in queue.taken {
        let intent = Intent::Publish(intent(wish, release)?);
        let (newer, plan) = carry_out::planned_from(session, snapshot, &intent, None, output).await;
        snapshot = newer;
        plans.push(plan?);
    }
    if output.json {
        let plans: Vec<Value> = plans.iter().map(documents::plan).collect();
        let content = vec![("plans", json!(plans)), ("left_out", json!(queue.left_out))];
        output.document("plans", Some(&session.config.workspace.name), content);
    } else {
        for plan in &plans {
            output.answer(&confirm::text(plan));
        }
        if plans.is_empty() {
            output.answer("Nothing new.\n");
        }
    }
    say_left_out(&queue.left_out, output);
    Ok(0)
}

/// Returns what the rule selects and is not published, read now.
async fn queue(session: &Session, before: Snapshot) -> Result<(Queue, Snapshot), Problem> {
    let snapshot = session.observer.view(before, View::Planning).await;
    Ok((session.queue(&snapshot)?, snapshot))
}

fn say_left_out(left_out: &[LeftOut], output: &Output) {
    for left in left_out {
        if !output.json {
            output.say(&format!("left out: {} ({})", left.release, left.reason));
        }
        let title = format!("left out: {}", left.release);
        output.annotate(Level::Notice, &title, left.reason.as_str());
    }
}

/// The runs of `publish --new`, and why it stopped.
#[derive(Default)]
struct Published {
    records: Vec<RunRecord>,
    left_out: Vec<LeftOut>,
    code: u8,
    stopped: Option<Problem>,
}

async fn publish_new(session: &Session, wish: &PublishArgs, output: &Output) -> Ending {
    let mut whole = Published::default();
    let ended = one_by_one(session, wish, &mut whole, output).await;
    if let Err(problem) = ended {
        // Earlier runs must be reported all the same.
        if whole.records.is_empty() {
            return Err(problem);
        }
        output.explain(&problem);
        output.summarise(|| actions_job::problem_section(&problem));
        whole.code = problem.kind.exit_code();
        whole.stopped = Some(problem);
    }
    if output.json {
        let runs: Vec<Value> = whole.records.iter().map(documents::run).collect();
        let mut content = vec![("runs", json!(runs)), ("left_out", json!(whole.left_out))];
        if let Some(problem) = &whole.stopped {
            content.push(("problem", json!(problem)));
        }
        output.document("runs", Some(&session.config.workspace.name), content);
    } else if whole.records.is_empty() {
        output.answer("Nothing new.\n");
    }
    say_left_out(&whole.left_out, output);
    if !whole.left_out.is_empty() {
        output.summarise(|| actions_job::left_out_section(&whole.left_out));
    }
    Ok(whole.code)
}

/// Publishes release by release until one fails or none is left. Each is selected and planned on
/// facts newer than the previous run.
async fn one_by_one(
    session: &Session,
    wish: &PublishArgs,
    whole: &mut Published,
    output: &Output,
) -> Result<(), Problem> {
    let (mut chosen, mut snapshot) = queue(session, session.observer.cached()).await?;
    let mut tried: BTreeSet<ReleaseName> = BTreeSet::new();
    loop {
        whole.left_out = chosen.left_out;
        // A release published in part is still selected, but running it again would change nothing.
        let next = chosen.taken.into_iter().find(|name| !tried.contains(name));
        let Some(release) = next else { return Ok(()) };
        tried.insert(release.clone());
        let intent = Intent::Publish(intent(wish, release)?);
        let (newer, plan) = carry_out::planned_from(session, snapshot, &intent, None, output).await;
        let record = confirm::confirmed(session, plan?, output).await?;
        whole.code = record.outcome.map_or(1, Outcome::exit_code);
        if !output.json {
            output.answer(&runs::summary(&record));
        }
        runs::aftermath(&record, output);
        if whole.code != 0 {
            whole.stopped = documents::problem(&record);
            whole.records.push(record);
            return Ok(());
        }
        whole.records.push(record);
        (chosen, snapshot) = queue(session, newer).await?;
    }
}
