//! Handles keys and answers of the sign-in dialog.

use ratatui::Frame;

use super::{Ask, Continue, Field, PendingAction, SignIn};
use crate::console::Model;
use crate::console::actions::{Key, Scope};
use crate::console::components::{Dialog, form};
use crate::console::effect::{Effect, RequestId};
use crate::console::given::{Discharge, Entered, Given};
use crate::console::hidden::Hidden;
use crate::console::view::Drawn;
use crate::domain::credential::TokenScope;
use crate::domain::{Problem, ProblemKind};
use crate::plan::{Intent, Plan, TokenStorage};

/// Longest input, in characters; longer than any password that Ubuntu One accepts.
const LONGEST: usize = 512;

/// Opens the dialog for `deed`, which `then` continues, and whose `plan` needs a token with `scope`.
pub fn open(model: &mut Model, (deed, then): (PendingAction, Continue), plan: &Plan, scope: TokenScope) {
    let mut fields = vec![Field::of(Ask::Email), Field::of(Ask::Password)];
    if matches!(&plan.intent, Intent::SignIn(intent) if intent.keep == TokenStorage::EncryptedFile) {
        fields.extend([Field::of(Ask::Passphrase), Field::of(Ask::PassphraseAgain)]);
    }
    model.open(SignIn {
        deed,
        then,
        scope,
        fields,
        at: 0,
        in_flight: None,
        problem: None,
    });
}

impl SignIn {
    /// Applies `key` to the focused field.
    fn edit(&mut self, key: Key) {
        if self.in_flight.is_some() {
            return;
        }
        let Some(field) = self.fields.get_mut(self.at) else {
            return;
        };
        match key {
            Key::Char(c) if field.text.len() < LONGEST => field.text.push(c),
            Key::Backspace => field.text.pop(),
            Key::Ctrl('u' | 'w') => field.text.clear(),
            _ => {}
        }
    }
}

impl Dialog for SignIn {
    fn scope(&self) -> Scope {
        Scope::SIGN_IN
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        super::view::draw(model, self, frame, drawn);
    }

    fn move_by(&mut self, _: &Model, steps: isize) {
        self.at = form::next_field(self.at, self.fields.len(), steps);
    }

    fn pick(&mut self, _: &Model, line: usize) {
        self.at = line.min(self.fields.len().saturating_sub(1));
    }

    fn typed(&mut self, _: &Model, key: Key) {
        self.edit(key);
    }

    /// Pastes without surrounding white space; passwords may be long.
    fn paste(&mut self, _: &Model, text: &Hidden) {
        for c in text.expose().trim().chars().filter(|c| !c.is_control()) {
            self.edit(Key::Char(c));
        }
    }

    /// The input is wiped when the dialog is dropped.
    fn close(self: Box<Self>, model: &mut Model) {
        model.say("sign-in cancelled; nothing started");
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// Handles Enter: moves to the next empty field; after the last one, signs in at Ubuntu One.
pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model
        .dialog_mut::<SignIn>()
        .filter(|dialog| dialog.in_flight.is_none())
    else {
        return Vec::new();
    };
    let count = dialog.fields.len();
    let empty = (1..=count)
        .map(|step| (dialog.at + step) % count)
        .find(|at| dialog.fields.get(*at).is_some_and(|field| field.text.is_empty()));
    if let Some(at) = empty {
        dialog.at = at;
        return Vec::new();
    }
    if dialog.entry(Ask::Passphrase) != dialog.entry(Ask::PassphraseAgain) {
        dialog.problem = Some(Problem::new(ProblemKind::Usage, "the passphrases differ"));
        for field in &mut dialog.fields {
            if matches!(field.ask, Ask::Passphrase | Ask::PassphraseAgain) {
                field.text.clear();
            }
        }
        focus(dialog, Ask::Passphrase);
        return Vec::new();
    }
    let Some(login) = entered(dialog) else {
        return Vec::new();
    };
    let id = model.next_id();
    let Some(dialog) = model.dialog_mut::<SignIn>() else {
        return Vec::new();
    };
    dialog.in_flight = Some(id);
    dialog.problem = None;
    vec![Effect::Discharge {
        id,
        scope: dialog.scope.clone(),
        login,
    }]
}

fn entered(dialog: &SignIn) -> Option<Entered> {
    Some(Entered {
        email: dialog.entry(Ask::Email)?.clone(),
        password: dialog.entry(Ask::Password)?.clone(),
        otp: dialog.entry(Ask::Otp).cloned(),
    })
}

fn focus(dialog: &mut SignIn, ask: Ask) {
    if let Some(at) = dialog.fields.iter().position(|field| field.ask == ask) {
        dialog.at = at;
    }
}

/// Handles the answer of Ubuntu One: continues the action, asks for more, or allows another
/// attempt.
pub fn discharged(model: &mut Model, id: RequestId, result: Result<Discharge, Problem>) -> Vec<Effect> {
    let Some(dialog) = model
        .dialog_mut::<SignIn>()
        .filter(|dialog| dialog.in_flight == Some(id))
    else {
        return Vec::new();
    };
    dialog.in_flight = None;
    match result {
        Ok(Discharge::Signed(proof)) => {
            let given = Given {
                login: entered(dialog),
                proof: Some(proof),
                passphrase: dialog.entry(Ask::Passphrase).cloned(),
            };
            let (deed, then) = (dialog.deed.clone(), dialog.then);
            model.modal = None;
            then(model, deed, given)
        }
        Ok(Discharge::OtpWanted) => {
            if dialog.entry(Ask::Otp).is_none() {
                let after = dialog
                    .fields
                    .iter()
                    .position(|field| field.ask == Ask::Password)
                    .map_or(0, |at| at + 1);
                dialog.fields.insert(after, Field::of(Ask::Otp));
            }
            focus(dialog, Ask::Otp);
            Vec::new()
        }
        Err(problem) => {
            // In any case a one-time password is not valid twice, and a refused password is typed
            // again. Without an answer neither was refused.
            if problem.kind == ProblemKind::Credentials {
                let wrong = if dialog.entry(Ask::Otp).is_some() {
                    Ask::Otp
                } else {
                    Ask::Password
                };
                for field in &mut dialog.fields {
                    if field.ask == wrong {
                        field.text.clear();
                    }
                }
                focus(dialog, wrong);
            }
            dialog.problem = Some(problem);
            Vec::new()
        }
    }
}
