//! Splits image references into host, path, tag and digest, by the grammar of the distribution
//! project and with the two shortcuts of Docker Hub.
//!
//! It is written by hand because the regular expression of the library takes 40 ms and 19 MB when
//! it is first used, more than a whole copy. A property test compares both.

/// Maximum length of a name (host and path), in characters.
const LONGEST: usize = 255;

/// The parts of a reference. Only the name of Docker Hub is filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) registry: &'a str,
    pub(super) path: String,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

/// Splits `text` into its parts. The error explains why it is not a reference.
pub(super) fn split(text: &str) -> Result<Parts<'_>, String> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    // A colon after the last slash starts a tag; one before it starts a port.
    let after_slash = name.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match name.get(after_slash..).and_then(|last| last.find(':')) {
        Some(at) => {
            let (name, tag) = name.split_at(after_slash + at);
            (name, tag.get(1..))
        }
        None => (name, None),
    };
    if name.is_empty() {
        return Err("the repository is missing".to_owned());
    }
    if let Some(host) = host_alone(name, tag) {
        return Err(format!("the repository is missing after the registry {host}"));
    }
    let (registry, path) = match name.split_once('/') {
        Some((host, path)) if is_host(host) => (host, path),
        _ => ("docker.io", name),
    };
    let registry = match registry {
        "index.docker.io" => "docker.io",
        other => other,
    };
    if !sound_host(registry) {
        return Err(format!("'{registry}' is not a registry name"));
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("repository names must be lower case".to_owned());
    }
    if let Some(part) = path.split('/').find(|part| !sound_component(part)) {
        return Err(if part.is_empty() {
            "a component of the name is empty".to_owned()
        } else {
            format!(
                "'{part}' is not a valid name component: use letters, digits and single . _ - between them"
            )
        });
    }
    if name.len() > LONGEST {
        return Err(format!("the name is longer than {LONGEST} characters"));
    }
    if let Some(tag) = tag
        && !sound_tag(tag)
    {
        return Err(format!("'{tag}' is not a valid tag"));
    }
    let path = if registry == "docker.io" && !path.contains('/') {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    Ok(Parts {
        registry,
        path,
        tag,
        digest,
    })
}

/// Returns the host (with its port) of a text that is only a host: `localhost:5000`, `ghcr.io`,
/// `[::1]:5000`, `ghcr.io/`.
///
/// Docker reads such a text as an image of Docker Hub, which is never intended: no image of
/// Docker's own library has a dot in its name.
fn host_alone(name: &str, tag: Option<&str>) -> Option<String> {
    let host = name.strip_suffix('/').unwrap_or(name);
    // In a bracketed address the last colon was mistaken for the start of a tag.
    if name.starts_with('[') && !name.contains('/') {
        return Some(tag.map_or_else(|| name.to_owned(), |rest| format!("{name}:{rest}")));
    }
    if host.is_empty() || host.contains('/') || !is_host(host) {
        return None;
    }
    Some(match tag {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => format!("{host}:{port}"),
        _ => host.to_owned(),
    })
}

/// Returns true if `text` is a host and not the first part of a path.
fn is_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

fn sound_host(text: &str) -> bool {
    let (host, port) = if text.starts_with('[') {
        match text.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, rest)) if rest.starts_with(':') => (host, rest.get(1..)),
            _ => return false,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if port.is_some_and(|port| port.is_empty() || !port.chars().all(|c| c.is_ascii_digit())) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[') {
        return !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    }
    host.split('.').all(|label| {
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(sound) && !label.starts_with('-') && !label.ends_with('-')
    })
}

/// Returns true if `text` is `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn sound_component(text: &str) -> bool {
    let between = |c: char| matches!(c, '.' | '_' | '-');
    if !text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || between(c))
        || text.starts_with(between)
        || text.ends_with(between)
        || text.is_empty()
    {
        return false;
    }
    text.split(|c: char| !between(c))
        .filter(|joint| !joint.is_empty())
        .all(|joint| matches!(joint, "." | "_" | "__") || joint.chars().all(|c| c == '-'))
}

fn sound_tag(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(first) && text.chars().all(|c| first(c) || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The result of the library: host, path, tag and digest.
    type Answer = (String, String, Option<String>, Option<String>);

    fn library(text: &str) -> Option<Answer> {
        let parsed: oci_distribution::Reference = text.parse().ok()?;
        // The library accepts capitals in names, which no registry does. It also reads an invalid
        // host (`a.b_c/d`), which Docker itself refuses, and a host alone (`localhost:5000`) as
        // names on Docker Hub.
        let first = text
            .split_once('/')
            .map(|(first, _)| first)
            .filter(|first| is_host(first));
        let meant = first.is_some_and(|first| !["docker.io", "index.docker.io"].contains(&first));
        let alone = !text.contains('/') && is_host(text.split([':', '@']).next().unwrap_or_default());
        let mistaken = alone || (meant && parsed.registry() == "docker.io");
        if mistaken || parsed.repository().chars().any(|c| c.is_ascii_uppercase()) {
            return None;
        }
        Some((
            parsed.registry().to_owned(),
            parsed.repository().to_owned(),
            parsed.tag().map(str::to_owned),
            parsed.digest().map(str::to_owned),
        ))
    }

    fn ours(text: &str) -> Option<Answer> {
        let parts = split(text).ok()?;
        let tag = parts.tag.map(str::to_owned);
        // The library fills in the default tag, which here is done by the caller.
        let tag = tag.or_else(|| parts.digest.is_none().then(|| "latest".to_owned()));
        Some((
            parts.registry.to_owned(),
            parts.path,
            tag,
            parts.digest.map(str::to_owned),
        ))
    }

    fn part() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[a-z0-9A-Z._-]{0,6}").unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_says_what_the_library_says(
            parts in proptest::collection::vec(part(), 1..4),
            port in proptest::option::of(proptest::string::string_regex("[0-9a]{0,5}").unwrap()),
            tag in proptest::option::of(proptest::string::string_regex("[\\w.-]{0,4}").unwrap()),
            digest in any::<bool>(),
        ) {
            let mut parts = parts;
            // No host name has an underscore: this parser refuses one, the library accepts it as a
            // host.
            prop_assume!(!(parts[0].contains('_') && parts[0].contains('.')));
            if let Some(port) = port {
                parts[0].push_str(&format!(":{port}"));
            }
            let mut text = parts.join("/");
            if let Some(tag) = tag.filter(|tag| tag.is_ascii()) {
                text.push_str(&format!(":{tag}"));
            }
            if digest {
                text.push_str(&format!("@sha256:{}", "ab".repeat(32)));
            }
            prop_assert_eq!(ours(&text), library(&text), "{}", text);
        }
    }

    #[test]
    fn a_host_alone_is_no_image_of_docker_hub() {
        for (text, host) in [
            ("localhost:5871", "localhost:5871"),
            ("localhost", "localhost"),
            ("localhost:latest", "localhost"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("ghcr.io", "ghcr.io"),
            ("ghcr.io/", "ghcr.io"),
            ("ghcr.io:443", "ghcr.io:443"),
            ("registry.example.org:5000/", "registry.example.org:5000"),
            ("[::1]:5000", "[::1]:5000"),
            ("[::1]", "[::1]"),
            ("docker.io", "docker.io"),
        ] {
            let why = split(text).unwrap_err();
            assert_eq!(
                why,
                format!("the repository is missing after the registry {host}"),
                "{text}"
            );
        }
        // A number after a plain name is a tag, even if it could be a port.
        for text in ["mongo:4", "registry:5000", "redis:7.2"] {
            assert_eq!(split(text).unwrap().registry, "docker.io", "{text}");
        }
        let digest = format!("ghcr.io@sha256:{}", "ab".repeat(32));
        assert!(split(&digest).is_err());
    }

    #[test]
    fn hosts_are_told_from_paths() {
        for text in [
            "mongo",
            "mongo:4.0",
            "finos/legend",
            "localhost/a",
            "localhost:5000/a/b:c",
            "ghcr.io/a/b",
            "127.0.0.1:5000/a/b",
            "index.docker.io/library/x",
            "docker.io/x",
            "a__b/c---d",
            "a_._b/c",
            "-a/b",
        ] {
            assert_eq!(ours(text), library(text), "{text}");
        }
        // The library does not accept bracketed addresses; a registry on this machine may have one.
        assert_eq!(split("[::1]:5000/a").unwrap().registry, "[::1]:5000");
        assert!(split("[::1/a").is_err());
    }
}
