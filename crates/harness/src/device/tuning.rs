//! Kernels that Burn tunes on a GPU (wgpu, CUDA): which of several is fastest is measured once, and kept for next time.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Once,
};

use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};

/// Has Burn keep what it tunes in the user's cache, and says so where nothing is kept yet. To be called before a device is
/// opened. A `cubecl.toml` that names another place is left alone.
pub fn keep() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        let own = matches!(config.environment.path, CacheConfig::Target);
        let Some(folder) = folder().filter(|_| own && !config.autotune.disable_cache) else {
            return;
        };
        if is_empty(&folder) {
            tracing::info!(
                "kernels are tuned for this GPU, a minute for each network or more; what is found is kept for next time in {}",
                folder.display()
            );
        }
        config.environment.path = CacheConfig::Directory(folder);
        CubeClRuntimeConfig::try_set(config);
    });
}

fn folder() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("ablate").join("tuning"))
}

fn is_empty(folder: &Path) -> bool {
    folder
        .read_dir()
        .map_or(true, |mut entries| entries.next().is_none())
}
