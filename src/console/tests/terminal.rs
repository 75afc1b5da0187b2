//! Tests what concerns the terminal: dragged borders, double clicks, the mouse, copies,
//! notifications, and which messages need a frame.

use chrono::TimeDelta;

use super::world::{answer, console, now, press, record, screen, setting};
use crate::config::Notify;
use crate::console::actions::{ActionId, Key};
use crate::console::components::{Line, Text};
use crate::console::effect::Effect;
use crate::console::live::Live;
use crate::console::msg::{Border, Grip};
use crate::console::panes::PaneId;
use crate::console::review::Review;
use crate::console::running::Running;
use crate::console::sign_in::SignIn;
use crate::console::update::update;
use crate::console::view::look::{Look, Tone};
use crate::console::{Model, Msg, layout, record as recording, wake};
use crate::domain::{Problem, ProblemKind};
use crate::journal::Outcome;
use crate::run::progress::RunProgress;

fn rect(model: &Model, pane: PaneId) -> ratatui::layout::Rect {
    let places = layout::layout(model);
    let place = places.panes.iter().find(|(id, _)| *id == pane);
    place.unwrap().1
}

fn held(model: &Model, x: u16, y: u16) -> Grip {
    screen(model).1.grip(x, y).unwrap()
}

#[test]
fn a_border_follows_the_mouse_from_either_of_its_lines() {
    let mut model = console((120, 40), false);
    let left = rect(&model, PaneId::RELEASES);
    for x in [left.right() - 1, left.right()] {
        let grip = held(&model, x, 5);
        assert_eq!(grip.border, Border::Column);
        // Dragged to where it was grabbed, it does not move.
        update(&mut model, Msg::Drag(grip, x, 5));
        assert_eq!(rect(&model, PaneId::RELEASES), left);
    }
    let grip = held(&model, left.right(), 5);
    for x in [24, 40, 57, 71] {
        update(&mut model, Msg::Drag(grip, x, 5));
        assert_eq!(rect(&model, PaneId::RELEASES).right(), x);
        assert_eq!(rect(&model, PaneId::CHANNELS).x, x);
    }
    let upper = rect(&model, PaneId::CHANNELS);
    let grip = held(&model, 3, upper.bottom());
    assert_eq!(grip.border, Border::Row);
    update(&mut model, Msg::Drag(grip, 3, 12));
    assert_eq!(rect(&model, PaneId::CHARMS).y, 12);
    let credentials = rect(&model, PaneId::CREDENTIALS);
    let grip = held(&model, credentials.right(), credentials.y + 3);
    assert_eq!(grip.border, Border::Lower);
    update(&mut model, Msg::Drag(grip, 96, 20));
    assert_eq!(rect(&model, PaneId::ACTIVITY).x, 96);
}

#[test]
fn however_far_is_dragged_every_pane_stays_and_the_usual_comes_back() {
    for size in [(100, 20), (120, 40), (250, 80)] {
        let mut model = console(size, false);
        let usual = layout::layout(&model);
        for border in [Border::Column, Border::Row, Border::Lower] {
            for to in [0, 1, 50, 99, 400, u16::MAX] {
                let grip = Grip { border, before: 1 };
                update(&mut model, Msg::Drag(grip, to, to));
                let places = layout::layout(&model);
                for (pane, rect) in &places.panes {
                    assert!(rect.width >= 20 && rect.height >= 5, "{size:?} {pane:?} {rect:?}");
                }
                let cells: u32 = places.panes.iter().map(|(_, rect)| rect.area()).sum();
                assert_eq!(cells, places.body.area(), "no gap and nothing twice");
                screen(&model);
            }
        }
        press(&mut model, Key::Char('='));
        assert_eq!(layout::layout(&model), usual);
        press(&mut model, Key::Char('='));
        assert!(model.notice.as_ref().unwrap().text.contains("default sizes"));
    }
}

#[test]
fn a_dragged_border_keeps_its_share_in_another_window() {
    let mut model = console((120, 40), false);
    let grip = held(&model, rect(&model, PaneId::RELEASES).right(), 5);
    update(&mut model, Msg::Drag(grip, 60, 5));
    update(&mut model, Msg::Resize(200, 40));
    assert_eq!(rect(&model, PaneId::RELEASES).width, 100);
    // Nothing can be dragged below a dialog, or while one pane is zoomed.
    press(&mut model, Key::Char('?'));
    assert!(screen(&model).1.grips.is_empty());
    update(&mut model, Msg::Resize(80, 24));
    press(&mut model, Key::Esc);
    assert!(screen(&model).1.grips.is_empty());
}

#[test]
fn a_click_on_a_title_focuses_and_a_second_click_opens() {
    let mut model = console((120, 40), false);
    let title = rect(&model, PaneId::CHANNELS);
    let clicked = screen(&model).1.click(title.x + 4, title.y).unwrap();
    update(&mut model, clicked);
    assert_eq!(model.pane, PaneId::CHANNELS);
    update(&mut model, Msg::Select(PaneId::RELEASES, 0));
    update(&mut model, Msg::Twice);
    assert!(
        model
            .dialog::<Text>()
            .is_some_and(|text| text.title.starts_with("Release "))
    );
    // On a text it has no effect.
    update(&mut model, Msg::Twice);
    press(&mut model, Key::Esc);
    model.runs = vec![record(Some(Outcome::Done))];
    crate::console::panes::rebuild_activity(&mut model);
    update(&mut model, Msg::Select(PaneId::ACTIVITY, 0));
    update(&mut model, Msg::Twice);
    assert!(model.on::<Running>().is_some());
}

#[test]
fn the_mouse_is_released_said_and_taken_back() {
    let mut model = console((120, 40), false);
    assert_eq!(press(&mut model, Key::Char('m')), [Effect::Mouse(false)]);
    assert!(
        screen(&model)
            .0
            .lines()
            .next()
            .unwrap()
            .contains("mouse released")
    );
    // Above a text too, which is what is mostly selected.
    press(&mut model, Key::Enter);
    assert_eq!(press(&mut model, Key::Char('m')), [Effect::Mouse(true)]);
    assert!(!screen(&model).0.contains("mouse released"));
}

#[test]
fn a_copy_says_what_was_copied_and_where_it_was_cut() {
    let mut model = console((120, 40), false);
    let long = "é".repeat(40_000);
    let mut text = Text::new("Long", vec![Line::text("x", Tone::Plain)]);
    text.copy = Some(format!("x{long}"));
    model.open(text);
    let effects = press(&mut model, Key::Char('y'));
    let [Effect::Copy(copied)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    // 60,000 bytes would end inside a character.
    assert_eq!(copied.len(), 59_999);
    let said = &model.notice.as_ref().unwrap().text;
    assert!(said.contains("cut to the first 60.0 kB of 80.0 kB"), "{said}");
    model.modal = None;
    let effects = press(&mut model, Key::Char('y'));
    assert!(matches!(effects.as_slice(), [Effect::Copy(_)]));
    assert!(model.notice.as_ref().unwrap().text.contains("2025-01-27"));
}

#[test]
fn where_copying_is_switched_off_the_text_is_shown_instead() {
    let mut model = console((120, 40), false);
    model.setting.wishes.clipboard = false;
    assert_eq!(press(&mut model, Key::Char('y')), []);
    let text = screen(&model).0;
    assert!(
        text.contains("To copy by hand") && text.contains("clipboard = false"),
        "{text}"
    );
}

#[test]
fn a_text_goes_to_the_pager_whole() {
    let mut model = console((80, 24), false);
    press(&mut model, Key::Enter);
    let effects = press(&mut model, Key::Char('v'));
    let [Effect::Page(text)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(text.starts_with("Release 2025-01-27\n\n"), "{text}");
    let Some(shown) = model.dialog::<Text>() else {
        panic!("the dialog stays");
    };
    assert!(text.lines().count() + 8 > shown.lines.len());
    model.modal = None;
    let run = record(Some(Outcome::Done));
    model.show(Running::of(run.id.clone()));
    model.runs = vec![run];
    let effects = press(&mut model, Key::Char('v'));
    assert!(matches!(effects.as_slice(), [Effect::Page(text)] if text.contains("2025-01-27")));
}

#[test]
fn settings_are_edited_where_there_are_some_and_told_of() {
    let mut model = console((120, 40), false);
    assert_eq!(press(&mut model, Key::Char(',')), []);
    model.setting.wishes.file = Some("/home/me/.config/windlass/config.toml".into());
    assert_eq!(press(&mut model, Key::Char(',')), [Effect::EditSettings]);
    update(&mut model, Msg::Edited(Ok(())));
    assert!(model.notice.as_ref().unwrap().text.contains("next start"));
    let problem = Problem::new(ProblemKind::Config, "config.toml, line 3, column 1: no");
    update(&mut model, Msg::Edited(Err(problem)));
    assert!(screen(&model).0.contains("line 3, column 1"));
}

fn ended(notify: Notify, focus: bool, seconds: i64) -> Vec<Effect> {
    let mut model = console((120, 40), false);
    model.setting.wishes.notify = notify;
    let mut run = record(Some(Outcome::Failed));
    run.finished_at = Some(now() + TimeDelta::seconds(seconds));
    model
        .live_mut()
        .insert(run.id.clone(), Live::new(run.plan.clone()));
    update(&mut model, Msg::Focus(focus));
    let msg = Msg::Ended(run.id.clone(), now(), Box::new(Ok(run)));
    let mut effects = update(&mut model, msg);
    effects.retain(|effect| matches!(effect, Effect::Notify(_)));
    effects
}

#[test]
fn the_end_of_a_long_run_is_told_to_who_looks_elsewhere() {
    let told = ended(Notify::Unfocused, false, 11);
    let [Effect::Notify(text)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(text.contains("2025-01-27") && text.contains("failed"), "{text}");
    for (notify, focus, seconds, count) in [
        (Notify::Unfocused, true, 11, 0),
        (Notify::Unfocused, false, 9, 0),
        (Notify::Always, true, 11, 1),
        (Notify::Always, true, 9, 0),
        (Notify::Never, false, 60, 0),
    ] {
        assert_eq!(
            ended(notify, focus, seconds).len(),
            count,
            "{notify:?} {focus} {seconds}"
        );
    }
}

#[test]
fn what_changes_nothing_asks_for_no_frame() {
    let mut model = console((120, 40), false);
    let mut still = |msg: Msg| {
        update(&mut model, msg);
        model.still
    };
    assert!(still(Msg::Focus(false)));
    assert!(still(Msg::Clock(now())));
    assert!(still(Msg::Clock(now() - TimeDelta::hours(1))));
    assert!(!still(Msg::Clock(now() + TimeDelta::minutes(2))));
    // The focus returns long after a refresh was due.
    assert!(!still(Msg::Clock(now() + TimeDelta::minutes(30))));
    assert!(!still(Msg::Focus(true)));
    assert!(!still(Msg::Key(Key::Down)));
    let run = record(None);
    let progress = RunProgress {
        run: run.id.clone(),
        at: now(),
        begun_at: now(),
        events: Vec::new(),
        steps: std::collections::BTreeMap::new(),
        cancel_requested: false,
        outcome: None,
    };
    model.live_mut().insert(run.id.clone(), Live::new(run.plan));
    let mut told = |progress: &RunProgress| {
        update(&mut model, Msg::Progress(Box::new(progress.clone())));
        model.still
    };
    assert!(!told(&progress));
    assert!(told(&progress));
}

#[test]
fn after_a_jump_of_the_clock_a_refresh_is_due_once() {
    let mut model = console((120, 40), false);
    let later = now() + TimeDelta::days(3);
    let effects = update(&mut model, Msg::Clock(later));
    let [Effect::Refresh { id, previous, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(update(&mut model, Msg::Clock(later)), []);
    // The answer has the time of a clock that was set back meanwhile.
    update(&mut model, Msg::Observed(*id, now(), previous.clone()));
    assert_eq!(model.now, later);
    assert_eq!(update(&mut model, Msg::Clock(now())), []);
    assert!(wake::refresh_due(&model).unwrap() > later);
}

/// Records what happens to a console while it is used.
struct Tape {
    model: Model,
    lines: Vec<String>,
}

impl Tape {
    fn of(model: Model) -> Self {
        let lines = vec![serde_json::to_string(&recording::begin(&model)).unwrap()];
        Self { model, lines }
    }

    fn take(&mut self, msg: Msg) {
        let entry = recording::entry(&self.model, &msg, "its name".to_owned());
        self.lines.push(serde_json::to_string(&entry).unwrap());
        for effect in update(&mut self.model, msg) {
            // The answers of the small fixture, recorded as they arrive.
            match effect {
                Effect::Refresh { id, previous, .. } => self.take(Msg::Observed(id, now(), previous)),
                Effect::ReadRuns { id } => self.take(Msg::RunsRead(id, now(), Ok(self.model.runs.clone()))),
                Effect::Plan { id, previous, intent } => {
                    let mut scratch = self.model.clone();
                    let before = Effect::Plan { id, previous, intent };
                    answer(&mut scratch, vec![before]);
                    if let Some(review) = scratch.on::<Review>() {
                        let plan = Ok(review.plan.clone().unwrap());
                        let msg = Msg::Planned(id, now(), scratch.snapshot.clone(), Box::new(plan));
                        self.take(msg);
                    }
                }
                _ => {}
            }
        }
    }

    fn keys(&mut self, keys: &str) {
        for c in keys.chars() {
            self.take(Msg::Key(if c == '\n' { Key::Enter } else { Key::Char(c) }));
        }
    }
}

#[test]
fn a_recorded_session_is_replayed_to_the_same_screen() {
    // From the start: requests are counted from there.
    let snapshot = console((120, 40), false).snapshot;
    let model = Model::new(setting(false), snapshot, now(), (120, 40));
    let mut tape = Tape::of(model);
    tape.take(Msg::FirstFrame(now()));
    tape.take(Msg::Resize(130, 44));
    tape.take(Msg::Select(PaneId::CHANNELS, 2));
    tape.take(Msg::Twice);
    tape.take(Msg::Key(Key::Esc));
    tape.take(Msg::Act(ActionId::FILTER));
    tape.keys("eng\n");
    let grip = Grip {
        border: Border::Column,
        before: 1,
    };
    tape.take(Msg::Drag(grip, 60, 5));
    tape.take(Msg::Wheel(Some(PaneId::CHANNELS), 1));
    tape.take(Msg::Pane(PaneId::RELEASES));
    tape.take(Msg::Said("something".to_owned()));
    tape.take(Msg::Clock(now() + TimeDelta::minutes(3)));
    // Reading the runs counts a request too: without it the refresh would never end in the replay.
    tape.take(Msg::JournalChanged);
    tape.take(Msg::Act(ActionId::REFRESH));
    assert!(!screen(&tape.model).0.contains("reading"));
    tape.keys("p");
    tape.take(Msg::Key(Key::Down));
    let text = tape.lines.join("\n");
    let replayed = recording::replay(text.lines(), Look::FULL).unwrap();
    assert_eq!(screen(&replayed.model).0, screen(&tape.model).0);
    assert!(screen(&tape.model).0.contains("Publish 2025-01-27"));
    assert_eq!(replayed.left_out, ["its name"]);
    assert!(recording::replay(["{}"], Look::FULL).is_none());
}

#[test]
fn nothing_typed_at_a_sign_in_and_no_paste_is_recorded() {
    let mut tape = Tape::of(console((120, 40), false));
    tape.model.setting.demo = true;
    tape.keys("R\nCHARMHUB_TOKEN\n");
    assert!(tape.model.dialog::<SignIn>().is_some());
    tape.keys("rita@legend.example\n");
    tape.take(Msg::Paste("open-sesame".into()));
    tape.keys("Quizzical\n");
    let text = tape.lines[1..].join("\n");
    for secret in ["sesame", "Quizz", "rita"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let typed: String = "Quizzical".chars().map(|c| format!("\"key\":\"{c}\"")).collect();
    assert!(!text.contains(&typed) && text.contains("\"pasted\":11"));
    let masked = tape.lines.iter().filter(|line| *line == "\"masked\"").count();
    assert_eq!(masked, "rita@legend.example".len() + "Quizzical".len());
}
