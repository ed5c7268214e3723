//! The size of the network's input: a square, or a rectangle.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Height and width of the network's input, in pixels. Written `640` for a square, and `[384, 640]`
/// for a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageSize {
    /// Height.
    pub height: usize,
    /// Width.
    pub width: usize,
}

/// The largest side that is taken for meant.
const MAX_SIDE: usize = 8192;

impl ImageSize {
    /// Width and height, in the order of images.
    pub fn wh(self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// For a file's name: `640`, `384x640`.
    pub fn word(self) -> String {
        self.to_string().replace('×', "x")
    }

    /// As options of a command line: `640`, `384 640`.
    pub fn arguments(self) -> String {
        self.to_string().replace('×', " ")
    }

    /// The same if both sides are multiples of a stride up to 8192.
    ///
    /// # Errors
    /// Names the side, and the next one that fits.
    pub fn check(self, stride: usize) -> Result<Self, String> {
        for side in [self.height, self.width] {
            if side == 0 || side > MAX_SIDE {
                return Err(format!(
                    "expected a multiple of {stride} from {stride} to {MAX_SIDE}, found {side}"
                ));
            }
            if !side.is_multiple_of(stride) {
                let next = side.next_multiple_of(stride);
                return Err(format!(
                    "expected a multiple of {stride}, found {side}; next: {next}"
                ));
            }
        }
        Ok(self)
    }
}

impl From<usize> for ImageSize {
    /// A square.
    fn from(side: usize) -> Self {
        Self {
            height: side,
            width: side,
        }
    }
}

impl fmt::Display for ImageSize {
    /// `640`, or `384×640`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.height == self.width {
            true => write!(f, "{}", self.height),
            false => write!(f, "{}×{}", self.height, self.width),
        }
    }
}

impl FromStr for ImageSize {
    type Err = String;

    /// `640`, or height and width as `384,640`, `384x640` or `384 640`.
    fn from_str(word: &str) -> Result<Self, String> {
        let sides: Option<Vec<usize>> = word
            .split([',', 'x', '×', ' '])
            .map(|side| side.parse().ok())
            .collect();
        match sides.as_deref() {
            Some([side]) => Ok((*side).into()),
            Some([height, width]) => Ok(Self {
                height: *height,
                width: *width,
            }),
            _ => Err(format!(
                "expected pixels, or height and width such as 384 640, found '{word}'"
            )),
        }
    }
}

/// As files have it.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number of pixels, or height and width such as [384, 640]"
)]
enum Written {
    Square(usize),
    Rectangle([usize; 2]),
}

impl Serialize for ImageSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.height == self.width {
            true => Written::Square(self.height),
            false => Written::Rectangle([self.height, self.width]),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ImageSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Square(0) | Written::Rectangle([0, _] | [_, 0]) => {
                Err(D::Error::custom("expected at least 1 pixel, found 0"))
            }
            Written::Square(side) => Ok(side.into()),
            Written::Rectangle([height, width]) => Ok(Self { height, width }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: ImageSize = ImageSize {
        height: 384,
        width: 640,
    };

    #[test]
    fn a_square_is_a_number() {
        let square = ImageSize::from(640);
        assert_eq!(square.to_string(), "640");
        assert_eq!(serde_json::to_string(&square).unwrap(), "640");
        assert_eq!(serde_json::from_str::<ImageSize>("640").unwrap(), square);
    }

    #[test]
    fn a_rectangle_is_height_and_width() {
        assert_eq!(
            [WIDE.to_string(), WIDE.word(), WIDE.arguments()],
            ["384×640", "384x640", "384 640"]
        );
        assert_eq!(serde_json::to_string(&WIDE).unwrap(), "[384,640]");
        for word in ["384,640", "384x640", "384×640", "384 640"] {
            assert_eq!(word.parse(), Ok(WIDE));
        }
        assert!("384,640,3".parse::<ImageSize>().is_err());
        assert!("wide".parse::<ImageSize>().is_err());
        assert!(serde_json::from_str::<ImageSize>("[384]").is_err());
        assert!(serde_json::from_str::<ImageSize>("0").is_err());
    }

    #[test]
    fn a_side_that_does_not_fit_is_answered_with_the_next() {
        assert_eq!(WIDE.check(32), Ok(WIDE));
        assert_eq!(
            ImageSize::from(1000).check(32).unwrap_err(),
            "expected a multiple of 32, found 1000; next: 1024"
        );
        assert_eq!(
            WIDE.check(256).unwrap_err(),
            "expected a multiple of 256, found 384; next: 512"
        );
        assert_eq!(
            ImageSize::from(9000).check(32).unwrap_err(),
            "expected a multiple of 32 from 32 to 8192, found 9000"
        );
    }
}
