//! The form for starting a workflow by hand: one field per input.
//!
//! Only missing required fields are reported here; other values are checked by the plan.

use ratatui::Frame;
use tui_input::Input;

use crate::console::Model;
use crate::console::actions::{Key, Scope};
use crate::console::components::{Dialog, form};
use crate::console::effect::Effect;
use crate::console::view::Drawn;
use crate::domain::GitHubRepository;
use crate::domain::workflow::{InputKind, WorkflowInput};
use crate::plan::{Intent, WorkflowAction, WorkflowIntent};

/// The state of the workflow form.
#[derive(Clone, Debug)]
pub struct Form {
    /// The repository.
    pub repository: GitHubRepository,
    /// File name of the workflow.
    pub workflow: String,
    /// The fields.
    pub fields: Vec<Field>,
    /// The field with the cursor.
    pub at: usize,
    /// Why the last attempt was rejected.
    pub error: Option<String>,
}

/// An input field.
#[derive(Clone, Debug)]
pub struct Field {
    /// The workflow input it is for.
    pub input: WorkflowInput,
    /// Its value.
    pub value: Input,
}

impl Field {
    /// Returns the allowed values, if they are limited.
    pub fn options(&self) -> Vec<String> {
        match &self.input.kind {
            InputKind::Choice(options) => options.clone(),
            InputKind::Boolean => ["true", "false"].map(str::to_owned).to_vec(),
            InputKind::Text | InputKind::Number | InputKind::Environment => Vec::new(),
        }
    }
}

impl Form {
    /// Returns the form of `workflow` with default values.
    pub fn of(repository: GitHubRepository, workflow: &str, inputs: &[WorkflowInput]) -> Self {
        let field = |input: &WorkflowInput| Field {
            value: Input::new(input.default.clone().unwrap_or_default()),
            input: input.clone(),
        };
        Self {
            repository,
            workflow: workflow.to_owned(),
            fields: inputs.iter().map(field).collect(),
            at: 0,
            error: None,
        }
    }

    /// Returns the intent, with the values that differ from the defaults.
    pub fn intent(&self) -> Intent {
        let inputs = self
            .fields
            .iter()
            .filter(|field| field.value.value() != field.input.default.as_deref().unwrap_or_default())
            .map(|field| (field.input.name.clone(), field.value.value().to_owned()));
        Intent::Workflow(WorkflowIntent {
            repository: self.repository.clone(),
            action: WorkflowAction::Dispatch {
                workflow: self.workflow.clone(),
                inputs: inputs.collect(),
            },
        })
    }
}

impl Dialog for Form {
    fn scope(&self) -> Scope {
        Scope::FORM
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        super::view::draw_form(model, self, frame, drawn);
    }

    fn move_by(&mut self, _: &Model, steps: isize) {
        self.at = form::next_field(self.at, self.fields.len(), steps);
    }

    fn pick(&mut self, _: &Model, line: usize) {
        self.at = line.min(self.fields.len().saturating_sub(1));
    }

    /// Applies a key to the focused field; left and right cycle through the allowed values, if they
    /// are known.
    fn typed(&mut self, _: &Model, key: Key) {
        let Some(field) = self.fields.get_mut(self.at) else {
            return;
        };
        self.error = None;
        let options = field.options();
        if options.is_empty() {
            form::edit(&mut field.value, key);
            return;
        }
        let at = options.iter().position(|one| one == field.value.value());
        let next = match (key, at) {
            (Key::Left, Some(at)) => at.saturating_sub(1),
            (Key::Right | Key::Char(' '), Some(at)) => (at + 1) % options.len(),
            (Key::Left | Key::Right | Key::Char(' '), None) => 0,
            _ => return,
        };
        if let Some(option) = options.get(next) {
            field.value = Input::new(option.clone());
        }
    }
}

/// Opens the review of the start, or moves to the first required field that is empty.
pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    let Some(form) = model.dialog_mut::<Form>() else {
        return Vec::new();
    };
    let empty = |field: &Field| field.input.required && field.value.value().trim().is_empty();
    if let Some(at) = form.fields.iter().position(empty) {
        form.at = at;
        form.error = Some("a value is required".to_owned());
        return Vec::new();
    }
    let intent = form.intent();
    super::update::planned(model, intent)
}
