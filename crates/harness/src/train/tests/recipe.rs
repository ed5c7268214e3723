//! Recipes as people write them.

use std::path::Path;

use crate::train::Recipe;

fn recipe(text: &str) -> Result<Recipe, String> {
    let keys = serde_yaml::from_str(text).unwrap();
    Recipe::default().with(&keys).map_err(|error| error.to_string())
}

#[test]
fn the_published_recipe_is_what_holds_without_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/recipes/yolov5-scratch-low.yaml");
    assert_eq!(Recipe::load(&file).unwrap(), Recipe::default());
}

#[test]
fn keys_of_all_parts_are_read() {
    let recipe = recipe("{epochs: 7, box: 0.1, mosaic: 0.5, cos_lr: true}").unwrap();
    assert_eq!((recipe.epochs, recipe.loss.box_gain, recipe.augment.mosaic, recipe.cos_lr), (7, 0.1, 0.5, true));
    assert_eq!(recipe.lr0, Recipe::default().lr0);
}

#[test]
fn what_is_wrong_is_named() {
    for (text, word) in [
        ("{epoch: 7}", "unknown key `epoch`"),
        ("{lr0: -1}", "lr0 is -1: it must be"),
        ("{lr0: fast}", "fast"),
        ("{batch: 0}", "batch is 0: it must be above 0"),
        ("{momentum: 1.0}", "momentum is 1"),
        ("{fl_gamma: 1.5}", "fl_gamma is 1.5"),
        ("{mosaic: 1.5}", "mosaic"),
    ] {
        let error = recipe(text).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
    let error = Recipe::load(Path::new("no/such.yaml")).unwrap_err().to_string();
    assert!(error.contains("no/such.yaml"), "{error}");
}
