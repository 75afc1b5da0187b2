//! A workspace: upstream, charms, bundle, image families and secret targets of one system.
//!
//! Owns the shape of workspace files and the checks beyond their syntax. Anyone who publishes
//! charms with images writes one without touching Rust. Must not hold secrets or state.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::place::{self, Place};
use crate::domain::channel::Risk;
use crate::domain::credential::PERMISSIONS;
use crate::domain::problem::combined;
use crate::domain::release::ReleaseName;
use crate::domain::{
    Channel, CharmName, GitHubRepository, Kind, Outside, Problem, Repository, ResourceName, SecretTarget,
};

/// One system that is released together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Its short name.
    pub name: String,
    /// Where releases come from.
    pub upstream: Option<Upstream>,
    /// How a release is published.
    #[serde(default)]
    pub publish: Publish,
    /// The charms, in the order in which they are released.
    #[serde(default, rename = "charm")]
    pub charms: Vec<Charm>,
    /// The bundle that ties them.
    pub bundle: Option<Bundle>,
    /// Credentials that are rotated into repositories.
    #[serde(default, rename = "token")]
    pub tokens: Vec<Token>,
    /// Families of base images.
    #[serde(default, rename = "family")]
    pub families: Vec<Family>,
}

/// Where upstream releases are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// How releases are laid out there.
    pub kind: UpstreamKind,
    /// `owner/name` on GitHub.
    pub repository: String,
    /// The branch that counts.
    pub branch: String,
    /// The folder of releases.
    pub path: String,
    /// Only names after this one are selected by the rule.
    pub since: String,
    /// The rule that selects what is to be published.
    pub select: Select,
    /// The registry that the manifest's images are in.
    pub registry: String,
}

/// Layouts of upstream releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamKind {
    /// One folder a release, holding `manifest.json`.
    ManifestDirectory,
}

/// Rules that select releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The greatest name of each calendar month.
    NewestPerMonth,
    /// Every release.
    All,
}

/// How a release is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Channels, where `{yyyy-mm}` stands for the release's month.
    #[serde(default)]
    pub channels: Vec<String>,
}

/// A charm of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charm {
    /// Its name on Charmhub.
    pub name: CharmName,
    /// Its repository on GitHub.
    pub repository: String,
    /// Its resources.
    #[serde(default)]
    pub resources: Vec<Resource>,
}

impl Charm {
    /// The resources that a manifest feeds, with the manifest's key.
    pub fn fed(&self) -> impl Iterator<Item = (&ResourceName, &str)> {
        self.resources
            .iter()
            .filter_map(|r| r.image.as_deref().map(|image| (&r.name, image)))
    }
}

/// A resource of a charm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its name.
    pub name: ResourceName,
    /// The key of the manifest that feeds it; absent where none does.
    pub image: Option<String>,
}

/// The bundle of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Its name on Charmhub.
    pub name: CharmName,
    /// Its repository on GitHub.
    pub repository: String,
    /// The branch that releases are made from.
    pub base: String,
    /// The branch that marks a release as published; `{release}` stands for its name.
    pub branch: String,
    /// What a failing bundle means.
    pub mode: BundleMode,
}

impl Bundle {
    /// The part of the marker branch before the release's name.
    pub fn branch_prefix(&self) -> &str {
        self.branch.split("{release}").next().unwrap_or(&self.branch)
    }

    /// The release that `branch` marks, if it marks one. The branch of a promotion, whose name goes
    /// on with the risk, marks none.
    pub fn marked_by(&self, branch: &str) -> Option<ReleaseName> {
        let (before, after) = self.branch.split_once("{release}")?;
        let name = branch.strip_prefix(before)?.strip_suffix(after)?;
        let promoted = Risk::ALL.iter().any(|risk| {
            name.strip_suffix(risk.as_str())
                .is_some_and(|rest| rest.ends_with('-'))
        });
        if promoted { None } else { name.parse().ok() }
    }
}

/// What a failing bundle means for a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BundleMode {
    /// The publish fails.
    Required,
    /// The publish goes on where the store no longer takes bundles.
    Optional,
    /// No bundle is made.
    Off,
}

/// A credential that is rotated into repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// `charmhub`, `github` or `other`.
    pub kind: TokenKind,
    /// How long a new one lives, for example `15780000s`; only store tokens are made here.
    #[serde(
        default = "half_a_year",
        deserialize_with = "seconds",
        serialize_with = "as_seconds"
    )]
    pub ttl: Duration,
    /// What it must be allowed: permissions of the store, scopes of GitHub.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Where it is kept.
    pub targets: Vec<SecretTarget>,
}

/// Kinds of credentials that can be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A Charmhub token: minted by a sign-in, or brought.
    Charmhub,
    /// A GitHub token: brought, its scopes checked.
    Github,
    /// Any other secret: brought, unchecked.
    Other,
}

/// A family of base images in one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The registry's name.
    pub registry: String,
    /// The organisation in it.
    pub owner: String,
    /// The repository that builds them.
    pub repository: String,
    /// The folder of its Dockerfiles.
    pub folder: String,
    /// When they are rebuilt, as a cron expression in UTC.
    pub schedule: Option<String>,
    /// A package and tag that prove the right to write.
    pub probe: Option<String>,
    /// The images.
    pub images: Vec<FamilyImage>,
}

/// One base image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyImage {
    /// Its package under the owner.
    pub package: String,
    /// Its Dockerfile.
    pub dockerfile: String,
    /// The tag that moves, `vMAJ.MIN.PATCH`.
    pub tag: String,
}

impl Workspace {
    /// Reads and checks a workspace found at `place`.
    pub fn parse(text: &str, place: &str) -> Result<Self, Problem> {
        let file = format!("workspace ({place})");
        let (workspace, mut faults) = place::parse::<Self>(text, &file);
        let whole = faults.is_empty();
        faults.extend(
            workspace
                .iter()
                .flat_map(Self::faults)
                // What concerns no single value may follow from one that is wrong.
                .filter(|unsound| whole || !unsound.key.is_empty())
                .map(|unsound| {
                    Place::of_value(text, &file, unsound.key, &unsound.value).fault(&unsound.problem)
                }),
        );
        let problem = combined(faults, |count| {
            format!("{count} values of the {file} are not sound")
        });
        match (workspace, problem) {
            (_, Some(problem)) => Err(problem),
            (Some(workspace), None) => Ok(workspace),
            (None, None) => Err(Problem::new(Kind::Config, format!("the {file} cannot be read"))),
        }
    }

    /// The channels that `release` is published to, in the file's order.
    pub fn channels_for(&self, release: &ReleaseName) -> Result<Vec<Channel>, Problem> {
        self.publish
            .channels
            .iter()
            .map(|text| text.replace("{yyyy-mm}", release.month()).parse())
            .collect()
    }

    /// The charms that a manifest feeds.
    pub fn fed_charms(&self) -> impl Iterator<Item = &Charm> {
        self.charms.iter().filter(|charm| charm.fed().next().is_some())
    }

    /// The charm called `name`.
    pub fn charm(&self, name: &CharmName) -> Option<&Charm> {
        self.charms.iter().find(|charm| &charm.name == name)
    }

    /// Every repository that can be worked in, each once: the bundle's, the charms', those with
    /// secrets.
    pub fn repositories(&self) -> Vec<String> {
        let bundle = self.bundle.iter().map(|bundle| bundle.repository.clone());
        let charms = self.charms.iter().map(|charm| charm.repository.clone());
        let targets = self.tokens.iter().flat_map(|token| &token.targets);
        let targets = targets.map(|target| target.repository.to_string());
        let mut all: Vec<String> = bundle.chain(charms).chain(targets).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The upstream, or a problem that says how to name one.
    pub fn upstream(&self) -> Result<&Upstream, Problem> {
        self.upstream.as_ref().ok_or_else(|| {
            Problem::new(
                Kind::Config,
                format!(
                    "workspace {} names no upstream, so it has no releases",
                    Outside::new(&self.name)
                ),
            )
            .hint("choose another workspace, for example --workspace legend, or add an [upstream] table")
        })
    }

    /// The repository that the manifest's `image` lies in.
    pub fn image_repository(&self, image: &str) -> Result<Repository, Problem> {
        let upstream = self.upstream()?;
        Repository::parse(&format!("{}/{image}", upstream.registry))
    }

    /// Every value that no later reader could use.
    fn faults(&self) -> Vec<Unsound> {
        let mut faults = Vec::new();
        let mut bad = |key, value: &str, text: String, hint: &str| {
            faults.push(unsound(key, value, Problem::new(Kind::Config, text).hint(hint)));
        };
        let short = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(short) {
            let text = format!("name = '{}' is not a short name", Outside::new(&self.name));
            bad("name", &self.name, text, "use letters, digits and dashes");
        }
        let mut seen = BTreeSet::new();
        for charm in &self.charms {
            if !seen.insert(&charm.name) {
                let text = format!("charm {} is named twice", charm.name);
                bad("name", charm.name.as_str(), text, "keep one of the two");
            }
        }
        if self.upstream.is_none() && self.fed_charms().next().is_some() {
            let text = "charms take images from a manifest, but there is no [upstream]".to_owned();
            let hint = "add an [upstream] table, or drop the 'image' keys";
            bad("", "", text, hint);
        }
        if let Some(bundle) = &self.bundle
            && bundle.branch.matches("{release}").count() != 1
        {
            let text = format!(
                "bundle.branch = '{}' must hold {{release}} once",
                Outside::new(&bundle.branch)
            );
            bad("branch", &bundle.branch, text, "for example release-{release}");
        }
        faults.extend(
            self.publish
                .channels
                .iter()
                .filter_map(|text| channel_fault(text)),
        );
        if let Some(upstream) = &self.upstream {
            if !upstream.since.is_empty()
                && let Err(problem) = upstream.since.parse::<ReleaseName>()
            {
                let problem = problem.within("upstream.since is wrong");
                faults.push(unsound("since", &upstream.since, problem));
            } else if let Some(date) = upstream.since.get(..10)
                && date.parse::<chrono::NaiveDate>().is_err()
            {
                let text = format!("upstream.since = '{}' is not a date", Outside::capped(date, 40));
                let problem = Problem::new(Kind::Config, text).hint("write it as YYYY-MM-DD");
                faults.push(unsound("since", &upstream.since, problem));
            }
            for (_, image) in self.charms.iter().flat_map(Charm::fed) {
                if let Err(problem) = self.image_repository(image) {
                    faults.push(unsound("image", image, problem));
                }
            }
        }
        for token in self
            .tokens
            .iter()
            .filter(|token| token.kind == TokenKind::Charmhub)
        {
            let unknown = |name: &&String| !PERMISSIONS.contains(&name.as_str());
            for name in token.permissions.iter().filter(unknown) {
                let text = format!("'{}' is not a permission of Charmhub", Outside::capped(name, 60));
                let hint = format!("one of {}", PERMISSIONS.join(", "));
                faults.push(unsound(
                    "permissions",
                    name,
                    Problem::new(Kind::Config, text).hint(hint),
                ));
            }
        }
        let upstream = self.upstream.iter().map(|upstream| &upstream.repository);
        let bundle = self.bundle.iter().map(|bundle| &bundle.repository);
        let charms = self.charms.iter().map(|charm| &charm.repository);
        for repository in upstream.chain(bundle).chain(charms) {
            if let Err(problem) = repository.parse::<GitHubRepository>() {
                faults.push(unsound("repository", repository, problem));
            }
        }
        faults
    }
}

/// Why `text` cannot be a channel of `[publish]`.
fn channel_fault(text: &str) -> Option<Unsound> {
    let example = text.replace("{yyyy-mm}", "2025-01");
    let problem = match example.parse::<Channel>() {
        Err(problem) => problem.within("publish.channels is wrong"),
        Ok(channel) if channel.to_string() != example => {
            let said = format!("publish.channels holds '{}'", Outside::new(text));
            Problem::new(Kind::Config, said).hint(format!("write it in full form: {channel}"))
        }
        Ok(_) => return None,
    };
    Some(unsound("channels", text, problem))
}

/// A value of the file that is wrong.
struct Unsound {
    key: &'static str,
    value: String,
    problem: Problem,
}

fn unsound(key: &'static str, value: &str, problem: Problem) -> Unsound {
    Unsound {
        key,
        value: value.to_owned(),
        problem,
    }
}

const fn half_a_year() -> Duration {
    Duration::from_secs(15_780_000)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.strip_suffix('s')
        .and_then(|digits| digits.parse().ok())
        .map(Duration::from_secs)
        .ok_or_else(|| {
            serde::de::Error::custom(format!("'{text}' is not a number of seconds such as \"3600s\""))
        })
}

fn as_seconds<S: serde::Serializer>(ttl: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{}s", ttl.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGEND: &str = include_str!("../../assets/workspaces/legend.toml");

    fn legend() -> Workspace {
        Workspace::parse(LEGEND, "legend").unwrap()
    }

    #[test]
    fn legend_says_what_the_old_job_did() {
        let workspace = legend();
        let release = "2025-01-27".parse().unwrap();
        let channels: Vec<_> = workspace
            .channels_for(&release)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(channels, ["2025-01/edge", "latest/edge"]);
        assert_eq!(workspace.fed_charms().count(), 3);
        let bundle = workspace.bundle.as_ref().unwrap();
        assert_eq!(
            bundle.marked_by("release-2023-07-03_4").unwrap().to_string(),
            "2023-07-03_4"
        );
        assert_eq!(bundle.marked_by("edge"), None);
        assert_eq!(bundle.marked_by("release-2023-12-05-stable"), None);
        assert_eq!(workspace.tokens[0].targets.len(), 6);
    }

    #[test]
    fn unknown_keys_and_short_channels_are_refused_with_a_remedy() {
        let with_typo = LEGEND.replace("registry = ", "registri = ");
        let problem = Workspace::parse(&with_typo, "x.toml").unwrap_err();
        assert!(problem.to_string().contains("registri"), "{problem}");
        assert!(problem.to_string().contains("line"), "{problem}");
        let short = LEGEND.replace("\"latest/edge\"", "\"edge\"");
        let problem = Workspace::parse(&short, "x.toml").unwrap_err();
        assert!(problem.hints[0].as_str().contains("latest/edge"), "{problem:?}");
    }

    #[test]
    fn every_unsound_value_is_named_at_once_with_its_place() {
        let wrong = LEGEND
            .replace("\"latest/edge\"", "\"edge\"")
            .replace("branch = \"release-{release}\"", "branch = \"marker\"")
            .replace("since = \"", "since = \"yesterday");
        let problem = Workspace::parse(&wrong, "x.toml").unwrap_err().to_string();
        assert!(
            problem.contains("3 values of the workspace (x.toml)"),
            "{problem}"
        );
        let lines = |word: &str| wrong.lines().position(|line| line.contains(word)).unwrap() + 1;
        for word in ["\"edge\"", "\"marker\"", "yesterday"] {
            let place = format!("line {}, column", lines(word));
            assert!(problem.contains(&place), "{place} in {problem}");
        }
    }

    #[test]
    fn faults_of_form_and_of_value_are_named_together() {
        let wrong = LEGEND
            .replace("since = \"2022-04-01\"", "since = \"2022-13-45\"")
            .replace("mode = \"", "mode = \"un")
            .replacen("\"package-manage\"", "\"package-mange\"", 1)
            .replacen("\n[publish]", "\nnosuchkey = 1\n[publish]", 1);
        assert!(wrong.contains("package-mange"));
        let problem = Workspace::parse(&wrong, "x.toml").unwrap_err().to_string();
        for word in ["nosuchkey", "unoptional", "2022-13-45", "package-mange"] {
            assert!(problem.contains(word), "{word}: {problem}");
        }
        assert!(!problem.contains("missing"), "{problem}");
        let missing = LEGEND.replacen("branch = ", "branhc = ", 1);
        let problem = Workspace::parse(&missing, "x.toml").unwrap_err().to_string();
        assert!(problem.contains("branhc"), "{problem}");
    }

    #[test]
    fn a_charm_named_twice_is_refused() {
        let twice = LEGEND.replace("finos-legend-sdlc-k8s", "finos-legend-engine-k8s");
        assert!(
            Workspace::parse(&twice, "x")
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }
}
