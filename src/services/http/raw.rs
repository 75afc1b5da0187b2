//! A server for tests that answers with arbitrary bytes, without end if wanted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// One answer.
pub(crate) enum Said {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, then zeros in chunks until the client disconnects.
    Endless(&'static str),
}

impl Said {
    /// Returns a complete answer with a body of this type.
    pub(crate) fn body(status: u16, kind: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}");
        Self::Bytes(format!("{head}\r\nConnection: close\r\n\r\n{body}").into_bytes())
    }

    /// Returns a complete answer with JSON.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::body(status, "application/json", body)
    }

    /// Returns a redirect.
    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0");
        Self::Bytes(format!("{head}\r\nConnection: close\r\n\r\n").into_bytes())
    }

    /// 200 and a body without end.
    pub(crate) const ENDLESS: Self = Self::Endless(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
}

/// The server; every connection carries one request.
pub(crate) struct Raw {
    pub(crate) url: Url,
    /// Every request, head and body.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    /// Bytes of endless bodies that were sent.
    pub(crate) sent: Arc<AtomicU64>,
}

impl Raw {
    /// Answers each request with the result of `answer` for it and for the number of requests
    /// before it.
    pub(crate) async fn start(answer: impl Fn(&str, usize) -> Said + Send + Sync + 'static) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let (seen, sent) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicU64>::default());
        let (requests, bytes, answer) = (Arc::clone(&seen), Arc::clone(&sent), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (requests, bytes, answer) =
                    (Arc::clone(&requests), Arc::clone(&bytes), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = stream;
                    let request = request(&mut stream).await;
                    let said = {
                        let mut requests = requests.lock().unwrap();
                        let said = answer(&request, requests.len());
                        requests.push(request);
                        said
                    };
                    // The client may disconnect at any time.
                    drop(send(&mut stream, said, &bytes).await);
                });
            }
        });
        Self { url, seen, sent }
    }

    /// Returns how many requests came.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return text,
        }
    }
}

async fn send(stream: &mut TcpStream, said: Said, sent: &AtomicU64) -> std::io::Result<()> {
    match said {
        Said::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Said::Endless(head) => {
            stream.write_all(head.as_bytes()).await?;
            let chunk = [b"10000\r\n".as_slice(), &vec![b'0'; 65_536], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
                sent.fetch_add(65_536, Ordering::Relaxed);
            }
        }
    }
}
