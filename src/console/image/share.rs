//! Computes how much of an image its destination already has, in bytes and as a bar.
//!
//! Every layer counts once; foreign layers, which are stored elsewhere, do not count.

use std::collections::BTreeSet;

use crate::console::view::look::Look;
use crate::console::words;
use crate::domain::detail::Layer;
use crate::domain::{Digest, ImageDetail};

/// The share of an image that its destination has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Bytes it has.
    pub there: u64,
    /// Bytes to send.
    pub to_send: u64,
    /// Layers it has.
    pub layers_there: usize,
    /// Layers counted.
    pub layers: usize,
}

/// Returns the layers of an image, each once.
pub fn distinct(detail: &ImageDetail) -> Vec<&Layer> {
    let mut seen = BTreeSet::new();
    let layers = detail.platforms.iter().flat_map(|one| &one.layers);
    layers.filter(|layer| seen.insert(layer.digest)).collect()
}

impl Share {
    /// Returns the share of the image of `detail` if the destination has the layers `there`.
    pub fn of(detail: &ImageDetail, there: &BTreeSet<Digest>) -> Self {
        let mut share = Self::default();
        for layer in distinct(detail).into_iter().filter(|layer| !layer.foreign) {
            share.layers += 1;
            if there.contains(&layer.digest) {
                share.layers_there += 1;
                share.there += layer.size;
            } else {
                share.to_send += layer.size;
            }
        }
        share
    }

    /// Returns a bar of `columns` cells: first what is there, then what must be sent. A part that
    /// is not empty shows at least one cell.
    pub fn bar(&self, look: &Look, columns: usize) -> String {
        let all = (self.there + self.to_send).max(1);
        let share = self.to_send as f64 / all as f64;
        let least = usize::from(self.to_send > 0);
        let most = columns.saturating_sub(usize::from(self.there > 0));
        let sent = (share * columns as f64).round() as usize;
        let sent = sent.max(least).min(most).min(columns);
        let (full, _) = look.bar();
        let there = std::iter::repeat_n(look.part(), columns - sent);
        there.chain(std::iter::repeat_n(full, sent)).collect()
    }

    /// Describes what must be sent.
    pub fn words(&self) -> String {
        format!(
            "{}: {} of {} already present",
            words::bytes(self.to_send),
            self.layers_there,
            words::count(self.layers, "layer", "layers")
        )
    }

    /// Returns the bar with its numbers.
    pub fn picture(&self, look: &Look, columns: usize) -> String {
        format!(
            "{} {} present, {} to send",
            self.bar(look, columns),
            words::bytes(self.there),
            words::bytes(self.to_send)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: Look = Look {
        unicode: false,
        ..Look::FULL
    };

    fn share(there: u64, to_send: u64) -> Share {
        Share {
            there,
            to_send,
            ..Share::default()
        }
    }

    #[test]
    fn both_parts_show_where_both_are() {
        assert_eq!(share(50, 50).bar(&Look::FULL, 8), "░░░░████");
        assert_eq!(share(50, 50).bar(&ASCII, 8), "====####");
        assert_eq!(share(1, 999).bar(&ASCII, 8), "=#######");
        assert_eq!(share(999, 1).bar(&ASCII, 8), "=======#");
        assert_eq!(share(0, 7).bar(&ASCII, 4), "####");
        assert_eq!(share(7, 0).bar(&ASCII, 4), "====");
        assert_eq!(share(7, 7).bar(&ASCII, 0), "");
    }
}
