//! A variant's patch from any bytes: read, applied to both built-in families, resolved and costed.
#![no_main]

use std::sync::LazyLock;

use ablate_model::{
    Catalog,
    catalog::ResolvedModel,
    spec::{Variant, VariantCall},
};
use ablate_model_fuzz::to_costs;
use libfuzzer_sys::fuzz_target;

static MODELS: LazyLock<Vec<ResolvedModel>> = LazyLock::new(|| {
    let model = |name: &str| Catalog::builtin().resolve(&name.parse().expect("a model's name")).expect("a built-in model");
    ["yolov5n", "yolov8n"].map(model).into()
});

fuzz_target!(|text: &str| {
    let Ok(variant) = Variant::from_yaml(text, "fuzz") else { return };
    let call: VariantCall = "fuzz".parse().expect("a variant's name is a call of it");
    for model in MODELS.iter() {
        if let Ok(patched) = variant.apply(&model.table, &model.name.scale, model.scaling, &call) {
            to_costs(&patched, model.scaling);
        }
    }
});
