//! The packages' own files, key by key, as recipes.

use std::path::Path;

use crate::{Optimizer, Recipe};

/// Every key of Ultralytics' `default.yaml` of version 8.4.190, with its value.
const ULTRALYTICS: &str = "
task: detect, mode: train, model: null, data: null, epochs: 100, time: null, patience: 100,
batch: 16, imgsz: 640, save: true, save_period: -1, cache: false, device: null, workers: 8,
project: null, name: null, exist_ok: false, pretrained: true, cls_remap: true,
optimizer: auto, verbose: true, seed: 0, deterministic: true, single_cls: false, rect: false,
cos_lr: false, close_mosaic: 10, resume: false, amp: true, fraction: 1.0, profile: false,
freeze: null, multi_scale: 0.0, compile: false, channels_last: null, overlap_mask: true,
mask_ratio: 4, dropout: 0.0, val: true, split: val, save_json: false, conf: null, iou: 0.7,
max_det: 300, quantize: null, dnn: false, plots: true, nms: null, source: null, vid_stride: 1,
stream_buffer: false, visualize: false, augment: false, agnostic_nms: false, classes: null,
retina_masks: false, embed: null, show: false, save_frames: false, save_txt: false,
save_conf: false, save_crop: false, show_labels: true, show_conf: true, show_boxes: true,
line_width: null, format: torchscript, optimize: false, dynamic: false, simplify: true,
opset: null, workspace: null, lr0: 0.01, lrf: 0.01, momentum: 0.937, weight_decay: 0.0005,
warmup_epochs: 3.0, warmup_momentum: 0.8, warmup_bias_lr: 0.1, distill_model: null, dis: 6.0,
box: 7.5, cls: 0.5, cls_pw: 0.0, dfl: 1.5, pose: 12.0, kobj: 1.0, rle: 1.0, angle: 1.0,
dlog: 1.0, dgrad: 0.5, dlam: 1.0, nbs: 64, hsv_h: 0.015, hsv_s: 0.7, hsv_v: 0.4, degrees: 0.0,
translate: 0.1, scale: 0.5, shear: 0.0, perspective: 0.0, flipud: 0.0, fliplr: 0.5, bgr: 0.0,
mosaic: 1.0, mixup: 0.0, cutmix: 0.0, copy_paste: 0.0, copy_paste_mode: flip,
auto_augment: randaugment, erasing: 0.4, cfg: null, tracker: tracktrack.yaml";

/// Every key of YOLOv5 7.0's hyp files, with the values of its `hyp.scratch-low.yaml`.
const YOLOV5: &str = "
lr0: 0.01, lrf: 0.01, momentum: 0.937, weight_decay: 0.0005, warmup_epochs: 3.0,
warmup_momentum: 0.8, warmup_bias_lr: 0.1, box: 0.05, cls: 0.5, cls_pw: 1.0, obj: 1.0,
obj_pw: 1.0, iou_t: 0.20, anchor_t: 4.0, fl_gamma: 0.0, hsv_h: 0.015, hsv_s: 0.7, hsv_v: 0.4,
degrees: 0.0, translate: 0.1, scale: 0.5, shear: 0.0, perspective: 0.0, flipud: 0.0,
fliplr: 0.5, mosaic: 1.0, mixup: 0.0, copy_paste: 0.0";

/// Keys that a published file holds with other values, or that are to be tried with them.
fn with(file: &str, others: &str) -> String {
    let key = |line: &str| line.split(':').next().unwrap().trim().to_owned();
    let lines = |text: &str| -> Vec<String> {
        let lines = text.split(',').map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    let others = lines(others);
    let replaced: Vec<String> = others.iter().map(|line| key(line)).collect();
    let mut all = lines(file);
    all.retain(|line| !replaced.contains(&key(line)));
    all.extend(others);
    all.join("\n")
}

fn load(text: &str) -> Result<(Recipe, Vec<String>), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("given.yaml");
    std::fs::write(&file, text).unwrap();
    let at = format!("{}: ", file.display());
    let (recipe, notes) = Recipe::load(&file).map_err(|error| error.to_string())?;
    let notes = notes.iter().map(|note| note.replacen(&at, "", 1));
    Ok((recipe, notes.collect()))
}

fn published(name: &str) -> Recipe {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/recipes");
    Recipe::load(&folder.join(name)).unwrap().0
}

#[test]
fn yolov5s_hyp_files_are_read_as_they_are() {
    let (recipe, notes) = load(&with(YOLOV5, "")).unwrap();
    assert_eq!(recipe, Recipe::default());
    assert_eq!(
        notes,
        ["no effect here: iou_t (the package does not read it)"]
    );
    // What the others differ in, evolved anchors among it.
    for (others, anchors) in [
        (
            "lrf: 0.1, cls: 0.3, obj: 0.7, scale: 0.9, mixup: 0.1, copy_paste: 0.1",
            None,
        ),
        (
            "hsv_h: 0, hsv_s: 00, translate: 0, fliplr: 0.0, mosaic: 0.0",
            None,
        ),
        ("box: 0.0539, anchor_t: 3.44, anchors: 3.2", Some(3)),
        ("mosaic: 0.85834, mixup: 0.04266, anchors: 3.412", Some(3)),
        ("anchors: 0", None),
        ("anchors: 5", Some(5)),
    ] {
        let (recipe, notes) = load(&with(YOLOV5, others)).unwrap();
        assert_eq!((recipe.anchors, notes.len()), (anchors, 1), "{others}");
    }
    let error = load(&with(YOLOV5, "fl_gamma: 1.5")).unwrap_err();
    assert!(error.contains("fl_gamma: expected 0, found 1.5"), "{error}");
    let error = load(&with(YOLOV5, "anchors: few")).unwrap_err();
    assert!(
        error.contains("anchors: expected a number of anchors"),
        "{error}"
    );
}

#[test]
fn ultralytics_files_are_read_as_they_are() {
    let (recipe, notes) = load(&with(ULTRALYTICS, "")).unwrap();
    // What a GPU does only is in no recipe of ours.
    let published = published("yolo26.yaml");
    assert_eq!(
        recipe,
        Recipe {
            amp: true,
            ..published
        }
    );
    // Each key is a recipe's, or said, or off.
    let serde_yaml::Value::Mapping(own) = serde_yaml::to_value(&recipe).unwrap() else {
        panic!("a recipe is a mapping")
    };
    let off = [
        "task",
        "time",
        "val",
        "single_cls",
        "classes",
        "fraction",
        "quantize",
        "rect",
        "distill_model",
        "bgr",
        "cutmix",
        "overlap_mask",
        "mask_ratio",
        "copy_paste_mode",
    ];
    let said = |key: &str| {
        let lists = notes
            .iter()
            .filter_map(|note| note.strip_prefix("no effect here: "));
        let mut keys = lists.flat_map(|list| list.split(" (").next().unwrap().split(", "));
        keys.any(|said| said == key)
    };
    for line in with(ULTRALYTICS, "").lines() {
        let key = line.split(':').next().unwrap();
        let taken = key != "cls_pw" && own.contains_key(key) || key == "dfl";
        let answers = [taken, said(key), off.contains(&key) || key == "cls_pw"];
        let count = answers.iter().filter(|answer| **answer).count();
        assert_eq!(count, 1, "{key}: {answers:?}");
    }
}

/// YOLOv5's weight of a positive and Ultralytics' exponent have one name.
#[test]
fn gains_are_those_of_the_files_own_kind() {
    let (recipe, _) = load(&with(ULTRALYTICS, "box: 5, cls: 0.7")).unwrap();
    assert_eq!(recipe.anchor_based, Recipe::default().anchor_based);
    assert_eq!(
        (recipe.anchor_free.box_gain, recipe.anchor_free.cls),
        (5.0, 0.7)
    );
    let (recipe, _) = load(&with(YOLOV5, "cls_pw: 0.5")).unwrap();
    assert_eq!(recipe.anchor_based.cls_pw, 0.5);
    let error = load(&with(ULTRALYTICS, "cls_pw: 0.5")).unwrap_err();
    assert!(error.contains("cls_pw: expected 0, found 0.5"), "{error}");
}

#[test]
fn what_would_change_the_training_is_refused() {
    for (other, word) in [
        (
            "task: pose",
            "task: expected detect or segment, found pose: only detectors are trained",
        ),
        (
            "time: 2.5",
            "time: expected null, found 2.5: set the number of epochs",
        ),
        ("single_cls: true", "single_cls: expected false"),
        ("fraction: 0.5", "fraction: expected 1, found 0.5"),
        ("rect: true", "rect: expected false"),
        (
            "val: false",
            "val: expected true, found false: set `val_interval: 0`",
        ),
        ("quantize: 8", "quantize: expected"),
        ("distill_model: yolo26x.pt", "distill_model: expected null"),
        ("bgr: 0.1", "bgr: expected 0, found 0.1"),
        ("cutmix: 0.5", "cutmix: expected 0, found 0.5"),
        ("overlap_mask: false", "overlap_mask: expected true"),
        ("mask_ratio: 1", "mask_ratio: expected 4, found 1"),
        ("batch: 0.7", "batch: expected a whole number, found 0.7"),
        ("optimizer: RAdam", "RAdam"),
        ("freeze: 3.5", "freeze"),
        ("epoch: 3", "unknown key 'epoch'; did you mean 'epochs'?"),
    ] {
        let error = load(&with(ULTRALYTICS, other)).unwrap_err();
        assert!(
            error.contains("given.yaml") && error.contains(word),
            "{other}: {error}"
        );
    }
    // All of them at once, and only where something is pasted.
    let error = load(&with(ULTRALYTICS, "bgr: 0.1, rect: true")).unwrap_err();
    assert!(
        error.contains("bgr: ") && error.contains("rect: "),
        "{error}"
    );
    let error = load(&with(
        ULTRALYTICS,
        "copy_paste_mode: mixup, copy_paste: 0.1",
    ))
    .unwrap_err();
    assert!(
        error.contains("copy_paste_mode: expected flip, found mixup"),
        "{error}"
    );
    assert!(load(&with(ULTRALYTICS, "copy_paste_mode: mixup")).is_ok());
}

/// `args.yaml` of other versions, and cut short by hand.
#[test]
fn what_a_file_of_ultralytics_leaves_out_is_ultralytics_own() {
    let (recipe, notes) =
        load("mode: train\nlr0: 0.02\nfl_gamma: 0.0\nlabel_smoothing: 0.1").unwrap();
    assert_eq!(
        (
            recipe.epochs,
            recipe.optimizer,
            recipe.close_mosaic,
            recipe.warmup_min_steps
        ),
        (100, Optimizer::Auto, 10, 0)
    );
    assert_eq!(
        (recipe.lr0, recipe.anchor_based.label_smoothing),
        (0.02, 0.0)
    );
    assert_eq!(
        notes,
        [
            "no effect here: mode (of how the package runs and saves)",
            "no effect here: label_smoothing (the package does not read it)",
            "Ultralytics' own where the file is silent: epochs 100, optimizer auto, close_mosaic 10",
        ]
    );
    for nothing in ["", "# nothing", "{}"] {
        let (own, notes) = load(nothing).unwrap();
        assert_eq!(own, Recipe::default());
        assert_eq!(
            notes,
            ["sets nothing; all keys have the values that hold without a recipe"]
        );
    }
}
