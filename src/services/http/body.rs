//! Reads the bodies of all answers, with a size limit by the kind of answer and a minimum speed.
//!
//! An answer larger than its limit is refused before more of it is read, and a retry does not
//! help. The body of a refusal is read up to its own limit: its status counts without it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use super::{Failure, Http};

/// Least bytes per second of a body, over each span of half the usual timeout.
const SLOWEST: u64 = 1024;

/// Largest body of an answer, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// One object: an account, a token, the receipt of a write.
    pub const OBJECT: Self = Self(1024 * 1024);
    /// A list, a tree, a channel map, a manifest.
    pub const LIST: Self = Self(8 * 1024 * 1024);
    /// The list of a local engine's images, a log.
    pub const LARGE: Self = Self(32 * 1024 * 1024);
    /// A refusal.
    const REFUSAL: Self = Self(128 * 1024);

    /// Returns the limit in bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }

    fn shown(self) -> String {
        if self.0 >= 1024 * 1024 {
            format!("{} MiB", self.0 / (1024 * 1024))
        } else {
            format!("{} KiB", self.0 / 1024)
        }
    }
}

/// Wraps a body that must keep coming. Only time spent waiting for it counts, not time in which
/// its reader was busy.
pub struct Paced<S> {
    stream: S,
    span: Duration,
    waited: Duration,
    brought: u64,
}

impl<S: Stream<Item = Result<Bytes, Failure>> + Unpin> Paced<S> {
    /// Measures `stream` over spans of `span`.
    pub const fn new(stream: S, span: Duration) -> Self {
        Self {
            stream,
            span,
            waited: Duration::ZERO,
            brought: 0,
        }
    }

    /// Returns the next piece; a failure if a whole span delivered too little.
    pub async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        let asked = Instant::now();
        let piece = match self.stream.next().await? {
            Ok(piece) => piece,
            Err(failure) => return Some(Err(failure)),
        };
        self.waited += asked.elapsed();
        self.brought += piece.len() as u64;
        if self.waited >= self.span {
            let least = self.waited.as_secs().saturating_mul(SLOWEST);
            if self.brought < least {
                return Some(Err(Failure::unread(format!(
                    "it arrives too slowly: {} bytes in {} s",
                    self.brought,
                    self.waited.as_secs()
                ))));
            }
            (self.waited, self.brought) = (Duration::ZERO, 0);
        }
        Some(Ok(piece))
    }
}

/// Reads a body of at most `limit` with the announced length `announced`. Its speed is measured
/// over `span`.
pub async fn whole<S>(
    stream: S,
    announced: Option<u64>,
    limit: Limit,
    span: Duration,
) -> Result<Bytes, Failure>
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin,
{
    let too_large = || Failure::unread(format!("it is larger than {}", limit.shown()));
    if announced.is_some_and(|length| length > limit.0 as u64) {
        return Err(too_large());
    }
    let mut paced = Paced::new(stream, span);
    let mut body = BytesMut::new();
    while let Some(piece) = paced.next().await {
        let piece = piece?;
        if body.len() + piece.len() > limit.0 {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// Reads at most `most` bytes of a body and returns the last ones, at least `kept` of them if there
/// are as many. Its speed is measured over `span`.
pub async fn last<S>(stream: S, kept: usize, most: usize, span: Duration) -> Result<Vec<u8>, Failure>
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin,
{
    let mut paced = Paced::new(stream, span);
    let (mut end, mut read) = (Vec::new(), 0_usize);
    while read <= most {
        let Some(piece) = paced.next().await else { break };
        let piece = piece?;
        read += piece.len();
        end.extend_from_slice(&piece);
        if end.len() > 2 * kept {
            end.drain(..end.len() - kept);
        }
    }
    Ok(end)
}

/// Reads the beginning of a refusal's body: what arrives within its limit, in `span` at most.
pub async fn refusal<S>(mut stream: S, span: Duration) -> Bytes
where
    S: Stream<Item = Result<Bytes, Failure>> + Unpin,
{
    let mut body = BytesMut::new();
    let until = Instant::now() + span;
    while let Ok(Some(Ok(piece))) = tokio::time::timeout_at(until, stream.next()).await {
        let room = Limit::REFUSAL.0 - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() >= room {
            break;
        }
    }
    body.freeze()
}

impl Http {
    /// Returns the span over which the speed of a body is measured.
    pub fn span(&self) -> Duration {
        self.timeouts.total / 2
    }

    /// Reads the body of `response`, within the limit of this client.
    pub async fn body_of(&self, response: reqwest::Response) -> Result<Bytes, Failure> {
        let status = response.status();
        let announced = response.content_length();
        // An answer that exceeds the time limit would do so again.
        let stream = response.bytes_stream().map(|piece| {
            piece.map_err(|error| Failure {
                hopeless: error.is_timeout(),
                ..begun(&error)
            })
        });
        if status.is_client_error() || status.is_server_error() {
            Ok(refusal(stream, self.span()).await)
        } else {
            whole(stream, announced, self.limit, self.span()).await
        }
    }
}

/// Returns the pieces of a body as they arrive.
pub fn pieces(response: reqwest::Response) -> impl Stream<Item = Result<Bytes, Failure>> + Send + Unpin {
    response
        .bytes_stream()
        .map(|piece| piece.map_err(|error| begun(&error)))
}

fn begun(error: &reqwest::Error) -> Failure {
    Failure {
        not_sent: false,
        began: true,
        ..Failure::of(error)
    }
}
