//! A record and a plan that are read back.
#![no_main]

use ablate_detection_fuzz::write;
use ablate_records::Store;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let plan = write("sweep/plan.json", bytes);
    write("sweep/records/0123.json", bytes);
    if let Ok(store) = Store::open(plan.parent().expect("it has a folder")) {
        let _ = store.report();
        let _ = store.all();
    }
});
