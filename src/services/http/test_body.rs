//! Tests of answers that are too large, too slow or without end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use url::Url;

use super::body::{Limit, Paced, last, whole};
use super::raw::{Raw, Said};
use super::{Failure, Http, Timeouts};
use crate::domain::ProblemKind;

/// Bytes of a body that the system may buffer between both ends.
const ON_ITS_WAY: u64 = 16 << 20;

async fn read(url: &Url, http: &Http) -> Result<super::Answer, Failure> {
    let client = http.client(url).unwrap();
    http.read(|| client.get(url.clone())).await
}

#[tokio::test]
async fn a_body_without_end_is_read_to_its_limit_and_not_asked_for_again() {
    let server = Raw::start(|_, _| Said::ENDLESS).await;
    let http = Http::new(Timeouts::scaled(1.0));
    for limit in [Limit::OBJECT, Limit::LIST] {
        server.sent.store(0, Ordering::Relaxed);
        let before = server.count();
        let failure = read(&server.url, &http.limited(limit)).await.unwrap_err();
        assert!(
            failure.began && failure.hopeless && !failure.not_sent,
            "{failure:?}"
        );
        let problem = failure.problem("reading it", &server.url);
        assert_eq!(problem.kind, ProblemKind::Service);
        assert!(problem.to_string().contains("larger than"), "{problem}");
        assert_eq!(server.count(), before + 1);
        let sent = server.sent.load(Ordering::Relaxed);
        assert!(sent <= limit.bytes() as u64 + ON_ITS_WAY, "{sent}");
    }
}

#[tokio::test]
async fn a_length_that_is_announced_is_believed() {
    let server =
        Raw::start(|_, _| Said::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n{}".to_vec()))
            .await;
    let http = Http::new(Timeouts::scaled(1.0));
    let failure = read(&server.url, &http).await.unwrap_err();
    assert!(failure.began && failure.text.contains("1 MiB"), "{failure:?}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_refusal_counts_by_its_status_whatever_its_body() {
    let server =
        Raw::start(|_, _| Said::Endless("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"))
            .await;
    let http = Http::new(Timeouts::scaled(1.0));
    let answer = read(&server.url, &http).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (404, 128 * 1024));
    assert!(server.sent.load(Ordering::Relaxed) <= ON_ITS_WAY);
}

/// A byte per second.
fn drip() -> impl futures_util::Stream<Item = Result<Bytes, Failure>> + Unpin {
    Box::pin(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok(Bytes::from_static(b"x")), ()))
    }))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_ends_after_one_span() {
    let begin = tokio::time::Instant::now();
    let failure = whole(drip(), None, Limit::OBJECT, Duration::from_secs(10))
        .await
        .unwrap_err();
    assert!(
        failure.hopeless && failure.text.contains("too slowly"),
        "{failure:?}"
    );
    assert_eq!(begin.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_body_that_drips_is_given_up_after_one_span() {
    let begin = tokio::time::Instant::now();
    let failure = last(drip(), 1024, 64 << 20, Duration::from_secs(10))
        .await
        .unwrap_err();
    assert!(failure.text.contains("too slowly"), "{failure:?}");
    assert_eq!(begin.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn the_end_of_a_long_body_is_kept_and_no_more_than_its_bound_is_read() {
    let numbered = |count: usize| {
        let lines = (0..count).map(|line| Ok(Bytes::from(format!("{line:015}\n"))));
        stream::iter(lines.collect::<Vec<_>>())
    };
    let span = Duration::from_secs(10);
    let all = last(numbered(100), 1024, 1 << 20, span).await.unwrap();
    assert!((1024..=2048).contains(&all.len()), "{}", all.len());
    assert!(all.ends_with(b"000000000000099\n"));
    let cut = last(numbered(1000), 1024, 1600, span).await.unwrap();
    assert!(
        cut.ends_with(b"000000000000100\n"),
        "{}",
        String::from_utf8_lossy(&cut)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_drips_is_cut_short() {
    let begin = tokio::time::Instant::now();
    let body = super::body::refusal(drip(), Duration::from_secs(10)).await;
    assert!((9..=10).contains(&body.len()), "{}", body.len());
    assert_eq!(begin.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_busy_is_not_blamed_on_the_sender() {
    let pieces = stream::iter(vec![Ok(Bytes::from_static(b"x")); 5]);
    let mut paced = Paced::new(pieces, Duration::from_secs(10));
    while let Some(piece) = paced.next().await {
        assert!(piece.is_ok());
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}
