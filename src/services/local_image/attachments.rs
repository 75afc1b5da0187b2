//! Reads what a layout attaches to an image: manifests with a `subject`, the index that lists them
//! under the tag `sha256-<hex>`, and cosign's tags.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::docker_archive::invalid;
use super::image_source::ImageFiles;
use super::oci_layout::{Descriptor, Index, Tree, name_of, not_whole};
use crate::domain::{ManifestDigest, Problem};
use crate::services::registry::{COSIGN, LocalAttachment, stand_in};

/// Number of attachments of one image beyond which it is refused.
const MOST: usize = 1024;

/// Reads into `tree` what `index` attaches to the image at `root`, and what is attached to that.
pub(super) fn attachments(
    files: &mut dyn ImageFiles,
    index: &Index,
    tree: &mut Tree,
    root: ManifestDigest,
) -> Result<Vec<LocalAttachment>, Problem> {
    let mut subjects: HashSet<ManifestDigest> = tree.reach(root).iter().map(|one| one.digest).collect();
    let mut found: Vec<LocalAttachment> = Vec::new();
    loop {
        let before = found.len();
        for descriptor in index.manifests.iter().flatten() {
            for one in attached_by(files, descriptor, &subjects)? {
                let known = found
                    .iter()
                    .any(|other| (other.digest, &other.tag) == (one.digest, &one.tag));
                if known || one.digest == root {
                    continue;
                }
                if !tree.load(files, one.digest, one.row["mediaType"].as_str(), 0)? {
                    let problem = not_whole(files, tree);
                    return Err(
                        problem.within(format!("cannot copy {} of {} with it", one.digest, one.subject))
                    );
                }
                found.push(one);
            }
        }
        if found.len() == before {
            return Ok(found);
        }
        if found.len() > MOST {
            return Err(invalid(
                files.what(),
                format!("the image has more than {MOST} attachments, such as signatures"),
            ));
        }
        subjects.extend(found.iter().map(|one| one.digest));
    }
}

/// Returns what one row of `index.json` attaches to one of `subjects`.
fn attached_by(
    files: &mut dyn ImageFiles,
    descriptor: &Descriptor,
    subjects: &HashSet<ManifestDigest>,
) -> Result<Vec<LocalAttachment>, Problem> {
    let Ok(digest) = descriptor.digest.parse::<ManifestDigest>() else {
        return Ok(Vec::new());
    };
    for name in descriptor.names() {
        let tag = name.rsplit(':').next().unwrap_or(name);
        for subject in subjects {
            let Some(end) = tag.strip_prefix(&stand_in(*subject)) else {
                continue;
            };
            if end.is_empty() {
                return listed(files, digest, *subject);
            }
            if COSIGN.contains(&end) {
                return Ok(vec![LocalAttachment {
                    subject: *subject,
                    digest,
                    tag: Some(tag.to_owned()),
                    row: json!({ "mediaType": descriptor.media_type }),
                }]);
            }
        }
    }
    Ok(referrer(files, digest)?
        .filter(|one| subjects.contains(&one.subject))
        .into_iter()
        .collect())
}

/// Returns what the index under the tag `sha256-<hex>` lists.
fn listed(
    files: &mut dyn ImageFiles,
    digest: ManifestDigest,
    subject: ManifestDigest,
) -> Result<Vec<LocalAttachment>, Problem> {
    let Some(document) = document(files, digest)? else {
        return Ok(Vec::new());
    };
    let rows = document["manifests"].as_array().cloned().unwrap_or_default();
    let attached = rows.into_iter().filter_map(|row| {
        Some(LocalAttachment {
            subject,
            digest: row["digest"].as_str()?.parse().ok()?,
            tag: None,
            row,
        })
    });
    Ok(attached.collect())
}

/// Reads the manifest at `digest` as an attachment, if it has a subject.
fn referrer(files: &mut dyn ImageFiles, digest: ManifestDigest) -> Result<Option<LocalAttachment>, Problem> {
    let Some(document) = document(files, digest)? else {
        return Ok(None);
    };
    let subject = document["subject"]["digest"].as_str();
    let Some(subject) = subject.and_then(|text| text.parse().ok()) else {
        return Ok(None);
    };
    let size = files.small(&name_of(digest.0))?.map_or(0, |bytes| bytes.len());
    // As in the registry's own list: for an image without a type, the type of its config.
    let artifact = [&document["artifactType"], &document["config"]["mediaType"]];
    let artifact = artifact.into_iter().find(|kind| kind.is_string());
    let mut row = json!({
        "mediaType": document["mediaType"], "digest": digest.to_string(), "size": size,
    });
    if let (Value::Object(row), Some(artifact)) = (&mut row, artifact) {
        row.insert("artifactType".to_owned(), artifact.clone());
        if document["annotations"].is_object() {
            row.insert("annotations".to_owned(), document["annotations"].clone());
        }
    }
    Ok(Some(LocalAttachment {
        subject,
        digest,
        tag: None,
        row,
    }))
}

/// Reads the manifest at `digest`; an unreadable one attaches nothing.
fn document(files: &mut dyn ImageFiles, digest: ManifestDigest) -> Result<Option<Value>, Problem> {
    let bytes = files.small(&name_of(digest.0))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}
