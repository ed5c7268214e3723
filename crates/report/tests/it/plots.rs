//! Plots as pictures.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

use ablate_records::{Cell, Measurement, Record, Stage};
use resvg::usvg;

use crate::support::*;

fn names(plots: &[PathBuf]) -> BTreeSet<String> {
    plots
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

/// Share of pixels that are not white.
fn ink(path: &PathBuf) -> f64 {
    let picture = image::open(path).unwrap().to_rgb8();
    let drawn = picture.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
    drawn as f64 / f64::from(picture.width() * picture.height())
}

#[test]
fn a_whole_sweep_has_all_plots_and_each_is_a_picture() {
    let (_folder, written) = written(&whole_sweep());
    let expected = [
        "change-gflops-320px-4classes.png",
        "change-latency-flex-320px-batch1.png",
        "change-map-shapes-flex-320px.png",
        "change-params-4classes.png",
        "intervals-shapes-flex-320px-batch1.png",
        "latency-vs-gflops-flex-320px-batch1.png",
        "latency-vs-params-flex-320px-batch1.png",
        "map-vs-gflops-shapes-flex-320px.png",
        "map-vs-latency-shapes-flex-320px-batch1.png",
        "map-vs-params-shapes-flex-320px.png",
        "training-yolov5n-shapes-flex-320px.png",
    ];
    assert_eq!(names(&written.plots), expected.map(String::from).into());
    for path in &written.plots {
        let picture = image::open(path).unwrap();
        assert_eq!(picture.width(), 1520, "{}", path.display());
        assert!(
            (600..2000).contains(&picture.height()),
            "{} is {} high",
            path.display(),
            picture.height()
        );
        assert!(
            (0.005..0.5).contains(&ink(path)),
            "{} has {} ink",
            path.display(),
            ink(path)
        );
    }
}

#[test]
fn the_parts_of_detections_are_a_picture_of_each_data_set() {
    let records = [
        done(&cell("baseline", "n"), detect(20.0)),
        done(&cell("asff", "n"), detect(22.0)),
    ];
    let (_folder, written) = written(&records);
    let path = written.plots.iter().find(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("detect-parts-")
    });
    let path = path.unwrap_or_else(|| panic!("{:?}", written.plots));
    let picture = image::open(path).unwrap();
    assert_eq!(picture.width(), 1520);
    assert!((0.005..0.5).contains(&ink(path)));
    // The forward pass is most of it.
    let picture = picture.to_rgb8();
    let share = |colour: [u8; 3]| picture.pixels().filter(|pixel| pixel.0 == colour).count();
    let [letterbox, forward] = [[0x1f, 0x6f, 0xeb], [0x0c, 0x8f, 0x6f]].map(share);
    assert!(
        letterbox > 0 && forward > 5 * letterbox,
        "{letterbox} {forward}"
    );
}

#[test]
fn only_what_was_measured_is_drawn() {
    let (_folder, first) = written(&first_stage());
    assert_eq!(
        names(&first.plots),
        [
            "change-gflops-320px-4classes.png",
            "change-params-4classes.png"
        ]
        .map(String::from)
        .into()
    );
    assert!(written(&[]).1.plots.is_empty());
    let all_failed: Vec<_> = first_stage()
        .iter()
        .map(|record| failed(&record.cell, Stage::Cost, "no"))
        .collect();
    assert!(written(&all_failed).1.plots.is_empty());
}

#[test]
fn one_point_is_enough() {
    let cell = cell("baseline", "n");
    let (_folder, written) = written(&[
        done(&cell, cost(1_872_157, 1.1)),
        done(&cell, latency(12.0)),
        done(&cell, eval(0.0)),
    ]);
    assert_eq!(written.plots.len(), 5, "{:?}", names(&written.plots));
    assert!(written.plots.iter().all(|path| ink(path) > 0.003));
}

#[test]
fn figures_without_a_logarithm_do_no_harm() {
    let cell = cell("baseline", "n");
    let Measurement::Latency(mut zero) = latency(0.0) else {
        unreachable!()
    };
    zero.images_per_s = 0.0;
    let (_folder, written) = written(&[
        done(&cell, cost(0, 0.0)),
        done(&cell, Measurement::Latency(zero)),
        done(&cell, eval(0.4)),
    ]);
    assert!(written.plots.is_empty(), "{:?}", names(&written.plots));
}

/// Variants with costs and latencies at two scales.
fn costed(variants: u32) -> Vec<ablate_records::Record> {
    let mut records = Vec::new();
    for variant in 0..variants {
        for (scale, params) in [("n", 2e6), ("s", 7e6)] {
            let name = if variant == 0 {
                "baseline".into()
            } else {
                format!("variant-number-{variant}")
            };
            let cell = cell(&name, scale);
            let size = params * (1.0 + 0.05 * f64::from(variant));
            records.extend([
                done(&cell, cost(size as u64, size / 5e5)),
                done(&cell, latency(size / 3e5)),
            ]);
        }
    }
    records
}

#[test]
fn a_dozen_variants_have_a_legend_each_and_more_have_one_together() {
    let dozen = page(&costed(12));
    let forty = page(&costed(40));
    for variant in 1..12 {
        let entry = format!(">variant-number-{variant}</text>");
        assert!(dozen.contains(&entry), "{variant} is not in a legend");
    }
    // The plot of intervals names those next to the baseline.
    let named = (1..40).filter(|variant| {
        let entry = format!(">variant-number-{variant}</text>");
        forty.contains(&entry)
    });
    assert!(named.count() <= 12);
    assert!(forty.contains(">baseline</text>") && forty.contains(">78 models more</text>"));
    // Without mAP there is no front, and the changes are of costs.
    assert!(!forty.contains("on the Pareto front") && !forty.contains(">Pareto front</text>"));
    assert!(forty.contains("Change in latency against change in GFLOPs"));
    assert!(dozen.contains("Change in GFLOPs against the baseline"));
}

#[test]
fn two_data_sets_and_devices_have_plots_of_their_own() {
    let records = large_sweep();
    let small: Vec<_> = records
        .into_iter()
        .filter(|record| record.cell.scale == "n" && record.cell.variant != "ghost")
        .collect();
    let (_folder, written) = written(&small);
    let names = names(&written.plots);
    for dataset in ["bccd", "shapes"] {
        for device in ["flex", "tch-cuda-0"] {
            assert!(
                names.contains(&format!("map-vs-gflops-{dataset}-{device}-320px.png")),
                "{names:?}"
            );
        }
    }
    assert!(names.contains("latency-vs-gflops-tch-cuda-0-320px-batch1.png"));
}

#[test]
fn two_modes_have_plots_of_their_own() {
    let mut records = both_modes();
    let costs = records
        .iter()
        .map(|record| done(&record.cell, cost(7_235_389, 4.2)));
    records.extend(Vec::from_iter(costs));
    let (_folder, written) = written(&records);
    let names = names(&written.plots);
    for plot in ["latency-vs-gflops", "change-latency"] {
        for mode in ["", "-graph"] {
            let name = format!("{plot}-tch-cuda-0-320px-batch1{mode}.png");
            assert!(names.contains(&name), "{name}: {names:?}");
        }
    }
    let page = std::fs::read_to_string(&written.html).unwrap();
    assert!(page.contains("tch:cuda:0 · 320 px · batch 1, graph · median"));
}

#[test]
fn names_that_make_one_file_name_stay_apart() {
    let named = |dataset: &str| Cell {
        dataset: Some(dataset.into()),
        ..cell("baseline", "n")
    };
    let records: Vec<_> = ["a/b", "a b", "../../etc"]
        .iter()
        .flat_map(|dataset| {
            [
                done(&named(dataset), cost(1_000_000, 4.0)),
                done(&named(dataset), eval(0.4)),
            ]
        })
        .collect();
    let (folder, written) = written(&records);
    let names = names(&written.plots);
    assert!(
        names.contains("map-vs-gflops-a-b-flex-320px.png")
            && names.contains("map-vs-gflops-a-b-flex-320px-2.png"),
        "{names:?}"
    );
    assert!(
        written
            .plots
            .iter()
            .all(|path| path.parent().unwrap() == folder.path().join("plots"))
    );
}

/// The plots in a page.
fn drawings(html: &str) -> Vec<&str> {
    let begins = html.match_indices("<svg ").map(|(begin, _)| &html[begin..]);
    begins
        .map(|svg| &svg[..svg.find("</svg>").unwrap() + "</svg>".len()])
        .collect()
}

/// What is hard to draw: one evaluation, changes of nothing and of much, names in another script
/// and of great length.
fn awkward_sweep() -> Vec<Record> {
    let cell = |variant: &str| Cell {
        dataset: Some("星形 <&> \u{1}".into()),
        ..cell(variant, "n")
    };
    let long = "a-variant-whose-name-does-not-fit-into-any-legend-that-there-is";
    let variants = [
        ("baseline", 1.0),
        ("same", 1.0),
        ("huge", 40.0),
        (long, 0.9),
    ];
    let records = |(variant, size): (&str, f64)| {
        let cell = cell(variant);
        [
            done(&cell, cost((1e6 * size) as u64, size)),
            done(&cell, latency(9.0 * size)),
            done(&cell, train(0.3, 2)),
            done(&cell, eval(0.3)),
        ]
    };
    variants.into_iter().flat_map(records).collect()
}

#[test]
fn libraries_have_nothing_to_warn_of() {
    struct Warnings(Mutex<Vec<String>>);
    impl log::Log for Warnings {
        fn enabled(&self, _: &log::Metadata) -> bool {
            true
        }
        fn log(&self, record: &log::Record) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
        fn flush(&self) {}
    }
    static WARNINGS: Warnings = Warnings(Mutex::new(Vec::new()));
    log::set_logger(&WARNINGS).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    for records in [whole_sweep(), awkward_sweep()] {
        assert!(written(&records).1.plots.len() > 9);
    }
    assert_eq!(*WARNINGS.0.lock().unwrap(), [""; 0]);
}

#[test]
fn plots_lie_on_their_sheets_and_every_colour_has_a_class() {
    let mut options = usvg::Options::default();
    for font in ["Inter-Regular.otf", "Inter-SemiBold.otf"] {
        let file = format!("{}/src/fonts/{font}", env!("CARGO_MANIFEST_DIR"));
        options
            .fontdb_mut()
            .load_font_data(std::fs::read(file).unwrap());
    }
    // Inter has no Chinese, and a PNG shows a question mark for it.
    for page in [
        page(&whole_sweep()),
        page(&awkward_sweep()).replace("星形", "??"),
    ] {
        for svg in drawings(&page) {
            let tree = usvg::Tree::from_str(svg, &options).unwrap();
            let (drawn, sheet) = (tree.root().abs_stroke_bounding_box(), tree.size());
            let right = drawn.right() <= sheet.width() && drawn.bottom() <= sheet.height();
            assert!(
                drawn.left() >= 0.0 && drawn.top() >= 0.0 && right,
                "{drawn:?}: {svg}"
            );

            let xml = usvg::roxmltree::Document::parse(svg).unwrap();
            for shape in xml
                .root_element()
                .children()
                .filter(|node| node.is_element())
            {
                let class = shape.attribute("class").unwrap();
                let classes = class
                    .split(' ')
                    .all(|class| page.contains(&format!("svg .{class}{{")));
                assert!(classes, "{class} has no rule for dark ground");
            }
        }
    }
}

#[test]
fn every_marker_and_every_bar_says_what_it_is() {
    let page = page(&whole_sweep());
    let tip = |tip: &str| assert!(page.contains(&format!("<title>{tip}</title>")), "{tip}");
    tip("yolov5n: 1.87 million, 41.2 mAP50-95, on the Pareto front");
    tip("yolov5n+asff: 1.68 GFLOPs, 14.9 ms");
    tip("yolov5n+ghost: −2.3 points");
    let svgs = drawings(&page);
    let scatter = svgs
        .iter()
        .find(|svg| svg.contains("mAP50-95 against GFLOPs"))
        .unwrap();
    assert_eq!(scatter.matches("<title>").count(), 5);
    assert!(scatter.contains(r#"role="img" aria-label="mAP50-95 against GFLOPs, shapes"#));
}
