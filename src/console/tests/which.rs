//! Tests the box of keys that can follow a prefix: it lists all of them or counts the rest, and
//! covers nothing that could be read as part of it.

use super::styled::{frame, line};
use super::world::{console, press};
use crate::console::actions::{self, Key};
use crate::console::view::look::Look;
use crate::console::{Model, tour};

const PREFIX: Key = Key::Char('g');

fn lines(model: &Model) -> Vec<String> {
    let (buffer, ..) = frame(model);
    (0..model.lines).map(|y| line(&buffer, y)).collect()
}

/// Returns the titles that the box shows, and the number of further keys.
fn told(model: &Model) -> (usize, usize) {
    let text = lines(model).join("\n");
    let entries = actions::following(model, PREFIX);
    let shown = entries
        .iter()
        .filter(|(key, spec)| text.contains(&format!(" {key}  {}", spec.title)));
    let more = text.split(" more").next().filter(|_| text.contains(" more"));
    let more = more.and_then(|text| text.split(' ').next_back()?.parse().ok());
    (shown.count(), more.unwrap_or(0))
}

#[test]
fn everything_that_can_follow_is_shown_where_it_fits() {
    for size in [(40, 10), (44, 10), (80, 24), (120, 40)] {
        for look in [Look::FULL, Look::PLAIN] {
            let mut model = console(size, false);
            model.setting.look = look;
            press(&mut model, PREFIX);
            let all = actions::following(&model, PREFIX).len();
            assert!(all > 6);
            assert_eq!(told(&model), (all, 0), "{size:?}\n{}", lines(&model).join("\n"));
        }
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut model = console((40, 10), false);
    let mut wishes = String::from("[keys]\n");
    let alone = |spec: &&actions::ActionSpec| matches!(spec.keys, [key] if key.len() == 1 && key.starts_with(char::is_alphabetic));
    let scopes = actions::scopes(&model);
    let specs = model
        .setting
        .keymap
        .in_scopes(&scopes)
        .filter(|spec| [actions::Scope::PANES, actions::Scope::RELEASES].contains(&spec.scope));
    for (spec, key) in specs.filter(alone).zip("bdfijklmnopqsuvxyz".chars()) {
        wishes.push_str(&format!("{} = \"g {key}\"\n", spec.id.name()));
    }
    let wishes = crate::config::UserConfig::parse(&wishes, "config.toml").unwrap();
    model.setting.keymap = std::sync::Arc::new(actions::Keymap::with(&wishes.key_wishes).unwrap());
    press(&mut model, PREFIX);
    let all = actions::following(&model, PREFIX).len();
    let (shown, more) = told(&model);
    assert!(more > 0, "{all}\n{}", lines(&model).join("\n"));
    assert_eq!(shown + more, all, "{}", lines(&model).join("\n"));
}

#[test]
fn in_plain_text_no_line_is_of_two_texts() {
    for size in [(40, 10), (80, 24), (120, 40)] {
        let mut model = console(size, false);
        model.setting.look = Look::PLAIN;
        model.setting.demo = true;
        model.set_tour(Some(tour::Step::FIRST));
        crate::console::update::fit(&mut model);
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
                .replace("g .. esc: cancel", "")
                .replace("g ... esc: cancel", "");
            for (key, spec) in &entries {
                rest = rest.replacen(&format!(" {key}  {}", spec.title), "", 1);
            }
            assert_eq!(rest.trim(), "", "{size:?} {is}");
        }
        assert!(over > 5, "{size:?}");
    }
}
