//! Builds answers in the form of the OCI distribution specification: error bodies and headers.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// A header to be set.
pub(super) type Header = (&'static str, String);

/// Returns an answer with `headers`; values that no header may carry are left out.
pub(super) fn answer(status: StatusCode, headers: Vec<Header>, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let fields = response.headers_mut();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            fields.insert(name, value);
        }
    }
    fields.insert(
        "docker-distribution-api-version",
        HeaderValue::from_static("registry/2.0"),
    );
    response
}

/// Returns an answer without a body.
pub(super) fn empty(status: StatusCode, mut headers: Vec<Header>) -> Response {
    if status != StatusCode::NO_CONTENT {
        headers.push(("content-length", "0".into()));
    }
    answer(status, headers, Body::empty())
}

/// Returns a JSON document.
pub(super) fn document(status: StatusCode, mut headers: Vec<Header>, body: &Value) -> Response {
    headers.push(("content-type", "application/json".into()));
    answer(status, headers, body.to_string())
}

/// Returns the specification's error body with one error.
pub(super) fn fail(status: StatusCode, code: &str, message: &str, detail: Value) -> Response {
    document(
        status,
        Vec::new(),
        &json!({"errors": [{"code": code, "message": message, "detail": detail}]}),
    )
}

/// Returns 404 with the code for the type of the missing object.
pub(super) fn unknown(code: &str, what: &str) -> Response {
    let message = match code {
        "NAME_UNKNOWN" => "repository name not known to registry",
        "BLOB_UNKNOWN" => "blob unknown to registry",
        "BLOB_UPLOAD_UNKNOWN" => "blob upload unknown to registry",
        _ => "manifest unknown",
    };
    fail(StatusCode::NOT_FOUND, code, message, json!({"reference": what}))
}

/// Returns 400 with `code`.
pub(super) fn bad(code: &str, message: &str, what: &str) -> Response {
    fail(StatusCode::BAD_REQUEST, code, message, json!({"given": what}))
}

/// Returns 405: this registry or this address does not support the method.
pub(super) fn unsupported(allow: &'static str) -> Response {
    let mut response = fail(
        StatusCode::METHOD_NOT_ALLOWED,
        "UNSUPPORTED",
        "the operation is unsupported",
        Value::Null,
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Returns 500: a disk error of this machine.
pub(super) fn broken(error: &std::io::Error) -> Response {
    fail(
        StatusCode::INTERNAL_SERVER_ERROR,
        "UNKNOWN",
        &error.to_string(),
        Value::Null,
    )
}
