//! Lists the versions of a package as its host's own API counts them: one per manifest, with its
//! tags, withdrawn ones included.
//!
//! Also withdraws and restores versions, which the distribution protocol of GHCR refuses. The
//! GitHub server provides the REST API for it.

use std::io;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::id::Id;
use super::shelves::Withdrawn;
use super::{Registry, manifests};
use crate::domain::{Digest, Problem, ProblemKind};

/// Holds one version of a package.
#[derive(Clone, Debug)]
pub struct Version {
    /// The manifest.
    pub digest: Digest,
    /// Its tags; for a withdrawn version its former tags.
    pub tags: Vec<String>,
    /// When it was pushed or made.
    pub stored_at: DateTime<Utc>,
    /// Withdrawn versions can be restored.
    pub withdrawn: bool,
}

impl Registry {
    /// Returns all versions of `repository`, newest first; makes offered images.
    pub async fn versions(self: &Arc<Self>, repository: &str) -> Result<Vec<Version>, Problem> {
        let mut offered: Vec<(String, String)> = self
            .offers
            .lock()
            .map(|offers| {
                let mine = offers.iter().filter(|((name, _), _)| name == repository);
                mine.map(|((_, tag), recipe)| (recipe.tag.clone(), tag.clone()))
                    .collect()
            })
            .unwrap_or_default();
        // Build numbers increase with time, so older builds are made first.
        offered.sort();
        for (_, tag) in offered {
            manifests::make_offered(self, repository, &tag)
                .await
                .map_err(|error| broken(repository, &error))?;
        }
        let shelves = self
            .shelves
            .lock()
            .map_err(|_| broken(repository, &io::Error::other("poisoned")))?;
        let mut versions = Vec::new();
        if let Some(held) = shelves.get(repository) {
            for (id, manifest) in &held.manifests {
                let tags = held
                    .tags
                    .iter()
                    .filter(|(_, tagged)| *tagged == id)
                    .map(|(tag, _)| tag.clone());
                versions.extend(version(*id, tags.collect(), manifest.stored_at, false));
            }
            for (id, gone) in &held.withdrawn {
                versions.extend(version(*id, gone.tags.clone(), gone.held.stored_at, true));
            }
        }
        versions.sort_by(|a, b| b.stored_at.cmp(&a.stored_at).then(a.digest.cmp(&b.digest)));
        Ok(versions)
    }

    /// Returns true if `repository` has or had a manifest: blobs alone are not a package.
    pub fn is_package(&self, repository: &str) -> bool {
        let offered = self
            .offers
            .lock()
            .is_ok_and(|offers| offers.keys().any(|(name, _)| name == repository));
        offered
            || self.shelves.lock().is_ok_and(|shelves| {
                shelves
                    .get(repository)
                    .is_some_and(|held| !held.manifests.is_empty() || !held.withdrawn.is_empty())
            })
    }

    /// Withdraws a version and its tags; returns false if there is none.
    pub fn withdraw(&self, repository: &str, digest: Digest) -> Result<bool, Problem> {
        self.change(repository, |held| {
            let id = Id::from(digest);
            let Some(manifest) = held.manifests.remove(&id) else {
                return false;
            };
            let tags = held
                .tags
                .iter()
                .filter(|(_, tagged)| **tagged == id)
                .map(|(tag, _)| tag.clone());
            let gone = Withdrawn {
                tags: tags.collect(),
                held: manifest,
            };
            held.tags.retain(|_, tagged| *tagged != id);
            held.withdrawn.insert(id, gone);
            true
        })
    }

    /// Restores a withdrawn version, with those of its tags that are still free.
    pub fn bring_back(&self, repository: &str, digest: Digest) -> Result<bool, Problem> {
        self.change(repository, |held| {
            let id = Id::from(digest);
            let Some(gone) = held.withdrawn.remove(&id) else {
                return false;
            };
            held.manifests.insert(id, gone.held);
            for tag in gone.tags {
                held.tags.entry(tag).or_insert(id);
            }
            true
        })
    }

    /// Returns true if `repository` is hidden from anonymous clients.
    pub fn is_hidden(&self, repository: &str) -> bool {
        self.private
            .lock()
            .is_ok_and(|private| private.iter().any(|prefix| repository.starts_with(prefix)))
    }

    fn change<T>(
        &self,
        repository: &str,
        with: impl FnOnce(&mut super::shelves::Repository) -> T,
    ) -> Result<T, Problem> {
        let changed = self
            .shelves
            .lock()
            .map_err(|_| io::Error::other("poisoned"))
            .and_then(|mut shelves| shelves.change(repository, with));
        changed.map_err(|error| broken(repository, &error))
    }
}

fn version(id: Id, tags: Vec<String>, stored_at: DateTime<Utc>, withdrawn: bool) -> Option<Version> {
    Some(Version {
        digest: id.sha256()?,
        tags,
        stored_at,
        withdrawn,
    })
}

fn broken(repository: &str, error: &io::Error) -> Problem {
    Problem::new(
        ProblemKind::Machine,
        format!("the demo registry cannot change {repository}"),
    )
    .because(error)
}
