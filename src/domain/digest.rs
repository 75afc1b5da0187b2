//! Parses content digests: `sha256:` and 64 hexadecimal digits.
//!
//! The kinds of digest are separate types so that they cannot be swapped: of any bytes, of a
//! manifest (or index), of an index only, of an image's config, and the id that an engine gives an
//! image. Digests are compared as values, never as substrings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::SanitizedText;

/// A sha-256 content digest; its text is lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// The error for a text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' {}", why(text))]
pub struct NotADigest {
    /// The text that was parsed.
    pub text: SanitizedText,
}

fn why(text: &SanitizedText) -> &'static str {
    let others = ["sha512:", "sha384:", "sha1:", "md5:", "blake3:"];
    if others.iter().any(|name| text.as_str().starts_with(name)) {
        "is a digest of another algorithm: only sha256 is supported"
    } else {
        "is not a digest: expected sha256: and 64 hexadecimal digits"
    }
}

impl Digest {
    /// Creates a digest from the 32 bytes of a sha-256.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 64 hexadecimal digits without `sha256:`.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns the first 12 hexadecimal digits, for display.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let fail = || NotADigest {
            text: SanitizedText::capped(text, 100),
        };
        let digits = text.strip_prefix("sha256:").ok_or_else(fail)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| fail())?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

macro_rules! kind_of_digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl $name {
            /// Returns the first 12 hexadecimal digits, for display.
            pub fn short(&self) -> String {
                self.0.short()
            }
        }

        impl FromStr for $name {
            type Err = NotADigest;
            fn from_str(text: &str) -> Result<Self, NotADigest> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

kind_of_digest! {
    /// Digest of a manifest or of an index: what `@sha256:…` in a reference means.
    ManifestDigest
}
kind_of_digest! {
    /// Digest of an image's config blob. It does not change when layers are packed again, so it
    /// identifies the same image in different registries.
    ConfigDigest
}
kind_of_digest! {
    /// Digest of an index, which names one manifest per platform.
    IndexDigest
}
kind_of_digest! {
    /// Id of an image in an engine. Older engines use the config digest, newer ones the digest of
    /// the manifest or index, so it must not be used as either.
    ImageId
}

impl From<IndexDigest> for ManifestDigest {
    fn from(index: IndexDigest) -> Self {
        Self(index.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let text = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let digest: Digest = text.parse().unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.short(), "0123456789ab");
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{text}\""));
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in ["", "sha256:", "sha256:12", "0123456789ab", "md5:0", "sha256:zz"] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
        let other = format!("sha512:{}", "a".repeat(128))
            .parse::<Digest>()
            .unwrap_err();
        assert!(other.to_string().ends_with("only sha256 is supported"), "{other}");
        let long = format!("sha256:{}", "a".repeat(65));
        assert!(long.parse::<Digest>().is_err());
    }
}
