//! `config new`: writes a workspace file from flags and answers.
//!
//! Asks the questions and offers defaults; never overwrites a file without asking. Answers are
//! checked at once, by the rules of `config check`. Must not contact any service.

use std::fs::OpenOptions;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::NewWorkspace;
use super::login::at_terminal;
use super::output::Output;
use super::pairs::Form;
use super::{Ending, prompt};
use crate::config::workspace::{
    Bundle, BundleMode, Charm, Resource, Select, Token, TokenKind, Upstream, UpstreamKind,
};
use crate::config::{self, Workspace, commented};
use crate::domain::{
    CharmName, GitHubRepository, Problem, ProblemKind, ResourceName, SanitizedText, SecretTarget,
};

const CHARM: Form = Form {
    before: "--charm ",
    shape: "CHARM=OWNER/NAME",
    sign: '=',
};
const RESOURCE: Form = Form {
    before: "--resource ",
    shape: "CHARM:RESOURCE=[KEY]",
    sign: '=',
};
const BUNDLE: Form = Form {
    before: "--bundle ",
    shape: "BUNDLE=OWNER/NAME, or --bundle none",
    sign: '=',
};
const NONE: &str = "none";
/// Half a year.
const TTL: std::time::Duration = std::time::Duration::from_secs(15_780_000);

/// Writes a workspace file.
pub async fn new(wish: &NewWorkspace, output: &Output) -> Ending {
    let asks = std::io::stdin().is_terminal() && !output.yes;
    if !asks && !output.yes {
        return Err(Problem::new(
            ProblemKind::Refused,
            "cannot ask questions without a terminal: no file was written",
        )
        .hint("add --yes and give all values: --name NAME --charm CHARM=OWNER/NAME --channel latest/edge")
        .hint("or copy a built-in workspace: windlass config new --from legend --yes"));
    }
    let desk = Desk { asks, output };
    let workspace = match &wish.from {
        Some(name) => config::built_in(name)?,
        None => asked(wish, &desk).await?,
    };
    let text = commented(&workspace);
    let file = match &wish.out {
        Some(file) => file.clone(),
        None => PathBuf::from(format!("{}.toml", workspace.name)),
    };
    let there = file.symlink_metadata().is_ok();
    if there && !asks {
        return Err(taken(&file));
    }
    if asks {
        output.say(&format!("\n{text}"));
        let shown = shown(&file);
        let question = if there {
            format!("{shown} already exists. Type yes to overwrite it, anything else to cancel: ")
        } else {
            format!("Type yes to write {shown}, anything else to cancel: ")
        };
        if at_terminal(move || prompt::line(&question)).await? != "yes" {
            return Err(Problem::new(
                ProblemKind::Refused,
                "not confirmed: no file was written",
            ));
        }
    }
    write(&file, &text, there)?;
    let next = format!("windlass --workspace {} config check", argument(&file));
    if output.json {
        let content = vec![
            ("file", json!(shown(&file))),
            ("text", json!(text)),
            ("next", json!(next)),
        ];
        output.document("config-new", Some(&workspace.name), content);
    } else {
        output.answer(&format!(
            "wrote workspace {} to {}\nnext: {next}\n",
            workspace.name,
            shown(&file)
        ));
    }
    Ok(0)
}

fn shown(file: &Path) -> SanitizedText {
    SanitizedText::new(file.display().to_string())
}

fn taken(file: &Path) -> Problem {
    Problem::new(
        ProblemKind::Refused,
        format!("{} already exists and was not overwritten", shown(file)),
    )
    .hint("name another file with --out, or run the command in a terminal without --yes")
}

fn write(file: &Path, text: &str, overwrite: bool) -> Result<(), Problem> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        // A file created meanwhile is not overwritten either.
        options.create_new(true);
    }
    let written = options
        .open(file)
        .and_then(|mut open| open.write_all(text.as_bytes()));
    written.map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            taken(file)
        } else {
            let shown = shown(file);
            Problem::new(ProblemKind::Machine, format!("cannot write {shown}")).because_of_file(
                &error,
                &shown,
                "use --out to name a file in an existing directory that you can write to",
            )
        }
    })
}

/// Returns `file` as one shell word that `--workspace` takes for a file.
fn argument(file: &Path) -> String {
    let text = file.display().to_string();
    let is_file = text.contains('/') || file.extension().is_some_and(|end| end == "toml");
    let text = if is_file { text } else { format!("./{text}") };
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Checks `workspace` as if it were read from a file.
fn sound(workspace: Workspace) -> Result<Workspace, Problem> {
    Workspace::parse(&commented(&workspace), "not written yet")
}

/// Reads answers.
struct Desk<'a> {
    /// True if questions are asked.
    asks: bool,
    output: &'a Output,
}

impl Desk<'_> {
    /// Returns what was `given`, else what is typed, else `default`, parsed by `read`. An invalid
    /// answer is explained and asked again.
    async fn answer<T>(
        &self,
        given: Option<&str>,
        question: &str,
        default: &str,
        read: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if let Some(text) = given.or((!self.asks).then_some(default)) {
            return read(text);
        }
        let question = if default.is_empty() {
            format!("{question}: ")
        } else {
            format!("{question} [{default}]: ")
        };
        loop {
            let question = question.clone();
            let typed = at_terminal(move || prompt::line(&question)).await?;
            let text: &str = if typed.is_empty() { default } else { &typed };
            match read(text) {
                Ok(value) => return Ok(value),
                Err(problem) => self.output.explain(&problem),
            }
        }
    }
}

/// Returns the workspace that flags and answers describe.
async fn asked(wish: &NewWorkspace, desk: &Desk<'_>) -> Result<Workspace, Problem> {
    if desk.asks {
        desk.output.say(
            "Press Enter to accept the default in brackets, Ctrl-D to cancel. No network request is made.",
        );
    }
    let default = folder_name();
    let workspace = desk
        .answer(
            wish.name.as_deref(),
            "Short name of the workspace",
            &default,
            |text| {
                sound(Workspace {
                    name: text.to_owned(),
                    ..Workspace::parse("name = \"new\"", "built in")?
                })
            },
        )
        .await?;
    let workspace = upstream(workspace, wish, desk).await?;
    let workspace = charms(workspace, wish, desk).await?;
    let workspace = channels(workspace, wish, desk).await?;
    let workspace = bundle(workspace, wish, desk).await?;
    token(workspace, wish, desk).await
}

/// Returns the current directory's name, reduced to what is valid for a workspace.
fn folder_name() -> String {
    let here = std::env::current_dir().ok();
    let name = here.as_deref().and_then(Path::file_name);
    let name = name.map(|name| name.to_string_lossy().into_owned());
    let fit = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
    let name: String = name.unwrap_or_default().chars().filter(fit).collect();
    if name.is_empty() {
        "my-charms".to_owned()
    } else {
        name
    }
}

fn repository(text: &str) -> Result<String, Problem> {
    text.parse::<GitHubRepository>()
        .map(|repository| repository.to_string())
}

async fn upstream(workspace: Workspace, wish: &NewWorkspace, desk: &Desk<'_>) -> Result<Workspace, Problem> {
    let question = "GitHub repository of the upstream releases (one directory per release, with a \
        manifest.json), or none";
    let found = desk
        .answer(wish.upstream.as_deref(), question, NONE, |text| {
            if text == NONE {
                Ok(None)
            } else {
                repository(text).map(Some)
            }
        })
        .await?;
    let Some(repository) = found else {
        return Ok(workspace);
    };
    // With flags the remaining values are defaults; they are asked for only if the repository was
    // asked for.
    let desk = &Desk {
        asks: desk.asks && wish.upstream.is_none(),
        output: desk.output,
    };
    let wanted = |text: &str, what: &str| {
        if text.trim().is_empty() {
            return Err(Problem::new(ProblemKind::Usage, format!("{what} is missing")));
        }
        Ok(text.to_owned())
    };
    let branch = desk.answer(None, "Branch", "main", |text| wanted(text, "the branch"));
    let branch = branch.await?;
    let path = desk.answer(None, "Directory of the releases", "releases", |text| {
        wanted(text, "the directory")
    });
    let path = path.await?;
    let select = desk.answer(
        None,
        "Releases to publish: newest-per-month or all",
        "newest-per-month",
        |text| match text {
            "newest-per-month" => Ok(Select::NewestPerMonth),
            "all" => Ok(Select::All),
            _ => Err(Problem::new(
                ProblemKind::Usage,
                format!("'{}' is not a selection rule", SanitizedText::capped(text, 60)),
            )
            .hint("use newest-per-month or all")),
        },
    );
    let select = select.await?;
    let since = desk.answer(None, "Only releases newer than", "2000-01-01", |text| {
        wanted(text, "the name of a release, such as 2025-01-27,")
    });
    let since = since.await?;
    desk.answer(
        None,
        "Registry of the images in the manifests",
        "docker.io",
        |text| {
            // A registry is validated as part of a repository name.
            crate::domain::Repository::parse(&format!("{text}/owner/name"))?;
            let upstream = Upstream {
                kind: UpstreamKind::ManifestDirectory,
                repository: repository.clone(),
                branch: branch.clone(),
                path: path.clone(),
                since: since.clone(),
                select,
                registry: text.to_owned(),
            };
            sound(Workspace {
                upstream: Some(upstream),
                ..workspace.clone()
            })
        },
    )
    .await
}

async fn charms(
    mut workspace: Workspace,
    wish: &NewWorkspace,
    desk: &Desk<'_>,
) -> Result<Workspace, Problem> {
    let given = CHARM.read(&wish.charm, |name, place| {
        Ok((name.parse::<CharmName>()?, repository(place)?))
    })?;
    let resources = RESOURCE.read(&wish.resource, |name, key| {
        let (charm, resource) = name.split_once(':').ok_or_else(|| {
            Problem::new(
                ProblemKind::Usage,
                format!(
                    "--resource {} does not name a charm",
                    SanitizedText::capped(name, 100)
                ),
            )
            .hint("use --resource CHARM:RESOURCE=[KEY]")
        })?;
        let (charm, resource) = (charm.parse::<CharmName>()?, resource.parse::<ResourceName>()?);
        let image = (!key.is_empty()).then(|| key.to_owned());
        Ok((
            format!("{charm}:{resource}"),
            (
                charm,
                Resource {
                    name: resource,
                    image,
                },
            ),
        ))
    })?;
    let mut resources: Vec<(String, (CharmName, Resource))> = resources.into_iter().collect();
    // In the order given, which is the order of release.
    for text in &wish.charm {
        let name: CharmName = text.split('=').next().unwrap_or_default().parse()?;
        let Some(repository) = given.get(&name) else {
            continue;
        };
        let own = resources.extract_if(.., |(_, (charm, _))| *charm == name);
        workspace.charms.push(Charm {
            resources: own.map(|(_, (_, resource))| resource).collect(),
            repository: repository.clone(),
            name,
        });
        workspace = sound(workspace)?;
    }
    if let Some((name, (charm, _))) = resources.first() {
        return Err(Problem::new(
            ProblemKind::Usage,
            format!("--resource {name} has no matching --charm"),
        )
        .hint(format!("add --charm {charm}=OWNER/NAME")));
    }
    if !desk.asks || !wish.charm.is_empty() {
        return Ok(workspace);
    }
    loop {
        let question = "Name of a charm on Charmhub, or none";
        let name = desk.answer(None, question, NONE, |text| {
            if text == NONE {
                return Ok(None);
            }
            let name: CharmName = text.parse()?;
            if workspace.charm(&name).is_some() {
                return Err(Problem::new(
                    ProblemKind::Usage,
                    format!("{name} is already listed"),
                ));
            }
            Ok(Some(name))
        });
        let Some(name) = name.await? else {
            return Ok(workspace);
        };
        workspace = charm(workspace, name, desk).await?;
    }
}

/// Returns the owner of the repository named last, as the default for the next one.
fn owner(workspace: &Workspace) -> Option<&str> {
    let of_charm = workspace.charms.last().map(|charm| &charm.repository);
    let named = of_charm.or(workspace.upstream.as_ref().map(|upstream| &upstream.repository));
    named.and_then(|name| name.split('/').next())
}

async fn charm(workspace: Workspace, name: CharmName, desk: &Desk<'_>) -> Result<Workspace, Problem> {
    let default = owner(&workspace).map(|owner| format!("{owner}/{name}-operator"));
    let question = format!("  GitHub repository of {name}, OWNER/NAME");
    let mut workspace = desk
        .answer(None, &question, default.as_deref().unwrap_or_default(), |text| {
            let mut next = workspace.clone();
            next.charms.push(Charm {
                name: name.clone(),
                repository: repository(text)?,
                resources: Vec::new(),
            });
            sound(next)
        })
        .await?;
    loop {
        let question = format!("  Name of a resource of {name}, or none");
        let resource = desk.answer(None, &question, NONE, |text| match text {
            NONE => Ok(None),
            text => text.parse::<ResourceName>().map(Some),
        });
        let Some(resource) = resource.await? else {
            return Ok(workspace);
        };
        let with = |image: Option<String>| {
            let mut next = workspace.clone();
            if let Some(charm) = next.charms.last_mut() {
                charm.resources.push(Resource {
                    name: resource.clone(),
                    image,
                });
            }
            sound(next)
        };
        workspace = if workspace.upstream.is_some() {
            let question = format!("    Manifest key of the image for {resource}, or none");
            let image = desk.answer(None, &question, NONE, |text| match text {
                NONE => with(None),
                key => with(Some(key.to_owned())),
            });
            image.await?
        } else {
            with(None)?
        };
    }
}

async fn channels(workspace: Workspace, wish: &NewWorkspace, desk: &Desk<'_>) -> Result<Workspace, Problem> {
    let given = (!wish.channel.is_empty()).then(|| wish.channel.join(" "));
    let default = if workspace.upstream.is_some() {
        "{yyyy-mm}/edge latest/edge"
    } else {
        "latest/edge"
    };
    let question =
        "Channels to release to, separated by spaces; {yyyy-mm} is replaced by the month of the release";
    desk.answer(given.as_deref(), question, default, |text| {
        let mut next = workspace.clone();
        next.publish.channels = text.split_whitespace().map(str::to_owned).collect();
        sound(next)
    })
    .await
}

async fn bundle(workspace: Workspace, wish: &NewWorkspace, desk: &Desk<'_>) -> Result<Workspace, Problem> {
    let with = |name: &str, place: &str| {
        let bundle = Bundle {
            name: name.parse()?,
            repository: repository(place)?,
            base: "main".to_owned(),
            branch: "release-{release}".to_owned(),
            mode: BundleMode::Optional,
        };
        sound(Workspace {
            bundle: Some(bundle),
            ..workspace.clone()
        })
    };
    if let Some(given) = &wish.bundle {
        if given == NONE {
            return Ok(workspace);
        }
        let pairs = BUNDLE.read(std::slice::from_ref(given), |name, place| {
            Ok((name.to_owned(), place.to_owned()))
        })?;
        return match pairs.first_key_value() {
            Some((name, place)) => with(name, place),
            None => Ok(workspace),
        };
    }
    let question = "Name of the bundle on Charmhub, or none";
    let name = desk.answer(None, question, NONE, |text| match text {
        NONE => Ok(None),
        text => text.parse::<CharmName>().map(Some),
    });
    let Some(name) = name.await? else {
        return Ok(workspace);
    };
    let default = owner(&workspace).map(|owner| format!("{owner}/{name}"));
    let question = format!("  GitHub repository of {name}, OWNER/NAME");
    desk.answer(None, &question, default.as_deref().unwrap_or_default(), |text| {
        with(name.as_str(), text)
    })
    .await
}

async fn token(workspace: Workspace, wish: &NewWorkspace, desk: &Desk<'_>) -> Result<Workspace, Problem> {
    let given = (!wish.target.is_empty()).then(|| wish.target.join(" "));
    let own = workspace.charms.iter().map(|charm| charm.repository.as_str());
    let own = own.chain(workspace.bundle.as_ref().map(|bundle| bundle.repository.as_str()));
    let own: Vec<String> = own
        .map(|repository| format!("{repository}:CHARMHUB_TOKEN"))
        .collect();
    let default = if own.is_empty() {
        NONE.to_owned()
    } else {
        own.join(" ")
    };
    let question = "Secrets that hold the Charmhub token, as OWNER/NAME:SECRET separated by spaces, or none";
    desk.answer(given.as_deref(), question, &default, |text| {
        let mut next = workspace.clone();
        if text == NONE {
            return Ok(next);
        }
        let targets: Result<Vec<SecretTarget>, Problem> = text.split_whitespace().map(str::parse).collect();
        next.tokens = vec![Token {
            kind: TokenKind::Charmhub,
            ttl: TTL,
            permissions: ["package-manage", "package-view-revisions"]
                .map(str::to_owned)
                .into(),
            targets: targets?,
        }];
        sound(next)
    })
    .await
}
