//! Renders the key page: every action with its default keys, as Markdown.

use super::key::Chord;
use super::spec::{ActionSpec, FeatureActions};
use crate::plan::Risk;

/// Returns the page of `parts`, scope by scope.
pub fn page(parts: &[&FeatureActions]) -> String {
    let mut out = String::new();
    for scope in parts.iter().flat_map(|part| part.scopes) {
        let all = parts.iter().flat_map(|part| part.actions);
        let mut specs = all.filter(|spec| spec.scope == *scope).peekable();
        if specs.peek().is_none() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!(
            "**{}**\n\n| keys | title | action | what it does | command |\n|---|---|---|---|---|\n",
            scope.title()
        ));
        for spec in specs {
            out.push_str(&row(spec));
        }
    }
    out
}

fn row(spec: &ActionSpec) -> String {
    let keys: Vec<String> = spec
        .keys
        .iter()
        .filter_map(|text| Chord::parse(text))
        .map(|chord| code(&chord.to_string()))
        .collect();
    let writes = if spec.risk == Risk::Read {
        ""
    } else {
        " **Writes.**"
    };
    format!(
        "| {} | {} | {} | {}{writes} | {} |\n",
        keys.join(" "),
        spec.title,
        code(spec.id.name()),
        spec.help,
        spec.twin.map(code).unwrap_or_default(),
    )
}

/// Returns `text` as code in a table cell, with bars escaped.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}
