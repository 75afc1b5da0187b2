//! Reads the store credential: its sources, its two formats, and what it contains that can be read
//! offline.
//!
//! Decodes `CHARMCRAFT_AUTH` (the same bytes as charmcraft's export file and keyring entry):
//! base64 of the bare token, or of `{"t": "macaroon", "v": token}` as charmcraft 2.2 to 4.3 wrote
//! it. Encodes it as every charmcraft reads it. Must never show the token.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use zeroize::Zeroizing;

use super::NEW_TOKEN;
use crate::config::file;
use crate::domain::credential::CredentialOrigin;
use crate::domain::{Problem, ProblemKind, Remedy, SanitizedText};

/// Holds a token for the store and its source.
#[derive(Clone)]
pub struct StoreToken {
    secret: SecretString,
    source: SanitizedText,
    origin: CredentialOrigin,
    /// The command that rewrites it, if it was found in the wrapped form.
    rewrite: Option<String>,
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
                ProblemKind::Credentials,
                format!("cannot read the Charmhub credential from {source}"),
            )
            .cause(why)
            .hint("use the whole content of a file written by charmcraft login --export")
            .remedy(&[Remedy::SignIn], NEW_TOKEN)
        };
        let decoded = match Decoded::of(text) {
            Decoded::Text(decoded) => decoded,
            Decoded::Empty => return Err(bad("it is empty")),
            Decoded::Foreign(what) => {
                return Err(bad(what));
            }
            Decoded::NotBase64 => return Err(bad("it is not valid base64, or it is truncated")),
            Decoded::NotText => {
                return Err(bad("it decodes to binary data: is it a bare token?"));
            }
        };
        // A copy that was encoded twice on its way (`base64 < FILE`) is accepted.
        let decoded = encoded_twice(&decoded).unwrap_or(decoded);
        let mut rewrite = None;
        let token = match serde_json::from_str::<Wrapped>(&decoded) {
            Err(_) if decoded.trim_start().starts_with('{') => {
                return Err(bad("it is truncated"));
            }
            Err(_) => decoded,
            Ok(wrapped) => match (wrapped.t.as_deref(), wrapped.v) {
                (Some("macaroon"), Some(serde_json::Value::String(token))) => {
                    rewrite = Some("windlass login".to_owned());
                    Zeroizing::new(token)
                }
                (None, _) => decoded,
                (Some("u1-macaroon"), _) => {
                    return Err(bad("it is from an incomplete sign-in"));
                }
                (Some(other), _) => {
                    return Err(bad(&format!(
                        "it has the unknown type '{}'",
                        SanitizedText::capped(other, 40)
                    )));
                }
            },
        };
        let token = token.trim();
        if token.is_empty() || token.chars().any(char::is_control) {
            return Err(bad("it decodes to a value that cannot be sent in a header"));
        }
        if begins_as_macaroon(token) && macaroon(token).is_none() {
            return Err(bad("the token in it is truncated"));
        }
        Ok(Self {
            rewrite,
            ..Self::from_token(SecretString::from(token), source)
        })
    }

    /// Wraps a bare token as the store issued it, from `source`.
    pub fn from_token(token: SecretString, source: &str) -> Self {
        Self {
            secret: token,
            source: SanitizedText::new(source),
            origin: CredentialOrigin::Other,
            rewrite: None,
        }
    }

    /// Returns the token as charmcraft's export file, keyring entry and `CHARMCRAFT_AUTH` hold it:
    /// base64 of the bare token, padded, without a line end. Every charmcraft since 1.4 reads this
    /// form.
    pub fn export(&self) -> SecretString {
        SecretString::from(base64::engine::general_purpose::STANDARD.encode(self.secret.expose_secret()))
    }

    /// Parses the value of `CHARMCRAFT_AUTH`: the export itself, or `@FILE` for the path of an
    /// export.
    pub fn from_variable(value: &str) -> Result<Self, Problem> {
        let Some(path) = value.strip_prefix('@') else {
            let command = || format!("export CHARMCRAFT_AUTH=$(printf %s \"$CHARMCRAFT_AUTH\" | {REWRITE})");
            return Self::from_export(value, "CHARMCRAFT_AUTH")
                .map(|token| token.found_in(CredentialOrigin::Variable).rewritten_by(command));
        };
        let shown = SanitizedText::capped(path, 200);
        let text = file::text_within(path.as_ref(), file::SMALL).map_err(|error| {
            let problem = Problem::new(
                ProblemKind::Credentials,
                format!("cannot read the export file {shown}"),
            );
            let problem = if error.kind() == std::io::ErrorKind::NotFound {
                problem.with_missing_credential()
            } else {
                problem
            };
            problem
                .because(&error)
                .hint("CHARMCRAFT_AUTH=@FILE must name a file written by charmcraft login --export")
        })?;
        let command = || {
            let file = format!("'{}'", path.replace('\'', "'\\''"));
            // Readable by its owner alone; the file is replaced only where a token came out.
            let new = format!("{file}.new");
            format!("(umask 077; < {file} {REWRITE} > {new} && test -s {new} && mv {new} {file})")
        };
        Self::from_export(&text, &format!("the file {shown}"))
            .map(|token| token.found_in(CredentialOrigin::Variable).rewritten_by(command))
    }

    /// Sets where the token was found.
    pub const fn found_in(mut self, origin: CredentialOrigin) -> Self {
        self.origin = origin;
        self
    }

    /// Returns where the token was found, for decisions.
    pub const fn origin(&self) -> CredentialOrigin {
        self.origin
    }

    /// Sets the command that rewrites a token found in the wrapped form.
    fn rewritten_by(mut self, command: impl FnOnce() -> String) -> Self {
        self.rewrite = self.rewrite.map(|_| command());
        self
    }

    /// Returns the command that writes the token in the form that every charmcraft reads, if it
    /// was found in the wrapped form.
    pub fn rewrite(&self) -> Option<&str> {
        self.rewrite.as_deref()
    }

    /// Returns the token for the `Authorization` header.
    pub const fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Returns where the token came from, for messages.
    pub const fn source(&self) -> &SanitizedText {
        &self.source
    }

    /// Returns the session id and the earliest expiry in its caveats, if it is a macaroon.
    pub fn caveats(&self) -> Caveats {
        let mut found = Caveats::default();
        let Some(macaroon) = macaroon(self.secret.expose_secret()) else {
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

/// Turns an export in the wrapped form into the bare one.
const REWRITE: &str = "base64 -d | jq -j .v | base64 -w0";

/// What base64 text contains.
enum Decoded {
    Text(Zeroizing<String>),
    Empty,
    /// Something around the base64 text that does not belong to it, described.
    Foreign(&'static str),
    NotBase64,
    NotText,
}

impl Decoded {
    /// Drops white space anywhere: copies break lines.
    fn of(text: &str) -> Self {
        let compact: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
        if compact.is_empty() {
            return Self::Empty;
        }
        let Ok(bytes) = LENIENT.decode(compact.as_bytes()) else {
            return if compact.starts_with('\u{feff}') {
                Self::Foreign("it begins with a byte order mark: save it without one")
            } else if compact.starts_with(['"', '\'']) || compact.ends_with(['"', '\'']) {
                Self::Foreign("it is in quotes: remove them")
            } else if compact.contains('\0') {
                Self::Foreign("it contains NUL bytes: save it as ASCII or UTF-8 text")
            } else {
                Self::NotBase64
            };
        };
        String::from_utf8(bytes).map_or(Self::NotText, |text| Self::Text(Zeroizing::new(text)))
    }
}

/// Returns the content of `decoded` if it is an export itself: base64 of a macaroon's text or of
/// the wrapped form. A token that is base64 of JSON is not an export: some servers issue such
/// tokens.
fn encoded_twice(decoded: &str) -> Option<Zeroizing<String>> {
    let Decoded::Text(inner) = Decoded::of(decoded) else {
        return None;
    };
    let wrapped = serde_json::from_str::<Wrapped>(&inner).is_ok_and(|wrapped| wrapped.t.is_some());
    (wrapped || begins_as_macaroon(inner.trim())).then_some(inner)
}

/// Returns true for the first letters of a macaroon in base64: packets (`00…`) or version 2.
fn begins_as_macaroon(token: &str) -> bool {
    token.starts_with("MDA") || token.starts_with("AgE")
}

/// Parses `token` as a macaroon: binary in base64, or JSON, bare or in base64. The version field,
/// which production leaves out, is not required.
pub(super) fn macaroon(token: &str) -> Option<libmacaroon::Macaroon> {
    if let Ok(macaroon) = libmacaroon::Macaroon::deserialize(token.as_bytes()) {
        return Some(macaroon);
    }
    let json = if token.starts_with('{') {
        Zeroizing::new(token.to_owned())
    } else {
        let url_safe = token.replace('-', "+").replace('_', "/");
        match Decoded::of(&url_safe) {
            Decoded::Text(text) => text,
            _ => return None,
        }
    };
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).ok()?;
    if let Some(serde_json::Value::Object(inner)) = fields.remove("m") {
        fields = inner;
    }
    fields.entry("v").or_insert_with(|| 2.into());
    let text = Zeroizing::new(serde_json::to_string(&fields).ok()?);
    libmacaroon::Macaroon::deserialize(text.as_bytes()).ok()
}

/// Holds the caveats of a token. Advisory: only the store knows for certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caveats {
    /// True if the token is a macaroon that can be read.
    pub readable: bool,
    /// The earliest expiry.
    pub expires_at: Option<DateTime<Utc>>,
    /// The store's id of the session.
    pub session_id: Option<String>,
}

/// Parses `time-before X` of the store, `…|expires|X` of Ubuntu One.
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

    /// A token that the store issued to charmcraft 4.5.0; it has expired.
    const TOKEN: &str = "AgEPYXBpLmNoYXJtaHViLmlvAiZzdG9yZS01NThkMzNiZDYyNzY0NmJiOTllY2U4MWVkMGI3MTY3MQACLHRpbWUtYmVmb3JlIDIwMjYtMTEtMjFUMjI6NDg6NDMuODkyNDI0KzAwOjAwAAAGIO8gQ6v1yRHTxEuw9OUKHzyt64iztnO8kFlfUo1nJASw";

    fn encoded(text: &str) -> String {
        base64::engine::general_purpose::STANDARD.encode(text)
    }

    fn export() -> String {
        encoded(TOKEN)
    }

    #[test]
    fn a_token_keeps_where_it_was_found_as_a_type() {
        let plain = StoreToken::from_export(&export(), "CHARMCRAFT_AUTH, says the text").unwrap();
        assert_eq!(plain.origin(), CredentialOrigin::Other);
        let variable = StoreToken::from_variable(&export()).unwrap();
        assert_eq!(variable.origin(), CredentialOrigin::Variable);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export");
        std::fs::write(&path, export()).unwrap();
        let named = StoreToken::from_variable(&format!("@{}", path.display())).unwrap();
        assert_eq!(named.origin(), CredentialOrigin::Variable);
    }

    #[test]
    fn every_form_of_an_export_is_read() {
        let wrapped = encoded(&format!(r#"{{"t": "macaroon", "v": "{TOKEN}"}}"#));
        for form in [
            export(),
            format!("\n  {}\r\n", export()),
            export().trim_end_matches('=').to_owned(),
            wrapped.clone(),
            encoded(&export()),
            encoded(&wrapped),
            encoded(&format!("{}\n", export())),
            encoded(&format!("{TOKEN}\n")),
        ] {
            assert_eq!(token(&form), TOKEN, "{form}");
        }
        // charmcraft 4.3.1 wrapped whatever the store issued, opaque tokens included.
        assert_eq!(
            token("eyJ0IjogIm1hY2Fyb29uIiwgInYiOiAiRkFLRS1TVE9SRS1UT0tFTiJ9"),
            "FAKE-STORE-TOKEN"
        );
    }

    #[test]
    fn only_the_wrapped_form_is_to_be_rewritten_and_the_command_names_its_place() {
        let wrapped = encoded(&format!(r#"{{"t": "macaroon", "v": "{TOKEN}"}}"#));
        let command = |value: &str| {
            let token = StoreToken::from_variable(value).unwrap();
            token.rewrite().map(str::to_owned)
        };
        assert_eq!(command(&export()), None);
        let told = command(&wrapped).unwrap();
        assert!(told.starts_with("export CHARMCRAFT_AUTH=$(printf"), "{told}");
        assert!(!told.contains(&wrapped) && !told.contains(TOKEN), "{told}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old token.txt");
        std::fs::write(&file, &wrapped).unwrap();
        let told = command(&format!("@{}", file.display())).unwrap();
        let jq = folder.path().join("jq");
        let stand_in = "#!/bin/sh\nsed -n 's/.*\"v\": *\"\\([^\"]*\\)\".*/\\1/p' | tr -d '\\n'\n";
        std::fs::write(&jq, stand_in).unwrap();
        std::fs::set_permissions(&jq, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let run = |command: &str| {
            let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
            let mut shell = std::process::Command::new("sh");
            shell
                .arg("-c")
                .arg(command)
                .env("PATH", path)
                .stdin(std::process::Stdio::null());
            shell.status().unwrap().success()
        };
        assert!(run(&told), "{told}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), export(), "{told}");
        // A file that the tools cannot read stays as it is.
        std::fs::write(&file, "bm90IGpzb24=").unwrap();
        assert!(!run(&told), "{told}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "bm90IGpzb24=");
        std::fs::write(&file, export()).unwrap();
        assert_eq!(command(&format!("@{}", file.display())), None);
        // Found in a keyring, it is replaced by signing in again.
        let kept = StoreToken::from_export(&wrapped, "the keyring").unwrap();
        assert_eq!(kept.rewrite(), Some("windlass login"));
    }

    #[test]
    fn an_export_is_what_charmcraft_writes_and_reads_back() {
        let token = StoreToken::from_token(SecretString::from(TOKEN), "the sign-in");
        let export = token.export();
        assert_eq!(export.expose_secret(), &self::export());
        let back = StoreToken::from_export(export.expose_secret(), "x").unwrap();
        assert_eq!(back.secret().expose_secret(), TOKEN);
    }

    #[test]
    fn a_truncated_one_is_called_so() {
        let key = libmacaroon::MacaroonKey::generate(b"key");
        let mut macaroon = libmacaroon::Macaroon::create(Some("api.test"), &key, "id").unwrap();
        macaroon.add_first_party_caveat("session-id abc").unwrap();
        let packets = macaroon.serialize(libmacaroon::Format::V1).unwrap();
        let whole = encoded(&packets);
        assert_eq!(token(&whole), packets.trim());
        let wrapped = encoded(&format!(r#"{{"t": "macaroon", "v": "{TOKEN}"}}"#));
        for short in [
            &whole[..whole.len() - 40],
            &export()[..200],
            &export()[..203],
            &wrapped[..120],
        ] {
            let problem = StoreToken::from_export(short, "x").unwrap_err();
            assert!(problem.to_string().contains("truncated"), "{short}: {problem}");
        }
    }

    #[test]
    fn macaroons_in_json_tell_their_caveats() {
        let json = r#"{"i64": "aWQ", "s64": "S-lnzR6gxrJrr2pKlO6bBbFYhtoLqF6MQqk8jQ4SXvw", "l": "api.snapcraft.io", "c": [{"i":"time-before 2026-01-22T16:17:16.791222Z"},{"i":"session-id 1234db1c"},{"i64":"b3BhcXVl","v64":"AAAA","l":"https://api.jujucharms.com/identity/"}]}"#;
        let wrapper = format!(r#"{{"m": {json}, "v": 3, "ns": "std:"}}"#);
        for token in [json.to_owned(), wrapper, encoded(json)] {
            let export = encoded(&token);
            let read = StoreToken::from_export(&export, "x").unwrap();
            assert_eq!(read.secret().expose_secret(), &token);
            let caveats = read.caveats();
            assert_eq!(caveats.session_id.as_deref(), Some("1234db1c"), "{token}");
            assert_eq!(caveats.expires_at.unwrap().date_naive().to_string(), "2026-01-22");
        }
    }

    #[test]
    fn broken_ones_say_where_and_what_to_do() {
        let why = |text: &str| StoreToken::from_export(text, "x").unwrap_err().to_string();
        assert!(why(&format!("\u{feff}{}", export())).contains("byte order mark"));
        assert!(why(&format!("\"{}\"", export())).contains("quotes"));
        assert!(why(&format!("{}\0", export())).contains("NUL"));
        for bad in ["", "???", "////", "eyJ0IjogInUxLW1hY2Fyb29uIiwgInYiOiB7fX0="] {
            let problem = StoreToken::from_export(bad, "CHARMCRAFT_AUTH").unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Credentials);
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
        let token = StoreToken::from_export(&export(), "x").unwrap();
        assert!(!format!("{token:?}").contains("AgEP"));
    }
}
