//! Runs the demo environment's listeners: one per service, on loopback, with connections that can
//! be cut.
//!
//! Handles accept loops, HTTP/1.1 framing, faults and the order of the request log (line first,
//! answer second). The services' routers answer the requests.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults::{CannedAnswer, CannedBody, Effect, Faults};
use super::other_client::OtherClient;
use super::request_log::{Entry, RequestLog};

/// How long new connections are reset after a refused request.
const REFUSAL: Duration = Duration::from_millis(500);

/// Holds one service as clients reach it.
pub struct Front {
    /// Its name in faults and in the log.
    pub service: &'static str,
    /// The routes that answer.
    pub router: Router,
    /// Which requests fail.
    pub faults: Arc<Faults>,
    /// The request log.
    pub log: Arc<RequestLog>,
    /// Makes the changes that faults list.
    pub other_client: Arc<OtherClient>,
    refusing: Mutex<Option<Instant>>,
}

impl Front {
    /// Returns a service with its faults and its log.
    pub fn new(
        service: &'static str,
        router: Router,
        faults: Arc<Faults>,
        log: Arc<RequestLog>,
        other_client: Arc<OtherClient>,
    ) -> Arc<Self> {
        Arc::new(Self {
            service,
            router,
            faults,
            log,
            other_client,
            refusing: Mutex::new(None),
        })
    }

    fn refuse_for_a_while(&self) {
        *self.refusing.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REFUSAL);
    }

    fn is_refusing(&self) -> bool {
        self.refusing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| Instant::now() < until)
    }
}

/// Serves `front` on a TCP listener until `stop`.
pub fn serve_tcp(listener: TcpListener, front: Arc<Front>, stop: CancellationToken, tasks: &TaskTracker) {
    let connections = tasks.clone();
    tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of file descriptors, most likely: pause instead of looping without delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "nodelay");
            }
            let cut = Arc::new(AtomicBool::new(front.is_refusing()));
            let io = Cuttable {
                stream,
                cut: cut.clone(),
            };
            if cut.load(Ordering::SeqCst) {
                drop(io);
                continue;
            }
            connections.spawn(connection(io, cut, front.clone(), stop.clone()));
        }
    });
}

/// Serves `front` on a Unix socket at `path` (0600) until `stop`.
pub fn serve_unix(
    path: &Path,
    front: Arc<Front>,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> io::Result<()> {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let connections = tasks.clone();
    tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            if !front.is_refusing() {
                let cut = Arc::new(AtomicBool::new(false));
                connections.spawn(connection(stream, cut, front.clone(), stop.clone()));
            }
        }
    });
    Ok(())
}

async fn connection<S>(stream: S, cut: Arc<AtomicBool>, front: Arc<Front>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let front = front.clone();
        let cut = cut.clone();
        async move {
            let answer = respond(&front, request).await;
            if answer.is_err() {
                cut.store(true, Ordering::SeqCst);
            }
            answer
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        served = serving => if let Err(error) = served {
            tracing::debug!(%error, "a demo connection ended early");
        }
    }
}

/// The connection is to be reset without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection closed by the faults file")]
struct Cut;

async fn respond(front: &Front, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let entry = Entry::of(front.log.clone(), front.service, &request);
    let method = request.method().clone();
    let struck = front
        .faults
        .strike(front.service, method.as_str(), request.uri().path());
    let others = || front.other_client.act(front.service, &struck.meanwhile);
    // If the request is handled although its answer is lost, the other client comes after it.
    if !matches!(struck.effect, Some(Effect::ResetAfter | Effect::Truncate)) {
        others().await;
    }
    match struck.effect.clone() {
        None => {
            let response = handle(front, request.map(Body::new)).await;
            entry.answered(response.status().as_u16());
            Ok(response)
        }
        Some(Effect::Refuse) => {
            front.refuse_for_a_while();
            Err(Cut)
        }
        Some(Effect::ResetBefore) => {
            whole(request).await?;
            Err(Cut)
        }
        Some(Effect::ResetAfter) => {
            let request = whole(request).await?;
            let response = handle(front, request).await;
            // The handler counts as finished only when its answer could have been sent completely.
            drop(response.into_body().collect().await);
            others().await;
            Err(Cut)
        }
        Some(Effect::Truncate) => {
            let response = handle(front, request.map(Body::new)).await;
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.map_err(|_| Cut)?.to_bytes();
            others().await;
            entry.answered(parts.status.as_u16());
            Ok(truncated(parts, bytes, &method))
        }
        Some(Effect::Drip(pause)) => {
            let response = handle(front, request.map(Body::new)).await;
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.map_err(|_| Cut)?.to_bytes();
            entry.answered(parts.status.as_u16());
            Ok(Response::from_parts(parts, dripping(bytes, pause)))
        }
        Some(Effect::Answer(answer)) => {
            let sent = whole(request).await?.into_body();
            let sent = sent.collect().await.map_err(|_| Cut)?.to_bytes();
            entry.answered(answer.status);
            Ok(canned(&answer, sent))
        }
        Some(Effect::RateLimit(seconds)) => {
            whole(request).await?;
            entry.answered(429);
            let mut response = plain(
                StatusCode::TOO_MANY_REQUESTS,
                "text/plain",
                "Too many requests\n".to_owned(),
            );
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            Ok(response)
        }
        Some(Effect::Hold(time)) => {
            // The body is read first: only then can hyper detect that the client has disconnected,
            // and it drops this future when it does.
            let request = whole(request).await?;
            tokio::time::sleep(time).await;
            let response = handle(front, request).await;
            entry.answered(response.status().as_u16());
            Ok(response)
        }
    }
}

/// Returns the answer that a fault defines, to a request with the body `sent`.
fn canned(answer: &CannedAnswer, sent: Bytes) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let json = "application/json";
    let mut response = match &answer.body {
        // Not JSON on purpose: the real services' 5xx pages are not either.
        CannedBody::Page => plain(
            status,
            "text/html",
            format!("<html><body><h1>{status}</h1></body></html>\n"),
        ),
        CannedBody::Text(text) => plain(status, json, text.clone()),
        CannedBody::Echo => plain(status, json, Body::from(sent)),
        CannedBody::Endless(text) => {
            let times = 65_536_usize.div_ceil(text.len().max(1));
            let piece = Bytes::from(text.repeat(times));
            let pieces = futures_util::stream::repeat_with(move || Ok::<_, io::Error>(piece.clone()));
            plain(status, json, Body::from_stream(pieces))
        }
    };
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Sends `bytes` one by one, with `pause` after each.
fn dripping(bytes: Bytes, pause: Duration) -> Body {
    Body::from_stream(futures_util::stream::unfold(bytes, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        let byte = left.split_to(1);
        if !left.is_empty() {
            tokio::time::sleep(pause).await;
        }
        Some((Ok::<_, io::Error>(byte), left))
    }))
}

async fn handle(front: &Front, request: Request<Body>) -> Response<Body> {
    match TowerToHyperService::new(front.router.clone()).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn whole(request: Request<Incoming>) -> Result<Request<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map_err(|_| Cut)?.to_bytes();
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn plain(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn truncated(mut parts: axum::http::response::Parts, bytes: Bytes, method: &Method) -> Response<Body> {
    if *method == Method::HEAD || bytes.is_empty() {
        parts
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Response::from_parts(parts, Body::empty());
    }
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let body = Halved {
        half: Some(bytes.slice(..bytes.len() / 2)),
        length: bytes.len() as u64,
        pause: Box::pin(tokio::time::sleep(Duration::from_millis(20))),
    };
    Response::from_parts(parts, Body::new(body))
}

/// A body that announces `length` bytes, sends half and fails. The pause lets hyper flush the
/// half.
struct Halved {
    half: Option<Bytes>,
    length: u64,
    pause: Pin<Box<tokio::time::Sleep>>,
}

impl hyper::body::Body for Halved {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        std::task::ready!(self.pause.as_mut().poll(context));
        Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

/// A TCP stream that ends with a reset instead of a FIN once `cut` is set.
struct Cuttable {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl Drop for Cuttable {
    fn drop(&mut self) {
        if self.cut.load(Ordering::SeqCst)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "linger");
        }
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cut.load(Ordering::SeqCst) {
            // A FIN before the reset would be read as a clean end.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
