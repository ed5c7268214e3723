//! Heads without anchors in tables of their own, against those of the package ultralytics; see
//! `fixtures/heads.py`.

use ablate_model::{Cost, Detector, Graph, Outputs, spec::Table};
use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Gradients, Tensor},
};
use serde::Deserialize;

use crate::{
    device::device,
    support::{Golden, fixtures},
};

/// What a fixture is of.
#[derive(Deserialize)]
struct Header {
    table: String,
    params: u64,
    /// 2 × multiply-accumulates for one image of the network as it is built.
    flops: u64,
    /// Of the network as inference runs it.
    inference: u64,
}

const IMAGE: [usize; 4] = [2, 3, 64, 96];

fn open(name: &str) -> (Golden, Header, Graph) {
    let golden = Golden::open(&format!("heads/{name}.safetensors"));
    let header: Header = golden.header().unwrap();
    let table = Table::from_yaml(&header.table, name).unwrap();
    let graph = Graph::resolve(&table, table.scaling("").unwrap(), table.nc).unwrap();
    (golden, header, graph)
}

#[test]
fn costs_are_of_both_sets_of_branches_and_inference_of_one() {
    let names = fixtures("heads");
    assert!(names.len() >= 6);
    for name in names {
        let (_, header, graph) = open(&name);
        let Cost { total, .. } = Cost::of(&graph, IMAGE[2], IMAGE[3]).unwrap();
        assert_eq!(total.params, header.params, "parameters of {name}");
        assert_eq!(2 * total.macs, header.flops, "FLOPs of {name}");
        assert_eq!(
            2 * total.inference_macs(),
            header.inference,
            "FLOPs of {name} at inference"
        );
    }
}

/// What is decoded, with the network as it is, folded, and on a training device; there also what
/// the loss takes beside it.
#[test]
fn outputs_equal_pytorchs() {
    let device = device();
    for name in fixtures("heads") {
        let (golden, _, graph) = open(&name);
        let image: Tensor<4> = golden.tensor_or_rule("x", IMAGE, &device);
        let mut detector = Detector::new(&graph, 0, &device);
        golden.fill_or_rule(&mut detector);
        for detector in [detector.clone(), detector.clone().fuse()] {
            let outputs = detector.outputs(image.clone());
            assert!(outputs.one_to_many.is_none() && outputs.semantic.is_none());
            check(&golden, &outputs);
            golden.assert("decoded", detector.decode(outputs.levels));
        }

        // Frozen, so that normalisation goes by its running statistics.
        let training = device.clone().autodiff();
        let mut detector = Detector::new(&graph, 0, &training);
        golden.fill_or_rule(&mut detector);
        let image = golden.tensor_or_rule("x", IMAGE, &training);
        let outputs = detector.no_grad().outputs(image);
        check(&golden, &outputs);
        assert_eq!(outputs.one_to_many.is_some(), golden.has("many_0"));
        for (level, map) in outputs.one_to_many.into_iter().flatten().enumerate() {
            golden.assert(&format!("many_{level}"), plain(map));
        }
        assert_eq!(outputs.semantic.is_some(), golden.has("semantic"));
        if let Some(map) = outputs.semantic {
            golden.assert("semantic", plain(map));
        }
    }
}

fn check(golden: &Golden, outputs: &Outputs) {
    for (level, map) in outputs.levels.iter().enumerate() {
        golden.assert(&format!("raw_{level}"), plain(map.clone()));
    }
    assert_eq!(outputs.protos.is_some(), golden.has("protos"));
    if let Some(protos) = outputs.protos.clone() {
        golden.assert("protos", plain(protos));
    }
}

fn plain<const D: usize>(map: Tensor<D>) -> Tensor<D> {
    match map.is_autodiff() {
        true => map.inner(),
        false => map,
    }
}

/// A parameter's name, its values, and whether there is a gradient for it.
type Seen = (String, Vec<f32>, bool);

struct Parameters<'a> {
    path: Vec<String>,
    gradients: Option<&'a Gradients>,
    seen: Vec<Seen>,
}

impl ModuleVisitor for Parameters<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.push(name.into());
        }
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let gradient = self.gradients.and_then(|all| value.grad(all));
        let values = value.into_data().try_into_vec().unwrap();
        self.seen
            .push((self.path.join("."), values, gradient.is_some()));
    }
}

fn parameters(detector: &Detector, gradients: Option<&Gradients>) -> Vec<Seen> {
    let mut parameters = Parameters {
        path: Vec::new(),
        gradients,
        seen: Vec::new(),
    };
    detector.visit(&mut parameters);
    parameters.seen
}

/// The one-to-one branches begin as the one-to-many ones, as parameters of their own, and teach the
/// rows before them nothing.
#[test]
fn one_to_one_branches_learn_apart() {
    let training = device().autodiff();
    let (_, _, graph) = open("end2end");
    let detector = Detector::new(&graph, 7, &training);
    let first = parameters(&detector, None);
    let of = |name: &str| {
        let found = first.iter().find(|(own, ..)| own == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    };
    let names = first.iter().map(|(name, ..)| name);
    let twins: Vec<&String> = names.filter(|name| name.contains("one2one_")).collect();
    assert!(twins.len() > 40);
    for name in twins {
        assert_eq!(of(name), of(&name.replace("one2one_", "")), "{name}");
    }
    let prior = of("model.5.one2one_cv2.0.2.bias");
    assert!(prior.iter().all(|bias| *bias == 2.0));

    let learning = |levels: Vec<Tensor<5>>| -> Vec<String> {
        let sums = levels.into_iter().map(|map| map.square().sum());
        let loss = sums.reduce(|sum, next| sum + next).unwrap();
        let seen = parameters(&detector, Some(&loss.backward()));
        let learning = seen.into_iter().filter(|(.., learns)| *learns);
        learning.map(|(name, ..)| name).collect()
    };
    let outputs = detector.outputs(Tensor::ones([1, 3, 64, 96], &training));
    let one = learning(outputs.levels);
    assert!(!one.is_empty() && one.iter().all(|name| name.contains(".one2one_")));
    let many = learning(outputs.one_to_many.unwrap());
    assert!(many.iter().any(|name| name.starts_with("model.0.")));
    assert!(many.iter().all(|name| !name.contains(".one2one_")));
}
