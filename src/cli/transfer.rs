//! `copy`, `release` and `close`: read the services, plan, ask and run.

use super::args::{Close, Copy, Release};
use super::output::Output;
use super::pairs::{self, Form};
use super::{Ending, confirm, runs, tables};
use crate::domain::image::Platform;
use crate::domain::{CharmRevision, ImageSource, Kind, Problem, Reference, ResourceName, ResourceRevision};
use crate::plan::{CloseIntent, CopyIntent, Plan, ReleaseIntent};
use crate::run::Session;
use crate::services::packing::PackProgress;

const RESOURCE: Form = Form {
    before: "--resource ",
    shape: "NAME:REV",
    sign: ':',
};

/// Shows on a terminal how much of an image was read.
pub fn hear(output: &Output) -> impl Fn(PackProgress) + Send + Sync + '_ {
    move |progress| {
        output.busy(&match progress {
            PackProgress::Exporting {
                bytes,
                total: Some(total),
            } => {
                format!(
                    "reading the image: {} of {}",
                    tables::bytes(bytes),
                    tables::bytes(total)
                )
            }
            PackProgress::Exporting { bytes, total: None } => {
                format!("reading the image: {}", tables::bytes(bytes))
            }
            PackProgress::Layer { diff, size, known } => {
                let word = if known { "known" } else { "packed" };
                format!("layer {} {word}: {}", diff.short(), tables::bytes(size))
            }
        });
    }
}

/// Parses an image source and makes its path absolute.
pub fn source(text: &str) -> Result<ImageSource, Problem> {
    let parsed = ImageSource::parse(text)?;
    Ok(match parsed {
        ImageSource::Local(local) => {
            let here = std::env::current_dir().map_err(|error| {
                Problem::new(Kind::Machine, "cannot determine the current directory").because(&error)
            })?;
            ImageSource::Local(local.below(&here))
        }
        registry @ ImageSource::Registry(_) => registry,
    })
}

/// Parses the destination of a copy: a registry, never a file or an engine of this machine.
pub fn destination(text: &str) -> Result<Reference, Problem> {
    match ImageSource::parse(text)? {
        ImageSource::Registry(reference) => Ok(reference),
        ImageSource::Local(local) => Err(Problem::new(Kind::Usage, format!("cannot copy to {local}"))
            .cause("only registries are supported as a destination")
            .hint("use HOST/NAME:TAG, for example ghcr.io/finos/legend-engine:4.35.0")),
    }
}

/// Parses platforms.
pub fn platforms(texts: &[String]) -> Result<Vec<Platform>, Problem> {
    texts.iter().map(|text| Platform::parse(text)).collect()
}

async fn planned_copy(session: &Session, wish: &Copy, output: &Output) -> Result<Plan, Problem> {
    let intent = CopyIntent {
        source: source(&wish.source)?,
        destination: destination(&wish.destination)?,
        platforms: platforms(&wish.platform)?,
        over: wish.over,
    };
    let hear = hear(output);
    let snapshot = session
        .observer
        .for_copy(session.observer.cached(), &intent, &hear)
        .await;
    session.plan_copy(&snapshot, &intent)
}

/// Shows what a copy would change.
pub async fn plan_copy(session: &Session, wish: &Copy, output: &Output) -> Ending {
    let plan = planned_copy(session, wish, output).await?;
    Ok(confirm::show(session, &plan, output))
}

/// Copies an image.
pub async fn copy(session: &Session, wish: &Copy, output: &Output) -> Ending {
    confirm::writable(session, "nothing was copied", Some("windlass plan copy"))?;
    let plan = planned_copy(session, wish, output).await?;
    run(session, plan, output).await
}

async fn run(session: &Session, plan: Plan, output: &Output) -> Ending {
    let record = confirm::confirmed(session, plan, output).await?;
    Ok(runs::report(session, &record, output))
}

fn release_intent(wish: &Release) -> Result<ReleaseIntent, Problem> {
    let resources = RESOURCE.read(&wish.resource, |name, revision| {
        let revision = pairs::number(revision, "--resource revision")?;
        Ok((name.parse::<ResourceName>()?, ResourceRevision(revision)))
    })?;
    let mut channels = Vec::new();
    for text in &wish.channel {
        let channel = pairs::channel(text, "--channel")?;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(ReleaseIntent {
        charm: wish.charm.parse()?,
        revision: CharmRevision(pairs::number(&wish.revision, "--revision")?),
        channels,
        resources,
    })
}

async fn planned_release(session: &Session, wish: &Release) -> Result<Plan, Problem> {
    let intent = release_intent(wish)?;
    let channels = Some(&intent.channels[..]);
    let observer = &session.observer;
    let snapshot = observer
        .for_charm(observer.cached(), &intent.charm, channels)
        .await;
    session.plan_release(&snapshot, &intent)
}

/// Shows what a release would change.
pub async fn plan_release(session: &Session, wish: &Release, output: &Output) -> Ending {
    let plan = planned_release(session, wish).await?;
    Ok(confirm::show(session, &plan, output))
}

/// Releases a charm revision.
pub async fn release(session: &Session, wish: &Release, output: &Output) -> Ending {
    confirm::writable(session, "nothing was released", Some("windlass plan release"))?;
    let plan = planned_release(session, wish).await?;
    run(session, plan, output).await
}

async fn planned_close(session: &Session, wish: &Close) -> Result<Plan, Problem> {
    let intent = CloseIntent {
        charm: wish.charm.parse()?,
        channel: pairs::channel(&wish.channel, "CHANNEL")?,
    };
    let channels = Some(std::slice::from_ref(&intent.channel));
    let observer = &session.observer;
    let snapshot = observer
        .for_charm(observer.cached(), &intent.charm, channels)
        .await;
    session.plan_close(&snapshot, &intent)
}

/// Shows what closing a channel would change.
pub async fn plan_close(session: &Session, wish: &Close, output: &Output) -> Ending {
    let plan = planned_close(session, wish).await?;
    Ok(confirm::show(session, &plan, output))
}

/// Closes a channel.
pub async fn close(session: &Session, wish: &Close, output: &Output) -> Ending {
    confirm::writable(session, "nothing was closed", Some("windlass plan close"))?;
    let plan = planned_close(session, wish).await?;
    run(session, plan, output).await
}
