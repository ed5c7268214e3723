//! A forward pass as a CUDA graph.

use std::ffi::c_char;

use burn::tensor::Tensor;

use super::called::called;

/// A pass that was captured.
pub struct Captured {
    graph: Graph,
    /// What each replay writes anew.
    output: Tensor<3>,
    /// Holds what each replay reads.
    _pass: Box<dyn FnMut() -> Tensor<3>>,
}

/// Passes before the capture: what is made once is made then, on the stream of the capture.
const WARM_UP: usize = 3;

/// Why this build can't capture; None where it can.
pub fn refused() -> Option<String> {
    // SAFETY: it reads nothing.
    #[allow(unsafe_code)]
    let is_built = unsafe { ablate_graph_is_built() };
    (!is_built).then(|| {
        "this build has no CUDA graphs: build it where CUDA's headers are (CUDA's toolkit, or just setup-torch cuda)".into()
    })
}

impl Captured {
    /// Of LibTorch's GPU of this index.
    pub fn new(index: usize, pass: impl FnMut() -> Tensor<3> + 'static) -> Result<Self, String> {
        let mut pass = Box::new(pass);
        let graph = Graph::new(index)?;
        for _ in 0..WARM_UP {
            drop(pass());
        }
        graph.begin()?;
        // What the pass launches is written down, not run.
        let output = pass();
        graph.end()?;
        Ok(Self {
            graph,
            output,
            _pass: pass,
        })
    }

    pub fn replay(&self) -> Result<Tensor<3>, String> {
        self.graph.replay()?;
        Ok(self.output.clone())
    }
}

/// Owns the object of `cuda_graph.cpp`.
struct Graph(*mut Opaque);

#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

impl Graph {
    fn new(index: usize) -> Result<Self, String> {
        let mut found = std::ptr::null_mut();
        // SAFETY: there is room for the pointer, and for the text as much as is said.
        #[allow(unsafe_code)]
        called(|error, room| unsafe { ablate_graph_new(index as i32, &mut found, error, room) })?;
        Ok(Self(found))
    }

    fn begin(&self) -> Result<(), String> {
        // SAFETY: the object lives as long as this one.
        #[allow(unsafe_code)]
        called(|error, room| unsafe { ablate_graph_begin(self.0, error, room) })
    }

    fn end(&self) -> Result<(), String> {
        // SAFETY: as before.
        #[allow(unsafe_code)]
        called(|error, room| unsafe { ablate_graph_end(self.0, error, room) })
    }

    fn replay(&self) -> Result<(), String> {
        // SAFETY: as before.
        #[allow(unsafe_code)]
        called(|error, room| unsafe { ablate_graph_replay(self.0, error, room) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: nobody else has the object.
        #[allow(unsafe_code)]
        unsafe {
            ablate_graph_free(self.0);
        }
    }
}

#[allow(unsafe_code)]
unsafe extern "C" {
    // See `cuda_graph.cpp`.
    fn ablate_graph_new(
        index: i32,
        found: *mut *mut Opaque,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_graph_begin(graph: *mut Opaque, error: *mut c_char, room: usize) -> bool;
    fn ablate_graph_end(graph: *mut Opaque, error: *mut c_char, room: usize) -> bool;
    fn ablate_graph_replay(graph: *mut Opaque, error: *mut c_char, room: usize) -> bool;
    fn ablate_graph_free(graph: *mut Opaque);
    fn ablate_graph_is_built() -> bool;
}
