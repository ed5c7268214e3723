//! YOLOv9's links between its backbones: the fusing side.

use burn::module::Module;

use super::{
    block::{Block, on_maps},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// The sum of one map of each row that it reads, brought to the size of the last row's map by the
/// nearest neighbour. Row: `[[which, …]]`, from 0, for each row but the last.
/// Source: Wang et al., YOLOv9, arXiv:2402.13616, after CBNet, arXiv:1909.03625.
#[derive(Clone, Debug, PartialEq)]
pub struct CbFuseConfig {
    /// Of all maps that it reads, those that it adds, the last one last.
    maps: Vec<usize>,
}

/// See [`CbFuseConfig`].
#[derive(Module, Debug)]
pub struct CbFuse {
    #[module(skip)]
    maps: Vec<usize>,
}

fuse!(CbFuse:);

impl Block for CbFuseConfig {
    type Layer = CbFuse;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "[which, …]")?;
        let which = row.list(0, 0, "which map of each row")?;
        let Some((1, rows)) = row.maps().split_last() else {
            return Err("expected the last row that it reads to give one map".into());
        };
        if which.len() != rows.len() {
            return Err(format!(
                "expected as many numbers as rows before the last, {}, found {}",
                rows.len(),
                which.len()
            ));
        }
        let mut maps = Vec::with_capacity(rows.len() + 1);
        let mut first = 0;
        for (place, (which, count)) in which.iter().zip(rows).enumerate() {
            if which >= count {
                return Err(format!(
                    "expected a map from 0 to {} of the row at place {place}, found {which}",
                    count - 1
                ));
            }
            maps.push(first + which);
            first += count;
        }
        maps.push(first);
        Ok(Self { maps })
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        let added: Vec<Shape> = self.maps.iter().map(|map| inputs[*map]).collect();
        let target = inputs[inputs.len() - 1];
        match added.iter().find(|map| map.c != target.c) {
            Some(other) => Err(format!(
                "expected maps of {} channels, as the last one has, found {}",
                target.c, other.c
            )),
            None => Ok(vec![target]),
        }
    }

    fn init(&self, _: &Initializer) -> CbFuse {
        CbFuse {
            maps: self.maps.clone(),
        }
    }

    on_maps!(layer: CbFuse, inputs => {
        let target = inputs[inputs.len() - 1].clone();
        let [_, _, height, width] = FeatureMap::shape(&target);
        let (_, others) = layer
            .maps
            .split_last()
            .expect("read with at least the last");
        let sum = others.iter().fold(target, |sum, map| {
            let x = inputs[*map].clone();
            match x.shape()[2..] == [height, width] {
                true => sum + x,
                false => sum + x.resized([height, width]),
            }
        });
        vec![sum]
    });

    fn arguments(&self) -> String {
        format!("{:?}", self.maps)
    }
}
