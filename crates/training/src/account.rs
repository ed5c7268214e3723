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
        ignored: dataset.ignored_count(),
        background: dataset.background_count(),
        unlabelled: problems.unlabelled,
        clipped: problems.clipped,
        left_out: LeftOut {
            images: problems.images(),
            boxes: problems.lost_with_images,
            annotations: problems.annotations(),
            masks: problems.masks(),
            label_files: problems.label_files(),
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

#[cfg(test)]
mod tests {
    use ablate_detection::dataset::{DataSpec, Problem, Split, Subject};

    use super::*;

    #[test]
    fn an_account_holds_counts_reasons_and_a_few_short_examples() {
        let spec = DataSpec::load("shapes").unwrap();
        let mut dataset = Dataset::open(&spec, Split::Val).unwrap();
        let clean = account(&dataset);
        assert_eq!(
            (clean.name.as_str(), clean.split.as_str()),
            ("shapes", "val")
        );
        assert_eq!(
            (clean.images, clean.boxes),
            (200, dataset.annotation_count())
        );
        assert!(clean.left_out.is_empty() && clean.reasons.is_empty());

        dataset.samples[0].annotations.clear();
        let problem = |line| Problem {
            subject: Subject::Annotation,
            file: "a".repeat(2 * MOST_EXAMPLE).into(),
            line: Some(line),
            reason: format!("unknown class {line}"),
        };
        dataset.problems.list = (1..=10).map(problem).collect();
        let account = account(&dataset);
        assert_eq!(account.background, clean.background + 1);
        assert_eq!(
            (account.left_out.annotations, account.left_out.total()),
            (10, 10)
        );
        let [reason] = account.reasons.as_slice() else {
            panic!("{:?}", account.reasons)
        };
        assert_eq!((reason.what.as_str(), reason.count), ("annotation", 10));
        assert_eq!(reason.examples.len(), EXAMPLES);
        assert_eq!(reason.examples[0].chars().count(), MOST_EXAMPLE + 1);
    }
}
