//! Parses the six forms of an image source: a registry, an engine on this machine, a folder or an
//! archive.
//!
//! It does not check whether the image exists.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::IndexDigest;
use super::image::{Platform, Reference, Repository};
use super::problem::{Problem, ProblemKind};
use super::text::SanitizedText;

/// An image source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// In a registry.
    Registry(Reference),
    /// On this machine.
    Local(LocalSource),
}

/// An image on this machine. Paths are kept as given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "kebab-case")]
pub enum LocalSource {
    /// In the Docker engine, by name, id or digest.
    DockerDaemon {
        /// Name or id in the engine.
        image: String,
    },
    /// In Podman's storage, by name, id or digest; read through Podman's socket.
    ContainersStorage {
        /// Name or id in the engine.
        image: String,
    },
    /// A folder in the OCI image layout.
    Oci {
        /// The folder.
        path: String,
        /// Name of the image (`org.opencontainers.image.ref.name`), if the folder has several.
        name: Option<String>,
    },
    /// A tar archive of an OCI image layout, such as a rock.
    OciArchive {
        /// The file.
        path: String,
        /// Name of the image, if the archive has several.
        name: Option<String>,
    },
    /// An archive written by `docker save`.
    DockerArchive {
        /// The file.
        path: String,
        /// Name of the image (`name:tag`), if the archive has several.
        name: Option<String>,
    },
}

/// Source of a copy; the image itself is given by its digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Origin {
    /// A repository in a registry.
    Registry(Repository),
    /// This machine.
    Local(LocalSource),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(repository) => fmt::Display::fmt(repository, f),
            Self::Local(local) => fmt::Display::fmt(local, f),
        }
    }
}

/// A selection of platforms of an index: the copy is a smaller index or a single manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cut {
    /// The whole index.
    pub from: IndexDigest,
    /// The selected platforms.
    pub platforms: Vec<Platform>,
}

/// Hint that lists the forms.
const FORMS: &str = "use HOST/NAME:TAG or HOST/NAME@sha256:DIGEST (optionally with docker://), \
    docker-daemon:NAME, containers-storage:NAME, oci:DIR[:NAME], oci-archive:FILE[:NAME] or \
    docker-archive:FILE[:NAME]";

impl ImageSource {
    /// Parses any of the forms. Text without a transport prefix is an image in a registry.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let Some((transport, rest)) = text.split_once(':') else {
            return Reference::parse(text).map(Self::Registry);
        };
        let named = |rest: &str| -> Result<String, Problem> {
            // Other tools write `//` after the transport; the meaning is the same.
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            if rest.is_empty() || rest.chars().any(char::is_control) {
                return Err(Problem::new(
                    ProblemKind::Usage,
                    format!("'{}' does not name an image", SanitizedText::capped(text, 200)),
                )
                .hint(FORMS));
            }
            Ok(rest.to_owned())
        };
        let local = match transport {
            "docker-daemon" => LocalSource::DockerDaemon { image: named(rest)? },
            "containers-storage" => LocalSource::ContainersStorage { image: named(rest)? },
            "oci" if !rest.is_empty() && !rest.starts_with("//") => {
                let (path, name) = path_and_name(rest);
                LocalSource::Oci { path, name }
            }
            "oci-archive" => {
                let (path, name) = path_and_name(&named(rest)?);
                LocalSource::OciArchive { path, name }
            }
            "docker-archive" => {
                let (path, name) = path_and_name(&named(rest)?);
                LocalSource::DockerArchive { path, name }
            }
            "docker" => return Reference::parse(text).map(Self::Registry),
            "dir" | "ostree" | "tarball" | "sif" | "http" | "https" => {
                return Err(Problem::new(
                    ProblemKind::Usage,
                    format!("reading images from {transport}: is not supported"),
                )
                .hint(FORMS));
            }
            _ => return Reference::parse(text).map(Self::Registry),
        };
        Ok(Self::Local(local))
    }
}

impl LocalSource {
    /// Returns the same archive or folder with `text` as the name after its path; an image in an
    /// engine is not changed.
    #[must_use]
    pub fn named(mut self, text: String) -> Self {
        if let Self::Oci { name, .. } | Self::OciArchive { name, .. } | Self::DockerArchive { name, .. } =
            &mut self
        {
            *name = Some(text);
        }
        self
    }

    /// Returns the source with its path made absolute below `folder`, so that a run resumed in
    /// another folder uses the same path.
    #[must_use]
    pub fn below(mut self, folder: &std::path::Path) -> Self {
        if let Self::Oci { path, .. } | Self::OciArchive { path, .. } | Self::DockerArchive { path, .. } =
            &mut self
        {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
        self
    }
}

/// Splits `text` at the colon: a path never contains one, so what follows it is a name.
fn path_and_name(text: &str) -> (String, Option<String>) {
    match text.split_once(':') {
        Some((path, name)) if !name.is_empty() => (path.to_owned(), Some(name.to_owned())),
        Some((path, _)) => (path.to_owned(), None),
        None => (text.to_owned(), None),
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => fmt::Display::fmt(reference, f),
            Self::Local(local) => fmt::Display::fmt(local, f),
        }
    }
}

impl fmt::Display for LocalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, name) = match self {
            Self::DockerDaemon { image } => ("docker-daemon", image, None),
            Self::ContainersStorage { image } => ("containers-storage", image, None),
            Self::Oci { path, name } => ("oci", path, name.as_ref()),
            Self::OciArchive { path, name } => ("oci-archive", path, name.as_ref()),
            Self::DockerArchive { path, name } => ("docker-archive", path, name.as_ref()),
        };
        write!(f, "{transport}:{path}")?;
        name.map_or(Ok(()), |name| write!(f, ":{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_round_trips() {
        for text in [
            "docker.io/finos/legend-studio:13.16.0",
            "127.0.0.1:5000/a/b:c",
            "docker-daemon:acme/img:v1",
            "containers-storage:localhost/acme/img:v1",
            "oci:/tmp/layout",
            "oci:layout:v1",
            "oci-archive:./a.rock",
            "docker-archive:save.tar:acme/img:v1",
        ] {
            assert_eq!(ImageSource::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_registry_may_be_called_like_a_transport() {
        let parsed = ImageSource::parse("mongo:4.0").unwrap();
        assert_eq!(parsed.to_string(), "docker.io/library/mongo:4.0");
        let parsed = ImageSource::parse("docker://ghcr.io/a/b:1").unwrap();
        assert!(matches!(parsed, ImageSource::Registry(_)));
    }

    #[test]
    fn what_is_not_read_is_said() {
        for bad in [
            "dir:/tmp/x",
            "https://ghcr.io/a/b",
            "docker-daemon:",
            "oci-archive:",
            "a\u{7}b",
        ] {
            let problem = ImageSource::parse(bad).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Usage, "{bad}");
        }
    }
}
