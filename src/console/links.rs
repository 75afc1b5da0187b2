//! Decides which pages may be opened: `https` on known hosts, `http` on loopback.

use url::Url;

const HOSTS: [&str; 5] = [
    "charmhub.io",
    "github.com",
    "hub.docker.com",
    "ghcr.io",
    "discourse.charmhub.io",
];

/// Returns true if `link` may be opened in a browser.
pub fn allowed(link: &str) -> bool {
    let Ok(url) = Url::parse(link) else {
        return false;
    };
    if !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    match (url.scheme(), url.host()) {
        ("https", Some(url::Host::Domain(host))) => HOSTS.contains(&host),
        ("http" | "https", Some(url::Host::Ipv4(address))) => address.is_loopback(),
        ("http" | "https", Some(url::Host::Ipv6(address))) => address.is_loopback(),
        ("http", Some(url::Host::Domain(host))) => host == "localhost",
        _ => false,
    }
}

/// Returns the page of a charm.
pub fn charm(name: &str) -> String {
    format!("https://charmhub.io/{name}")
}

/// Returns the page of a repository's secrets.
pub fn secrets(repository: &str) -> String {
    format!("https://github.com/{repository}/settings/secrets/actions")
}

/// Returns a page of a repository on GitHub; `rest` follows the repository's name.
pub fn github(repository: &crate::domain::GitHubRepository, rest: &str) -> String {
    format!("https://github.com/{repository}/{rest}")
}

/// Returns the page of a release's directory.
pub fn release(repository: &str, branch: &str, path: &str, name: &str) -> String {
    format!("https://github.com/{repository}/tree/{branch}/{path}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_hosts_and_loopback() {
        for good in [
            "https://charmhub.io/x",
            "https://github.com/finos/legend",
            "http://127.0.0.1:8080/x",
            "http://localhost/x",
            "http://[::1]/x",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "http://charmhub.io/x",
            "https://evil.example/",
            "https://charmhub.io.evil.example/",
            "https://charmhub.io@evil.example/",
            "https://user@charmhub.io/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "--help",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
