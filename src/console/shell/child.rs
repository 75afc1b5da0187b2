//! Runs the pager and the editor, which use the terminal for a while.
//!
//! Their command is split into words as a shell would (blanks separate, quotes and backslashes keep
//! together), but no shell runs it and nothing is expanded. The text to show is passed on standard
//! input, never as an argument.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Environment variables a child inherits: search path, user, terminal, language, and the settings
/// of pagers and editors. None of them holds a token.
const INHERITED: [&str; 27] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TERMINFO",
    "TERMINFO_DIRS",
    "COLORTERM",
    "NO_COLOR",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "TMPDIR",
    "TZ",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "LESS",
    "LESSCHARSET",
    "VIMINIT",
    "MYVIMRC",
];

/// Splits a command into words. `from` names its origin in errors.
fn words(from: &str, text: &str) -> Result<Vec<String>, Problem> {
    shell_words::split(text).map_err(|_| {
        Problem::new(
            ProblemKind::Config,
            format!("{from} is not a command: a quote is not closed"),
        )
        .cause(SanitizedText::capped(text, 120))
        .hint(format!("for example: export {from}='less -R'"))
    })
}

/// Returns the commands to try for the pager, in order: `PAGER`, `less -R`, `more`. The first
/// installed one is used.
pub fn pagers(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Vec<String>>, Problem> {
    commands(variable, &["PAGER"], &[&["less", "-R"], &["more"]])
}

/// Returns the commands to try for the editor, in order: `VISUAL`, `EDITOR`, `vi`, `nano`.
pub fn editors(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Vec<String>>, Problem> {
    commands(variable, &["VISUAL", "EDITOR"], &[&["vi"], &["nano"]])
}

fn commands(
    variable: impl Fn(&str) -> Option<String>,
    names: &[&str],
    usual: &[&[&str]],
) -> Result<Vec<Vec<String>>, Problem> {
    for name in names {
        let own = words(name, &variable(name).unwrap_or_default())?;
        // A configured program is not replaced by another one if it is missing.
        if !own.is_empty() {
            return Ok(vec![own]);
        }
    }
    let owned = |command: &&[&str]| command.iter().map(|word| (*word).to_owned()).collect();
    Ok(usual.iter().map(owned).collect())
}

/// Returns the environment that a child inherits from this process.
pub fn inherited() -> Vec<(&'static str, OsString)> {
    INHERITED
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}

/// A child that uses the terminal. If windlass ends before it does, it is terminated too: the
/// terminal would be unusable otherwise.
struct Borrower(Option<Child>);

impl Drop for Borrower {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0
            && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
            && matches!(child.try_wait(), Ok(None))
            && let Err(error) = kill_process(pid, Signal::TERM)
        {
            tracing::debug!("could not stop a child process: {error}");
        }
    }
}

/// Runs the first of `commands` that is installed, with `text` on its standard input or else the
/// `keyboard`, and waits until it exits.
pub async fn run(
    commands: Vec<Vec<String>>,
    file: Option<&Path>,
    text: Option<String>,
    keyboard: impl Fn() -> io::Result<Stdio>,
) -> Result<(), Problem> {
    let mut missing = Vec::new();
    for command in commands {
        let Some((program, arguments)) = command.split_first() else {
            continue;
        };
        let mut wanted = Command::new(program);
        wanted.args(arguments).args(file).env_clear().envs(inherited());
        let input = if text.is_some() {
            Ok(Stdio::piped())
        } else {
            keyboard()
        };
        wanted.stdin(input.map_err(|error| failed(program).because(&error))?);
        match wanted.spawn() {
            Ok(child) => {
                let status = attend(Borrower(Some(child)), text).await;
                return told(program, status);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(program.clone()),
            Err(error) => return Err(failed(program).because(&error)),
        }
    }
    let names = missing.join(", ");
    Err(Problem::new(
        ProblemKind::Machine,
        format!("program {} not found", SanitizedText::new(&names)),
    )
    .hint("choose an installed one: export PAGER='less -R', export EDITOR=nano"))
}

async fn attend(mut borrower: Borrower, text: Option<String>) -> io::Result<ExitStatus> {
    let stdin = borrower.0.as_mut().and_then(|child| child.stdin.take());
    if let (Some(mut stdin), Some(text)) = (stdin, text) {
        // Written concurrently: a pager reads only what it shows, and stops reading when it quits.
        drop(tokio::task::spawn_blocking(move || {
            drop(stdin.write_all(text.as_bytes()));
        }));
    }
    let (sender, ended) = tokio::sync::oneshot::channel();
    let Some(child) = &borrower.0 else {
        return Err(io::ErrorKind::NotFound.into());
    };
    // Waits on another thread, so that a signal to windlass is handled meanwhile.
    when_ended(child, move || {
        if sender.send(()).is_err() {
            tracing::trace!("the caller no longer waits for the child process");
        }
    });
    drop(ended.await);
    match borrower.0.take() {
        Some(mut child) => child.wait(),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Calls `then` on another thread once `child` has exited. Its status is left for `wait`.
pub fn when_ended(child: &Child, then: impl FnOnce() + Send + 'static) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Some(pid) = pid {
            // Observed without reaping: the pid stays valid until `wait`.
            match waitid(WaitId::Pid(pid), options) {
                Err(rustix::io::Errno::INTR) => {}
                _ => break,
            }
        }
        then();
    });
}

/// Returns summary and cause in one line.
pub fn in_a_line(problem: &Problem) -> String {
    let why = problem.causes.first().map(|cause| format!(": {cause}"));
    format!("{}{}", problem.summary, why.unwrap_or_default())
}

fn failed(program: &str) -> Problem {
    Problem::new(
        ProblemKind::Machine,
        format!("could not run {}", SanitizedText::capped(program, 80)),
    )
    .hint("check PAGER, VISUAL and EDITOR")
}

fn told(program: &str, status: io::Result<ExitStatus>) -> Result<(), Problem> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(program).cause(format!("it exited with {status}"))),
        Err(error) => Err(failed(program).because(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| (asked == name).then(|| value.to_owned())
    }

    #[test]
    fn words_are_split_and_nothing_is_expanded() {
        for (text, wanted) in [
            ("less -R", &["less", "-R"][..]),
            ("  'my pager'  --title=\"a b\" ", &["my pager", "--title=a b"]),
            (
                "less; rm -rf $HOME `id` | x",
                &["less;", "rm", "-rf", "$HOME", "`id`", "|", "x"],
            ),
            ("a\\ b", &["a b"]),
        ] {
            assert_eq!(pagers(one("PAGER", text)).unwrap(), [wanted], "{text}");
        }
        let problem = pagers(one("PAGER", "less 'x")).unwrap_err();
        assert!(problem.summary.as_str().contains("PAGER"), "{problem}");
    }

    #[test]
    fn what_is_not_chosen_is_what_there_is() {
        assert_eq!(pagers(|_| None).unwrap(), [vec!["less", "-R"], vec!["more"]]);
        assert_eq!(pagers(one("PAGER", " ")).unwrap().len(), 2);
        assert_eq!(editors(one("EDITOR", "nano -w")).unwrap(), [["nano", "-w"]]);
        assert_eq!(editors(|name| Some(name.to_owned())).unwrap(), [["VISUAL"]]);
    }

    #[tokio::test]
    async fn a_child_reads_its_text_and_inherits_no_token() {
        let none = || Ok(Stdio::null());
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let script = folder.path().join("pager");
        std::fs::write(
            &script,
            format!("cat > {0}\nenv | cut -d= -f1 >> {0}\n", out.display()),
        )
        .unwrap();
        let command = vec!["sh".to_owned(), script.display().to_string()];
        let absent = vec!["windlass-no-such-pager".to_owned()];
        // Far more than a pipe buffer holds.
        let text = "line\n".repeat(50_000);
        run(vec![absent.clone(), command], None, Some(text.clone()), none)
            .await
            .unwrap();
        let written = std::fs::read_to_string(&out).unwrap();
        let names = written.strip_prefix(&text).unwrap();
        for name in names
            .lines()
            .filter(|name| !matches!(*name, "PWD" | "SHLVL" | "_" | "OLDPWD"))
        {
            assert!(INHERITED.contains(&name), "{name}");
        }
        let problem = run(vec![absent], None, None, none).await.unwrap_err();
        assert!(
            problem.summary.as_str().contains("windlass-no-such-pager"),
            "{problem}"
        );
        let problem = run(vec![vec!["false".to_owned()]], None, None, none)
            .await
            .unwrap_err();
        assert!(problem.to_string().contains("exit status"), "{problem}");
        // A child that reads nothing is not an error.
        run(vec![vec!["true".to_owned()]], None, Some(text), none)
            .await
            .unwrap();
    }
}
