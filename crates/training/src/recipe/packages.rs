//! The packages' own files as recipes: YOLOv5's `hyp.*.yaml`, Ultralytics' `default.yaml` and the
//! `args.yaml` of its trainings. They hold keys that a recipe has, under the same names; keys that
//! change nothing in a training here, which are said; and keys of what is not supported, which are
//! refused unless they are at the value that switches them off.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::{Recipe, RecipeError, values::as_written};
use crate::Optimizer;

/// What becomes of a key that a recipe does not have.
#[derive(Clone, Copy)]
enum Answer {
    /// It changes nothing, for this reason.
    NoEffect(&'static str),
    /// It changes nothing at these values; others are refused, for this reason.
    Off(&'static [&'static str], &'static str),
}

const COMMAND: &str = "the command's own hold";
const RUNNING: &str = "of how the package runs and saves";
const TASKS: &str = "of other tasks";
const LATER: &str = "of validation, prediction, tracking and export";
const UNREAD: &str = "the package does not read it";
const UNSUPPORTED: &str = "it is not supported";
const DATA: &str = "the data set's file says what is trained on";

/// Keys of both packages' files that a recipe does not have, by what becomes of them.
const ANSWERS: &[(Answer, &[&str])] = &[
    (Answer::NoEffect(UNREAD), &["iou_t"]),
    (
        Answer::NoEffect(COMMAND),
        &[
            "model",
            "data",
            "imgsz",
            "seed",
            "device",
            "project",
            "name",
            "exist_ok",
            "save_dir",
            "pretrained",
            "resume",
            "cfg",
        ],
    ),
    (
        Answer::NoEffect(RUNNING),
        &[
            "mode",
            "save",
            "save_period",
            "cache",
            "workers",
            "verbose",
            "deterministic",
            "plots",
            "profile",
            "compile",
            "channels_last",
            "min_memory",
            "v5loader",
        ],
    ),
    (
        Answer::NoEffect("a head of other classes starts anew"),
        &["cls_remap"],
    ),
    (Answer::NoEffect("of distillation"), &["dis"]),
    (
        Answer::NoEffect(TASKS),
        &[
            "pose",
            "kobj",
            "rle",
            "angle",
            "dlog",
            "dgrad",
            "dlam",
            "dropout",
            "auto_augment",
            "erasing",
            "crop_fraction",
        ],
    ),
    (
        Answer::NoEffect(LATER),
        &[
            "split",
            "save_json",
            "save_hybrid",
            "conf",
            "iou",
            "max_det",
            "half",
            "dnn",
            "nms",
            "end2end",
            "source",
            "vid_stride",
            "stream_buffer",
            "visualize",
            "augment",
            "agnostic_nms",
            "retina_masks",
            "embed",
            "show",
            "save_frames",
            "save_txt",
            "save_conf",
            "save_crop",
            "show_labels",
            "show_conf",
            "show_boxes",
            "line_width",
            "boxes",
            "hide_labels",
            "hide_conf",
            "line_thickness",
            "format",
            "keras",
            "optimize",
            "dynamic",
            "simplify",
            "opset",
            "workspace",
            "tracker",
        ],
    ),
    (
        Answer::Off(&["detect", "segment"], "only detectors are trained"),
        &["task"],
    ),
    (
        Answer::Off(&["null"], "set the number of epochs"),
        &["time"],
    ),
    (
        Answer::Off(
            &["true"],
            "set `val_interval: 0` to evaluate after the last epoch alone",
        ),
        &["val"],
    ),
    (Answer::Off(&["false"], DATA), &["single_cls"]),
    (Answer::Off(&["null"], DATA), &["classes"]),
    (Answer::Off(&["1"], DATA), &["fraction"]),
    (
        Answer::Off(&["null", "false", "16", "32", "fp16", "fp32"], UNSUPPORTED),
        &["quantize"],
    ),
    (Answer::Off(&["null", "false"], UNSUPPORTED), &["int8"]),
    (
        Answer::Off(&["false"], UNSUPPORTED),
        &["rect", "image_weights"],
    ),
    (
        Answer::Off(&["null"], UNSUPPORTED),
        &["distill_model", "augmentations"],
    ),
    (Answer::Off(&["0"], UNSUPPORTED), &["bgr", "cutmix"]),
    (Answer::Off(&["true"], UNSUPPORTED), &["overlap_mask"]),
    (Answer::Off(&["4"], UNSUPPORTED), &["mask_ratio"]),
    (Answer::Off(&["flip"], UNSUPPORTED), &["copy_paste_mode"]),
];

/// Keys that Ultralytics' files have, whatever their version, and no other.
const ULTRALYTICS: [&str; 4] = ["task", "mode", "pose", "kobj"];

/// Keys of Ultralytics' under which a recipe has something else, YOLOv5's: what becomes of them.
const OTHER_MEANING: [(&str, Answer); 2] = [
    // There an exponent of the classes' shares, for weights by class.
    ("cls_pw", Answer::Off(&["0"], UNSUPPORTED)),
    ("label_smoothing", Answer::NoEffect(UNREAD)),
];

/// What a file says as a recipe.
pub(super) struct Read {
    /// What holds for the keys that the file leaves out.
    pub base: Recipe,
    /// Keys of a recipe.
    pub keys: Mapping,
    /// What was read otherwise than written.
    pub notes: Vec<String>,
}

/// The keys of a file as a recipe has them.
///
/// # Errors
/// Names all keys that would change the training in a way that is not supported.
pub(super) fn read(mut keys: Mapping) -> Result<Read, RecipeError> {
    let ultralytics = ULTRALYTICS.iter().any(|key| keys.contains_key(key));
    let (mut without, mut refused) = (BTreeMap::<&str, Vec<String>>::new(), Vec::new());
    let pastes = keys.get("copy_paste").and_then(Value::as_f64) != Some(0.0);
    keys.values_mut().for_each(zero);
    keys.retain(|key, value| {
        let Some((key, answer)) = key.as_str().zip(answer(key, ultralytics)) else {
            return true;
        };
        match answer {
            Answer::NoEffect(why) => without.entry(why).or_default().push(key.into()),
            Answer::Off(off, _) if off.iter().any(|off| is(value, off)) => {}
            Answer::Off(..) if key == "copy_paste_mode" && !pastes => {}
            Answer::Off(off, why) => refused.push(format!(
                "{key}: expected {}, found {}: {why}",
                off.join(" or "),
                as_written(value)
            )),
        }
        false
    });
    if !refused.is_empty() {
        return Err(RecipeError::Unsupported(refused.join("; ")));
    }
    let mut notes: Vec<String> = without
        .into_iter()
        .map(|(why, keys)| format!("no effect here: {} ({why})", keys.join(", ")))
        .collect();
    let base = if ultralytics {
        let (base, note) = defaults(&keys);
        notes.extend(note);
        base
    } else {
        Recipe::default()
    };
    Ok(Read {
        base,
        keys: by_head(keys, ultralytics),
        notes,
    })
}

fn answer(key: &Value, ultralytics: bool) -> Option<Answer> {
    let key = key.as_str()?;
    let other = OTHER_MEANING
        .into_iter()
        .find(|(other, _)| ultralytics && *other == key);
    let listed = ANSWERS.iter().find(|(_, keys)| keys.contains(&key));
    other
        .map(|(_, answer)| answer)
        .or(listed.map(|(answer, _)| *answer))
}

/// A `00`, as YOLOv5's `hyp.no-augmentation.yaml` has it, is a number in YAML 1.1 and a text in 1.2.
fn zero(value: &mut Value) {
    let text = value.as_str().unwrap_or_default();
    if text.len() > 1 && text.chars().all(|digit| digit == '0') {
        *value = Value::from(0);
    }
}

/// Whether a value is this one, however it is written: 0 and 0.0 are the same.
fn is(value: &Value, text: &str) -> bool {
    match (value.as_f64(), text.parse::<f64>()) {
        (Some(value), Ok(number)) => value == number,
        _ => as_written(value).eq_ignore_ascii_case(text),
    }
}

/// What Ultralytics takes where its own file is silent, and which keys of it the file leaves out.
fn defaults(keys: &Mapping) -> (Recipe, Option<String>) {
    let base = Recipe {
        epochs: 100,
        optimizer: Optimizer::Auto,
        close_mosaic: 10,
        // Its warm-up has no minimum.
        warmup_min_steps: 0,
        ..Recipe::default()
    };
    let own = [
        ("epochs", "100"),
        ("optimizer", "auto"),
        ("close_mosaic", "10"),
    ];
    let absent: Vec<String> = own
        .iter()
        .filter(|(key, _)| !keys.contains_key(key))
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    let note = format!(
        "Ultralytics' own where the file is silent: {}",
        absent.join(", ")
    );
    (base, (!absent.is_empty()).then_some(note))
}

/// The keys of a file, where `box` and `cls` beside `dfl` are gains of the loss of a head without
/// anchors: in the files of Ultralytics' users they stand side by side.
fn by_head(mut keys: Mapping, ultralytics: bool) -> Mapping {
    if ultralytics || keys.contains_key("dfl") {
        let gains = ["box", "cls", "dfl"]
            .into_iter()
            .filter_map(|key| Some((Value::from(key), keys.remove(key)?)));
        let gains: Mapping = gains.collect();
        if !gains.is_empty() {
            keys.insert("anchor_free".into(), gains.into());
        }
    }
    keys
}
