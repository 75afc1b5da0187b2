//! The key page: every action with its usual keys, as Markdown.
//!
//! Owns the form of the page. What stands on it is the action table.

use super::{ActionSpec, Chord, Scope, all};
use crate::plan::Risk;

/// The page, scope by scope, the widest first.
pub fn page() -> String {
    let mut scopes = vec![Scope::Always, Scope::Everywhere, Scope::Panes, Scope::Review];
    scopes.extend(Scope::narrowest());
    let mut out = String::new();
    for scope in scopes {
        let mut specs = all().filter(|spec| spec.scope == scope).peekable();
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
        code(&spec.id.name()),
        spec.help,
        spec.twin.map(code).unwrap_or_default(),
    )
}

/// `text` as code in a cell of a table, where a bar would end the cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}
