//! Files of weights as people have them: under prefixes, in other formats, broken.

use std::path::{Path, PathBuf};

use ablate_model::{
    Catalog, Detector,
    weights::{self, Loaded, Prefix},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{device::device, support::fixture};

fn detector(name: &str) -> Detector {
    let resolved = Catalog::builtin().resolve(&name.parse().unwrap()).unwrap();
    Detector::new(&resolved.graph(Some(3)).unwrap(), 1, &device())
}

/// A tensor of a file: name, format, shape, bytes.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

/// A model's weights in a file.
struct Saved {
    folder: tempfile::TempDir,
    tensors: Vec<Stored>,
}

impl Saved {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plain.safetensors");
        weights::save(&detector(name), &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let all = file.tensors().into_iter();
        let tensors = all.map(|(name, view)| {
            let (shape, bytes) = (view.shape().to_vec(), view.data().to_vec());
            (name, view.dtype(), shape, bytes)
        });
        Self {
            tensors: tensors.collect(),
            folder,
        }
    }

    /// The same file with each tensor changed, or left out.
    fn changed(&self, change: impl Fn(&Stored) -> Vec<Stored>) -> PathBuf {
        let tensors: Vec<Stored> = self.tensors.iter().flat_map(change).collect();
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
            (name.clone(), view)
        });
        let path = self.folder.path().join("changed.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        path
    }

    fn renamed(&self, rename: impl Fn(&str) -> String) -> PathBuf {
        self.changed(|(name, dtype, shape, bytes)| {
            vec![(rename(name), *dtype, shape.clone(), bytes.clone())]
        })
    }
}

fn load(name: &str, path: &Path) -> Result<Loaded, String> {
    weights::load(&mut detector(name), path).map_err(|error| error.to_string())
}

#[test]
fn a_common_prefix_is_seen_through() {
    let saved = Saved::of("yolov5n");
    let bare = |name: &str| name.strip_prefix("model.").unwrap().to_owned();
    for prefix in [
        "module.",
        "model.",
        "module.model.",
        "_orig_mod.",
        "ema.",
        "my.own.net.",
    ] {
        let loaded = load("yolov5n", &saved.renamed(|name| format!("{prefix}{name}"))).unwrap();
        assert!(loaded.fresh.is_empty() && loaded.unused.is_empty());
        let (removed, added) = (prefix.to_owned(), String::new());
        assert_eq!(loaded.prefix, Some(Prefix { removed, added }));
    }
    // Of the rows alone.
    for prefix in ["", "module."] {
        let file = saved.renamed(|name| format!("{prefix}{}", bare(name)));
        let loaded = load("yolov5n", &file).unwrap();
        assert!(loaded.fresh.is_empty() && loaded.unused.is_empty());
        let (removed, added) = (prefix.to_owned(), "model.".to_owned());
        assert_eq!(loaded.prefix, Some(Prefix { removed, added }));
    }
    assert_eq!(
        load("yolov5n", &saved.renamed(str::to_owned))
            .unwrap()
            .prefix,
        None
    );
}

/// Beside the network a few names of something else; of two networks none is chosen.
#[test]
fn one_network_of_several_is_not_guessed() {
    let saved = Saved::of("yolov5n");
    let twice = |one: &'static str, other: &'static str| {
        saved.changed(move |(name, dtype, shape, bytes)| {
            let of = |prefix| {
                (
                    format!("{prefix}{name}"),
                    *dtype,
                    shape.clone(),
                    bytes.clone(),
                )
            };
            vec![of(one), of(other)]
        })
    };
    let error = load("yolov5n", &twice("student.", "teacher.")).unwrap_err();
    assert!(
        error.contains("two networks in one file") && error.contains("'student.'"),
        "{error}"
    );
    let loaded = load("yolov5n", &twice("", "ema.")).unwrap();
    assert_eq!((loaded.prefix, loaded.fresh.len()), (None, 0));
    assert_eq!(loaded.unused.len(), loaded.taken.len());
}

#[test]
fn where_nothing_fits_both_sides_are_shown() {
    let saved = Saved::of("yolov5n");
    let error = load(
        "yolov5n",
        &saved.renamed(|name| name.replace("model.", "backbone.layer")),
    )
    .unwrap_err();
    assert!(
        error.contains("the file has 'backbone.layer0.bn.weight', the model 'model.0.bn.weight'"),
        "{error}"
    );
    // Other shapes under the same names.
    let only = |part: &'static str| {
        saved.changed(move |tensor| match tensor.0.contains(part) {
            true => vec![tensor.clone()],
            false => Vec::new(),
        })
    };
    let error = load("yolov5s", &only("model.24.m.0.weight")).unwrap_err();
    assert!(
        error.contains("'model.24.m.0.weight': expected [24, 128, 1, 1], found [24, 64, 1, 1]"),
        "{error}"
    );
    let loaded = load("yolov5s", &only("model.")).map(|loaded| loaded.misfits.len());
    assert!(loaded.is_ok_and(|misfits| misfits > 100));
}

/// Branches that only training uses may be absent from what is evaluated.
#[test]
fn an_evaluation_does_without_the_branches_of_training() {
    let saved = Saved::of("yolov10n");
    let without = |parts: &'static [&'static str]| {
        saved.changed(
            move |tensor| match parts.iter().any(|part| tensor.0.contains(part)) {
                true => Vec::new(),
                false => vec![tensor.clone()],
            },
        )
    };
    let file = without(&["model.23.cv2.", "model.23.cv3.", ".dfl."]);
    let loaded = load("yolov10n", &file).unwrap();
    assert!(loaded.fresh.len() > 10, "{:?}", loaded.fresh);
    assert_eq!(loaded.random(), [""; 0]);
    let loaded = load("yolov10n", &without(&["one2one_cv3.0.2.bias"])).unwrap();
    assert_eq!(loaded.random(), ["model.23.one2one_cv3.0.2.bias"]);
}

#[test]
fn numbers_of_every_format_are_taken_or_named() {
    let saved = Saved::of("yolov5n");
    let first = "model.0.conv.weight";
    let stored = |dtype: Dtype, one: &'static [u8]| {
        saved.changed(move |(name, old, shape, bytes)| {
            let of_type = |dtype, bytes| vec![(name.clone(), dtype, shape.clone(), bytes)];
            match name == first {
                true => of_type(dtype, one.repeat(shape.iter().product())),
                false => of_type(*old, bytes.clone()),
            }
        })
    };
    for (dtype, one) in [
        (Dtype::F64, &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f][..]),
        (Dtype::F16, &[0, 0x3c]),
        (Dtype::BF16, &[0x80, 0x3f]),
    ] {
        let loaded = load("yolov5n", &stored(dtype, one)).unwrap();
        assert!(loaded.fresh.is_empty(), "{dtype:?}: {:?}", loaded.fresh);
    }
    for (dtype, one) in [
        (Dtype::I64, &[1, 0, 0, 0, 0, 0, 0, 0][..]),
        (Dtype::I8, &[1]),
    ] {
        let loaded = load("yolov5n", &stored(dtype, one)).unwrap();
        assert_eq!(loaded.random(), [first]);
        assert!(
            loaded.misfits[0].contains("'model.0.conv.weight': expected floating-point numbers"),
            "{:?}",
            loaded.misfits
        );
    }
    for not_finite in [f32::NAN, f32::INFINITY] {
        let bytes: &'static [u8] = Box::leak(Box::new(not_finite.to_le_bytes()));
        let error = load("yolov5n", &stored(Dtype::F32, bytes)).unwrap_err();
        assert!(
            error.contains(
                "'model.0.conv.weight': expected finite numbers, found NaN or infinity in"
            ),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_file_of_weights_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pytorch = std::fs::read(fixture("state_dict.pt")).unwrap();
    let saved = Saved::of("yolov5n");
    let plain = std::fs::read(saved.renamed(str::to_owned)).unwrap();
    let far = [&(1u64 << 63).to_le_bytes()[..], b"{}"].concat();
    // `os.system("true")`, as a pickle.
    let code = b"cos\nsystem\n(S'true'\ntR.";
    let page = b"\n<!DOCTYPE html><html><body>Sign in</body></html>";
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n";
    for (name, bytes, expected) in [
        ("empty.safetensors", &b""[..], "found an empty file"),
        ("empty.pt", b"", "found an empty file"),
        ("pointer.safetensors", pointer, "found a pointer of Git LFS"),
        ("pointer.pt", pointer, "`git lfs pull`"),
        ("page.pt", page, "found a web page"),
        ("far.safetensors", &far, "not a SafeTensors file"),
        (
            "cut.safetensors",
            &plain[..plain.len() / 2],
            "not a SafeTensors file",
        ),
        (
            "header.safetensors",
            &plain[..100],
            "not a SafeTensors file",
        ),
        (
            "cut.pt",
            &pytorch[..pytorch.len() / 2],
            "not a PyTorch state dict or checkpoint",
        ),
        ("code.pt", code, "not a PyTorch state dict or checkpoint"),
        (
            "other.safetensors",
            &pytorch,
            "found a PyTorch file; let its name end in .pt",
        ),
        (
            "other.pt",
            &plain,
            "found a SafeTensors file; let its name end in .safetensors",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = load("yolov5n", &path).unwrap_err();
        assert!(
            error.contains(name) && error.contains(expected),
            "{name}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
    }
    let path = folder.path().join("folder.pt");
    std::fs::create_dir(&path).unwrap();
    let error = load("yolov5n", &path).unwrap_err();
    assert!(error.contains("found a folder"), "{error}");
}
