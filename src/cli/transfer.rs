//! `copy`, `release` and `close`: parses their arguments.

use super::args::{Close, Copy, Release};
use super::pairs::{self, Form};
use crate::domain::image::Platform;
use crate::domain::{
    CharmRevision, ImageSource, Problem, ProblemKind, Reference, ResourceName, ResourceRevision,
};
use crate::plan::{CloseIntent, CopyIntent, Intent, ReleaseIntent};

const RESOURCE: Form = Form {
    before: "--resource ",
    shape: "NAME:REV",
    sign: ':',
};

/// Parses an image source and makes its path absolute.
pub fn source(text: &str) -> Result<ImageSource, Problem> {
    let parsed = ImageSource::parse(text)?;
    Ok(match parsed {
        ImageSource::Local(local) => {
            let here = std::env::current_dir().map_err(|error| {
                Problem::new(ProblemKind::Machine, "cannot determine the current directory").because(&error)
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
        ImageSource::Local(local) => Err(
            Problem::new(ProblemKind::Usage, format!("cannot copy to {local}"))
                .cause("only registries are supported as a destination")
                .hint("use HOST/NAME:TAG, for example ghcr.io/finos/legend-engine:4.35.0"),
        ),
    }
}

/// Parses platforms.
pub fn platforms(texts: &[String]) -> Result<Vec<Platform>, Problem> {
    texts.iter().map(|text| Platform::parse(text)).collect()
}

/// Returns the intent of `copy`.
pub fn copy(wish: &Copy) -> Result<Intent, Problem> {
    Ok(Intent::Copy(CopyIntent {
        source: source(&wish.source)?,
        destination: destination(&wish.destination)?,
        platforms: platforms(&wish.platform)?,
        over: wish.over,
    }))
}

/// Returns the intent of `release`.
pub fn release(wish: &Release) -> Result<Intent, Problem> {
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
    Ok(Intent::Release(ReleaseIntent {
        charm: wish.charm.parse()?,
        revision: CharmRevision(pairs::number(&wish.revision, "--revision")?),
        channels,
        resources,
    }))
}

/// Returns the intent of `close`.
pub fn close(wish: &Close) -> Result<Intent, Problem> {
    Ok(Intent::Close(CloseIntent {
        charm: wish.charm.parse()?,
        channel: pairs::channel(&wish.channel, "CHANNEL")?,
    }))
}
