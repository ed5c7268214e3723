//! A list of images: VOC's and YOLO's.
#![no_main]

use std::sync::Once;

use ablate_detection::dataset::Split;
use ablate_detection_fuzz::{image, open, write};

static ONCE: Once = Once::new();
const PAGE: &[u8] = b"<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    ONCE.call_once(|| {
        image("voc/JPEGImages/a.png");
        write("voc/Annotations/a.xml", PAGE);
        image("images/a.png");
        write("labels/a.txt", b"0 0.5 0.5 0.2 0.2");
    });
    write("voc/ImageSets/Main/train.txt", bytes);
    open("format: voc\npath: voc\n", Split::Train);
    write("train.txt", bytes);
    open("train: train.txt\nnames: [cat, dog]\n", Split::Train);
});
