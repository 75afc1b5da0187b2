//! Writes a workspace as a commented file that explains every line.
//!
//! The file parses to the same workspace.

use super::workspace::{BundleMode, Select, TokenKind, UpstreamKind};
use super::{Workspace, workspace};

/// Returns `workspace` as a file with comments.
pub fn commented(workspace: &Workspace) -> String {
    let mut file = File::default();
    file.say("A workspace of windlass: what is released together, from where and to where. A line that");
    file.say(
        "begins with # explains the line below it. Strings stand in quotation marks, lists in brackets.",
    );
    file.gap();
    file.say("A short name of letters, digits and dashes. It heads the console and every JSON document.");
    file.line("name", &text(&workspace.name));
    upstream(workspace.upstream.as_ref(), &mut file);
    if !workspace.publish.channels.is_empty() {
        file.gap();
        file.say("How a release is published.");
        file.table("[publish]");
        file.say("Channels in full form, track/risk; {yyyy-mm} stands for the month in the release's name.");
        file.line("channels", &list(&workspace.publish.channels));
    }
    charms(workspace, &mut file);
    bundle(workspace.bundle.as_ref(), &mut file);
    for token in &workspace.tokens {
        file.gap();
        file.say("A credential that 'windlass rotate' renews in every repository that holds a copy of it.");
        file.table("[[token]]");
        file.say("charmhub (minted by a sign-in), github (brought, its scopes checked) or other (brought).");
        file.line(
            "kind",
            &text(match token.kind {
                TokenKind::Charmhub => "charmhub",
                TokenKind::Github => "github",
                TokenKind::Other => "other",
            }),
        );
        file.say("How long a new one lives, in seconds; 15780000s is half a year.");
        file.line("ttl", &text(&format!("{}s", token.ttl.as_secs())));
        file.say("What it must be allowed, no more.");
        file.line("permissions", &list(&token.permissions));
        file.say("Where it is kept: a repository on GitHub, and the name of its secret for Actions.");
        let targets = token.targets.iter().map(|target| {
            let (repository, secret) = (target.repository.to_string(), target.secret.to_string());
            format!(
                "{{ repository = {}, secret = {} }}",
                text(&repository),
                text(&secret)
            )
        });
        file.lines("targets", targets);
    }
    families(workspace, &mut file);
    file.0
}

fn upstream(upstream: Option<&workspace::Upstream>, file: &mut File) {
    file.gap();
    let Some(upstream) = upstream else {
        file.say("There is no [upstream] table: nothing tells of releases, and each is named by hand.");
        return;
    };
    file.say("Where upstream releases are found.");
    file.table("[upstream]");
    file.say("How they are laid out: one folder a release, holding manifest.json with images and tags.");
    let kind = match upstream.kind {
        UpstreamKind::ManifestDirectory => "manifest-directory",
    };
    file.line("kind", &text(kind));
    file.say("The repository on GitHub, OWNER/NAME.");
    file.line("repository", &text(&upstream.repository));
    file.say("The branch that counts.");
    file.line("branch", &text(&upstream.branch));
    file.say("The folder of releases in it.");
    file.line("path", &text(&upstream.path));
    file.say("Only releases named after this one are taken by the rule below.");
    file.line("since", &text(&upstream.since));
    file.say("The rule that 'windlass publish --new' takes releases by: newest-per-month, or all.");
    let select = match upstream.select {
        Select::NewestPerMonth => "newest-per-month",
        Select::All => "all",
    };
    file.line("select", &text(select));
    file.say("The registry that holds the images which manifests name.");
    file.line("registry", &text(&upstream.registry));
}

fn charms(workspace: &Workspace, file: &mut File) {
    for charm in &workspace.charms {
        file.gap();
        file.say("A charm; charms are released in the order of this file.");
        file.table("[[charm]]");
        file.say("Its name on Charmhub.");
        file.line("name", &text(charm.name.as_str()));
        file.say("Its repository on GitHub, OWNER/NAME.");
        file.line("repository", &text(&charm.repository));
        if charm.resources.is_empty() {
            continue;
        }
        file.say("Its resources. 'image' is the manifest's key of the image that a publish puts there;");
        file.say("without it the resource stays as it is.");
        let resources = charm.resources.iter().map(|resource| {
            let name = text(resource.name.as_str());
            match &resource.image {
                Some(image) => format!("{{ name = {name}, image = {} }}", text(image)),
                None => format!("{{ name = {name} }}"),
            }
        });
        file.lines("resources", resources);
    }
}

fn bundle(bundle: Option<&workspace::Bundle>, file: &mut File) {
    let Some(bundle) = bundle else {
        return;
    };
    file.gap();
    file.say("The bundle that ties the charms, and the branch that marks a release as published.");
    file.table("[bundle]");
    file.say("Its name on Charmhub.");
    file.line("name", &text(bundle.name.as_str()));
    file.say("Its repository on GitHub, OWNER/NAME.");
    file.line("repository", &text(&bundle.repository));
    file.say("The branch that the branch of a release begins from.");
    file.line("base", &text(&bundle.base));
    file.say("The name of that branch; {release} stands for the release.");
    file.line("branch", &text(&bundle.branch));
    file.say("What a bundle that cannot be made means: required (the publish fails), optional (it goes");
    file.say("on), or off (none is made).");
    let mode = match bundle.mode {
        BundleMode::Required => "required",
        BundleMode::Optional => "optional",
        BundleMode::Off => "off",
    };
    file.line("mode", &text(mode));
}

fn families(workspace: &Workspace, file: &mut File) {
    for family in &workspace.families {
        file.gap();
        file.say("A family of base images in one registry.");
        file.table("[[family]]");
        file.say("The registry.");
        file.line("registry", &text(&family.registry));
        file.say("The organisation in it that the images belong to.");
        file.line("owner", &text(&family.owner));
        file.say("The repository on GitHub that builds them.");
        file.line("repository", &text(&family.repository));
        file.say("The folder of its Dockerfiles.");
        file.line("folder", &text(&family.folder));
        if let Some(schedule) = &family.schedule {
            file.say("When they are rebuilt, as a cron expression in UTC.");
            file.line("schedule", &text(schedule));
        }
        if let Some(probe) = &family.probe {
            file.say("A package and tag that prove the right to write.");
            file.line("probe", &text(probe));
        }
        file.say("The images: the package under the owner, its Dockerfile, and the tag that moves.");
        let images = family.images.iter().map(|image| {
            let (package, dockerfile) = (text(&image.package), text(&image.dockerfile));
            format!(
                "{{ package = {package}, dockerfile = {dockerfile}, tag = {} }}",
                text(&image.tag)
            )
        });
        file.lines("images", images);
    }
}

#[derive(Default)]
struct File(String);

impl File {
    fn say(&mut self, comment: &str) {
        self.put(&format!("# {comment}"));
    }

    fn table(&mut self, title: &str) {
        self.put(title);
    }

    fn line(&mut self, key: &str, value: &str) {
        self.put(&format!("{key} = {value}"));
    }

    fn lines(&mut self, key: &str, values: impl Iterator<Item = String>) {
        self.put(&format!("{key} = ["));
        for value in values {
            self.put(&format!("  {value},"));
        }
        self.put("]");
    }

    fn gap(&mut self) {
        self.put("");
    }

    fn put(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

/// Returns `value` as a TOML string, quoted and escaped as needed.
fn text(value: &str) -> String {
    toml::Value::from(value).to_string()
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| text(value)).collect();
    format!("[{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BUILT_IN;

    #[test]
    fn what_is_written_reads_back_as_the_same_workspace() {
        for (name, built_in) in BUILT_IN {
            let workspace = Workspace::parse(built_in, name).unwrap();
            let written = commented(&workspace);
            assert_eq!(Workspace::parse(&written, name).unwrap(), workspace, "{written}");
        }
        let odd = Workspace {
            name: "odd".into(),
            ..Workspace::parse("name = \"odd\"\n[publish]\nchannels = []", "x").unwrap()
        };
        assert_eq!(Workspace::parse(&commented(&odd), "x").unwrap(), odd);
        assert_eq!(text("a\"b\\c\n"), toml::Value::from("a\"b\\c\n").to_string());
    }

    #[test]
    fn no_key_stands_without_a_comment() {
        for (name, built_in) in BUILT_IN {
            let written = commented(&Workspace::parse(built_in, name).unwrap());
            let mut before = "";
            for line in written.lines() {
                let key = line.contains(" = ") && !line.starts_with([' ', '#']);
                assert!(!key || before.starts_with('#'), "{line} in\n{written}");
                assert!(line.chars().count() <= 110, "{line}");
                before = line;
            }
        }
    }
}
