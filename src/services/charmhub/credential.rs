//! The store credential: where it is found, its two formats, what can be read from it offline.
//!
//! Owns decoding of `CHARMCRAFT_AUTH` (the same bytes as charmcraft's export file and keyring
//! entry): base64 of the bare token, or of `{"t": "macaroon", "v": token}` as charmcraft 2.2 to
//! 4.3 wrote it. Must never show the token.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::NEW_TOKEN;
use crate::domain::{Kind, Outside, Problem};

/// A token for the store and where it came from.
#[derive(Clone)]
pub struct StoreToken {
    secret: SecretString,
    source: Outside,
}

impl std::fmt::Debug for StoreToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreToken(from {})", self.source)
    }
}

#[derive(serde::Deserialize)]
struct Wrapped {
    t: Option<String>,
    v: Option<serde_json::Value>,
}

/// Accepts padded and unpadded base64, as Python's lenient decoder does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl StoreToken {
    /// Decodes an exported credential found at `source`.
    pub fn from_export(text: &str, source: &str) -> Result<Self, Problem> {
        let bad = |why: &str| {
            Problem::new(
                Kind::Credentials,
                format!("the Charmhub credential from {source} cannot be read"),
            )
            .cause(why)
            .hint("it must be the whole content of a file written by charmcraft login --export")
            .hint(NEW_TOKEN)
        };
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if compact.is_empty() {
            return Err(bad("it is empty"));
        }
        let bytes = LENIENT
            .decode(compact.as_bytes())
            .map_err(|_| bad("it is not base64"))?;
        let decoded =
            String::from_utf8(bytes).map_err(|_| bad("it decodes to something that is not text"))?;
        let token = match serde_json::from_str::<Wrapped>(&decoded) {
            Err(_) => decoded,
            Ok(wrapped) => match (wrapped.t.as_deref(), wrapped.v) {
                (Some("macaroon"), Some(serde_json::Value::String(token))) => token,
                (None, _) => decoded,
                (Some("u1-macaroon"), _) => {
                    return Err(bad("it is a sign-in that was never completed"));
                }
                (Some(other), _) => {
                    return Err(bad(&format!(
                        "it is of the unknown kind '{}'",
                        Outside::capped(other, 40)
                    )));
                }
            },
        };
        let token = token.trim().to_owned();
        if token.is_empty() || token.chars().any(char::is_control) {
            return Err(bad("it decodes to nothing that can be sent"));
        }
        Ok(Self {
            secret: SecretString::from(token),
            source: Outside::new(source),
        })
    }

    /// The value of `CHARMCRAFT_AUTH`: the export itself, or `@FILE` for the path of an export.
    pub fn from_variable(value: &str) -> Result<Self, Problem> {
        let Some(path) = value.strip_prefix('@') else {
            return Self::from_export(value, "CHARMCRAFT_AUTH");
        };
        let shown = Outside::capped(path, 200);
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::new(
                Kind::Credentials,
                format!("the export file {shown} cannot be read"),
            )
            .because(&error)
            .hint("CHARMCRAFT_AUTH=@FILE names a file written by charmcraft login --export")
        })?;
        Self::from_export(&text, &format!("the file {shown}"))
    }

    /// The token for the `Authorization` header.
    pub const fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Where it came from, for people.
    pub const fn source(&self) -> &Outside {
        &self.source
    }

    /// The session id and the earliest end that its caveats tell, where it is a macaroon.
    pub fn caveats(&self) -> Caveats {
        let mut found = Caveats::default();
        let text = self.secret.expose_secret();
        let Ok(macaroon) = libmacaroon::Macaroon::deserialize(text.as_bytes()) else {
            return found;
        };
        found.readable = true;
        for caveat in macaroon.first_party_caveats() {
            let Some(first) = caveat.as_first_party() else {
                continue;
            };
            let Ok(predicate) = std::str::from_utf8(first.predicate()) else {
                continue;
            };
            if let Some(end) = ending(predicate) {
                found.expires_at = Some(found.expires_at.map_or(end, |known| known.min(end)));
            } else if let Some(id) = predicate.strip_prefix("session-id ") {
                found.session_id = Some(id.trim().to_owned());
            }
        }
        found
    }
}

/// What the caveats of a token say. Advisory: only the store knows for sure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caveats {
    /// True where the token is a macaroon that we can read.
    pub readable: bool,
    /// The earliest end.
    pub expires_at: Option<DateTime<Utc>>,
    /// The store's id of the session.
    pub session_id: Option<String>,
}

/// `time-before X` of the store, `…|expires|X` of Ubuntu One.
fn ending(predicate: &str) -> Option<DateTime<Utc>> {
    let text = predicate
        .strip_prefix("time-before ")
        .or_else(|| predicate.split_once("|expires|").map(|(_, text)| text))?
        .trim();
    super::wire::instant(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> String {
        StoreToken::from_export(text, "test")
            .unwrap()
            .secret()
            .expose_secret()
            .to_owned()
    }

    #[test]
    fn both_formats_are_read() {
        assert_eq!(token("QWdFUFlYQnBMbVpoYTJV"), "AgEPYXBpLmZha2U");
        assert_eq!(
            token("eyJ0IjogIm1hY2Fyb29uIiwgInYiOiAiQWdFUFlYQnBMbVpoYTJVIn0=\n"),
            "AgEPYXBpLmZha2U"
        );
    }

    #[test]
    fn broken_ones_say_where_and_what_to_do() {
        for bad in ["", "???", "////", "eyJ0IjogInUxLW1hY2Fyb29uIiwgInYiOiB7fX0="] {
            let problem = StoreToken::from_export(bad, "CHARMCRAFT_AUTH").unwrap_err();
            assert_eq!(problem.kind, Kind::Credentials);
            assert!(problem.summary.as_str().contains("CHARMCRAFT_AUTH"));
            assert!(!problem.hints.is_empty());
        }
    }

    #[test]
    fn the_earliest_caveat_counts() {
        let key = libmacaroon::MacaroonKey::generate(b"key");
        let mut macaroon = libmacaroon::Macaroon::create(Some("api.test"), &key, "id").unwrap();
        macaroon
            .add_first_party_caveat("time-before 2030-01-02T00:00:00.000000Z")
            .unwrap();
        macaroon
            .add_first_party_caveat("login.ubuntu.com|expires|2029-04-04T17:56:58.365284")
            .unwrap();
        macaroon.add_first_party_caveat("session-id abc").unwrap();
        let text = macaroon.serialize(libmacaroon::Format::V2).unwrap();
        let export = base64::engine::general_purpose::STANDARD.encode(text);
        let caveats = StoreToken::from_export(&export, "x").unwrap().caveats();
        assert_eq!(caveats.session_id.as_deref(), Some("abc"));
        assert_eq!(caveats.expires_at.unwrap().date_naive().to_string(), "2029-04-04");
    }

    #[test]
    fn nothing_shows_the_token() {
        let token = StoreToken::from_export("QWdFUFlYQnBMbVpoYTJV", "x").unwrap();
        assert!(!format!("{token:?}").contains("AgEP"));
    }
}
