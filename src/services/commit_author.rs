//! Finds the author of commits: the operator, a job's robot, git's user, or the account of the
//! token.
//!
//! Refuses a name or address that would break a commit's header. The environment is read once,
//! when the services are made.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use url::Url;

use super::github::GitHub;
use crate::config::Operator;
use crate::domain::{Author, GitHubRepository, Problem, ProblemKind, SanitizedText};

/// The account of jobs, as GitHub itself signs for them.
const ROBOT: (&str, &str) = (
    "github-actions[bot]",
    "41898282+github-actions[bot]@users.noreply.github.com",
);
/// Longest name or address in a commit, in bytes.
const LONGEST: usize = 200;
/// How long to wait for git.
const PATIENCE: Duration = Duration::from_secs(5);
/// Variables that locate git's settings; no others are passed to git.
const GIT_VARIABLES: [&str; 5] = [
    "HOME",
    "XDG_CONFIG_HOME",
    "PATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
];

/// Holds what the environment contains about the author.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Lines about the job, if a job runs with its own token.
    job: Option<Vec<String>>,
    /// git's variables; empty without a home folder.
    git: Vec<(&'static str, String)>,
}

impl Surroundings {
    /// Reads `variable` (an environment). `token_from` names the variable that GitHub's token came
    /// from: a job's own token is in `GITHUB_TOKEN`.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<String>, token_from: Option<&str>) -> Self {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let in_job = set("GITHUB_ACTIONS").as_deref() == Some("true") && token_from == Some("GITHUB_TOKEN");
        let git = match set("HOME").or_else(|| set("XDG_CONFIG_HOME")) {
            Some(_) => GIT_VARIABLES
                .into_iter()
                .filter_map(|name| Some((name, set(name)?)))
                .collect(),
            None => Vec::new(),
        };
        Self {
            job: in_job.then(|| job_lines(&set)),
            git,
        }
    }
}

/// Returns the job's address and who started it, without malformed values.
fn job_lines(set: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let address = || {
        let server = Url::parse(&set("GITHUB_SERVER_URL")?).ok()?;
        let repository: GitHubRepository = set("GITHUB_REPOSITORY")?.parse().ok()?;
        let run: u64 = set("GITHUB_RUN_ID")?.parse().ok()?;
        super::http::check(&server).ok()?;
        let path = repository.as_str().split('/').chain(["actions", "runs"]);
        let mut page = server;
        page.set_query(None);
        page.set_fragment(None);
        page.set_username("").ok()?;
        page.set_password(None).ok()?;
        page.path_segments_mut()
            .ok()?
            .clear()
            .extend(path)
            .push(&run.to_string());
        Some(format!("Job: {page}"))
    };
    let actor = || {
        let actor = set("GITHUB_ACTOR")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']');
        (actor.len() <= 100 && actor.chars().all(plain)).then(|| format!("Started-by: {actor}"))
    };
    address().into_iter().chain(actor()).collect()
}

/// Holds name and address, each if found.
#[derive(Default)]
struct Person {
    name: Option<String>,
    email: Option<String>,
}

impl Person {
    fn of(name: Option<&str>, email: Option<&str>) -> Self {
        let given = |text: Option<&str>| {
            text.map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Self {
            name: given(name),
            email: given(email),
        }
    }

    const fn whole(&self) -> bool {
        self.name.is_some() && self.email.is_some()
    }
}

/// Returns the author of what is committed to GitHub now.
pub async fn author(
    github: &GitHub,
    surroundings: &Surroundings,
    operator: &Operator,
) -> Result<Author, Problem> {
    let remarks = surroundings.job.clone().unwrap_or_default();
    let own = Person::of(operator.name.as_deref(), operator.email.as_deref());
    if own.whole() {
        return signed(own, "[operator] in the user configuration", remarks);
    }
    let mut found = if surroundings.job.is_some() {
        Found::of(Person::of(Some(ROBOT.0), Some(ROBOT.1)), "the CI job")
    } else {
        Found::of(
            from_git(&surroundings.git).await,
            "git's user.name and user.email",
        )
    };
    if !found.person.whole() {
        let account = github.identity().await?;
        let email = format!("{}+{}@users.noreply.github.com", account.id, account.login);
        // The name in a profile is free text.
        let name = account.name.filter(|name| fits(name)).unwrap_or(account.login);
        found = Found::of(
            Person::of(Some(&name), Some(&email)),
            "the account of the GitHub token",
        );
    }
    let from = match (&own.name, &own.email) {
        (None, None) => found.from.to_owned(),
        _ => format!("[operator] in the user configuration and {}", found.from),
    };
    let whole = Person {
        name: own.name.or(found.person.name),
        email: own.email.or(found.person.email),
    };
    signed(whole, &from, remarks)
}

struct Found {
    person: Person,
    from: &'static str,
}

impl Found {
    const fn of(person: Person, from: &'static str) -> Self {
        Self { person, from }
    }
}

/// Returns true if `text` is allowed in a commit's header.
fn fits(text: &str) -> bool {
    text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || matches!(c, '<' | '>'))
}

fn signed(person: Person, from: &str, remarks: Vec<String>) -> Result<Author, Problem> {
    let refused = |what: &str| {
        Problem::new(
            ProblemKind::Config,
            format!("cannot create a commit with the {what} from {from}"),
        )
        .cause("it contains control characters or angle brackets, or is not terminated")
        .hint("set name and email in the [operator] table of the user configuration")
    };
    let name = person
        .name
        .filter(|name| fits(name))
        .ok_or_else(|| refused("name"))?;
    let is_address =
        |email: &String| fits(email) && email.contains('@') && !email.contains(char::is_whitespace);
    let email = person
        .email
        .filter(is_address)
        .ok_or_else(|| refused("address"))?;
    Ok(Author {
        name,
        email,
        from: SanitizedText::new(from),
        remarks,
    })
}

/// Returns the author that git would use on this machine, outside of any repository. Empty on a
/// machine without git, or without a home folder.
async fn from_git(variables: &[(&'static str, String)]) -> Person {
    if variables.is_empty() {
        return Person::default();
    }
    let ask = |key: &'static str| {
        let variables = variables.to_vec();
        let asked = tokio::task::spawn_blocking(move || ask_git(&variables, key));
        async move {
            let answered = tokio::time::timeout(PATIENCE, asked).await;
            answered.ok().and_then(Result::ok).flatten()
        }
    };
    let (name, email) = tokio::join!(ask("user.name"), ask("user.email"));
    Person::of(name.as_deref(), email.as_deref())
}

fn ask_git(variables: &[(&'static str, String)], key: &str) -> Option<String> {
    let output = Command::new("git")
        .args(["config", "--get", key])
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        // The settings of the repository that windlass is started in are ignored.
        .current_dir(PathBuf::from("/"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    output.status.success().then(|| line.to_owned())
}

#[cfg(test)]
mod tests;
