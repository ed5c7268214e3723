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
                let mut polygons = Vec::new();
                while let Some(Polygon(polygon)) = list.next_element()? {
                    polygons.push(polygon);
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

/// A flat list x, y, x, y, …
struct Polygon(Vec<[f64; 2]>);

impl<'de> Deserialize<'de> for Polygon {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = Vec::<f64>::deserialize(deserializer)?;
        let (corners, []) = numbers.as_chunks() else {
            return Err(D::Error::custom(format!(
                "{} numbers, expected pairs of x and y",
                numbers.len()
            )));
        };
        if corners.len() < 3 {
            return Err(D::Error::custom(format!(
                "{} numbers, expected 6 or more",
                numbers.len()
            )));
        }
        Ok(Self(corners.to_vec()))
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
