//! Computes where everything is on screen: a grid on large terminals, one pane at a time on small
//! ones.
//!
//! Update (windows, pages) and view share this arithmetic.

use ratatui::layout::Rect;

use super::Model;
use super::panes::id::{PaneId, PaneNeed, PanePlace};
use super::panes::spec::PaneSpec;
use super::split::Split;
use super::tour::state as tour;

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

/// Smallest size for the tour, in columns and rows; below it the panes need every line.
const TOUR: (u16, u16) = (80, 24);

/// Returns true if the tour's hint takes a line of the screen.
pub fn has_hint(model: &Model) -> bool {
    model.tour().is_some() && tour::offered(model) && model.columns >= TOUR.0 && model.lines >= TOUR.1
}

/// Returns the areas for the size and state of `model`.
pub fn layout(model: &Model) -> Layout {
    let (w, h) = (model.columns, model.lines);
    let header = Rect::new(0, 0, w, 1.min(h));
    let footer = Rect::new(0, h.saturating_sub(1), w, 1.min(h));
    // The tour's line is taken from the body, so that it hides nothing.
    let hint = has_hint(model).then(|| Rect::new(0, h.saturating_sub(2), w, 1));
    let body = Rect::new(
        0,
        1.min(h),
        w,
        h.saturating_sub(if hint.is_some() { 3 } else { 2 }),
    );
    // A screen reader reads line by line and would mix the panes of a grid.
    let beside = model.focused().is_none_or(|pane| pane.place != PanePlace::Alone);
    let large = w >= GRID.0 && h >= GRID.1 && !model.zoomed && model.setting.look.borders;
    if large
        && beside
        && let Some(panes) = grid(model, body)
    {
        return Layout {
            header,
            tabs: None,
            panes,
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

fn placed(model: &Model, place: PanePlace) -> Vec<&'static PaneSpec> {
    let all = model.panes.iter().copied();
    all.filter(|pane| pane.place == place).collect()
}

/// Returns the areas of the panes beside each other: two above, three below.
fn grid(model: &Model, body: Rect) -> Option<Vec<(PaneId, Rect)>> {
    let upper: [_; 2] = placed(model, PanePlace::Upper).try_into().ok()?;
    let lower: [_; 3] = placed(model, PanePlace::Lower).try_into().ok()?;
    let split = model.state::<Split>();
    let above = split.above(body.height);
    let rows = [
        (
            upper.as_slice(),
            split.upper(needs(model, upper), body.width).to_vec(),
        ),
        (
            lower.as_slice(),
            split.lower(needs(model, lower), body.width).to_vec(),
        ),
    ];
    let mut all = Vec::new();
    for ((panes, widths), (y, height)) in rows
        .into_iter()
        .zip([(body.y, above), (body.y + above, body.height - above)])
    {
        let mut x = body.x;
        for (pane, width) in panes.iter().zip(widths) {
            all.push((pane.id, Rect::new(x, y, width, height)));
            x += width;
        }
    }
    Some(all)
}

fn needs<const N: usize>(model: &Model, panes: [&PaneSpec; N]) -> [PaneNeed; N] {
    panes.map(|pane| (pane.need)(model))
}

/// Returns what the lower panes need, from left to right.
pub fn lower_needs(model: &Model) -> [PaneNeed; 3] {
    let lower = placed(model, PanePlace::Lower).try_into();
    lower.map_or_else(|_| [PaneNeed::default(); 3], |lower| needs(model, lower))
}

/// Returns the rows of the list inside a pane with borders and, if it has one, a line of headings.
pub fn list_height(pane: &PaneSpec, rect: Rect) -> usize {
    usize::from(
        rect.height
            .saturating_sub(2 + u16::from((pane.has_heading)(rect.width))),
    )
}

/// Returns the area of a dialog: centred, at most `columns` by `lines`.
pub fn dialog(model: &Model, columns: u16, lines: u16) -> Rect {
    let w = columns.min(model.columns.saturating_sub(2));
    let h = lines.min(model.lines.saturating_sub(2));
    Rect::new((model.columns - w) / 2, (model.lines - h) / 2, w, h)
}

/// Width of text dialogs in columns, borders included.
pub const TEXT_COLUMNS: u16 = 96;

/// Returns lines and columns inside the border of a text dialog.
pub fn text_size(model: &Model) -> (usize, usize) {
    let rect = dialog(model, TEXT_COLUMNS, model.lines);
    (
        usize::from(rect.width.saturating_sub(4)),
        usize::from(rect.height.saturating_sub(2)),
    )
}

/// Returns columns and lines inside the border of a screen.
pub fn inside(model: &Model) -> (usize, usize) {
    let body = layout(model).body;
    (
        usize::from(body.width.saturating_sub(2)),
        usize::from(body.height.saturating_sub(2)),
    )
}
