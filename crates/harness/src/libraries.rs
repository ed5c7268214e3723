//! What LibTorch and NVIDIA's libraries are told by the environment. They read it as they are
//! loaded, which is before `main`.

/// What is set where the user has not set it.
#[cfg(all(unix, feature = "tch"))]
const SETTINGS: &[(&str, &str)] = &[
    // LibTorch's threads wait for one another after each operation. Spinning for long, as they do by
    // themselves, takes the cores from whatever else runs: a training became thirty times slower by
    // it. Not spinning at all doubles the time of a forward pass of one image. By this number they
    // spin about as long as the next operation takes to come: with a third of it a training takes a
    // seventh longer, and with three times as much a step takes half as long again beside a program
    // that keeps a core busy.
    ("GOMP_SPINCOUNT", "10000"),
    // GNU's allocator gives each thread a region of its own, and keeps in one no map of more than
    // 64 MiB: a training step of MobileNetV2 took a third longer, and at times three times as long,
    // for getting them anew. Rust's side has an allocator of its own.
    ("MALLOC_ARENA_MAX", "1"),
];

/// Whether NVIDIA's libraries round to TF32, whatever the program asks of them: `0` is never, `1` always. Not set, the program
/// decides.
pub const TF32: &str = "NVIDIA_TF32_OVERRIDE";

/// Starts the program again where a setting is missing.
pub fn set() {
    #[cfg(all(unix, feature = "tch"))]
    {
        use std::{env, os::unix::process::CommandExt, process::Command};

        let missing = || {
            SETTINGS
                .iter()
                .filter(|(name, _)| env::var_os(name).is_none())
        };
        let mut arguments = env::args_os();
        if let (Some(_), Ok(program), Some(name)) =
            (missing().next(), env::current_exe(), arguments.next())
        {
            // It returns where it fails; then the program goes on as it is.
            let _ = Command::new(program)
                .arg0(name)
                .args(arguments)
                .envs(missing().copied())
                .exec();
        }
    }
}
