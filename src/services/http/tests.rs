//! Tests of the HTTP stack.

use bytes::Bytes;
use reqwest::header::{AGE, DATE, HeaderMap, RETRY_AFTER};
use url::Url;

use super::*;
use crate::domain::{Problem, ProblemKind};

#[test]
fn plain_http_is_for_loopback_only() {
    for fine in [
        "https://api.charmhub.io",
        "http://127.0.0.1:8080",
        "http://[::1]:1/",
        "http://localhost/x",
    ] {
        assert!(check(&Url::parse(fine).unwrap()).is_ok(), "{fine}");
    }
    for bad in [
        "http://api.charmhub.io",
        "http://10.0.0.1",
        "ftp://localhost",
        "http://127.0.0.1.example.com",
    ] {
        assert!(check(&Url::parse(bad).unwrap()).is_err(), "{bad}");
    }
}

#[test]
fn retry_after_is_read_in_both_forms() {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, "7".parse().unwrap());
    assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    headers.insert(RETRY_AFTER, "Wed, 21 Oct 2099 07:28:00 GMT".parse().unwrap());
    assert!(retry_after(&headers).is_some());
}

#[test]
fn a_clock_is_compared_by_quick_answers_only() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = Http::new(Timeouts::scaled(1.0));
    let mut headers = HeaderMap::new();
    let earlier = chrono::Utc::now() - chrono::TimeDelta::seconds(600);
    headers.insert(DATE, earlier.to_rfc2822().parse().unwrap());
    http.note_clock("slow", Duration::from_secs(3), &headers);
    assert!(http.skews().is_empty());
    http.note_clock("quick", Duration::from_millis(20), &headers);
    assert!((600..=602).contains(&http.skews()["quick"]), "{:?}", http.skews());
    headers.insert(AGE, "600".parse().unwrap());
    http.note_clock("cached", Duration::from_millis(20), &headers);
    assert_eq!(http.skews().len(), 1);
}

#[test]
fn a_write_is_lost_where_nobody_says_what_happened() {
    let answer = |status| Answer {
        status,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        url: Url::parse("http://127.0.0.1/").unwrap(),
    };
    let url = Url::parse("http://127.0.0.1/").unwrap();
    let sort = |sent| {
        Written::of(sent, "doing it", &url, |answer| {
            Problem::new(ProblemKind::Service, answer.status.to_string())
        })
    };
    let gone = |not_sent| Failure {
        not_sent,
        hopeless: false,
        began: false,
        text: "cut".to_owned(),
    };
    assert!(matches!(sort(Ok(answer(204))), Ok(Written::Answered(_))));
    assert!(matches!(sort(Ok(answer(503))), Ok(Written::Lost(_))));
    assert!(sort(Ok(answer(422))).is_err());
    assert!(matches!(sort(Err(gone(false))), Ok(Written::Lost(_))));
    assert!(matches!(sort(Err(gone(true))), Ok(Written::NotTaken(_))));
    assert!(matches!(sort(Ok(answer(429))), Ok(Written::NotTaken(_))));
    let mut long = answer(429);
    long.headers.insert(RETRY_AFTER, "3600".parse().unwrap());
    assert!(sort(Ok(long)).is_err(), "an hour is left to the operator");
    let odd = Written::Answered(()).and_then(|()| Err::<(), _>(Problem::new(ProblemKind::Service, "odd")));
    assert!(matches!(odd, Written::Lost(_)));
}

#[tokio::test(start_paused = true)]
async fn what_a_host_asks_of_one_all_wait_for() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = Http::new(Timeouts::scaled(1.0));
    let begin = Instant::now();
    let seconds = |text: &str| HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
    http.note_wait("a", 429, &seconds("7"));
    http.note_wait("a", 503, &seconds("2"));
    http.note_wait("a", 429, &HeaderMap::new());
    http.note_wait("a", 200, &seconds("20"));
    let late = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        http.note_wait("a", 429, &seconds("6"));
    };
    tokio::join!(http.wait_for("a"), http.wait_for("a"), late);
    assert_eq!(
        begin.elapsed().as_secs(),
        11,
        "the longest, and what came while waiting"
    );
    http.wait_for("b").await;
    assert_eq!(begin.elapsed().as_secs(), 11, "other hosts are not meant");
    http.note_wait("b", 429, &HeaderMap::new());
    http.wait_for("b").await;
    assert_eq!(begin.elapsed(), Duration::from_millis(11_500) + slack(begin));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_not_sent_while_its_host_asks_to_wait() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = Http::new(Timeouts::scaled(1.0));
    // No server listens there: a request that was sent would fail with another message.
    let url = Url::parse("http://127.0.0.1:1/").unwrap();
    http.note_wait(
        "127.0.0.1:1",
        429,
        &HeaderMap::from_iter([(RETRY_AFTER, "7".parse().unwrap())]),
    );
    let begin = Instant::now();
    let client = http.client(&url).unwrap();
    let failure = http.write(&url, client.put(url.clone())).await.unwrap_err();
    assert!(
        failure.not_sent && failure.text.contains("rate limited by"),
        "{failure}"
    );
    assert_eq!(begin.elapsed(), Duration::ZERO, "the wait is left to the caller");
    http.wait_for("127.0.0.1:1").await;
    assert_eq!(begin.elapsed().as_secs(), 7);
}

/// Timers are whole milliseconds.
fn slack(begin: Instant) -> Duration {
    let over = begin.elapsed().saturating_sub(Duration::from_millis(11_500));
    assert!(over < Duration::from_millis(10), "{over:?}");
    over
}
