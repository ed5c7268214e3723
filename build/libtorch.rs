//! Where a build has LibTorch, what comes out of it finds LibTorch by itself: no library path has to be exported.

use std::{env, path::Path};

/// Passes on where LibTorch is to the linker of the package that this is the build script of.
pub fn main() {
    println!("cargo:rerun-if-changed=../../build/libtorch.rs");
    // Set by torch-sys, which is a dependency only with the feature `tch`.
    let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    let folder = Path::new(&folder);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    // No symbol of ours needs the CUDA half, so the linker would leave it out and LibTorch would see no GPU.
    if folder.join("libtorch_cuda.so").exists() {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
    }
}
