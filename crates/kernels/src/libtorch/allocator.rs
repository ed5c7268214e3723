//! What GNU's allocator does with the memory that LibTorch frees.

/// From here on GNU's allocator keeps what LibTorch frees for what it asks for next, until
/// [`release_freed_memory`].
///
/// By itself it gives large feature maps back to the system and gets them anew, page by page: a
/// seventh of a training step, up to a third of a forward pass of many images. Keeping takes more
/// memory, of a forward pass a third: measure peaks before. Does nothing without LibTorch, and
/// elsewhere than on GNU/Linux.
pub fn keep_freed_memory() {
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
