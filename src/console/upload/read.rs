//! Parses the upload line: a file, a digest or a reference.
//!
//! Pure: relative paths start from the directory that the console was started in, and existence is
//! not checked.

use std::path::Path;

use crate::console::model::Setting;
use crate::domain::{ImageSource, Problem, ProblemKind, ResourceName};
use crate::plan::Content;
use crate::services::engine::DigestQuery;

/// Prefixes of references that contain a path of this machine.
pub const WITH_PATH: [&str; 3] = ["oci", "oci-archive", "docker-archive"];

/// Returns the content that `text` means for `resource`, or why it is invalid. `None` for an empty
/// line.
pub fn read(
    setting: &Setting,
    resource: &ResourceName,
    images: Option<bool>,
    text: &str,
) -> Option<Result<Content, Problem>> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(match images {
        Some(false) => file(setting, resource, text),
        _ if text.contains(char::is_whitespace) => Err(Problem::new(
            ProblemKind::Usage,
            "an image name cannot contain a space",
        )),
        Some(true) if is_path(text) => Err(Problem::new(
            ProblemKind::Usage,
            format!("{resource} is an image, not a file"),
        )
        .hint("write docker-archive: or oci-archive: before an archive, oci: before a directory")),
        None if is_path(text) => file(setting, resource, text),
        _ if is_digits(text) => DigestQuery::parse(text).map(|digest| Content::Digest {
            digest: digest.to_string(),
        }),
        _ => image(setting, text),
    })
}

/// Returns true if it can only be a path.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '~', '.'])
}

/// Returns true if it looks like the start of a digest.
fn is_digits(text: &str) -> bool {
    let bare = text.strip_prefix("sha256:");
    let digits = bare.unwrap_or(text);
    let enough = bare.is_some() || digits.len() >= 12;
    let other = ["sha512:", "sha384:", "sha1:"];
    enough && digits.chars().all(|c| c.is_ascii_hexdigit()) || other.iter().any(|name| text.starts_with(name))
}

fn file(setting: &Setting, resource: &ResourceName, text: &str) -> Result<Content, Problem> {
    let named = ["docker:", "docker-daemon:", "containers-storage:", "sha256:"]
        .iter()
        .any(|name| text.starts_with(name))
        || WITH_PATH
            .iter()
            .any(|name| text.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
    if named {
        return Err(
            Problem::new(ProblemKind::Usage, format!("{resource} is a file, not an image"))
                .hint("type the path of a file"),
        );
    }
    Ok(Content::File {
        path: absolute(setting, text),
        architectures: Vec::new(),
    })
}

fn image(setting: &Setting, text: &str) -> Result<Content, Problem> {
    let source = match text.split_once(':') {
        Some((transport, path)) if WITH_PATH.contains(&transport) && path.starts_with("~/") => {
            ImageSource::parse(&format!("{transport}:{}", absolute(setting, path)))
        }
        _ => ImageSource::parse(text),
    }?;
    Ok(Content::From {
        source: match source {
            ImageSource::Local(local) => ImageSource::Local(local.below(Path::new(&setting.folder))),
            registry @ ImageSource::Registry(_) => registry,
        },
        platforms: Vec::new(),
    })
}

/// Returns the absolute path of a typed one.
pub fn absolute(setting: &Setting, text: &str) -> String {
    let below_home = text
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (below_home, &setting.home) {
        (Some(rest), Some(home)) => format!("{home}{rest}"),
        _ => Path::new(&setting.folder)
            .join(text)
            .to_string_lossy()
            .into_owned(),
    }
}
