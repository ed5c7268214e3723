//! Where the picture of a JPEG ends, from its markers, and whether all of it is there.
//!
//! Cameras append videos and second pictures behind the end marker, and some leave the marker away.
//! The decoder, for its part, fills what is missing of a picture with grey and says nothing.

use image::DynamicImage;

/// Bits that go on after the data, and the end marker. No code word is all ones. After the last
/// block they mean nothing; before it the decoder stops at once and leaves grey rows.
const ONES: [u8; 66] = continuation(0xFF);

/// Another continuation: where it makes another picture, blocks are missing.
const ZEROS: [u8; 66] = continuation(0x00);

const fn continuation(byte: u8) -> [u8; 66] {
    let mut bytes = [0; 66];
    let mut at = 0;
    // A byte of ones is followed by a zero, which stands for nothing.
    while at < 64 {
        bytes[at] = byte;
        at += 2;
    }
    [bytes[64], bytes[65]] = [0xFF, 0xD9];
    bytes
}

/// Does a file begin as a JPEG does?
pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// The picture that `decode` makes of a JPEG: of its first image alone, with or without an end
/// marker.
///
/// # Errors
/// Those of `decode`, and data that end before the picture does.
pub(super) fn decode_whole(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<DynamicImage, String>,
) -> Result<DynamicImage, String> {
    let parts = Parts::of(bytes);
    let data = &bytes[..parts.end];
    let image = decode(&[data, &ONES].concat())?;
    if parts.closed && !ends_grey(&image) {
        return Ok(image);
    }
    let whole = || decode(&[data, &ZEROS].concat()).is_ok_and(|other| other == image);
    if (parts.closed || parts.all_scans()) && whole() {
        return Ok(image);
    }
    Err("corrupt image: JPEG data end before the image does".into())
}

/// Is the last row the grey that stands for missing ones?
fn ends_grey(image: &DynamicImage) -> bool {
    let row = image.width() as usize * usize::from(image.color().bytes_per_pixel());
    let pixels = image.as_bytes();
    pixels[pixels.len().saturating_sub(row)..]
        .iter()
        .all(|&value| value == 128)
}

/// A component of the picture (brightness, a colour) and what the scans have brought of it.
struct Component {
    id: u8,
    horizontal: usize,
    vertical: usize,
    /// For each of the 64 coefficients the number of low bits that are still to come; None if
    /// nothing came.
    open_bits: [Option<u8>; 64],
}

/// What the markers say.
#[derive(Default)]
struct Parts {
    /// Where the picture's data end: that of the end marker, if there is one.
    end: usize,
    /// Is there an end marker?
    closed: bool,
    width: usize,
    height: usize,
    components: Vec<Component>,
    /// Blocks of a scan between two restart markers; 0: there are no such markers.
    interval: usize,
    /// Has a scan fewer restart markers than its blocks need?
    restarts_missing: bool,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let mut parts = Self::default();
        let mut at = 2;
        loop {
            // Stray bytes before a marker are passed over, as libjpeg does it.
            let Some(found) = next_marker(bytes, at) else {
                parts.end = bytes.len();
                break;
            };
            let (place, marker) = found;
            parts.end = place;
            match marker {
                0xD9 => {
                    parts.closed = true;
                    break;
                }
                // Start of another image, reserved codes: the picture is over.
                0xD8 | 0x02..=0xBF | 0xF0..=0xFD => break,
                // Markers without content.
                0x01 | 0xD0..=0xD7 => at = place + 2,
                _ => {
                    let Some(content) = segment(bytes, place + 2) else {
                        break;
                    };
                    at = place + 4 + content.len();
                    match marker {
                        0xC0..=0xCF if ![0xC4, 0xC8, 0xCC].contains(&marker) => {
                            parts.frame(content);
                        }
                        0xDD => parts.interval = number(content, 0),
                        0xDA => {
                            let (end, restarts) = scan_end(bytes, at);
                            parts.scan(content, restarts);
                            at = end;
                        }
                        _ => {}
                    }
                }
            }
        }
        // Half a marker at the end is none.
        while !parts.closed && parts.end > 0 && bytes[parts.end - 1] == 0xFF {
            parts.end -= 1;
        }
        parts
    }

    fn frame(&mut self, content: &[u8]) {
        (self.height, self.width) = (number(content, 1), number(content, 3));
        let rows = content.get(6..).unwrap_or_default().chunks_exact(3);
        self.components = rows
            .map(|row| Component {
                id: row[0],
                horizontal: usize::from(row[1] >> 4).max(1),
                vertical: usize::from(row[1] & 15).max(1),
                open_bits: [None; 64],
            })
            .collect();
    }

    /// Notes what a scan brings that has `restarts` restart markers.
    fn scan(&mut self, content: &[u8], restarts: usize) {
        let count = usize::from(content.first().copied().unwrap_or(0));
        let (Some(ids), Some(&[first, last, bits])) = (
            content.get(1..1 + 2 * count),
            content.get(1 + 2 * count..4 + 2 * count),
        ) else {
            return;
        };
        let ids: Vec<u8> = ids.iter().step_by(2).copied().collect();
        if self.interval > 0 && restarts + 1 < self.blocks(&ids).div_ceil(self.interval) {
            self.restarts_missing = true;
        }
        for component in &mut self.components {
            if ids.contains(&component.id) {
                let range = usize::from(first)..=usize::from(last);
                if let Some(coefficients) = component.open_bits.get_mut(range) {
                    coefficients.fill(Some(bits & 15));
                }
            }
        }
    }

    /// Units that a scan of these components is coded in: of one component its own blocks of 8 × 8,
    /// of several the smallest rectangle that holds whole blocks of each.
    fn blocks(&self, ids: &[u8]) -> usize {
        let most = |of: fn(&Component) -> usize| self.components.iter().map(of).max().unwrap_or(1);
        let (across, down) = (most(|c| c.horizontal), most(|c| c.vertical));
        let own = self.components.iter().find(|c| [c.id] == *ids);
        let [horizontal, vertical] = own.map_or([1, 1], |c| [c.horizontal, c.vertical]);
        (self.width * horizontal).div_ceil(8 * across) * (self.height * vertical).div_ceil(8 * down)
    }

    /// Have the scans brought every bit of every component?
    fn all_scans(&self) -> bool {
        let whole = |component: &Component| {
            component
                .open_bits
                .iter()
                .all(|&open_bits| open_bits == Some(0))
        };
        !self.components.is_empty() && !self.restarts_missing && self.components.iter().all(whole)
    }
}

/// Place and code of the first marker from `at` on.
fn next_marker(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let rest = bytes.get(at..)?;
    let place = rest
        .windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF))?;
    Some((at + place, rest[place + 1]))
}

/// The content of the segment whose length stands at `at`, if all of it is there.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = bytes.get(at..at + 2).map(|pair| number(pair, 0))?;
    bytes.get(at + 2..at + length)
}

/// The number of two bytes at `at`; 0 if they are missing.
fn number(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 2).map_or(0, |pair| {
        usize::from(u16::from_be_bytes([pair[0], pair[1]]))
    })
}

/// Where the data of a scan end that begin at `at`, with the number of restart markers in them.
/// Nothing but these, and a zero for a byte of ones, may stand behind FF within the data.
fn scan_end(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let mut restarts = 0;
    while let Some((place, marker)) = next_marker(bytes, at) {
        if !(0xD0..=0xD7).contains(&marker) {
            return (place, restarts);
        }
        restarts += 1;
        at = place + 2;
    }
    (bytes.len(), restarts)
}
