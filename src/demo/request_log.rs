//! Logs the requests to the demo environment: `requests.jsonl`, one complete line per request.
//!
//! A line is appended before the answer is sent, so a client that has an answer finds its line.
//! Must not hold request bodies or credentials.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{Request, header};
use chrono::{SecondsFormat, Utc};
use serde_json::json;

use crate::domain::{Problem, ProblemKind};

/// The open log file.
pub struct RequestLog {
    file: Mutex<File>,
}

impl RequestLog {
    /// Opens `path` for appending, readable by its owner only.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| {
                Problem::new(ProblemKind::Machine, format!("cannot write {}", path.display())).because(&error)
            })?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }

    fn append(&self, mut line: String) {
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write per line, so that readers never see half of one.
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "cannot write the request log");
        }
    }
}

/// One request on its way to an answer. Dropped without [`Entry::answered`], it is written with
/// status 0: no answer was sent.
pub struct Entry {
    log: Arc<RequestLog>,
    service: &'static str,
    method: String,
    path: String,
    query: String,
    client: String,
    written: bool,
}

impl Entry {
    /// Starts the entry of `request` to `service`.
    pub fn of<B>(log: Arc<RequestLog>, service: &'static str, request: &Request<B>) -> Self {
        let client = request
            .headers()
            .get(header::USER_AGENT)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default();
        Self {
            log,
            service,
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            client,
            written: false,
        }
    }

    /// Writes the line with the status that is about to be sent.
    pub fn answered(mut self, status: u16) {
        self.write(status);
    }

    fn write(&mut self, status: u16) {
        self.written = true;
        let line = json!({
            "time": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "service": self.service,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": status,
            "client": self.client,
        });
        self.log.append(line.to_string());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.written {
            self.write(0);
        }
    }
}
