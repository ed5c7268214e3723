//! How a block reads its row: arguments by place, with the table's defaults and clear refusals.

use std::ops::RangeInclusive;

use ablate_kernels::Activation;

use crate::{
    shape::Shape,
    spec::{Anchors, Arg, MAX_REPEATS, Scaling},
};

/// A row and what surrounds it.
pub(crate) struct RowContext<'a> {
    pub args: &'a [Arg],
    /// Shapes of what it reads, for the reference image.
    pub inputs: &'a [Shape],
    /// How many of them each row gives that it reads.
    pub maps: &'a [usize],
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
pub(crate) struct TableContext<'a> {
    pub anchors: Option<&'a Anchors>,
    /// Cells of the distributions of a box's distances; None for the head's default.
    pub reg_max: Option<usize>,
    /// Whether the head has branches that need no suppression.
    pub end2end: bool,
    /// Whether an anchor-free head classifies by depthwise convolutions.
    pub separable: bool,
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

    /// How many of the inputs each row gives that it reads: more than one of a block with several
    /// outputs.
    pub fn maps(&self) -> &'a [usize] {
        self.0.maps
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

    /// Place of the first argument after the channels of the one input, which tables may give, as
    /// they are or as width scales them, to a block that keeps them: 1 or 0.
    pub fn after_channels(&self) -> Result<usize, String> {
        let c_in = self.channels_in()?;
        let given = match self.arg(0) {
            Some(Arg::Int(n)) => usize::try_from(*n).unwrap_or(0),
            _ => 0,
        };
        let named = given == c_in || given > 0 && self.scale(given, "channels") == Ok(c_in);
        Ok(usize::from(named))
    }

    /// Argument `i` as groups of channels, 1 unless it is given.
    pub fn groups(&self, i: usize, c_in: usize, c_out: usize) -> Result<usize, String> {
        let groups = self.positive(i, Some(1), "groups")?;
        match c_in.is_multiple_of(groups) && c_out.is_multiple_of(groups) {
            true => Ok(groups),
            false => Err(format!(
                "expected {c_in} input and {c_out} output channels to divide into {groups} groups"
            )),
        }
    }

    /// Argument `i` as the side of a kernel, which has to be given.
    pub fn side(&self, i: usize, what: &str) -> Result<usize, String> {
        self.up_to(MAX_CELLS, i, None, what)
    }

    /// Argument `i` as whole numbers, a list or one alone; None if it is absent or None.
    pub fn numbers(&self, i: usize, what: &str) -> Result<Option<Vec<usize>>, String> {
        match self.0.args.get(i) {
            None | Some(Arg::None) => Ok(None),
            Some(_) => self.whole_numbers(i, 0..=MAX_CELLS, what).map(Some),
        }
    }

    /// Argument `i` as whole numbers from `least` on, a list or one alone, which have to be given.
    pub fn list(&self, i: usize, least: i64, what: &str) -> Result<Vec<usize>, String> {
        self.whole_numbers(i, least..=MAX_ARG, what)
    }

    fn whole_numbers(
        &self,
        i: usize,
        range: RangeInclusive<i64>,
        what: &str,
    ) -> Result<Vec<usize>, String> {
        let number = |arg: &Arg| match arg {
            Arg::Int(n) if range.contains(n) => Some(*n as usize),
            _ => None,
        };
        let numbers = match self.0.args.get(i) {
            Some(Arg::List(list)) => list.iter().map(number).collect(),
            one => one.and_then(number).map(|n| vec![n]),
        };
        let (least, most) = range.clone().into_inner();
        let expected = format!("a list of whole numbers from {least} to {most}");
        numbers.ok_or_else(|| self.misfit(i, what, &expected))
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

    /// Argument `i` as a number of blocks.
    pub fn count(&self, i: usize, default: usize, what: &str) -> Result<usize, String> {
        self.up_to(MAX_REPEATS as i64, i, Some(default), what)
    }

    /// Argument `i` as the side of a window that has to be odd, so that it keeps the size of a map.
    pub fn odd_cells(&self, i: usize, default: usize, what: &str) -> Result<usize, String> {
        match self.cells(i, default, what)? {
            even if even.is_multiple_of(2) => Err(format!(
                "{what}: expected an odd number, so that pooling keeps the size, found {even}"
            )),
            odd => Ok(odd),
        }
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
            Some(_) => Err(self.misfit(
                i,
                what,
                &format!("a whole number from 0 to {MAX_ARG}, or None"),
            )),
        }
    }

    /// Argument `i` as the kernels of two convolutions: a list of two, each a side or
    /// `[height, width]`.
    pub fn windows(
        &self,
        i: usize,
        default: [[usize; 2]; 2],
        what: &str,
    ) -> Result<[[usize; 2]; 2], String> {
        let side = |arg: &Arg| match arg {
            Arg::Int(n) if (1..=MAX_CELLS).contains(n) => Some(*n as usize),
            _ => None,
        };
        let window = |arg: &Arg| match arg {
            Arg::List(sides) => match sides.as_slice() {
                [height, width] => Some([side(height)?, side(width)?]),
                _ => None,
            },
            arg => side(arg).map(|side| [side; 2]),
        };
        let read = match self.0.args.get(i) {
            None | Some(Arg::None) => Some(default),
            Some(Arg::List(list)) => match list.as_slice() {
                [first, second] => window(first).zip(window(second)).map(<[_; 2]>::from),
                _ => None,
            },
            Some(_) => None,
        };
        let expected = format!("two sides from 1 to {MAX_CELLS}, or two [height, width]");
        read.ok_or_else(|| self.misfit(i, what, &expected))
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
