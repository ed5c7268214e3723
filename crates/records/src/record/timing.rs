//! Times: of a forward pass, and from an image to its boxes.

use serde::{Deserialize, Serialize};

/// Milliseconds of a forward pass of the whole batch, including the decoding of boxes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyMeasurement {
    /// Median of the timed iterations.
    pub median_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The fastest iteration.
    pub min_ms: f64,
    /// Sample standard deviation; 0 for a single iteration.
    pub std_ms: f64,
    /// Batch size divided by the median, per second.
    pub images_per_s: f64,
    /// Number of iterations before the first timed one.
    pub warmup: usize,
    /// Number of timed iterations.
    pub iterations: usize,
    /// Every timed iteration in milliseconds, in order.
    pub samples_ms: Vec<f64>,
    /// The rounds in which it was timed in turn with other models; None in records of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Rounds>,
    /// What else the machine did meanwhile; None if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Peak of the untimed iterations; it includes the weights of the models that are timed in
    /// turn.
    #[serde(default)]
    pub memory: PeakMemory,
    /// If the number format is not f32: the largest difference from f32 of a box or probability, as
    /// a share of the largest (0 to 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding_error: Option<f64>,
    /// How the network ran; None in records of earlier versions, and of a training step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// Why it ran operation by operation where plans can be: those timed together that have none, and
    /// their first block that has no form for one, `mine (row 3, C3TR)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_plan: Option<String>,
}

/// How a network ran. What is timed together ran in one way; times of different ways are not to be
/// compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// By a compiled plan.
    Plan,
    /// Operation by operation.
    Operations,
}

impl By {
    /// `plan` or `operations`, as in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Operations => "operations",
        }
    }
}

/// The rounds in which several models were timed, each once in every round, in an order drawn anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    /// The same for all models that were timed in turn, and for no others.
    pub session: String,
    /// Median of the iterations of each round, in milliseconds.
    pub medians_ms: Vec<f64>,
    /// How precisely ratios were to be known; None if nothing was said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
}

/// What a timing aims at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aim {
    /// Half the width of a ratio's interval, in percent.
    pub within: f64,
    /// Seconds of timed work per model after which it ends even so.
    pub limit_s: f64,
}

impl Rounds {
    /// Natural logarithms of the ratios to a baseline's times, round by round; None if the two were
    /// not timed in the same rounds, or if a time is none.
    pub fn logs_against(&self, base: &Self) -> Option<Vec<f64>> {
        let is_time = |ms: &f64| *ms > 0.0 && ms.is_finite();
        let together = self.session == base.session
            && self.medians_ms.len() == base.medians_ms.len()
            && self.medians_ms.iter().chain(&base.medians_ms).all(is_time);
        let ratios = self.medians_ms.iter().zip(&base.medians_ms);
        together.then(|| ratios.map(|(own, base)| (own / base).ln()).collect())
    }
}

/// What else a machine did while something was timed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Cores that other programs kept busy, on average.
    pub others: f64,
    /// Cores that a virtual machine asked for and did not get, on average.
    pub stolen: f64,
    /// Clock of the slowest core in MHz, before and after; None if the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<(f64, f64)>,
    /// The hottest sensor in °C, at the end; None if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
}

impl Load {
    /// What disturbed the timing, in words; None if nothing did. `cores` is the number of cores of
    /// the machine.
    pub fn disturbance(&self, cores: usize) -> Option<String> {
        // So much of all cores comes from the system itself.
        let share = |busy: f64| busy / cores.max(1) as f64 > 0.03;
        let mut found = Vec::new();
        if share(self.others) {
            found.push(format!("other programs kept {:.1} cores busy", self.others));
        }
        if share(self.stolen) {
            found.push(format!("the host withheld {:.1} cores", self.stolen));
        }
        if let Some((before, after)) = self.clock_mhz.filter(|(a, b)| *b < 0.9 * a) {
            found.push(format!("the clock fell from {before:.0} to {after:.0} MHz"));
        }
        if let Some(celsius) = self.temperature_c.filter(|celsius| *celsius >= 95.0) {
            found.push(format!("a sensor read {celsius:.0} °C"));
        }
        (!found.is_empty()).then(|| found.join(", "))
    }
}

/// Peak memory in MiB; None if it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeakMemory {
    /// Resident memory of the process.
    pub host_mib: Option<f64>,
    /// Memory reserved by the device's allocator.
    pub device_mib: Option<f64>,
}

/// Milliseconds from an image in memory to its boxes on the host, by trained weights, one image at a
/// time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectMeasurement {
    /// Of the whole way. All models of a round detect on the same image, that of the next round on
    /// the next one.
    pub whole: LatencyMeasurement,
    /// Of its parts.
    pub parts: DetectParts,
    /// The split that the images are of.
    pub split: String,
    /// Number of images.
    pub images: usize,
    /// Detections of an image, the mean.
    pub boxes_per_image: f64,
    /// The least score of a detection, 0 to 1.
    pub confidence: f64,
}

/// Medians of the parts of a detection in milliseconds, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DetectParts {
    /// The decoded image is resized, padded and made numbers from 0 to 1.
    pub letterbox_ms: f64,
    /// It is copied to the device.
    pub upload_ms: f64,
    /// The forward pass, with the decoding of boxes.
    pub forward_ms: f64,
    /// All boxes are copied to the host.
    pub download_ms: f64,
    /// Boxes below the least score and suppressed ones go; the rest is turned back into pixels of
    /// the original image. Masks, if the model makes them, are drawn.
    pub suppression_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_has_no_ratio() {
        let rounds = |medians: [f64; 2]| Rounds {
            session: "one".into(),
            medians_ms: medians.to_vec(),
            aim: None,
        };
        let base = rounds([1.0, 2.0]);
        assert_eq!(rounds([2.0, 2.0]).logs_against(&base).unwrap()[1], 0.0);
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(rounds([1.0, odd]).logs_against(&base).is_none());
            assert!(base.logs_against(&rounds([odd, 2.0])).is_none());
        }
    }
}
