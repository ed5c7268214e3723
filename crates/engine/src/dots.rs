//! The product of two matrices whose rows are both summed along: a · bᵀ. A weight gradient is one, of rows as
//! long as a map is large, in which nothing has to be rearranged.

use crate::simd::{Isa, Simd, Task, dispatch};

/// A matrix in a slice.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    elements: &'a [f32],
    count: usize,
    len: usize,
    step: usize,
}

impl<'a> Rows<'a> {
    /// `count` rows of `len` elements, each beginning `step` after the one before.
    ///
    /// # Panics
    /// If the slice is too short for them.
    pub fn new(elements: &'a [f32], count: usize, len: usize, step: usize) -> Self {
        let end = count.saturating_sub(1).checked_mul(step);
        let end = end.and_then(|last| last.checked_add(len));
        assert!(count == 0 || end.is_some_and(|end| end <= elements.len()));
        Self {
            elements,
            count,
            len,
            step,
        }
    }
}

/// `sums[i][j] += Σ left[i][t] · right[j][t]`, `sums` being `[left rows, right rows]`.
///
/// # Panics
/// If the rows differ in length, `sums` is not of that shape, or the machine lacks the instructions.
pub fn add_dots(isa: Isa, left: Rows, right: Rows, sums: &mut [f32]) {
    assert_eq!(left.len, right.len, "lengths of the rows");
    assert_eq!(sums.len(), left.count * right.count, "sums");
    dispatch(isa, Dots { left, right, sums });
}

/// Rows of either side at a time: with what is multiplied they fill sixteen registers.
const LEFT: usize = 4;
const RIGHT: usize = 3;

/// Elements of a row at a time, so that those of many rows are in the cache.
const PART: usize = 512;

struct Dots<'a> {
    left: Rows<'a>,
    right: Rows<'a>,
    sums: &'a mut [f32],
}

impl Task for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { left, right, sums } = self;
        let whole = left.len / S::LANES * S::LANES;
        for first in (0..whole).step_by(PART) {
            add::<S>(left, right, first..whole.min(first + PART), sums);
        }
        if whole < left.len {
            let (left, right) = (end::<S>(left, whole), end::<S>(right, whole));
            let [left, right] = [(&left, self.left.count), (&right, self.right.count)]
                .map(|(end, count)| Rows::new(end, count, S::LANES, S::LANES));
            add::<S>(left, right, 0..S::LANES, sums);
        }
    }
}

/// What is left of each row, from `first` on, with zeros behind it up to a vector.
#[inline(always)]
fn end<S: Simd>(of: Rows, first: usize) -> Vec<f32> {
    let mut ends = vec![0.0; of.count * S::LANES];
    for (row, end) in ends.chunks_exact_mut(S::LANES).enumerate() {
        let row = &of.elements[row * of.step..][first..of.len];
        end[..row.len()].copy_from_slice(row);
    }
    ends
}

/// The sums over a part of the rows, in whole vectors.
#[inline(always)]
#[allow(unsafe_code)]
fn add<S: Simd>(left: Rows, right: Rows, part: std::ops::Range<usize>, sums: &mut [f32]) {
    assert!(part.len().is_multiple_of(S::LANES) && part.end <= left.len && part.end <= right.len);
    for i in (0..left.count).step_by(LEFT) {
        for j in (0..right.count).step_by(RIGHT) {
            let mut all = [[S::splat(0.0); RIGHT]; LEFT];
            // Beyond the last row it is taken again, and what comes of it left out.
            let mut rows = [left.elements.as_ptr(); LEFT];
            let mut columns = [right.elements.as_ptr(); RIGHT];
            for (n, row) in rows.iter_mut().enumerate() {
                *row = row.wrapping_add((i + n).min(left.count - 1) * left.step);
            }
            for (n, column) in columns.iter_mut().enumerate() {
                *column = column.wrapping_add((j + n).min(right.count - 1) * right.step);
            }
            for at in part.clone().step_by(S::LANES) {
                // SAFETY: a row is within its slice, by how it was made, and the vector within the row.
                unsafe {
                    let mut x = [S::splat(0.0); RIGHT];
                    for (x, column) in x.iter_mut().zip(columns) {
                        *x = S::load(column.add(at));
                    }
                    for (all, row) in all.iter_mut().zip(rows) {
                        let factor = S::load(row.add(at));
                        for (sum, x) in all.iter_mut().zip(x) {
                            *sum = x.mul_add(factor, *sum);
                        }
                    }
                }
            }
            for (n, all) in all.iter().enumerate().take(left.count - i) {
                let to = &mut sums[(i + n) * right.count + j..];
                for (to, sum) in to.iter_mut().zip(all).take(right.count - j) {
                    *to += sum.sum();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_and_element_counts() {
        for isa in Isa::available() {
            for (rows, columns, len) in [
                (1, 1, 1),
                (4, 3, 16),
                (5, 7, 33),
                (9, 2, 1200),
                (0, 3, 5),
                (2, 0, 5),
                (2, 3, 0),
            ] {
                let (left_step, right_step) = (len + 3, len + 1);
                let element = |seed: usize| move |i: usize| ((i * 37 + seed) % 19) as f32 - 9.0;
                let left: Vec<f32> = (0..rows * left_step).map(element(1)).collect();
                let right: Vec<f32> = (0..columns * right_step).map(element(5)).collect();
                let mut found = vec![1.0; rows * columns];
                let sides = [
                    Rows::new(&left, rows, len, left_step),
                    Rows::new(&right, columns, len, right_step),
                ];
                add_dots(isa, sides[0], sides[1], &mut found);
                // Whole numbers below 2²⁴: no order of adding them rounds.
                for (at, found) in found.iter().enumerate() {
                    let (i, j) = (at / columns, at % columns);
                    let terms =
                        (0..len).map(|t| left[i * left_step + t] * right[j * right_step + t]);
                    assert_eq!(
                        *found,
                        1.0 + terms.sum::<f32>(),
                        "{isa} {rows} {columns} {len}"
                    );
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "lengths of the rows")]
    fn rows_of_two_lengths_have_no_product() {
        let x = [0.0; 8];
        add_dots(
            Isa::Scalar,
            Rows::new(&x, 2, 4, 4),
            Rows::new(&x, 2, 3, 4),
            &mut [0.0; 4],
        );
    }
}
