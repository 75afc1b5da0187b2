//! What lies over a screen: help, a problem, details, a field to type into, a question.
//!
//! Owns their state; there is at most one. Must not decide what follows from them.

pub mod choose;
pub mod help;
mod line;
pub mod palette;
pub mod search_view;
mod signs;
pub mod view;

pub use choose::{Choice, Choose};
pub use help::Help;
pub use line::Line;
pub use palette::Palette;

use tui_input::{Input, InputRequest};

use super::actions::{ActionId, Key, Keymap};
use super::find::Find;
use super::image::Image;
use super::promote::{self, Promote};
use super::release::Release;
use super::sign_in::SignIn;
use super::tags::{self, Tags};
use super::upload::Upload;
use super::view::look::Tone;
use super::workflows::{self, Form, Workflows};
use super::{Model, layout, release};
use crate::domain::{CharmName, Problem};
use crate::journal::RunId;
use crate::plan::Plan;

/// A dialog.
#[derive(Clone, Debug)]
pub enum Modal {
    /// Everything that can be done, found by a few letters.
    Palette(Palette),
    /// The actions that can be done here, with their keys.
    Help(Help),
    /// Something went wrong.
    Problem(Text),
    /// Everything known of one thing.
    Details(Text),
    /// A field.
    Prompt(Box<Prompt>),
    /// Signing in.
    SignIn(Box<SignIn>),
    /// Naming what is uploaded.
    Upload(Box<Upload>),
    /// The tags of a repository.
    Tags(Box<Tags>),
    /// Choosing where a revision is released.
    Release(Box<Release>),
    /// Choosing where a release is promoted to.
    Promote(Box<Promote>),
    /// Workflows of a repository.
    Workflows(Box<Workflows>),
    /// The form of a workflow.
    Form(Box<Form>),
    /// One of a few things.
    Choose(Choose),
    /// An image looked at closely.
    Image(Box<Image>),
    /// Whether to stop a run.
    Stop(RunId),
    /// Whether to leave while runs go on.
    Leave,
}

/// A text that may be longer than the screen.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its title.
    pub title: String,
    source: Vec<Line>,
    /// Lines broken to `width`.
    pub lines: Vec<Line>,
    width: usize,
    /// First line shown.
    pub offset: usize,
    /// What `y` copies.
    pub copy: Option<String>,
    /// What `o` opens.
    pub link: Option<String>,
    /// True where signing in is the remedy.
    pub sign_in: bool,
    /// The charm that it tells everything of: written anew when more is known.
    pub charm: Option<CharmName>,
    /// What is searched for in it.
    pub find: Find,
}

impl Text {
    /// A text.
    pub fn new(title: impl Into<String>, lines: Vec<Line>) -> Self {
        Self {
            title: title.into(),
            source: lines,
            lines: Vec::new(),
            width: 0,
            offset: 0,
            copy: None,
            link: None,
            sign_in: false,
            charm: None,
            find: Find::default(),
        }
    }

    /// A problem in full.
    pub fn of_problem(title: impl Into<String>, problem: &Problem) -> Self {
        let lines = Line::problem(problem);
        let sign_in = problem.wants_sign_in();
        let mut text = Self::new(title, lines);
        text.sign_in = sign_in;
        text.copy = Some(problem.to_string());
        text
    }

    /// The whole of it without any look, in lines of at most `width` columns.
    pub fn plain(&self, width: usize) -> String {
        let lines = self.source.iter().flat_map(|line| line.wrap(width));
        let body: String = lines
            .map(|line| format!("{}\n", format!("{}{}", line.label, line.text).trim_end()))
            .collect();
        format!("{}\n\n{body}", self.title)
    }

    fn wrap(&mut self, width: usize, keymap: &Keymap) {
        if self.width != width {
            self.width = width;
            self.lines = self.source.iter().flat_map(|line| line.wrap(width)).collect();
            if self.sign_in {
                let hint = keymap.hint(ActionId::TextSignIn, "signs in and comes back");
                self.lines
                    .extend(Line::of("here", hint, Tone::Accent).wrap(width));
            }
        }
    }
}

/// What a typed word is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Confirms a plan.
    Start(Box<Plan>),
    /// Confirms that a run is taken up.
    Resume(RunId),
    /// Names another tag or digest for an image.
    Replace(String),
}

/// A field with a question.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Its title.
    pub title: String,
    /// What is asked.
    pub lines: Vec<Line>,
    /// The word that must be typed, where one must.
    pub wanted: Option<String>,
    /// What is typed.
    pub input: Input,
    /// Why the last try was none.
    pub error: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
}

/// Lets `key` edit `input`; true where it did.
pub fn edit(input: &mut Input, key: Key) -> bool {
    let request = match key {
        Key::Char(c) => InputRequest::InsertChar(c),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home | Key::Ctrl('a') => InputRequest::GoToStart,
        Key::End | Key::Ctrl('e') => InputRequest::GoToEnd,
        Key::Ctrl('u') => InputRequest::DeleteLine,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        Key::Ctrl('k') => InputRequest::DeleteTillEnd,
        _ => return false,
    };
    input.handle(request);
    true
}

/// Columns of text dialogs, borders included.
pub const TEXT_COLUMNS: u16 = 96;

/// Lines and columns inside the box of a text dialog.
pub fn text_size(model: &Model) -> (usize, usize) {
    let rect = layout::dialog(model, TEXT_COLUMNS, model.lines);
    (
        usize::from(rect.width.saturating_sub(4)),
        usize::from(rect.height.saturating_sub(2)),
    )
}

/// Lines of a list inside the palette or help: without the field above and the three lines below.
pub fn search_height(model: &Model) -> u16 {
    let rect = layout::dialog(model, TEXT_COLUMNS, model.lines);
    rect.height.saturating_sub(6)
}

/// Breaks texts to the width of the screen and keeps windows inside.
pub fn settle(model: &mut Model) {
    let (columns, lines) = text_size(model);
    let height = usize::from(search_height(model));
    let keymap = model.setting.keymap.clone();
    let found = match &model.modal {
        Some(Modal::Help(help)) => help::lines(model, help),
        _ => Vec::new(),
    };
    let entries = match &model.modal {
        Some(Modal::Palette(palette)) => palette::listed(model, palette).len(),
        _ => 0,
    };
    match &mut model.modal {
        Some(Modal::Problem(text) | Modal::Details(text)) => {
            text.wrap(columns, &keymap);
            text.offset = text.offset.min(text.lines.len().saturating_sub(lines));
        }
        Some(Modal::Image(image)) => {
            let text = &mut image.text;
            text.wrap(columns, &keymap);
            text.offset = text.offset.min(text.lines.len().saturating_sub(lines));
        }
        Some(Modal::Workflows(dialog)) => {
            if let Some(shown) = &mut dialog.shown {
                let text = &mut shown.text;
                text.wrap(columns, &keymap);
                text.offset = text.offset.min(text.lines.len().saturating_sub(lines));
            }
            workflows::settle(model);
        }
        Some(Modal::Palette(palette)) => palette.settle(entries, height),
        Some(Modal::Help(help)) => help.settle(&found, height),
        Some(Modal::Choose(choose)) => choose.settle(lines.saturating_sub(2)),
        Some(Modal::Tags(_)) => tags::settle(model),
        Some(Modal::Release(_)) => release::settle(model),
        Some(Modal::Promote(_)) => promote::settle(model),
        _ => {}
    }
}

/// Moves what can be moved in the dialog by `steps` lines.
pub fn move_by(model: &mut Model, steps: isize) {
    let entries = match &model.modal {
        Some(Modal::Palette(palette)) => palette::listed(model, palette).len(),
        Some(Modal::Help(help)) => help::count(&help::lines(model, help)),
        _ => 0,
    };
    match &mut model.modal {
        Some(Modal::Problem(text) | Modal::Details(text)) => {
            text.offset = text.offset.saturating_add_signed(steps);
        }
        Some(Modal::Image(image)) => {
            image.text.offset = image.text.offset.saturating_add_signed(steps);
        }
        Some(Modal::Choose(choose)) => choose.move_by(steps),
        Some(Modal::Tags(dialog)) => dialog.at = dialog.at.saturating_add_signed(steps),
        Some(Modal::Release(_)) => release::step(model, steps),
        Some(Modal::Promote(_)) => promote::step(model, steps),
        Some(Modal::Workflows(_)) => workflows::step(model, steps),
        Some(Modal::Palette(palette)) => palette.move_by(steps, entries),
        Some(Modal::Help(help)) => help.move_by(steps, entries),
        _ => {}
    }
}
