//! Spatial pyramid pooling side by side.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    pool::max_pool,
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Spatial pyramid pooling: max pools of several kernels beside each other, all of them and their
/// input between two 1×1 convolutions. Row: `[channels, kernels]`, as in `[512, [5, 9, 13]]`.
/// Source: He et al., SPP-net, arXiv:1406.4729, as YOLOv3-SPP and YOLOv5 arrange it.
#[derive(Clone, Debug, PartialEq)]
pub struct SppConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Sides of the pools' kernels.
    pub kernels: Vec<usize>,
}

/// See [`SppConfig`].
#[derive(Module, Debug)]
pub struct Spp {
    cv1: Conv,
    cv2: Conv,
    kernels: Vec<usize>,
}

fuse!(Spp: cv1, cv2);

impl SppConfig {
    fn convs(&self) -> [ConvConfig; 2] {
        let hidden = self.c_in / 2;
        let maps = self.kernels.len() + 1;
        [
            ConvConfig::new(self.c_in, hidden, 1, 1),
            ConvConfig::new(maps * hidden, self.c_out, 1, 1),
        ]
    }
}

impl Block for SppConfig {
    type Layer = Spp;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "channels, kernels")?;
        let kernels = row.numbers(1, "kernels")?.unwrap_or(vec![5, 9, 13]);
        if row.channels_in()? < 2 {
            return Err("expected two input channels or more, found 1".into());
        }
        match kernels.is_empty() || kernels.iter().any(|kernel| kernel.is_multiple_of(2)) {
            true => Err(format!(
                "kernels: expected odd numbers, so that pooling keeps the size, found {kernels:?}"
            )),
            false => Ok(Self {
                c_in: row.channels_in()?,
                c_out: row.channels_out()?,
                kernels,
            }),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.convs();
        let x = cv1.trace_one(inputs[0], tally);
        let all = Shape::new((self.kernels.len() + 1) * x.c, x.h, x.w);
        Ok(vec![cv2.trace_one(all, tally)])
    }

    fn init(&self, init: &Initializer) -> Spp {
        let [cv1, cv2] = self.convs().map(|conv| Conv::new(&conv, init));
        Spp {
            cv1,
            cv2,
            kernels: self.kernels.clone(),
        }
    }

    on_maps!(layer: Spp, inputs => {
        let x = layer.cv1.forward(only(inputs));
        let pool = |kernel: &usize| max_pool(x.clone(), *kernel, 1);
        let maps = std::iter::once(x.clone()).chain(layer.kernels.iter().map(pool));
        vec![layer.cv2.forward(FeatureMap::concatenated(maps.collect()))]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}, {:?}]", self.c_in, self.c_out, self.kernels)
    }
}
