//! Talks to one engine: its four calls, and what its refusals mean.
//!
//! Defines the wire shapes that Docker and Podman share and the two forms of their errors. Does
//! not choose between engines.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;
use url::Url;

use super::address::{Address, Candidate};
use crate::domain::{Digest, ImageId, Problem, ProblemKind, SanitizedText};
use crate::services::http::body::{Paced, pieces};
use crate::services::http::{Answer, Failure, Http, Limit};

/// Newest version of the API whose shapes are known to be the same in both engines.
const NEWEST: (u32, u32) = (1, 41);
/// Idle timeouts to wait for the first byte: an engine may write an export to its disk before it.
const EXPORT_PATIENCE: u32 = 30;

/// Why an engine gives no answer.
#[derive(Clone, Debug)]
pub(super) enum EngineError {
    /// No engine listens there.
    Absent(Problem),
    /// An engine may listen there, but does not answer.
    Failed(Problem),
}

impl EngineError {
    pub(super) fn problem(self) -> Problem {
        match self {
            Self::Absent(problem) | Self::Failed(problem) => problem,
        }
    }
}

/// Holds what an engine reports about itself.
#[derive(Clone, Debug)]
pub(super) struct EngineVersion {
    version: String,
    named: Option<String>,
    pub(super) podman: bool,
}

/// Holds an engine at one address.
pub(super) struct Engine {
    pub(super) candidate: Candidate,
    http: Http,
    /// The client and the address it is used with; made on first use.
    reached: OnceLock<Result<(reqwest::Client, Url), Problem>>,
    hello: OnceCell<EngineVersion>,
}

/// Holds one line of the list of images.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Line {
    pub(super) id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

impl Line {
    /// Returns the names, without the placeholder `<none>`.
    pub(super) fn names(&self) -> Vec<SanitizedText> {
        let tags = self.repo_tags.iter().flatten();
        tags.filter(|name| !name.contains("<none>"))
            .map(|name| SanitizedText::capped(name, 300))
            .collect()
    }

    /// Returns `name@digest` for every registry that it was pulled from or pushed to.
    pub(super) fn repo_digests(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.repo_digests.iter().flatten().filter_map(|text| {
            let (_, digest) = text.rsplit_once('@')?;
            Some((text.as_str(), digest.parse().ok()?))
        })
    }
}

/// Holds what an engine knows about one image.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Its id.
    pub id: ImageId,
    /// The diff ids of its layers, lowest first; empty if the engine does not list them.
    pub layers: Vec<Digest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspection {
    id: String,
    #[serde(rename = "RootFS", default)]
    root_fs: RootFs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The bytes of an export as they arrive.
pub type Export = BoxStream<'static, io::Result<Bytes>>;

/// Errors of both engines: Docker's `message`, and Podman's `cause` in addition.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    cause: String,
}

impl Engine {
    pub(super) fn new(candidate: Candidate, http: &Http) -> Self {
        Self {
            candidate,
            http: http.limited(Limit::LARGE),
            reached: OnceLock::new(),
            hello: OnceCell::new(),
        }
    }

    /// Returns `Docker at /var/run/docker.sock`.
    pub(super) fn place(&self) -> String {
        match &self.candidate.address {
            Ok(address) => format!("{} at {address}", self.candidate.name),
            Err(_) => self.candidate.name.to_owned(),
        }
    }

    fn reached(&self) -> Result<&(reqwest::Client, Url), Problem> {
        let made = self
            .reached
            .get_or_init(|| match self.candidate.address.clone()? {
                Address::Socket(path) => {
                    // The name is never resolved: every request is sent to the socket.
                    let base = Url::parse("http://engine").map_err(|error| {
                        Problem::new(ProblemKind::Internal, "no engine address").because(&error)
                    })?;
                    Ok((self.http.socket(&path)?, base))
                }
                Address::Tcp(url) => Ok((self.http.sender(&url)?.clone(), url)),
            });
        made.as_ref().map_err(Clone::clone)
    }

    /// Returns which engine answers. Requested once; a failure is not kept.
    pub(super) async fn hello(&self) -> Result<&EngineVersion, EngineError> {
        let hello = self
            .hello
            .get_or_try_init(|| async {
                self.probe().await?;
                let answer = self.ask(&["_ping"]).await.map_err(EngineError::Failed)?;
                if !answer.ok() {
                    return Err(EngineError::Failed(self.refusal(&answer)));
                }
                let named = answer.header("Api-Version").and_then(version);
                let used = named.map_or(NEWEST, |named| named.min(NEWEST));
                Ok(EngineVersion {
                    version: format!("v{}.{}", used.0, used.1),
                    named: named.map(|named| format!("v{}.{}", named.0, named.1)),
                    podman: answer.header("Libpod-Api-Version").is_some(),
                })
            })
            .await?;
        if self.candidate.only_podman && !hello.podman {
            return Err(EngineError::Absent(Problem::new(
                ProblemKind::NotFound,
                format!("{}: it is a Docker socket", self.place()),
            )));
        }
        Ok(hello)
    }

    /// Connects and disconnects, to get the system's error, which an HTTP client does not report.
    async fn probe(&self) -> Result<(), EngineError> {
        let address = match &self.candidate.address {
            Ok(address) => address,
            Err(problem) => return Err(EngineError::Failed(problem.clone())),
        };
        let connecting = async {
            match address {
                Address::Socket(path) => UnixStream::connect(path).await.map(drop),
                Address::Tcp(url) => {
                    let addresses = url.socket_addrs(|| Some(2375))?;
                    TcpStream::connect(&addresses[..]).await.map(drop)
                }
            }
        };
        let wait = self.http.timeouts().connect;
        let Ok(connected) = tokio::time::timeout(wait, connecting).await else {
            return Err(EngineError::Failed(self.silent("connection refused")));
        };
        connected.map_err(|error| self.unreachable(address, &error))
    }

    pub(super) fn unreachable(&self, address: &Address, error: &io::Error) -> EngineError {
        let name = self.candidate.name;
        let problem = |kind, summary: String| Problem::new(kind, summary).because(error);
        if error.kind() == io::ErrorKind::PermissionDenied {
            let told = problem(
                ProblemKind::Machine,
                format!("no permission to connect to {address} of {name}"),
            )
            .hint(
                "join the group that owns the socket (sudo usermod -aG docker \"$USER\", then log in again)",
            )
            .hint("or run a rootless engine and set DOCKER_HOST to its socket, or use sudo");
            return if self.candidate.guessed {
                EngineError::Absent(told)
            } else {
                EngineError::Failed(told)
            };
        }
        let (variable, start) = if name == "Docker" {
            ("DOCKER_HOST", "systemctl start docker")
        } else {
            ("CONTAINER_HOST", "systemctl --user start podman.socket")
        };
        EngineError::Absent(
            problem(
                ProblemKind::NotFound,
                format!("{name} is not running at {address}"),
            )
            .hint(format!("start it ({start}), or set its address with {variable}")),
        )
    }

    fn silent(&self, why: impl std::fmt::Display) -> Problem {
        Problem::new(ProblemKind::Service, format!("{} did not respond", self.place()))
            .cause(why)
            .hint("restart the engine, or set WINDLASS_TIMEOUT=3 to wait three times as long")
    }

    fn url(&self, version: Option<&str>, path: &[&str]) -> Result<Url, Problem> {
        let mut url = self.reached()?.1.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(version).extend(path);
        }
        Ok(url)
    }

    /// Sends one request without an API version.
    async fn ask(&self, path: &[&str]) -> Result<Answer, Problem> {
        self.ask_as(None, path).await
    }

    async fn ask_as(&self, version: Option<&str>, path: &[&str]) -> Result<Answer, Problem> {
        let url = self.url(version, path)?;
        let sent = self.http.once(self.reached()?.0.get(url)).await;
        sent.map_err(|failure| self.silent(failure.text))
    }

    /// Sends one request in the API version that both sides know. An engine that is too new for it
    /// gets the request in its own version.
    async fn call(&self, path: &[&str]) -> Result<Answer, Problem> {
        let hello = self.hello().await.map_err(EngineError::problem)?;
        let answer = self.ask_as(Some(&hello.version), path).await?;
        match &hello.named {
            Some(named) if too_old(answer.status, &answer.body) && *named != hello.version => {
                self.ask_as(Some(named), path).await
            }
            _ => Ok(answer),
        }
    }

    fn refusal(&self, answer: &Answer) -> Problem {
        refused(&self.place(), answer.status, &answer.body)
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Problem> {
        if !answer.ok() {
            return Err(self.refusal(answer));
        }
        answer.json().map_err(|error| {
            Problem::new(
                ProblemKind::Service,
                format!("unexpected response from {}", self.place()),
            )
            .because(&error)
        })
    }

    /// Returns every image that has a name or a digest. Both engines list digests by default;
    /// Podman returns nothing at all for `digests=1` (4.3.1).
    pub(super) async fn images(&self) -> Result<Vec<Line>, Problem> {
        let answer = self.call(&["images", "json"]).await?;
        self.read(&answer)
    }

    /// Returns what the engine knows about one image, by name or id.
    pub(super) async fn inspect(&self, image: &str) -> Result<Inspected, Problem> {
        let mut path = vec!["images"];
        path.extend(image.split('/'));
        path.push("json");
        let answer = self.call(&path).await?;
        if answer.status == 404 {
            return Err(self.no_such(image, &answer.body));
        }
        let inspection: Inspection = self.read(&answer)?;
        let id = id_of(&inspection.id).ok_or_else(|| {
            let shown = SanitizedText::capped(&inspection.id, 100);
            Problem::new(
                ProblemKind::Service,
                format!("{} returned '{shown}' as an image id", self.place()),
            )
            .cause("an id has 64 hexadecimal digits")
        })?;
        let layers = inspection.root_fs.layers.unwrap_or_default();
        Ok(Inspected {
            id,
            layers: layers.iter().filter_map(|text| text.parse().ok()).collect(),
        })
    }

    fn no_such(&self, image: &str, body: &[u8]) -> Problem {
        Problem::new(
            ProblemKind::NotFound,
            format!(
                "{} has no image {}",
                self.place(),
                SanitizedText::capped(image, 200)
            ),
        )
        .cause(said(body))
        .hint("list images (docker images --digests, podman images --digests), or build or pull it first")
    }

    /// Exports the image as a tar archive, streamed. Ends after a silence of three idle timeouts.
    pub(super) async fn export(&self, id: ImageId) -> Result<Export, Problem> {
        let hello = self.hello().await.map_err(EngineError::problem)?;
        let image = id.to_string();
        let path = ["images", image.as_str(), "get"];
        let mut version = hello.version.as_str();
        let response = loop {
            let url = self.url(Some(version), &path)?;
            let asked = self.http.open(self.reached()?.0.get(url));
            let patience = self.http.timeouts().idle * EXPORT_PATIENCE;
            let response = tokio::time::timeout(patience, asked)
                .await
                .map_err(|_| self.silent(format!("the export did not start within {patience:?}")))?
                .map_err(|failure: Failure| self.silent(failure.text))?;
            let status = response.status().as_u16();
            if response.status().is_success() {
                break response;
            }
            let body = self.http.body_of(response).await.unwrap_or_default();
            match &hello.named {
                Some(named) if too_old(status, &body) && *named != version => version = named,
                _ if status == 404 => return Err(self.no_such(&image, &body)),
                _ => return Err(refused(&self.place(), status, &body)),
            }
        };
        Ok(watched(pieces(response), self.http.timeouts().idle * 3).boxed())
    }
}

/// Returns the stream with a limit on its silences and a minimum speed.
fn watched(
    stream: impl Stream<Item = Result<Bytes, Failure>> + Send + Unpin + 'static,
    idle: Duration,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    futures_util::stream::unfold(Some(Paced::new(stream, idle)), move |held| async move {
        let mut stream = held?;
        match tokio::time::timeout(idle, stream.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(stream))),
            Ok(Some(Err(failure))) => {
                let error = io::Error::new(io::ErrorKind::ConnectionAborted, failure.text);
                Some((Err(error), None))
            }
            Ok(None) => None,
            Err(_) => {
                let error = io::Error::new(io::ErrorKind::TimedOut, "the engine stopped sending data");
                Some((Err(error), None))
            }
        }
    })
}

/// Parses ids with or without `sha256:`.
pub(super) fn id_of(text: &str) -> Option<ImageId> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    format!("sha256:{digits}").parse().ok()
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn too_old(status: u16, body: &[u8]) -> bool {
    status == 400 && said(body).as_str().contains("too old")
}

/// Returns the engine's own message.
fn said(body: &[u8]) -> SanitizedText {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let text = match (refusal.message.is_empty(), refusal.cause.is_empty()) {
        (false, true) => refusal.message,
        (false, false) if refusal.message.contains(&refusal.cause) => refusal.message,
        (false, false) => format!("{} ({})", refusal.message, refusal.cause),
        (true, false) => refusal.cause,
        (true, true) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    SanitizedText::capped(text, 500)
}

fn refused(place: &str, status: u16, body: &[u8]) -> Problem {
    Problem::new(ProblemKind::Service, format!("{place} returned {status}"))
        .cause(said(body))
        .hint("check the engine's log (journalctl -u docker, journalctl --user -u podman)")
}
