//! Calls of our few lines of C++.

use std::ffi::{CStr, c_char};

/// Runs a call that says whether it worked, and where not, writes why into the text that it is given room for.
///
/// # Errors
/// What the call wrote.
pub fn called(call: impl FnOnce(*mut c_char, usize) -> bool) -> Result<(), String> {
    let mut error = [0u8; 2048];
    if call(error.as_mut_ptr().cast(), error.len()) {
        return Ok(());
    }
    let text = CStr::from_bytes_until_nul(&error).unwrap_or_default();
    // What follows is LibTorch's own stack.
    let text = text.to_string_lossy();
    Err(text.lines().next().unwrap_or_default().to_owned())
}
