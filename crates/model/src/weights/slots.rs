//! A detector's tensors as places for those of a file.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use burn_store::{ModuleSnapshot, bridge, burn_pack::Tensor};

use super::file::Network;
use crate::detector::Detector;

/// Ends of the names of tensors that state dicts hold beside a network's weights, and that change
/// nothing in what it computes: a counter of batches, and what follows from the table.
const COUNTERS: [&str; 3] = [".num_batches_tracked", ".anchor_grid", ".stride"];

/// The distances 0, 1, 2 …, which every detector has from the start.
const CONSTANT: &str = ".dfl.conv.weight";

/// Names and shapes of a detector's tensors.
pub(super) struct Slots {
    shapes: BTreeMap<String, Vec<usize>>,
    anchors: String,
}

/// A file's tensors by what becomes of them.
pub(super) struct Sorted {
    /// Those that fit, read.
    pub fitting: Vec<Tensor>,
    /// The anchors.
    pub anchors: Option<Tensor>,
    /// Why others don't fit though their names do.
    pub misfits: Vec<String>,
    /// Names without a place.
    pub unused: Vec<String>,
}

impl Slots {
    pub fn of(detector: &Detector) -> Self {
        let tensors = detector.collect(None, None, true).into_iter();
        Self {
            shapes: tensors
                .map(|tensor| (tensor.name.clone(), tensor.shape.to_vec()))
                .collect(),
            anchors: detector.anchors_name(),
        }
    }

    /// The shape of a tensor; None if there is none of that name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    pub fn names(&self) -> impl Iterator<Item = String> {
        self.shapes.keys().cloned()
    }

    /// The name of the first weight, as an example.
    pub fn first(&self) -> &str {
        let mut weights = self.shapes.keys().filter(|name| name.ends_with("weight"));
        weights.next().map_or("", String::as_str)
    }

    /// Whether a name of a file is of something beside the weights.
    pub fn is_counter(&self, name: &str) -> bool {
        COUNTERS.iter().any(|end| name.ends_with(end))
    }

    /// Those of the fresh tensors that an evaluation does without: the one-to-many branches of an
    /// end-to-end head, the map of classes that is learnt beside masks, constants.
    pub fn idle(&self, fresh: &[String]) -> Vec<String> {
        let one_to_many = |name: &str| {
            ["cv2", "cv3", "cv4"].iter().any(|branch| {
                let other =
                    name.replacen(&format!(".{branch}."), &format!(".one2one_{branch}."), 1);
                other != name && self.shapes.contains_key(&other)
            })
        };
        let idle = fresh.iter().filter(|name| {
            one_to_many(name) || name.contains(".proto.semseg.") || name.ends_with(CONSTANT)
        });
        idle.cloned().collect()
    }

    /// Reads what fits; what does not is sorted out unread, whatever size it claims.
    ///
    /// # Errors
    /// A tensor that can't be read, or with a number that is not finite.
    pub fn sort(&self, mut tensors: Network) -> Result<Sorted, String> {
        let mut sorted = Sorted {
            fitting: Vec::new(),
            anchors: tensors.remove(&self.anchors),
            misfits: Vec::new(),
            unused: Vec::new(),
        };
        for (name, tensor) in tensors {
            match self.shape(&name) {
                None if self.is_counter(&name) => {}
                None => sorted.unused.push(name),
                Some(shape) if *shape != tensor.shape[..] => sorted.misfits.push(format!(
                    "'{name}': expected {shape:?}, found {:?}",
                    tensor.shape.to_vec()
                )),
                Some(_) if !tensor.dtype.is_float() => sorted.misfits.push(format!(
                    "'{name}': expected floating-point numbers, found {:?}",
                    tensor.dtype
                )),
                Some(_) => sorted.fitting.push(read(&name, tensor)?),
            }
        }
        Ok(sorted)
    }
}

/// A tensor with its numbers.
fn read(name: &str, tensor: Tensor) -> Result<Tensor, String> {
    let data = bridge::into_data(tensor).map_err(|error| format!("'{name}': {error}"))?;
    let values = data.num_elements();
    let wrong = count_wrong(&data, name.ends_with(".running_var"));
    if wrong > 0 {
        return Err(format!(
            "'{name}': expected finite numbers, found NaN or infinity in {wrong} of {values} places"
        ));
    }
    Ok(bridge::from_data(data, name.into(), None))
}

/// Numbers that are not finite. An infinite variance, as half precision rounds a large one, only
/// silences its channel.
fn count_wrong(data: &TensorData, infinite: bool) -> usize {
    let wrong = |value: &f32| value.is_nan() || (value.is_infinite() && !infinite);
    let data = data.clone().convert::<f32>();
    data.iter::<f32>().filter(wrong).count()
}
