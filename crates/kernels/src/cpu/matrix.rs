//! Products of matrices on one thread.

use ablate_engine::{Rows, add_dots};

use super::method::isa;

/// A matrix in a slice: element (i, j) is at `i · row_stride + j · column_stride`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    elements: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row, each of `columns` elements, beginning `row_stride` after the one before.
    pub fn new(elements: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self {
            elements,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    pub fn transposed(self) -> Self {
        Self {
            elements: self.elements,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn fits(&self) -> bool {
        fits(
            self.elements.len(),
            self.rows,
            self.columns,
            self.row_stride,
            self.column_stride,
        )
    }
}

fn fits(len: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * row_stride + (columns - 1) * column_stride < len
}

/// `out = a · b`, or `out += a · b` to accumulate; the rows of `out` begin `row_stride` after each
/// other.
///
/// # Panics
/// Where the sizes don't match, or a slice is too short for its matrix.
pub fn multiply(a: Matrix, b: Matrix, out: &mut [f32], row_stride: usize, accumulate: bool) {
    let (rows, columns) = (a.rows, b.columns);
    assert_eq!(a.columns, b.rows, "inner sizes");
    assert!(
        a.fits()
            && b.fits()
            && columns <= row_stride
            && fits(out.len(), rows, columns, row_stride, 1),
        "slices too short"
    );
    // SAFETY: by the assertion above, every element that the sizes and strides name lies within its
    // slice; `out` is borrowed mutably, so it shares no memory with `a` and `b`, and no two of its
    // elements coincide.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            row_stride as isize,
            accumulate,
            a.elements.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.elements.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Elements of a row from which it pays to sum along it as it lies: that ends with a sum over a vector's lanes.
const LONG: usize = 192;

/// `out += a · bᵀ`, the rows of `out` one after the other.
///
/// # Panics
/// As [`multiply`].
pub fn add_product_of_rows(a: Matrix, b: Matrix, out: &mut [f32]) {
    match isa() {
        Some(isa) if a.columns >= LONG && [a.column_stride, b.column_stride] == [1, 1] => {
            let [left, right] =
                [&a, &b].map(|m| Rows::new(m.elements, m.rows, m.columns, m.row_stride));
            add_dots(isa, left, right, out);
        }
        _ => multiply(a, b.transposed(), out, b.rows, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_right_with_any_strides() {
        let a: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..20).map(|i| (i as f32) * 0.5 - 3.0).collect();
        // 2 × 3 of rows 4 apart; 3 × 4 as the transpose of 4 × 3 of rows 5 apart; into rows 6
        // apart.
        let (left, right) = (
            Matrix::new(&a, 2, 3, 4),
            Matrix::new(&b, 4, 3, 5).transposed(),
        );
        let mut out = vec![1.0; 12];
        multiply(left, right, &mut out, 6, true);
        for i in 0..2 {
            for j in 0..6 {
                let product: f32 = (0..3).map(|k| a[i * 4 + k] * b[j.min(3) * 5 + k]).sum();
                assert_eq!(
                    out[i * 6 + j],
                    if j < 4 { 1.0 + product } else { 1.0 },
                    "{i} {j}"
                );
            }
        }
        multiply(left, right, &mut out, 6, false);
        assert_eq!(out[0], (0..3).map(|k| a[k] * b[k]).sum::<f32>());
    }

    #[test]
    #[should_panic(expected = "slices too short")]
    fn a_short_slice_is_refused() {
        multiply(
            Matrix::new(&[0.0; 5], 2, 3, 3),
            Matrix::new(&[0.0; 6], 3, 2, 2),
            &mut [0.0; 4],
            2,
            false,
        );
    }
}
