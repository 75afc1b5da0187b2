//! Draws the charms pane.

use super::{Row, What};
use crate::console::Model;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;

/// One row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let look = &model.setting.look;
    let mut cells = Cells::new(width);
    match &row.what {
        What::Charm(newest) => {
            let room = width.saturating_sub(6);
            let name = if words::width(row.charm.as_str()) <= room {
                row.charm.as_str()
            } else {
                model.short(&row.charm)
            };
            let column = if width >= 60 { 36 } else { room };
            cells.put(name, column, Tone::Strong);
            match newest {
                Some((revision, at)) => {
                    cells.put(&format!("{revision:>5}"), 7, Tone::Plain);
                    if width >= 60 {
                        cells.push(Piece::new(words::day(*at), Tone::Dim));
                    }
                }
                None => cells.push(Piece::new("    ?", Tone::Dim)),
            }
            if row.bundle && width >= 60 {
                cells.push(Piece::new("  bundle", Tone::Dim));
            }
        }
        What::Resource { name, newest, image } => {
            let number = newest.map_or_else(
                || look.glyph(Glyph::Nothing).to_string(),
                |revision| revision.to_string(),
            );
            let image = image.as_deref().unwrap_or_default();
            if width >= 60 {
                cells.put(&format!("  {name}"), 36, Tone::Plain);
                cells.put(&format!("{number:>5}"), 7, Tone::Plain);
                cells.push(Piece::new(image, Tone::Dim));
            } else {
                cells.put(
                    &format!("  {name} "),
                    width.saturating_sub(18).max(10),
                    Tone::Plain,
                );
                cells.put(&number, 5, Tone::Plain);
                cells.push(Piece::new(image, Tone::Dim));
            }
        }
        What::Revision {
            revision,
            at,
            status,
            releasable,
            served,
        } => {
            let tone = if *releasable { Tone::Plain } else { Tone::Dim };
            cells.put(&format!("    {revision}"), 10, tone);
            cells.put(&words::day(*at), 11, Tone::Dim);
            let served: Vec<String> = served.iter().map(ToString::to_string).collect();
            if served.is_empty() {
                cells.push(Piece::new(status.to_string(), Tone::Dim));
            } else {
                cells.push(Piece::new(served.join(" "), Tone::Good));
            }
        }
        What::Held {
            revision,
            at,
            image,
            release,
            ..
        } => {
            cells.put(&format!("    {revision}"), 10, Tone::Plain);
            cells.put(&words::day(*at), 11, Tone::Dim);
            let image = image.as_deref().unwrap_or("…");
            if width >= 60 {
                cells.put(image, 22, Tone::Plain);
                if let Some(release) = release {
                    cells.push(Piece::new(format!("release {release}"), Tone::Good));
                }
            } else {
                cells.push(Piece::new(image, Tone::Dim));
            }
        }
        What::Problem(problem) => {
            cells.push(Piece::new(
                format!("  {} {}", look.glyph(Glyph::Failed), problem.summary),
                Tone::Bad,
            ));
        }
    }
    cells
}
