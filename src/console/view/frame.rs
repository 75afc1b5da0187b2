//! Draws a whole frame.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{Drawn, finish, footer, header, tour, which};
use crate::console::layout::{self, layout};
use crate::console::{Model, words};

/// Draws everything.
pub fn draw(model: &Model, frame: &mut Frame) -> Drawn {
    let mut drawn = Drawn::default();
    if layout::too_small(model) {
        let text = format!(
            "windlass needs {}x{}, this is {}x{}",
            layout::LEAST.0,
            layout::LEAST.1,
            model.columns,
            model.lines
        );
        let area = frame.area();
        let lines = words::wrap(&text, usize::from(area.width));
        for (line, y) in lines.into_iter().zip(area.y..area.bottom()) {
            let rect = Rect::new(area.x, y, area.width, 1);
            frame.render_widget(Line::from(line), rect);
        }
        finish::finish(&model.setting.look, frame.buffer_mut());
        return drawn;
    }
    let places = layout(model);
    header::draw(model, places.header, frame);
    finish::reader_at(model, frame, places.body);
    (model.screen.spec().draw)(model, frame, &mut drawn);
    if let Some(hint) = places.hint {
        tour::draw(model, hint, frame);
    }
    if let Some(dialog) = &model.modal {
        drawn.hits.clear();
        drawn.wheels.clear();
        drawn.grips.clear();
        drawn.links.clear();
        dialog.draw(model, frame, &mut drawn);
    }
    footer::draw(model, places.footer, frame, &mut drawn);
    which::draw(model, frame, &mut drawn);
    finish::finish(&model.setting.look, frame.buffer_mut());
    drawn
}
