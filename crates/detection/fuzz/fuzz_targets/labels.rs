//! A YOLO label file.
#![no_main]

use std::sync::Once;

use ablate_detection::dataset::Split;
use ablate_detection_fuzz::{image, open, write};

static ONCE: Once = Once::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    ONCE.call_once(|| image("images/a.png"));
    write("labels/a.txt", bytes);
    open("train: images\nnames: [cat, dog]\n", Split::Train);
});
