//! Places for buffers in one memory, by when they live.

use std::ops::RangeInclusive;

/// Gives each buffer its first float, so that no two share memory while both live, and the length
/// of it all. Lengths are multiples of 16. Without `reuse` no two share memory at all.
pub fn arrange(
    lengths: &[usize],
    lives: &[RangeInclusive<usize>],
    reuse: bool,
) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(lengths[*i]));
    let mut starts = vec![0; lengths.len()];
    let mut placed: Vec<usize> = Vec::new();
    for i in order {
        let meets = |j: &&usize| {
            !reuse || (lives[**j].start() <= lives[i].end() && lives[i].start() <= lives[**j].end())
        };
        let mut taken: Vec<[usize; 2]> = placed
            .iter()
            .filter(meets)
            .map(|j| [starts[*j], starts[*j] + lengths[*j]])
            .collect();
        taken.sort();
        let mut start = 0;
        for [from, to] in taken {
            if start + lengths[i] <= from {
                break;
            }
            start = start.max(to);
        }
        starts[i] = start;
        placed.push(i);
    }
    let end = |i: &usize| starts[*i] + lengths[*i];
    let len = placed.iter().map(end).max().unwrap_or(0);
    (starts, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_that_live_together_are_apart() {
        let lengths = [16, 32, 16, 48];
        let lives = [0..=1, 1..=2, 2..=3, 3..=4];
        let (starts, len) = arrange(&lengths, &lives, true);
        for i in 0..4 {
            for j in 0..i {
                let together = lives[i].start() <= lives[j].end();
                let apart =
                    starts[i] + lengths[i] <= starts[j] || starts[j] + lengths[j] <= starts[i];
                assert!(!together || apart, "{i} and {j} at {starts:?}");
            }
        }
        assert_eq!(len, 64);
        assert_eq!(arrange(&lengths, &lives, false).1, 112);
    }
}
