//! Builds answers in the store's form: JSON as exactly `application/json`, errors as `error-list`.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What a handler returns.
pub type Answer = Result<Response, Refusal>;

/// Holds the answer to a request that is refused.
#[derive(Debug)]
pub struct Refusal(Box<Response>);

impl Refusal {
    /// Returns `status` with one item of `error-list`.
    pub fn new(status: StatusCode, code: &str, message: impl AsRef<str>) -> Self {
        let body = json!({"error-list": [{"code": code, "message": message.as_ref()}]});
        Self(Box::new(json_with(status, &body)))
    }

    /// Returns 400 `api-error`, which the store uses for nearly every invalid request.
    pub fn api_error(message: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "api-error", message)
    }

    /// Returns 404 `resource-not-found`.
    pub fn not_found(message: impl AsRef<str>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource-not-found", message)
    }

    /// Returns 403 `permission-required`.
    pub fn permission(message: impl AsRef<str>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission-required", message)
    }

    /// Returns 401 in the gateway's form: no `error-list`, a bakery body, `WWW-Authenticate`.
    pub fn unauthorized() -> Self {
        let body = json!({
            "Code": "macaroon discharge required",
            "Message": "discharge required",
            "Info": {
                "Macaroon": {"i": "x", "s64": "tVndJJo-Pfd4-YAY2SdoClDHXKd82ofini-M9ycVpuk", "l": "api.charmhub.io"},
                "MacaroonPath": "/",
            },
        });
        let mut response = json_with(StatusCode::UNAUTHORIZED, &body);
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Macaroon"));
        Self(Box::new(response))
    }

    /// Returns any other answer that is not the requested one.
    pub fn plain(status: StatusCode, body: &Value) -> Self {
        Self(Box::new(json_with(status, body)))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// Returns 200 with `body`.
pub fn json_ok(body: &Value) -> Response {
    json_with(StatusCode::OK, body)
}

/// Returns `status` with `body`, ending in a line feed as the store's answers do.
pub fn json_with(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Parses a request body, or answers 400.
pub fn parsed<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::api_error(format!("Invalid JSON: {error}")))
}

/// Returns 404 for unknown paths.
pub async fn nowhere() -> Response {
    Refusal::not_found("No such endpoint in the demo environment").into_response()
}
