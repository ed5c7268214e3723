//! How many seeds it takes.

use crate::contrasts::{Comparison, Contrast};

/// How many seeds an arm needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needed {
    /// Of each model.
    pub seeds: usize,
    /// The width that the test images alone leave.
    pub of_images: f64,
}

/// Where the test images alone leave more than the width that is asked for, seeds are worth their time
/// until theirs adds no more than this.
const OVER_IMAGES: f64 = 1.1;

/// Smallest number of seeds of each arm that makes its interval as narrow as `width`, high − low, or a tenth
/// wider than the test images alone leave it, by what the seeds so far spread; None for an arm without an
/// interval.
///
/// Ask once, after the first seeds, and let [`Arm::first`](crate::Arm::first) be their number from
/// then on: the intervals keep their confidence, whatever the answer was, since the spread that they go
/// by is that of the first seeds, which says nothing of the means. To ask after every seed, until it
/// is enough, stops where the spread happens to look small: up to 7.6 % of the claims are then
/// false, in place of 5.
///
/// C. Stein, "A two-sample test for a linear hypothesis whose power is independent of the variance",
/// Annals of Mathematical Statistics 16 (1945).
pub fn seeds_for_width(comparison: &Comparison, width: f64) -> Vec<Option<Needed>> {
    let contrasts = comparison.contrasts();
    let seeds = |contrast: &Option<Contrast>| {
        let contrast = contrast.as_ref()?;
        let of_images = 2.0 * contrast.least_half();
        let width = width.max(OVER_IMAGES * of_images);
        let narrow = |seeds: usize| 2.0 * contrast.half_with(seeds, contrast.degrees) <= width;
        let seeds = smallest(contrast.seeds[0], MOST_FOR_WIDTH, narrow).unwrap_or(MOST_FOR_WIDTH);
        Some(Needed { seeds, of_images })
    };
    contrasts.iter().map(seeds).collect()
}

/// Smallest number of seeds of each model that would tell the two apart, or tell that they are as
/// good within the margin, if difference and spread stay as they are; None if a hundred would not.
pub fn seeds_to_tell(contrast: &Contrast, margin: Option<f64>) -> Option<usize> {
    let now = contrast.seeds[0].min(contrast.seeds[1]);
    let difference = contrast.difference.abs();
    let tells = |seeds: usize| {
        let more = (seeds - 1) as f64 / (now.max(2) - 1) as f64;
        let degrees = contrast.degrees * if contrast.degrees_grow { more } else { 1.0 };
        let half = contrast.half_with(seeds, degrees);
        difference > half || margin.is_some_and(|margin| difference + half <= margin)
    };
    smallest(now.max(2), MOST_TO_TELL, tells)
}

const MOST_FOR_WIDTH: usize = 100_000;
const MOST_TO_TELL: usize = 100;

/// The smallest number from `from` to `most` that is enough, if more than enough is enough.
pub(crate) fn smallest(from: usize, most: usize, enough: impl Fn(usize) -> bool) -> Option<usize> {
    if !enough(most) {
        return None;
    }
    let (mut low, mut high) = (from, most);
    while low < high {
        let middle = usize::midpoint(low, high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arm, critical};

    fn comparison<'a>(arms: &'a [Arm<'a>], baseline: Arm<'a>) -> Comparison<'a> {
        Comparison {
            baseline,
            arms,
            confidence: 0.95,
            images: 200,
        }
    }

    fn arm(seeds: &[f64]) -> Arm<'_> {
        Arm {
            seeds,
            ..Arm::default()
        }
    }

    /// Three seeds of two models with a standard deviation of 1: d² × 2 / n ≤ (width / 2)².
    #[test]
    fn seeds_for_a_width_by_steins_formula() {
        let arms = [arm(&[1.0, 2.0, 3.0])];
        let seeds = |width| {
            let found = seeds_for_width(&comparison(&arms, arm(&[2.0, 3.0, 4.0])), width);
            found[0].unwrap().seeds
        };
        let d = critical(0.95, 1, 0.5, 4.0);
        assert_eq!(seeds(2.0), (2.0 * d * d).ceil() as usize);
        // No fewer than there are.
        assert_eq!(seeds(100.0), 3);
    }

    #[test]
    fn no_seeds_make_up_for_few_images() {
        let spread: Vec<f64> = (0..200).map(|i| f64::from(i % 9)).collect();
        let arms = [Arm {
            seeds: &[0.0, 10.0, 20.0],
            first: None,
            resampled: &spread,
        }];
        let still = vec![0.0; 200];
        let baseline = Arm {
            seeds: &[1.0, 11.0, 21.0],
            first: None,
            resampled: &still,
        };
        let comparison = comparison(&arms, baseline);
        let contrast = comparison.contrasts()[0].unwrap();
        let needed = seeds_for_width(&comparison, 1.0)[0].unwrap();
        assert_eq!(needed.of_images, 2.0 * contrast.least_half());
        assert!(needed.of_images > 1.0);
        // Until seeds add little to that.
        let width = |seeds| 2.0 * contrast.half_with(seeds, contrast.degrees);
        assert!(
            width(needed.seeds) <= 1.1 * needed.of_images
                && width(needed.seeds - 1) > 1.1 * needed.of_images
        );
        assert_eq!(seeds_to_tell(&contrast, Some(1.5)), None);
    }

    #[test]
    fn more_seeds_tell_a_difference_or_that_there_is_none() {
        let arms = [arm(&[1.0, 2.0, 3.0]), arm(&[2.05, 3.05, 4.05])];
        let comparison = comparison(&arms, arm(&[2.0, 3.0, 4.0]));
        let [apart, near] = comparison.contrasts()[..] else {
            panic!()
        };
        let (apart, near) = (apart.unwrap(), near.unwrap());
        let seeds = seeds_to_tell(&apart, None).unwrap();
        let half = |seeds: usize| apart.half_with(seeds, apart.degrees * (seeds - 1) as f64 / 2.0);
        assert!(half(seeds) < 1.0 && half(seeds - 1) >= 1.0, "{seeds}");
        // A twentieth of a point takes more than a hundred seeds; that it is within one point, about a dozen.
        assert_eq!(seeds_to_tell(&near, None), None);
        let within = seeds_to_tell(&near, Some(1.0)).unwrap();
        assert!((10..20).contains(&within), "{within}");
    }
}
