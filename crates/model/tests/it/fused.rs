//! Files of networks whose batch normalisation is folded into the convolutions: they load as the
//! networks that they were.

use std::{collections::BTreeMap, path::Path};

use ablate_model::{
    Catalog, Detector, Graph,
    spec::Table,
    weights::{self, Loaded},
};
use burn::tensor::Tensor;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::device::device;

/// Shape and numbers by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// RepVGG with its input among the branches, and without.
const REPVGG: &str = "
nc: 3
backbone:
  - [-1, 1, RepVGG, [16, 3, 2]]
  - [-1, 1, RepVGG, [16, 3, 1]]
  - [-1, 1, Conv, [32, 3, 2]]
head:
  - [[2], 1, Detect, [nc]]
";

/// A model of the catalog, or of a table's text.
fn detector(model: &str, seed: u64) -> Detector {
    let graph = if model.contains('\n') {
        let table = Table::from_yaml(model, "own").unwrap();
        Graph::resolve(&table, table.scaling("").unwrap(), 3).unwrap()
    } else {
        let resolved = Catalog::builtin().resolve(&model.parse().unwrap());
        resolved.unwrap().graph(Some(3)).unwrap()
    };
    Detector::new(&graph, seed, &device())
}

fn tensors(detector: &Detector, path: &Path) -> Tensors {
    weights::save(detector, path).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |view: &TensorView| {
        let words = view.data().as_chunks::<4>().0.iter();
        words.map(|word| f32::from_le_bytes(*word)).collect()
    };
    let all = file.tensors().into_iter();
    all.map(|(name, view)| (name, (view.shape().to_vec(), numbers(&view))))
        .collect()
}

fn write(tensors: &Tensors, path: &Path) {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            (name.clone(), shape.clone(), bytes.collect())
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// Norms that do something, as those of a trained network.
fn disturb(tensors: &mut Tensors) {
    for (name, (_, values)) in tensors {
        let (middle, reach) = match name.rsplit('.').next() {
            Some("running_var") => (1.0, 0.5),
            Some("running_mean") => (0.1, 0.2),
            Some("weight") if values.iter().all(|value| *value == 1.0) => (1.0, 0.3),
            _ => continue,
        };
        for (i, value) in values.iter_mut().enumerate() {
            *value = middle + reach * (1.7 * i as f32).sin();
        }
    }
}

/// Folds a norm by hand: the kernel and the bias of the convolution before it.
fn fold(tensors: &mut Tensors, conv: &str, norm: &str) {
    let mut part = |part: &str| tensors.remove(&format!("{norm}.{part}")).unwrap().1;
    let (weight, bias) = (part("weight"), part("bias"));
    let (mean, variance) = (part("running_mean"), part("running_var"));
    let scale: Vec<f32> = weight
        .iter()
        .zip(&variance)
        .map(|(weight, variance)| weight / (variance + 1e-3).sqrt())
        .collect();
    let kernel = &mut tensors.get_mut(&format!("{conv}.weight")).unwrap().1;
    let size = kernel.len() / scale.len();
    for (kernel, scale) in kernel.chunks_mut(size).zip(&scale) {
        kernel.iter_mut().for_each(|value| *value *= scale);
    }
    let bias: Vec<f32> = (0..scale.len())
        .map(|i| bias[i] - mean[i] * scale[i])
        .collect();
    tensors.insert(format!("{conv}.bias"), (vec![bias.len()], bias));
}

/// Folds every norm that follows a convolution of its own; how many.
fn fold_all(tensors: &mut Tensors) -> usize {
    let norms: Vec<String> = tensors
        .keys()
        .filter_map(|name| name.strip_suffix(".running_var").map(String::from))
        .collect();
    let mut folded = 0;
    for norm in norms {
        let (block, own) = norm.rsplit_once('.').unwrap();
        let own = if own == "1" { "0" } else { "conv" };
        let conv = format!("{block}.{own}");
        if let Some((shape, _)) = tensors.get(&format!("{conv}.weight"))
            && shape.len() == 4
        {
            fold(tensors, &conv, &norm);
            folded += 1;
        }
    }
    folded
}

/// One convolution, `whole`, of two folded branches, as the packages fuse them.
fn merge(tensors: &mut Tensors, [large, small, whole]: [&str; 3]) {
    let (shape, mut kernel) = tensors.remove(&format!("{large}.weight")).unwrap();
    let (small_shape, added) = tensors.remove(&format!("{small}.weight")).unwrap();
    let (side, small_side) = (shape[3], small_shape[3]);
    let margin = (side - small_side) / 2;
    for (i, value) in added.iter().enumerate() {
        let (map, y, x) = (
            i / (small_side * small_side),
            i / small_side % small_side,
            i % small_side,
        );
        kernel[(map * side + y + margin) * side + x + margin] += value;
    }
    let (_, mut bias) = tensors.remove(&format!("{large}.bias")).unwrap();
    let (_, other) = tensors.remove(&format!("{small}.bias")).unwrap();
    bias.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    tensors.insert(format!("{whole}.weight"), (shape, kernel));
    tensors.insert(format!("{whole}.bias"), (vec![bias.len()], bias));
}

/// Folds a model by hand, and a merge of branches after that; loads it, and compares what it
/// computes with the model as it was.
fn assert_loads(name: &str, also: impl FnOnce(&mut Tensors)) -> (usize, Loaded) {
    let folder = tempfile::tempdir().unwrap();
    let [plain, fused] =
        ["plain", "fused"].map(|name| folder.path().join(name).with_extension("safetensors"));
    let mut model = detector(name, 1);
    let mut all = tensors(&model, &plain);
    disturb(&mut all);
    write(&all, &plain);
    weights::load(&mut model, &plain).unwrap();

    let folded = fold_all(&mut all);
    also(&mut all);
    write(&all, &fused);
    let mut other = detector(name, 2);
    let loaded = weights::load(&mut other, &fused).unwrap();
    assert!(loaded.fresh.is_empty(), "{name}: {:?}", loaded.fresh);
    assert!(loaded.unused.is_empty(), "{name}: {:?}", loaded.unused);

    let outputs = |detector: Detector| -> Vec<f32> {
        let size = 64 * 64 * 3;
        let image = (0..size).map(|i| (0.37 * i as f32).sin().abs());
        let image = Tensor::<1>::from_floats(image.collect::<Vec<f32>>().as_slice(), &device());
        let raw = detector.forward(image.reshape([1, 3, 64, 64])).into_iter();
        raw.flat_map(|level| level.try_into_vec_as::<f32>().unwrap())
            .collect()
    };
    let (expected, found) = (outputs(model.clone()), outputs(other.clone()));
    let largest = expected.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    for (kind, found) in [("as it is", found), ("folded again", outputs(other.fuse()))] {
        let differences = expected.iter().zip(&found).map(|(a, b)| (a - b).abs());
        let worst = differences.fold(0.0f32, f32::max);
        assert!(
            worst <= 1e-4 * largest,
            "{name}, {kind}: {worst} of {largest}"
        );
    }
    (folded, loaded)
}

#[test]
fn folded_norms_come_back_as_biases() {
    for name in ["yolov5n", "yolov8n", "yolov5n+ghost-static"] {
        let (folded, loaded) = assert_loads(name, |_| {});
        assert!(folded > 30);
        assert_eq!(loaded.fused, folded, "{name}");
    }
}

#[test]
fn merged_branches_come_back_as_one_and_zeros() {
    let blocks = |all: &Tensors, last: &str| -> Vec<String> {
        let blocks = all.keys().filter_map(|name| name.strip_suffix(last));
        blocks.map(String::from).collect()
    };
    // YOLOv9's RepConv.
    assert_loads("yolov9t", |all| {
        let blocks = blocks(all, ".conv1.conv.bias");
        assert!(!blocks.is_empty());
        for block in blocks {
            let [large, small] = ["conv1", "conv2"].map(|branch| format!("{block}.{branch}.conv"));
            merge(all, [&large, &small, &format!("{block}.conv")]);
        }
    });
    // YOLOv10's large kernel.
    assert_loads("yolov10s", |all| {
        let blocks = blocks(all, ".conv1.conv.bias");
        assert!(!blocks.is_empty());
        for block in blocks {
            let [large, small] = ["conv", "conv1"].map(|branch| format!("{block}.{branch}.conv"));
            merge(all, [&large, &small, &format!("{block}.conv")]);
        }
    });
}

/// RepVGG's branches, the input itself among them, as one convolution.
#[test]
fn merged_branches_of_repvgg_come_back() {
    let mut identities = 0;
    let (_, loaded) = assert_loads(REPVGG, |all| {
        let blocks: Vec<String> = all
            .keys()
            .filter_map(|name| name.strip_suffix("rbr_dense.conv.bias"))
            .map(String::from)
            .collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            let whole = format!("{block}rbr_reparam");
            let [large, small] = ["rbr_dense", "rbr_1x1"].map(|one| format!("{block}{one}.conv"));
            merge(all, [&large, &small, &whole]);
            let mut part = |part: &str| {
                let name = format!("{block}rbr_identity.{part}");
                all.remove(&name).map(|(_, values)| values)
            };
            let Some(weight) = part("weight") else {
                continue;
            };
            let [bias, mean, variance] =
                ["bias", "running_mean", "running_var"].map(|name| part(name).unwrap());
            identities += 1;
            for (i, weight) in weight.iter().enumerate() {
                let scale = weight / (variance[i] + 1e-3).sqrt();
                let (shape, kernel) = all.get_mut(&format!("{whole}.weight")).unwrap();
                kernel[(i * shape[1] + i) * 9 + 4] += scale;
                let sum = &mut all.get_mut(&format!("{whole}.bias")).unwrap().1;
                sum[i] += bias[i] - mean[i] * scale;
            }
        }
    });
    assert_eq!(identities, 1);
    // Two blocks, a Conv, and four Convs of the head.
    assert_eq!(loaded.fused, 7);
}

/// A bias for which a block has no norm is told, since the network computes something else.
#[test]
fn biases_without_a_place_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut all = tensors(&detector("yolov5n", 1), &path);
    all.insert("model.0.conv.bias".into(), (vec![16], vec![1.0; 16]));
    write(&all, &path);
    let loaded = weights::load(&mut detector("yolov5n", 2), &path).unwrap();
    assert_eq!(loaded.fused, 0);
    assert_eq!(loaded.lost_biases(), ["model.0.conv.bias"]);
}
