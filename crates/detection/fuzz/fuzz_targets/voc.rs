//! An XML file of Pascal VOC.
#![no_main]

use std::sync::Once;

use ablate_detection::dataset::Split;
use ablate_detection_fuzz::{image, open, write};

static ONCE: Once = Once::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    ONCE.call_once(|| image("JPEGImages/a.png"));
    write("Annotations/a.xml", bytes);
    open("format: voc\npath: .\nfractions: {train: 1}\n", Split::Train);
});
