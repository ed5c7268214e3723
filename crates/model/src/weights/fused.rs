//! Files of fused networks, in which batch normalisation is folded into the convolution before it:
//! `conv.bias`, and no norm. A norm that changes nothing but adds that bias takes its place, so
//! that the network computes the same and can be trained on.

use burn::tensor::TensorData;
use burn_store::{bridge, burn_pack::Tensor};

use super::{file::Network, slots::Slots};
use crate::blocks::batch_norm::EPSILON;

/// What was put in the place of what a file has folded.
pub(super) struct Fused {
    /// Number of norms made of biases.
    pub norms: usize,
}

/// Two branches of a block that are one convolution in a fused file.
struct Merged {
    /// The convolution in the file.
    whole: &'static str,
    /// The branch that takes it.
    large: &'static str,
    /// The branch that adds nothing then.
    small: &'static str,
    /// A norm of the input itself, which adds nothing either.
    identity: Option<&'static str>,
}

/// Of RepConv, of YOLOv10's RepVGGDW, and of RepVGG.
const MERGED: [Merged; 3] = [
    Merged {
        whole: "conv",
        large: "conv1.conv",
        small: "conv2.conv",
        identity: None,
    },
    Merged {
        whole: "conv",
        large: "conv.conv",
        small: "conv1.conv",
        identity: None,
    },
    Merged {
        whole: "rbr_reparam",
        large: "rbr_dense.conv",
        small: "rbr_1x1.conv",
        identity: Some("rbr_identity"),
    },
];

/// Gives a fused network the norms that the detector has.
///
/// # Errors
/// A bias that can't be read.
pub(super) fn unfold(tensors: &mut Network, slots: &Slots) -> Result<Fused, String> {
    split(tensors, slots);
    let biases = tensors.keys().filter_map(|name| {
        let conv = name.strip_suffix(".bias")?;
        let weight = slots.shape(&format!("{conv}.weight"))?;
        // A bias of the detector's own is none of a norm.
        let folded = slots.shape(name).is_none() && weight.len() == 4;
        let norm = norm_after(conv, weight[0], slots).filter(|_| folded)?;
        let whole = ["weight", "bias", "running_mean", "running_var"]
            .iter()
            .all(|part| !tensors.contains_key(&format!("{norm}.{part}")));
        whole.then(|| (name.clone(), norm))
    });
    let biases: Vec<(String, String)> = biases.collect();
    for (bias, norm) in &biases {
        let Some(stored) = tensors.remove(bias) else {
            continue;
        };
        let values = bridge::into_data(stored)
            .map_err(|error| format!("'{bias}': {error}"))?
            .convert::<f32>()
            .try_into_vec::<f32>()
            .map_err(|error| format!("'{bias}': {error:?}"))?;
        insert_norm(tensors, norm, values, 1.0);
    }
    Ok(Fused {
        norms: biases.len(),
    })
}

/// Gives the branches of a block what the file has as one convolution: to the large one all of it,
/// to the others zeros.
fn split(tensors: &mut Network, slots: &Slots) {
    let wholes: Vec<String> = tensors
        .keys()
        .filter_map(|name| name.strip_suffix(".bias"))
        .filter(|conv| slots.shape(&format!("{conv}.weight")).is_none())
        .map(String::from)
        .collect();
    for conv in wholes {
        let merged = MERGED.iter().find_map(|merged| {
            let block = conv.strip_suffix(merged.whole)?;
            let shape = |part: &str| slots.shape(&format!("{block}{part}.weight"));
            let (large, small) = (shape(merged.large)?, shape(merged.small)?);
            let fits = &tensors.get(&format!("{conv}.weight"))?.shape[..] == large;
            fits.then(|| (merged, block.to_owned(), small.to_vec()))
        });
        let Some((merged, block, small)) = merged else {
            continue;
        };
        for part in ["weight", "bias"] {
            if let Some(mut tensor) = tensors.remove(&format!("{conv}.{part}")) {
                tensor.name = format!("{block}{}.{part}", merged.large);
                tensors.insert(tensor.name.clone(), tensor);
            }
        }
        let (name, channels) = (format!("{block}{}", merged.small), small[0]);
        let zeros = TensorData::new(vec![0.0f32; small.iter().product()], small);
        insert(tensors, format!("{name}.weight"), zeros);
        if let Some(norm) = norm_after(&name, channels, slots) {
            insert_norm(tensors, &norm, vec![0.0; channels], 1.0);
        }
        let identity = merged.identity.map(|norm| format!("{block}{norm}"));
        if let Some(norm) = identity.filter(|norm| is_norm(norm, channels, slots)) {
            insert_norm(tensors, &norm, vec![0.0; channels], 0.0);
        }
    }
}

/// The norm that follows a convolution, by its name beside it: `bn` after `conv`, 1 after 0.
fn norm_after(conv: &str, channels: usize, slots: &Slots) -> Option<String> {
    let (block, own) = conv.rsplit_once('.')?;
    let names = match own.parse::<usize>() {
        Ok(place) => vec![(place + 1).to_string()],
        Err(_) => match own {
            "conv" => vec!["bn".into(), "batch_norm".into()],
            "conv_dw" => vec!["bn_dw".into()],
            _ => Vec::new(),
        },
    };
    let mut norms = names.into_iter().map(|name| format!("{block}.{name}"));
    norms.find(|norm| is_norm(norm, channels, slots))
}

fn is_norm(name: &str, channels: usize, slots: &Slots) -> bool {
    slots.shape(&format!("{name}.running_var")) == Some([channels].as_slice())
}

/// A norm that multiplies by `scale`, to rounding, and adds a bias.
fn insert_norm(tensors: &mut Network, norm: &str, bias: Vec<f32>, scale: f32) {
    let channels = bias.len();
    // What the variance of 1 and the epsilon beside it divide by.
    let weight = scale * (1.0 + EPSILON as f32).sqrt();
    let parts = [
        ("weight", vec![weight; channels]),
        ("bias", bias),
        ("running_mean", vec![0.0; channels]),
        ("running_var", vec![1.0; channels]),
    ];
    for (part, values) in parts {
        let data = TensorData::new(values, [channels]);
        insert(tensors, format!("{norm}.{part}"), data);
    }
}

fn insert(tensors: &mut Network, name: String, data: TensorData) {
    let tensor: Tensor = bridge::from_data(data, name.clone(), None);
    tensors.insert(name, tensor);
}
