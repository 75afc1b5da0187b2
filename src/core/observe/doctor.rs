//! Reads what only `windlass doctor` needs: whether every service answers, what workflows read,
//! and whether this machine is fit.
//!
//! Sends reads only. The one thing it writes is an empty file in the state folder, which it
//! removes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use chrono::Utc;
use futures_util::StreamExt;
use url::Url;

use super::{Observer, images, sources};
use crate::domain::{GitHubRepository, Observed, Problem, ProblemKind, SanitizedText, Snapshot};
use crate::journal::{Journal, Outcome, RunRecord};
use crate::plan::doctor::{
    Examination, JournalFault, KeyringStanding, LoginProof, OpenRun, Reach, Requests, StateFolder, Workflows,
};
use crate::services::http::host_of;
use crate::services::keyring::{self, Keyring};
use crate::services::private_file;
use crate::services::registry::RegistryLogin;

/// The registry that limits pulls.
const DOCKER_HUB: &str = "docker.io";

impl Observer {
    /// Reads fresh facts for a checkup: the credentials, and what only the doctor reads.
    pub async fn examine(&self, previous: Snapshot) -> (Snapshot, Examination) {
        let mut seen = Examination {
            offline: self.offline,
            ..Examination::default()
        };
        if let Some(journal) = &self.journal {
            seen.state = Some(folder(journal.folder()));
            seen.journal = fault(journal);
            match journal.unfinished_runs() {
                Ok(runs) => seen.open_runs = runs.iter().map(open_run).collect(),
                Err(problem) => {
                    let unusable = true;
                    seen.journal.get_or_insert(JournalFault { problem, unusable });
                }
            }
        }
        seen.keyring = self.keyring().await;
        if self.offline {
            seen.reached = self.knock().await;
            (seen.logins, seen.logins_unread) = self.listed_logins().await;
            return (self.check_credentials(previous).await, seen);
        }
        let mut snapshot = self.check_credentials(previous).await;
        let repositories = self.secret_targets(&snapshot).into_keys().collect();
        let (reached, requests, workflows, releases, (logins, unread)) = tokio::join!(
            self.knock(),
            self.requests(),
            self.workflows(&repositories),
            sources::releases(self, snapshot.releases.value.is_none()),
            self.proven_logins(),
        );
        snapshot.releases.refresh(releases);
        self.ask_for_pulls(&snapshot).await;
        snapshot.quota = self
            .services
            .registries
            .quota(DOCKER_HUB)
            .as_ref()
            .map(images::pull_quota);
        seen.reached = reached;
        seen.logins = logins;
        seen.logins_unread = unread;
        seen.requests = requests;
        seen.workflows = workflows;
        seen.skews = self.services.http.skews();
        self.cache.keep_snapshot(&snapshot);
        (snapshot, seen)
    }

    async fn keyring(&self) -> KeyringStanding {
        if !self.services.uses_keyring() {
            return KeyringStanding::NotAsked;
        }
        match keyring::standing().await {
            Keyring::Usable => KeyringStanding::Usable,
            Keyring::Locked => KeyringStanding::Locked,
            Keyring::Absent(why) => KeyringStanding::Absent(why),
        }
    }

    /// Tries every login at its registry.
    async fn proven_logins(&self) -> (Vec<LoginProof>, Option<Problem>) {
        let (proven, unread) = self.services.registry_logins().prove().await;
        let proofs = proven
            .into_iter()
            .map(|(login, answer)| proof(login, Some(answer)))
            .collect();
        (proofs, unread)
    }

    /// Lists every login without trying it.
    async fn listed_logins(&self) -> (Vec<LoginProof>, Option<Problem>) {
        match self.services.registry_logins().list().await {
            Ok(listed) => (listed.into_iter().map(|login| proof(login, None)).collect(), None),
            Err(problem) => (Vec::new(), Some(problem)),
        }
    }

    /// Checks that every endpoint answers. Any status counts: most of these addresses answer 401
    /// or 404 to an anonymous request.
    async fn knock(&self) -> Vec<Reach> {
        let endpoints = &self.services.endpoints;
        let mut doors: Vec<(String, Url)> = vec![
            ("charmhub".to_owned(), endpoints.charmhub.clone()),
            ("uploads".to_owned(), endpoints.storage.clone()),
            ("ubuntu-one".to_owned(), endpoints.sso.clone()),
            ("github".to_owned(), endpoints.github.clone()),
        ];
        let upstream = self
            .workspace
            .upstream
            .iter()
            .map(|upstream| upstream.registry.clone());
        let families = self
            .workspace
            .families
            .iter()
            .map(|family| family.registry.clone());
        let registries: BTreeSet<String> = upstream.chain(families).collect();
        for registry in registries {
            match endpoints.registry(&registry).and_then(|url| {
                url.join("/v2/").map_err(|error| {
                    Problem::new(ProblemKind::Config, format!("cannot connect to {url}")).because(&error)
                })
            }) {
                Ok(url) => doors.push((registry, url)),
                Err(problem) => tracing::warn!("{problem}"),
            }
        }
        futures_util::stream::iter(doors)
            .map(|(service, url)| async move {
                Reach {
                    service: service.into(),
                    host: host_of(&url).into(),
                    answer: if self.offline {
                        None
                    } else {
                        Some(self.knock_at(&url).await)
                    },
                }
            })
            .buffered(8)
            .collect()
            .await
    }

    async fn knock_at(&self, url: &Url) -> Result<u16, Problem> {
        let http = &self.services.http;
        let client = http.client(url)?;
        http.read(|| client.get(url.clone()))
            .await
            .map(|answer| answer.status)
            .map_err(|failure| failure.problem("knocking", url))
    }

    async fn requests(&self) -> Observed<Requests> {
        let quota = self.services.github.quota().await.map(|quota| Requests {
            limit: quota.limit,
            remaining: quota.remaining,
            reset: quota.reset,
        });
        Observed::from_result(quota, Utc::now())
    }

    async fn workflows(
        &self,
        repositories: &BTreeSet<GitHubRepository>,
    ) -> BTreeMap<GitHubRepository, Observed<Workflows>> {
        let github = &self.services.github;
        futures_util::stream::iter(repositories)
            .map(|repository| async move {
                let (found, states) = tokio::join!(
                    github.workflow_files(repository, self.cache.as_ref()),
                    github.workflow_states(repository)
                );
                let states = Observed::from_result(states, Utc::now());
                let both = found.map(|found| Workflows {
                    files: found.files,
                    states,
                });
                (repository.clone(), Observed::from_result(both, Utc::now()))
            })
            .buffer_unordered(4)
            .collect()
            .await
    }

    /// Sends a HEAD for one image, which costs no pull: Docker Hub's answer has the number of
    /// pulls left.
    async fn ask_for_pulls(&self, snapshot: &Snapshot) {
        let on_hub = self
            .workspace
            .upstream
            .as_ref()
            .is_some_and(|upstream| upstream.registry == DOCKER_HUB);
        let newest = snapshot
            .releases
            .value
            .iter()
            .flatten()
            .find_map(|release| release.images.first_key_value());
        if let (true, Some((image, tag))) = (on_hub, newest)
            && let Ok(repository) = self.workspace.image_repository(image)
            && let Err(problem) = self.services.registries.head(&repository.tagged(tag)).await
        {
            tracing::warn!("{problem}");
        }
    }
}

fn proof(login: RegistryLogin, answer: Option<Result<Vec<SanitizedText>, Problem>>) -> LoginProof {
    LoginProof {
        registry: login.registry,
        user: login.user,
        source: login.source,
        answer,
    }
}

/// Returns what is wrong with `journal`, after reading every page of it.
fn fault(journal: &Journal) -> Option<JournalFault> {
    if let Err(problem) = journal.check_writable().and_then(|()| journal.check_pages()) {
        return Some(JournalFault {
            problem,
            unusable: true,
        });
    }
    journal.notice().cloned().map(|problem| JournalFault {
        problem,
        unusable: false,
    })
}

fn open_run(run: &RunRecord) -> OpenRun {
    OpenRun {
        id: SanitizedText::new(run.id.to_string()),
        title: SanitizedText::new(&run.plan.title),
        outcome: run.outcome.map(Outcome::as_str),
        ways_on: run.ways_on(),
    }
}

fn folder(path: &Path) -> StateFolder {
    let shown = SanitizedText::new(path.display().to_string());
    let unwritable = |error: std::io::Error| {
        Problem::new(ProblemKind::Machine, format!("cannot write {shown}")).because_of_file(
            &error,
            &shown,
            "give yourself the right to write there, or name another folder with WINDLASS_STATE_DIR",
        )
    };
    StateFolder {
        private: private(path),
        unwritable: write_to(path).err().map(unwritable),
        path: shown,
    }
}

#[cfg(unix)]
fn private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let for_others = |mode: u32| mode & 0o077;
    std::fs::metadata(path).is_ok_and(|about| for_others(about.permissions().mode()) == 0)
}

#[cfg(not(unix))]
const fn private(_path: &Path) -> bool {
    // On Windows access follows the rights of the profile.
    true
}

fn write_to(path: &Path) -> std::io::Result<()> {
    let probe = path.join(format!(".doctor-{}", uuid::Uuid::new_v4().simple()));
    let mut file = private_file::create_new(&probe)?;
    // An empty file fits on a full disk; a page of the journal does not.
    let written = file.write_all(&[0; 8192]).and_then(|()| file.sync_all());
    std::fs::remove_file(&probe)?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Workspace;
    use crate::journal::situations::{Situation, situations};
    use crate::plan::doctor::{CheckStatus, checks};

    #[test]
    fn the_doctor_warns_of_a_run_in_every_situation_that_leaves_it_unfinished() {
        let folder = tempfile::tempdir().unwrap();
        let seen = situations(folder.path());
        let examination = Examination {
            open_runs: seen
                .journal
                .unfinished_runs()
                .unwrap()
                .iter()
                .map(open_run)
                .collect(),
            ..Examination::default()
        };
        let text = include_str!("../../../assets/workspaces/legend.toml");
        let workspace = Workspace::parse(text, "legend").unwrap();
        let all = checks(&workspace, &Snapshot::default(), &examination, Utc::now());
        for Situation {
            name,
            run,
            unfinished,
        } in &seen.all
        {
            let own = format!("open-run/{run}");
            let check = all.iter().find(|check| check.name.as_str() == own);
            assert_eq!(check.is_some(), *unfinished, "{name}");
            if let Some(check) = check {
                assert_eq!(check.standing, CheckStatus::Warning, "{name}");
                let remedy = check.remedy.as_ref().unwrap().to_string();
                assert!(
                    remedy.contains(&format!("windlass resume {run}")),
                    "{name}: {remedy}"
                );
            }
        }
    }
}
