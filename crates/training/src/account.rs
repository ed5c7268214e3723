//! The account of a data set's split, as records keep it.

use ablate_detection::dataset::{Dataset, ProblemKind};
use ablate_records::{DataAccount, LeftOut, LeftOutReason};

/// Examples of each reason.
const EXAMPLES: usize = 3;

/// Characters of an example; a longer one is cut.
const MOST_EXAMPLE: usize = 300;

/// What a split holds and what was left out of it. Give it that of a
/// [`CachedDataset`](ablate_detection::dataset::CachedDataset), so that images that could not be
/// decoded are counted.
pub fn account(dataset: &Dataset) -> DataAccount {
    let problems = &dataset.problems;
    DataAccount {
        name: dataset.name.clone(),
        split: dataset.split.to_string(),
        images: dataset.samples.len(),
        boxes: dataset.annotation_count(),
        background: dataset.background_count(),
        unlabelled: problems.unlabelled,
        clipped: problems.clipped,
        left_out: LeftOut {
            images: problems.images(),
            annotations: problems.annotations(),
            masks: problems.masks(),
        },
        reasons: problems.kinds(EXAMPLES).into_iter().map(reason).collect(),
    }
}

fn reason(kind: ProblemKind) -> LeftOutReason {
    let examples = kind.examples.iter();
    LeftOutReason {
        what: kind.subject.as_str().into(),
        reason: kind.reason,
        count: kind.count,
        examples: examples.map(|problem| cut(problem.to_string())).collect(),
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MOST_EXAMPLE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
