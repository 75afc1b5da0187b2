//! Tests resources in the charms pane: released with their charm, uploaded at any terminal size.

use std::sync::Arc;

use tui_input::Input;

use super::transfers::{on_charms, plan_of};
use super::world::{press, screen, type_in};
use crate::console::actions::Key;
use crate::console::msg::Folder;
use crate::console::paths;
use crate::console::upload;
use crate::console::upload::Upload;
use crate::domain::Release;

#[test]
fn a_resource_revision_is_released_with_the_charm_revision_of_the_channel() {
    let mut model = on_charms((120, 40), 1);
    press(&mut model, Key::Char('e'));
    press(&mut model, Key::Char(' '));
    press(&mut model, Key::Enter);
    let command = plan_of(&model).unwrap().command;
    assert!(
        command.starts_with("windlass release finos-legend-engine-k8s --revision 50 --channel latest/edge"),
        "{command}"
    );
    assert!(command.contains(" --resource engine-image:"), "{command}");
}

#[test]
fn the_upload_dialog_shows_its_field_at_any_size() {
    for size in [(40, 10), (50, 12), (80, 24)] {
        let mut model = on_charms(size, 1);
        press(&mut model, Key::Char('u'));
        assert!(model.modal.is_some(), "{size:?}");
        type_in(&mut model, "sesame");
        let text = screen(&model).0;
        assert!(text.contains("> sesame"), "{size:?}\n{text}");
    }
}

#[test]
fn completions_for_an_image_are_images_and_shown_whole() {
    let mut model = on_charms((80, 24), 1);
    // One image that many releases name.
    let mut snapshot = (*model.snapshot).clone();
    let named = snapshot.releases.value.as_mut().unwrap();
    let first = named[0].clone();
    named.extend((1..30).map(|number| Release {
        name: format!("2025-01-27_{number}").parse().unwrap(),
        ..first.clone()
    }));
    model.snapshot = Arc::new(snapshot);
    press(&mut model, Key::Char('u'));
    let image = "docker.io/finos/legend-engine-server:4.68.0";
    let text = screen(&model).0;
    assert!(text.contains(image), "{text}");
    assert!(text.contains("release 2025-01-27"), "{text}");
    // A directory whose files would complete a path.
    paths::set_folder(
        &mut model,
        Folder {
            path: "/home/me/images".to_owned(),
            names: vec!["engine.rock".to_owned()],
        },
    );
    let Some(dialog) = model.dialog::<Upload>() else {
        unreachable!("the dialog is open")
    };
    assert_eq!(dialog.images, Some(true));
    let offered = |typed: &str| {
        let mut dialog = dialog.clone();
        dialog.input = Input::new(typed.to_owned());
        let known = upload::known(&model, &dialog).into_iter();
        known.map(|known| known.text).collect::<Vec<_>>()
    };
    assert!(offered("./").iter().all(|text| !text.ends_with("engine.rock")));
    assert!(offered("").iter().all(|text| text != "engine.rock"));
    assert_eq!(offered("oci-archive:eng"), ["oci-archive:engine.rock"]);
    assert!(offered("legend-engine")[0].contains("legend-engine-server"));
}
