//! Timing in rounds ends once all ratios are known as precisely as asked for: how often is one of equal
//! models called faster then, in place of 5 %?
//!
//! `SWEEPS=4000 cargo test --release -p ablate-statistics --test stopping -- --nocapture` prints the table of
//! docs/figures.md.

use ablate_statistics::{confidence_of_each, shift};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Models beside the baseline.
const MODELS: usize = 5;
/// Rounds at least, and at most.
const ROUNDS: [usize; 2] = [10, 50];
/// Half of the widest interval that ends it, of logarithms.
const WITHIN: f64 = 0.02;

fn sweeps() -> usize {
    let asked = std::env::var("SWEEPS").ok();
    asked.and_then(|sweeps| sweeps.parse().ok()).unwrap_or(300)
}

/// Whether one of equal models was called faster or slower, and how many rounds it took.
fn sweep(mut duration: impl FnMut() -> f64) -> (bool, usize) {
    let mut logs = vec![Vec::new(); MODELS];
    let confidence = confidence_of_each(MODELS);
    loop {
        let base = duration();
        logs.iter_mut()
            .for_each(|logs| logs.push(duration() - base));
        let rounds = logs[0].len();
        if rounds < ROUNDS[0] {
            continue;
        }
        let shifts: Vec<_> = logs
            .iter()
            .map(|logs| shift(logs, confidence).unwrap())
            .collect();
        let is_known = shifts.iter().all(|shift| shift.half() <= WITHIN);
        if is_known || rounds == ROUNDS[1] {
            let is_wrong = shifts
                .iter()
                .any(|shift| shift.low > 0.0 || shift.high < 0.0);
            return (is_wrong, rounds);
        }
    }
}

#[test]
fn ending_once_intervals_are_narrow_keeps_the_confidence() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    println!("| deviation of a round | bursts | a false claim | rounds, mean |");
    println!("|---|---|---|---|");
    for bursts in [0.0, 0.15] {
        for deviation in [0.01, 0.015, 0.02, 0.03] {
            let normal =
                |rng: &mut ChaCha8Rng| (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            let (mut wrong, mut rounds) = (0, 0);
            for _ in 0..sweeps() {
                let (is_wrong, took) = sweep(|| {
                    let burst = match rng.random::<f64>() < bursts {
                        true => -4.0 * deviation * rng.random::<f64>().ln(),
                        false => 0.0,
                    };
                    deviation * normal(&mut rng) + burst
                });
                wrong += usize::from(is_wrong);
                rounds += took;
            }
            let (all, wrong) = (sweeps() as f64, wrong as f64);
            println!(
                "| {:.1} % | {:.0} % of rounds | {:.1} % | {:.0} |",
                100.0 * deviation,
                100.0 * bursts,
                100.0 * wrong / all,
                rounds as f64 / all
            );
            // 5 %, and the chance of so few sweeps.
            assert!(wrong / all <= 0.05 + 2.5 * (0.05 * 0.95 / all).sqrt());
        }
    }
}
