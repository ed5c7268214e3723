//! Times several models in rounds: each once in every round, in an order drawn anew.
//!
//! Whatever else the machine does (another load, a clock that drops as it warms) so falls on all of
//! them alike, and by chance where it does not: the ratio of two models is that of their times in
//! the same rounds, and [`ablate_statistics::shift`] says how surely it is known.

use std::time::{Duration, Instant};

use ablate_detection::dataset::random::{Draw, Stream, stream};
use ablate_statistics::{confidence_of_each, quantile, shift};
use anyhow::Result;
use burn::tensor::Device;

use super::{
    load, memory,
    statistics::summarize,
    timing::{Aim, Iteration, Protocol},
};
use crate::guard::guarded;
use ablate_records::{LatencyMeasurement, PeakMemory, Rounds};

/// Times the iterations, all on one device, and summarises each. One that fails is left out from
/// there on; the others go on. Ratios are to the iteration `baseline`.
///
/// `progress` is called with the share of the work that is done, 0 to 1.
pub fn measure(
    iterations: Vec<Result<Iteration>>,
    baseline: usize,
    device: &Device,
    protocol: &Protocol,
    mut progress: impl FnMut(f64),
) -> Vec<Result<LatencyMeasurement>> {
    let mut subjects: Vec<Subject> = iterations.into_iter().map(Subject::new).collect();
    for subject in &mut subjects {
        memory::begin(device);
        subject.warm_up(protocol.warmup);
        if protocol.warmup > 0 {
            subject.memory = memory::peak(device);
        }
    }
    ablate_kernels::keep_freed_memory();
    // Once more, for what is kept to be there.
    subjects
        .iter_mut()
        .for_each(|subject| subject.warm_up(protocol.warmup.min(1)));
    let slice = protocol.budget.div_f64(protocol.rounds() as f64);
    let session = session();
    let load = load::Watch::begin();
    // The same orders each time would favour the same model each time.
    let mut orders = stream(seed(&session), 0x726f_756e_6473, 0, 0);
    while subjects.iter().any(|subject| subject.left(protocol) > 0.0)
        || wants_more(&subjects, baseline, protocol.aim)
    {
        round(&mut subjects, slice, &mut orders);
        let left: f64 = subjects.iter().map(|subject| subject.left(protocol)).sum();
        progress(1.0 - left / subjects.len() as f64);
    }
    let load = load.end();
    let summary = |subject: Subject| {
        let iteration = subject.iteration?;
        let way = iteration.way.as_ref();
        Ok(LatencyMeasurement {
            memory: subject.memory,
            rounding_error: iteration.rounding_error,
            by: way.map(|way| way.by),
            no_plan: way.and_then(|way| way.no_plan.clone()),
            load,
            rounds: Some(Rounds {
                session: session.clone(),
                medians_ms: subject.medians_ms,
                aim: protocol.aim.map(|aim| ablate_records::Aim {
                    within: aim.within,
                    limit_s: aim.limit.as_secs_f64(),
                }),
            }),
            ..summarize(subject.samples_ms, protocol.batch, protocol.warmup)
        })
    };
    subjects.into_iter().map(summary).collect()
}

/// How much slower a model is than another that was timed in the same rounds: the ratio of their
/// times, and the interval that holds it; `claims` is the number of ratios that hold at once.
///
/// None if they were not timed together, or in too few rounds.
pub fn ratio(
    own: &LatencyMeasurement,
    base: &LatencyMeasurement,
    claims: usize,
) -> Option<[f64; 3]> {
    let logs = own.rounds.as_ref()?.logs_against(base.rounds.as_ref()?)?;
    let shift = shift(&logs, confidence_of_each(claims))?;
    Some([shift.estimate, shift.low, shift.high].map(f64::exp))
}

/// Runs every model once, in an order drawn anew.
fn round(subjects: &mut [Subject], slice: Duration, orders: &mut Stream) {
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    orders.shuffle(&mut order);
    for index in order {
        subjects[index].slice(slice);
    }
}

/// Whether a ratio to the baseline is not yet known as precisely as asked for, and the limit not yet
/// reached.
///
/// Intervals by ranks are as wide as the rounds differ, whatever the ratio is, so ending here does
/// not favour either verdict. That they keep their confidence, though an end comes sooner where the rounds
/// happen to differ little, is shown by simulation: `ablate-statistics`, tests/stopping.rs.
fn wants_more(subjects: &[Subject], baseline: usize, aim: Option<Aim>) -> bool {
    let (Some(aim), Some(base)) = (aim, subjects.get(baseline)) else {
        return false;
    };
    if base.iteration.is_err() || subjects.iter().any(|subject| subject.spent() >= aim.limit) {
        return false;
    }
    let is_wide = |(_, subject): (usize, &Subject)| {
        let pairs = subject.medians_ms.iter().zip(&base.medians_ms);
        let logs: Vec<f64> = pairs.map(|(own, base)| (own / base).ln()).collect();
        shift(&logs, confidence_of_each(aim.claims))
            .is_none_or(|shift| 100.0 * shift.half() > aim.within)
    };
    let others = subjects.iter().enumerate();
    others
        .filter(|(index, subject)| *index != baseline && subject.iteration.is_ok())
        .any(is_wide)
}

/// A name that no other timing has.
fn session() -> String {
    format!("{}-{}", jiff::Timestamp::now(), std::process::id())
}

fn seed(session: &str) -> u64 {
    let digits = session.bytes().map(u64::from);
    digits.fold(0, |seed, digit| seed.wrapping_mul(31).wrapping_add(digit))
}

struct Subject<'a> {
    iteration: Result<Iteration<'a>>,
    samples_ms: Vec<f64>,
    /// Of each round.
    medians_ms: Vec<f64>,
    memory: PeakMemory,
}

impl<'a> Subject<'a> {
    fn new(iteration: Result<Iteration<'a>>) -> Self {
        Self {
            iteration,
            samples_ms: Vec::new(),
            medians_ms: Vec::new(),
            memory: PeakMemory::default(),
        }
    }

    /// Runs work on the iteration; where that fails, the failure takes its place.
    fn advance(&mut self, work: impl FnOnce(&mut Iteration<'a>) -> Result<()>) {
        if let Ok(iteration) = &mut self.iteration
            && let Err(error) = guarded(|| work(iteration))
        {
            self.iteration = Err(error);
        }
    }

    fn warm_up(&mut self, iterations: usize) {
        self.advance(|iteration| (0..iterations).try_for_each(|_| (iteration.run)().map(|_| ())));
    }

    /// Iterates until the slice is over, at least once.
    fn slice(&mut self, slice: Duration) {
        let mut samples = Vec::new();
        let round = self.medians_ms.len();
        self.advance(|iteration| {
            (iteration.begin_round)(round);
            let start = Instant::now();
            loop {
                samples.push((iteration.run)()?.as_secs_f64() * 1e3);
                if start.elapsed() >= slice {
                    return Ok(());
                }
            }
        });
        self.samples_ms.extend(&samples);
        samples.sort_by(f64::total_cmp);
        self.medians_ms.extend(quantile(&samples, 0.5));
    }

    /// Timed work so far.
    fn spent(&self) -> Duration {
        Duration::from_secs_f64(self.samples_ms.iter().sum::<f64>() / 1e3)
    }

    /// The part of the least work that is left, 0 to 1.
    fn left(&self, protocol: &Protocol) -> f64 {
        if self.iteration.is_err() {
            return 0.0;
        }
        let part = |done: f64, whole: f64| {
            if done < whole {
                1.0 - done / whole
            } else {
                0.0
            }
        };
        let iterations = part(
            self.samples_ms.len() as f64,
            protocol.min_iterations.max(1) as f64,
        );
        let budget = part(self.spent().as_secs_f64(), protocol.budget.as_secs_f64());
        let rounds = part(self.medians_ms.len() as f64, protocol.rounds() as f64);
        iterations.max(budget).max(rounds)
    }
}
