//! Tests palette commands with arguments: offers, completion, running; and completion of paths with
//! Tab.

use super::world::{console, press, record, screen, type_in};
use crate::console::actions::{ActionId, Key, Keymap};
use crate::console::command;
use crate::console::dialogs::Palette;
use crate::console::dialogs::Prompt;
use crate::console::effect::Effect;
use crate::console::panes::screen::PanesScreen;
use crate::console::paths;
use crate::console::release::Release;
use crate::console::review::Review;
use crate::console::upload::Upload;
use crate::console::{Model, panes, registry};
use crate::plan::{Content, Intent, RolledBack};

fn typed(line: &str) -> Model {
    let mut model = console((120, 40), false);
    model.runs = vec![record(None)];
    panes::rebuild_activity(&mut model);
    press(&mut model, Key::Char(':'));
    type_in(&mut model, line);
    model
}

fn field(model: &Model) -> &str {
    let palette = model.dialog::<Palette>().map(|dialog| dialog.input.value());
    let upload = model.dialog::<Upload>().map(|dialog| dialog.input.value());
    palette.or(upload).unwrap()
}

fn intent(model: &Model) -> &Intent {
    model.on::<Review>().map(|review| &review.intent).unwrap()
}

/// Returns the intent that `line` plans.
fn planned(line: &str) -> String {
    let mut model = typed(line);
    press(&mut model, Key::Enter);
    intent(&model).command()
}

#[test]
fn every_command_leads_to_the_plan_of_its_words() {
    let engine = "finos-legend-engine-k8s";
    for (line, command) in [
        ("publish 2023-12-05", "windlass publish 2023-12-05".to_owned()),
        ("Publish  2023-12-05", "windlass publish 2023-12-05".to_owned()),
        ("hold 2023-12-05", "windlass hold 2023-12-05".to_owned()),
        ("hold 2023-12-05", "windlass hold 2023-12-05".to_owned()),
        (
            "promote 2023-12-05 stable",
            "windlass promote 2023-12-05 --to stable".to_owned(),
        ),
        (
            "promote 2023-12-05 --to stable",
            "windlass promote 2023-12-05 --to stable".to_owned(),
        ),
        ("revoke session-lost", "windlass revoke session-lost".to_owned()),
    ] {
        assert_eq!(planned(line), command, "{line}");
    }
    for (line, command) in [
        ("close ENGINE edge", "windlass close ENGINE latest/edge"),
        (
            "release ENGINE 50 2023-12/candidate",
            "windlass release ENGINE --revision 50 --channel 2023-12/candidate",
        ),
        (
            "upload ENGINE engine-image finos/legend-engine-server:4.68.0",
            "windlass upload-resource ENGINE engine-image --from docker.io/finos/legend-engine-server:4.68.0",
        ),
    ] {
        let command = command.replace("ENGINE", engine);
        assert_eq!(planned(&line.replace("ENGINE", engine)), command, "{line}");
    }
    let mut model = typed(&format!("rollback {engine} latest/edge"));
    press(&mut model, Key::Enter);
    let Intent::Rollback(wish) = intent(&model) else {
        panic!("no rollback");
    };
    assert!(matches!(&wish.of, RolledBack::Charm { channels, .. } if channels.len() == 1));
}

#[test]
fn words_are_offered_completed_and_asked_for_one_by_one() {
    for begun in ["publish", "pub"] {
        let mut model = typed(begun);
        press(&mut model, Key::Tab);
        assert_eq!(field(&model), "publish ");
    }
    let mut model = typed("zoo");
    press(&mut model, Key::Tab);
    assert_eq!(field(&model), "zoom", "it takes no arguments");
    let mut model = typed("publish");
    press(&mut model, Key::Tab);
    let shown = screen(&model).0;
    assert!(shown.contains("publish 2025-01-27  new"), "{shown}");
    assert!(shown.contains("publish RELEASE"), "{shown}");
    type_in(&mut model, "12-05");
    press(&mut model, Key::Tab);
    assert_eq!(field(&model), "publish 2023-12-05");
    press(&mut model, Key::Esc);

    let mut model = typed("close ");
    type_in(&mut model, "studio");
    // One argument is not enough: Enter asks for the next.
    press(&mut model, Key::Enter);
    assert_eq!(field(&model), "close finos-legend-studio-k8s ");
    let shown = screen(&model).0;
    assert!(shown.contains("latest/edge  r50 13.36.0"), "{shown}");
    press(&mut model, Key::Enter);
    assert_eq!(
        intent(&model).command(),
        "windlass close finos-legend-studio-k8s latest/edge"
    );
}

#[test]
fn a_word_that_is_wrong_is_said_to_be_wrong() {
    let mut model = typed("promote 2023-12-05 nowhere");
    press(&mut model, Key::Enter);
    assert!(model.on::<PanesScreen>().is_some());
    assert!(screen(&model).0.contains("'nowhere' is not a risk"));
    let mut model = typed("resume 20200101T000000Z-0000");
    press(&mut model, Key::Enter);
    assert!(screen(&model).0.contains("no run 20200101T000000Z-0000"));
    let mut model = typed("resume ");
    press(&mut model, Key::Enter);
    assert!(model.dialog::<Prompt>().is_some());
    // Without a space the name is searched as usual.
    assert!(command::typed(&Keymap::default(), "publish").is_empty());
    assert!(command::typed(&Keymap::default(), "publisher 2023").is_empty());
}

#[test]
fn what_takes_words_is_told_apart_by_name() {
    for spec in registry::all().filter(|spec| !spec.takes.is_empty()) {
        let found = command::typed(&Keymap::default(), &format!("{} x", spec.title));
        assert!(
            found.iter().any(|typed| typed.spec.id == spec.id),
            "{:?}",
            spec.id
        );
        assert!(spec.twin.is_some(), "{:?}", spec.id);
    }
    let roll_back: Vec<ActionId> = command::typed(&Keymap::default(), "roll back x")
        .iter()
        .map(|typed| typed.spec.id)
        .collect();
    assert_eq!(roll_back, [ActionId::ROLL_BACK_CHANNEL, ActionId::ROLL_BACK_RUN]);
}

#[test]
fn paths_are_completed_in_the_upload_dialog() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('u'));
    type_in(&mut model, "oci-archive:no");
    press(&mut model, Key::Tab);
    assert_eq!(field(&model), "oci-archive:notes", "what both begin with");
    press(&mut model, Key::Tab);
    press(&mut model, Key::Tab);
    assert_eq!(field(&model), "oci-archive:notes.txt", "then each of them");
    press(&mut model, Key::Ctrl('u'));
    type_in(&mut model, "oci:im");
    let effects = {
        press(&mut model, Key::Tab);
        crate::console::update::update(&mut model, crate::console::Msg::Key(Key::Left))
    };
    assert_eq!(field(&model), "oci:images/");
    assert!(
        !effects.contains(&Effect::ListFolder("/home/me/images".into())),
        "known already"
    );
    assert_eq!(
        paths::folder(&model).map(|folder| folder.path.as_str()),
        Some("/home/me/images/images")
    );
}

#[test]
fn paths_are_completed_in_the_palette() {
    let mut model = typed("upload finos-legend-engine-k8s engine-image oci-archive:~/bu");
    assert_eq!(
        paths::folder(&model).map(|folder| folder.path.as_str()),
        Some("/home/me")
    );
    press(&mut model, Key::Tab);
    assert_eq!(
        field(&model),
        "upload finos-legend-engine-k8s engine-image oci-archive:~/bundle.tar"
    );
    press(&mut model, Key::Enter);
    let Intent::Upload(wish) = intent(&model) else {
        panic!("no upload");
    };
    let Content::From { source, .. } = &wish.content else {
        panic!("no image");
    };
    assert!(source.to_string().contains("/home/me/bundle.tar"), "{source}");
}

#[test]
fn leaving_a_review_leads_back_to_where_it_was_opened() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('u'));
    type_in(&mut model, "finos/legend-engine-server:4.68.0");
    press(&mut model, Key::Enter);
    assert!(matches!(intent(&model), Intent::Upload(_)));
    press(&mut model, Key::Esc);
    assert_eq!(field(&model), "finos/legend-engine-server:4.68.0");
    press(&mut model, Key::Esc);
    assert!(model.modal.is_none() && model.on::<PanesScreen>().is_some());
    press(&mut model, Key::Char('e'));
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Enter);
    assert!(matches!(intent(&model), Intent::Release(_)));
    press(&mut model, Key::Esc);
    assert!(
        model
            .dialog::<Release>()
            .is_some_and(|dialog| dialog.ticked.len() == 1)
    );
}
