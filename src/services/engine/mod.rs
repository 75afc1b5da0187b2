//! Talks to the engines of this machine, Docker and Podman, through their sockets.
//!
//! Knows their addresses and four calls, and finds an image by digest. An engine that does not run
//! is not an error while another one answers. Must not take an image's id for a digest: what an id
//! is depends on the engine.

mod address;
mod client;
mod digest_query;
#[cfg(test)]
pub(in crate::services) mod test_engine;

use std::sync::Arc;

use crate::domain::image::Reference;
use crate::domain::{Digest, ImageId, LocalSource, Problem, ProblemKind, SanitizedText};
use crate::services::http::Http;
use client::{Engine, EngineError, Line};

pub use client::{Export, Inspected};
pub use digest_query::DigestQuery;

/// Holds Docker and Podman, wherever they are. Cheap to clone; connects on first use.
#[derive(Clone)]
pub struct Engines {
    docker: Arc<Engine>,
    podman: Arc<Vec<Engine>>,
}

/// Holds an image in an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedImages {
    /// Where it is stored, by id.
    pub source: LocalSource,
    /// The engine's name.
    pub engine: &'static str,
    /// The engine's id of the image.
    pub id: ImageId,
    /// Its names in the engine.
    pub names: Vec<SanitizedText>,
    /// The digests under which registries know it, as recorded by Docker; empty for Podman, which
    /// invents a digest that no registry has seen.
    pub repo_digests: Vec<Reference>,
}

/// Holds an image in an engine that matches a requested digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineImage {
    /// Where it is stored, by id.
    pub source: LocalSource,
    /// The engine's id of the image.
    pub id: ImageId,
    /// Its names in the engine.
    pub names: Vec<SanitizedText>,
    /// The digests under which registries know it; see [`ListedImages::repo_digests`].
    pub repo_digests: Vec<Reference>,
    /// The whole digest that was requested.
    pub matched: Digest,
}

impl Engines {
    /// Returns the engines that `variable` (an environment) describes: `DOCKER_HOST`,
    /// `CONTAINER_HOST`, `XDG_RUNTIME_DIR`. An address that is refused is reported on first use.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<String>, http: &Http) -> Self {
        let podman = address::podman(variable).into_iter();
        Self {
            docker: Arc::new(Engine::new(address::docker(variable), http)),
            podman: Arc::new(podman.map(|candidate| Engine::new(candidate, http)).collect()),
        }
    }

    /// Returns every image that `digest_query` may mean: in Docker, else in Podman. Empty if the engines
    /// that answer hold none.
    ///
    /// # Errors
    /// Names every address that was tried if no engine answers, or if the engine that might hold
    /// the image fails.
    pub async fn find(&self, wanted: &DigestQuery) -> Result<Vec<EngineImage>, Problem> {
        let mut asked = EngineAnswer::default();
        for engines in [std::slice::from_ref(&*self.docker), &self.podman[..]] {
            let lines = self.lines(engines, &mut asked).await;
            let mut found: Vec<EngineImage> = Vec::new();
            for (engine, podman, line) in &lines {
                let Some(id) = client::id_of(&line.id) else {
                    continue;
                };
                let Some(matched) = wanted.among(id, line.repo_digests().map(|(_, digest)| digest)) else {
                    continue;
                };
                if found.iter().any(|held| held.id == id) {
                    continue;
                }
                let listed = self.listed(engine, *podman, id, line);
                found.push(EngineImage {
                    source: listed.source,
                    id,
                    names: listed.names,
                    repo_digests: listed.repo_digests,
                    matched,
                });
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
        asked.none_found().map(|()| Vec::new())
    }

    /// Returns every image of every engine that answers, for completion.
    pub async fn list(&self) -> Result<Vec<ListedImages>, Problem> {
        let mut asked = EngineAnswer::default();
        let mut all: Vec<ListedImages> = Vec::new();
        for engines in [std::slice::from_ref(&*self.docker), &self.podman[..]] {
            for (engine, podman, line) in self.lines(engines, &mut asked).await {
                let Some(id) = client::id_of(&line.id) else {
                    continue;
                };
                let listed = self.listed(engine, podman, id, &line);
                if !all.iter().any(|other| other.source == listed.source) {
                    all.push(listed);
                }
            }
        }
        if all.is_empty() {
            asked.none_found()?;
        }
        Ok(all)
    }

    /// Returns what the engine of `source` knows about the image.
    pub async fn inspect(&self, source: &LocalSource) -> Result<Inspected, Problem> {
        let (engine, image) = self.engine(source).await?;
        engine.inspect(image).await
    }

    /// Exports the image `id` from the engine of `source` as a tar archive.
    pub async fn export(&self, source: &LocalSource, id: ImageId) -> Result<Export, Problem> {
        let (engine, _) = self.engine(source).await?;
        engine.export(id).await
    }

    async fn engine<'a>(&self, source: &'a LocalSource) -> Result<(&Engine, &'a str), Problem> {
        match source {
            LocalSource::DockerDaemon { image } => {
                self.docker.hello().await.map_err(EngineError::problem)?;
                Ok((&self.docker, image))
            }
            LocalSource::ContainersStorage { image } => {
                let mut asked = EngineAnswer::default();
                for engine in &*self.podman {
                    match engine.hello().await {
                        Ok(_) => return Ok((engine, image)),
                        Err(no_answer) => asked.note(no_answer),
                    }
                }
                Err(asked.nobody())
            }
            _ => Err(Problem::new(
                ProblemKind::Internal,
                format!("{source} is not in a container engine"),
            )),
        }
    }

    /// Returns the images of the first of `engines` that answers, and whether Podman answered.
    async fn lines<'a>(
        &self,
        engines: &'a [Engine],
        asked: &mut EngineAnswer,
    ) -> Vec<(&'a Engine, bool, Line)> {
        for engine in engines {
            let lines = match engine.hello().await {
                Ok(hello) => engine
                    .images()
                    .await
                    .map(|lines| (hello.podman, lines))
                    .map_err(EngineError::Failed),
                Err(no_answer) => Err(no_answer),
            };
            match lines {
                Ok((podman, lines)) => {
                    asked.answered = true;
                    return lines.into_iter().map(|line| (engine, podman, line)).collect();
                }
                Err(no_answer) => asked.note(no_answer),
            }
        }
        Vec::new()
    }

    fn listed(&self, engine: &Engine, podman: bool, id: ImageId, line: &Line) -> ListedImages {
        // A Podman that answers at Docker's address is the Podman that `containers-storage:`
        // means, unless another one is configured for that.
        let storage = engine.candidate.name == "Podman"
            || (podman
                && self.podman.first().is_some_and(|first| {
                    matches!((&first.candidate.address, &engine.candidate.address), (Ok(a), Ok(b)) if a == b)
                }));
        let image = id.to_string();
        let repo_digests = line.repo_digests().filter(|_| !podman);
        ListedImages {
            source: if storage {
                LocalSource::ContainersStorage { image }
            } else {
                LocalSource::DockerDaemon { image }
            },
            engine: if podman { "Podman" } else { "Docker" },
            id,
            names: line.names(),
            repo_digests: repo_digests
                .filter_map(|(text, _)| Reference::parse(text).ok())
                .collect(),
        }
    }
}

/// Records which engines gave no answer.
#[derive(Default)]
struct EngineAnswer {
    answered: bool,
    absent: Vec<Problem>,
    failed: Vec<Problem>,
}

impl EngineAnswer {
    fn note(&mut self, no_answer: EngineError) {
        match no_answer {
            EngineError::Absent(problem) => self.absent.push(problem),
            EngineError::Failed(problem) => self.failed.push(problem),
        }
    }

    /// Nothing was found: not an error if every engine that runs was asked.
    fn none_found(self) -> Result<(), Problem> {
        if self.answered && self.failed.is_empty() {
            return Ok(());
        }
        Err(self.nobody())
    }

    /// Returns the problem for no engine having an answer.
    fn nobody(mut self) -> Problem {
        if !self.failed.is_empty() {
            let first = self.failed.remove(0);
            let others = self.failed.iter().chain(&self.absent);
            return others.fold(first, |problem, other| problem.cause(&other.summary));
        }
        let none = Problem::new(ProblemKind::NotFound, "no container engine found on this machine");
        let told = self
            .absent
            .iter()
            .fold(none, |problem, place| problem.cause(&place.summary));
        told.hint("start Docker or Podman (systemctl start docker, systemctl --user start podman.socket)")
            .hint("or set its address: DOCKER_HOST=unix:///PATH, CONTAINER_HOST=unix:///PATH")
            .hint("or read the image from a registry or an archive with --from")
    }
}
