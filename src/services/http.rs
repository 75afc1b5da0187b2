//! Sends HTTP requests: clients, the rule for plain HTTP, timeouts, the only retry policy, shared
//! waits.
//!
//! Defines how a request is sent, when it is repeated and how a transport failure becomes a
//! [`Problem`]. Reads are repeated. A write is sent once: its caller checks what it depends on
//! before every try. Must not know any service's shapes or credentials, and must not log headers.

mod answer;
pub mod body;
mod client;
pub mod json;
#[cfg(test)]
pub(crate) mod raw;
mod retry;
#[cfg(test)]
mod test_body;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::Retryable;
use tokio::time::Instant;

pub use answer::{Answer, Failure, Written};
pub use body::Limit;
use client::Clients;
pub use client::{check, host_of, is_loopback};
use json::{secrets_in, without_secrets};
use retry::{Trouble, settle};
pub use retry::{policy, retry_after, transient};

/// Longest wait that a server may ask for before it is left to the user instead.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Holds how long requests may take. `WINDLASS_TIMEOUT` scales all of them.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Opening a connection.
    pub connect: Duration,
    /// One whole request and answer of an API.
    pub total: Duration,
    /// Silence inside a streamed body.
    pub idle: Duration,
}

impl Timeouts {
    /// Returns the default timeouts times `factor`.
    pub fn scaled(factor: f64) -> Self {
        let factor = if factor.is_finite() && factor > 0.0 {
            factor.min(1000.0)
        } else {
            1.0
        };
        let scale = |seconds: f64| Duration::from_secs_f64((seconds * factor).max(0.05));
        Self {
            connect: scale(5.0),
            total: scale(20.0),
            idle: scale(20.0),
        }
    }
}

/// Holds clients, waits and timeouts shared by every service.
#[derive(Clone)]
pub struct Http {
    clients: Arc<Clients>,
    timeouts: Timeouts,
    limit: Limit,
    waits: Arc<Mutex<HashMap<String, Instant>>>,
    skews: Arc<Mutex<BTreeMap<String, i64>>>,
    offline: Arc<AtomicBool>,
}

impl Http {
    /// Returns clients with these timeouts.
    pub fn new(timeouts: Timeouts) -> Self {
        Self {
            clients: Arc::default(),
            timeouts,
            limit: Limit::OBJECT,
            waits: Arc::default(),
            skews: Arc::default(),
            offline: Arc::default(),
        }
    }

    /// Returns the same clients, waits and timeouts for answers of at most `limit`.
    pub fn limited(&self, limit: Limit) -> Self {
        Self {
            limit,
            ..self.clone()
        }
    }

    /// Refuses every request over a network from now on, of all clones.
    pub fn go_offline(&self) {
        self.offline.store(true, Ordering::Relaxed);
    }

    /// Returns the timeouts in force.
    pub const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Sends once and returns the answer with its body unread, whatever its status. The total time
    /// is not limited; waits that the host asked for are kept and recorded.
    pub async fn open(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Failure> {
        let (host, _, response) = self.answered(request).await?;
        self.note_wait(&host, response.status().as_u16(), response.headers());
        Ok(response)
    }

    /// Sends once, after the wait that its host asked for. Returns the host, the secrets that were
    /// sent, and the beginning of the answer.
    async fn answered(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(String, Vec<String>, reqwest::Response), Failure> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| Failure::of(&error))?;
        let host = host_of(request.url());
        let secrets = request.headers().values().flat_map(secrets_in).collect();
        self.wait_for(&host).await;
        let asked = Instant::now();
        // Without its query, which may hold a credential.
        let what = format!("{} {host}{}", request.method(), request.url().path());
        let answered = client.execute(request).await.map_err(|error| Failure::of(&error));
        let status = answered.as_ref().map_or_else(
            |_| "no response".to_owned(),
            |response| response.status().as_u16().to_string(),
        );
        tracing::info!(
            "{}: {status} after {} ms",
            crate::domain::SanitizedText::capped(what, 300),
            asked.elapsed().as_millis()
        );
        let response = answered?;
        self.note_clock(&host_of(response.url()), asked.elapsed(), response.headers());
        Ok((host, secrets, response))
    }

    /// Sends once and reads the whole answer, whatever its status. Waits first if the host asked
    /// all clients to wait.
    pub async fn once(&self, request: reqwest::RequestBuilder) -> Result<Answer, Failure> {
        self.once_within(self.timeouts.total, request).await
    }

    async fn once_within(
        &self,
        limit: Duration,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, Failure> {
        let (host, secrets, response) = self.answered(request.timeout(limit)).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let url = response.url().clone();
        self.note_wait(&host, status, &headers);
        let mut body = self.body_of(response).await?;
        if status >= 400 {
            body = without_secrets(body, secrets.iter().map(String::as_str));
        }
        Ok(Answer {
            status,
            headers,
            body,
            url,
        })
    }

    /// Sends a request that may be repeated, and retries within the policy: connection failures,
    /// lost answers, 408, 429, 500, 502, 503 and 504.
    pub async fn read<F>(&self, request: F) -> Result<Answer, Failure>
    where
        F: Fn() -> reqwest::RequestBuilder,
    {
        self.read_within(Duration::ZERO, request).await
    }

    /// Works as [`Http::read`] does, for requests that need `more` than the usual total time: long
    /// bodies.
    pub async fn read_within<F>(&self, more: Duration, request: F) -> Result<Answer, Failure>
    where
        F: Fn() -> reqwest::RequestBuilder,
    {
        let attempt = || async {
            match self.once_within(self.timeouts.total + more, request()).await {
                Ok(answer) if transient(answer.status) => Err(Trouble::Answered(answer)),
                Ok(answer) => Ok(answer),
                Err(failure) => Err(Trouble::Failed(failure)),
            }
        };
        settle(
            attempt
                .retry(policy())
                .when(Trouble::worth_another)
                .adjust(Trouble::adjust)
                .await,
        )
    }

    /// Sends a change to `url` once, without any wait. If the host asks all clients to wait,
    /// nothing is sent: what the change depends on must be checked again after the wait.
    pub async fn write(&self, url: &url::Url, request: reqwest::RequestBuilder) -> Result<Answer, Failure> {
        let host = host_of(url);
        if self.asks_to_wait(&host) {
            return Err(Failure {
                not_sent: true,
                hopeless: false,
                began: false,
                text: format!("rate limited by {host}"),
            });
        }
        self.once(request).await
    }

    /// Sends a request that must not happen twice and does not depend on what other clients
    /// change: a sign-in. It is repeated only if it certainly was not accepted: no connection, or
    /// 429.
    pub async fn send_until_taken<F>(&self, request: F) -> Result<Answer, Failure>
    where
        F: Fn() -> reqwest::RequestBuilder,
    {
        let attempt = || async {
            match self.once(request()).await {
                Ok(answer) if answer.status == 429 => Err(Trouble::Answered(answer)),
                Ok(answer) => Ok(answer),
                Err(failure) => Err(Trouble::Failed(failure)),
            }
        };
        let taken = |trouble: &Trouble| match trouble {
            Trouble::Failed(failure) => failure.not_sent && !failure.hopeless,
            Trouble::Answered(_) => true,
        };
        settle(
            attempt
                .retry(policy())
                .when(|trouble: &Trouble| taken(trouble) && trouble.worth_another())
                .adjust(Trouble::adjust)
                .await,
        )
    }
}
