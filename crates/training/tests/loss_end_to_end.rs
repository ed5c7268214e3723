//! The loss of end-to-end heads against values and gradients that PyTorch computed.

mod common;

use ablate_detection::mask::MaskTargets;
use ablate_training::loss::{
    DetectionLoss, EndToEndLoss, LossOutput, Outputs, Targets, Yolov8Hyp, Yolov8Loss,
};
use burn::Tensor;

use common::{Fixture, STRIDES, by_level, device, values, ways, worst};

const CLASSES: usize = 3;
const COEFFICIENTS: usize = 8;
const SIZE: [usize; 2] = [64, 96];
const EPOCHS: usize = 5;

struct Case {
    name: &'static str,
    reg_max: usize,
    masks: bool,
}

const CASES: [Case; 3] = [
    Case {
        name: "plain",
        reg_max: 1,
        masks: false,
    },
    Case {
        name: "distributions",
        reg_max: 16,
        masks: false,
    },
    Case {
        name: "segment",
        reg_max: 1,
        masks: true,
    },
];

impl Case {
    fn loss(&self) -> Yolov8Loss {
        let loss = Yolov8Loss::new(CLASSES, self.reg_max, &STRIDES, Yolov8Hyp::default()).unwrap();
        match self.masks {
            true => loss.with_masks(Some(COEFFICIENTS)).with_semantics(),
            false => loss,
        }
    }

    /// What both sets of branches give, and every input by name.
    fn inputs(&self, fixture: &Fixture) -> (Outputs, Vec<(&'static str, Tensor<3>)>) {
        let device = device().autodiff();
        let mut leaves = Vec::new();
        let mut branch = |keys: [&'static str; 3]| {
            let keys = &keys[..if self.masks { 3 } else { 2 }];
            let maps = keys.iter().map(|key| {
                let leaf = fixture.tensor::<3>(key, &device);
                leaves.push((*key, leaf.clone()));
                leaf
            });
            by_level(&Tensor::cat(maps.collect(), 1), SIZE)
        };
        let one_to_many = branch(["many.boxes", "many.scores", "many.coefficients"]);
        let levels = branch(["one.boxes", "one.scores", "one.coefficients"]);
        let mut map = |key: &'static str| {
            let [batch, channels, height, width] = fixture.shape(key)[..] else {
                panic!("four dimensions")
            };
            let flat = Tensor::<1>::from_floats(fixture.values(key).as_slice(), &device);
            let flat = flat
                .reshape([batch, channels, height * width])
                .require_grad();
            leaves.push((key, flat.clone()));
            flat.reshape([batch, channels, height, width])
        };
        let [protos, semantic] = ["proto", "semantic"].map(|key| self.masks.then(|| map(key)));
        let outputs = Outputs {
            levels,
            protos,
            one_to_many: Some(one_to_many),
            semantic,
        };
        (outputs, leaves)
    }
}

/// Items in the package's order.
fn ordered(items: &[Tensor<1>], names: &[&str]) -> Vec<f32> {
    let items = values(Tensor::cat(items.to_vec(), 0));
    let order: &[&str] = match names.contains(&"seg") {
        true => &["box", "seg", "cls", "l1", "sem"],
        false => names,
    };
    let place = |name: &&str| names.iter().position(|own| own == name).unwrap();
    order.iter().map(|name| items[place(name)]).collect()
}

#[test]
fn equals_pytorch_in_values_and_gradients() {
    let cases = CASES.iter();
    for (case, on_device) in cases.flat_map(|case| ways().into_iter().map(move |way| (case, way))) {
        let fixture = Fixture::open(&format!("end_to_end_{}", case.name));
        let boxes = fixture.values("targets");
        let [_, height, width] = fixture.shape("masks")[..] else {
            panic!("batch, height, width")
        };
        let objects = fixture.bytes("masks").into_iter().map(u16::from);
        let masks = MaskTargets {
            height,
            width,
            objects: objects.collect(),
        };
        let targets = Targets {
            boxes: boxes.as_chunks::<6>().0,
            masks: case.masks.then_some(&masks),
        };
        let close = |what: &str, found: &[f32], tolerance: f32| {
            let error = worst(found, &fixture.values(what));
            assert!(
                error < tolerance,
                "{}, on the device: {on_device}: {what} off by {error:e}",
                case.name
            );
        };

        let (outputs, _) = case.inputs(&fixture);
        let plain = case.loss().assigning_on_device(on_device);
        let levels = outputs.one_to_many.clone().unwrap();
        let alone = Outputs { levels, ..outputs };
        let LossOutput { total, items } = plain.forward(alone, targets).unwrap();
        close("alone.loss", &values(total), 1e-6);
        close("alone.items", &ordered(&items, plain.items()), 1e-6);

        let mut both = EndToEndLoss::new(plain, EPOCHS);
        for epoch in [0, 3] {
            both.start_epoch(epoch);
            let (outputs, leaves) = case.inputs(&fixture);
            let LossOutput { total, items } = both.forward(outputs, targets).unwrap();
            close(&format!("epoch{epoch}.loss"), &values(total.clone()), 1e-6);
            let items = ordered(&items, both.items());
            close(&format!("epoch{epoch}.items"), &items, 1e-6);
            let gradients = total.backward();
            for (key, leaf) in leaves {
                let gradient = values(leaf.grad(&gradients).unwrap());
                close(&format!("epoch{epoch}.grad.{key}"), &gradient, 1e-5);
            }
        }
    }
}

#[test]
fn what_is_missing_is_refused() {
    let device = device();
    let levels =
        || STRIDES.map(|s| Tensor::<5>::zeros([1, 1, 64 / s, 64 / s, 4 + CLASSES], &device));
    let loss = EndToEndLoss::new(CASES[0].loss(), EPOCHS);
    let error = loss.forward(levels().to_vec().into(), Targets::default());
    assert!(
        (error.unwrap_err().to_string()).contains("requires the logits of its one-to-many ones")
    );
}
