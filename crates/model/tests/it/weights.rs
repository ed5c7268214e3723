use ablate_model::{Catalog, Detector, Graph, ModelName, spec::Scaling, weights};
use burn::tensor::Tensor;

use crate::{
    device::device,
    support::{Golden, fixture},
};

fn detector(name: &str, nc: usize, seed: u64) -> Detector {
    let device = device();
    let name: ModelName = name.parse().unwrap();
    Detector::new(&Catalog::builtin().resolve(&name).unwrap().graph(Some(nc)).unwrap(), seed, &device)
}

fn output(detector: &Detector) -> burn::tensor::TensorData {
    detector.forward(Tensor::ones([1, 3, 32, 32], &device())).remove(1).into_data()
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
    assert!(loaded.taken.contains(&"model.2.m.0.primary_conv.0.cond_conv.weight".to_string()), "{:?}", loaded.taken);
    assert_eq!(output(&first), output(&second));
}

#[test]
fn what_does_not_fit_stays_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    weights::save(&detector("yolov5n", 80, 1), &path).unwrap();
    let loaded = weights::load(&mut detector("yolov5n", 3, 2), &path).unwrap();
    let heads: Vec<String> = (0..3).flat_map(|i| [format!("model.24.m.{i}.weight"), format!("model.24.m.{i}.bias")]).collect();
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
    assert!(refuse("broken.safetensors", Some(b"nothing")).contains("no SafeTensors file"));
    assert!(refuse("broken.pt", Some(b"nothing")).contains("no PyTorch state dict"));
    assert!(refuse("weights.onnx", Some(b"nothing")).contains("weights end in"));
}

/// `state_dict.pt` was written by PyTorch: `torch.save({'model.0.conv.weight': 0.25 × ones, 'model.0.bn.running_mean': ones, …})`.
#[test]
fn a_pytorch_state_dict_is_read() {
    let mut model = detector("yolov5n", 3, 1);
    let loaded = weights::load(&mut model, &fixture("state_dict.pt")).unwrap();
    let mut taken = loaded.taken.clone();
    taken.sort();
    assert_eq!(taken, ["model.0.bn.running_mean", "model.0.conv.weight"]);
    assert_eq!(loaded.unused, ["model.99.weight"]);
}

/// The checkpoints were written by the packages `yolov5` 7.0.14 and `ultralytics` 8.4.190 from random weights, in half precision; inputs
/// and outputs beside them are PyTorch's.
#[test]
fn checkpoints_of_whole_models_are_read() {
    let device = device();
    for (family, width) in [("yolov5", 0.0625), ("yolov8", 0.03125)] {
        let scaling = Scaling { depth: 0.33, width, max_channels: None };
        let name = ModelName::baseline(family, "n");
        let table = Catalog::builtin().patched(&name, scaling).unwrap();
        let mut detector = Detector::new(&Graph::resolve(&table, scaling, 3).unwrap(), 0, &device);
        let loaded = weights::load(&mut detector, &fixture(&format!("checkpoint_{family}.pt"))).unwrap();
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
