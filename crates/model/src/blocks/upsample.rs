//! Upsampling.

use burn::{
    module::Module,
    tensor::{
        Tensor,
        module::interpolate,
        ops::{InterpolateMode, InterpolateOptions},
    },
};

use super::{
    block::{Block, only},
    row::RowReader,
};
use crate::{
    constants::constant,
    fuse::fuse,
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// PyTorch's upsampling, nearest or bilinear. Row: `[size, factor, mode, align corners]`, one of
/// the first two None: `[None, 2, nearest]`. A size is one side or `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpsampleConfig {
    /// The sides of the output.
    pub target: Target,
    /// How the values between those of the input are found.
    pub mode: Mode,
}

/// The sides of an upsampling's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// A multiple of the input's.
    Factor(usize),
    /// Height and width.
    Sides([usize; 2]),
}

/// An upsampling's way to find values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Each the nearest of the input.
    Nearest,
    /// Each between four of the input.
    Bilinear {
        /// Whether the corners' centres lie on each other rather than their edges.
        align_corners: bool,
    },
}

/// See [`UpsampleConfig`].
#[derive(Module, Debug)]
pub struct Upsample {
    #[module(skip)]
    config: UpsampleConfig,
}

fuse!(Upsample:);

/// `[batch, c, h, w]` to maps of those sides.
fn resize(x: Tensor<4>, sides: [usize; 2], mode: Mode) -> Tensor<4> {
    let (mode, align_corners) = match mode {
        Mode::Nearest => (InterpolateMode::Nearest, false),
        // CubeCL's backends know no gradient of it.
        Mode::Bilinear { align_corners } if x.device().is_autodiff() => {
            let rows = between(x, 2, sides[0], align_corners);
            return between(rows, 3, sides[1], align_corners);
        }
        Mode::Bilinear { align_corners } => (InterpolateMode::Bilinear, align_corners),
    };
    let options = InterpolateOptions::new(mode)
        .with_align_corners(align_corners)
        .with_output_size(sides);
    interpolate(x, options)
}

/// One dimension made `side` long, each value between two neighbours.
fn between(x: Tensor<4>, dim: usize, side: usize, align_corners: bool) -> Tensor<4> {
    let (device, last) = (x.device(), x.dims()[dim] - 1);
    let place = |i: usize| match align_corners {
        true => i as f64 * last as f64 / (side - 1).max(1) as f64,
        false => ((i as f64 + 0.5) * (last + 1) as f64 / side as f64 - 0.5).max(0.0),
    };
    let places: Vec<f64> = (0..side).map(place).collect();
    let neighbour = |offset: usize| {
        let index = |place: &f64| (*place as usize + offset).min(last) as f32;
        let indices: Vec<f32> = places.iter().map(index).collect();
        x.clone()
            .select(dim, constant(&indices, [side], &device).int())
    };
    let shares: Vec<f32> = places.iter().map(|place| place.fract() as f32).collect();
    let mut shape = [1; 4];
    shape[dim] = side;
    let share = constant(&shares, shape, &device).cast(x.dtype());
    let (low, high) = (neighbour(0), neighbour(1));
    low.clone() + (high - low) * share
}

impl Target {
    fn of(self, height: usize, width: usize) -> [usize; 2] {
        match self {
            Self::Factor(factor) => [height, width].map(|side| side.saturating_mul(factor)),
            Self::Sides(sides) => sides,
        }
    }
}

impl Block for UpsampleConfig {
    type Layer = Upsample;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(4, "size, factor, mode, align corners")?;
        row.channels_in()?;
        let target = match (row.numbers(0, "size")?, row.optional(1, "factor")?) {
            (None, _) => Target::Factor(row.cells(1, 2, "factor")?),
            (Some(size), None) => Target::Sides(match *size {
                [side] if side > 0 => [side; 2],
                [height, width] if height > 0 && width > 0 => [height, width],
                _ => return Err(format!("size: expected [height, width], found {size:?}")),
            }),
            (Some(_), Some(_)) => {
                return Err("expected a size or a factor, found both".into());
            }
        };
        let align_corners = row.flag(3, false, "align corners")?;
        let mode = match row.word(2, "nearest", "mode")? {
            "nearest" if align_corners => {
                return Err("align corners: expected a bilinear upsampling".into());
            }
            "nearest" => Mode::Nearest,
            "bilinear" => Mode::Bilinear { align_corners },
            mode => {
                return Err(format!(
                    "mode: expected nearest or bilinear, found '{mode}'"
                ));
            }
        };
        Ok(Self { target, mode })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let Shape { c, h, w } = inputs[0];
        let [h, w] = self.target.of(h, w);
        let y = Shape::new(c, h, w);
        Ok(vec![match self.mode {
            Mode::Nearest => tally.upsample(y),
            Mode::Bilinear { .. } => tally.bilinear_upsample(y),
        }])
    }

    fn init(&self, _: &Initializer) -> Upsample {
        Upsample { config: *self }
    }

    fn forward(layer: &Upsample, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let (x, UpsampleConfig { target, mode }) = (only(inputs), layer.config);
        let [_, _, height, width] = x.dims();
        vec![resize(x, target.of(height, width), mode)]
    }

    fn lower(layer: &Upsample, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        let (x, UpsampleConfig { target, mode }) = (only(inputs), layer.config);
        let [_, _, height, width] = x.shape();
        Some(vec![match (target, mode) {
            (Target::Factor(factor), Mode::Nearest) => x.enlarged(factor),
            (Target::Sides(sides), Mode::Nearest) => x.resized(sides),
            (_, Mode::Bilinear { align_corners }) => {
                x.bilinear(target.of(height, width), align_corners)
            }
        }])
    }

    fn arguments(&self) -> String {
        let mode = match self.mode {
            Mode::Nearest => "nearest",
            Mode::Bilinear {
                align_corners: false,
            } => "bilinear",
            Mode::Bilinear {
                align_corners: true,
            } => "bilinear, True",
        };
        match self.target {
            Target::Factor(factor) => format!("[None, {factor}, {mode}]"),
            Target::Sides([height, width]) => format!("[[{height}, {width}], None, {mode}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// In training the bilinear way is one of our own.
    #[test]
    fn bilinear_gradients_are_burns() {
        let device = Device::flex().autodiff();
        let values = |x: Tensor<4>| x.into_data().try_to_vec::<f32>().unwrap();
        for (shape, sides) in [
            ([2, 3, 5, 4], [10, 8]),
            ([1, 2, 3, 7], [7, 5]),
            ([1, 1, 1, 2], [3, 1]),
        ] {
            for align_corners in [false, true] {
                let range = Distribution::Uniform(-1.0, 1.0);
                let x = Tensor::<4>::random(shape, range, &device).require_grad();
                let [batch, c, ..] = shape;
                let weights = Tensor::<4>::random([batch, c, sides[0], sides[1]], range, &device);
                let burns = InterpolateOptions::new(InterpolateMode::Bilinear)
                    .with_align_corners(align_corners)
                    .with_output_size(sides);
                let found = [
                    resize(x.clone(), sides, Mode::Bilinear { align_corners }),
                    interpolate(x.clone(), burns),
                ];
                let [(ours, our_gradient), (burns, burns_gradient)] = found.map(|y| {
                    let gradients = (y.clone() * weights.clone()).sum().backward();
                    let gradient = x.grad(&gradients).expect("tracked");
                    (values(y.inner()), values(gradient))
                });
                for (ours, burns) in [(ours, burns), (our_gradient, burns_gradient)] {
                    assert_eq!(ours.len(), burns.len());
                    let off = ours.iter().zip(&burns).map(|(a, b)| (a - b).abs());
                    let off = off.fold(0.0, f32::max);
                    assert!(off < 1e-5, "{shape:?} to {sides:?}, {align_corners}: {off}");
                }
            }
        }
    }
}
