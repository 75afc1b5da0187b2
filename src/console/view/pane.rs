//! Frames of panes: title, age, filter, headings, the window of rows.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::look::{Glyph, Tone};
use super::piece::{Cells, Piece};
use super::{Drawn, boxed, scroll_mark};
use crate::console::actions::ActionId;
use crate::console::listing::{Keyed, Listing};
use crate::console::panes::{self, PaneId, activity, channels, charms, credentials, releases};
use crate::console::{Model, Msg, layout, wake, words};
use crate::domain::Problem;
use crate::domain::snapshot::Standing;

/// Draws the line of tabs.
pub fn tabs(model: &Model, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let look = &model.setting.look;
    let mut x = area.x + 1;
    let full: usize = PaneId::ALL.iter().map(|p| p.title().len() + 4).sum();
    for pane in PaneId::ALL {
        let own = pane == model.pane;
        let text = if full <= usize::from(area.width) || own {
            format!(" {} {} ", pane.number(), pane.title())
        } else {
            format!(" {} {} ", pane.number(), words::cut(pane.title(), 4))
        };
        let columns = (words::width(&text) as u16).min(area.right().saturating_sub(x));
        let rect = Rect::new(x, area.y, columns, 1);
        let mut cells = Cells::new(usize::from(columns));
        cells.push(Piece::new(text, if own { Tone::Accent } else { Tone::Dim }));
        frame.render_widget(cells.line(look), rect);
        if own {
            frame.buffer_mut().set_style(rect, look.selected(true));
        }
        drawn.hit(rect, Msg::Go(crate::console::msg::Go::Pane(pane)));
        x += columns;
    }
}

/// Draws `pane` into `area`.
pub fn draw(model: &Model, pane: PaneId, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let focus = model.pane == pane;
    drawn.hit(area, Msg::Go(crate::console::msg::Go::Pane(pane)));
    drawn.wheel(area, Some(pane));
    let title = title(model, pane);
    let inner = boxed(model, frame, area, &title, Some(age(model, pane)), focus);
    let width = usize::from(inner.width);
    let mut rows_at = inner;
    if pane.has_heading(area.width) {
        let cells = match pane {
            PaneId::Releases => releases::view::heading(model, width),
            PaneId::Credentials => credentials::view::heading(model, width),
            _ => channels::view::heading(model, width),
        };
        frame.render_widget(cells.line(&model.setting.look), Rect { height: 1, ..inner });
        rows_at = Rect {
            y: inner.y + 1,
            height: inner.height.saturating_sub(1),
            ..inner
        };
    }
    let height = layout::list_height(pane, area);
    let panes = &model.panes;
    let mut list = List {
        model,
        pane,
        area: rows_at,
        frame,
        drawn,
        focus,
    };
    let offset = match pane {
        PaneId::Releases => list.rows(&panes.releases, height, releases::view::row),
        PaneId::Channels => list.rows(&panes.channels, height, channels::view::row),
        PaneId::Charms => list.rows(&panes.charms, height, charms::view::row),
        PaneId::Credentials => list.rows(&panes.credentials, height, credentials::view::row),
        PaneId::Activity => list.rows(&panes.activity, height, activity::view::row),
    };
    let (shown, _) = panes::counts(panes, pane);
    if shown == 0 {
        empty(model, pane, rows_at, frame);
    }
    scroll_mark(model, frame, area, offset, height, shown);
}

struct List<'a, 'f, 'b> {
    model: &'a Model,
    pane: PaneId,
    area: Rect,
    frame: &'a mut Frame<'f>,
    drawn: &'b mut Drawn,
    focus: bool,
}

impl List<'_, '_, '_> {
    fn rows<R: Keyed>(
        &mut self,
        listing: &Listing<R>,
        height: usize,
        draw: impl Fn(&Model, &R, usize) -> Cells,
    ) -> usize {
        let look = &self.model.setting.look;
        for ((at, row), y) in listing.window(height).zip(self.area.y..) {
            let rect = Rect {
                y,
                height: 1,
                ..self.area
            };
            let selected = at == listing.index();
            let mark = if selected { look.glyph(Glyph::Cursor) } else { " " };
            if rect.width < 3 {
                continue;
            }
            let mut cells = Cells::new(2);
            cells.push(Piece::new(mark, Tone::Accent));
            self.frame
                .render_widget(cells.line(look), Rect { width: 2, ..rect });
            let text = Rect {
                x: rect.x + 2,
                width: rect.width - 2,
                ..rect
            };
            let cells = draw(self.model, row, usize::from(text.width));
            self.frame.render_widget(cells.line(look), text);
            if selected {
                self.frame.buffer_mut().set_style(rect, look.selected(self.focus));
            }
            self.drawn.rows_built += 1;
            self.drawn.hit(rect, Msg::Select(self.pane, at));
        }
        listing.offset()
    }
}

fn title(model: &Model, pane: PaneId) -> String {
    let mut title = format!("{} {}", pane.number(), pane.title());
    let filter = panes::filter(&model.panes, pane);
    if !filter.is_empty() || (model.filtering.is_some() && model.pane == pane) {
        let (shown, all) = panes::counts(&model.panes, pane);
        title.push_str(&format!("  /{filter} ({shown} of {all})"));
    }
    title
}

/// The note in the title: what is new, and how old the data is.
fn age(model: &Model, pane: PaneId) -> Vec<Piece> {
    let snapshot = &model.snapshot;
    let mut pieces = Vec::new();
    if pane == PaneId::Releases
        && let Some(note) = releases::view::note(model)
    {
        pieces.push(Piece::new(format!("{note} "), Tone::Accent));
    }
    let (read_at, problem) = match pane {
        PaneId::Releases => (
            snapshot.releases.read_at,
            snapshot
                .releases
                .problem
                .as_ref()
                .or(snapshot.markers.problem.as_ref()),
        ),
        PaneId::Channels | PaneId::Charms => (
            snapshot.charms.values().filter_map(|o| o.read_at).min(),
            snapshot.charms.values().find_map(|o| o.problem.as_ref()),
        ),
        PaneId::Credentials => (
            [&snapshot.credential, &snapshot.github]
                .iter()
                .filter_map(|o| o.read_at)
                .min(),
            None,
        ),
        PaneId::Activity => (None, model.journal.problem.as_ref()),
    };
    let Some(at) = read_at else {
        if problem.is_some() {
            pieces.push(Piece::new("could not be read", Tone::Warn));
        } else if model.refresh.in_flight.is_some() && pane != PaneId::Activity {
            pieces.push(Piece::new("looking …", Tone::Dim));
        }
        return pieces;
    };
    let stale = problem.is_some() || model.now - at > wake::stale_after(model);
    let mut text = words::age(model.now, at);
    if stale {
        text = format!("stale {}", text.trim_end_matches(" ago"));
    }
    pieces.push(Piece::new(text, if stale { Tone::Warn } else { Tone::Dim }));
    pieces
}

fn problem_of(model: &Model, pane: PaneId) -> Option<&Problem> {
    let snapshot = &model.snapshot;
    match pane {
        PaneId::Releases => snapshot.releases.problem.as_ref(),
        PaneId::Channels | PaneId::Charms => snapshot.charms.values().find_map(|o| o.problem.as_ref()),
        PaneId::Credentials => None,
        PaneId::Activity => model.journal.problem.as_ref(),
    }
}

fn empty(model: &Model, pane: PaneId, area: Rect, frame: &mut Frame) {
    let filtered = !panes::filter(&model.panes, pane).is_empty();
    let mut lines = Vec::new();
    if filtered {
        lines.push((
            format!(
                "nothing matches; {}",
                model.setting.keymap.hint(ActionId::Unfilter, "drops the filter")
            ),
            Tone::Dim,
        ));
    } else if let Some(problem) = problem_of(model, pane) {
        lines.push((problem.summary.to_string(), Tone::Warn));
        lines.extend(problem.hints.iter().map(|hint| (hint.to_string(), Tone::Plain)));
    } else {
        let keymap = &model.setting.keymap;
        let publishes = format!(
            "no runs yet: {}",
            keymap.hint(ActionId::Publish, "publishes the selected release")
        );
        let words = match pane {
            PaneId::Releases => releases::view::empty(model),
            PaneId::Channels => "no channels known yet",
            PaneId::Charms => "this workspace names no charms",
            PaneId::Credentials => "nothing known yet",
            PaneId::Activity if model.journal.in_flight.is_some() => "reading the journal …",
            PaneId::Activity => &publishes,
        };
        lines.push((words.to_owned(), Tone::Dim));
    }
    let room = usize::from(area.width.saturating_sub(2));
    let wrapped = lines
        .into_iter()
        .flat_map(|(text, tone)| words::wrap(&text, room).into_iter().map(move |line| (line, tone)));
    for ((text, tone), y) in wrapped.zip(area.y..area.bottom()) {
        let rect = Rect {
            x: area.x + 1,
            y,
            width: area.width.saturating_sub(1),
            height: 1,
        };
        let mut cells = Cells::new(usize::from(rect.width));
        cells.push(Piece::new(text, tone));
        frame.render_widget(cells.line(&model.setting.look), rect);
    }
}

/// The worse of two standings.
pub const fn worse(a: Standing, b: Standing) -> Standing {
    const fn rank(standing: Standing) -> u8 {
        match standing {
            Standing::Known => 0,
            Standing::Stale => 1,
            Standing::Absent => 2,
            Standing::NotAsked => 3,
            Standing::Forbidden => 4,
            Standing::Unknown => 5,
        }
    }
    if rank(a) >= rank(b) { a } else { b }
}
