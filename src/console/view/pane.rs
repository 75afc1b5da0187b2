//! Draws the frame of a pane: title, age, filter, headings, the visible rows.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::found::Found;
use super::look::{Glyph, Tone};
use super::piece::{Cells, Piece};
use super::{Drawn, boxed, finish, foot, scroll_mark};
use crate::console::listing::{Keyed, Listing};
use crate::console::panes::{self, PaneId, activity, channels, charms, credentials, releases};
use crate::console::sorting::Sorting;
use crate::console::{Model, Msg, layout, links, words};
use crate::domain::snapshot::SourceStatus;

/// Draws the line of tabs.
pub fn tabs(model: &Model, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let look = &model.setting.look;
    let mut x = area.x + 1;
    let room = usize::from(area.width).saturating_sub(1);
    let fits = |name: fn(PaneId) -> &'static str| {
        let all: usize = PaneId::ALL.iter().map(|pane| name(*pane).len() + 4).sum();
        all <= room
    };
    // The visible pane's border has its full name.
    let name: fn(PaneId) -> &'static str = if fits(PaneId::title) {
        PaneId::title
    } else if fits(PaneId::short_title) {
        PaneId::short_title
    } else {
        |_| ""
    };
    for pane in PaneId::ALL {
        let own = pane == model.pane;
        let text = format!("{} {}", pane.number(), name(pane));
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
        drawn.hit(rect, Msg::Pane(pane));
        x += columns;
    }
}

/// Draws `pane` into `area`.
pub fn draw(model: &Model, pane: PaneId, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let focus = model.pane == pane;
    drawn.hit(area, Msg::Pane(pane));
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
    let filter = panes::filter(panes, pane);
    let mut list = List {
        model,
        pane,
        area: rows_at,
        frame,
        drawn,
        focus,
        found: Found::of(filter),
    };
    let offset = match pane {
        PaneId::Releases => list.rows(&panes.releases, height, releases::view::row, |row| {
            releases::link(model.workspace(), &row.name)
        }),
        PaneId::Channels => list.rows(&panes.channels, height, channels::view::row, |row| {
            Some(links::charm(row.charm.as_str()))
        }),
        PaneId::Charms => list.rows(&panes.charms, height, charms::view::row, |row| {
            matches!(row.what, charms::What::Charm(_)).then(|| links::charm(row.charm.as_str()))
        }),
        PaneId::Credentials => list.rows(
            &panes.credentials,
            height,
            credentials::view::row,
            credentials::Row::link,
        ),
        PaneId::Activity => list.rows(&panes.activity, height, activity::view::row, |_| None),
    };
    let (shown, _) = panes::counts(panes, pane);
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
    let marked = scroll_mark(model, frame, area, offset, height, shown);
    if pane == PaneId::Releases {
        // Some border is kept beside the mark, so that they are not read as one.
        let beside = if marked > 0 { marked + 2 } else { 0 };
        let room = usize::from(area.width).saturating_sub(4 + beside);
        if let Some(text) = panes::rhythm::foot(model, room) {
            foot(model, frame, area, &text);
        }
    }
}

struct List<'a, 'f, 'b> {
    model: &'a Model,
    pane: PaneId,
    area: Rect,
    frame: &'a mut Frame<'f>,
    drawn: &'b mut Drawn,
    focus: bool,
    found: Option<Found>,
}

impl List<'_, '_, '_> {
    /// Draws the banner, if the pane has one; returns the area below it.
    fn banner<R: Keyed>(&mut self, listing: &Listing<R>) -> Rect {
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
            self.drawn.hit(rect, Msg::Banner(self.pane));
        }
        Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        }
    }

    fn rows<R: Keyed>(
        &mut self,
        listing: &Listing<R>,
        height: usize,
        draw: impl Fn(&Model, &R, usize) -> Cells,
        page: impl Fn(&R) -> Option<String>,
    ) -> usize {
        let look = &self.model.setting.look;
        let area = self.banner(listing);
        let height = height.min(usize::from(area.height));
        for ((at, row), y) in listing.window(height).zip(area.y..) {
            let rect = Rect { y, height: 1, ..area };
            let selected = at == listing.index() && !listing.on_banner();
            let mark = if selected { look.glyph(Glyph::Cursor) } else { " " };
            if rect.width < 3 {
                continue;
            }
            let mut cells = Cells::new(2);
            cells.push(Piece::new(mark, Tone::Accent));
            if listing.marked().contains(row.key()) {
                cells.push(Piece::new(look.glyph(Glyph::Marked), Tone::Accent));
            }
            self.frame
                .render_widget(cells.line(look), Rect { width: 2, ..rect });
            let text = Rect {
                x: rect.x + 2,
                width: rect.width - 2,
                ..rect
            };
            let cells = draw(self.model, row, usize::from(text.width));
            self.frame.render_widget(cells.line(look), text);
            if let Some(found) = &mut self.found {
                found.mark(self.frame.buffer_mut(), text, look.found());
            }
            if let Some(page) = page(row) {
                self.drawn.links.push((text, page));
            }
            if selected {
                finish::select(self.model, self.frame, rect, self.focus);
            }
            self.drawn.rows_built += 1;
            self.drawn.hit(rect, Msg::Select(self.pane, at));
        }
        listing.offset()
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

fn title(model: &Model, pane: PaneId) -> String {
    let mut title = format!("{} {}", pane.number(), pane.title());
    let filter = panes::filter(&model.panes, pane);
    if !filter.is_empty() || (model.filtering.is_some() && model.pane == pane) {
        let (_, all) = panes::counts(&model.panes, pane);
        let found = panes::matches(&model.panes, pane);
        title.push_str(&format!("  /{filter} ({found} of {all})"));
    }
    if let Some((column, sorting)) = panes::sorting(&model.panes, pane) {
        title.push_str(&format!("  by {column} {}", sort_sign(model, sorting)));
    }
    title
}

/// Returns the note in the title: what is new, and the age of the data.
fn age(model: &Model, pane: PaneId) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if pane == PaneId::Releases
        && let Some(note) = releases::view::note(model)
    {
        pieces.push(Piece::new(format!("{note} "), Tone::Accent));
    }
    let note = panes::standing::note(model, pane);
    pieces.extend(note.map(|(text, tone)| Piece::new(text, tone)));
    pieces
}

fn empty(model: &Model, pane: PaneId, area: Rect, frame: &mut Frame) {
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

/// Returns the worse of two standings.
pub const fn worse(a: SourceStatus, b: SourceStatus) -> SourceStatus {
    const fn rank(standing: SourceStatus) -> u8 {
        match standing {
            SourceStatus::Known => 0,
            SourceStatus::Stale => 1,
            SourceStatus::Absent => 2,
            SourceStatus::NotAsked => 3,
            SourceStatus::NoCredential => 4,
            SourceStatus::Forbidden => 5,
            SourceStatus::Unknown => 6,
        }
    }
    if rank(a) >= rank(b) { a } else { b }
}
