//! Simulates another client of the demo environment: the change that a fault makes while a request
//! waits.
//!
//! It is authorized for everything, calls the services' routers directly and is logged like every
//! client, under the name [`CLIENT`].

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

use super::faults::Change;
use super::request_log::{Entry, RequestLog};

/// Its name in the request log.
pub const CLIENT: &str = "another-client";

/// Holds the services and the credential for a change in each.
pub struct OtherClient {
    services: HashMap<&'static str, (Router, String)>,
    log: Arc<RequestLog>,
}

/// The answer of a service.
type Answered = (StatusCode, Option<header::HeaderValue>, Bytes);

impl OtherClient {
    /// Returns a client of `services`: each with its router and the value of `Authorization`.
    pub fn new(services: HashMap<&'static str, (Router, String)>, log: Arc<RequestLog>) -> Self {
        Self { services, log }
    }

    /// Makes the changes, one after another. A refused one is in the log with its status.
    pub async fn act(&self, struck: &str, changes: &[Arc<Change>]) {
        for change in changes {
            let service = change.service.as_deref().unwrap_or(struck);
            self.make(service, change).await;
        }
    }

    async fn make(&self, service: &str, change: &Change) {
        let (mut kind, mut body) = (None, change.body.clone().unwrap_or_default().into_bytes());
        if let Some(path) = &change.body_of
            && let Some((_, type_of, bytes)) = self.send(service, "GET", path, None, Bytes::new()).await
        {
            (kind, body) = (type_of, bytes.to_vec());
        } else if let Some((secrets, _)) = change.path.split_once("/actions/secrets/")
            && change.method == "PUT"
            && body.is_empty()
        {
            body = self.sealed(service, secrets).await;
        }
        self.send(service, &change.method, &change.path, kind, body.into())
            .await;
    }

    /// Returns a value of this client, sealed as the service requires.
    async fn sealed(&self, service: &str, owner: &str) -> Vec<u8> {
        let key = format!("{owner}/actions/secrets/public-key");
        let key: Value = match self.send(service, "GET", &key, None, Bytes::new()).await {
            Some((_, _, body)) => serde_json::from_slice(&body).unwrap_or_default(),
            None => Value::Null,
        };
        let value = STANDARD.encode([7_u8; 64]);
        json!({"encrypted_value": value, "key_id": key["key_id"]})
            .to_string()
            .into_bytes()
    }

    async fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        kind: Option<header::HeaderValue>,
        body: Bytes,
    ) -> Option<Answered> {
        let (name, (router, authorization)) = self.services.get_key_value(service)?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::USER_AGENT, CLIENT)
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_LENGTH, body.len())
            .header(
                header::CONTENT_TYPE,
                kind.unwrap_or(header::HeaderValue::from_static("application/json")),
            );
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Body::from(body)).ok()?;
        let entry = Entry::of(self.log.clone(), name, &request);
        let answer: Response<Body> = match TowerToHyperService::new(router.clone()).call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        entry.answered(parts.status.as_u16());
        Some((
            parts.status,
            parts.headers.get(header::CONTENT_TYPE).cloned(),
            body,
        ))
    }
}
