//! Masks drawn for training and made of prototypes, beside those of YOLOv5 and Ultralytics.

use ablate_detection::augment::Letterbox;
use ablate_detection::geometry::BBox;
use ablate_detection::mask::{Outline, Prototypes, Rle, Segmentation, draw_targets};

/// `tests/fixtures/masks/NAME.safetensors`.
struct Fixture(Vec<u8>);

impl Fixture {
    fn open(name: &str) -> Self {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/masks");
        Self(std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap())
    }

    fn bytes(&self, key: &str) -> Vec<u8> {
        let file = safetensors::SafeTensors::deserialize(&self.0).unwrap();
        file.tensor(key).unwrap().data().to_vec()
    }

    fn shape(&self, key: &str) -> Vec<usize> {
        let file = safetensors::SafeTensors::deserialize(&self.0).unwrap();
        file.tensor(key).unwrap().shape().to_vec()
    }

    fn values(&self, key: &str) -> Vec<f32> {
        let bytes = self.bytes(key);
        let (chunks, rest) = bytes.as_chunks::<4>();
        assert!(rest.is_empty());
        chunks
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()
    }
}

fn pixels(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().map(|byte| *byte != 0).collect()
}

#[test]
fn masks_of_detections_are_those_of_pytorch_where_there_is_no_padding_and_near_them_elsewhere() {
    let fixture = Fixture::open("mask_decode");
    let (proto, coefficients) = (fixture.values("proto"), fixture.values("coefficients"));
    for (case, least) in [("square", 1.0), ("tall", 0.9), ("wide", 0.9)] {
        let [height, width] = fixture.values(&format!("{case}.size"))[..] else {
            panic!("height, width")
        };
        let (height, width) = (height as usize, width as usize);
        let prototypes = Prototypes {
            values: &proto,
            height: 16,
            width: 16,
            letterbox: Letterbox::new((width, height), 64),
        };
        let boxes = fixture.values(&format!("{case}.boxes_v8"));
        let expected = fixture.bytes(&format!("{case}.native_v8"));
        let each = coefficients
            .chunks_exact(8)
            .zip(boxes.as_chunks::<4>().0)
            .zip(expected.chunks_exact(height * width));
        for (number, ((coefficients, [x1, y1, x2, y2]), expected)) in each.enumerate() {
            let mask = prototypes.mask(coefficients, &BBox::from_xyxy(*x1, *y1, *x2, *y2));
            let iou = mask.iou(&Rle::from_pixels(&pixels(expected), height, width), false);
            assert!(iou >= least, "{case}, detection {number}: overlap {iou}");
        }
    }
}

#[test]
fn targets_are_near_those_of_ultralytics_and_lie_in_the_same_order() {
    let fixture = Fixture::open("mask_targets");
    let lengths = fixture.values("lengths");
    let polygons = fixture.values("polygons");
    let polygons = polygons
        .chunks_exact(60)
        .zip(lengths)
        .map(|(points, length)| {
            let points = points.as_chunks::<2>().0[..length as usize]
                .iter()
                .map(|point| point.map(f64::from));
            Outline::of(&Segmentation::Polygons(vec![points.collect()]))
        });
    let outlines: Vec<Outline> = polygons.collect();
    for (case, stride) in [("square", 4.0), ("wide", 2.0)] {
        let key = format!("{case}.overlap");
        let [height, width] = fixture.shape(&key)[..] else {
            panic!("height, width")
        };
        let mut found = vec![0; height * width];
        draw_targets(
            &outlines.iter().collect::<Vec<_>>(),
            height,
            width,
            stride,
            &mut found,
        );
        let expected = fixture.bytes(&key);
        // There, index k stands for the k-th in order of size.
        for (index, object) in fixture
            .values(&format!("{case}.order"))
            .into_iter()
            .enumerate()
        {
            let ours: Vec<bool> = found.iter().map(|own| *own == object as u16 + 1).collect();
            let theirs: Vec<bool> = expected
                .iter()
                .map(|own| usize::from(*own) == index + 1)
                .collect();
            let (ours, theirs) = (
                Rle::from_pixels(&ours, height, width),
                Rle::from_pixels(&theirs, height, width),
            );
            // Theirs draws the border's pixels, too, on a full-size map: on objects of a few pixels
            // that is much.
            let iou = ours.iou(&theirs, false);
            assert!(
                theirs.area() < 40 || iou > 0.65,
                "{case}, object {object} of {} pixels: overlap {iou}",
                theirs.area()
            );
        }
    }
}
