//! Draws the frame of a pane: title, age, filter, headings, the visible rows.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::found::Found;
use super::look::{Glyph, Tone};
use super::piece::{Cells, Piece};
use super::{Drawn, boxed, finish, foot, scroll_mark};
use crate::console::listing::AnyList;
use crate::console::panes::{self, PaneSpec};
use crate::console::sorting::Sorting;
use crate::console::{Model, Msg, layout, words};

/// Draws the line of tabs.
pub fn tabs(model: &Model, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let look = &model.setting.look;
    let mut x = area.x + 1;
    let room = usize::from(area.width).saturating_sub(1);
    let fits = |name: fn(&PaneSpec) -> &'static str| {
        let all: usize = model.panes.iter().map(|pane| name(pane).len() + 4).sum();
        all <= room
    };
    let title: fn(&PaneSpec) -> &'static str = |pane| pane.id.title();
    let short: fn(&PaneSpec) -> &'static str = |pane| pane.short_title;
    let none: fn(&PaneSpec) -> &'static str = |_| "";
    // The visible pane's border has its full name.
    let name = if fits(title) {
        title
    } else if fits(short) {
        short
    } else {
        none
    };
    for pane in model.panes {
        let own = pane.id == model.pane;
        let text = format!("{} {}", model.pane_number(pane.id), name(pane));
        let text = if own && !look.borders {
            format!("[{}]", text.trim_end())
        } else {
            format!(" {} ", text.trim_end())
        };
        let columns = (words::width(&text) as u16).min(area.right().saturating_sub(x));
        let rect = Rect::new(x, area.y, columns, 1);
        let mut cells = Cells::new(usize::from(columns));
        cells.push(Piece::new(text, if own { Tone::Accent } else { Tone::Dim }));
        frame.render_widget(cells.line(look), rect);
        if own {
            frame.buffer_mut().set_style(rect, look.selected(true));
        }
        drawn.hit(rect, Msg::Pane(pane.id));
        x += columns;
    }
}

/// Draws `pane` into `area`.
pub fn draw(model: &Model, pane: &PaneSpec, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let focus = model.pane == pane.id;
    drawn.hit(area, Msg::Pane(pane.id));
    drawn.wheel(area, Some(pane.id));
    let title = title(model, pane);
    let inner = boxed(model, frame, area, &title, Some(age(model, pane)), focus);
    let width = usize::from(inner.width);
    let mut rows_at = inner;
    if (pane.has_heading)(area.width) {
        let cells = (pane.heading)(model, width);
        frame.render_widget(cells.line(&model.setting.look), Rect { height: 1, ..inner });
        rows_at = Rect {
            y: inner.y + 1,
            height: inner.height.saturating_sub(1),
            ..inner
        };
    }
    let height = layout::list_height(pane, area);
    let listing = (pane.list)(model);
    let mut list = List {
        model,
        pane,
        area: rows_at,
        frame,
        drawn,
        focus,
        found: Found::of(listing.filter()),
    };
    list.rows(listing, height);
    let (shown, _) = listing.counts();
    let below = u16::from(panes::standing::has_banner(model, pane));
    if shown == 0 {
        let area = Rect {
            y: rows_at.y + below.min(rows_at.height),
            height: rows_at.height.saturating_sub(below),
            ..rows_at
        };
        empty(model, pane, area, frame);
    }
    let height = height.saturating_sub(usize::from(below));
    let marked = scroll_mark(model, frame, area, listing.offset(), height, shown);
    // Some border is kept beside the mark, so that they are not read as one.
    let beside = if marked > 0 { marked + 2 } else { 0 };
    let room = usize::from(area.width).saturating_sub(4 + beside);
    if let Some(text) = (pane.foot)(model, room) {
        foot(model, frame, area, &text);
    }
}

struct List<'a, 'f, 'b> {
    model: &'a Model,
    pane: &'a PaneSpec,
    area: Rect,
    frame: &'a mut Frame<'f>,
    drawn: &'b mut Drawn,
    focus: bool,
    found: Option<Found>,
}

impl List<'_, '_, '_> {
    /// Draws the banner, if the pane has one; returns the area below it.
    fn banner(&mut self, listing: &dyn AnyList) -> Rect {
        let (area, look) = (self.area, &self.model.setting.look);
        if !listing.has_banner() || area.height == 0 || area.width < 3 {
            return area;
        }
        let rect = Rect { height: 1, ..area };
        let width = usize::from(area.width);
        let sign = format!(" {} ", look.glyph(Glyph::Warning));
        let room = width.saturating_sub(words::width(&sign));
        if let Some((text, tone)) = panes::standing::banner(self.model, self.pane, room) {
            let mut cells = Cells::new(width);
            let selected = listing.on_banner();
            let mark = if selected { look.glyph(Glyph::Cursor) } else { " " };
            cells.push(Piece::new(mark, Tone::Accent));
            cells.push(Piece::new(sign.trim_start(), tone));
            cells.push(Piece::new(text, tone));
            self.frame.render_widget(cells.line(look), rect);
            if selected {
                self.frame.buffer_mut().set_style(rect, look.selected(self.focus));
            }
            self.drawn.hit(rect, Msg::Banner(self.pane.id));
        }
        Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        }
    }

    fn rows(&mut self, listing: &dyn AnyList, height: usize) {
        let look = &self.model.setting.look;
        let area = self.banner(listing);
        let height = height.min(usize::from(area.height));
        for ((at, row, marked), y) in listing.in_window(height).into_iter().zip(area.y..) {
            let rect = Rect { y, height: 1, ..area };
            let selected = at == listing.index() && !listing.on_banner();
            let mark = if selected { look.glyph(Glyph::Cursor) } else { " " };
            if rect.width < 3 {
                continue;
            }
            let mut cells = Cells::new(2);
            cells.push(Piece::new(mark, Tone::Accent));
            if marked {
                cells.push(Piece::new(look.glyph(Glyph::Marked), Tone::Accent));
            }
            self.frame
                .render_widget(cells.line(look), Rect { width: 2, ..rect });
            let text = Rect {
                x: rect.x + 2,
                width: rect.width - 2,
                ..rect
            };
            let cells = (self.pane.row)(self.model, row, usize::from(text.width));
            self.frame.render_widget(cells.line(look), text);
            if let Some(found) = &mut self.found {
                found.mark(self.frame.buffer_mut(), text, look.found());
            }
            if let Some(page) = (self.pane.row_page)(self.model, row) {
                self.drawn.links.push((text, page));
            }
            if selected {
                finish::select(self.model, self.frame, rect, self.focus);
            }
            self.drawn.rows_built += 1;
            self.drawn.hit(rect, Msg::Select(self.pane.id, at));
        }
    }
}

const fn sort_sign(model: &Model, sorting: Sorting) -> &'static str {
    let glyph = if sorting.descending {
        Glyph::Descending
    } else {
        Glyph::Ascending
    };
    model.setting.look.glyph(glyph)
}

fn title(model: &Model, pane: &PaneSpec) -> String {
    let mut title = format!("{} {}", model.pane_number(pane.id), pane.id.title());
    let list = (pane.list)(model);
    let filter = list.filter();
    if !filter.is_empty() || (model.filtering.is_some() && model.pane == pane.id) {
        let (found, (_, all)) = (list.matches(), list.counts());
        title.push_str(&format!("  /{filter} ({found} of {all})"));
    }
    if let Some((column, sorting)) = list.sorting() {
        title.push_str(&format!("  by {column} {}", sort_sign(model, sorting)));
    }
    title
}

/// Returns the note in the title: what is new, and the age of the data.
fn age(model: &Model, pane: &PaneSpec) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if let Some(note) = (pane.note)(model) {
        pieces.push(Piece::new(format!("{note} "), Tone::Accent));
    }
    let note = panes::standing::note(model, pane);
    pieces.extend(note.map(|(text, tone)| Piece::new(text, tone)));
    pieces
}

fn empty(model: &Model, pane: &PaneSpec, area: Rect, frame: &mut Frame) {
    let lines = panes::standing::empty(model, pane);
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
