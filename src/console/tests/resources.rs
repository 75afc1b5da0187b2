//! Tests resources in the charms pane: released with their charm, uploaded at any terminal size.

use super::transfers::{on_charms, plan_of};
use super::world::{press, screen, type_in};
use crate::console::actions::Key;

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
