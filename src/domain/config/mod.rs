//! Finds and reads the workspace and user configuration, and records where each value is from.
//!
//! Every error names file, line and column. No service is contacted.

mod appearance;
mod commented;
pub mod file;
mod keys;
mod place;
mod user;
pub mod workspace;

use std::path::{Path, PathBuf};

pub use appearance::{Colors, Glyphs, Paint, ThemeName};
pub use commented::commented;
pub use keys::{KeyTable, KeyWish};
pub use place::Place;
pub use user::{Notify, Operator, UserConfig};
pub use workspace::Workspace;

use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Folder of the user's own workspaces, below the configuration folder.
const FOLDER: &str = "windlass/workspaces";

/// Workspaces that are built into windlass.
const BUILT_IN: [(&str, &str); 2] = [
    ("legend", include_str!("../../../assets/workspaces/legend.toml")),
    ("regtech", include_str!("../../../assets/workspaces/regtech.toml")),
];

/// Returns the names of all workspaces: the built-in ones and those in the user's folder.
pub fn names(config_home: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folder = config_home.and_then(|home| std::fs::read_dir(home.join(FOLDER)).ok());
    for entry in folder.into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "toml")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names
}

/// Returns the built-in workspace `name`.
pub fn built_in(name: &str) -> Result<Workspace, Problem> {
    let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
        return Err(Problem::new(
            ProblemKind::Usage,
            format!(
                "built-in workspace '{}' not found",
                SanitizedText::capped(name, 60)
            ),
        )
        .hint("built-in workspaces are legend and regtech"));
    };
    Workspace::parse(text, name)
}

/// Origin of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built into windlass.
    BuiltIn,
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Variable(&'static str),
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Flag => f.write_str("command line"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(path) => write!(f, "{}", SanitizedText::new(path.display().to_string())),
        }
    }
}

/// The whole configuration with the origins of its values.
#[derive(Clone, Debug)]
pub struct Config {
    /// The selected workspace.
    pub workspace: Workspace,
    /// Why this workspace was selected.
    pub chosen_by: Origin,
    /// Where the workspace was read from.
    pub workspace_from: Origin,
    /// Text of the workspace file.
    pub workspace_text: String,
    /// The user's settings.
    pub user: UserConfig,
    /// Path of the user's file; it need not exist.
    pub user_file: Option<PathBuf>,
}

impl Config {
    /// Reads the configuration. The workspace is named by `flag` (`--workspace`),
    /// `WINDLASS_WORKSPACE` (through `variable`), the user's file under `config_home`, or is
    /// `legend`, in this order.
    pub fn load(
        flag: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
        config_home: Option<&Path>,
    ) -> Result<Self, Problem> {
        let user_file = config_home.map(|home| home.join("windlass").join("config.toml"));
        let (user, mut faults) = match &user_file {
            Some(path) => UserConfig::read_all(path)?,
            None => Default::default(),
        };
        let from_env = variable("WINDLASS_WORKSPACE").filter(|text| !text.is_empty());
        let (name, chosen_by) = match (flag, from_env, &user.workspace, &user_file) {
            (Some(name), ..) => (name.to_owned(), Origin::Flag),
            (None, Some(name), ..) => (name, Origin::Variable("WINDLASS_WORKSPACE")),
            (None, None, Some(name), Some(path)) => (name.clone(), Origin::File(path.clone())),
            _ => ("legend".to_owned(), Origin::BuiltIn),
        };
        if let (Some(named), Some(file)) = (&user.workspace, &user_file) {
            // Checked although another one is chosen now: later it would surprise.
            faults.extend(find(named, config_home).err().map(|problem| {
                let text = file::text_within(file, file::SMALL).unwrap_or_default();
                let shown = SanitizedText::new(file.display().to_string());
                Place::of_value(&text, shown.as_str(), "workspace", named).fault(&problem)
            }));
        }
        let shown = user_file
            .as_ref()
            .map(|path| SanitizedText::new(path.display().to_string()));
        if let Some(problem) = shown.and_then(|file| user::all_wrong(faults, file.as_str())) {
            return Err(problem);
        }
        let (workspace_text, workspace_from) = find(&name, config_home)?;
        let shown = workspace_from.to_string();
        let workspace = Workspace::parse(&workspace_text, &shown)?;
        Ok(Self {
            workspace,
            chosen_by,
            workspace_from,
            workspace_text,
            user,
            user_file,
        })
    }
}

/// The keys of the user's file under `config_home`, whatever else is wrong with it.
pub fn key_wishes(config_home: Option<&Path>) -> Vec<KeyWish> {
    let file = config_home.map(|home| home.join("windlass").join("config.toml"));
    let read = file.and_then(|path| UserConfig::read_all(&path).ok());
    read.map_or_else(Vec::new, |(user, _)| user.key_wishes)
}

fn find(name: &str, config_home: Option<&Path>) -> Result<(String, Origin), Problem> {
    let is_file = name.contains('/') || Path::new(name).extension().is_some_and(|e| e == "toml");
    if !is_file {
        let own = config_home.map(|home| home.join(FOLDER).join(format!("{name}.toml")));
        if let Some(path) = own.filter(|path| path.is_file()) {
            return Ok((read(&path)?, Origin::File(path)));
        }
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Ok(((*text).to_owned(), Origin::BuiltIn));
        }
        return Err(Problem::new(
            ProblemKind::Config,
            format!("workspace '{}' not found", SanitizedText::new(name)),
        )
        .hint("use legend, regtech, or the path of a workspace file"));
    }
    let path = PathBuf::from(name);
    Ok((read(&path)?, Origin::File(path)))
}

fn read(path: &Path) -> Result<String, Problem> {
    file::text_within(path, file::SMALL).map_err(|error| {
        Problem::new(
            ProblemKind::Config,
            format!("cannot read {}", SanitizedText::new(path.display().to_string())),
        )
        .because(&error)
        .hint("check the path and its permissions")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_built_in_workspaces_are_sound() {
        for (name, _) in BUILT_IN {
            let config = Config::load(Some(name), |_| None, None).unwrap();
            assert_eq!(config.workspace.name, name);
        }
    }

    #[test]
    fn flag_beats_variable_beats_default() {
        let variable = |name: &str| (name == "WINDLASS_WORKSPACE").then(|| "regtech".to_owned());
        assert_eq!(
            Config::load(None, variable, None).unwrap().workspace.name,
            "regtech"
        );
        assert_eq!(
            Config::load(Some("legend"), variable, None)
                .unwrap()
                .workspace
                .name,
            "legend"
        );
        assert_eq!(
            Config::load(None, |_| None, None).unwrap().workspace.name,
            "legend"
        );
    }

    #[test]
    fn an_unknown_workspace_hides_no_other_fault_of_the_users_file() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("windlass")).unwrap();
        let text = "workspace = \"nope\"\ntheme = \"drak\"\n[keys]\npublish = \"P\"\n";
        std::fs::write(home.path().join("windlass/config.toml"), text).unwrap();
        let problem = Config::load(None, |_| None, Some(home.path())).unwrap_err();
        for word in ["2 settings", "nope", "line 1", "drak", "line 2"] {
            assert!(problem.to_string().contains(word), "{word}: {problem}");
        }
        let wishes = key_wishes(Some(home.path()));
        assert_eq!(wishes.len(), 1, "its keys are checked too");
    }

    #[test]
    fn an_unknown_workspace_says_what_there_is() {
        let problem = Config::load(Some("nope"), |_| None, None).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Config);
        assert!(problem.hints[0].as_str().contains("legend"));
    }
}
