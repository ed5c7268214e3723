//! LibTorch's place, and what is compiled against it.

#[path = "../../build/libtorch.rs"]
mod libtorch;

#[cfg(feature = "tch")]
use std::{
    env,
    path::{Path, PathBuf},
};

fn main() {
    libtorch::main();
    #[cfg(feature = "tch")]
    compile();
}

/// The little C++ that tch lacks; torch-sys compiles as much of its own.
#[cfg(feature = "tch")]
fn compile() {
    const FOLDER: &str = "src/libtorch";
    println!("cargo:rerun-if-changed={FOLDER}");
    let library = PathBuf::from(
        env::var_os("DEP_TCH_LIBTORCH_LIB").expect("torch-sys says where LibTorch is"),
    );
    let include = library.with_file_name("include");
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(include.join("torch/csrc/api/include"))
        .include(&include);
    if library.join("libtorch_cuda.so").exists()
        && let Some(headers) = cuda_headers(&library)
    {
        build.define("ABLATE_CUDA", None).includes(headers);
    }
    for name in [
        "backward",
        "cuda_graph",
        "gpu",
        "gradient",
        "script",
        "update",
    ] {
        build.file(format!("{FOLDER}/{name}.cpp"));
    }
    build.compile("ablate_libtorch");
}

/// The folders of CUDA's headers: of its toolkit, or of the packages that PyTorch's package is installed with.
#[cfg(feature = "tch")]
fn cuda_headers(library: &Path) -> Option<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for name in ["CUDA_HOME", "CUDA_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
        folders.extend(env::var_os(name).map(PathBuf::from));
    }
    folders.push("/usr/local/cuda".into());
    let toolkits = folders
        .into_iter()
        .map(|folder| vec![folder.join("include")]);
    let packages = library.parent()?.parent()?.join("nvidia");
    // Of what is not there cargo would say that it changed, each time.
    if packages.exists() {
        println!("cargo:rerun-if-changed={}", packages.display());
    }
    let packages = packages.read_dir().into_iter().flatten().flatten();
    let packages = packages.map(|package| package.path().join("include"));
    // What is included by all, and what that includes, which may be a package of its own.
    let has = |folders: &Vec<PathBuf>, header: &str| {
        folders.iter().any(|folder| folder.join(header).exists())
    };
    toolkits
        .chain([packages.collect()])
        .find(|folders| has(folders, "cuda_runtime_api.h") && has(folders, "crt/host_defines.h"))
}
