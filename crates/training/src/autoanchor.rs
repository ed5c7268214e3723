//! Anchors that fit the data set: YOLOv5's autoanchor, before training.

use ablate_detection::{
    anchors::{GOOD_RECALL, Size, box_sizes, evolve, fit, jittered_box_sizes},
    dataset::CachedDataset,
};
use ablate_model::{Detector, coding::BoxCoding};

use ablate_records::AnchorFit;
use anyhow::{Result, ensure};

/// Gives the detector other anchors where its own leave too many boxes without a match and others
/// leave fewer, or, with `always`, in any case; how they fit. None for a head without anchors.
///
/// # Errors
/// With `always`, a data set of fewer boxes than anchors.
pub fn fit_anchors(
    detector: &mut Detector,
    data: &CachedDataset,
    threshold: f32,
    seed: u64,
    always: bool,
) -> Result<Option<AnchorFit>> {
    let BoxCoding::Anchors(levels) = &detector.detect().coding else {
        return Ok(None);
    };
    let own: Vec<Size> = levels
        .iter()
        .flatten()
        .map(|sides| sides.map(|side| side as f32))
        .collect();
    let (count, per_level) = (own.len(), levels[0].len());
    let boxes = jittered_box_sizes(data, seed);
    let before = fit(&boxes, &own, threshold);
    let mut found = AnchorFit {
        best_possible_recall: before.best_possible_recall,
        anchors_per_box: before.anchors_per_box,
        replaced: None,
    };
    if before.best_possible_recall > GOOD_RECALL && !always {
        return Ok(Some(found));
    }
    let evolved = evolve(&box_sizes(data), count, threshold, seed);
    let evolved = evolved.map(|anchors| (fit(&boxes, &anchors, threshold), anchors));
    ensure!(
        evolved.is_some() || !always,
        "expected at least {count} boxes of two pixels or more to fit {count} anchors to, found fewer of {}",
        boxes.len()
    );
    if let Some((after, anchors)) = evolved
        .filter(|(after, _)| always || after.best_possible_recall > before.best_possible_recall)
    {
        let mut levels: Vec<Vec<[f64; 2]>> = anchors
            .chunks_exact(per_level)
            .map(|level| level.iter().map(|sides| sides.map(f64::from)).collect())
            .collect();
        // The smallest come first, and belong to the finest level.
        if !detector.detect().strides.is_sorted() {
            levels.reverse();
        }
        detector.set_anchors(levels.clone());
        found = AnchorFit {
            best_possible_recall: after.best_possible_recall,
            anchors_per_box: after.anchors_per_box,
            replaced: Some(levels),
        };
    }
    Ok(Some(found))
}

/// One line for the log.
pub fn describe(fit: &AnchorFit) -> String {
    let recall = format!(
        "{:.2} anchors a box, best possible recall {:.3}",
        fit.anchors_per_box, fit.best_possible_recall
    );
    match &fit.replaced {
        None => format!("anchors: {recall}"),
        Some(levels) => {
            let sides = levels
                .iter()
                .flatten()
                .map(|[w, h]| format!("{w:.0},{h:.0}"))
                .collect::<Vec<_>>()
                .join("  ");
            format!("anchors fitted to the data: {recall}; {sides}")
        }
    }
}
