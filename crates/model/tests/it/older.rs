//! Tables as YOLOv5's first versions had them, and tables with another neck: parameters and FLOPs
//! are those of yolov5 7.0.14 and ultralytics 8.4.190 with THOP and PyTorch's counter.

use ablate_model::{Cost, Detector, Graph, spec::Table};
use burn::tensor::{Device, Tensor};

/// A small detector of two classes: its stem, its pyramid, its upsampling, its chain of blocks, and
/// whether it is YOLOv5's.
fn graph(stem: &str, pyramid: &str, upsampling: &str, chain: &str, anchors: bool) -> Graph {
    let (keys, head) = match anchors {
        true => (
            "depth_multiple: 0.33\nwidth_multiple: 0.25\nanchors: [[10, 13, 16, 30], [30, 61, 62, 45]]",
            "[nc, anchors]",
        ),
        false => ("depth_multiple: 0.33\nwidth_multiple: 0.25", "[nc]"),
    };
    let last = if anchors {
        "C3, [256, False]"
    } else {
        "C2f, [256]"
    };
    let text = format!(
        "nc: 2
{keys}
backbone:
  - [-1, 1, {stem}]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 3, {chain}]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 1, {pyramid}]
head:
  - [-1, 1, {upsampling}]
  - [[-1, 3], 1, Concat, [1]]
  - [-1, 3, {last}]
  - [[8, 5], 1, Detect, {head}]
"
    );
    let table = Table::from_yaml(&text, "older.yaml").unwrap();
    let scaling = table.scaling("").unwrap();
    Graph::resolve(&table, scaling, table.nc).unwrap()
}

/// Parameters, FLOPs in the published convention, and exact ones at 64×64.
fn check(graph: &Graph, params: u64, published: u64, exact: u64) {
    let total = Cost::of(graph, 64, 64).unwrap().total;
    assert_eq!(
        (total.params, 2 * total.published, 2 * total.macs),
        (params, published, exact)
    );
    let device = Device::flex();
    let images = Tensor::zeros([1, 3, 64, 64], &device);
    let detector = Detector::new(graph, 0, &device).fuse();
    let raw = detector.forward(images);
    assert_eq!(detector.decode(raw).dims()[0], 1);
}

const NEAREST: &str = "nn.Upsample, [None, 2, nearest]";

#[test]
fn focus_and_bottleneck_csp_of_yolov5() {
    let graph = graph(
        "Focus, [64, 3]",
        "SPPF, [512, 5]",
        NEAREST,
        "BottleneckCSP, [256]",
        true,
    );
    check(&graph, 189_948, 18_497_536, 17_997_824);
}

#[test]
fn spp_of_yolov5() {
    let graph = graph(
        "Conv, [64, 6, 2, 2]",
        "SPP, [512, [5, 9, 13]]",
        NEAREST,
        "C3, [256]",
        true,
    );
    check(&graph, 188_860, 18_350_080, 17_866_752);
}

#[test]
fn upsampling_by_transposed_convolution_and_bilinear() {
    let graph = |upsampling| {
        graph(
            "Conv, [64, 3, 2]",
            "SPPF, [512, 5]",
            upsampling,
            "C2f, [256, True]",
            false,
        )
    };
    let transposed = graph("nn.ConvTranspose2d, [512, 2, 2, 0]");
    check(&transposed, 649_252, 53_319_680, 46_397_440);
    let bilinear = graph("nn.Upsample, [None, 2, bilinear]");
    check(&bilinear, 583_588, 45_111_296, 44_300_288);
}

/// As both packages: 64 becomes 33 under a kernel of 6 or 2 with stride 2, and the maps of the neck
/// don't fit.
#[test]
fn even_kernels_pad_by_half() {
    for kernel in [2, 6] {
        let text = format!(
            "nc: 2
backbone: [[-1, 1, Conv, [64, {kernel}, 2]], [-1, 1, Conv, [64, 3, 2]]]
head: [[-1, 1, {NEAREST}], [[-1, 0], 1, Concat, [1]], [[-1], 1, Detect, [nc]]]"
        );
        let table = Table::from_yaml(&text, "even.yaml").unwrap();
        let error = Graph::resolve(&table, table.scaling("").unwrap(), 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "even.yaml: row 3 (Concat): expected maps of one size, found 130×130 and 129×129 (for an image of 256×256)"
        );
    }
}

/// What a block can't be says what it can.
#[test]
fn rows_are_refused_with_what_was_expected() {
    for (row, message) in [
        (
            "SPP, [16, [5, 8]]",
            "kernels: expected odd numbers, so that pooling keeps the size, found [5, 8]",
        ),
        (
            "SPP, [16, 5, 9]",
            "expected [channels, kernels], found 3 arguments",
        ),
        (
            "GhostBottleneck, [16, 3, 3]",
            "stride: expected 1 or 2, found 3",
        ),
        (
            "GhostBottleneck, [24]",
            "expected as many channels as the input has, 16, at stride 1, found 24",
        ),
        (
            "C3Ghost, [24, True, 1, 0.25]",
            "expected a multiple of 4 channels in a GhostBottleneck, found 6",
        ),
        (
            "nn.ConvTranspose2d, [16]",
            "argument 1 (kernel): expected a whole number from 1 to 1024, found nothing",
        ),
        (
            "nn.ConvTranspose2d, [16, 3, 2, 1, 2]",
            "output padding: expected less than the stride, 2, or the dilation, 1, found 2",
        ),
        (
            "nn.MaxPool2d, [3, 1, 2]",
            "padding: expected at most half of the kernel, 1, found 2",
        ),
        (
            "nn.ZeroPad2d, [[1, 2]]",
            "zeros: expected [left, right, top, bottom], found [1, 2]",
        ),
        (
            "nn.Upsample, [8, 2, nearest]",
            "expected a size or a factor, found both",
        ),
        (
            "nn.Upsample, [None, 2, bicubic]",
            "mode: expected nearest or bilinear, found 'bicubic'",
        ),
        (
            "nn.BatchNorm2d, [24]",
            "expected [the input's channels], found 1 arguments",
        ),
        (
            "nn.ReLU, [0.1]",
            "activation 'ReLU(0.1)': expected no arguments",
        ),
        (
            "SE, [1024]",
            "ratio: expected 1 to 32, or the input's 16 channels, found 1024",
        ),
        (
            "ECA, [1024]",
            "kernel: expected an odd number, or the input's 16 channels, found 1024",
        ),
        (
            "CBAM, [5]",
            "kernel: expected 3 or 7, or the input's 16 channels, found 5",
        ),
        (
            "SimAM, [1024]",
            "λ: expected a number below 1, or the input's 16 channels, found 1024",
        ),
    ] {
        let text = format!(
            "nc: 2\nbackbone: [[-1, 1, Conv, [16, 3, 2]], [-1, 1, {row}]]\nhead: [[0, 1, Detect, [nc]]]"
        );
        let table = Table::from_yaml(&text, "row.yaml").unwrap();
        let error = Graph::resolve(&table, table.scaling("").unwrap(), 2).unwrap_err();
        let module = row.split(',').next().unwrap();
        assert_eq!(
            error.to_string(),
            format!("row.yaml: row 1 ({module}): {message}")
        );
    }
}

/// `activation:` is that of every Conv, GhostConv's too.
#[test]
fn a_table_names_its_activation() {
    let table = |activation: &str| {
        let text = format!(
            "nc: 2\nactivation: {activation}\nbackbone: [[-1, 1, Conv, [8, 3, 2]], [-1, 1, GhostConv, [8]]]\nhead: [[[1], 1, Detect, [nc]]]"
        );
        let table = Table::from_yaml(&text, "act.yaml").unwrap();
        Graph::resolve(&table, table.scaling("").unwrap(), 2).unwrap()
    };
    let device = Device::flex();
    let row = |activation: &str| {
        let detector = Detector::new(&table(activation), 0, &device);
        let x = Tensor::ones([1, 3, 32, 32], &device) * 3.0;
        let rows = detector.row_outputs(x);
        rows[1][0].clone().into_data().try_to_vec::<f32>().unwrap()
    };
    let plain = row("nn.Identity()");
    let least = |values: &[f32]| values.iter().copied().fold(f32::INFINITY, f32::min);
    assert!(least(&plain) < -0.01);
    assert_eq!(least(&row("nn.ReLU()")), 0.0);
    // Mish and Hardswish are bounded below, by -0.309 and -0.375.
    let [mish, hardswish] = ["nn.Mish()", "nn.Hardswish()"].map(row);
    assert!(least(&mish) >= -0.31 && least(&hardswish) >= -0.375);
    assert_ne!(mish, hardswish);
    let slopes = ["nn.LeakyReLU(0.1)", "nn.LeakyReLU()"].map(row);
    assert_ne!(slopes[0], slopes[1]);
}
