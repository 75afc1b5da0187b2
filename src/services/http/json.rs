//! Parses bodies as JSON. An unreadable body is described by its type, length and the position of
//! the error; it is never quoted, because a service may repeat the secret that it was sent.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::Answer;

/// Describes why a body is not what was expected, without quoting it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        let what = match error.classify() {
            Category::Eof => "it is truncated",
            Category::Syntax => "it is not valid JSON",
            Category::Data | Category::Io => "a field is missing or has the wrong type",
        };
        Self(format!(
            "{what} (line {}, column {})",
            error.line(),
            error.column()
        ))
    }
}

/// Parses a body as JSON.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(Unreadable::from)
}

/// Parses the list that a JSON object holds under `field`; everything else is skipped, not kept.
/// An object without it holds an empty list.
pub fn list_in<T: DeserializeOwned>(body: &[u8], field: &str) -> Result<Vec<T>, Unreadable> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let list = OneField(field, PhantomData).deserialize(&mut reader)?;
    reader.end()?;
    Ok(list)
}

struct OneField<'a, T>(&'a str, PhantomData<T>);

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for OneField<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for OneField<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut found = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                found = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Removes secrets that were sent from the body of a refusal, in case the service repeats them.
/// What is shorter than any secret stays.
pub fn without_secrets<'a>(body: bytes::Bytes, secrets: impl Iterator<Item = &'a str>) -> bytes::Bytes {
    const SHORTEST: usize = 8;
    let mut text: Option<String> = None;
    for secret in secrets
        .filter(|secret| secret.len() >= SHORTEST)
        .flat_map(forms_of)
    {
        let secret = secret.as_str();
        let there = |body: &[u8]| body.windows(secret.len()).any(|part| part == secret.as_bytes());
        if text
            .as_ref()
            .map_or_else(|| there(&body), |text| text.contains(secret))
        {
            let shown = text.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
            text = Some(shown.replace(secret, "***"));
        }
    }
    text.map_or(body, Into::into)
}

/// Returns the forms in which a service may repeat a secret: as it is, in JSON (once, and twice
/// for quoted JSON), in a form.
pub fn forms_of(secret: &str) -> Vec<String> {
    let quoted = |text: &str| {
        let text = serde_json::Value::from(text).to_string();
        text[1..text.len() - 1].to_owned()
    };
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let once = quoted(secret);
    let mut forms = vec![quoted(&once), once, form, secret.to_owned()];
    forms.dedup();
    forms
}

/// Returns the secrets in a header's value that is marked as sensitive: a token, a password, a
/// macaroon.
pub fn secrets_in(value: &HeaderValue) -> Vec<String> {
    let text = value.to_str().ok().filter(|_| value.is_sensitive());
    let Some((scheme, rest)) = text.and_then(|text| text.split_once(' ')) else {
        return text.map(str::to_owned).into_iter().collect();
    };
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = STANDARD.decode(rest).ok();
        let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
        let password = pair.and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
        return password.into_iter().chain([rest.to_owned()]).collect();
    }
    rest.split(", ")
        .map(|part| match part.split_once('=') {
            Some(("root" | "discharge", macaroon)) => macaroon.to_owned(),
            _ => part.to_owned(),
        })
        .collect()
}

impl Answer {
    /// Describes the body's type and length, for messages.
    pub fn described(&self) -> String {
        let kind = self.header("content-type").unwrap_or("no content type");
        let kind = crate::domain::SanitizedText::capped(kind, 60);
        format!("{kind}, {} bytes", self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_body_that_cannot_be_read_is_not_quoted() {
        for body in [
            "hunter2-hunter2",
            r#"{"a": "hunter2-hunter2"}"#,
            r#"{"hunter2-hunter2"#,
        ] {
            let error = json::<std::collections::BTreeMap<String, u64>>(body.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.to_string().contains("line 1"), "{error}");
        }
    }

    #[test]
    fn one_list_is_taken_out_of_an_object() {
        let body = br#"{"total_count": 2, "other": [[1], {"a": 2}], "secrets": [3, 4]}"#;
        assert_eq!(list_in::<u64>(body, "secrets").unwrap(), [3, 4]);
        assert!(list_in::<u64>(body, "none").unwrap().is_empty());
        assert!(list_in::<u64>(br#"{"secrets": ["x"]}"#, "secrets").is_err());
        assert!(list_in::<u64>(br#"{"secrets": [3]} x"#, "secrets").is_err());
    }

    #[test]
    fn every_form_of_authorization_gives_its_secrets() {
        let secrets = |text: &str| {
            let mut value = HeaderValue::from_str(text).unwrap();
            assert!(secrets_in(&value).is_empty());
            value.set_sensitive(true);
            secrets_in(&value)
        };
        assert_eq!(secrets("Bearer abc"), ["abc"]);
        assert_eq!(
            secrets("Basic dTpwYXNzOndvcmQ="),
            ["pass:word", "dTpwYXNzOndvcmQ="]
        );
        assert_eq!(secrets("Macaroon abc"), ["abc"]);
        assert_eq!(secrets("Macaroon root=ab, discharge=cd"), ["ab", "cd"]);
    }

    #[test]
    fn a_refusal_that_repeats_a_secret_loses_it() {
        let body = Bytes::from_static(b"bad token s3cretvalue, or s3cretvalue?");
        let shown = without_secrets(body.clone(), ["s3cretvalue"].into_iter());
        assert_eq!(&shown[..], b"bad token ***, or ***?");
        assert_eq!(without_secrets(body.clone(), ["bad"].into_iter()), body);
    }
}
