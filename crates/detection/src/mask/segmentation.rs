//! What COCO's key `segmentation` holds.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Rle, Size};

/// A value of COCO's key `segmentation`: polygons, or run lengths as a list or a compressed string.
#[derive(Clone, Debug, PartialEq)]
pub enum Segmentation {
    /// Outlines of an object's parts, each a list of \[x, y\] in pixels, three or more.
    Polygons(Vec<Vec<[f64; 2]>>),
    /// `{size: [height, width], counts}`.
    Rle(Rle),
}

impl Segmentation {
    /// The mask in an image of `height` × `width` pixels.
    ///
    /// # Errors
    /// Run lengths of an image of another size, and an image of more pixels than 32 bits can count.
    pub fn to_rle(&self, height: usize, width: usize) -> Result<Rle, String> {
        match self {
            Self::Polygons(polygons) => {
                Size::new(height, width).map(|_| Rle::from_polygons(polygons, height, width))
            }
            Self::Rle(rle) if (rle.height(), rle.width()) == (height, width) => Ok(rle.clone()),
            Self::Rle(rle) => Err(format!(
                "size is [{}, {}], but its image has height {height} and width {width}",
                rle.height, rle.width
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Segmentation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Segmentation;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a list of polygons or {size: [height, width], counts}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let (mut polygons, mut flat) = (Vec::new(), Vec::new());
                while let Some(part) = list.next_element()? {
                    match part {
                        Part::Polygon(polygon) => polygons.extend(polygon),
                        Part::Number(number) => flat.push(number),
                    }
                }
                // Some tools write the numbers of an only polygon without its brackets.
                if polygons.is_empty() {
                    polygons.extend(polygon::<A::Error>(&flat)?);
                } else if !flat.is_empty() {
                    return Err(A::Error::custom("numbers beside polygons"));
                }
                if polygons.is_empty() {
                    Err(A::Error::custom("no polygon"))
                } else {
                    Ok(Segmentation::Polygons(polygons))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                #[derive(Deserialize)]
                struct Runs {
                    size: [usize; 2],
                    counts: Counts,
                }
                let Runs {
                    size: [height, width],
                    counts,
                } = Runs::deserialize(MapAccessDeserializer::new(map))?;
                let rle = match counts {
                    Counts::List(counts) => Rle::from_counts(counts, height, width),
                    Counts::Compressed(text) => Rle::from_compressed(&text, height, width),
                };
                rle.map(Segmentation::Rle)
                    .map_err(|problem| A::Error::custom(format!("counts: {problem}")))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// An entry of a list of polygons.
enum Part {
    /// None if the list is empty.
    Polygon(Option<Vec<[f64; 2]>>),
    /// It is no list of polygons, but a polygon.
    Number(f64),
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Part;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a polygon [x, y, x, y, …]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Part, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = list.next_element::<f64>()? {
                    numbers.push(number);
                }
                polygon(&numbers).map(Part::Polygon)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Part, E> {
                Ok(Part::Number(number as f64))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Part, E> {
                Ok(Part::Number(number as f64))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Part, E> {
                Ok(Part::Number(number))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The corners in a list x, y, x, y, …; None if it is empty.
fn polygon<E: Error>(numbers: &[f64]) -> Result<Option<Vec<[f64; 2]>>, E> {
    let count = numbers.len();
    match numbers.as_chunks() {
        ([], []) => Ok(None),
        (corners, []) if corners.len() >= 3 => Ok(Some(corners.to_vec())),
        (_, []) => Err(E::custom(format!("{count} numbers, expected 6 or more"))),
        _ => Err(E::custom(format!(
            "{count} numbers, expected pairs of x and y"
        ))),
    }
}

enum Counts {
    List(Vec<u32>),
    Compressed(String),
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Counts;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a list of whole numbers or a compressed string")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut counts = Vec::new();
                while let Some(count) = list.next_element()? {
                    counts.push(count);
                }
                Ok(Counts::List(counts))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Counts::Compressed(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
