//! The dialogs above a screen: help, a problem, details, an input field, a question.
//!
//! Holds their state; at most one is open.

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
    /// The command palette.
    Palette(Palette),
    /// The actions available here, with their keys.
    Help(Help),
    /// A problem in full.
    Problem(Text),
    /// The details of one object.
    Details(Text),
    /// An input field.
    Prompt(Box<Prompt>),
    /// The sign-in.
    SignIn(Box<SignIn>),
    /// Choosing what to upload.
    Upload(Box<Upload>),
    /// The tags of a repository.
    Tags(Box<Tags>),
    /// Choosing the channels to release a revision to.
    Release(Box<Release>),
    /// Choosing the risk to promote a release to.
    Promote(Box<Promote>),
    /// The workflows of a repository.
    Workflows(Box<Workflows>),
    /// The form of a workflow.
    Form(Box<Form>),
    /// A choice between a few options.
    Choose(Choose),
    /// The details of an image.
    Image(Box<Image>),
    /// The question whether to stop a run.
    Stop(RunId),
    /// The question whether to quit while runs are running.
    Leave,
}

/// A text that may be longer than the screen.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its title.
    pub title: String,
    source: Vec<Line>,
    /// Lines wrapped to `width`.
    pub lines: Vec<Line>,
    width: usize,
    /// The first line shown.
    pub offset: usize,
    /// The text that `y` copies.
    pub copy: Option<String>,
    /// The page that `o` opens.
    pub link: Option<String>,
    /// True if signing in is the remedy.
    pub sign_in: bool,
    /// The charm whose details it shows; rebuilt when more is known.
    pub charm: Option<CharmName>,
    /// The search in it.
    pub find: Find,
}

impl Text {
    /// Returns a text dialog.
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

    /// Returns a dialog with a problem in full.
    pub fn of_problem(title: impl Into<String>, problem: &Problem) -> Self {
        let lines = Line::problem(problem);
        let sign_in = problem.wants_sign_in();
        let mut text = Self::new(title, lines);
        text.sign_in = sign_in;
        text.copy = Some(problem.to_string());
        text
    }

    /// Returns the whole text without styles, in lines of at most `width` columns.
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
                let hint = keymap.hint(ActionId::TextSignIn, "sign in and return here");
                self.lines
                    .extend(Line::of("here", hint, Tone::Accent).wrap(width));
            }
        }
    }
}

/// What the typed text is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Confirms running a plan.
    Start(Box<Plan>),
    /// Confirms resuming a run.
    Resume(RunId),
    /// Gives another tag or digest for an image.
    Replace(String),
}

/// An input field with a question.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Its title.
    pub title: String,
    /// The question.
    pub lines: Vec<Line>,
    /// The required word, if there is one.
    pub wanted: Option<String>,
    /// The input.
    pub input: Input,
    /// Why the last input was rejected.
    pub error: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
}

/// Applies `key` to `input`; returns true if the key edits it.
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

/// Width of text dialogs in columns, borders included.
pub const TEXT_COLUMNS: u16 = 96;

/// Returns lines and columns inside the border of a text dialog.
pub fn text_size(model: &Model) -> (usize, usize) {
    let rect = layout::dialog(model, TEXT_COLUMNS, model.lines);
    (
        usize::from(rect.width.saturating_sub(4)),
        usize::from(rect.height.saturating_sub(2)),
    )
}

/// Returns the lines of the list in the palette or help: without the field above and the three
/// lines below.
pub fn search_height(model: &Model) -> u16 {
    let rect = layout::dialog(model, TEXT_COLUMNS, model.lines);
    rect.height.saturating_sub(6)
}

/// Wraps texts to the width of the screen and clamps scroll positions.
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

/// Moves the selection or scrolls the dialog by `steps` lines.
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
