//! Finds the address of every service: production by default, overridden by environment variables.
//!
//! Reads the variables that windlass shares with charmcraft and `gh`, the registry mirrors, and
//! derives the identity of the environment. Must not open a connection.

use std::collections::BTreeMap;

use url::Url;

use super::http;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// The name of Canonical's registry in the store's image names.
pub const CANONICAL: &str = "registry.jujucharms.com";

/// Holds the addresses of every service, and the mirrors of registries.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Charmhub's publisher and public API.
    pub charmhub: Url,
    /// Storage of uploads.
    pub storage: Url,
    /// Canonical's registry; only its scheme, host and port are used.
    pub canonical: Url,
    /// True if the canonical registry was overridden: then the host in the store's image names is
    /// replaced, as charmcraft does.
    pub canonical_overridden: bool,
    /// Ubuntu One.
    pub sso: Url,
    /// GitHub's REST API.
    pub github: Url,
    /// Registry name -> address, for registries with a mirror.
    pub mirrors: BTreeMap<String, Url>,
}

fn address(variable: &str, text: &str) -> Result<Url, Problem> {
    let url = Url::parse(text).map_err(|error| {
        Problem::new(
            ProblemKind::Config,
            format!("{variable} is '{}', which is not a URL", SanitizedText::new(text)),
        )
        .because(&error)
        .hint("use scheme and host, for example https://api.charmhub.io")
    })?;
    http::check(&url).map_err(|problem| problem.within(format!("{variable} is not usable")))?;
    Ok(url)
}

impl Endpoints {
    /// Reads the environment through `variable` (so that a caller can substitute another one).
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let get = |name: &str, default: &str| {
            let text = variable(name).filter(|text| !text.is_empty());
            address(name, text.as_deref().unwrap_or(default))
        };
        let mut mirrors = BTreeMap::new();
        for pair in variable("WINDLASS_REGISTRY_MIRRORS")
            .unwrap_or_default()
            .split(',')
        {
            let pair = pair.trim();
            if pair.is_empty() {
                continue;
            }
            let Some((name, at)) = pair.split_once('=') else {
                return Err(Problem::new(
                    ProblemKind::Config,
                    format!(
                        "WINDLASS_REGISTRY_MIRRORS contains '{}', which has no '='",
                        SanitizedText::new(pair)
                    ),
                )
                .hint("use NAME=URL pairs separated by commas: docker.io=http://127.0.0.1:5001"));
            };
            mirrors.insert(
                name.trim().to_owned(),
                address("WINDLASS_REGISTRY_MIRRORS", at.trim())?,
            );
        }
        Ok(Self {
            charmhub: get("CHARMCRAFT_STORE_API_URL", "https://api.charmhub.io")?,
            storage: get("CHARMCRAFT_UPLOAD_URL", "https://storage.snapcraftcontent.com")?,
            canonical: get("CHARMCRAFT_REGISTRY_URL", "https://registry.jujucharms.com")?,
            canonical_overridden: variable("CHARMCRAFT_REGISTRY_URL").is_some_and(|text| !text.is_empty()),
            sso: get("CHARMCRAFT_STORE_SSO_URL", "https://login.ubuntu.com")?,
            github: get("GITHUB_API_URL", "https://api.github.com")?,
            mirrors,
        })
    }

    /// Returns the identity of the environment: the hosts whose history must not be mixed.
    pub fn world(&self) -> String {
        format!(
            "{} {}",
            http::host_of(&self.charmhub),
            http::host_of(&self.github)
        )
    }

    /// Returns every address as one text: what a cache must not mix. Passwords in addresses are
    /// left out, because it is written to disk.
    pub fn identity(&self) -> String {
        let named = [
            &self.charmhub,
            &self.storage,
            &self.canonical,
            &self.sso,
            &self.github,
        ];
        // Origin and path alone: neither user nor password, nor a query.
        let plain = |url: &Url| format!("{}{}", url.origin().ascii_serialization(), url.path());
        let named = named.into_iter().map(plain);
        let mirrors = self
            .mirrors
            .iter()
            .map(|(name, url)| format!("{name}={}", plain(url)));
        named.chain(mirrors).collect::<Vec<_>>().join(" ")
    }

    /// Returns the address of the registry called `name`.
    pub fn registry(&self, name: &str) -> Result<Url, Problem> {
        if name == CANONICAL && self.canonical_overridden {
            return Ok(self.canonical.clone());
        }
        if let Some(url) = self.mirrors.get(name) {
            return Ok(url.clone());
        }
        let plain = Url::parse(&format!("http://{name}/"))
            .ok()
            .filter(http::is_loopback);
        if let Some(url) = plain {
            return Ok(url);
        }
        let host = if name == "docker.io" {
            "registry-1.docker.io"
        } else {
            name
        };
        Url::parse(&format!("https://{host}/")).map_err(|error| {
            Problem::new(
                ProblemKind::Usage,
                format!("'{}' is not a registry name", SanitizedText::new(name)),
            )
            .because(&error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_and_loopback_decide_the_address() {
        let endpoints = Endpoints::from_env(|name| {
            (name == "WINDLASS_REGISTRY_MIRRORS").then(|| "docker.io=http://127.0.0.1:5001".to_owned())
        })
        .unwrap();
        assert_eq!(
            endpoints.registry("docker.io").unwrap().as_str(),
            "http://127.0.0.1:5001/"
        );
        assert_eq!(
            endpoints.registry("127.0.0.1:7").unwrap().as_str(),
            "http://127.0.0.1:7/"
        );
        assert_eq!(
            endpoints.registry("ghcr.io").unwrap().as_str(),
            "https://ghcr.io/"
        );
    }

    #[test]
    fn the_identity_names_every_address_and_no_password() {
        let of = |address: &str| {
            let address = address.to_owned();
            Endpoints::from_env(move |name| (name == "GITHUB_API_URL").then(|| address.clone()))
                .unwrap()
                .identity()
        };
        let with_password = of("http://user:sesame@127.0.0.1:9/api");
        assert!(
            with_password.contains("http://127.0.0.1:9/api"),
            "{with_password}"
        );
        assert!(!with_password.contains("sesame") && !with_password.contains("user"));
        assert_ne!(with_password, of("http://127.0.0.1:8/api"));
    }

    #[test]
    fn plain_http_elsewhere_is_refused_by_name() {
        let problem =
            Endpoints::from_env(|name| (name == "GITHUB_API_URL").then(|| "http://example.com".to_owned()))
                .unwrap_err();
        assert!(problem.to_string().contains("GITHUB_API_URL"), "{problem}");
    }
}
