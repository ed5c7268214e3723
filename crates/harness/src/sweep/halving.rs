//! Successive halving: who goes on at a rung. Pure, so that the rule can be printed before anything
//! runs, and so that a run that was killed decides the same when it is started again.
//!
//! Jamieson & Talwalkar 2016, <https://arxiv.org/abs/1502.07943>; Karnin, Koren & Somekh 2013.

use super::config::{Among, HalvingConfig};
use ablate_records::EpochLog;
use ablate_training::Scores;

/// A model that stands at a rung, its seeds taken together: they go on or stop together, so that no
/// mean over seeds loses some of them.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The model's name.
    pub model: String,
    /// Goes on whatever its score is, and takes nobody's place: all others are compared with it.
    pub baseline: bool,
    /// Mean over the seeds; None if a seed has no score, because it failed or was not evaluated at
    /// the rung.
    pub score: Option<Score>,
}

/// How good a model is on the validation split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// What models are ranked by: see [`Scores::fitness`]. To a thousandth, as it is printed, so
    /// that nothing stops for a difference that nobody sees.
    pub fitness: f64,
    /// mAP50-95 of boxes.
    pub map50_95: f64,
}

/// Where a model came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// From 1; models of one score share it.
    pub place: usize,
    /// Models that were ranked, and those of them that went on.
    pub ranked: usize,
    /// Models that went on.
    pub kept: usize,
    /// The model's score.
    pub score: Score,
    /// The fitness that it took to go on.
    pub least: f64,
}

/// What becomes of a model at a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It trains on.
    GoesOn(Place),
    /// Its trainings stop here.
    Stops(Place),
    /// A baseline, or a model without a score: it goes on.
    NotRanked,
}

impl HalvingConfig {
    /// The rungs of a training: numbers of epochs before the last, in order.
    pub fn epochs(&self, epochs: usize) -> Vec<usize> {
        let halves = (1..=self.rungs.min(usize::BITS as usize - 1))
            .rev()
            .map(|k| (epochs >> k).max(1));
        let mut rungs: Vec<usize> = halves.filter(|&rung| rung < epochs).collect();
        rungs.dedup();
        rungs
    }

    /// Ranks models by fitness: the best share of them goes on, rounded up. Models of the same
    /// fitness share their fate, so that no order of names decides; at an early rung where all have
    /// none, all go on.
    pub fn decide(&self, models: &[Standing]) -> Vec<Fate> {
        let ranked = |model: &Standing| model.score.filter(|_| !model.baseline);
        let mut scores: Vec<f64> = models
            .iter()
            .filter_map(ranked)
            .map(|score| score.fitness)
            .collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        // A share of a count is often a little more than the whole number that is meant: 0.1 × 30.
        let best = (self.keep * scores.len() as f64 - 1e-9).ceil().max(1.0) as usize;
        let Some(&least) = scores.get(best - 1) else {
            return vec![Fate::NotRanked; models.len()];
        };
        let above = |bar: f64| scores.iter().filter(|&&score| score > bar).count();
        let kept = scores.iter().filter(|&&score| score >= least).count();
        let fate = |score: Score| {
            let place = Place {
                place: above(score.fitness) + 1,
                ranked: scores.len(),
                kept,
                score,
                least,
            };
            if score.fitness >= least {
                Fate::GoesOn(place)
            } else {
                Fate::Stops(place)
            }
        };
        models
            .iter()
            .map(|model| ranked(model).map_or(Fate::NotRanked, fate))
            .collect()
    }

    /// The rule in words, for trainings of so many epochs.
    pub fn rule(&self, epochs: usize, seeds: usize) -> String {
        let rungs: Vec<String> = self.epochs(epochs).iter().map(usize::to_string).collect();
        let who = match self.among {
            Among::Models => "models of all families and scales on a device",
            Among::Variants => "models of one family and scale on a device",
        };
        let mean = if seeds > 1 {
            format!(", the mean over {seeds} seeds")
        } else {
            String::new()
        };
        format!(
            "halving: after epoch {} of {epochs} the best {} % of the {who} go on, rounded up, and the others stop; ranked by validation fitness \
             (0.1 mAP50 + 0.9 mAP50-95) to a thousandth{mean}, and equal ones share their fate; a baseline always goes on and is not ranked",
            rungs.join(", "),
            percent(self.keep),
        )
    }
}

/// The means of models over their seeds, from the epochs of each of them; `rung` is a number of
/// epochs. Masks count where every model makes them: one without would lose to any other.
pub fn scores(models: &[Vec<&[EpochLog]>], rung: usize) -> Vec<Option<Score>> {
    let at = |log: &&[EpochLog]| log.get(rung - 1).and_then(Scores::of);
    let seeds: Vec<Option<Vec<Scores>>> = models
        .iter()
        .map(|logs| logs.iter().map(at).collect())
        .collect();
    let masks = seeds
        .iter()
        .flatten()
        .flatten()
        .all(|scores| scores.mask_map50_95.is_some());
    let mean = |seeds: Vec<Scores>| {
        let mean =
            |of: &dyn Fn(&Scores) -> f64| seeds.iter().map(of).sum::<f64>() / seeds.len() as f64;
        let fitness = mean(&|scores| {
            if masks {
                scores.fitness()
            } else {
                scores.of_boxes().fitness()
            }
        });
        Score {
            fitness: (fitness * 1e3).round() / 1e3,
            map50_95: mean(&|scores| scores.map50_95.unwrap_or(0.0)),
        }
    };
    seeds
        .into_iter()
        .map(|seeds| seeds.filter(|seeds| !seeds.is_empty()).map(mean))
        .collect()
}

/// `50`, `33.3`.
pub fn percent(share: f64) -> String {
    let percent = format!("{:.1}", 100.0 * share);
    percent
        .strip_suffix(".0")
        .map(str::to_owned)
        .unwrap_or(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halving(rungs: usize, keep: f64) -> HalvingConfig {
        HalvingConfig {
            rungs,
            keep,
            ..HalvingConfig::default()
        }
    }

    fn standing(model: &str, fitness: Option<f64>) -> Standing {
        let score = fitness.map(|fitness| Score {
            fitness,
            map50_95: fitness,
        });
        Standing {
            model: model.into(),
            baseline: model == "baseline",
            score,
        }
    }

    /// `+` goes on, `-` stops, `·` is not ranked.
    fn fates(keep: f64, scores: &[Option<f64>]) -> String {
        let models: Vec<Standing> = scores
            .iter()
            .map(|&score| standing("variant", score))
            .collect();
        let sign = |fate| match fate {
            Fate::GoesOn(_) => '+',
            Fate::Stops(_) => '-',
            Fate::NotRanked => '·',
        };
        halving(1, keep)
            .decide(&models)
            .into_iter()
            .map(sign)
            .collect()
    }

    #[test]
    fn rungs_are_halves_of_the_training_in_whole_epochs() {
        let rungs = |rungs, epochs| halving(rungs, 0.5).epochs(epochs);
        assert_eq!(rungs(3, 16), [2, 4, 8]);
        assert_eq!(rungs(2, 30), [7, 15]);
        assert_eq!(
            rungs(5, 10),
            [1, 2, 5],
            "10/32 and 10/16 are less than an epoch"
        );
        assert_eq!(rungs(1_000_000, 3), [1]);
        assert_eq!(rungs(1, 2), [1]);
        assert_eq!(rungs(3, 1), [0; 0], "nothing lies before the end");
    }

    #[test]
    fn the_best_share_goes_on() {
        let all = |scores: &[f64]| scores.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(fates(0.5, &all(&[0.1, 0.4, 0.2, 0.3])), "-+-+");
        assert_eq!(
            fates(0.5, &all(&[0.1, 0.5, 0.2, 0.3, 0.4])),
            "-+-++",
            "rounded up"
        );
        assert_eq!(fates(0.01, &all(&[0.1, 0.5, 0.2])), "-+-", "at least one");
        assert_eq!(fates(0.5, &all(&[0.1])), "+");
        assert_eq!(fates(0.5, &[]), "");
        let thirty: Vec<f64> = (0..30).map(f64::from).collect();
        assert_eq!(
            fates(0.1, &all(&thirty)).matches('+').count(),
            3,
            "0.1 × 30 is a little more than 3"
        );
    }

    #[test]
    fn equal_scores_share_their_fate() {
        assert_eq!(
            fates(0.5, &[Some(0.3), Some(0.2), Some(0.2), Some(0.1)]),
            "+++-"
        );
        assert_eq!(
            fates(0.25, &[Some(0.0); 4]),
            "++++",
            "nothing can be told yet"
        );
    }

    #[test]
    fn what_has_no_score_goes_on_and_takes_no_place() {
        assert_eq!(fates(0.5, &[None, Some(0.2), Some(0.1), None]), "·+-·");
        assert_eq!(fates(0.5, &[None, None]), "··");
    }

    #[test]
    fn the_baseline_goes_on_and_takes_no_place() {
        let models = [
            standing("baseline", Some(0.05)),
            standing("a", Some(0.3)),
            standing("b", Some(0.2)),
            standing("c", Some(0.1)),
        ];
        let fates = halving(1, 0.5).decide(&models);
        assert_eq!(fates[0], Fate::NotRanked);
        assert!(matches!(fates[1], Fate::GoesOn(place) if place.place == 1));
        assert!(matches!(fates[2], Fate::GoesOn(place) if place.place == 2));
        let Fate::Stops(place) = fates[3] else {
            panic!("{fates:?}")
        };
        assert_eq!(
            (
                place.place,
                place.ranked,
                place.kept,
                place.least,
                place.score.fitness
            ),
            (3, 3, 2, 0.2, 0.1)
        );
    }

    fn log(boxes: &[Option<f64>], masks: Option<f64>) -> Vec<EpochLog> {
        let epoch = |(epoch, &map): (usize, &Option<f64>)| EpochLog {
            epoch,
            lr: 0.01,
            losses: Default::default(),
            map50: map,
            map50_95: map,
            mask_map50: masks,
            mask_map50_95: masks,
            seconds: 1.0,
        };
        boxes.iter().enumerate().map(epoch).collect()
    }

    #[test]
    fn scores_are_means_over_seeds_at_the_rung() {
        let (a, b, c) = (
            log(&[Some(0.9), Some(0.2)], None),
            log(&[None, Some(0.4)], None),
            log(&[Some(0.1)], None),
        );
        let fitness = |models: &[Vec<&[EpochLog]>], rung| -> Vec<Option<f64>> {
            scores(models, rung)
                .into_iter()
                .map(|score| score.map(|score| score.fitness))
                .collect()
        };
        assert_eq!(
            fitness(&[vec![&a, &b], vec![&a, &c], vec![&a]], 2),
            [Some(0.3), None, Some(0.2)]
        );
        assert_eq!(
            fitness(&[vec![&a, &b], vec![&a, &c], vec![]], 1),
            [None, Some(0.5), None]
        );
    }

    #[test]
    fn masks_count_where_all_make_them() {
        let (boxes, both) = (log(&[Some(0.5)], None), log(&[Some(0.4)], Some(0.3)));
        let fitness = |models: &[Vec<&[EpochLog]>]| -> Vec<f64> {
            scores(models, 1)
                .into_iter()
                .map(|score| score.unwrap().fitness)
                .collect()
        };
        assert_eq!(fitness(&[vec![&boxes], vec![&both]]), [0.5, 0.4]);
        assert_eq!(fitness(&[vec![&both]]), [0.7]);
    }

    #[test]
    fn what_is_printed_alike_is_alike() {
        let scores = scores(
            &[
                vec![&log(&[Some(0.1004)], None)],
                vec![&log(&[Some(0.0996)], None)],
            ],
            1,
        );
        assert_eq!(scores[0].unwrap().fitness, scores[1].unwrap().fitness);
    }

    #[test]
    fn the_rule_is_said_in_words() {
        let rule = HalvingConfig {
            among: Among::Variants,
            ..halving(3, 1.0 / 3.0)
        }
        .rule(16, 3);
        assert_eq!(
            rule,
            "halving: after epoch 2, 4, 8 of 16 the best 33.3 % of the models of one family and scale on a device go on, rounded up, and the \
             others stop; ranked by validation fitness (0.1 mAP50 + 0.9 mAP50-95) to a thousandth, the mean over 3 seeds, and equal ones share \
             their fate; a baseline always goes on and is not ranked"
        );
    }
}
