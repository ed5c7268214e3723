//! What the allocators do with memory that was freed: mimalloc, which is the program's, and GNU's,
//! which is LibTorch's.

use std::ffi::c_long;

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};

/// How long mimalloc waits before it gives memory back, in milliseconds; −1: for ever. It has no
/// name in the bindings.
const PURGE_DELAY: mi_option_t = 15;

/// That which mimalloc begins with.
const DEFAULT_DELAY: c_long = 1000;

/// From here on what is freed is kept for what is asked for next, until [`release_freed_memory`].
///
/// By themselves the allocators give large feature maps back to the system and get them anew, page
/// by page: with GNU's a seventh of a training step, up to a third of a forward pass of many images.
/// Keeping takes more memory, of a forward pass a third: measure peaks before.
pub fn keep_freed_memory() {
    delay_purges(-1);
    #[cfg(all(feature = "tch", target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, and changes no memory that is held.
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Gives the system what [`keep_freed_memory`] kept, and from here on what is freed.
pub fn release_freed_memory() {
    delay_purges(DEFAULT_DELAY);
    // SAFETY: it takes no pointer, and only gives back what nobody holds.
    #[allow(unsafe_code)]
    unsafe {
        mi_collect(true);
    }
    #[cfg(all(feature = "tch", target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, and only gives back what nobody holds.
    #[allow(unsafe_code)]
    unsafe {
        // What the allocator begins with; by itself it would come to keep larger and larger maps.
        libc::mallopt(libc::M_MMAP_MAX, 65_536);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 128 << 10);
        libc::mallopt(libc::M_TOP_PAD, 0);
        libc::malloc_trim(0);
    }
}

fn delay_purges(milliseconds: c_long) {
    // SAFETY: it takes no pointer; the option is one of those that mimalloc knows.
    #[allow(unsafe_code)]
    unsafe {
        mi_option_set(PURGE_DELAY, milliseconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number is mimalloc's own, and may change with its version.
    #[test]
    fn the_option_is_the_delay_of_purges() {
        // SAFETY: it takes no pointer.
        #[allow(unsafe_code)]
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            assert_eq!(delay(), DEFAULT_DELAY);
        }
        keep_freed_memory();
        assert_eq!(delay(), -1);
        release_freed_memory();
        assert_eq!(delay(), DEFAULT_DELAY);
    }
}
