//! Recipes as people write them.

use std::path::Path;

use crate::{Optimizer, Recipe};

fn recipe(text: &str) -> Result<Recipe, String> {
    let keys = serde_yaml::from_str(text).unwrap();
    Recipe::default()
        .with(&keys)
        .map_err(|error| error.to_string())
}

#[test]
fn the_published_recipe_is_what_holds_without_one() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/recipes/yolov5-scratch-low.yaml");
    assert_eq!(
        Recipe::load(&file).unwrap(),
        (Recipe::default(), Vec::new())
    );
}

#[test]
fn keys_of_all_parts_are_read() {
    let recipe = recipe("{epochs: 7, box: 0.1, mosaic: 0.5, cos_lr: true}").unwrap();
    assert_eq!(
        (
            recipe.epochs,
            recipe.anchor_based.box_gain,
            recipe.augment.mosaic,
            recipe.cos_lr
        ),
        (7, 0.1, 0.5, true)
    );
    assert_eq!(recipe.lr0, Recipe::default().lr0);
}

#[test]
fn yolov8s_gains_are_those_beside_dfl() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/recipes/yolov8.yaml");
    let (recipe, _) = Recipe::load(&file).unwrap();
    let published = Recipe {
        epochs: 100,
        warmup_min_steps: 0,
        close_mosaic: 10,
        ..Recipe::default()
    };
    assert_eq!(recipe, published);
    let (auto, _) = Recipe::load(&file.with_file_name("yolo26.yaml")).unwrap();
    let optimizer = Optimizer::Auto;
    assert_eq!(
        auto,
        Recipe {
            optimizer,
            ..published
        }
    );
    // In a group, the gains that are not given stay.
    let other = recipe
        .with(&serde_yaml::from_str("{anchor_free: {dfl: 2}}").unwrap())
        .unwrap();
    assert_eq!(
        (other.anchor_free.dfl, other.anchor_free.box_gain),
        (2.0, 7.5)
    );
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.yaml");
    std::fs::write(&own, "{box: 5, dfl: 1}").unwrap();
    let (own, _) = Recipe::load(&own).unwrap();
    assert_eq!(
        (
            own.anchor_free.box_gain,
            own.anchor_free.dfl,
            own.anchor_based
        ),
        (5.0, 1.0, Recipe::default().anchor_based)
    );
}

#[test]
fn rows_and_sizes_are_read_as_people_write_them() {
    assert_eq!(recipe("{freeze: 3}").unwrap().freeze, [0, 1, 2]);
    assert_eq!(recipe("{freeze: [5, 22]}").unwrap().freeze, [5, 22]);
    assert_eq!(recipe("{freeze: }").unwrap().freeze, [0; 0]);
    assert_eq!(recipe("{multi_scale: true}").unwrap().multi_scale, 0.5);
    assert_eq!(recipe("{multi_scale: 0.25}").unwrap().multi_scale, 0.25);
}

/// Ultralytics for 205 images of 3 classes: `AdamW(lr=0.001429, momentum=0.9)`.
#[test]
fn auto_is_what_ultralytics_chooses() {
    let auto = recipe("{optimizer: auto, epochs: 50}").unwrap();
    let resolved = auto.resolved(205, 3, || 16);
    assert_eq!(
        (
            resolved.optimizer,
            resolved.lr0,
            resolved.momentum,
            resolved.warmup_bias_lr
        ),
        (Optimizer::AdamW, 0.001429, 0.9, 0.0)
    );
    let long = auto.resolved(118_287, 80, || 16);
    assert_eq!(
        (long.optimizer, long.lr0, long.momentum, long.warmup_bias_lr),
        (Optimizer::MuSgd, 0.01, auto.momentum, 0.0)
    );
    let sgd = recipe("{optimizer: SGD}").unwrap();
    assert_eq!(sgd.resolved(118_287, 80, || 16), sgd);
}

#[test]
fn a_batch_size_can_be_left_to_the_device() {
    let auto = recipe("{batch: -1}").unwrap();
    assert_eq!(auto.resolved(100, 3, || 48).batch, 48);
    assert_eq!(
        recipe("{batch: 8}").unwrap().resolved(100, 3, || 48).batch,
        8
    );
    // It comes through another change of the recipe.
    assert_eq!(
        auto.with(&serde_yaml::from_str("{epochs: 3}").unwrap())
            .unwrap()
            .batch,
        auto.batch
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (text, word) in [
        (
            "{epoch: 7}",
            "unknown key 'epoch'; did you mean 'epochs'? Known: epochs, ",
        ),
        (
            "{lr0: -1}",
            "lr0: expected a finite number of at least 0, found -1",
        ),
        (
            "{lrf: 0.1, lr0: fast}",
            "lr0: expected a number, found 'fast'",
        ),
        (
            "{batch: 0}",
            "batch: expected at least 1, or -1 for as many images as fit the GPU, found 0",
        ),
        (
            "{momentum: 1.0}",
            "momentum: expected a number from 0 to below 1, found 1",
        ),
        ("{fl_gamma: 1.5}", "fl_gamma: expected 0, found 1.5"),
        ("{mosaic: 1.5}", "mosaic"),
        (
            "{multi_scale: 1}",
            "multi_scale: expected a number from 0 to below 1, or true for 0.5, found 1",
        ),
        (
            "{multi_scale: wide}",
            "multi_scale: expected a number from 0 to below 1, true or false, found wide",
        ),
        (
            "{freeze: head}",
            "freeze: expected a number of first rows or a list of row numbers, found head",
        ),
        ("{freeze: [-1]}", "freeze"),
        ("{optimizer: RAdam}", "RAdam"),
        ("{cutmix: 0.5}", "unknown key 'cutmix'"),
    ] {
        let error = recipe(text).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
    let error = Recipe::load(Path::new("no/such.yaml"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no/such.yaml"), "{error}");
}

#[test]
fn a_mistake_in_a_file_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.yaml");
    for (text, expected) in [
        (
            "# mine\nlr0: 0.1\nepochs: many\n",
            "own.yaml:3: epochs: expected a whole number, 0 or more, found 'many'",
        ),
        (
            "lr0: 0.1\n\ncos_lr: 3\n",
            "own.yaml:3: cos_lr: expected true or false, found 3",
        ),
        (
            "lr0: 0.1\nmosaic: [1]\n",
            "own.yaml:2: mosaic: expected a number, found a list",
        ),
        ("lr0: 0.1\nmosaic: 1.5\n", "own.yaml:2: mosaic: expected"),
        (
            "lr0: 0.1\nmomentum: 1.5\n",
            "own.yaml:2: momentum: expected a number from 0 to below 1, found 1.5",
        ),
        (
            "lr0: 0.1\nfreeze: head\n",
            "own.yaml:2: freeze: expected a number of first rows",
        ),
        (
            "lr0: 0.1\nanchor_free:\n  box: 7\n  dfl: wide\n",
            "own.yaml:4: anchor_free.dfl: expected a number, found 'wide'",
        ),
        (
            "box: 7\ndfl: wide\n",
            "own.yaml:2: anchor_free.dfl: expected a number, found 'wide'",
        ),
        (
            "lr0: 0.1\nlr: 0.1\n",
            "own.yaml:2: unknown key 'lr'; did you mean 'lr0'?",
        ),
        (
            "mode: train\ncutmix: 0.5\n",
            "own.yaml:2: cutmix: expected 0, found 0.5",
        ),
        (
            "{lr0: 0.1,\n optimizer: RAdam}\n",
            "own.yaml:2: optimizer: expected one of SGD, Adam, AdamW, MuSGD, auto, found 'RAdam'",
        ),
        (
            "- lr0\n",
            "own.yaml: expected keys and values, found a list",
        ),
        (
            "lr0: 0.1\nlr0: 0.2\n",
            "own.yaml:1: key `lr0`: listed twice",
        ),
        (
            "lr0: 1\n\tepochs: 3\n",
            "own.yaml:2: found a tab character that violates indentation; YAML is indented with blanks",
        ),
        ("lr0: [1\n", "own.yaml:2: did not find expected ',' or ']'"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = Recipe::load(&file).unwrap_err().to_string();
        let error = &error[error.find("own.yaml").unwrap()..];
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn what_does_nothing_to_a_head_is_said() {
    use ablate_model::Catalog;
    let graph = |name: &str| {
        let model = Catalog::builtin().resolve(&name.parse().unwrap());
        model.unwrap().graph(None).unwrap()
    };
    let (anchors, free) = (graph("yolov5n"), graph("yolov8n"));
    let plain = Recipe::default();
    assert!(plain.cautions("yolov5", anchors.detect(), false).is_empty());
    assert!(plain.cautions("yolov8", free.detect(), true).is_empty());
    let said = plain.cautions("yolov8", free.detect(), false);
    assert!(
        said[0].starts_with("yolov8: no recipe is given") && said.len() == 1,
        "{said:?}"
    );
    let gains = plain.with(&serde_yaml::from_str("{box: 10, cls: 2}").unwrap());
    let said = gains.unwrap().cautions("yolov8", free.detect(), true);
    assert!(
        said[0].starts_with("yolov8: box, cls and obj are gains of heads with anchors"),
        "{said:?}"
    );
}
