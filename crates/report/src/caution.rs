//! What to know of the test images before any mAP is believed: few of them, or a split that had
//! another part to play.

use std::collections::BTreeMap;

use crate::rows::Rows;
use ablate_records::{EvalMeasurement, TrainMeasurement};
use ablate_statistics::quantile;

/// With fewer images than this the choice of images alone moves one mAP by five points and more: 200
/// images of our samples leave ±2.5 to 3, and the width falls with the square root.
const FEW_IMAGES: usize = 50;

/// With fewer boxes than this one box more or less found moves the recall of its class, and with it
/// its AP, by more than ten points.
const FEW_BOXES: usize = 10;

/// The chance of the images is told if there are so many resamplings.
const FEWEST_RESAMPLED: usize = 200;

/// In words, a sentence or two for each data set and split.
pub fn cautions(rows: &Rows) -> Vec<String> {
    let mut splits: BTreeMap<(&str, &str), Split> = BTreeMap::new();
    for row in &rows.rows {
        let (Some(eval), Some(dataset)) = (row.eval(), &row.cell.dataset) else {
            continue;
        };
        let split = splits.entry((dataset, &eval.split)).or_default();
        split.eval.get_or_insert(eval);
        split.chosen |= row
            .train()
            .is_some_and(|train| has_chosen(train, &eval.split));
        split.half = split.half.max(half(eval));
    }
    let told = splits.iter().flat_map(|((dataset, name), split)| {
        let few = split.eval.and_then(|eval| few(eval, split.half));
        let few = few.map(|few| format!("{dataset}, {name} split: {few}."));
        let chosen = split.chosen.then(|| {
            format!(
                "{dataset}, {name} split: it also chose the best epoch of each training, so its mAP is too high for \
                 other images, of all models alike. A test split (key split of eval) would not be."
            )
        });
        few.into_iter().chain(chosen)
    });
    told.collect()
}

#[derive(Default)]
struct Split<'a> {
    eval: Option<&'a EvalMeasurement>,
    chosen: bool,
    /// Half the width of the widest interval over test images, in points.
    half: f64,
}

/// Whether a split chose the best epoch: it is the validation split, and several epochs were
/// evaluated.
fn has_chosen(train: &TrainMeasurement, split: &str) -> bool {
    let evaluated = train.epochs.iter().filter(|epoch| epoch.map50_95.is_some());
    split == "val" && evaluated.count() > 1
}

/// Half of the interval of one mAP over test images, in points; 0 if they were not resampled.
fn half(eval: &EvalMeasurement) -> f64 {
    let mut figures: Vec<f64> = eval.bootstrap.iter().copied().flatten().collect();
    figures.sort_by(f64::total_cmp);
    let ends = [0.025, 0.975].map(|q| quantile(&figures, q));
    match ends {
        [Some(low), Some(high)] if figures.len() >= FEWEST_RESAMPLED => 50.0 * (high - low),
        _ => 0.0,
    }
}

/// `only 4 images, only 2 boxes of class star; …`; None if there is enough of all.
fn few(eval: &EvalMeasurement, half: f64) -> Option<String> {
    let counted =
        |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let images = (eval.images < FEW_IMAGES)
        .then(|| format!("only {}", counted(eval.images, "image", "images")));
    // A class without a box has no AP to be wrong.
    let classes = eval.boxes.per_class.iter();
    let classes = classes.filter(|class| (1..FEW_BOXES).contains(&class.instances));
    let mut classes: Vec<_> = classes.collect();
    classes.sort_by_key(|class| class.instances);
    let boxes = classes.first().map(|least| {
        let boxes = counted(least.instances, "box", "boxes");
        match classes.len() - 1 {
            0 => format!("only {boxes} of class {}", least.name),
            1 => format!(
                "only {boxes} of class {}, and one more class with few",
                least.name
            ),
            more => format!(
                "only {boxes} of class {}, and {more} more classes with few",
                least.name
            ),
        }
    });
    let found: Vec<String> = images.into_iter().chain(boxes).collect();
    let chance = match half > 0.0 {
        true => {
            format!("other images of the same kind would move one mAP by ±{half:.1} points (95 %)")
        }
        false => "other images of the same kind would move an mAP by several points".into(),
    };
    (!found.is_empty()).then(|| format!("{}; {chance}", found.join(", ")))
}
