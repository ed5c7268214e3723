//! Figures of a tiny split, and images that are there twice.

use ablate_detection::dataset::{
    CachedDataset, ClassCount, Dataset, Interpolation, Quantiles, SizeCount, Split, Subject,
    duplicates,
};

use crate::Folder;

/// Two images with three boxes, one without; two classes, and one that never occurs.
fn tiny() -> (Folder, Dataset) {
    let folder = Folder::new();
    folder.image("images/train/a.png", 200, 100);
    folder.image("images/train/b.png", 200, 100);
    folder.image("images/train/c.png", 50, 80);
    // 20×10, 100×50 and 160×80 pixels.
    folder.write(
        "labels/train/a.txt",
        "0 0.5 0.5 0.1 0.1\n2 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.8 0.8\n",
    );
    folder.write("labels/train/b.txt", "2 0.5 0.5 0.1 0.1\n");
    folder.write("labels/train/c.txt", "");
    folder.write(
        "data.yaml",
        "train: images/train\nval: images/val\nnames: [cat, dog, cow]\n",
    );
    let dataset = folder.open("data.yaml", Split::Train).unwrap();
    (folder, dataset)
}

#[test]
fn classes_are_counted_by_box_and_by_image() {
    let (_folder, dataset) = tiny();
    let count = |name: &str, boxes, images| ClassCount {
        name: name.into(),
        boxes,
        images,
    };
    assert_eq!(
        dataset.statistics().classes,
        [count("cat", 1, 1), count("dog", 0, 0), count("cow", 3, 2)]
    );
    assert_eq!(dataset.background_count(), 1);
}

#[test]
fn boxes_are_small_medium_or_large_as_coco_has_it() {
    let (_folder, mut dataset) = tiny();
    let sizes = dataset.statistics().boxes;
    assert_eq!((sizes.small, sizes.medium, sizes.large), (2, 1, 1));
    let close = |found: f64, expected: f64| (found - expected).abs() < 1e-4;
    let width = sizes.width.unwrap();
    assert!(close(width.min, 20.0) && close(width.max, 160.0));
    assert!(close(width.median, 60.0), "between 20 and 100");
    let aspect = sizes.aspect.unwrap();
    assert!(close(aspect.min, 2.0) && close(aspect.max, 2.0));
    let per_image = sizes.per_image.unwrap();
    assert_eq!(
        (per_image.min, per_image.median, per_image.max),
        (0.0, 1.0, 3.0)
    );
    assert_eq!((sizes.crowds, sizes.masks), (0, 0));

    // The area that the data set gives comes before the box's.
    let object = &mut dataset.samples[0].annotations[2];
    (object.area, object.crowd) = (Some(1024.0), true);
    let sizes = dataset.statistics().boxes;
    assert_eq!((sizes.small, sizes.medium, sizes.large), (3, 1, 0));
    assert_eq!(sizes.crowds, 1);
}

#[test]
fn sizes_of_images_are_counted_the_most_frequent_first() {
    let (_folder, dataset) = tiny();
    let sizes = dataset.statistics().images;
    let size = |width, height, images| SizeCount {
        width,
        height,
        images,
    };
    assert_eq!(sizes.distinct, 2);
    assert_eq!(sizes.frequent, [size(200, 100, 2), size(50, 80, 1)]);
    assert_eq!(sizes.width.unwrap().median, 200.0);
    assert_eq!(sizes.height.unwrap().min, 80.0);
}

/// As `numpy.quantile` has them by default.
#[test]
fn quantiles_are_interpolated() {
    assert_eq!(Quantiles::of([]), None);
    let quantiles = Quantiles::of([4.0, 1.0, 3.0, 2.0]).unwrap();
    let expected = [1.0, 1.15, 1.75, 2.5, 3.25, 3.85, 4.0];
    let pairs = quantiles.values().into_iter().zip(expected);
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn equal_files_are_found_within_a_split_and_between_splits() {
    let (folder, train) = tiny();
    folder.image("images/val/d.png", 30, 30);
    for copy in ["val/copy-of-c.png", "val/again\u{1b}.png"] {
        let bytes = std::fs::read(folder.path("images/train/c.png")).unwrap();
        std::fs::write(folder.path(&format!("images/{copy}")), bytes).unwrap();
    }
    folder.write("labels/val/d.txt", "0 0.5 0.5 0.1 0.1\n");
    let val = folder.open("data.yaml", Split::Val).unwrap();
    let named = |datasets: &[&Dataset]| -> Vec<(bool, Vec<String>)> {
        let name = |copy: &ablate_detection::dataset::ImageCopy| {
            let file = copy.name.rsplit('/').next().unwrap();
            format!("{} {file}", copy.split)
        };
        duplicates(datasets)
            .iter()
            .map(|group| (group.leaks(), group.images.iter().map(name).collect()))
            .collect()
    };
    // a and b were drawn alike.
    let within = (false, vec!["train a.png".into(), "train b.png".into()]);
    assert_eq!(named(&[&train]), std::slice::from_ref(&within));
    let between = (
        true,
        ["train c.png", "val again\\u{1b}.png", "val copy-of-c.png"]
            .map(String::from)
            .into(),
    );
    assert_eq!(named(&[&train, &val]), [within, between]);
    let (leaks, twins) = &named(&[&val])[0];
    assert!(!leaks && twins.len() == 2, "nothing of val is learnt");
}

#[test]
fn what_cannot_be_decoded_is_a_kind_of_problem_with_its_file() {
    let (folder, _) = tiny();
    let broken = folder.image("images/train/broken.png", 30, 30);
    let bytes = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    folder.write("labels/train/broken.txt", "0 0.5 0.5 0.1 0.1\n");
    folder.write(
        "labels/train/b.txt",
        "0 0.2 0.2 0.1 0.1\n7 0.5 0.5 0.1 0.1\n8 0.5 0.5 0.1 0.1\n",
    );
    let dataset = folder.open("data.yaml", Split::Train).unwrap();
    assert_eq!(dataset.problems.images(), 0, "its header is fine");
    let images = CachedDataset::open(dataset, 32, Interpolation::Linear).unwrap();
    let problems = &images.dataset().problems;
    let kinds = problems.kinds(1);
    let found: Vec<_> = kinds
        .iter()
        .map(|kind| (kind.subject, kind.count, kind.reason.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Subject::Annotation, 2, "unknown class"),
            (Subject::Image, 1, "corrupt image")
        ]
    );
    assert_eq!(kinds[0].examples[0].line, Some(2));
    assert_eq!(kinds[1].examples[0].file, broken);
    let lines = problems.lines(2);
    assert!(lines.contains("b.txt:2: unknown class 7") && lines.ends_with("\n  … and 1 more"));
}
