use ablate_kernels::Activation;
use ablate_model::{
    Initializer,
    blocks::{
        batch_norm::BatchNorm2d,
        bottleneck::Link,
        c2f::C2fConfig,
        c3::C3Config,
        conv::{Conv, ConvConfig, convolve},
        csp::CspConfig,
        dynamic_conv::{DynamicConv, DynamicConvConfig},
        fasternet::{FasterNet, FasterNetSize},
        ghost::{GhostModuleConfig, PerImageConv},
        ghost_bottleneck::GhostBottleneckConfig,
        gsconv::GsConvConfig,
        gsconvns::GsConvNsConfig,
        inverted_residual::InvertedResidualConfig,
        repvgg::RepVggConfig,
        sppf::SppfConfig,
        stem::StemConfig,
        vovgscsp::VovGsCspConfig,
    },
    coding::{BoxCoding, DetectConfig},
    heads::asff::{Asff, AsffDetectConfig, AsffOrder},
    registry::{Layer, LayerConfig},
    shape::ConvShape,
};
use burn::{
    module::Module,
    tensor::{Tensor, module::conv2d, ops::ConvOptions},
};

use crate::{device::device, support::Golden};

/// A block of the registry against its fixture: one input, one output.
fn check(name: &str, config: LayerConfig) {
    let device = device();
    let golden = Golden::open(&format!("blocks/{name}.safetensors"));
    let mut layer = config.init(&Initializer::new(0, &device));
    golden.fill(&mut layer, "w\\.");
    let forward = |layer: &Layer| layer.forward(vec![golden.tensor("x0", &device)]).remove(0);
    golden.assert("y0", forward(&layer));
    golden.assert("y0", forward(&layer.fused()));
}

fn csp(c_in: usize, c_out: usize, shortcut: bool) -> CspConfig {
    CspConfig {
        c_in,
        c_out,
        bottlenecks: 2,
        shortcut,
        groups: 1,
        expansion: 0.5,
    }
}

#[test]
fn conv() {
    check("conv", LayerConfig::Conv(ConvConfig::new(8, 16, 3, 2)));
}

#[test]
fn c3_with_and_without_shortcut() {
    check("c3", LayerConfig::C3(C3Config::new(csp(16, 16, true))));
    check(
        "c3_no_shortcut",
        LayerConfig::C3(C3Config::new(csp(24, 16, false))),
    );
}

#[test]
fn c2f() {
    check("c2f", LayerConfig::C2f(C2fConfig::new(csp(16, 24, true))));
}

#[test]
fn vovgscsp() {
    check(
        "vovgscsp",
        LayerConfig::VovGsCsp(VovGsCspConfig {
            csp: csp(16, 24, true),
        }),
    );
}

#[test]
fn gsconvns() {
    check(
        "gsconvns_k1s1",
        LayerConfig::GsConvNs(GsConvNsConfig {
            gsconv: GsConvConfig::new(16, 24, 1, 1),
        }),
    );
}

#[test]
fn repvgg() {
    check(
        "repvgg_identity",
        LayerConfig::RepVgg(RepVggConfig {
            c_in: 16,
            c_out: 16,
            stride: 1,
        }),
    );
    check(
        "repvgg_s2",
        LayerConfig::RepVgg(RepVggConfig {
            c_in: 16,
            c_out: 24,
            stride: 2,
        }),
    );
}

#[test]
fn ghost_bottleneck() {
    let config = GhostBottleneckConfig {
        c_in: 8,
        c_out: 12,
        expanded: 24,
        kernel: 5,
        stride: 2,
        squeezed: 8,
    };
    check(
        "ghost_bottleneck_k5_s2_se",
        LayerConfig::GhostBottleneck(config),
    );
    let config = GhostBottleneckConfig {
        c_in: 12,
        c_out: 12,
        expanded: 20,
        kernel: 3,
        stride: 1,
        squeezed: 0,
    };
    check(
        "ghost_bottleneck_identity",
        LayerConfig::GhostBottleneck(config),
    );
}

#[test]
fn stem() {
    check("stem", LayerConfig::Stem(StemConfig { c_in: 3, c_out: 8 }));
}

#[test]
fn sppf() {
    check(
        "sppf",
        LayerConfig::Sppf(SppfConfig {
            c_in: 16,
            c_out: 32,
            kernel: 5,
        }),
    );
}

#[test]
fn gsconv() {
    check(
        "gsconv",
        LayerConfig::GsConv(GsConvConfig {
            dense: ConvConfig::new(16, 12, 3, 2),
        }),
    );
}

#[test]
fn inverted_residual() {
    for (name, c_out, stride, expansion) in [
        ("mobilenetv2_s1_residual", 16, 1, 6),
        ("mobilenetv2_s2", 24, 2, 6),
        ("mobilenetv2_t1", 8, 1, 1),
    ] {
        let config = InvertedResidualConfig {
            c_in: 16,
            c_out,
            stride,
            expansion,
            activation: Activation::Relu,
        };
        check(name, LayerConfig::InvertedResidual(config));
    }
}

#[test]
fn c3_dynamic_ghost() {
    check(
        "c3_ghost",
        LayerConfig::C3DynamicGhost(C3Config::new(csp(16, 24, true))),
    );
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
    golden.assert("y0", conv.forward(golden.tensor("x0", &device)));
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
