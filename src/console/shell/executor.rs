//! Performs background effects: each becomes a task whose result is sent as a message.
//!
//! Also holds the cancellation tokens of runs. Only confirmed plans can be started; the types
//! enforce it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::clipboard;
use crate::console::Msg;
use crate::console::effect::{Effect, RequestId};
use crate::console::given::{Discharge, Entered, Given, Proof};
use crate::console::hidden::Hidden;
use crate::console::image::{Seen, There, Wanted};
use crate::console::msg::Folder;
use crate::console::paths;
use crate::domain::workflow::WorkflowRun;
use crate::domain::{
    CharmName, LocalSource, Problem, ProblemKind, ResourceName, SanitizedText, Snapshot, SourceUpdate,
};
use crate::journal::RunId;
use crate::observe::{Inputs, View};
use crate::plan::{Changed, Intent, Plan, TokenStorage};

use crate::run::{RunHandle, RunSecrets, Session};
use crate::services::charmhub::{Login, SignOnAnswer};
use crate::services::keyring::{self, Keyring};

/// Number of journal runs shown.
const RUNS: usize = 200;
/// Least time between two progress messages.
const PROGRESS_EVERY: Duration = Duration::from_millis(80);

/// How long a workflow run is followed: GitHub ends a job after 6 hours at the latest, unless its
/// runner is self-hosted.
const FOLLOWED: Duration = Duration::from_secs(24 * 60 * 60);

type Stops = Arc<Mutex<BTreeMap<RunId, CancellationToken>>>;

/// Performs effects.
pub struct Executor {
    session: Session,
    sender: mpsc::Sender<Msg>,
    stops: Stops,
    /// Locked while a text is copied to tmux.
    copies: Arc<tokio::sync::Mutex<()>>,
}

impl Executor {
    /// Returns an executor that sends its answers through `sender`.
    pub fn new(session: Session, sender: mpsc::Sender<Msg>) -> Self {
        Self {
            session,
            sender,
            stops: Stops::default(),
            copies: Arc::default(),
        }
    }

    /// Performs `effect`; the shell performs foreground effects.
    pub fn perform(&self, effect: Effect) {
        let session = self.session.clone();
        match effect {
            Effect::Refresh {
                id,
                previous,
                changed,
            } => {
                let sender = self.sender.clone();
                self.spawn_local(move || async move {
                    let previous = Arc::unwrap_or_clone(previous);
                    let snapshot = refresh(&session, id, previous, changed.as_ref(), &sender).await;
                    Msg::Observed(id, Utc::now(), Arc::new(snapshot))
                });
            }
            Effect::ReadRuns { id } => self.spawn(async move {
                let read = tokio::task::spawn_blocking(move || session.journal.runs(RUNS)).await;
                let runs = read.unwrap_or_else(|error| Err(broken(&error)));
                Msg::RunsRead(id, Utc::now(), runs)
            }),
            Effect::Plan { id, previous, intent } => self.spawn_local(move || async move {
                let (snapshot, plan) = plan(&session, Arc::unwrap_or_clone(previous), &intent).await;
                Msg::Planned(id, Utc::now(), Arc::new(snapshot), Box::new(plan))
            }),
            Effect::Discharge { id, scope, login } => self.spawn(async move {
                let sign_on = session.observer.services().sign_on();
                let answer = sign_on.discharge(&scope, &login_of(&login)).await;
                let answer = answer.map(|answer| match answer {
                    SignOnAnswer::Signed(signed) => Discharge::Signed(Proof(Arc::new(signed))),
                    SignOnAnswer::OtpWanted => Discharge::OtpWanted,
                });
                Msg::Discharged(id, Box::new(answer))
            }),
            Effect::Look {
                id,
                image,
                to,
                previous,
            } => self.spawn_local(move || async move {
                let seen = look(&session, &image, to.as_ref(), &previous).await;
                Msg::Looked(id, Box::new(seen))
            }),
            Effect::LookBehind { id, charm, previous } => self.spawn_local(move || async move {
                let previous = Arc::unwrap_or_clone(previous);
                let snapshot = session.observer.for_charm(previous, &charm, None).await;
                Msg::Behind(id, charm, snapshot.behind)
            }),
            Effect::LookAtWorkflows {
                id,
                repository,
                previous,
            } => self.spawn_local(move || async move {
                let previous = Arc::unwrap_or_clone(previous);
                let observer = &session.observer;
                let mut snapshot = observer.look_at_workflows(previous, &repository, None).await;
                let seen = snapshot.workflows.remove(&repository).unwrap_or_default();
                Msg::WorkflowsSeen(id, Box::new(seen))
            }),
            Effect::LookAtRun { id, repository, run } => self.spawn_local(move || async move {
                // A follow with a time limit of zero reads once.
                let observer = &session.observer;
                let seen = observer.follow_workflow(&repository, run, Duration::ZERO, |_| {});
                Msg::WorkflowRunSeen(id, Box::new(seen.await))
            }),
            Effect::ListFolder(path) => self.spawn(async move {
                let listed = tokio::task::spawn_blocking(move || folder(path)).await;
                listed.map_or_else(|error| Msg::Broken(broken(&error)), Msg::FolderListed)
            }),
            Effect::ListTags { id, repository } => self.spawn(async move {
                let tags = session.observer.tags(&repository).await;
                Msg::TagsListed(id, Utc::now(), Box::new(tags))
            }),
            Effect::ReadJobLog { id, repository, job } => self.spawn(async move {
                let log = session.observer.job_log(&repository, job).await;
                Msg::JobLogRead(id, Box::new(log))
            }),
            Effect::FollowWorkflow {
                run,
                repository,
                number,
            } => {
                let sender = self.sender.clone();
                self.spawn_local(move || async move {
                    let answered = |seen: &WorkflowRun| {
                        let answer = Box::new(Ok(seen.clone()));
                        // A full queue drops an intermediate answer; the last one is sent below.
                        drop(sender.try_send(Msg::WorkflowFollowed(run.clone(), Utc::now(), answer)));
                    };
                    let observer = &session.observer;
                    let last = observer.follow_workflow(&repository, number, FOLLOWED, answered);
                    let last = last.await;
                    Msg::WorkflowFollowed(run.clone(), Utc::now(), Box::new(last))
                });
            }
            Effect::AskEngines => self.spawn(async move { Msg::Held(held(&session).await) }),
            Effect::Start { id, plan, given } => {
                let plan = (*plan).into_inner();
                self.begin(id, async move {
                    session.recheck(&plan).await?;
                    session.start_with(plan, means(given))
                });
            }
            Effect::Resume { id, run, given } => {
                let run = run.into_inner();
                self.begin(id, async move { session.resume_with(&run, means(given)).await });
            }
            Effect::Cancel(run) => {
                let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(stop) = stops.get(&run) {
                    stop.cancel();
                }
            }
            Effect::Copy(_)
            | Effect::Open(_)
            | Effect::EndTour
            | Effect::Mouse(_)
            | Effect::Page(_)
            | Effect::EditSettings
            | Effect::Notify(_)
            | Effect::Quit => {}
        }
    }

    /// Copies `text` through tmux, one text after the other, and reports the result.
    pub fn copy_to_tmux(&self, text: String) {
        let copies = self.copies.clone();
        self.spawn(async move {
            let turn = copies.lock_owned().await;
            let copied = tokio::task::spawn_blocking(move || {
                clipboard::copy_to_tmux(clipboard::TMUX, &text, clipboard::TMUX_LIMIT)
            });
            let copied = copied.await;
            drop(turn);
            match copied {
                Ok(Ok(said)) => Msg::Said(said.to_owned()),
                Ok(Err(why)) => Msg::Refused(why),
                Err(error) => Msg::Broken(broken(&error)),
            }
        });
    }

    /// Sends the message that `work` returns; a panic in it is sent as a message too.
    fn spawn(&self, work: impl Future<Output = Msg> + Send + 'static) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let msg = match tokio::spawn(work).await {
                Ok(msg) => msg,
                Err(error) => Msg::Broken(broken(&error)),
            };
            // The receiver is gone once the console is closed.
            drop(sender.send(msg).await);
        });
    }

    /// Like `spawn`, on a separate thread: a refresh joins many borrowed futures that are not
    /// `Send`, and computes for more than a moment.
    fn spawn_local<W: Future<Output = Msg>>(&self, work: impl FnOnce() -> W + Send + 'static) {
        self.spawn(async move {
            let runtime = tokio::runtime::Handle::current();
            let task = tokio::task::spawn_blocking(move || runtime.block_on(work()));
            task.await.unwrap_or_else(|error| Msg::Broken(broken(&error)))
        });
    }

    fn begin(&self, id: RequestId, start: impl Future<Output = Result<RunHandle, Problem>> + Send + 'static) {
        let sender = self.sender.clone();
        let stops = self.stops.clone();
        tokio::spawn(async move {
            let handle = match tokio::spawn(start).await {
                Ok(Ok(handle)) => handle,
                Ok(Err(problem)) => return drop(sender.send(Msg::Started(id, Err(problem))).await),
                Err(error) => return drop(sender.send(Msg::Started(id, Err(broken(&error)))).await),
            };
            let run = handle.id.clone();
            stops
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(run.clone(), handle.cancel.clone());
            drop(sender.send(Msg::Started(id, Ok(run.clone()))).await);
            let msg = follow(handle, &sender).await;
            stops.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
            drop(sender.send(msg).await);
        });
    }
}

/// Reads every source, or those that `changed` names, sending each answer as it arrives.
async fn refresh(
    session: &Session,
    id: RequestId,
    previous: Snapshot,
    changed: Option<&Changed>,
    sender: &mpsc::Sender<Msg>,
) -> Snapshot {
    drop(sender.send(Msg::RefreshStarted(id, Utc::now())).await);
    let (answers, mut answered) = mpsc::unbounded_channel();
    let read = async move {
        let on_update = |update: &SourceUpdate| drop(answers.send((Utc::now(), update.clone())));
        let observer = &session.observer;
        match changed {
            Some(changed) => observer.changed_as_read(previous, changed, &on_update).await,
            None => observer.view_as_read(previous, View::Console, &on_update).await,
        }
    };
    let pass_on = async {
        while let Some((at, update)) = answered.recv().await {
            drop(sender.send(Msg::SourceRead(id, at, Box::new(update))).await);
        }
    };
    let (snapshot, ()) = tokio::join!(read, pass_on);
    snapshot
}

/// Reads everything about an image, and which of its layers the target resource already has.
async fn look(
    session: &Session,
    image: &Wanted,
    to: Option<&(CharmName, ResourceName)>,
    previous: &Snapshot,
) -> Result<Seen, Problem> {
    let observer = &session.observer;
    let detail = match image {
        Wanted::Behind {
            charm,
            resource,
            revision,
        } => {
            observer
                .detail_behind(previous, charm, resource, *revision)
                .await?
        }
        Wanted::From(source) => observer.detail(source, &|_| {}).await?,
        Wanted::Planned => {
            return Err(Problem::new(
                ProblemKind::Internal,
                "a plan's image is known already",
            ));
        }
    };
    let there = match to {
        None => There::NotAsked,
        Some((charm, resource)) => match observer.layers_behind(&detail, charm, resource).await {
            Ok(layers) => There::Layers(layers.into_iter().collect()),
            Err(problem) => There::Unknown(problem),
        },
    };
    Ok(Seen { detail, there })
}

/// Returns the names in a directory, those of directories with a slash; empty if it cannot be read.
fn folder(path: String) -> Folder {
    let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .take(paths::MOST)
        .filter_map(|entry| {
            let mut name = entry.file_name().into_string().ok()?;
            // A name that cannot be displayed unchanged cannot be typed either.
            if SanitizedText::new(&name).as_str() != name {
                return None;
            }
            // A link to a directory counts as a directory.
            if entry.path().is_dir() {
                name.push('/');
            }
            Some(name)
        })
        .collect();
    names.sort();
    Folder { path, names }
}

async fn held(session: &Session) -> Vec<SanitizedText> {
    let listed = session
        .observer
        .services()
        .engines
        .list()
        .await
        .unwrap_or_default();
    let named = |transport: &str, names: &[SanitizedText]| -> Vec<SanitizedText> {
        let name = |name: &SanitizedText| SanitizedText::new(format!("{transport}:{name}"));
        names.iter().map(name).collect()
    };
    listed
        .iter()
        .flat_map(|one| match &one.source {
            LocalSource::DockerDaemon { .. } => named("docker-daemon", &one.names),
            LocalSource::ContainersStorage { .. } => named("containers-storage", &one.names),
            _ => Vec::new(),
        })
        .collect()
}

/// Reads again what `intent` needs, and plans it.
async fn plan(session: &Session, previous: Snapshot, intent: &Intent) -> (Snapshot, Result<Plan, Problem>) {
    let (snapshot, plan) = session.plan(previous, intent, Inputs::default()).await;
    match intent {
        Intent::SignIn(intent) => {
            let stored = kept_somewhere(&intent.keep).await;
            (snapshot, stored.and(plan))
        }
        _ => (snapshot, plan),
    }
}

/// Returns an error before the sign-in starts if there is no keyring to store the token in.
async fn kept_somewhere(keep: &TokenStorage) -> Result<(), Problem> {
    if *keep != TokenStorage::Keyring {
        return Ok(());
    }
    let problem = match keyring::standing().await {
        Keyring::Usable => return Ok(()),
        Keyring::Locked => Problem::new(ProblemKind::Machine, "the keyring is locked").hint(
            "unlock it (sign in to the desktop, or open the keyring program), then plan \
                again",
        ),
        Keyring::Absent(why) => {
            Problem::new(ProblemKind::Machine, "no keyring found to store the token in").cause(why)
        }
    };
    Err(problem
        .hint("choose the encrypted file in the review; a passphrase protects it")
        .hint("or write the token to a file: windlass login --export FILE"))
}

fn login_of(entered: &Entered) -> Login {
    Login {
        email: entered.email.expose().trim().to_owned(),
        password: secret(&entered.password),
        otp: entered
            .otp
            .as_ref()
            .map(|otp| SecretString::from(otp.expose().trim())),
    }
}

fn secret(text: &Hidden) -> SecretString {
    SecretString::from(text.expose())
}

fn means(given: Given) -> RunSecrets {
    RunSecrets {
        login: given.login.as_ref().map(login_of),
        signed: given.proof.map(|proof| Arc::unwrap_or_clone(proof.0)),
        brought: None,
        passphrase: given.passphrase.as_ref().map(secret),
    }
}

/// Sends the progress of a run and finally its record.
async fn follow(handle: RunHandle, sender: &mpsc::Sender<Msg>) -> Msg {
    let RunHandle {
        id,
        mut progress,
        mut finished,
        ..
    } = handle;
    let ended = loop {
        let now = progress.borrow_and_update().clone();
        drop(sender.send(Msg::Progress(Box::new(now))).await);
        tokio::select! {
            ended = &mut finished => break ended,
            () = tokio::time::sleep(PROGRESS_EVERY) => {}
        }
        tokio::select! {
            ended = &mut finished => break ended,
            changed = progress.changed() => if changed.is_err() {
                break finished.await;
            },
        }
    };
    // The last progress reported belongs in the log.
    let last = progress.borrow().clone();
    drop(sender.send(Msg::Progress(Box::new(last))).await);
    ended_msg(id, ended)
}

fn ended_msg(
    id: RunId,
    ended: Result<Result<crate::journal::RunRecord, Problem>, tokio::task::JoinError>,
) -> Msg {
    let result = ended.unwrap_or_else(|error| Err(broken(&error)));
    Msg::Ended(id, Utc::now(), Box::new(result))
}

fn broken(error: &tokio::task::JoinError) -> Problem {
    let problem = Problem::new(ProblemKind::Internal, "a background task failed")
        .because(error)
        .hint("this is a bug in windlass; finish an interrupted run with windlass resume");
    match super::crash::last() {
        Some(path) => problem.hint(format!("report: {}", path.display())),
        None => problem,
    }
}
