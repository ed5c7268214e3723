use ablate_model::{
    Catalog, Detector, Graph, ModelName,
    spec::{Scaling, Table},
    weights,
};
use burn::tensor::Tensor;

use crate::{
    device::device,
    support::{Golden, fixture, fixtures},
};

fn detector(name: &str, nc: usize, seed: u64) -> Detector {
    let device = device();
    let name: ModelName = name.parse().unwrap();
    Detector::new(
        &Catalog::builtin()
            .resolve(&name)
            .unwrap()
            .graph(Some(nc))
            .unwrap(),
        seed,
        &device,
    )
}

fn output(detector: &Detector) -> burn::tensor::TensorData {
    detector
        .forward(Tensor::ones([1, 3, 32, 32], &device()))
        .remove(1)
        .into_data()
}

#[test]
fn weights_come_back_as_they_were_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let first = detector("yolov5n+ghost", 3, 1);
    weights::save(&first, &path).unwrap();
    let mut second = detector("yolov5n+ghost", 3, 2);
    assert_ne!(output(&first), output(&second));
    let loaded = weights::load(&mut second, &path).unwrap();
    assert!(loaded.fresh.is_empty() && loaded.unused.is_empty());
    assert!(
        loaded
            .taken
            .contains(&"model.2.m.0.primary_conv.0.cond_conv.weight".to_string()),
        "{:?}",
        loaded.taken
    );
    assert_eq!(output(&first), output(&second));
}

#[test]
fn what_does_not_fit_stays_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    weights::save(&detector("yolov5n", 80, 1), &path).unwrap();
    let loaded = weights::load(&mut detector("yolov5n", 3, 2), &path).unwrap();
    let heads: Vec<String> = (0..3)
        .flat_map(|i| {
            [
                format!("model.24.m.{i}.weight"),
                format!("model.24.m.{i}.bias"),
            ]
        })
        .collect();
    let mut fresh = loaded.fresh.clone();
    fresh.sort();
    let mut expected = heads;
    expected.sort();
    assert_eq!(fresh, expected);
}

#[test]
fn files_that_are_none_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = detector("yolov5n", 3, 1);
    let mut refuse = |name: &str, bytes: Option<&[u8]>| {
        let path = folder.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = weights::load(&mut model, &path).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        error
    };
    assert!(refuse("absent.safetensors", None).contains("no such file"));
    assert!(refuse("broken.safetensors", Some(b"nothing")).contains("not a SafeTensors file"));
    assert!(refuse("broken.pt", Some(b"nothing")).contains("not a PyTorch state dict"));
    assert!(refuse("weights.onnx", Some(b"nothing")).contains("expected a name that ends in"));
}

/// `state_dict.pt` was written by PyTorch: `torch.save({'model.0.conv.weight': 0.25 × ones,
/// 'model.0.bn.running_mean': ones, …})`.
#[test]
fn a_pytorch_state_dict_is_read() {
    let mut model = detector("yolov5n", 3, 1);
    let loaded = weights::load(&mut model, &fixture("state_dict.pt")).unwrap();
    let mut taken = loaded.taken.clone();
    taken.sort();
    assert_eq!(taken, ["model.0.bn.running_mean", "model.0.conv.weight"]);
    assert_eq!(loaded.unused, ["model.99.weight"]);
}

/// The checkpoints were written by the packages `yolov5` 7.0.14 and `ultralytics` 8.4.190 from
/// random weights, in half precision; inputs and outputs beside them are PyTorch's.
#[test]
fn checkpoints_of_whole_models_are_read() {
    let device = device();
    for (family, width) in [("yolov5", 0.0625), ("yolov8", 0.03125)] {
        let scaling = Scaling {
            depth: 0.33,
            width,
            max_channels: None,
            letter: None,
        };
        let name = ModelName::baseline(family, "n");
        let table = Catalog::builtin().patched(&name, scaling).unwrap();
        let mut detector = Detector::new(&Graph::resolve(&table, scaling, 3).unwrap(), 0, &device);
        let loaded =
            weights::load(&mut detector, &fixture(&format!("checkpoint_{family}.pt"))).unwrap();
        assert!(loaded.fresh.is_empty(), "{family}: {:?}", loaded.fresh);

        let golden = Golden::open(&format!("checkpoint_{family}.safetensors"));
        let decoded = detector.decode(detector.forward(golden.tensor("x", &device)));
        match family {
            "yolov5" => golden.assert("y", decoded),
            _ => {
                let parts = vec![decoded.clone().narrow(2, 0, 4), decoded.narrow(2, 5, 3)];
                golden.assert("y", Tensor::cat(parts, 2).swap_dims(1, 2));
            }
        }
    }
}

/// The same of small tables with the blocks of one or two families each.
#[test]
fn checkpoints_of_every_family_are_read() {
    let device = device();
    let names = fixtures("checkpoints");
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        let file = |ending: &str| fixture(&format!("checkpoints/{name}.{ending}"));
        let text = std::fs::read_to_string(file("yaml")).unwrap();
        let table = Table::from_yaml(&text, &name).unwrap();
        let graph = Graph::resolve(&table, table.scaling("").unwrap(), table.nc).unwrap();
        let mut detector = Detector::new(&graph, 0, &device);
        let loaded = weights::load(&mut detector, &file("pt")).unwrap();
        assert!(loaded.fresh.is_empty(), "{name}: {:?}", loaded.fresh);

        let golden = Golden::open(&format!("checkpoints/{name}.safetensors"));
        for detector in [detector.clone(), detector.fuse()] {
            let outputs = detector.outputs(golden.tensor("x", &device));
            let protos = outputs.protos;
            golden.assert("y", detector.decode(outputs.levels));
            assert_eq!(protos.is_some(), golden.has("protos"), "{name}");
            if let Some(protos) = protos {
                golden.assert("protos", protos);
            }
        }
    }
}

#[test]
fn anchors_of_a_file_take_the_place_of_the_tables() {
    use safetensors::{Dtype, tensor::TensorView};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut model = detector("yolov5n", 3, 1);
    let table = model.anchors_in_strides().unwrap();
    assert_eq!(
        (table.0.as_str(), table.1.as_slice()),
        ("model.24.anchors", [3, 3, 2].as_slice())
    );
    assert_eq!(table.2[..2], [10.0 / 8.0, 13.0 / 8.0]);

    // As a checkpoint has them: beside the weights, in strides.
    weights::save(&model, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let other: Vec<u8> = (1..19)
        .flat_map(|side| (side as f32).to_le_bytes())
        .collect();
    let anchors = TensorView::new(Dtype::F32, vec![3, 3, 2], &other).unwrap();
    let tensors = file
        .tensors()
        .into_iter()
        .chain([(table.0.clone(), anchors)]);
    std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let loaded = weights::load(&mut model, &path).unwrap();
    assert!(
        loaded.fresh.is_empty() && loaded.unused.is_empty(),
        "{loaded:?}"
    );
    let ablate_model::coding::BoxCoding::Anchors(levels) = &model.detect().coding else {
        panic!("it has anchors")
    };
    assert_eq!(levels[0], [[8.0, 16.0], [24.0, 32.0], [40.0, 48.0]]);
    assert_eq!(levels[2][2], [17.0 * 32.0, 18.0 * 32.0]);

    // A head without anchors has no place for them.
    assert_eq!(detector("yolov8n", 3, 1).anchors_in_strides(), None);
}

#[test]
fn rows_that_there_are_not_cannot_be_frozen() {
    let error = detector("yolov5n", 3, 1).freeze(&[3, 25]).unwrap_err();
    assert_eq!(error, "can't freeze row 25: expected a row from 0 to 24");
    let all: Vec<usize> = (0..25).collect();
    assert!(
        detector("yolov5n", 3, 1)
            .freeze(&all)
            .unwrap_err()
            .contains("nothing would be trained")
    );
}
