use ablate_kernels::{Activation, multiply_accumulates};
use ablate_model::{
    Graph, Initializer,
    blocks::{
        batch_norm::BatchNorm2d,
        bottleneck::Link,
        conv::{Conv, ConvConfig, convolve},
        dynamic_conv::{DynamicConv, DynamicConvConfig},
        fasternet::{FasterNet, FasterNetSize},
        ghost::{GhostModuleConfig, PerImageConv},
    },
    coding::{BoxCoding, DetectConfig},
    heads::asff::{Asff, AsffDetectConfig, AsffOrder},
    registry::{LayerConfig, NAMES},
    shape::{ConvShape, Shape},
    spec::{Arg, Table},
    tally::Tally,
};
use burn::{
    module::Module,
    tensor::{Tensor, module::conv2d, ops::ConvOptions},
};

use serde::Deserialize;

use crate::{
    device::device,
    support::{Golden, fixtures},
};

/// Registered modules that no fixture of a row is of, and why.
const WITHOUT: [(&str, &str); 6] = [
    (
        "Detect",
        "a head needs a table: every fixture of models.rs is one",
    ),
    ("Segment", "the same: models/*segment*"),
    ("v10Detect", "the same: heads/v10"),
    ("Segment26", "the same: heads/segment26"),
    ("ASFFDetect", "the same: models/*asff*"),
    ("RTDETRDecoder", "the same: queries.safetensors"),
];

/// What one row gives that another reads.
#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    One([usize; 4]),
    Several(Vec<[usize; 4]>),
}

impl Source {
    fn maps(&self) -> &[[usize; 4]] {
        match self {
            Self::One(map) => std::slice::from_ref(map),
            Self::Several(maps) => maps,
        }
    }
}

/// The row of a table that a fixture is of.
#[derive(Deserialize)]
struct Row {
    module: String,
    args: Vec<Arg>,
    repeats: usize,
    /// Shapes of the inputs, in a list of their own those of a row that gives several.
    inputs: Vec<Source>,
    params: u64,
    /// 2 × multiply-accumulates for one image, folded.
    flops: u64,
    /// What THOP counts for one image, if the block is a package's.
    published: Option<u64>,
    /// Of a table with anchors, so many for each level.
    anchors: Option<usize>,
}

impl Row {
    /// Shapes of what each row that it reads gives.
    fn sources(&self) -> Vec<Vec<Shape>> {
        let shape = |[_, c, h, w]: &[usize; 4]| Shape::new(*c, *h, *w);
        let shapes = |source: &Source| source.maps().iter().map(shape).collect();
        self.inputs.iter().map(shapes).collect()
    }

    /// The row's block; of a table with anchors around it if it stands in one.
    fn config(&self) -> Result<LayerConfig, String> {
        let sources = self.sources();
        let inputs = sources.concat();
        let (Some(anchors), [input]) = (self.anchors, inputs.as_slice()) else {
            return LayerConfig::from_row(&self.module, &self.args, self.repeats, &sources);
        };
        let (args, repeats) = (serde_json::to_string(&self.args).unwrap(), self.repeats);
        let text = format!(
            "ch: {}\nanchors: {anchors}\nbackbone: [[-1, 1, nn.Identity, []], [-1, {repeats}, {}, {args}]]\nhead: [[0, 1, Detect, [nc, anchors]]]",
            input.c, self.module
        );
        let table = Table::from_yaml(&text, "fixture").map_err(|e| e.to_string())?;
        let scaling = table.scaling("").unwrap();
        let graph = Graph::resolve(&table, scaling, 1).map_err(|e| e.to_string())?;
        Ok(graph.nodes[1].config.clone())
    }
}

/// The fixtures that are of a row; the others have tests of their own below.
fn rows() -> Vec<(String, Golden, Row)> {
    let open = |name: String| {
        let golden = Golden::open(&format!("blocks/{name}.safetensors"));
        golden.header().map(|row| (name, golden, row))
    };
    fixtures("blocks").into_iter().filter_map(open).collect()
}

/// Each is read as a row, filled and run, as it is and folded; outputs, their shapes, parameters
/// and FLOPs are PyTorch's.
#[test]
fn blocks_equal_pytorch() {
    let device = device();
    for (name, golden, row) in rows() {
        let sources = row.sources();
        let config = row.config().unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut tally = Tally::default();
        let outputs = config.trace(&sources.concat(), &mut tally).unwrap();
        assert_eq!(tally.params, row.params, "parameters of {name}");
        assert_eq!(2 * tally.inference_macs(), row.flops, "FLOPs of {name}");
        if let Some(published) = row.published {
            assert_eq!(2 * tally.published, published, "published FLOPs of {name}");
        }

        let mut layer = config.init(&Initializer::new(0, &device));
        golden.fill_or_rule(&mut layer);
        for (fused, layer) in [(false, layer.clone()), (true, layer.fused())] {
            let x = row.inputs.iter().flat_map(Source::maps).enumerate();
            let x = x.map(|(i, shape)| golden.tensor_or_rule(&format!("x{i}"), *shape, &device));
            let x: Vec<Tensor<4>> = x.collect();
            let batch = x[0].dims()[0] as u64;
            let (y, macs) = multiply_accumulates(|| layer.forward(x));
            match fused {
                true => assert_eq!(macs, batch * tally.inference_macs(), "what {name} runs"),
                // Whose exact count is of its folded form.
                false if row.module == "RepVGG" => (),
                false => assert_eq!(macs, batch * tally.macs, "what {name} multiplies"),
            }
            assert_eq!(y.len(), outputs.len(), "outputs of {name}");
            assert!(!golden.has(&format!("y{}", y.len())), "outputs of {name}");
            for (i, (y, shape)) in y.into_iter().zip(&outputs).enumerate() {
                let [_, c, h, w] = y.dims();
                assert_eq!(Shape::new(c, h, w), *shape, "{name}: shape of output {i}");
                golden.assert(&format!("y{i}"), y);
            }
        }
    }
}

#[test]
fn every_block_has_a_fixture() {
    let rows = rows();
    let has_fixture = |name: &str| rows.iter().any(|(.., row)| row.module == name);
    let excused = |name: &str| WITHOUT.iter().any(|(without, _)| *without == name);
    for name in NAMES {
        assert!(
            has_fixture(name) || excused(name),
            "{name} has no fixture: make one (fixtures/README.md), or say in WITHOUT why not"
        );
    }
    for (name, _) in WITHOUT {
        assert!(NAMES.contains(&name), "{name} is not in the registry");
        assert!(
            !has_fixture(name),
            "{name} has a fixture: it needs no excuse"
        );
    }
}

#[test]
fn dynamic_conv() {
    let device = device();
    let golden = Golden::open("blocks/dynamic_conv_k3.safetensors");
    let config = DynamicConvConfig {
        conv: ConvShape::new(8, 12, 3, 1),
    };
    let mut conv = DynamicConv::new(&config, &Initializer::new(0, &device));
    golden.fill(&mut conv, "w\\.");
    golden.assert(
        "y0",
        conv.forward(Activation::Identity, golden.tensor("x0", &device)),
    );
}

#[test]
fn ghost_module_cuts_an_odd_count() {
    let device = device();
    let golden = Golden::open("blocks/ghost_module.safetensors");
    let config = GhostModuleConfig::<PerImageConv>::new(12, 15);
    let mut ghost = config.init(&Initializer::new(0, &device));
    golden.fill(&mut ghost, "w\\.");
    golden.assert(
        "y0",
        <GhostModuleConfig<PerImageConv> as Link>::forward(&ghost, golden.tensor("x0", &device)),
    );
}

#[test]
fn fasternet() {
    let device = device();
    for (name, depths, activation) in [
        ("fasternet_e16_d1111_gelu", [1, 1, 1, 1], Activation::Gelu),
        ("fasternet_e16_d1221_relu", [1, 2, 2, 1], Activation::Relu),
    ] {
        let golden = Golden::open(&format!("blocks/{name}.safetensors"));
        let size = FasterNetSize {
            name: "e16",
            embed: 16,
            depths,
            drop_path: 0.0,
            activation,
            layer_scale: 0.0,
        };
        let mut backbone = FasterNet::new(&size, &Initializer::new(0, &device));
        golden.fill(&mut backbone, "w\\.b\\.");
        for (i, map) in backbone
            .forward(golden.tensor("x0", &device))
            .into_iter()
            .enumerate()
        {
            golden.assert(&format!("y{i}"), map);
        }
    }
}

#[test]
fn asff() {
    let device = device();
    for (name, level, rfb) in [
        ("asff_level0", 0, false),
        ("asff_level1", 1, false),
        ("asff_level1_rfb", 1, true),
        ("asff_level2", 2, false),
    ] {
        let golden = Golden::open(&format!("blocks/{name}.safetensors"));
        let config = AsffDetectConfig {
            detect: DetectConfig {
                nc: 3,
                channels: vec![8, 16, 32],
                strides: vec![8, 16, 32],
                coding: BoxCoding::Anchors(vec![vec![[1.0, 1.0]]; 3]),
                masks: None,
                separable: false,
                end2end: false,
            },
            order: AsffOrder::Parallel,
            rfb,
        };
        let mut asff = Asff::new(&config, level, &Initializer::new(0, &device));
        golden.fill(&mut asff, "w\\.");
        let maps: Vec<Tensor<4>> = (0..3)
            .map(|i| golden.tensor(&format!("x{i}"), &device))
            .collect();
        let (fused, weights) = asff.forward(&maps);
        golden.assert("y0", fused);
        let sums: Vec<f32> = weights.sum_dim(1).into_data().try_into_vec().unwrap();
        assert!(
            sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5),
            "shares add up to 1"
        );
    }
}

#[test]
fn conv_training_step() {
    let device = device().autodiff();
    let golden = Golden::open("blocks/conv_training_step.safetensors");
    let mut conv = Conv::new(&ConvConfig::new(8, 16, 3, 2), &Initializer::new(0, &device));
    golden.fill(&mut conv, "w\\.");
    let x: Tensor<4> = golden.tensor("x0", &device).require_grad();
    let y = conv.forward(x.clone());
    golden.assert("y0", y.clone().inner());
    let n = y.shape().num_elements();
    let ramp: Vec<f32> = (0..n)
        .map(|i| -1.0 + 2.0 * i as f32 / (n - 1) as f32)
        .collect();
    let loss = (y.reshape([n]) * Tensor::<1>::from_floats(ramp.as_slice(), &device)).sum();
    let gradients = loss.backward();
    golden.assert("grad_x0", x.grad(&gradients).unwrap());

    struct Check<'a>(&'a Golden, &'a burn::tensor::Gradients, Vec<String>);
    impl burn::module::ModuleVisitor for Check<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.2.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.2.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            let name = self.2.join("_");
            match param.val().grad(self.1) {
                Some(gradient) => self.0.assert(&format!("grad_{name}"), gradient),
                None => {
                    let statistic = self.2.last().unwrap();
                    self.0
                        .assert(&format!("{statistic}_after"), param.val().inner());
                }
            }
        }
    }
    // A plain copy syncs the running statistics, which lag one update behind.
    let _ = conv.valid();
    conv.visit(&mut Check(&golden, &gradients, vec![]));
}

/// By Burn's own convolution, and by the one that the blocks take.
#[test]
fn depthwise_gradient() {
    let device = device().autodiff();
    let golden = Golden::open("blocks/depthwise_k5_s2_gradient.safetensors");
    let shape = ConvShape::new(12, 12, 5, 2).groups(12);
    let burns = |x, w| conv2d(x, w, None, ConvOptions::new([2, 2], [2, 2], [1, 1], 12));
    let blocks = |x, w| {
        let mut conv =
            ablate_model::blocks::conv::conv2d(shape, false, &Initializer::new(0, &device));
        conv.weight = conv.weight.map(|_| w);
        convolve(&conv, x)
    };
    let convolutions: [&dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>; 2] = [&burns, &blocks];
    for convolution in convolutions {
        let x: Tensor<4> = golden.tensor("x0", &device).require_grad();
        let w: Tensor<4> = golden.tensor("w", &device).require_grad();
        let y = convolution(x.clone(), w.clone());
        golden.assert("y0", y.clone().inner());
        let n = y.shape().num_elements();
        let ramp: Vec<f32> = (0..n)
            .map(|i| -1.0 + 2.0 * i as f32 / (n - 1) as f32)
            .collect();
        let gradients = (y.reshape([n]) * Tensor::<1>::from_floats(ramp.as_slice(), &device))
            .sum()
            .backward();
        golden.assert("grad_x0", x.grad(&gradients).unwrap());
        golden.assert("grad_w", w.grad(&gradients).unwrap());
    }
}

#[test]
fn fresh_batch_norm_is_the_identity_but_for_epsilon() {
    let device = device();
    let x = Tensor::<4>::ones([1, 2, 2, 2], &device);
    let y: Vec<f32> = BatchNorm2d::new(2, &Initializer::new(0, &device))
        .forward(x)
        .into_data()
        .try_into_vec()
        .unwrap();
    assert!(y.iter().all(|y| (y - 1.0 / 1.001f32.sqrt()).abs() < 1e-6));
}
