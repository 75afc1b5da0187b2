//! Parses and computes content digests: sha256, and sha512, which the specification also
//! registers.
//!
//! Other modules use sha256 only.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256, Sha512};

use crate::domain::Digest;

/// A content digest of either algorithm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Id {
    Sha256(Digest),
    Sha512([u8; 64]),
}

impl Id {
    /// Returns the digest of `bytes` with the algorithm of `self`.
    pub(super) fn same_kind_of(self, bytes: &[u8]) -> Self {
        match self {
            Self::Sha256(_) => Self::Sha256(Digest::from_bytes(Sha256::digest(bytes).into())),
            Self::Sha512(_) => Self::Sha512(Sha512::digest(bytes).into()),
        }
    }

    /// Returns the sha512 of the rest of `from`.
    pub(super) fn sha512_of(mut from: impl Read) -> io::Result<Self> {
        let mut hash = Sha512::new();
        let mut chunk = vec![0; 256 << 10];
        loop {
            match from.read(&mut chunk)? {
                0 => return Ok(Self::Sha512(hash.finalize().into())),
                read => hash.update(&chunk[..read]),
            }
        }
    }

    /// Returns the sha256, if it is one.
    pub(super) fn sha256(self) -> Option<Digest> {
        match self {
            Self::Sha256(digest) => Some(digest),
            Self::Sha512(_) => None,
        }
    }

    /// Returns the name of the algorithm and the hexadecimal digits.
    pub(super) fn parts(self) -> (&'static str, String) {
        match self {
            Self::Sha256(digest) => ("sha256", digest.hex()),
            Self::Sha512(bytes) => ("sha512", hex::encode(bytes)),
        }
    }
}

impl From<Digest> for Id {
    fn from(digest: Digest) -> Self {
        Self::Sha256(digest)
    }
}

impl FromStr for Id {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "not a sha256 or sha512 digest";
        let Some(digits) = text.strip_prefix("sha512:") else {
            return text.parse().map(Self::Sha256).map_err(|_| WRONG);
        };
        let mut bytes = [0; 64];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| WRONG)?;
        Ok(Self::Sha512(bytes))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, digits) = self.parts();
        write!(f, "{algorithm}:{digits}")
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
