//! Defines a call and its answer, independent of HTTP.
//!
//! Parses query, paging and media types, and builds error answers.

use axum::http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::access::Token;

/// Holds a call as the handlers see it.
pub(super) struct Call {
    pub method: Method,
    /// Scheme and host as the client named them, for links.
    pub base: String,
    /// Path as received, for links.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub accept: String,
    pub signed_in: bool,
    /// The token of the request, with its rights.
    pub token: Option<Token>,
    pub body: Vec<u8>,
}

impl Call {
    pub(super) fn new(
        method: Method,
        uri: &axum::http::Uri,
        headers: &HeaderMap,
        token: Option<Token>,
        body: Vec<u8>,
    ) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
        };
        let host = text(header::HOST).unwrap_or("api.github.com");
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let loopback = name.starts_with("127.") || name == "localhost" || name == "[::1]";
        Self {
            method,
            base: format!("{}://{host}", if loopback { "http" } else { "https" }),
            path: uri.path().to_owned(),
            query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
            accept: text(header::ACCEPT).unwrap_or_default().to_owned(),
            signed_in: token.is_some(),
            token,
            body,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn wants_raw(&self) -> bool {
        self.accept.contains(".raw")
    }

    /// Parses the body as a JSON object.
    pub(super) fn json(&self) -> Result<Value, Reply> {
        match serde_json::from_slice(&self.body) {
            Ok(value @ Value::Object(_)) => Ok(value),
            _ => Err(Reply::fail(400, "Problems parsing JSON")),
        }
    }

    /// Returns one page of `items` and the `Link` header to its neighbours.
    pub(super) fn page(&self, items: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let number = |key, default: usize| {
            self.get(key)
                .and_then(|text| text.parse().ok())
                .unwrap_or(default)
        };
        let size = number("per_page", 30).clamp(1, 100);
        let page = number("page", 1).max(1);
        let pages = items.len().div_ceil(size).max(1);
        let link = |to: usize, rel: &str| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (key, value) in self.query.iter().filter(|(key, _)| key != "page") {
                query.append_pair(key, value);
            }
            query.append_pair("page", &to.to_string());
            format!("<{}{}?{}>; rel=\"{rel}\"", self.base, self.path, query.finish())
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(link(page - 1, "prev"));
        }
        if page < pages {
            links.push(link(page + 1, "next"));
            links.push(link(pages, "last"));
        }
        if page > 1 {
            links.push(link(1, "first"));
        }
        let items = items.into_iter().skip((page - 1) * size).take(size).collect();
        (items, (!links.is_empty()).then(|| links.join(", ")))
    }
}

/// The content of an answer.
pub(super) enum Payload {
    None,
    Json(Value),
    Raw(Vec<u8>, &'static str),
}

/// An answer.
pub(super) struct Reply {
    pub status: u16,
    pub payload: Payload,
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            payload: Payload::Json(body),
            headers: Vec::new(),
        }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    /// Returns 201 with the address of the new object.
    pub(super) fn created(body: Value) -> Self {
        let location = body["url"].as_str().unwrap_or_default().to_owned();
        let mut reply = Self::json(201, body);
        reply.headers.push(("location", location));
        reply
    }

    pub(super) fn no_content() -> Self {
        Self {
            status: 204,
            payload: Payload::None,
            headers: Vec::new(),
        }
    }

    pub(super) fn raw(bytes: Vec<u8>) -> Self {
        Self {
            status: 200,
            payload: Payload::Raw(bytes, "application/vnd.github.raw+json; charset=utf-8"),
            headers: Vec::new(),
        }
    }

    /// Returns a page of an array.
    pub(super) fn list(call: &Call, items: Vec<Value>) -> Self {
        let (items, link) = call.page(items);
        let mut reply = Self::ok(Value::Array(items));
        reply.headers.extend(link.map(|link| ("link", link)));
        reply
    }

    /// Returns a page of an array with its count, under `key`.
    pub(super) fn counted(call: &Call, key: &str, items: Vec<Value>) -> Self {
        let count = items.len();
        let (items, link) = call.page(items);
        let mut body = json!({"total_count": count});
        body[key] = Value::Array(items);
        let mut reply = Self::ok(body);
        reply.headers.extend(link.map(|link| ("link", link)));
        reply
    }

    pub(super) fn fail(status: u16, message: &str) -> Self {
        Self::json(
            status,
            json!({
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": status.to_string(),
            }),
        )
    }

    pub(super) fn not_found() -> Self {
        Self::fail(404, "Not Found")
    }

    /// Redirects to the address of repository `id` by number, followed by the rest of `call`'s
    /// path: 301, and 307 for writes, both with the same message.
    pub(super) fn moved(call: &Call, id: u64) -> Self {
        let rest = call.path.trim_matches('/').splitn(4, '/').nth(3);
        let mut to = format!("{}/repositories/{id}", call.base);
        if let Some(rest) = rest {
            to.push_str(&format!("/{rest}"));
        }
        if !call.query.is_empty() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&call.query);
            to.push_str(&format!("?{}", query.finish()));
        }
        let reads = matches!(call.method.as_str(), "GET" | "HEAD");
        let mut reply = Self::json(
            if reads { 301 } else { 307 },
            json!({
                "message": "Moved Permanently",
                "url": to,
                "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
            }),
        );
        reply.headers.push(("location", to));
        reply
    }

    /// Returns 422 with one entry in `errors`.
    pub(super) fn invalid(resource: &str, field: &str, code: &str) -> Self {
        let mut reply = Self::fail(422, "Validation Failed");
        if let Payload::Json(body) = &mut reply.payload {
            body["errors"] = json!([{"resource": resource, "field": field, "code": code}]);
        }
        reply
    }
}
