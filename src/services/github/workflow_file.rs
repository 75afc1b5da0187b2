//! Parses a workflow file as GitHub does: its inputs, its runners, what it uses and which secrets
//! it reads, within limits on size and depth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

use crate::domain::workflow::{InputKind, WorkflowFile, WorkflowInput, WorkflowJob};
use crate::domain::{Problem, ProblemKind, SanitizedText, SecretName};

/// Bytes beyond which a file is not read as a workflow; GitHub's own limit is half of it.
const LARGEST: usize = 1 << 20;
/// Values of a file, with those that aliases repeat counted again.
const MOST: usize = 50_000;
/// Deepest nesting that is accepted.
const DEEPEST: usize = 64;
/// Longest text that is kept of a file, in characters.
const CAP: usize = 300;

/// Parses the file at `path`. One that cannot be parsed stays in the list with its reason.
pub(super) fn read(path: &str, bytes: &[u8]) -> WorkflowFile {
    let text = String::from_utf8_lossy(bytes);
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut file = WorkflowFile {
        path: SanitizedText::capped(path, CAP).to_string(),
        title: SanitizedText::new(name),
        reads: secrets_read(&text),
        ..WorkflowFile::default()
    };
    match value_of(&text) {
        Ok(value) => fill(&mut file, &value),
        Err(why) => {
            file.unreadable = Some(
                Problem::new(
                    ProblemKind::Invalid,
                    format!("cannot parse {}", SanitizedText::new(path)),
                )
                .cause(why)
                .hint("check it: GitHub does not run a workflow that it cannot parse"),
            );
        }
    }
    file
}

fn fill(file: &mut WorkflowFile, value: &Value) {
    if let Some(name) = value["name"].as_str() {
        file.title = SanitizedText::capped(name, CAP);
    }
    let jobs = value["jobs"].as_object();
    let jobs: Vec<(&String, &Value)> = jobs.into_iter().flatten().collect();
    let scripts: Vec<&str> = jobs.iter().flat_map(|(_, job)| scripts(job)).collect();
    file.form = form(&value["on"], &scripts);
    file.jobs = jobs.into_iter().map(|(id, job)| job_of(id, job)).collect();
}

/// Returns the inputs of `workflow_dispatch`, in the file's order; `None` if it cannot be started
/// by hand.
fn form(on: &Value, scripts: &[&str]) -> Option<Vec<WorkflowInput>> {
    let trigger = match on {
        Value::String(one) => (one == "workflow_dispatch").then_some(&Value::Null),
        Value::Array(some) => some
            .iter()
            .any(|one| one.as_str() == Some("workflow_dispatch"))
            .then_some(&Value::Null),
        other => other.get("workflow_dispatch"),
    }?;
    let inputs = trigger["inputs"].as_object();
    Some(
        inputs
            .into_iter()
            .flatten()
            .map(|(name, about)| input(name, about, scripts))
            .collect(),
    )
}

fn input(name: &str, about: &Value, scripts: &[&str]) -> WorkflowInput {
    let kind = match about["type"].as_str() {
        Some("boolean") => InputKind::Boolean,
        Some("number") => InputKind::Number,
        Some("environment") => InputKind::Environment,
        Some("choice") => InputKind::Choice(
            about["options"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(plain)
                .collect(),
        ),
        _ => InputKind::Text,
    };
    WorkflowInput {
        name: name.to_owned(),
        description: SanitizedText::capped(about["description"].as_str().unwrap_or_default(), CAP),
        required: about["required"].as_str() == Some("true") || about["required"] == Value::Bool(true),
        default: plain(&about["default"]),
        kind,
        in_script: scripts.iter().any(|script| takes(script, name)),
    }
}

/// Returns a scalar as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the scripts of a job: those of its steps, and the input of the one action that is a
/// script.
fn scripts(job: &Value) -> Vec<&str> {
    let steps = job["steps"].as_array();
    steps
        .into_iter()
        .flatten()
        .flat_map(|step| [step["run"].as_str(), step["with"]["script"].as_str()])
        .flatten()
        .collect()
}

/// Returns true if `script` contains the input `name` between `${{` and `}}`.
fn takes(script: &str, name: &str) -> bool {
    expressions(script).any(|inside| {
        let compact: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
        let compact = compact.to_ascii_lowercase();
        let name = name.to_ascii_lowercase();
        let dotted = format!("inputs.{name}");
        let ends = |at: usize| {
            let next = compact
                .get(at + dotted.len()..)
                .and_then(|rest| rest.chars().next());
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        compact.match_indices(&dotted).any(|(at, _)| ends(at))
            || compact.contains(&format!("inputs['{name}']"))
    })
}

/// Returns the text between `${{` and `}}`.
fn expressions(text: &str) -> impl Iterator<Item = &str> {
    static EXPRESSION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)\$\{\{(.*?)\}\}").ok());
    EXPRESSION
        .as_ref()
        .into_iter()
        .flat_map(|expression| expression.captures_iter(text))
        .filter_map(|found| found.get(1))
        .map(|inside| inside.as_str())
}

fn job_of(id: &str, job: &Value) -> WorkflowJob {
    let own = |text: &str| SanitizedText::capped(text, CAP).to_string();
    let steps = job["steps"].as_array();
    let of_steps = steps
        .into_iter()
        .flatten()
        .filter_map(|step| step["uses"].as_str());
    WorkflowJob {
        id: SanitizedText::capped(id, CAP),
        runners: runners(job),
        uses: job["uses"]
            .as_str()
            .into_iter()
            .chain(of_steps)
            .map(own)
            .collect(),
        installs: scripts(job)
            .into_iter()
            .flat_map(str::lines)
            .map(str::trim)
            .filter(|line| installs_charmcraft(line))
            .map(own)
            .collect(),
    }
}

fn installs_charmcraft(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let snap = words
        .windows(2)
        .any(|pair| pair == ["snap", "install"] || pair == ["snap", "refresh"]);
    !line.starts_with('#') && snap && words.contains(&"charmcraft")
}

/// Returns the labels of the runners that a job asks for. If a matrix names them, every value of
/// its list.
fn runners(job: &Value) -> Vec<Vec<String>> {
    let labels = match &job["runs-on"] {
        Value::Object(group) => &group["labels"],
        other => other,
    };
    if let Some(key) = labels.as_str().and_then(matrix_key) {
        let list = job["strategy"]["matrix"][key].as_array();
        return list
            .into_iter()
            .flatten()
            .map(known)
            .filter(|l| !l.is_empty())
            .collect();
    }
    let known = known(labels);
    if known.is_empty() { Vec::new() } else { vec![known] }
}

/// Returns `os` of `${{ matrix.os }}`.
fn matrix_key(label: &str) -> Option<&str> {
    let inside = label.trim().strip_prefix("${{")?.strip_suffix("}}")?.trim();
    inside.strip_prefix("matrix.")
}

/// Returns the labels that are known before the workflow runs.
fn known(labels: &Value) -> Vec<String> {
    let each: Vec<&Value> = match labels {
        Value::Array(some) => some.iter().collect(),
        one => vec![one],
    };
    each.into_iter()
        .filter_map(Value::as_str)
        .filter(|label| !label.contains("${{"))
        .map(|label| SanitizedText::capped(label, CAP).to_string())
        .collect()
}

/// Returns the names after `secrets.` or in `secrets['…']` within the expressions of a workflow
/// file. Comment lines are skipped. `GITHUB_TOKEN` is left out: GitHub creates it itself.
fn secrets_read(text: &str) -> BTreeSet<SecretName> {
    static READ: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:^|[^\w.'-])secrets\s*(?:\.\s*([a-z_][a-z0-9_-]*)|\[\s*'([^']+)'\s*\])").ok()
    });
    let Some(read) = READ.as_ref() else {
        return BTreeSet::new();
    };
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    expressions(&code)
        .flat_map(|inside| read.captures_iter(inside))
        .filter_map(|found| found.get(1).or_else(|| found.get(2)))
        // `GITHUB_TOKEN` is not a valid secret name, so it is dropped here.
        .filter_map(|name| name.as_str().parse().ok())
        .collect()
}

/// A collection that is not closed yet.
enum Open {
    List(Vec<Value>, usize),
    Map(Map<String, Value>, Option<String>, usize),
}

/// Parses a YAML text as JSON: keys are text, and of plain scalars only `true`, `false` and the
/// empty one are not text.
fn value_of(text: &str) -> Result<Value, String> {
    if text.len() > LARGEST {
        return Err("it is too large for a workflow".to_owned());
    }
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: BTreeMap<usize, (Value, usize)> = BTreeMap::new();
    let mut root = None;
    let mut left = MOST;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let what = SanitizedText::capped(error.info(), 200);
            format!("line {}: {what}", error.marker().line())
        })?;
        let (value, anchor, weight) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor, 1),
            Event::Alias(anchor) => {
                let (value, weight) = anchors.get(&anchor).cloned().unwrap_or((Value::Null, 1));
                (value, 0, weight)
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(Map::new(), None, anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list, anchor)) => (Value::Array(list), anchor, 1),
                Some(Open::Map(map, _, anchor)) => (Value::Object(map), anchor, 1),
                None => continue,
            },
            Event::DocumentStart(_) if root.is_some() => {
                return Err("it contains a second document".to_owned());
            }
            _ => continue,
        };
        left = left
            .checked_sub(weight)
            .ok_or("it has too many values for a workflow, perhaps through aliases")?;
        if open.len() > DEEPEST {
            return Err(format!(
                "line {}: it is nested too deeply for a workflow",
                span.start.line()
            ));
        }
        if anchor > 0 {
            anchors.insert(anchor, (value.clone(), size(&value)));
        }
        match open.last_mut() {
            None => root = Some(value),
            Some(Open::List(list, _)) => list.push(value),
            Some(Open::Map(map, key @ None, _)) => {
                let name = plain(&value).unwrap_or_default();
                if map.contains_key(&name) {
                    let name = SanitizedText::capped(name, 80);
                    return Err(format!("line {}: duplicate key {name}", span.start.line()));
                }
                *key = Some(name);
            }
            Some(Open::Map(map, key, _)) => {
                map.insert(key.take().unwrap_or_default(), value);
            }
        }
    }
    root.filter(Value::is_object)
        .ok_or_else(|| "it is not a mapping".to_owned())
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "true" | "True" | "TRUE") => Value::Bool(true),
        (ScalarStyle::Plain, "false" | "False" | "FALSE") => Value::Bool(false),
        (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
        (_, text) => Value::String(text.to_owned()),
    }
}

/// Returns how many values a value holds.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
#[path = "test_workflow_file.rs"]
mod tests;
