//! The page in a real browser: `just test-page`. Ignored by `cargo test`, since not every machine
//! has Chromium.

mod chromium;
mod opening;
