//! Actions of palette, help, texts, input fields and choices.

use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, online, scopes,
};
use crate::console::components::Text;
use crate::console::update::{search, terminal};
use crate::console::{Model, choice, review, start, tags};
use crate::plan::Risk;

use Availability::{Enabled, Hidden};

scopes! {
    /// In the palette.
    PALETTE "Palette", typed in [DIALOG, LIST, ALWAYS];
    /// In help.
    HELP "Help", typed in [DIALOG, LIST, ALWAYS];
    /// In details and problems.
    DETAILS "Details and problems" in [TEXT, SEARCHED, SELECTED, LIST, DIALOG, ALWAYS];
    /// In a field.
    PROMPT "Input field", typed in [DIALOG, ALWAYS];
    /// In a choice between a few options.
    CHOOSE "Choice" in [LIST, DIALOG, ALWAYS];
}

actions! {
    [Scope::PALETTE, Scope::HELP, Scope::DETAILS, Scope::PROMPT, Scope::CHOOSE];
    PALETTE_RUN = "palette-run" in Scope::PALETTE, ["enter"], "run",
        "Run the selected action.",
        run search::run_from_palette, footer 1, needed true;
    PALETTE_COMPLETE = "palette-complete" in Scope::PALETTE, ["tab"], "complete",
        "Complete the selected action, or the word under the cursor.",
        run search::complete, footer 2;
    HELP_RUN = "help-run" in Scope::HELP, ["enter"], "run",
        "Run the selected action.",
        run search::run_from_help, footer 1, needed true;
    TEXT_SIGN_IN = "text-sign-in" in Scope::DETAILS, ["L"], "sign in",
        "Sign in to Charmhub, then return here.",
        run review::sign_in, footer 0, if text_sign_in, twin "windlass login";
    TEXT_MOUSE = "text-mouse" in Scope::DETAILS, ["m"], "mouse",
        "Release the mouse to the terminal to select text, or capture it again.",
        run terminal::mouse;
    PROMPT_ACCEPT = "prompt-accept" in Scope::PROMPT, ["enter"], "accept",
        "Accept the input.",
        run start::accept_prompt, footer 1, needed true;
    PROMPT_TAGS = "prompt-tags" in Scope::PROMPT, ["ctrl-t"], "tags",
        "List the tags of the repository and choose one.",
        run tags::open, footer 2, if prompt_tags;
    CHOOSE_ACCEPT = "choose-accept" in Scope::CHOOSE, ["enter"], "choose",
        "Choose the selected answer.",
        run choice::choose, footer 1, needed true;
}

fn text_sign_in(model: &Model) -> Availability {
    match model.dialog::<Text>() {
        Some(text) if text.sign_in => Enabled,
        _ => Hidden,
    }
}

fn prompt_tags(model: &Model) -> Availability {
    let dialog = model.modal.as_deref();
    match dialog.and_then(|dialog| dialog.repository(model)) {
        Some(_) => online(model),
        None => Hidden,
    }
}
