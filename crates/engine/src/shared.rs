//! An output that several threads write.

use std::{marker::PhantomData, mem::MaybeUninit};

/// Memory of which each task writes parts of its own.
pub struct Shared<'a> {
    start: *mut MaybeUninit<f32>,
    len: usize,
    lives: PhantomData<&'a mut [MaybeUninit<f32>]>,
}

impl<'a> Shared<'a> {
    pub fn new(memory: &'a mut [MaybeUninit<f32>]) -> Self {
        Self {
            start: memory.as_mut_ptr(),
            len: memory.len(),
            lives: PhantomData,
        }
    }

    /// # Safety
    /// Nobody else has any of it.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub unsafe fn part(&self, start: usize, len: usize) -> &mut [MaybeUninit<f32>] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: within the memory by the assertion, and nobody else's by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}

// SAFETY: nothing is written through a shared reference but by `part`, whose caller says that nobody
// else has the same.
#[allow(unsafe_code)]
unsafe impl Sync for Shared<'_> {}
