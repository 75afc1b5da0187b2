//! Writes a workspace as a commented file that explains every line.
//!
//! The file parses to the same workspace.

use super::workspace::{BundleMode, Select, TokenKind, UpstreamKind};
use super::{Workspace, workspace};

/// Returns `workspace` as a file with comments.
pub fn commented(workspace: &Workspace) -> String {
    let mut file = File::default();
    file.say("A windlass workspace: what to release, from where and to where. Comments");
    file.say("explain the line below them. Strings are in quotation marks, lists in brackets.");
    file.gap();
    file.say("Short name of letters, digits and dashes, shown in the console and in JSON documents.");
    file.line("name", &text(&workspace.name));
    upstream(workspace.upstream.as_ref(), &mut file);
    if !workspace.publish.channels.is_empty() {
        file.gap();
        file.say("How to publish a release.");
        file.table("[publish]");
        file.say("Channels in full form, track/risk; {yyyy-mm} is replaced by the month of the release.");
        file.line("channels", &list(&workspace.publish.channels));
    }
    charms(workspace, &mut file);
    bundle(workspace.bundle.as_ref(), &mut file);
    for token in &workspace.tokens {
        file.gap();
        file.say("A credential that 'windlass rotate' renews in all its target secrets.");
        file.table("[[token]]");
        file.say("charmhub (created by signing in), github or other (imported; GitHub scopes are checked).");
        file.line(
            "kind",
            &text(match token.kind {
                TokenKind::Charmhub => "charmhub",
                TokenKind::Github => "github",
                TokenKind::Other => "other",
            }),
        );
        file.say("Lifetime of a new token in seconds; 15780000s is half a year.");
        file.line("ttl", &text(&format!("{}s", token.ttl.as_secs())));
        file.say("Permissions of the token.");
        file.line("permissions", &list(&token.permissions));
        file.say("GitHub repositories and the names of their Actions secrets.");
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
        file.say("Without an [upstream] table, name each release by hand.");
        return;
    };
    file.say("Where to find upstream releases.");
    file.table("[upstream]");
    file.say("Layout: one directory per release, with a manifest.json that maps images to tags.");
    let kind = match upstream.kind {
        UpstreamKind::ManifestDirectory => "manifest-directory",
    };
    file.line("kind", &text(kind));
    file.say("GitHub repository, OWNER/NAME.");
    file.line("repository", &text(&upstream.repository));
    file.say("Branch to read.");
    file.line("branch", &text(&upstream.branch));
    file.say("Directory of the releases.");
    file.line("path", &text(&upstream.path));
    file.say("Oldest release that 'windlass publish --new' considers, exclusive.");
    file.line("since", &text(&upstream.since));
    file.say("Releases that 'windlass publish --new' selects: newest-per-month or all.");
    let select = match upstream.select {
        Select::NewestPerMonth => "newest-per-month",
        Select::All => "all",
    };
    file.line("select", &text(select));
    file.say("Registry of the images in the manifests.");
    file.line("registry", &text(&upstream.registry));
}

fn charms(workspace: &Workspace, file: &mut File) {
    for charm in &workspace.charms {
        file.gap();
        file.say("A charm; charms are released in the order of this file.");
        file.table("[[charm]]");
        file.say("Name on Charmhub.");
        file.line("name", &text(charm.name.as_str()));
        file.say("GitHub repository, OWNER/NAME.");
        file.line("repository", &text(&charm.repository));
        if charm.resources.is_empty() {
            continue;
        }
        file.say("Resources. 'image' is the manifest key of the image to publish;");
        file.say("a resource without it keeps its revision.");
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
    file.say("The bundle of all charms, and the branch that marks a release as published.");
    file.table("[bundle]");
    file.say("Name on Charmhub.");
    file.line("name", &text(bundle.name.as_str()));
    file.say("GitHub repository, OWNER/NAME.");
    file.line("repository", &text(&bundle.repository));
    file.say("Branch to start release branches from.");
    file.line("base", &text(&bundle.base));
    file.say("Name of a release branch; {release} is replaced by the release.");
    file.line("branch", &text(&bundle.branch));
    file.say("If the bundle cannot be published: required (fail), optional (continue), or off (never");
    file.say("publish the bundle).");
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
        file.say("Registry host.");
        file.line("registry", &text(&family.registry));
        file.say("Owner of the images in the registry.");
        file.line("owner", &text(&family.owner));
        file.say("GitHub repository that builds the images.");
        file.line("repository", &text(&family.repository));
        file.say("Directory of the Dockerfiles.");
        file.line("folder", &text(&family.folder));
        if let Some(schedule) = &family.schedule {
            file.say("When the images are rebuilt, as a cron expression in UTC.");
            file.line("schedule", &text(schedule));
        }
        if let Some(probe) = &family.probe {
            file.say("Package and tag used to check write access.");
            file.line("probe", &text(probe));
        }
        file.say("Images: package under the owner, Dockerfile, and version tag.");
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
