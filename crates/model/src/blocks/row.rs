//! How a block reads its row: arguments by place, with the table's defaults and clear refusals.

use ablate_kernels::Activation;

use crate::{
    shape::Shape,
    spec::{Anchors, Arg, Scaling},
};

/// A row and what surrounds it.
pub(crate) struct RowContext<'a> {
    pub args: &'a [Arg],
    /// Shapes of what it reads, for the reference image.
    pub inputs: &'a [Shape],
    /// The reference image.
    pub image: Shape,
    /// Scaled by depth.
    pub repeats: usize,
    pub scaling: Scaling,
    /// A channel count that width does not scale.
    pub unscaled: Option<usize>,
    pub nc: usize,
    pub table: TableContext<'a>,
}

/// What the whole table says, for the rows that go by it.
#[derive(Clone, Copy, Default)]
#[allow(dead_code)] // The heads that read them come next.
pub(crate) struct TableContext<'a> {
    pub anchors: Option<&'a Anchors>,
    /// Cells of the distributions of a box's distances; None for the head's default.
    pub reg_max: Option<usize>,
    /// Whether the head has branches that need no suppression.
    pub end2end: bool,
    /// Whether one of Ultralytics' blocks from YOLOv10 on stands in the table: their heads
    /// classify by depthwise convolutions.
    pub modern: bool,
}

/// Reads a row's arguments.
pub struct RowReader<'a>(RowContext<'a>);

/// Bounds the numbers of a row: larger ones are a mistake, and would overflow what is counted.
const MAX_ARG: i64 = 1 << 16;
/// The same of kernels, strides and whatever else is a way across a map.
const MAX_CELLS: i64 = 1 << 10;

impl<'a> RowReader<'a> {
    pub(crate) fn new(row: RowContext<'a>) -> Self {
        Self(row)
    }

    /// Shapes of what the row reads, for the reference image.
    pub fn inputs(&self) -> &'a [Shape] {
        self.0.inputs
    }

    /// Repeats, scaled by depth.
    pub fn repeats(&self) -> usize {
        self.0.repeats
    }

    /// Number of classes.
    pub fn nc(&self) -> usize {
        self.0.nc
    }

    /// The scale, if its name is one letter.
    pub fn scale_letter(&self) -> Option<char> {
        self.0.scaling.letter
    }

    /// What the whole table says.
    pub(crate) fn table(&self) -> TableContext<'a> {
        self.0.table
    }

    /// Argument `i` as written.
    pub fn arg(&self, i: usize) -> Option<&'a Arg> {
        self.0.args.get(i)
    }

    /// Strides of the inputs against the image, which have to be whole: boxes are placed by them.
    pub fn strides(&self) -> Result<Vec<usize>, String> {
        let side = self.0.image.h;
        let stride = |input: &Shape| match input.h > 0 && side.is_multiple_of(input.h) {
            true => Ok(side / input.h),
            false => Err(format!(
                "expected a map whose side divides the image's, found {}×{} for an image of {side}×{side}",
                input.h, input.w
            )),
        };
        self.0.inputs.iter().map(stride).collect()
    }

    /// Channels of the one input.
    pub fn channels_in(&self) -> Result<usize, String> {
        match self.0.inputs {
            [input] => Ok(input.c),
            inputs => Err(format!("expected one input, found {}", inputs.len())),
        }
    }

    /// The first argument as output channels, scaled by width and rounded up to a multiple of 8.
    pub fn channels_out(&self) -> Result<usize, String> {
        self.scaled(0, "output channels")
    }

    /// Argument `i` as channels, scaled in the same way, with a default.
    pub fn scaled_or(&self, i: usize, default: usize, what: &str) -> Result<usize, String> {
        let c = self.positive(i, Some(default), what)?;
        self.scale(c, what)
    }

    /// Argument `i` as channels, scaled in the same way.
    pub fn scaled(&self, i: usize, what: &str) -> Result<usize, String> {
        let c = self.positive(i, None, what)?;
        self.scale(c, what)
    }

    fn scale(&self, c: usize, what: &str) -> Result<usize, String> {
        if Some(c) == self.0.unscaled {
            return Ok(c);
        }
        let Scaling {
            width,
            max_channels,
            ..
        } = self.0.scaling;
        let bounded = max_channels.map_or(c as f64, |max| max.min(c as f64));
        let scaled = (bounded * width / 8.0).ceil() * 8.0;
        match scaled <= MAX_ARG as f64 {
            true => Ok(scaled as usize),
            false => Err(format!(
                "{what}: expected at most {MAX_ARG} after scaling, found {scaled}"
            )),
        }
    }

    /// Refuses more arguments than the block knows.
    pub fn at_most(&self, n: usize, usage: &str) -> Result<(), String> {
        match self.0.args.len() {
            len if len > n => Err(format!("expected [{usage}], found {len} arguments")),
            _ => Ok(()),
        }
    }

    /// Argument `i` as a whole number of 1 or more.
    pub fn positive(&self, i: usize, default: Option<usize>, what: &str) -> Result<usize, String> {
        self.up_to(MAX_ARG, i, default, what)
    }

    /// Argument `i` as a way across a map, such as a kernel's side or a stride.
    pub fn cells(&self, i: usize, default: usize, what: &str) -> Result<usize, String> {
        self.up_to(MAX_CELLS, i, Some(default), what)
    }

    fn up_to(
        &self,
        most: i64,
        i: usize,
        default: Option<usize>,
        what: &str,
    ) -> Result<usize, String> {
        match (self.0.args.get(i), default) {
            (None | Some(Arg::None), Some(default)) => Ok(default),
            (Some(Arg::Int(n)), _) if (1..=most).contains(n) => Ok(*n as usize),
            _ => Err(self.misfit(i, what, &format!("a whole number from 1 to {most}"))),
        }
    }

    /// Argument `i` as a whole number; None if it is absent or None.
    pub fn optional(&self, i: usize, what: &str) -> Result<Option<usize>, String> {
        match self.0.args.get(i) {
            None | Some(Arg::None) => Ok(None),
            Some(Arg::Int(n)) if (0..=MAX_ARG).contains(n) => Ok(Some(*n as usize)),
            Some(_) => Err(self.misfit(i, what, "a whole number or None")),
        }
    }

    /// Argument `i` as a truth value.
    pub fn flag(&self, i: usize, default: bool, what: &str) -> Result<bool, String> {
        match self.0.args.get(i) {
            None | Some(Arg::None) => Ok(default),
            Some(Arg::Bool(value)) => Ok(*value),
            Some(_) => Err(self.misfit(i, what, "True or False")),
        }
    }

    /// Argument `i` as a positive number.
    pub fn number(&self, i: usize, default: f64, what: &str) -> Result<f64, String> {
        match self.0.args.get(i) {
            None | Some(Arg::None) => Ok(default),
            Some(Arg::Float(x)) if *x > 0.0 && *x <= MAX_ARG as f64 => Ok(*x),
            Some(Arg::Int(n)) if (1..=MAX_ARG).contains(n) => Ok(*n as f64),
            Some(_) => Err(self.misfit(i, what, "a positive number")),
        }
    }

    /// Argument `i` as a word.
    pub fn word(&self, i: usize, default: &'a str, what: &str) -> Result<&'a str, String> {
        match self.0.args.get(i) {
            None | Some(Arg::None) => Ok(default),
            Some(Arg::Text(word)) => Ok(word),
            Some(_) => Err(self.misfit(i, what, "a word")),
        }
    }

    /// Argument `i` as an activation: a name, False for none, or True for the default, which is
    /// None here.
    pub fn activation(&self, i: usize) -> Result<Option<Activation>, String> {
        match self.0.args.get(i) {
            None | Some(Arg::Bool(true)) => Ok(None),
            Some(Arg::Bool(false)) => Ok(Some(Activation::Identity)),
            Some(Arg::Text(word)) => word.parse().map(Some),
            Some(_) => Err(self.misfit(i, "activation", "a name such as relu")),
        }
    }

    /// That argument `i` is not what was expected.
    fn misfit(&self, i: usize, what: &str, expected: &str) -> String {
        let found = self.arg(i).map_or("nothing".into(), Arg::to_string);
        format!("argument {i} ({what}): expected {expected}, found {found}")
    }
}
