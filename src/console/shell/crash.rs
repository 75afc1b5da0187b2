//! Handles a panic: restores the terminal and writes a report.
//!
//! The report contains the names of the last messages, without their content, which may be secret.
//! Must not panic itself.

use std::backtrace::Backtrace;
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

use chrono::Utc;

use super::redact::{functions, redact};
use super::terminal;
use crate::console::Msg;
use crate::domain::SanitizedText;
use crate::services::private_file;

/// Number of messages remembered.
const REMEMBERED: usize = 200;
/// Words of a message name: a message inside a message, such as `Act(publish)`.
const DEPTH: usize = 2;

static NAMES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
static LAST: Mutex<Option<PathBuf>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// Stores the name of `msg`.
pub fn note(msg: &Msg) {
    let name = name(msg);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if names.len() == REMEMBERED {
        names.pop_front();
    }
    names.push_back(name);
}

/// Returns the name of a message without its content.
pub fn name(msg: &Msg) -> String {
    let mut words = Words::default();
    // Formatting stops at the first part that is not a name, so that nothing after it is formatted.
    if write!(words, "{msg:?}").is_err() {
        words.text.truncate(words.text.trim_end().len());
    }
    words.text
}

/// Collects the names at the start of a debug-printed message: words and brackets, up to [`DEPTH`].
#[derive(Default)]
struct Words {
    text: String,
    deep: usize,
}

impl fmt::Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '(' if self.deep + 1 < DEPTH => {
                    self.deep += 1;
                    self.text.push(' ');
                }
                c if c.is_ascii_alphanumeric() => {
                    // A number does not start a name.
                    if c.is_ascii_digit() && self.text.ends_with(' ') {
                        return Err(fmt::Error);
                    }
                    self.text.push(c);
                }
                _ => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}

/// Returns the path of the last report, if one was written.
pub fn last() -> Option<PathBuf> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Installs the panic hook. A panic of the drawing thread restores the terminal and prints the path
/// of its report. A panic of another thread writes a report too but leaves the screen alone: it
/// arrives as a failed task.
pub fn hook(state: &Path) {
    let folder = state.join("crashes");
    HOOK.call_once(|| {
        let owner: ThreadId = thread::current().id();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !terminal::taken() {
                return usual(info);
            }
            let text = report(info, &Backtrace::force_capture().to_string());
            let path = write(&folder, &text);
            if thread::current().id() != owner {
                tracing::error!("a background task panicked; its report is {path:?}");
                return;
            }
            terminal::give_back();
            drop(io::stderr().write_all(farewell(path.as_deref(), &text).as_bytes()));
        }));
    });
}

fn report(info: &PanicHookInfo, trace: &str) -> String {
    let place = info.location().map_or_else(String::new, ToString::to_string);
    let payload = info.payload();
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("nothing");
    let names = NAMES
        .try_lock()
        .map(|names| names.iter().cloned().collect::<Vec<_>>());
    text(&place, said, &names.unwrap_or_default(), trace)
}

/// Returns the text of the report.
fn text(place: &str, said: &str, names: &[String], trace: &str) -> String {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut out = format!(
        "windlass {} crashed at {}\n\nwhere  {place}\nreason {}\nthe last {} messages, newest \
        last:\n",
        env!("CARGO_PKG_VERSION"),
        Utc::now().format("%Y-%m-%d %H:%M:%S UTC"),
        redact(said, environment),
        names.len(),
    );
    for name in names {
        out.push_str(&format!("  {name}\n"));
    }
    out.push_str("\nbacktrace:\n");
    out.push_str(&functions(trace));
    out
}

fn write(folder: &Path, text: &str) -> Option<PathBuf> {
    let name = format!(
        "{}-{}.txt",
        Utc::now().format("%Y%m%dT%H%M%S%3fZ"),
        std::process::id()
    );
    let path = folder.join(name);
    private_file::write_new(&path, text.as_bytes()).ok()?;
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.clone());
    Some(path)
}

/// Returns what is printed once the terminal is restored.
fn farewell(path: Option<&Path>, text: &str) -> String {
    let mut out = String::from("windlass crashed. This is a bug in windlass.\n");
    if let Some(path) = path {
        let path = SanitizedText::new(path.display().to_string());
        out.push_str(&format!("  report      {path}\n"));
        out.push_str(
            "              it contains no typed text; read it, then attach it to a bug \
            report\n",
        );
    } else {
        out.push_str("  the report could not be written:\n");
        out.push_str(text);
    }
    out.push_str(
        "  what to do  run windlass runs to see interrupted runs, and windlass resume to \
        finish them\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::actions::{ActionId, Key};
    use crate::console::panes::PaneId;
    use crate::domain::{Problem, ProblemKind};

    #[test]
    fn names_say_what_happened_and_nothing_of_it() {
        for (msg, wanted) in [
            (Msg::Key(Key::Char('x')), "Key Char"),
            (Msg::Key(Key::F(5)), "Key F"),
            (Msg::Pane(PaneId::CHARMS), "Pane Charms"),
            (Msg::Act(ActionId::PUBLISH), "Act publish"),
            (Msg::Paste("sesame".into()), "Paste Hidden"),
            (Msg::Said("sesame".to_owned()), "Said"),
            (Msg::Resize(80, 24), "Resize"),
            (Msg::Twice, "Twice"),
            (
                Msg::Started(7, Err(Problem::new(ProblemKind::Internal, "sesame"))),
                "Started",
            ),
            (
                Msg::Broken(Problem::new(ProblemKind::Internal, "sesame")),
                "Broken Problem",
            ),
        ] {
            assert_eq!(name(&msg), wanted);
        }
    }

    #[test]
    fn the_report_is_private_and_holds_no_secret() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let names = vec![name(&Msg::Paste("sesame".into()))];
        let said = "value: Login { password: \"sesame\" }";
        let text = text("src/x.rs:1:2", said, &names, "0: windlass::run");
        let path = write(&folder.path().join("crashes"), &text).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let read = std::fs::read_to_string(&path).unwrap();
        assert!(!read.contains("sesame"), "{read}");
        for part in [
            env!("CARGO_PKG_VERSION"),
            "src/x.rs:1:2",
            "Paste Hidden",
            "windlass::run",
        ] {
            assert!(read.contains(part), "{part}: {read}");
        }
        assert!(farewell(Some(&path), &text).contains("windlass resume"));
        assert!(farewell(None, &text).contains("src/x.rs:1:2"));
    }

    #[test]
    fn only_the_last_messages_are_remembered() {
        for _ in 0..REMEMBERED + 50 {
            note(&Msg::Twice);
        }
        assert_eq!(NAMES.lock().unwrap().len(), REMEMBERED);
    }
}
