//! Distributes the width of a row among its columns.

/// Returns a width for each of `needs`, within `room`. If all fit, each gets what it needs, and the
/// rest widens the narrow ones to `usual`, or to the same width. If not, the widest shrink first
/// until they are equal.
pub fn share(needs: &[usize], room: usize, usual: usize) -> Vec<usize> {
    let within = |width: &dyn Fn(usize) -> usize| {
        let all: usize = needs.iter().map(|need| width(*need)).sum();
        all <= room
    };
    if within(&|need| need) {
        let level = (0..=usual).rev().find(|level| within(&|need| need.max(*level)));
        needs.iter().map(|need| level.unwrap_or(0).max(*need)).collect()
    } else {
        let level = (0..=room).rev().find(|level| within(&|need| need.min(*level)));
        let level = level.unwrap_or(0);
        let given: usize = needs.iter().map(|need| level.min(*need)).sum();
        let mut over = room.saturating_sub(given);
        let mut width = |need: &usize| {
            // The remainder of the division goes to the first columns.
            let more = usize::from(*need > level && over > 0);
            over -= more;
            level.min(*need) + more
        };
        needs.iter().map(&mut width).collect()
    }
}

/// Widens each of `needs` to at least the width in `other`.
pub fn grow(needs: &mut Vec<usize>, other: &[usize]) {
    needs.resize(needs.len().max(other.len()), 0);
    for (need, other) in needs.iter_mut().zip(other) {
        *need = (*need).max(*other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_given_and_the_rest_goes_to_the_narrow() {
        assert_eq!(share(&[20, 5, 5], 30, 12), [20, 5, 5]);
        assert_eq!(share(&[20, 5, 5], 37, 12), [20, 8, 8]);
        assert_eq!(share(&[20, 5, 5], 100, 12), [20, 12, 12]);
        assert_eq!(share(&[], 10, 12), Vec::<usize>::new());
    }

    #[test]
    fn where_room_is_short_the_widest_give_way() {
        assert_eq!(share(&[20, 5, 5], 25, 12), [15, 5, 5]);
        assert_eq!(share(&[20, 14, 5], 25, 12), [10, 10, 5]);
        assert_eq!(share(&[5, 20, 14], 26, 12), [5, 11, 10]);
        assert_eq!(share(&[20, 14], 1, 12), [1, 0]);
        for room in 0..46 {
            let all: usize = share(&[20, 14, 9, 3], room, 12).iter().sum();
            assert_eq!(all, room);
        }
    }
}
