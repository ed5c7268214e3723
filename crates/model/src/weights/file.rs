//! What a file of weights holds, by name.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use burn_store::{ModuleStore, PytorchStore, SafetensorsStore, burn_pack::Tensor};

/// Tensors by name, not read yet.
pub(super) type Network = BTreeMap<String, Tensor>;

/// Where a checkpoint may keep the network, the one that it was evaluated with first. A bare state
/// dict has none of these keys.
const NETWORKS: [&str; 4] = ["ema", "model", "state_dict", "model_state_dict"];

/// Bytes of a file by which its kind is told.
const HEAD: u64 = 512;

/// The networks of a file: one, or those of a checkpoint, in the order of preference.
///
/// # Errors
/// What the file is, if it is not what its name says.
pub(super) fn networks(path: &Path) -> Result<Vec<Network>, String> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let safetensors = match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("safetensors") => true,
        Some("pt" | "pth") => false,
        _ => return Err("expected a name that ends in .safetensors, .pt or .pth".into()),
    };
    check_kind(path, safetensors)?;
    if safetensors {
        let mut store = SafetensorsStore::from_file(path);
        let all = store.get_all_tensors().cloned();
        return all
            .map(|all| vec![all])
            .map_err(|error| format!("not a SafeTensors file, or one that is cut short: {error}"));
    }
    let under = |key: &str| {
        let store = PytorchStore::from_file(path).map_indices_contiguous(false);
        store
            .with_top_level_key(key)
            .get_all_tensors()
            .cloned()
            .ok()
    };
    let mut networks: Vec<Network> = NETWORKS.into_iter().filter_map(under).collect();
    let mut whole = PytorchStore::from_file(path).map_indices_contiguous(false);
    match whole.get_all_tensors() {
        Ok(all) => networks.push(all.clone()),
        Err(error) if networks.is_empty() => {
            return Err(format!("not a PyTorch state dict or checkpoint: {error}"));
        }
        Err(_) => {}
    }
    Ok(networks)
}

/// Names what people have under the name of a file of weights that is none.
fn check_kind(path: &Path, safetensors: bool) -> Result<(), String> {
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".into(),
        _ => error.to_string(),
    })?;
    if about.is_dir() {
        return Err("expected a file of weights, found a folder".into());
    }
    let mut head = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&head).trim_start().to_lowercase();
    let archive = head.starts_with(b"PK\x03\x04");
    let header = head.get(8) == Some(&b'{');
    let found = if head.is_empty() {
        "found an empty file"
    } else if text.starts_with("version https://git-lfs") {
        "found a pointer of Git LFS in its place; fetch the file itself with `git lfs pull`"
    } else if text.starts_with("<!doctype")
        || text.starts_with("<html")
        || text.starts_with("<?xml")
    {
        "found a web page; download the file itself"
    } else if safetensors && archive {
        "found a PyTorch file; let its name end in .pt"
    } else if !safetensors && header && text.contains("\"dtype\"") {
        "found a SafeTensors file; let its name end in .safetensors"
    } else {
        return Ok(());
    };
    Err(format!("expected a file of weights, {found}"))
}
