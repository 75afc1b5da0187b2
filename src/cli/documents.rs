//! Builds the JSON documents that scripts rely on (version 1). Reads no service.

use serde_json::{Value, json};

use crate::config::Workspace;
use crate::domain::charm::{ChannelRow, ImageBehind};
use crate::domain::{
    Base, CharmName, Observed, Problem, Release, ReleaseName, ResourceName, ResourceRevision, Snapshot,
};
use crate::journal::RunRecord;
use crate::plan::evidence;
use crate::plan::{Plan, Step};

/// The keys `observed_at` and `errors` of the named sources.
pub struct Sources {
    at: serde_json::Map<String, Value>,
    errors: Vec<Value>,
}

impl Sources {
    /// Returns an empty list of sources.
    pub fn new() -> Self {
        Self {
            at: serde_json::Map::new(),
            errors: Vec::new(),
        }
    }

    /// Adds a source. A source that was never read is left out.
    pub fn add<T>(mut self, name: &str, seen: &Observed<T>) -> Self {
        if let Some(at) = seen.read_at {
            self.at.insert(name.to_owned(), json!(at));
        }
        if let Some(problem) = &seen.problem {
            self.errors
                .push(json!({ "source": name, "problem": problem, "at": seen.failed_at }));
        }
        self
    }

    /// Returns the problems of all sources.
    pub fn errors(&self) -> &[Value] {
        &self.errors
    }

    /// Returns the keys of a document.
    pub fn keys(self) -> Vec<(&'static str, Value)> {
        vec![
            ("observed_at", Value::Object(self.at)),
            ("errors", Value::Array(self.errors)),
        ]
    }
}

/// Returns the object of a release.
pub fn release(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> Value {
    let standing = evidence::standing(workspace, snapshot, release);
    json!({
        "name": release.name,
        "timestamp": release.timestamp,
        "images": release.images,
        "published": standing.published,
        "evidence": standing.evidence,
        "same_as": evidence::twins(snapshot, release),
        "warnings": evidence::warnings(workspace, snapshot, release),
        "held": held(workspace, snapshot, &release.name),
    })
}

/// Returns whether a release is held; null if that could not be read. Without a bundle there are no
/// holds.
pub fn held(workspace: &Workspace, snapshot: &Snapshot, release: &ReleaseName) -> Option<bool> {
    if workspace.bundle.is_none() {
        return Some(false);
    }
    Some(snapshot.holds.value.as_ref()?.contains(release))
}

/// Returns the image of a resource revision, with the releases that name it.
pub fn behind(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
    revision: ResourceRevision,
) -> (Option<ImageBehind>, Vec<ReleaseName>) {
    let image = snapshot.image_behind(charm, resource, revision).cloned();
    let key = workspace.charm(charm).and_then(|charm| {
        charm
            .fed()
            .find(|(name, _)| *name == resource)
            .map(|(_, key)| key.to_owned())
    });
    let named = match (&image, key) {
        (Some(image), Some(key)) => evidence::releases_of(workspace, snapshot, &key, image),
        _ => Vec::new(),
    };
    (image, named)
}

/// Returns one row of the channel map.
pub fn channel(workspace: &Workspace, snapshot: &Snapshot, charm: &CharmName, row: &ChannelRow) -> Value {
    let resources: Vec<Value> = row
        .resources
        .iter()
        .map(|attached| {
            let (image, named) = attached
                .revision
                .map(|revision| behind(workspace, snapshot, charm, &attached.name, revision))
                .unwrap_or_default();
            json!({
                "name": attached.name,
                "revision": attached.revision,
                "digest": image.as_ref().map(|image| image.digest),
                "config_digest": image.as_ref().and_then(ImageBehind::config_digest),
                "release": named,
            })
        })
        .collect();
    json!({
        "charm": charm, "channel": row.channel, "base": row.base, "revision": row.revision,
        "resources": resources, "status": "open",
        "mixed_bases": evidence::has_mixed_bases(snapshot, charm, &row.channel),
    })
}

fn step(step: &Step) -> serde_json::Map<String, Value> {
    let value = json!({
        "id": step.id, "kind": step.kind, "target": step.target, "before": step.before, "after": step.after,
        "bytes": step.bytes, "skip_reason": step.skip_reason, "undo": step.undo.to_string(),
    });
    match value {
        Value::Object(map) => map,
        _ => serde_json::Map::new(),
    }
}

/// Returns the object of a plan.
pub fn plan(plan: &Plan) -> Value {
    let steps: Vec<Value> = plan.steps.iter().map(|s| Value::Object(step(s))).collect();
    json!({
        "id": plan.id, "title": plan.title, "risk": plan.risk, "steps": steps,
        "assumptions": plan.assumptions, "warnings": plan.warnings, "left_out": plan.left_out,
        "history": plan.history, "command": plan.command,
    })
}

/// Returns what a run released, one row per base.
fn released(record: &RunRecord) -> Vec<Value> {
    let mut rows = Vec::new();
    for one in record.released() {
        let bases: Vec<Option<&Base>> = record.released_bases(&one).collect();
        let bases = if bases.is_empty() { vec![None] } else { bases };
        rows.extend(bases.into_iter().map(|base| {
            json!({
                "charm": one.charm, "channel": one.channel, "base": base, "revision": one.revision,
                "resources": one.resources,
            })
        }));
    }
    rows
}

/// Returns what a run closed, and what each channel served before.
fn closed(record: &RunRecord) -> Vec<Value> {
    let served = record
        .closed()
        .filter_map(|change| Some((change.before.clone()?, change)));
    served
        .map(|(before, change)| {
            let resources: Vec<Value> = before
                .resources
                .iter()
                .map(|(name, revision)| json!({ "name": name, "revision": revision }))
                .collect();
            json!({
                "charm": change.charm, "channel": change.channel, "base": change.base,
                "revision": before.revision, "resources": resources,
            })
        })
        .collect()
}

/// Returns the object of a run.
pub fn run(record: &RunRecord) -> Value {
    let steps: Vec<Value> = record
        .plan
        .steps
        .iter()
        .map(|planned| {
            let mut map = step(planned);
            if let Some(done) = record.step(&planned.id) {
                map.insert("outcome".to_owned(), json!(done.outcome));
                map.insert("attempts".to_owned(), json!(done.attempts));
                map.insert("problem".to_owned(), json!(done.problem));
                map.insert("bytes_sent".to_owned(), json!(done.made.bytes_sent));
                map.insert("resource_revision".to_owned(), json!(done.made.resource_revision));
                // Only for steps that handle credentials; the seals themselves are left out.
                let made = &done.made;
                for (key, value) in [
                    ("updated_at", made.updated_at.map(|at| json!(at))),
                    ("expires_at", made.expires_at.map(|at| json!(at))),
                    ("session", made.session.as_ref().map(|session| json!(session))),
                    ("workflow_run", made.workflow_run.map(|run| json!(run))),
                    ("note", made.note.as_ref().map(|note| json!(note))),
                ] {
                    if let Some(value) = value {
                        map.insert(key.to_owned(), value);
                    }
                }
            }
            Value::Object(map)
        })
        .collect();
    let (given_up_by, rolled_back_by) = match &record.rolled_back_by {
        by @ Some(_) if record.given_up => (by.as_ref(), None),
        by => (None, by.as_ref()),
    };
    json!({
        "id": record.id, "title": record.plan.title, "actor": record.actor,
        "outcome": record.outcome, "started_at": record.started_at, "finished_at": record.finished_at,
        "steps": steps, "released": released(record), "closed": closed(record), "left_out": record.plan.left_out, "warnings": record.plan.warnings,
        "command": record.plan.command, "rolled_back_by": rolled_back_by, "given_up_by": given_up_by,
    })
}

/// Returns the problem of a run that did not succeed, with hints on how to continue.
pub fn problem(record: &RunRecord) -> Option<Problem> {
    let problem = record.problem.clone()?;
    Some(record.ways_on().into_iter().fold(problem, Problem::hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::evidence::situations::{situations, workspace};

    #[test]
    fn the_document_of_a_release_gives_the_answer_of_every_situation() {
        for situation in situations() {
            let name = "2024-12-01".parse().unwrap();
            let found = situation.snapshot.release(&name).unwrap();
            let document = release(&workspace(), &situation.snapshot, found);
            assert_eq!(
                document["published"],
                json!(situation.published),
                "{}",
                situation.name
            );
            let warnings = document["warnings"].as_array().unwrap().iter();
            let texts: Vec<&str> = warnings
                .filter(|one| one["kind"] == "evidence")
                .map(|one| one["text"].as_str().unwrap())
                .collect();
            assert_eq!(texts.join(" "), situation.warning, "{}", situation.name);
        }
    }
}
