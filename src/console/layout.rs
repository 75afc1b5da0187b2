//! Computes where everything is on screen: a grid on large terminals, one pane at a time on small
//! ones.
//!
//! Update (windows, pages) and view share this arithmetic.

use ratatui::layout::Rect;

use super::Model;
use super::model::Screen;
use super::panes::PaneId;
use super::split::PaneNeed;

/// Smallest usable size, in columns and rows.
pub const LEAST: (u16, u16) = (40, 10);
/// Smallest size with panes side by side.
const GRID: (u16, u16) = (100, 20);

/// The areas of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The header line.
    pub header: Rect,
    /// The line of tabs, if one pane is shown at a time.
    pub tabs: Option<Rect>,
    /// The visible panes, borders included.
    pub panes: Vec<(PaneId, Rect)>,
    /// The area between header and footer.
    pub body: Rect,
    /// The line of the tour, if shown.
    pub hint: Option<Rect>,
    /// The footer line.
    pub footer: Rect,
}

/// Returns true if the terminal is too small to show anything.
pub const fn too_small(model: &Model) -> bool {
    model.columns < LEAST.0 || model.lines < LEAST.1
}

/// Returns the areas for the size and state of `model`.
pub fn layout(model: &Model) -> Layout {
    let (w, h) = (model.columns, model.lines);
    let header = Rect::new(0, 0, w, 1.min(h));
    let footer = Rect::new(0, h.saturating_sub(1), w, 1.min(h));
    // The tour's line is taken from the body, so that it hides nothing.
    let hint = super::tour::shown(model).then(|| Rect::new(0, h.saturating_sub(2), w, 1));
    let body = Rect::new(
        0,
        1.min(h),
        w,
        h.saturating_sub(if hint.is_some() { 3 } else { 2 }),
    );
    // A screen reader reads line by line and would mix the panes of a grid.
    let grid = w >= GRID.0 && h >= GRID.1 && !model.zoomed && model.setting.look.borders;
    if grid {
        let above = model.split.above(body.height);
        let below = body.height - above;
        let (x, y) = (body.x, body.y);
        let needs = &model.panes.needs;
        let upper = [needs.of(PaneId::Releases), needs.of(PaneId::Channels)];
        let [releases, channels] = model.split.upper(upper, w);
        let [charms, credentials, activity] = model.split.lower(lower_needs(model), w);
        return Layout {
            header,
            tabs: None,
            panes: vec![
                (PaneId::Releases, Rect::new(x, y, releases, above)),
                (PaneId::Channels, Rect::new(x + releases, y, channels, above)),
                (PaneId::Charms, Rect::new(x, y + above, charms, below)),
                (
                    PaneId::Credentials,
                    Rect::new(x + charms, y + above, credentials, below),
                ),
                (
                    PaneId::Activity,
                    Rect::new(x + charms + credentials, y + above, activity, below),
                ),
            ],
            body,
            hint,
            footer,
        };
    }
    let tabs = Rect::new(0, body.y, w, 1.min(body.height));
    let pane = Rect::new(0, body.y + 1, w, body.height.saturating_sub(1));
    Layout {
        header,
        tabs: Some(tabs),
        panes: vec![(model.pane, pane)],
        body,
        hint,
        footer,
    }
}

/// Returns what the lower panes need, from left to right.
pub fn lower_needs(model: &Model) -> [PaneNeed; 3] {
    [PaneId::Charms, PaneId::Credentials, PaneId::Activity].map(|pane| model.panes.needs.of(pane))
}

/// Returns the rows of the list inside a pane with borders and, if it has one, a line of headings.
pub fn list_height(pane: PaneId, rect: Rect) -> usize {
    usize::from(
        rect.height
            .saturating_sub(2 + u16::from(pane.has_heading(rect.width))),
    )
}

/// Returns the area of a dialog: centred, at most `columns` by `lines`.
pub fn dialog(model: &Model, columns: u16, lines: u16) -> Rect {
    let w = columns.min(model.columns.saturating_sub(2));
    let h = lines.min(model.lines.saturating_sub(2));
    Rect::new((model.columns - w) / 2, (model.lines - h) / 2, w, h)
}

/// Scrolls every list so that its selection is visible.
pub fn settle(model: &mut Model) {
    let places = layout(model);
    for pane in PaneId::ALL {
        let height = places
            .panes
            .iter()
            .find(|(id, _)| *id == pane)
            .map_or(1, |(id, rect)| list_height(*id, *rect));
        super::panes::settle(model, pane, height);
    }
    let inside = usize::from(places.body.height.saturating_sub(2));
    let inner_width = usize::from(places.body.width.saturating_sub(2));
    if matches!(model.screen, Screen::Review(_)) {
        super::review::settle(model, inner_width, inside);
    }
    if matches!(model.screen, Screen::Run(_)) {
        super::running::settle(model, inner_width, inside);
    }
    model.change_dialog(|dialog, model| dialog.fit(model));
}
