//! A model against its baseline at the same cost: how often the intervals contain what is true.
//!
//! `SWEEPS=2000 cargo test --release -p ablate-statistics --test same_cost -- --nocapture` prints
//! the table of docs/figures.md. Trainings spread as the forty of fixtures/aa.csv do; latencies are
//! timed in rounds with bursts.

use ablate_statistics::{
    Arm, AtSameCost, Between, Gain, confidence_of_each, mean, middle, middle_variance,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Simulated sweeps of each kind.
fn sweeps() -> usize {
    let asked = std::env::var("SWEEPS").ok();
    asked.and_then(|sweeps| sweeps.parse().ok()).unwrap_or(300)
}

/// Points of mAP50-95 of one network under forty seeds, less their mean.
fn spread() -> Vec<f64> {
    let lines = include_str!("fixtures/aa.csv").lines().skip(1);
    let figures = lines.map(|line| 100.0 * line.split(',').nth(1).unwrap().parse::<f64>().unwrap());
    let figures: Vec<f64> = figures.collect();
    let mean = mean(&figures).unwrap();
    figures.iter().map(|figure| figure - mean).collect()
}

/// Three sizes of the baseline, 9 points for each time that the latency doubles.
const BASELINES: [(f64, f64); 3] = [(10.0, 30.0), (20.0, 39.0), (40.0, 48.0)];

/// Latency of each variant, and what it truly gains over the baseline of that latency.
const VARIANTS: [(f64, f64); 5] = [
    (11.0, 0.0),
    (14.0, 0.0),
    (18.0, 2.0),
    (24.0, -2.0),
    (33.0, 0.0),
];

struct Model {
    seeds: Vec<f64>,
    log_cost: f64,
    /// Variance of the logarithm of the cost.
    of_cost: (f64, f64),
}

fn model(ms: f64, map: f64, seeds: usize, noise: f64, rng: &mut ChaCha8Rng) -> Model {
    let spread = spread();
    let seeds = (0..seeds).map(|_| map + spread[rng.random_range(0..spread.len())]);
    let seeds = seeds.collect();
    let rounds: Vec<f64> = (0..20)
        .map(|_| {
            let burst = rng.random::<f64>() < 0.1;
            let normal = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            (ms * if burst { 2.0 } else { 1.0 }).ln() + noise * normal
        })
        .collect();
    Model {
        seeds,
        log_cost: middle(&rounds).unwrap(),
        of_cost: middle_variance(&rounds).unwrap(),
    }
}

/// What a sweep says of the variants that lie between two baselines, with what is true of them.
fn sweep(seeds: usize, noise: f64, with_cost: bool, rng: &mut ChaCha8Rng) -> Vec<(Gain, f64)> {
    let draw = |&(ms, map): &(f64, f64), rng: &mut ChaCha8Rng| model(ms, map, seeds, noise, rng);
    let baselines: Vec<Model> = BASELINES.iter().map(|point| draw(point, rng)).collect();
    let variants: Vec<(Model, f64)> = VARIANTS
        .iter()
        .map(|&(ms, gain)| {
            let at_cost = 30.0 + 9.0 * (ms / 10.0).log2();
            (draw(&(ms, at_cost + gain), rng), gain)
        })
        .collect();
    fn arm(model: &Model) -> Arm<'_> {
        Arm {
            seeds: &model.seeds,
            ..Arm::default()
        }
    }
    let all: Vec<Arm> = baselines
        .iter()
        .chain(variants.iter().map(|(v, _)| v))
        .map(arm)
        .collect();
    let mut models: Vec<(Between, f64)> = Vec::new();
    for (own, gain) in &variants {
        let pairs = baselines.windows(2);
        let around = pairs.filter_map(|pair| {
            let [below, above] = pair else { return None };
            Between::of(
                arm(own),
                [arm(below), arm(above)],
                [own.log_cost, below.log_cost, above.log_cost],
                with_cost.then_some([own.of_cost, below.of_cost, above.of_cost]),
            )
        });
        models.extend(around.take(1).map(|between| (between, *gain)));
    }
    let (betweens, truths): (Vec<Between>, Vec<f64>) = models.into_iter().unzip();
    let compared = AtSameCost {
        models: &betweens,
        spread_of: &all,
        confidence: confidence_of_each(betweens.len()),
        images: 0,
    };
    compared.gains().into_iter().flatten().zip(truths).collect()
}

#[test]
fn intervals_contain_the_gain_however_latencies_jitter() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    println!("| seeds | jitter of a round | a false claim | without the chance of the latencies |");
    println!("|---|---|---|---|");
    for (seeds, noise) in [(3, 0.02), (5, 0.02), (3, 0.1), (10, 0.1)] {
        let mut wrong = [0, 0];
        for _ in 0..sweeps() {
            for (wrong, with_cost) in wrong.iter_mut().zip([true, false]) {
                let found = sweep(seeds, noise, with_cost, &mut rng);
                assert!(found.len() > 1);
                let is_wrong =
                    |(gain, truth): &(Gain, f64)| gain.low > *truth || gain.high < *truth;
                *wrong += usize::from(found.iter().any(is_wrong));
            }
        }
        let share = wrong.map(|wrong| 100.0 * wrong as f64 / sweeps() as f64);
        println!(
            "| {seeds} | {:.0} % | {:.1} % | {:.1} % |",
            100.0 * noise,
            share[0],
            share[1]
        );
        // Two and a half standard errors of so many sweeps above 5 %.
        let most = 5.0 + 2.5 * (5.0 * 95.0 / sweeps() as f64).sqrt();
        assert!(share[0] <= most, "{seeds} seeds, jitter {noise}: {share:?}");
        if noise == 0.1 {
            assert!(
                share[1] > 10.0,
                "costs are not known for certain: {share:?}"
            );
        }
    }
}
