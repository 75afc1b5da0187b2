//! Tests the list of tags, above the review's field and above the upload dialog.

use std::sync::Arc;

use super::world::{console, now, press, screen, type_in};
use crate::console::actions::Key;
use crate::console::dialogs::Prompt;
use crate::console::effect::Effect;
use crate::console::update::update;
use crate::console::upload::Upload;
use crate::console::{Model, Msg, words};
use crate::domain::tags::TagList;
use crate::domain::{Problem, ProblemKind, Repository};

/// Returns what the registry lists; an error for a repository called `nothing`.
pub(super) fn listed(repository: &Repository) -> Result<TagList, Problem> {
    if repository.path.ends_with("nothing") {
        return Err(Problem::new(
            ProblemKind::NotFound,
            format!("{repository} not found in its registry"),
        ));
    }
    let tags = ["latest", "4.36.0", "4.35.0", "4.9.1", "4.35.0-rc.1"];
    Ok(TagList::new(tags.map(str::to_owned), false))
}

fn see(model: &Model, text: &str) {
    let shown = screen(model).0;
    assert!(shown.contains(text), "no '{text}' in\n{shown}");
}

/// Returns the console with the field for another image of the first charm.
fn other_image(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    press(&mut model, Key::Char('p'));
    press(&mut model, Key::Char('i'));
    assert!(model.dialog::<Prompt>().is_some());
    model
}

#[test]
fn a_tag_is_chosen_for_the_review_from_those_of_the_registry() {
    for size in [(120, 40), (80, 24), (50, 12)] {
        let mut model = other_image(size);
        see(&model, "ctrl-t");
        press(&mut model, Key::Ctrl('t'));
        see(&model, "finos/legend-engine-server");
        see(&model, "5 tags, read just now");
        insta::assert_snapshot!(format!("tags_at_{}", size.0), screen(&model).0);
        type_in(&mut model, "35");
        see(&model, "2 of 5 tags");
        press(&mut model, Key::Down);
        press(&mut model, Key::Enter);
        let Some(prompt) = model.dialog::<Prompt>() else {
            panic!("not back in the field");
        };
        assert_eq!(prompt.input.value(), "4.35.0-rc.1");
    }
}

#[test]
fn releases_are_in_one_column_whether_the_digest_is_known_or_not() {
    let column = |model: &Model, tag: &str| {
        let shown = screen(model).0;
        let line = shown.lines().find(|line| line.contains(&format!(" {tag} ")));
        line.and_then(|line| Some(words::width(line.split_once("release ")?.0)))
    };
    let mut model = other_image((80, 24));
    press(&mut model, Key::Ctrl('t'));
    let known = column(&model, "4.36.0");
    assert!(known.is_some());
    assert_eq!(column(&model, "4.35.0"), known);
    let mut snapshot = (*model.snapshot).clone();
    let without = |key: &String| key.ends_with(":4.35.0");
    assert!(
        snapshot.images.keys().any(without),
        "{:?}",
        snapshot.images.keys()
    );
    snapshot.images.retain(|key, _| !without(key));
    model.snapshot = Arc::new(snapshot);
    assert_eq!(column(&model, "4.35.0"), known);
}

#[test]
fn the_list_is_left_without_a_change_and_kept_for_the_next_time() {
    let mut model = other_image((120, 40));
    type_in(&mut model, "mine");
    press(&mut model, Key::Ctrl('t'));
    press(&mut model, Key::Esc);
    let Some(prompt) = model.dialog::<Prompt>() else {
        panic!("not back in the field");
    };
    assert_eq!(prompt.input.value(), "mine");
    assert!(
        update(&mut model, Msg::Key(Key::Ctrl('t'))).is_empty(),
        "asked twice"
    );
    // If reading again fails, the list stays, with the reason.
    let effects = update(&mut model, Msg::Key(Key::Ctrl('r')));
    let [Effect::ListTags { id, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    see(&model, "reading again");
    let failed = Box::new(Err(Problem::new(ProblemKind::Network, "no answer")));
    update(&mut model, Msg::TagsListed(*id, now(), failed));
    see(&model, "no answer");
    see(&model, "4.36.0");
}

#[test]
fn a_tag_completes_the_reference_of_an_upload() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('u'));
    // Nothing is typed: the repository that feeds the resource.
    let effects = update(&mut model, Msg::Key(Key::Ctrl('t')));
    let [Effect::ListTags { id, repository }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    see(&model, "reading the registry");
    let answer = Box::new(listed(repository));
    let fed = repository.to_string();
    update(&mut model, Msg::TagsListed(*id, now(), answer));
    press(&mut model, Key::Enter);
    let typed = |model: &Model| model.dialog::<Upload>().unwrap().input.value().to_owned();
    assert_eq!(typed(&model), format!("{fed}:4.36.0"));
    // A typed repository takes precedence; one that does not exist is named.
    press(&mut model, Key::Ctrl('u'));
    type_in(&mut model, "ghcr.io/someone/nothing:");
    press(&mut model, Key::Ctrl('t'));
    see(&model, "Tags of ghcr.io/someone/nothing");
    see(&model, "ghcr.io/someone/nothing not found in its registry");
    press(&mut model, Key::Enter);
    see(&model, "no tag is selected");
    press(&mut model, Key::Esc);
    assert_eq!(typed(&model), "ghcr.io/someone/nothing:");
}
