//! COCO's compressed string: every count as a few printable characters.
//!
//! A character carries six bits above `'0'`: five of the number, the lowest first, and one that
//! says that more follow. The last one's fifth bit is the sign. From the fourth on a count is the
//! difference to the one before the last, as neighbouring columns of an object have runs of about
//! the same length.

use super::Rle;

const OFFSET: u8 = b'0';
const MORE: u8 = 0x20;
const SIGN: u8 = 0x10;
const BITS: u8 = 0x1f;

/// Maximum number of characters of the difference of two 32-bit counts.
const LONGEST: u32 = 7;

impl Rle {
    /// From COCO's compressed string.
    ///
    /// # Errors
    /// A string that was cut or holds a character that it can't, and counts that don't add up to
    /// `height * width`.
    pub fn from_compressed(text: &str, height: usize, width: usize) -> Result<Self, String> {
        let mut counts: Vec<u32> = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let (number, next) = number(text.as_bytes(), at)?;
            let before = if counts.len() > 2 {
                i64::from(counts[counts.len() - 2])
            } else {
                0
            };
            let count = before + number;
            counts.push(u32::try_from(count).map_err(|_| {
                format!(
                    "the count at character {at} is {count}, out of 0 to {}",
                    u32::MAX
                )
            })?);
            at = next;
        }
        Self::from_counts(counts, height, width)
    }

    /// COCO's compressed string.
    pub fn to_compressed(&self) -> String {
        let mut text = String::with_capacity(2 * self.counts.len());
        for (index, &count) in self.counts.iter().enumerate() {
            let before = if index > 2 {
                i64::from(self.counts[index - 2])
            } else {
                0
            };
            push_number(&mut text, i64::from(count) - before);
        }
        text
    }
}

/// The number that begins at a place, and where the next one begins.
fn number(text: &[u8], start: usize) -> Result<(i64, usize), String> {
    let mut number = 0;
    for (place, at) in (0..LONGEST).zip(start..) {
        let Some(&character) = text.get(at) else {
            return Err(format!(
                "the string ends within the number that begins at character {start}"
            ));
        };
        let six = character.wrapping_sub(OFFSET);
        if six > BITS | MORE {
            return Err(format!(
                "the byte {character:#04x} at character {at} is none of '0' to 'o'"
            ));
        }
        number |= i64::from(six & BITS) << (5 * place);
        if six & MORE == 0 {
            let sign = if six & SIGN == 0 {
                0
            } else {
                -1 << (5 * (place + 1))
            };
            return Ok((number | sign, at + 1));
        }
    }
    Err(format!(
        "the number at character {start} is longer than {LONGEST} characters"
    ))
}

fn push_number(text: &mut String, mut number: i64) {
    loop {
        let five = (number & i64::from(BITS)) as u8;
        number >>= 5;
        // Done where what is left is what the sign says anyway.
        let done = number == if five & SIGN == 0 { 0 } else { -1 };
        text.push(char::from(OFFSET + five + if done { 0 } else { MORE }));
        if done {
            break;
        }
    }
}
