//! Costs of the default grid: baseline and the five variants at n, s, m, l and x, from name to
//! GFLOPs.

use ablate_model::{Catalog, Cost, ModelName};
use criterion::{Criterion, criterion_group, criterion_main};

fn costs(c: &mut Criterion) {
    let catalog = Catalog::builtin();
    let mut names = Vec::new();
    for scale in ["n", "s", "m", "l", "x"] {
        for variant in [
            "baseline",
            "gsconv",
            "asff",
            "mobilenetv2",
            "fasternet",
            "ghost",
        ] {
            names.push(
                ModelName::baseline("yolov5", scale)
                    .with_variants(variant)
                    .unwrap(),
            );
        }
    }
    c.bench_function("costs of the 30 models", |b| {
        b.iter(|| {
            let params = names.iter().map(|name| {
                let graph = catalog.resolve(name).unwrap().graph(None).unwrap();
                Cost::of(&graph, 640, 640).unwrap().params()
            });
            params.sum::<u64>()
        })
    });
    c.bench_function("catalog", |b| b.iter(Catalog::builtin));
}

criterion_group!(benches, costs);
criterion_main!(benches);
