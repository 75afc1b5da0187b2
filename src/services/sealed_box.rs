//! Seals a value so that only GitHub can open it.
//!
//! Uses libsodium's sealed box, as GitHub's secrets require. Must not store or send a value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::aead::OsRng;
use crypto_box::aead::rand_core::CryptoRngCore;
use secrecy::{ExposeSecret, SecretString};

use super::github::PublicKey;
use crate::domain::{Problem, ProblemKind};

/// Longest value that GitHub accepts as a secret, in bytes.
const LONGEST: usize = 48 * 1024;

/// Returns `value` sealed with `key`: a libsodium sealed box in standard base64. Line ends after
/// the value are dropped, as `gh secret set` does: a token with a line end is invalid.
pub fn seal(key: &PublicKey, value: &SecretString) -> Result<String, Problem> {
    seal_with(&mut OsRng, key, value)
}

fn seal_with(
    random: &mut impl CryptoRngCore,
    key: &PublicKey,
    value: &SecretString,
) -> Result<String, Problem> {
    let plain = value.expose_secret().trim_end_matches(['\r', '\n']);
    if plain.is_empty() {
        return Err(Problem::new(ProblemKind::Refused, "a secret cannot be empty")
            .hint("give a value, or delete the secret on GitHub"));
    }
    if plain.len() > LONGEST {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!(
                "the value is {} bytes long; GitHub limits secrets to 48 KB",
                plain.len()
            ),
        )
        .hint("check that this is the right file"));
    }
    crypto_box::PublicKey::from(key.key)
        .seal(random, plain.as_bytes())
        .map(|sealed| STANDARD.encode(sealed))
        .map_err(|_| Problem::new(ProblemKind::Internal, "cannot encrypt the value").hint("report it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::KeyId;

    /// An endless sequence of fives, as in the test of gh's `secret set`.
    struct Fives;

    impl crypto_box::aead::rand_core::RngCore for Fives {
        fn next_u32(&mut self) -> u32 {
            0x0505_0505
        }
        fn next_u64(&mut self) -> u64 {
            0x0505_0505_0505_0505
        }
        fn fill_bytes(&mut self, dest: &mut [u8]) {
            dest.fill(5);
        }
        fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), crypto_box::aead::rand_core::Error> {
            dest.fill(5);
            Ok(())
        }
    }

    impl crypto_box::aead::rand_core::CryptoRng for Fives {}

    fn key(bytes: [u8; 32]) -> PublicKey {
        PublicKey {
            key_id: KeyId("123".to_owned()),
            key: bytes,
        }
    }

    #[test]
    fn ghs_published_vector_passes() {
        let bytes = STANDARD
            .decode("CDjXqf7AJBXWhMczcy+Fs7JlACEptgceysutztHaFQI=")
            .unwrap();
        let sealed = seal_with(
            &mut Fives,
            &key(bytes.try_into().unwrap()),
            &SecretString::from("a secret"),
        );
        assert_eq!(
            sealed.unwrap(),
            "UKYUCbHd0DJemxa3AOcZ6XcsBwALG9d4bpB8ZT0gSV39vl3BHiGSgj8zJapDxgB2BwqNqRhpjC4="
        );
    }

    #[test]
    fn only_the_holder_of_the_key_opens_it() {
        let secret = crypto_box::SecretKey::generate(&mut OsRng);
        let ours = key(secret.public_key().to_bytes());
        let sealed = seal(&ours, &SecretString::from("the value\r\n\n")).unwrap();
        let bytes = STANDARD.decode(&sealed).unwrap();
        assert_eq!(secret.unseal(&bytes).unwrap(), b"the value");
        assert!(
            crypto_box::SecretKey::generate(&mut OsRng)
                .unseal(&bytes)
                .is_err()
        );
        // The same value twice looks different.
        assert_ne!(seal(&ours, &SecretString::from("the value")).unwrap(), sealed);
    }

    #[test]
    fn values_that_github_would_refuse_are_refused_here() {
        let any = key([9; 32]);
        assert!(seal(&any, &SecretString::from("\n")).is_err());
        let long = "x".repeat(LONGEST);
        assert!(seal(&any, &SecretString::from(long.as_str())).is_ok());
        assert!(seal(&any, &SecretString::from(format!("{long}x"))).is_err());
    }
}
