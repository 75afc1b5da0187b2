//! Finds the addresses of Docker and Podman from their own variables.
//!
//! Defines the order in which addresses are tried and which are refused: an engine is reached
//! through a socket of this machine or plain HTTP on loopback, nowhere else. Must not connect.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::http;

const DOCKER_SOCKET: &str = "/var/run/docker.sock";
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// How an engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Socket(PathBuf),
    Tcp(Url),
}

/// Holds an address at which an engine may listen.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The engine's name in messages.
    pub(super) name: &'static str,
    /// The address, or why it is not used.
    pub(super) address: Result<Address, Problem>,
    /// True if it counts only if Podman answers.
    pub(super) only_podman: bool,
    /// True if it is a default address that this user may be unable to open, which is not an
    /// error: root's Podman, seen by others.
    pub(super) guessed: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", SanitizedText::new(path.display().to_string())),
            Self::Tcp(url) => f.write_str(&http::host_of(url)),
        }
    }
}

type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

fn set(variable: Variable<'_>, name: &'static str) -> Option<Result<Address, Problem>> {
    let text = variable(name).filter(|text| !text.is_empty())?;
    Some(parse(name, &text))
}

/// Returns the address of Docker.
pub(super) fn docker(variable: Variable<'_>) -> Candidate {
    Candidate {
        name: "Docker",
        address: set(variable, "DOCKER_HOST").unwrap_or_else(|| Ok(Address::Socket(DOCKER_SOCKET.into()))),
        only_podman: false,
        guessed: false,
    }
}

/// Returns the possible addresses of Podman, in order of preference.
pub(super) fn podman(variable: Variable<'_>) -> Vec<Candidate> {
    let podman = |address, only_podman| Candidate {
        name: "Podman",
        address,
        only_podman,
        guessed: false,
    };
    if let Some(address) = set(variable, "CONTAINER_HOST") {
        return vec![podman(address, false)];
    }
    let shared = set(variable, "DOCKER_HOST")
        .filter(Result::is_ok)
        .map(|address| podman(address, true));
    let own = variable("XDG_RUNTIME_DIR")
        .filter(|folder| !folder.is_empty())
        .map(|folder| PathBuf::from(folder).join("podman/podman.sock"));
    shared
        .into_iter()
        .chain(
            own.into_iter()
                .chain([PODMAN_SOCKET.into()])
                .map(|path| Candidate {
                    guessed: true,
                    ..podman(Ok(Address::Socket(path)), false)
                }),
        )
        .collect()
}

fn parse(variable: &str, text: &str) -> Result<Address, Problem> {
    let shown = SanitizedText::capped(text, 200);
    let refused = |why: &str| Problem::new(ProblemKind::Config, format!("{variable} is {shown}: {why}"));
    let example = format!("set {variable}=unix:///PATH/OF/THE.sock");
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    match scheme {
        "unix" if rest.starts_with('/') => Ok(Address::Socket(rest.into())),
        "unix" => Err(refused("the path of a socket must be absolute").hint(example)),
        "tcp" | "http" => {
            let url = Url::parse(&format!("http://{}", rest.trim_end_matches('/')))
                .map_err(|error| refused("it is not a valid address").cause(error).hint(&example))?;
            if !http::is_loopback(&url) {
                return Err(refused("only engines on this machine are supported")
                    .hint(format!("{example}, or read the image from a registry with --from")));
            }
            Ok(Address::Tcp(url))
        }
        "ssh" => Err(refused("engines over ssh are not supported").hint(format!(
            "forward its socket (ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock HOST), then set {variable}=unix:///tmp/engine.sock"
        ))),
        _ => Err(refused("only unix://, and tcp:// on loopback, are supported").hint(example)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn docker_host_is_believed_on_this_machine_only() {
        let at = |text: &str| {
            docker(&with(&[("DOCKER_HOST", text)]))
                .address
                .map(|at| at.to_string())
        };
        assert_eq!(at("").unwrap(), DOCKER_SOCKET);
        assert_eq!(at("unix:///tmp/d.sock").unwrap(), "/tmp/d.sock");
        assert_eq!(at("tcp://127.0.0.1:2375").unwrap(), "127.0.0.1:2375");
        assert_eq!(at("http://localhost:2375/").unwrap(), "localhost:2375");
        for bad in [
            "tcp://10.0.0.1:2375",
            "https://127.0.0.1:2376",
            "ssh://me@box",
            "unix://relative.sock",
            "/tmp/d.sock",
            "fd://",
        ] {
            let problem = at(bad).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Config, "{bad}");
            assert!(problem.summary.as_str().contains("DOCKER_HOST"), "{problem}");
            assert!(!problem.hints.is_empty(), "{bad}");
        }
    }

    #[test]
    fn podman_is_looked_for_in_its_order() {
        let places = |pairs: &[(&str, &str)]| -> Vec<String> {
            podman(&with(pairs))
                .into_iter()
                .map(|candidate| {
                    let place = candidate
                        .address
                        .map_or_else(|_| "refused".to_owned(), |at| at.to_string());
                    format!("{place}{}", if candidate.only_podman { "?" } else { "" })
                })
                .collect()
        };
        assert_eq!(places(&[]), [PODMAN_SOCKET]);
        assert_eq!(
            places(&[
                ("XDG_RUNTIME_DIR", "/run/user/1"),
                ("DOCKER_HOST", "unix:///d.sock")
            ]),
            ["/d.sock?", "/run/user/1/podman/podman.sock", PODMAN_SOCKET]
        );
        assert_eq!(
            places(&[
                ("CONTAINER_HOST", "unix:///c.sock"),
                ("DOCKER_HOST", "unix:///d.sock")
            ]),
            ["/c.sock"]
        );
        assert_eq!(places(&[("CONTAINER_HOST", "ssh://x")]), ["refused"]);
    }
}
