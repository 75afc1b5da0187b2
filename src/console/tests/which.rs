//! What can follow a prefix key, over nothing that could be read as part of it.

use super::styled::{frame, line};
use super::world::{console, press};
use crate::console::actions::{self, Key};
use crate::console::view::look::Look;
use crate::console::{Model, layout, tour};

const PREFIX: Key = Key::Char('g');

fn lines(model: &Model) -> Vec<String> {
    let (buffer, ..) = frame(model);
    (0..model.lines).map(|y| line(&buffer, y)).collect()
}

#[test]
fn in_plain_text_no_line_is_of_two_texts() {
    for size in [(40, 10), (80, 24), (120, 40)] {
        let mut model = console(size, false);
        model.setting.look = Look::PLAIN;
        model.setting.demo = true;
        model.tour = Some(tour::Step::FIRST);
        layout::settle(&mut model);
        let before = lines(&model);
        press(&mut model, PREFIX);
        let entries = actions::following(&model, PREFIX);
        let mut over = 0;
        for (was, is) in before.iter().zip(lines(&model)) {
            if *was == is {
                continue;
            }
            over += 1;
            let mut rest = is
                .replace("g .. esc drops it", "")
                .replace("g ... esc drops it", "");
            for (key, spec) in &entries {
                rest = rest.replacen(&format!(" {key}  {}", spec.title), "", 1);
            }
            assert_eq!(rest.trim(), "", "{size:?} {is}");
        }
        assert!(over > 5, "{size:?}");
    }
}
