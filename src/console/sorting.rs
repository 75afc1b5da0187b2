//! Sorts the rows of any list by one of their columns.
//!
//! Nested rows stay under their parent: rows of one level are sorted, each with the rows below it.
//! A row without a value comes last in either direction.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

/// A column that rows can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortColumn {
    /// Its title, as in the column heading.
    pub title: &'static str,
    /// True if the default direction is descending.
    pub descending: bool,
}

impl SortColumn {
    /// Returns a column of words, sorted from a to z.
    pub const fn words(title: &'static str) -> Self {
        Self {
            title,
            descending: false,
        }
    }

    /// Returns a column of times or numbers, sorted descending.
    pub const fn newest(title: &'static str) -> Self {
        Self {
            title,
            descending: true,
        }
    }
}

/// The value a row is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// A number.
    Number(u64),
    /// A time.
    Time(DateTime<Utc>),
    /// Words.
    Text(String),
}

/// The active sort order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorting {
    /// The column.
    pub column: usize,
    /// True if descending.
    pub descending: bool,
}

/// What sorting needs to know about a row.
pub struct Sorted {
    /// Nesting depth of the row.
    pub level: u8,
    /// Rows of one level keep the order of their groups.
    pub group: u8,
    /// Its value.
    pub value: Option<SortValue>,
}

/// Returns the indices of `rows` in sorted order.
pub fn arranged(rows: &[Sorted], descending: bool) -> Vec<usize> {
    let mut order = Vec::with_capacity(rows.len());
    arrange(rows, 0, descending, &mut order);
    order
}

fn arrange(rows: &[Sorted], first: usize, descending: bool, order: &mut Vec<usize>) {
    let Some(level) = rows.iter().map(|row| row.level).min() else {
        return;
    };
    // A block is a row of this level with every deeper row that follows it.
    let mut blocks: Vec<&[Sorted]> = rows.chunk_by(|_, next| next.level > level).collect();
    let mut starts = Vec::with_capacity(blocks.len());
    let mut at = first;
    for block in &blocks {
        starts.push(at);
        at += block.len();
    }
    let mut places: Vec<usize> = (0..blocks.len()).collect();
    places.sort_by(|a, b| match (blocks[*a].first(), blocks[*b].first()) {
        (Some(a), Some(b)) => compare(a, b, descending),
        _ => Ordering::Equal,
    });
    for place in places {
        let block = std::mem::take(&mut blocks[place]);
        order.push(starts[place]);
        if let Some((_, below)) = block.split_first() {
            arrange(below, starts[place] + 1, descending, order);
        }
    }
}

fn compare(a: &Sorted, b: &Sorted, descending: bool) -> Ordering {
    a.group.cmp(&b.group).then_with(|| match (&a.value, &b.value) {
        (Some(a), Some(b)) if descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(level: u8, value: Option<u64>) -> Sorted {
        Sorted {
            level,
            group: 0,
            value: value.map(SortValue::Number),
        }
    }

    #[test]
    fn rows_take_with_them_what_stands_under_them() {
        let rows = [
            row(0, Some(2)),
            row(1, Some(1)),
            row(1, Some(9)),
            row(2, None),
            row(0, Some(7)),
            row(1, None),
        ];
        assert_eq!(arranged(&rows, false), [0, 1, 2, 3, 4, 5]);
        assert_eq!(arranged(&rows, true), [4, 5, 0, 2, 3, 1]);
    }

    #[test]
    fn no_value_comes_last_and_equal_rows_keep_their_order() {
        let rows = [row(0, None), row(0, Some(1)), row(0, Some(3)), row(0, Some(1))];
        assert_eq!(arranged(&rows, false), [1, 3, 2, 0]);
        assert_eq!(arranged(&rows, true), [2, 1, 3, 0]);
        assert_eq!(arranged(&[], true), Vec::<usize>::new());
    }

    #[test]
    fn groups_stay_in_their_order() {
        let mut rows = [row(0, Some(1)), row(0, Some(2)), row(0, Some(3))];
        rows[2].group = 1;
        assert_eq!(arranged(&rows, true), [1, 0, 2]);
    }
}
