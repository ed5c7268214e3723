//! The verdicts on figures of real trainings: how often they claim what is false, and how often they
//! find what is there.
//!
//! `SWEEPS=2000 cargo test --release -p ablate-statistics --test real_trainings -- --nocapture`
//! prints the tables of docs/figures.md. The figures are mAP50-95 of configs/sweeps/aa.yaml (one network, forty seeds)
//! and aa-others.yaml (two further networks, twenty seeds each).

use ablate_statistics::{Arm, Comparison, Contrast, Spread, seeds_for_width};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Simulated sweeps of each kind.
fn sweeps() -> usize {
    let asked = std::env::var("SWEEPS").ok();
    asked.and_then(|sweeps| sweeps.parse().ok()).unwrap_or(60)
}

/// Whether no more than a share of the sweeps is wrong, but for the chance of so few sweeps.
fn is_at_most(most: f64, wrong: usize) -> bool {
    let deviation = (most * (1.0 - most) / sweeps() as f64).sqrt();
    share(wrong, sweeps()) <= most + 2.5 * deviation
}

/// Points of mAP50-95 of a network under many seeds, less their mean.
fn trainings(network: &str) -> Vec<f64> {
    let figures: Vec<f64> = match network {
        "tiny" => include_str!("fixtures/aa.csv")
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(1).unwrap().parse().unwrap())
            .collect(),
        _ => include_str!("fixtures/aa-others.csv")
            .lines()
            .filter(|line| line.starts_with(network))
            .map(|line| line.split(',').nth(2).unwrap().parse().unwrap())
            .collect(),
    };
    assert!(figures.len() >= 20);
    let mean = Spread::of(figures.iter().copied()).unwrap().mean;
    figures
        .iter()
        .map(|figure| 100.0 * (figure - mean))
        .collect()
}

fn deviation(figures: &[f64]) -> f64 {
    Spread::of(figures.iter().copied()).unwrap().std.unwrap()
}

/// A sweep: the seeds of the baseline, then of each variant, all drawn from the same network.
fn sweep(
    figures: &mut [f64],
    seeds: usize,
    variants: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<f64>> {
    figures.shuffle(rng);
    let models = figures.chunks(seeds).take(variants + 1);
    models.map(<[f64]>::to_vec).collect()
}

fn contrasts(models: &[Vec<f64>], first: Option<usize>) -> Vec<Contrast> {
    let arm = |seeds| Arm {
        seeds,
        first,
        resampled: &[],
    };
    let arms: Vec<Arm> = models[1..].iter().map(|model| arm(model)).collect();
    let comparison = Comparison {
        baseline: arm(&models[0]),
        arms: &arms,
        confidence: 0.95,
        images: 0,
    };
    comparison.contrasts().into_iter().flatten().collect()
}

fn excludes(contrast: &Contrast, truth: f64) -> bool {
    contrast.low > truth || contrast.high < truth
}

/// Each variant alone, by the t test of its differences seed by seed.
fn paired_alone(models: &[Vec<f64>], confidence: f64) -> Vec<bool> {
    let claims = models[1..].iter().map(|model| {
        let differences = model.iter().zip(&models[0]).map(|(own, base)| own - base);
        let spread = Spread::of(differences).unwrap();
        let student = StudentsT::new(0.0, 1.0, (spread.n - 1) as f64).unwrap();
        let half = student.inverse_cdf(f64::midpoint(confidence, 1.0)) * spread.std.unwrap()
            / (spread.n as f64).sqrt();
        spread.mean.abs() > half
    });
    claims.collect()
}

fn share(hits: usize, of: usize) -> f64 {
    hits as f64 / of as f64
}

/// All variants are the baseline's own network, so whatever is claimed is false; a variant that is
/// three standard deviations better should be found.
#[test]
fn false_claims_are_rare_and_true_ones_are_found() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    println!(
        "| network | seeds | variants | false claims, each alone | false claims, together | found by paired t tests as sure | found, together |"
    );
    println!("|---|---|---|---|---|---|---|");
    for network in ["tiny", "yolov5n", "yolov8n"] {
        let mut figures = trainings(network);
        let better = 3.0 * deviation(&figures);
        for (seeds, variants) in [(3, 5), (5, 3)] {
            let (mut alone, mut together, mut found_safely, mut found_together) = (0, 0, 0, 0);
            // As sure of all variants together, by Bonferroni.
            let safe = 1.0 - 0.05 / variants as f64;
            for _ in 0..sweeps() {
                let mut models = sweep(&mut figures, seeds, variants, &mut rng);
                alone += usize::from(paired_alone(&models, 0.95).contains(&true));
                let claims = contrasts(&models, None);
                together += usize::from(claims.iter().any(|claim| excludes(claim, 0.0)));
                models[1].iter_mut().for_each(|figure| *figure += better);
                found_safely += usize::from(paired_alone(&models, safe)[0]);
                found_together += usize::from(contrasts(&models, None)[0].low > 0.0);
            }
            let of = |hits| 100.0 * share(hits, sweeps());
            println!(
                "| {network} | {seeds} | {variants} | {:.1} % | {:.1} % | {:.0} % | {:.0} % |",
                of(alone),
                of(together),
                of(found_safely),
                of(found_together)
            );
            // Two standard errors of so many sweeps above 5 %.
            assert!(
                of(together) < 6.8,
                "{network}, {seeds} seeds, {variants} variants"
            );
            assert!(found_together > found_safely, "{network}, {seeds} seeds");
        }
    }
}

/// Where the baseline, or a variant, spreads otherwise than the rest, claims stay rare.
#[test]
fn networks_of_unlike_spread_make_few_false_claims() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    println!("| baseline | variants | seeds | false claims, together |");
    println!("|---|---|---|---|");
    let networks = [
        ("tiny", "yolov8n"),
        ("yolov8n", "tiny"),
        ("yolov5n", "yolov8n"),
    ];
    // What is found false with so few seeds, and with enough.
    let most = [(3, 0.08), (5, 0.06), (8, 0.05)];
    let cases = networks.iter().flat_map(|of| most.map(|most| (of, most)));
    for ((baseline, variant), (seeds, most)) in cases {
        let (base, other) = (trainings(baseline), trainings(variant));
        let draw = |figures: &[f64], rng: &mut ChaCha8Rng| -> Vec<f64> {
            (0..seeds)
                .map(|_| figures[rng.random_range(0..figures.len())])
                .collect()
        };
        let mut wrong = 0;
        for _ in 0..sweeps() {
            // One variant of the other spread among three of the baseline's own.
            let mut models = vec![draw(&base, &mut rng), draw(&other, &mut rng)];
            models.extend((0..3).map(|_| draw(&base, &mut rng)));
            wrong += usize::from(
                contrasts(&models, None)
                    .iter()
                    .any(|claim| excludes(claim, 0.0)),
            );
        }
        println!(
            "| {baseline} | one {variant}, three {baseline} | {seeds} | {:.1} % |",
            100.0 * share(wrong, sweeps())
        );
        assert!(
            is_at_most(most, wrong),
            "{baseline}, {variant}, {seeds} seeds"
        );
    }
}

/// Seeds by need keep the confidence, and end at the width asked for.
#[test]
fn seeds_by_need_keep_the_confidence() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    println!("| network | from, to | width | wrong | seeds, mean | at the limit |");
    println!("|---|---|---|---|---|---|");
    for (network, from, to, width) in [
        ("tiny", 3, 20, 2.0),
        ("yolov5n", 4, 12, 2.0),
        ("yolov8n", 3, 30, 8.0),
    ] {
        let figures = trainings(network);
        let draw = |rng: &mut ChaCha8Rng| figures[rng.random_range(0..figures.len())];
        let (mut wrong, mut seeds, mut limited) = (0, 0, 0);
        for _ in 0..sweeps() {
            let mut models: Vec<Vec<f64>> = (0..4)
                .map(|_| (0..from).map(|_| draw(&mut rng)).collect())
                .collect();
            let arm = |seeds| Arm {
                seeds,
                ..Arm::default()
            };
            let needed = {
                let arms: Vec<Arm> = models[1..].iter().map(|model| arm(model)).collect();
                seeds_for_width(
                    &Comparison {
                        baseline: arm(&models[0]),
                        arms: &arms,
                        confidence: 0.95,
                        images: 0,
                    },
                    width,
                )
            };
            let mut wanted: Vec<usize> = needed
                .iter()
                .map(|needed| needed.unwrap().seeds.min(to))
                .collect();
            wanted.insert(0, *wanted.iter().max().unwrap());
            for (model, &seeds) in models.iter_mut().zip(&wanted) {
                model.extend((from..seeds).map(|_| draw(&mut rng)));
            }
            let claims = contrasts(&models, Some(from));
            wrong += usize::from(claims.iter().any(|claim| excludes(claim, 0.0)));
            let at_limit = needed.iter().any(|needed| needed.unwrap().seeds > to);
            limited += usize::from(at_limit);
            seeds += wanted[0];
            if !at_limit {
                let widest = claims
                    .iter()
                    .map(|claim| 2.0 * claim.half())
                    .fold(0.0, f64::max);
                assert!(widest <= width * 1.2, "{widest} for {width}");
            }
        }
        println!(
            "| {network} | {from}, {to} | {width} | {:.1} % | {:.1} | {:.0} % |",
            100.0 * share(wrong, sweeps()),
            share(seeds, sweeps()),
            100.0 * share(limited, sweeps())
        );
        assert!(is_at_most(0.05, wrong), "{network}");
    }
}

/// Detectors whose figure is a mean over images, some of them hard for all: the interval holds for
/// the images that were not drawn, where the spread over seeds alone does not.
#[test]
fn intervals_hold_for_other_test_images() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let normal =
        |rng: &mut ChaCha8Rng| -> f64 { (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0 };
    const IMAGES: usize = 60;
    let (mut wrong, mut wrong_over_seeds) = (0, 0);
    for _ in 0..sweeps() {
        let hard: Vec<f64> = (0..IMAGES).map(|_| 10.0 * normal(&mut rng)).collect();
        let model = |rng: &mut ChaCha8Rng| {
            // What this network finds hard, under every seed.
            let own: Vec<f64> = hard.iter().map(|hard| hard + 6.0 * normal(rng)).collect();
            let mean = own.iter().sum::<f64>() / IMAGES as f64;
            let seeds: Vec<f64> = (0..3).map(|_| mean + 0.5 * normal(rng)).collect();
            (own, mean, seeds)
        };
        let models: Vec<_> = (0..4).map(|_| model(&mut rng)).collect();
        let draws: Vec<Vec<usize>> = (0..200)
            .map(|_| (0..IMAGES).map(|_| rng.random_range(0..IMAGES)).collect())
            .collect();
        let resampled: Vec<Vec<f64>> = models
            .iter()
            .map(|(own, ..)| {
                let mean =
                    |draw: &Vec<usize>| draw.iter().map(|&i| own[i]).sum::<f64>() / IMAGES as f64;
                draws.iter().map(mean).collect()
            })
            .collect();
        let all: Vec<Arm> = models
            .iter()
            .zip(&resampled)
            .map(|((.., seeds), resampled)| Arm {
                seeds,
                first: None,
                resampled,
            })
            .collect();
        let judged = |with_images: bool| {
            let arms: Vec<Arm> = all
                .iter()
                .map(|arm| Arm {
                    resampled: if with_images { arm.resampled } else { &[] },
                    ..*arm
                })
                .collect();
            let comparison = Comparison {
                baseline: arms[0],
                arms: &arms[1..],
                confidence: 0.95,
                images: IMAGES,
            };
            let contrasts = comparison.contrasts();
            contrasts.iter().flatten().any(|claim| excludes(claim, 0.0))
        };
        wrong += usize::from(judged(true));
        wrong_over_seeds += usize::from(judged(false));
    }
    println!(
        "wrong of other images: {:.1} % with their chance, {:.1} % without",
        100.0 * share(wrong, sweeps()),
        100.0 * share(wrong_over_seeds, sweeps())
    );
    assert!(is_at_most(0.06, wrong) && share(wrong_over_seeds, sweeps()) > 0.2);
}
