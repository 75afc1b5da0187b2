//! What the workflow files of a repository read, and whether they run.
//!
//! Owns finding `secrets.NAME` in expressions. Must not judge whether a name is right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use futures_util::future::try_join_all;
use regex::Regex;

use super::GitHub;
use crate::domain::{GitHubRepository, Kind, Outside, Problem, SecretName};

/// Where workflow files are.
const FOLDER: &str = ".github/workflows";

#[derive(serde::Deserialize)]
struct Workflow {
    path: String,
    state: String,
}

impl GitHub {
    /// The secrets that each workflow file of the default branch reads, by path. `GITHUB_TOKEN` is
    /// left out: GitHub makes it itself.
    pub async fn workflow_secrets(
        &self,
        repository: &GitHubRepository,
    ) -> Result<BTreeMap<String, BTreeSet<SecretName>>, Problem> {
        let what = format!("reading the workflows of {repository}");
        let about = self.about(repository, &what).await?;
        let folder = format!("{}:{FOLDER}", about.default_branch);
        let entries = match self.tree(repository.as_str(), &folder).await {
            // The repository is there, so it is the folder that is not.
            Err(problem) if problem.kind == Kind::NotFound => return Ok(BTreeMap::new()),
            other => other?,
        };
        let files = entries.into_iter().filter(|entry| {
            let extension = std::path::Path::new(&entry.path).extension();
            entry.kind == "blob" && extension.is_some_and(|e| e == "yml" || e == "yaml")
        });
        let read = files.map(|entry| async move {
            let bytes = self.blob(repository.as_str(), &entry.sha).await?;
            let names = secrets_read(&String::from_utf8_lossy(&bytes));
            Ok::<_, Problem>((format!("{FOLDER}/{}", entry.path), names))
        });
        Ok(try_join_all(read).await?.into_iter().collect())
    }

    /// Every workflow's path and state: `active`, `disabled_inactivity`, `disabled_manually`…
    pub async fn workflow_states(
        &self,
        repository: &GitHubRepository,
    ) -> Result<Vec<(String, String)>, Problem> {
        let what = format!("reading the state of the workflows of {repository}");
        let path = format!("/repos/{repository}/actions/workflows");
        let list: Vec<Workflow> = self.pages(&path, "workflows", &what).await?;
        let harmless = |text: String| Outside::capped(text, 300).to_string();
        Ok(list
            .into_iter()
            .map(|workflow| (harmless(workflow.path), harmless(workflow.state)))
            .collect())
    }
}

/// Names after `secrets.` or in `secrets['…']` within the expressions of a workflow file. Lines
/// that are comments read nothing.
fn secrets_read(text: &str) -> BTreeSet<SecretName> {
    static EXPRESSION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)\$\{\{(.*?)\}\}").ok());
    static READ: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:^|[^\w.'-])secrets\s*(?:\.\s*([a-z_][a-z0-9_-]*)|\[\s*'([^']+)'\s*\])").ok()
    });
    let (Some(expression), Some(read)) = (EXPRESSION.as_ref(), READ.as_ref()) else {
        return BTreeSet::new();
    };
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    expression
        .captures_iter(&code)
        .filter_map(|found| found.get(1))
        .flat_map(|inside| read.captures_iter(inside.as_str()))
        .filter_map(|found| found.get(1).or_else(|| found.get(2)))
        // GITHUB_TOKEN cannot be the name of a secret, and nobody keeps it.
        .filter_map(|name| name.as_str().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_expressions_and_nowhere_else() {
        let text = r"
name: publish
on:
  workflow_call:
    secrets:
      OTHER: {required: true}
env:
  CHARMCRAFT_AUTH: ${{ secrets.CHARMCRAFT_AUTH }}
  A: ${{secrets['CHARMHUB_TOKEN']}}
  B: ${{ format('{0}', secrets.mail_key) || secrets . SPACED }}
  C: ${{ secrets.GITHUB_TOKEN }}
  D: ${{ steps.secrets.outputs.NOT_ONE }} ${{ inputs.my-secrets.NOR_THIS }}
  # E: ${{ secrets.COMMENTED }}
steps:
  - run: cat docs/secrets.md secrets.TEXT
  - run: echo ${{
      secrets.ON_TWO_LINES
      }}
";
        let found: Vec<String> = secrets_read(text).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "CHARMCRAFT_AUTH",
                "CHARMHUB_TOKEN",
                "MAIL_KEY",
                "ON_TWO_LINES",
                "SPACED"
            ]
        );
    }
}
