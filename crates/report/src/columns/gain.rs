//! What a variant gains over the baseline at the same cost: the gain that is the block's and not its
//! size's.
//!
//! The baseline at a variant's cost is interpolated between the baselines of other scales, linearly in
//! the logarithm of the cost. Nothing is extrapolated.

use std::collections::BTreeMap;

use ablate_statistics::{confidence_of_each, middle_variance};

use super::compare::{Change, Evidence};
use super::family::Family;
use super::trained::Figure;
use crate::rows::{Row, Rows};

/// What the baseline costs as much of as the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameCost {
    /// The median.
    Latency,
    /// The exact ones: those of the published convention don't see all that a block computes.
    Gflops,
}

/// A column of `results.csv`: name, and what it is.
pub struct GainColumn {
    pub csv: &'static str,
    pub tip: &'static str,
}

impl SameCost {
    pub const ALL: [Self; 2] = [Self::Latency, Self::Gflops];

    /// `latency`, `GFLOPs`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Gflops => "GFLOPs",
        }
    }

    /// The gain and the ends of its interval, in points.
    pub fn columns(self) -> [GainColumn; 3] {
        let of = |[csv, tip]: [&'static str; 2]| GainColumn { csv, tip };
        match self {
            Self::Latency => [
                of([
                    "gain_at_latency",
                    "mAP50-95 above the baseline of the same latency, which is interpolated between its scales; of all seeds",
                ]),
                of([
                    "gain_at_latency_low",
                    "lower end of the gain's 95 % interval, over seeds, test images and latencies",
                ]),
                of(["gain_at_latency_high", "upper end of that interval"]),
            ],
            Self::Gflops => [
                of([
                    "gain_at_gflops",
                    "mAP50-95 above the baseline of the same exact GFLOPs, which is interpolated between its scales; of all seeds",
                ]),
                of([
                    "gain_at_gflops_low",
                    "lower end of the gain's 95 % interval, over seeds and test images",
                ]),
                of(["gain_at_gflops_high", "upper end of that interval"]),
            ],
        }
    }

    /// The logarithm of a model's cost; None if it was not measured.
    pub fn of(self, seeds: &[Row]) -> Option<Cost> {
        let (cost, variance) = match self {
            Self::Gflops => (
                seeds.iter().find_map(Row::cost)?.gflops_exact,
                Some((0.0, 1.0)),
            ),
            Self::Latency => {
                let latency = seeds.iter().find_map(Row::latency)?;
                let rounds = latency
                    .rounds
                    .as_ref()
                    .map_or(&[][..], |rounds| &rounds.medians_ms);
                let logs: Vec<f64> = rounds.iter().map(|ms| ms.ln()).collect();
                (latency.median_ms, middle_variance(&logs))
            }
        };
        (cost > 0.0).then(|| Cost {
            log: cost.ln(),
            variance,
        })
    }
}

/// What a model costs.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Its logarithm.
    pub log: f64,
    /// With its degrees of freedom; None if it is not known.
    pub variance: Option<(f64, f64)>,
}

/// A variant beside the baseline at the same cost.
#[derive(Clone, Debug, PartialEq)]
pub enum AtCost {
    /// The baseline's scales enclose it.
    Between(Box<Gain>),
    /// It costs less than this cheapest trained baseline, or more than this dearest one.
    Cheaper(String),
    /// See `Cheaper`.
    Dearer(String),
}

/// A gain over the baseline at the same cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    /// Points.
    pub change: Change,
    /// mAP50-95 of the baseline there, in points.
    pub baseline: f64,
    /// The models that it is interpolated between.
    pub between: [String; 2],
    /// How far it is from the first to the second, 0 to 1.
    pub share: f64,
}

/// The gains of the models of a table, in their order.
///
/// None for a baseline, for a model without accuracy or cost, and where fewer than two scales of the
/// baseline have both.
pub fn gains(rows: &Rows, models: &[Vec<Row>], cost: SameCost) -> Vec<Option<AtCost>> {
    let Some(figure) = accuracy() else {
        return vec![None; models.len()];
    };
    let mut families: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, seeds) in models.iter().enumerate() {
        families
            .entry(&seeds[0].cell.family)
            .or_default()
            .push(index);
    }
    let families = families.values();
    let families: Vec<Family> = families
        .filter_map(|members| Family::of(members, models, figure, cost))
        .collect();
    let claims = families.iter().map(Family::claims).sum();
    let mut gains = vec![None; models.len()];
    for family in &families {
        family.judge(rows, confidence_of_each(claims), &mut gains);
    }
    gains
}

/// mAP50-95 of the boxes with its resamplings.
fn accuracy() -> Option<Figure<'static>> {
    super::all().find_map(|column| match column.comparison?.evidence {
        Evidence::SeedsAndImages(resampled) => Some(Figure { column, resampled }),
        _ => None,
    })
}
