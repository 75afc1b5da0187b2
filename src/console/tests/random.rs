//! Tests long random sessions: nothing panics, at most one dialog is open, nothing is written
//! without a typed confirmation, and never in read-only mode.

use super::world::{answer, console, now, record, screen};
use crate::console::actions::{self, ActionId, Availability, Key, Scope};
use crate::console::components::Text;
use crate::console::dialogs::Prompt;
use crate::console::effect::Effect;
use crate::console::given::Discharge;
use crate::console::jumps;
use crate::console::layout::{self, layout};
use crate::console::msg::{Border, Grip};
use crate::console::sign_in::SignIn;
use crate::console::update::update;
use crate::console::{Model, Msg, registry};
use crate::domain::{Problem, ProblemKind};
use crate::journal::Outcome;

/// A small generator with a fixed seed, so that tests are reproducible.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const KEYS: &str = "q=,pzyojkgrcxiatv/?12345 2025-01-27:GnRLXuedmhlPHbw  gg";

fn message(dice: &mut Dice) -> Msg {
    let size = [(80, 24), (120, 40), (40, 10), (200, 60), (30, 5), (99, 21)];
    match dice.roll(27) {
        0..12 => {
            let at = dice.roll(KEYS.len() as u64) as usize;
            Msg::Key(Key::Char(KEYS.chars().nth(at).unwrap_or('q')))
        }
        12 => Msg::Key(Key::Enter),
        13 => Msg::Key(Key::Esc),
        14 => Msg::Key(Key::Down),
        15 => Msg::Key(Key::PageUp),
        16 => Msg::Key(Key::Backspace),
        17 => Msg::Key(Key::Tab),
        18 => {
            let (columns, lines) = size[dice.roll(size.len() as u64) as usize];
            Msg::Resize(columns, lines)
        }
        19 => [
            Msg::Paste("2025-01-27".into()),
            Msg::Act(ActionId::SIGN_IN_ACCEPT),
            Msg::Act(ActionId::PREVIOUS_FIELD),
            Msg::Pick(dice.roll(5) as usize),
            Msg::Twice,
            Msg::Drag(
                Grip {
                    border: Border::Lower,
                    before: 1,
                },
                dice.roll(300) as u16,
                dice.roll(90) as u16,
            ),
        ][dice.roll(6) as usize]
            .clone(),
        20 => Msg::Focus(dice.roll(2) == 0),
        21 => Msg::Clock(now() + chrono::TimeDelta::minutes(dice.roll(600) as i64)),
        22 => Msg::Wheel(
            Some(registry::PANES[dice.roll(5) as usize].id),
            dice.roll(7) as isize - 3,
        ),
        23 => Msg::Key([Key::Left, Key::Right, Key::BackTab][dice.roll(3) as usize]),
        24 => Msg::Key([Key::Ctrl('o'), Key::Ctrl('p'), Key::F(1)][dice.roll(3) as usize]),
        25 => late_answer(dice),
        _ => Msg::Key(Key::Ctrl('c')),
    }
}

/// Returns an answer that is late or unexpected.
fn late_answer(dice: &mut Dice) -> Msg {
    let id = dice.roll(9);
    match dice.roll(3) {
        0 => Msg::Held(vec!["docker-daemon:a/b:c".into()]),
        1 => Msg::Behind(
            id,
            "finos-legend-engine-k8s".parse().unwrap(),
            std::collections::BTreeMap::new(),
        ),
        _ => Msg::Looked(
            id,
            Box::new(Err(Problem::new(ProblemKind::Network, "nobody answered"))),
        ),
    }
}

fn said_by_ubuntu_one(dice: &mut Dice) -> Result<Discharge, Problem> {
    match dice.roll(3) {
        0 => Ok(Discharge::OtpWanted),
        1 => Err(Problem::new(ProblemKind::Credentials, "Ubuntu One refused it")),
        _ => Ok(Discharge::Signed(super::credentials::proof())),
    }
}

/// Returns true if `effect` follows from a confirmation that was typed in full.
fn rightly(before: &Model, msg: &Msg, effect: &Effect) -> bool {
    // A sign-in is opened by a confirmation and carries what was confirmed.
    if let (Some(dialog), Msg::Discharged(id, _)) = (before.dialog::<SignIn>(), msg) {
        return dialog.in_flight == Some(*id) && !before.setting.read_only;
    }
    // A waiting plan was confirmed, and is unchanged.
    if matches!(msg, Msg::Planned(..) | Msg::Ended(..)) {
        return before.queue().holds(effect) && !before.setting.read_only;
    }
    let Some(prompt) = before.dialog::<Prompt>() else {
        return false;
    };
    let typed = prompt.wanted.as_deref() == Some(prompt.input.value().trim());
    typed && effect.writes() && !before.setting.read_only
}

fn session(seed: u64, read_only: bool) {
    roam(console((80, 24), read_only), seed);
}

fn roam(mut model: Model, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    model.runs = vec![record(None)];
    crate::console::panes::rebuild_activity(&mut model);
    for _ in 0..250 {
        let msg = message(&mut dice);
        let before = model.clone();
        let effects = update(&mut model, msg.clone());
        keys_mean_one_thing(&model, seed);
        for effect in effects.iter().filter(|effect| effect.writes()) {
            assert!(
                rightly(&before, &msg, effect),
                "seed {seed}: {msg:?} gave {effect:?}"
            );
        }
        let late = dice.roll(3) == 0;
        if !late {
            for effect in answer(&mut model, effects) {
                let msg = match effect {
                    Effect::Start { id, .. } if dice.roll(2) == 0 => Msg::Started(
                        id,
                        Err(Problem::new(ProblemKind::Conflict, "somebody else is at it")),
                    ),
                    Effect::Start { id, .. } | Effect::Resume { id, .. } => {
                        Msg::Started(id, Ok(record(None).id))
                    }
                    Effect::Discharge { id, .. } => {
                        Msg::Discharged(id, Box::new(said_by_ubuntu_one(&mut dice)))
                    }
                    Effect::Cancel(run) => {
                        let ended = record(Some(Outcome::Cancelled));
                        Msg::Ended(run, now(), Box::new(Ok(ended)))
                    }
                    _ => continue,
                };
                let before = model.clone();
                let more = update(&mut model, msg.clone());
                for effect in more.iter().filter(|effect| effect.writes()) {
                    assert!(
                        rightly(&before, &msg, effect),
                        "seed {seed}: {msg:?} gave {effect:?}"
                    );
                }
                answer(&mut model, more);
            }
        }
        if dice.roll(4) != 0 {
            continue;
        }
        let (_, drawn) = screen(&model);
        if model.modal.is_none() && !layout::too_small(&model) {
            let visible: usize = layout(&model)
                .panes
                .iter()
                .map(|(pane, rect)| layout::list_height(model.pane_spec(*pane).unwrap(), *rect))
                .sum();
            assert!(drawn.rows_built <= visible, "seed {seed}");
        }
    }
}

/// Asserts that no two actions with the same key are available at once, that the keymap was checked
/// for the active scopes, that a prefix waits only if something can follow it, and that the list of
/// jumps is short.
fn keys_mean_one_thing(model: &Model, seed: u64) {
    let scopes = actions::scopes(model);
    assert!(
        Scope::narrowest().any(|scope| scope.with_wider() == scopes),
        "{scopes:?}"
    );
    let shared = registry::all().filter_map(|spec| Some((spec.id, spec.shares?)));
    for (one, other) in shared {
        let offered = |id| {
            let spec = registry::spec(id).unwrap();
            scopes.contains(&spec.scope) && (spec.availability)(model) != Availability::Hidden
        };
        assert!(
            !(offered(one) && offered(other)),
            "seed {seed}: {one:?} and {other:?}"
        );
    }
    if let Some(prefix) = model.pending {
        assert!(!actions::following(model, prefix).is_empty(), "seed {seed}");
        assert!(
            !scopes.iter().take(1).any(|scope| scope.takes_text()),
            "seed {seed}"
        );
    }
    assert!(model.jumps().len() <= jumps::MOST, "seed {seed}");
}

/// Runs a session that begins where `way` leads.
fn led(seed: u64, read_only: bool, way: &[(Key, &str)]) {
    let mut model = console((80, 24), read_only);
    for (key, text) in way {
        super::world::press(&mut model, *key);
        super::world::type_in(&mut model, text);
    }
    roam(model, seed);
}

#[test]
fn random_sessions_around_a_sign_in_write_nothing_unasked() {
    for seed in 200..206 {
        led(
            seed,
            seed % 3 == 0,
            &[
                (Key::Char('R'), ""),
                (Key::Enter, "CHARMHUB_TOKEN"),
                (Key::Enter, "a@b.c"),
            ],
        );
        led(
            seed,
            false,
            &[(Key::Char('L'), ""), (Key::Enter, "yes"), (Key::Enter, "a@b.c")],
        );
    }
}

#[test]
fn random_sessions_around_uploads_and_releases_write_nothing_unasked() {
    let resource = [(Key::Char('3'), ""), (Key::Down, "")];
    for seed in 300..305 {
        let read_only = seed % 3 == 0;
        let image = "finos/legend-studio:13.68.0";
        led(
            seed,
            read_only,
            &[resource[0], resource[1], (Key::Char('u'), image)],
        );
        led(seed, read_only, &[resource[0], (Key::Char('e'), " ")]);
        led(
            seed,
            read_only,
            &[
                resource[0],
                (Key::Char('e'), " "),
                (Key::Enter, ""),
                (Key::Enter, "yes"),
            ],
        );
        led(
            seed,
            read_only,
            &[
                resource[0],
                resource[1],
                (Key::Char(' '), ""),
                (Key::Char('i'), "m"),
            ],
        );
        led(seed, read_only, &[(Key::Char('2'), "x"), (Key::Enter, "yes")]);
    }
}

#[test]
fn random_sessions_around_promotions_and_workflows_write_nothing_unasked() {
    for seed in 400..405 {
        let read_only = seed % 3 == 0;
        let down = (Key::Down, "");
        led(seed, read_only, &[down, down, (Key::Char('P'), " ")]);
        led(
            seed,
            read_only,
            &[
                down,
                down,
                (Key::Char('P'), ""),
                (Key::Enter, ""),
                (Key::Enter, "2023"),
            ],
        );
        led(seed, read_only, &[(Key::Char('H'), ""), (Key::Enter, "ye")]);
        led(seed, read_only, &[(Key::Char('5'), "w")]);
        led(
            seed,
            read_only,
            &[(Key::Char('5'), "w"), (Key::Enter, "2025-01-27")],
        );
    }
}

#[test]
fn random_sessions_write_nothing_unasked() {
    for seed in 1..10 {
        session(seed, false);
    }
}

#[test]
fn read_only_sessions_never_write() {
    for seed in 100..106 {
        session(seed, true);
    }
}

#[test]
fn ten_thousand_revisions_build_only_what_is_seen() {
    let mut model = console((120, 40), false);
    let mut snapshot = super::world::snapshot();
    for observed in snapshot.charms.values_mut() {
        if let Some(facts) = &mut observed.value {
            let one = facts.revisions[0].clone();
            facts.revisions = (0..10_000)
                .map(|n| {
                    let mut one = one.clone();
                    one.revision.0 = n;
                    one
                })
                .collect();
        }
    }
    model.snapshot = std::sync::Arc::new(snapshot);
    crate::console::panes::rebuild(&mut model);
    update(&mut model, Msg::Key(Key::Char('3')));
    update(&mut model, Msg::Key(Key::Enter));
    let (text, drawn) = screen(&model);
    assert!(text.contains("10000 revisions") || model.dialog::<Text>().is_some());
    assert!(
        drawn.rows_built <= 29 + 16 + 29 + 16 + 16 + 40,
        "{}",
        drawn.rows_built
    );
}
