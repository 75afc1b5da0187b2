//! Draws a sparkline: a row of small bars in one line of text.
//!
//! The caller labels what is counted and over which time.

use super::look::Look;

/// Returns one character per value, the newest at the right; if there are more values than
/// `columns`, the oldest are left out. The greatest value shown has the full height. Zero has a
/// separate sign, so that the smallest value is never taken for it.
pub fn spark(look: &Look, values: &[u64], columns: usize) -> String {
    // In plain mode a screen reader reads the numbers beside it.
    if !look.borders {
        return String::new();
    }
    let shown = values
        .get(values.len().saturating_sub(columns)..)
        .unwrap_or_default();
    let most = shown.iter().copied().max().unwrap_or(0);
    let (none, levels) = look.levels();
    shown
        .iter()
        .map(|value| level(*value, most, levels).unwrap_or(none))
        .collect()
}

/// Returns the bar of `value`, rounded up: only the greatest value reaches the top.
fn level(value: u64, most: u64, levels: &[char]) -> Option<char> {
    let steps = u128::try_from(levels.len()).ok()?;
    let height = (u128::from(value) * steps).div_ceil(u128::from(most.max(1)));
    levels.get(usize::try_from(height.checked_sub(1)?).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: Look = Look {
        unicode: false,
        ..Look::FULL
    };

    #[test]
    fn bars_are_as_high_as_their_share_of_the_greatest() {
        assert_eq!(spark(&Look::FULL, &[0, 1, 2, 4, 8], 10), "·▁▂▄█");
        assert_eq!(spark(&ASCII, &[0, 1, 2, 4, 6, 8], 10), ".__-=#");
        assert_eq!(spark(&Look::FULL, &[3, 3], 10), "██");
        assert_eq!(spark(&Look::FULL, &[1, u64::MAX], 10), "▁█");
    }

    #[test]
    fn the_newest_stay_where_room_is_short() {
        assert_eq!(spark(&Look::FULL, &[9, 9, 0, 1], 2), "·█");
        assert_eq!(spark(&Look::FULL, &[0, 0], 2), "··");
        assert_eq!(spark(&Look::FULL, &[], 2), "");
        assert_eq!(spark(&Look::FULL, &[1], 0), "");
    }

    #[test]
    fn without_unicode_every_character_is_ascii() {
        let values: Vec<u64> = (0..100).collect();
        assert!(spark(&ASCII, &values, 100).is_ascii());
        assert_eq!(spark(&ASCII, &values, 100).len(), 100);
    }
}
