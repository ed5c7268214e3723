//! LibTorch's place, and what is compiled against it.

#[path = "../../build/libtorch.rs"]
mod libtorch;

fn main() {
    libtorch::main();
    #[cfg(feature = "tch")]
    gradient();
}

/// The little C++ that tch lacks; torch-sys compiles as much of its own.
#[cfg(feature = "tch")]
fn gradient() {
    let source = "src/libtorch/gradient.cpp";
    println!("cargo:rerun-if-changed={source}");
    let library = std::path::PathBuf::from(
        std::env::var_os("DEP_TCH_LIBTORCH_LIB").expect("torch-sys says where LibTorch is"),
    );
    let include = library.with_file_name("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(include.join("torch/csrc/api/include"))
        .include(&include)
        .file(source)
        .compile("ablate_gradient");
}
