//! The format of an event file: a chain of records, each with its length and two checksums, and in
//! each record one protobuf message `Event`.
//!
//! The messages are `prost`'s and the checksum `crc32c`'s; the chain is written here. No crate
//! that is kept up does it: `tensorboard-rs` and `tboard` begin a new file each time, and none goes
//! on in one that a killed run left with half a record.

use prost::Message;

/// What a reader expects of the first event.
const VERSION: &str = "brain.Event:2";

/// A point of a curve, by its tag.
pub type Scalar = (String, f32);

/// The fields that are used of TensorFlow's `event.proto`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    /// Optional, so that a zero is written, too.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

impl Summary {
    fn of(scalars: &[Scalar]) -> Self {
        let value = scalars.iter().map(|(tag, value)| Value {
            tag: tag.clone(),
            simple_value: Some(*value),
        });
        Self {
            value: value.collect(),
        }
    }
}

/// A record of a file, with the event that it holds.
#[derive(Debug)]
pub struct Record<'a> {
    pub bytes: &'a [u8],
    event: Event,
}

impl Record<'_> {
    /// The step of its event; 0 for the first of a file, which has none.
    pub fn step(&self) -> u64 {
        self.event.step.try_into().unwrap_or(0)
    }

    /// Whether it begins with these scalars.
    pub fn holds(&self, scalars: &[Scalar]) -> bool {
        let summary = self.event.summary.as_ref();
        summary.is_some_and(|summary| summary.value.starts_with(&Summary::of(scalars).value))
    }
}

/// The bytes of the record that a file begins with. `wall_time` is in seconds since 1970.
pub fn version(wall_time: f64) -> Vec<u8> {
    framed(&Event {
        wall_time,
        file_version: Some(VERSION.into()),
        ..Event::default()
    })
}

/// The bytes of the record of one step's scalars.
pub fn scalars(wall_time: f64, step: u64, scalars: &[Scalar]) -> Vec<u8> {
    framed(&Event {
        wall_time,
        step: step as i64,
        summary: Some(Summary::of(scalars)),
        ..Event::default()
    })
}

/// The records of a file, up to the first that is cut off or damaged.
pub fn records(mut file: &[u8]) -> Vec<Record<'_>> {
    let mut found = Vec::new();
    while let Some(record) = first(file) {
        file = &file[record.bytes.len()..];
        found.push(record);
    }
    found
}

fn framed(event: &Event) -> Vec<u8> {
    let message = event.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    let parts = [
        &length[..],
        &checksum(&length),
        &message,
        &checksum(&message),
    ];
    parts.concat()
}

/// The first record; None if it is not whole.
fn first(file: &[u8]) -> Option<Record<'_>> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let (of_length, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let message = (*of_length == checksum(length)).then(|| rest.get(..size))??;
    let (of_message, rest) = rest[size..].split_first_chunk::<4>()?;
    (*of_message == checksum(message)).then_some(())?;
    Some(Record {
        bytes: &file[..file.len() - rest.len()],
        event: Event::decode(message).ok()?,
    })
}

/// CRC-32C, rotated and shifted as the format asks, so that a checksum of checksums is none.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let sum = crc32c::crc32c(bytes).rotate_right(15);
    sum.wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(tag: &str, value: f32) -> Scalar {
        (tag.into(), value)
    }

    #[test]
    fn a_record_is_what_tensorflow_writes() {
        // As TensorBoard's own writer gives it: `tests/fixtures/events.py`.
        let expected = include_bytes!("../../tests/fixtures/events.tfevents");
        let ours = [
            version(1_700_000_000.0),
            scalars(
                1_700_000_001.5,
                1,
                &[point("train/box_loss", 0.25), point("lr/weights", 0.01)],
            ),
            scalars(1_700_000_003.0, 300, &[point("metrics/mAP50(B)", 0.5)]),
        ];
        assert_eq!(ours.concat(), expected);
    }

    #[test]
    fn records_end_where_the_file_is_damaged() {
        let parts = [
            version(1.0),
            scalars(2.0, 1, &[point("a", 1.0)]),
            scalars(3.0, 200, &[point("a", 2.0)]),
        ];
        let file = parts.concat();
        let steps = |file: &[u8]| Vec::from_iter(records(file).iter().map(Record::step));
        assert_eq!(steps(&file), [0, 1, 200]);
        assert_eq!(steps(&file[..file.len() - 1]), [0, 1]);
        assert_eq!(steps(&file[..parts[0].len() + 3]), [0]);
        let mut damaged = file.clone();
        damaged[parts[0].len() + 14] ^= 1;
        assert_eq!(steps(&damaged), [0]);
        assert!(steps(&[0xff; 40]).is_empty());
    }
}
