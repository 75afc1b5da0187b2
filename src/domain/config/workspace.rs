//! Parses a workspace file: upstream, charms, bundle, image families and secret targets of one
//! system.
//!
//! The checks beyond its syntax are here too. The file holds no secrets and no state.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::place::{self, Place};
use crate::domain::channel::Risk;
use crate::domain::credential::PERMISSIONS;
use crate::domain::problem::combined;
use crate::domain::release::ReleaseName;
use crate::domain::{
    Channel, CharmName, GitHubRepository, Problem, ProblemKind, Repository, ResourceName, SanitizedText,
    SecretTarget,
};

/// A system that is released together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Short name.
    pub name: String,
    /// Source of upstream releases.
    pub upstream: Option<Upstream>,
    /// How a release is published.
    #[serde(default)]
    pub publish: Publish,
    /// The charms, in the order in which they are released.
    #[serde(default, rename = "charm")]
    pub charms: Vec<Charm>,
    /// The bundle of these charms.
    pub bundle: Option<Bundle>,
    /// Credentials that are rotated into secrets of repositories.
    #[serde(default, rename = "token")]
    pub tokens: Vec<Token>,
    /// Families of base images.
    #[serde(default, rename = "family")]
    pub families: Vec<Family>,
}

/// Source of upstream releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Layout of the releases.
    pub kind: UpstreamKind,
    /// `owner/name` on GitHub.
    pub repository: String,
    /// Branch that has the releases.
    pub branch: String,
    /// Folder of the releases.
    pub path: String,
    /// Only releases after this name are selected.
    pub since: String,
    /// Rule that selects the releases to publish.
    pub select: Select,
    /// Registry of the images in the manifest.
    pub registry: String,
}

/// Layouts of upstream releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamKind {
    /// One folder per release with a `manifest.json`.
    ManifestDirectory,
}

/// Rules that select releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The last name of each calendar month.
    NewestPerMonth,
    /// Every release.
    All,
}

/// How a release is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Channels; `{yyyy-mm}` is replaced by the month of the release.
    #[serde(default)]
    pub channels: Vec<String>,
}

/// A charm of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charm {
    /// Name on Charmhub.
    pub name: CharmName,
    /// Repository on GitHub.
    pub repository: String,
    /// Resources of the charm.
    #[serde(default)]
    pub resources: Vec<Resource>,
}

impl Charm {
    /// Returns the resources whose image is named by a manifest, with the manifest's key.
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
    /// Name of the resource.
    pub name: ResourceName,
    /// Key of the image in the manifest; absent if the image is not from the manifest.
    pub image: Option<String>,
}

/// The bundle of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Name on Charmhub.
    pub name: CharmName,
    /// Repository on GitHub.
    pub repository: String,
    /// Branch that releases are made from.
    pub base: String,
    /// Branch that marks a release as published; `{release}` is replaced by its name.
    pub branch: String,
    /// Effect of a failing bundle on a publish.
    pub mode: BundleMode,
}

impl Bundle {
    /// Returns the part of the marker branch before the name of the release.
    pub fn branch_prefix(&self) -> &str {
        self.branch.split("{release}").next().unwrap_or(&self.branch)
    }

    /// Returns the release that `branch` marks. `None` for any other branch, including the branch
    /// of a promotion, whose name has the risk at its end.
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

/// Effect of a failing bundle on a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BundleMode {
    /// The publish fails.
    Required,
    /// The publish continues if the store no longer accepts bundles.
    Optional,
    /// The bundle is not published.
    Off,
}

/// A credential that is rotated into secrets of repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// `charmhub`, `github` or `other`.
    pub kind: TokenKind,
    /// Lifetime of a new token, for example `15780000s`; used only for store tokens, which windlass
    /// can create.
    #[serde(
        default = "half_a_year",
        deserialize_with = "seconds",
        serialize_with = "as_seconds"
    )]
    pub ttl: Duration,
    /// Required permissions of the store or scopes of GitHub.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Secrets that hold it.
    pub targets: Vec<SecretTarget>,
}

/// Kinds of credentials that can be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A Charmhub token: created by a sign-in, or a custom value.
    Charmhub,
    /// A GitHub token: a custom value whose scopes are checked.
    Github,
    /// Any other secret: a custom value that is not checked.
    Other,
}

/// A family of base images in one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Name of the registry.
    pub registry: String,
    /// Owner of the packages in the registry.
    pub owner: String,
    /// Repository that builds the images.
    pub repository: String,
    /// Folder of the Dockerfiles.
    pub folder: String,
    /// Schedule of the rebuilds, as a cron expression in UTC.
    pub schedule: Option<String>,
    /// A package and tag that are used to check write access.
    pub probe: Option<String>,
    /// Images of the family.
    pub images: Vec<FamilyImage>,
}

/// One base image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyImage {
    /// Name of the package under the owner.
    pub package: String,
    /// Path of the Dockerfile.
    pub dockerfile: String,
    /// The moving tag, `vMAJ.MIN.PATCH`.
    pub tag: String,
}

impl Workspace {
    /// Parses and checks a workspace read from `place`.
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
            format!("{count} values in the {file} are invalid")
        });
        match (workspace, problem) {
            (_, Some(problem)) => Err(problem),
            (Some(workspace), None) => Ok(workspace),
            (None, None) => Err(Problem::new(
                ProblemKind::Config,
                format!("cannot read the {file}"),
            )),
        }
    }

    /// Returns the channels that `release` is published to, in the order of the file.
    pub fn channels_for(&self, release: &ReleaseName) -> Result<Vec<Channel>, Problem> {
        self.publish
            .channels
            .iter()
            .map(|text| text.replace("{yyyy-mm}", release.month()).parse())
            .collect()
    }

    /// Returns the charms with at least one image that a manifest names.
    pub fn fed_charms(&self) -> impl Iterator<Item = &Charm> {
        self.charms.iter().filter(|charm| charm.fed().next().is_some())
    }

    /// Returns the charm called `name`.
    pub fn charm(&self, name: &CharmName) -> Option<&Charm> {
        self.charms.iter().find(|charm| &charm.name == name)
    }

    /// Returns every repository of the workspace once: the bundle's, the charms' and those with
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

    /// Returns the upstream, or a problem that explains how to configure one.
    pub fn upstream(&self) -> Result<&Upstream, Problem> {
        self.upstream.as_ref().ok_or_else(|| {
            Problem::new(
                ProblemKind::Config,
                format!(
                    "workspace {} has no [upstream] table, so it has no releases",
                    SanitizedText::new(&self.name)
                ),
            )
            .hint("use another workspace, for example --workspace legend, or add an [upstream] table")
        })
    }

    /// Returns the repository of the manifest's `image`.
    pub fn image_repository(&self, image: &str) -> Result<Repository, Problem> {
        let upstream = self.upstream()?;
        Repository::parse(&format!("{}/{image}", upstream.registry))
    }

    /// Returns every value that is invalid beyond its syntax.
    fn faults(&self) -> Vec<Unsound> {
        let mut faults = Vec::new();
        let mut bad = |key, value: &str, text: String, hint: &str| {
            faults.push(unsound(
                key,
                value,
                Problem::new(ProblemKind::Config, text).hint(hint),
            ));
        };
        let short = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(short) {
            let text = format!("name = '{}' is not a short name", SanitizedText::new(&self.name));
            bad("name", &self.name, text, "use letters, digits and dashes");
        }
        let mut seen = BTreeSet::new();
        for charm in &self.charms {
            if !seen.insert(&charm.name) {
                let text = format!("charm {} is listed twice", charm.name);
                bad("name", charm.name.as_str(), text, "remove one of the two");
            }
        }
        if self.upstream.is_none() && self.fed_charms().next().is_some() {
            let text = "charms use images from a manifest, but there is no [upstream] table".to_owned();
            let hint = "add an [upstream] table, or remove the 'image' keys";
            bad("", "", text, hint);
        }
        if let Some(bundle) = &self.bundle
            && bundle.branch.matches("{release}").count() != 1
        {
            let text = format!(
                "bundle.branch = '{}' must contain {{release}} once",
                SanitizedText::new(&bundle.branch)
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
                let problem = problem.within("upstream.since is invalid");
                faults.push(unsound("since", &upstream.since, problem));
            } else if let Some(date) = upstream.since.get(..10)
                && date.parse::<chrono::NaiveDate>().is_err()
            {
                let text = format!(
                    "upstream.since = '{}' is not a date",
                    SanitizedText::capped(date, 40)
                );
                let problem = Problem::new(ProblemKind::Config, text).hint("write the date as YYYY-MM-DD");
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
                let text = format!(
                    "'{}' is not a Charmhub permission",
                    SanitizedText::capped(name, 60)
                );
                let hint = format!("use one of {}", PERMISSIONS.join(", "));
                faults.push(unsound(
                    "permissions",
                    name,
                    Problem::new(ProblemKind::Config, text).hint(hint),
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

/// Returns why `text` is not a valid channel of `[publish]`, if so.
fn channel_fault(text: &str) -> Option<Unsound> {
    let example = text.replace("{yyyy-mm}", "2025-01");
    let problem = match example.parse::<Channel>() {
        Err(problem) => problem.within("publish.channels is invalid"),
        Ok(channel) if channel.to_string() != example => {
            let said = format!("publish.channels contains '{}'", SanitizedText::new(text));
            Problem::new(ProblemKind::Config, said).hint(format!("use the full form: {channel}"))
        }
        Ok(_) => return None,
    };
    Some(unsound("channels", text, problem))
}

/// An invalid value of the file.
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

    const LEGEND: &str = include_str!("../../../assets/workspaces/legend.toml");

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
            problem.contains("3 values in the workspace (x.toml)"),
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
