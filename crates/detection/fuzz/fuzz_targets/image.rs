//! An image of any format.
#![no_main]

use ablate_detection::dataset::Split;
use ablate_detection_fuzz::{open, write};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    write("images/a.jpg", bytes);
    write("labels/a.txt", b"0 0.5 0.5 0.2 0.2");
    open("train: images\nnames: [cat, dog]\n", Split::Train);
});
