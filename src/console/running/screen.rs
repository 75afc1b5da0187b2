//! What the run screen does: moving, scrolling, searching its log.

use ratatui::Frame;

use super::actions::{can_browse, run_started};
use super::state::{LogHidden, Running, leading, plan};
use super::{RunLine, lines, log, pages, view};
use crate::console::Model;
use crate::console::actions::Scope;
use crate::console::layout::{self, layout};
use crate::console::screen::{Screen, ScreenSpec, SearchSpec};
use crate::console::update::terminal::PAGE;
use crate::console::view::Drawn;
use crate::console::view::piece::Piece;

static SPEC: ScreenSpec = ScreenSpec {
    scope: |_| Scope::RUN,
    draw,
    fit: settle,
    move_by,
    scroll,
    page_height: |model| usize::from(layout(model).body.height.saturating_sub(3)),
    wheel: |model, _, steps| scroll(model, steps),
    pick,
    double_click: |_| None,
    copied: |model| pages::copied(model, model.on()?),
    page: |model| pages::page(model, model.on()?),
    can_browse,
    pager,
    search: Some(SearchSpec {
        can_begin: run_started,
        begin: show_log,
        find: |model| Some(&model.on::<Running>()?.find),
        find_mut: |model| Some(&mut model.on_mut::<Running>()?.find),
        lines: |model| match model.on() {
            Some(running) => log_lines(model, running, layout::inside(model)),
            None => (Vec::new(), 0),
        },
        show_line: |model, at| show_log_line(model, at, layout::inside(model)),
    }),
};

impl Screen for Running {
    fn spec(&self) -> &'static ScreenSpec {
        &SPEC
    }

    fn boxed(&self) -> Box<dyn Screen> {
        Box::new(self.clone())
    }
}

fn draw(model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
    if let Some(running) = model.on() {
        view::draw(model, running, layout(model).body, frame, drawn);
    }
}

fn pager(model: &Model) -> Option<String> {
    let lines = lines(model, model.on()?, PAGE);
    let line = |line: &RunLine| {
        let text: String = line.pieces.iter().map(|piece| piece.text.as_str()).collect();
        format!("{}\n", text.trim_end())
    };
    Some(lines.iter().map(line).collect())
}

/// From this height on the log has its own part of the screen.
const LOG_FROM: usize = 14;

/// Returns the lines of the steps and of the log inside a border of `height` lines. If both do not
/// fit, the part that keys scroll gets all of it.
pub(super) fn heights(model: &Model, running: &Running, height: usize) -> (usize, usize) {
    // A waiting plan has no log.
    let none = model.state::<LogHidden>().0 || model.queue().find(&running.run).is_some();
    if none || (height < LOG_FROM && !running.in_log) {
        (height, 0)
    } else if height < LOG_FROM {
        (0, height.saturating_sub(1))
    } else {
        let log = (height / 4).clamp(4, 10);
        (height - log - 1, log)
    }
}

/// Returns the lines of the log in a border of this size, and the first one on screen.
pub fn log_lines(model: &Model, running: &Running, (width, height): (usize, usize)) -> (Vec<String>, usize) {
    let lines = log::lines(model, &running.run, width);
    let (_, below) = heights(model, running, height);
    let first = lines.len().saturating_sub(below + running.log_back);
    let text = |line: &Vec<Piece>| line.iter().map(|piece| piece.text.as_str()).collect();
    (lines.iter().map(text).collect(), first)
}

/// Shows the log and directs keys to it.
pub fn show_log(model: &mut Model) {
    model.state_mut::<LogHidden>().0 = false;
    if let Some(running) = model.on_mut::<Running>() {
        running.in_log = true;
    }
}

/// Scrolls the log so that its line `at` is visible.
pub fn show_log_line(model: &mut Model, at: usize, size: (usize, usize)) {
    let Some(running) = model.on::<Running>() else {
        return;
    };
    let (lines, first) = log_lines(model, running, size);
    let (_, below) = heights(model, running, size.1);
    let Some(running) = model.on_mut::<Running>() else {
        return;
    };
    if !(first..first + below).contains(&at) {
        let first = at.saturating_sub(below / 3);
        running.log_back = lines.len().saturating_sub(below + first);
    }
}

/// Moves the selected step, or scrolls the log, by `steps` rows.
pub fn move_by(model: &mut Model, steps: isize) {
    let Some(running) = model.on::<Running>() else {
        return;
    };
    if running.in_log {
        return scroll(model, steps);
    }
    let count = plan(model, &running.run).map_or(0, |plan| plan.steps.len());
    let Some(running) = model.on_mut::<Running>() else {
        return;
    };
    running.own = true;
    let next = running.cursor.saturating_add_signed(steps);
    if next >= count || (steps < 0 && running.cursor == 0) {
        running.follow = false;
        running.offset = running.offset.saturating_add_signed(steps);
    } else {
        running.follow = true;
        running.cursor = next;
    }
}

/// Scrolls by `steps` lines.
pub fn scroll(model: &mut Model, steps: isize) {
    let Some(running) = model.on_mut::<Running>() else {
        return;
    };
    if running.in_log {
        running.log_back = running.log_back.saturating_add_signed(steps.saturating_neg());
    } else {
        running.own = true;
        running.follow = false;
        running.offset = running.offset.saturating_add_signed(steps);
    }
}

/// Selects a step.
pub fn pick(model: &mut Model, at: usize) {
    if let Some(running) = model.on_mut::<Running>() {
        running.cursor = at;
        running.own = true;
        running.in_log = false;
    }
}

/// Clamps cursor and scroll positions.
pub fn settle(model: &mut Model, width: usize, height: usize) {
    let Some(running) = model.on::<Running>() else {
        return;
    };
    let goes_on = model.live().get(&running.run).is_some_and(|live| !live.ended);
    let leads = leading(model, &running.run);
    let Some(running) = model.on_mut::<Running>() else {
        return;
    };
    if !running.own {
        if let Some(at) = leads {
            running.cursor = at;
            running.follow = goes_on;
        }
        if !goes_on {
            // The result is at the top.
            running.follow = false;
            running.offset = 0;
        }
    }
    let Some(running) = model.on::<Running>() else {
        return;
    };
    let (above, below) = heights(model, running, height);
    let count = plan(model, &running.run).map_or(0, |plan| plan.steps.len());
    let lines = lines(model, running, width);
    let at = lines.iter().position(|line| line.step == Some(running.cursor));
    // The lines under a step, above all why it failed, are shown with it.
    let under = |at: usize| {
        let mut below = lines.iter().skip(at + 1);
        below.position(|line| line.step.is_some() || line.pieces.is_empty())
    };
    let last = at.map(|at| at + under(at).unwrap_or(lines.len() - at - 1));
    let log = log::lines(model, &running.run, width).len();
    let hidden = model.state::<LogHidden>().0 || model.queue().find(&running.run).is_some();
    let Some(running) = model.on_mut::<Running>() else {
        return;
    };
    running.in_log &= !hidden;
    running.cursor = running.cursor.min(count.saturating_sub(1));
    running.log_back = running.log_back.min(log.saturating_sub(below));
    for line in [last, at].into_iter().flatten().filter(|_| running.follow) {
        running.offset = crate::console::listing::window(running.offset, line, above, lines.len());
    }
    running.offset = running.offset.min(lines.len().saturating_sub(above));
}
