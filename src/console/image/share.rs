//! How much of an image is where it goes, in bytes and as a bar.
//!
//! Owns what counts: every layer once, layers that are kept elsewhere never. Must not fetch.

use std::collections::BTreeSet;

use crate::console::view::look::Look;
use crate::console::words;
use crate::domain::detail::Layer;
use crate::domain::{Digest, ImageDetail};

/// The parts of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Bytes that are there.
    pub there: u64,
    /// Bytes that are to be sent.
    pub to_send: u64,
    /// Layers that are there.
    pub layers_there: usize,
    /// Layers that count.
    pub layers: usize,
}

/// The layers of an image, each once.
pub fn distinct(detail: &ImageDetail) -> Vec<&Layer> {
    let mut seen = BTreeSet::new();
    let layers = detail.platforms.iter().flat_map(|one| &one.layers);
    layers.filter(|layer| seen.insert(layer.digest)).collect()
}

impl Share {
    /// The parts of the image of `detail`, where the layers `there` are where it goes.
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

    /// A bar of `columns` cells: first what is there, then what is to be sent. What is not nothing
    /// shows one cell at least.
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

    /// What is to be sent, in words.
    pub fn words(&self) -> String {
        format!(
            "{}: {} of {} are there already",
            words::bytes(self.to_send),
            self.layers_there,
            words::count(self.layers, "layer", "layers")
        )
    }

    /// The bar with its numbers.
    pub fn picture(&self, look: &Look, columns: usize) -> String {
        format!(
            "{} {} there, {} to send",
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
