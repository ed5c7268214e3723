//! The format of an event file: a chain of records, each with its length and two checksums, and in
//! each record one protobuf message `Event`.
//!
//! Written here, because the crates that do it come with more than they save: `tensorboard-rs` was
//! last released in 2021, `tfrecord` generates all of TensorFlow's messages. Four fields of one
//! message are needed.

/// What a reader expects of the first event.
const VERSION: &str = "brain.Event:2";

/// Length of a record without its message: the message's length and the checksums of both.
const FRAME: usize = 8 + 4 + 4;

/// A point of a curve, by its tag.
pub type Scalar = (String, f32);

/// The record that a file begins with. `wall_time` is in seconds since 1970.
pub fn version(wall_time: f64) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, wall_time);
    event.bytes(3, VERSION.as_bytes());
    framed(&event.0)
}

/// The record of the scalars of one step.
pub fn scalars(wall_time: f64, step: u64, scalars: &[Scalar]) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, wall_time);
    event.integer(2, step);
    event.bytes(5, &summary(scalars));
    framed(&event.0)
}

/// Whether a record holds these scalars, next to each other.
pub fn holds(record: &[u8], scalars: &[Scalar]) -> bool {
    let summary = summary(scalars);
    record.windows(summary.len()).any(|part| part == summary)
}

/// The message `Summary`: the scalars, one after the other.
fn summary(scalars: &[Scalar]) -> Vec<u8> {
    let mut summary = Message::default();
    for (tag, value) in scalars {
        let mut point = Message::default();
        point.bytes(1, tag.as_bytes());
        point.float(2, *value);
        summary.bytes(1, &point.0);
    }
    summary.0
}

/// The records of a file with the step of each, up to the first that is cut off or damaged. A
/// record without a step, such as the first, is of step 0.
pub fn records(mut file: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    while let Some((message, length)) = unframed(file) {
        let (record, rest) = file.split_at(length);
        found.push((step(message).unwrap_or(0), record));
        file = rest;
    }
    found
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let parts = [&length[..], &checksum(&length), message, &checksum(message)];
    parts.concat()
}

/// The message of the first record, and the length of the record; None if it is not whole.
fn unframed(file: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let (of_length, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let message = (*of_length == checksum(length)).then(|| rest.get(..size))??;
    let of_message = rest.get(size..size.checked_add(4)?)?;
    (of_message == checksum(message)).then_some((message, size + FRAME))
}

/// CRC-32C, rotated and shifted as the format asks, so that a checksum of checksums is none.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let sum = crc32c::crc32c(bytes).rotate_right(15);
    sum.wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A protobuf message as it grows.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn integer(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

/// The field `step` of an event of ours, which follows the wall time; None if it has none.
fn step(event: &[u8]) -> Option<u64> {
    let rest = event.strip_prefix(&[1 << 3 | 1])?.get(8..)?;
    let rest = rest.strip_prefix(&[2 << 3])?;
    let mut step = 0;
    for (place, byte) in rest.iter().take(9).enumerate() {
        step |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(step);
        }
    }
    None
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
        let steps = |file: &[u8]| Vec::from_iter(records(file).into_iter().map(|(step, _)| step));
        assert_eq!(steps(&file), [0, 1, 200]);
        assert_eq!(steps(&file[..file.len() - 1]), [0, 1]);
        assert_eq!(steps(&file[..parts[0].len() + 3]), [0]);
        let mut damaged = file.clone();
        damaged[parts[0].len() + 14] ^= 1;
        assert_eq!(steps(&damaged), [0]);
        assert!(steps(&[0xff; 40]).is_empty());
    }
}
