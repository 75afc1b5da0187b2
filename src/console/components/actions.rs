//! Actions on whatever list, text or field is in front: moving, searching, copying, closing.

use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, scopes,
};
use crate::console::components::{front, search};
use crate::console::update::terminal;
use crate::console::{Model, panes, review};
use crate::plan::Risk;

use Availability::{Enabled, Hidden};

scopes! {
    /// In every list and text.
    LIST "Lists and texts" in [ALWAYS];
    /// Where a row or text can be copied or has a page.
    SELECTED "Rows and texts with a value" in [ALWAYS];
    /// Where a long text is shown.
    SEARCHED "Long texts" in [ALWAYS];
    /// In a dialog that shows only a text.
    TEXT "Dialogs with a text" in [ALWAYS];
    /// In a dialog with several fields or rows to fill in.
    FIELDS "Forms" in [ALWAYS];
    /// In every dialog except questions.
    DIALOG "Every dialog" in [ALWAYS];
    /// On a screen that was opened from the panes.
    OPENED "Review and run" in [EVERYWHERE, ALWAYS];
    /// In the field of a filter or a search.
    FIELD "Filter and search fields" in [ALWAYS];
    /// While search words are being typed.
    FIND "Search field", typed in [FIELD, ALWAYS];
}

actions! {
    [Scope::LIST, Scope::SELECTED, Scope::SEARCHED, Scope::TEXT, Scope::FIELDS, Scope::DIALOG,
     Scope::OPENED, Scope::FIELD, Scope::FIND];
    UP = "up" in Scope::LIST, ["up", "k"], "up",
        "Move up one row or line.",
        change |model| front::rows(model, -1);
    DOWN = "down" in Scope::LIST, ["down", "j"], "down",
        "Move down one row or line.",
        change |model| front::rows(model, 1);
    PAGE_UP = "page-up" in Scope::LIST, ["pgup", "ctrl-b"], "page up",
        "Move up one page.",
        change |model| front::pages(model, -1);
    PAGE_DOWN = "page-down" in Scope::LIST, ["pgdn", "ctrl-f"], "page down",
        "Move down one page.",
        change |model| front::pages(model, 1);
    TOP = "top" in Scope::LIST, ["home"], "top",
        "Go to the first row or line.",
        change |model| front::lines(model, isize::MIN / 2);
    BOTTOM = "bottom" in Scope::LIST, ["end", "G"], "bottom",
        "Go to the last row or line.",
        change |model| front::lines(model, isize::MAX / 2);
    COPY = "copy" in Scope::SELECTED, ["y"], "copy",
        "Copy the name or digest of what is selected to the clipboard; in a log, the whole log.",
        run front::copy, footer 70, if can_copy;
    BROWSE = "browse" in Scope::SELECTED, ["o"], "browser",
        "Open the page of what is selected in the browser.",
        run front::browse, footer 71, if has_page;
    FIND = "find" in Scope::SEARCHED, ["/"], "search",
        "Search for words in the text, or in the log of a run.",
        change search::begin, if has_text;
    FIND_NEXT = "find-next" in Scope::SEARCHED, ["n"], "next match",
        "Go to the next match.",
        change |model| search::step(model, 1), if is_searched;
    FIND_PREVIOUS = "find-previous" in Scope::SEARCHED, ["N"], "previous match",
        "Go to the previous match.",
        change |model| search::step(model, -1), if is_searched;
    PAGER = "pager" in Scope::SEARCHED, ["v"], "pager",
        "Show the whole text in your pager.",
        run terminal::page, footer 73, if has_pages;
    NEXT_PAGE = "next-page" in Scope::TEXT, ["space"], "next page",
        "Move down one page.",
        change |model| front::pages(model, 1);
    DISMISS = "dismiss" in Scope::TEXT, ["enter", "q"], "dismiss",
        "Close the text.",
        change Model::close_dialog;
    NEXT_FIELD = "next-field" in Scope::FIELDS, ["tab"], "next field",
        "Go to the next field or row.",
        change |model| front::rows(model, 1), footer 50;
    PREVIOUS_FIELD = "previous-field" in Scope::FIELDS, ["shift-tab"], "previous field",
        "Go to the previous field or row.",
        change |model| front::rows(model, -1);
    CLOSE = "close" in Scope::DIALOG, ["esc"], "close",
        "Close the dialog without a change, or go back one step in it.",
        change Model::close_dialog, footer 97, needed true;
    BACK = "back" in Scope::OPENED, ["esc"], "back",
        "Return to where you came from without a change. A run continues in Activity.",
        run review::come_back, footer 97, needed true;
    FIELD_KEEP = "field-keep" in Scope::FIELD, ["enter"], "keep",
        "Keep the filter or the search; keys act on the rows or the text again.",
        change keep, footer 1, needed true;
    FIELD_CLEAR = "field-clear" in Scope::FIELD, ["esc"], "clear",
        "Clear the filter or the search.",
        change clear, footer 2, needed true;
}

fn keep(model: &mut Model) {
    if search::is_typing(model) {
        search::keep(model);
    } else {
        model.filtering = None;
    }
}

fn clear(model: &mut Model) {
    if search::is_typing(model) {
        search::clear(model);
    } else if model.filtering.take().is_some() {
        panes::set_filter(model, model.pane, "");
    }
}

fn can_copy(model: &Model) -> Availability {
    match &model.modal {
        Some(dialog) if dialog.text().is_none_or(|text| text.copy.is_none()) => Hidden,
        _ => Enabled,
    }
}

fn has_page(model: &Model) -> Availability {
    match &model.modal {
        Some(dialog) if dialog.page(model).is_none() => Hidden,
        Some(_) => Enabled,
        None => (model.screen.spec().can_browse)(model),
    }
}

/// Available where a text can be searched.
fn has_text(model: &Model) -> Availability {
    match (&model.modal, &model.screen.spec().search) {
        (None, Some(spec)) => (spec.can_begin)(model),
        _ if search::find(model).is_some() => Enabled,
        _ => Hidden,
    }
}

/// Available while the visible text is being searched.
fn is_searched(model: &Model) -> Availability {
    match search::find(model) {
        Some(find) if !find.words.is_empty() => Enabled,
        _ => Hidden,
    }
}

/// Available where a text can be shown in the pager.
fn has_pages(model: &Model) -> Availability {
    if search::find(model).is_some() {
        Enabled
    } else {
        Hidden
    }
}
