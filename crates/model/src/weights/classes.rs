//! The names of the classes that a network was trained on, where its file says them.
//!
//! Files of ours have them as a JSON list in the metadata. The checkpoints of YOLOv5 and
//! Ultralytics have them as an attribute `names` of the pickled network, a list or a map from
//! number to name; it is found by its own bytes, without running what is pickled around it.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read,
    path::Path,
};

use serde::Deserialize;

/// The key of a SafeTensors file's metadata that holds the names of the classes, as a JSON list.
pub const NAMES: &str = "names";

/// The largest header that the SafeTensors format allows.
const MOST_HEADER: u64 = 100_000_000;

/// The largest pickled network that is looked through; those of the packages have a few hundred
/// kilobytes.
const MOST_PICKLE: u64 = 1 << 26;

/// A word `names` in a pickle, of protocols 2 and 4.
const KEYS: [&[u8]; 2] = [b"X\x05\0\0\0names", b"\x8c\x05names"];

/// Names of the classes by number; None if the file has none or can't be read. The packages number
/// the classes of a network that was never trained, which says nothing.
pub fn class_names(path: &Path) -> Option<Vec<String>> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let names = match ending.as_str() {
        "safetensors" => of_metadata(path)?,
        _ => of_pickle(&pickle(path)?)?,
    };
    let numbers = |(number, name): (usize, &String)| *name == number.to_string();
    let said = !names.iter().enumerate().all(numbers);
    said.then_some(names)
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: Option<HashMap<String, String>>,
}

fn of_metadata(path: &Path) -> Option<Vec<String>> {
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= MOST_HEADER)?;
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).ok()?;
    let header: Header = serde_json::from_slice(&text).ok()?;
    serde_json::from_str(header.metadata?.get(NAMES)?).ok()
}

/// What is pickled in a file of PyTorch's.
fn pickle(path: &Path) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(File::open(path).ok()?).ok()?;
    let is_pickle = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
    let names = || archive.file_names().filter_map(Result::ok);
    let name = names().find(|name| is_pickle(name))?.into_owned();
    let mut bytes = Vec::new();
    let entry = archive.by_name(&name).ok()?;
    entry.take(MOST_PICKLE).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The first list or map of words under a key `names`.
fn of_pickle(bytes: &[u8]) -> Option<Vec<String>> {
    let starts = (0..bytes.len()).filter_map(|at| {
        let key = KEYS.iter().find(|key| bytes[at..].starts_with(key))?;
        Some(at + key.len())
    });
    let words = remembered(bytes);
    let words = &words;
    let mut values = starts.map(|at| Value { bytes, at }.names(words));
    values.find_map(|names| names)
}

/// The words of a pickle of protocol 2 that may come again, by their number.
fn remembered(bytes: &[u8]) -> Words<'_> {
    /// No word that is looked for is longer.
    const LONGEST: usize = 256;
    let mut words = HashMap::new();
    for at in (0..bytes.len()).filter(|at| bytes[*at] == b'X') {
        let mut value = Value { bytes, at: at + 1 };
        let length = value.integer(4).filter(|length| *length <= LONGEST);
        let word = length.and_then(|length| std::str::from_utf8(value.take(length)?).ok());
        let number = match value.next() {
            Some(b'q') => value.integer(1),
            Some(b'r') => value.integer(4),
            _ => None,
        };
        if let Some((number, word)) = number.zip(word) {
            words.entry(number).or_insert(word);
        }
    }
    words
}

/// A value in a pickle, from where it is read.
struct Value<'p> {
    bytes: &'p [u8],
    at: usize,
}

/// Words by the number under which they may come again.
type Words<'p> = HashMap<usize, &'p str>;

impl<'p> Value<'p> {
    fn names(&mut self, words: &Words) -> Option<Vec<String>> {
        self.memoized();
        let is_map = match self.next()? {
            b'}' => true,
            b']' => false,
            _ => return None,
        };
        self.memoized();
        let mut names = BTreeMap::new();
        // Entries come in batches, between a mark and an end, or alone, without a mark.
        loop {
            if self.eat(b'(') {
                let end = if is_map { b'u' } else { b'e' };
                while !self.eat(end) {
                    let (number, name) = self.entry(is_map, names.len(), words)?;
                    names.insert(number, name);
                }
            } else {
                let end = if is_map { b's' } else { b'a' };
                match self.entry(is_map, names.len(), words) {
                    Some((number, name)) if self.eat(end) => names.insert(number, name),
                    // What follows is none of its entries.
                    _ => return gapless(names),
                };
            }
        }
    }

    fn entry(&mut self, is_map: bool, place: usize, words: &Words) -> Option<(usize, String)> {
        let number = if is_map { self.number()? } else { place };
        Some((number, self.word(words)?))
    }

    fn next(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn take(&mut self, count: usize) -> Option<&'p [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..count)?;
        self.at += count;
        Some(taken)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// A whole number of at most four bytes.
    fn integer(&mut self, length: usize) -> Option<usize> {
        let mut bytes = [0; 4];
        bytes[..length].copy_from_slice(self.take(length)?);
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }

    fn number(&mut self) -> Option<usize> {
        match self.next()? {
            b'K' => self.integer(1),
            b'M' => self.integer(2),
            b'J' => self.integer(4),
            _ => None,
        }
    }

    fn word(&mut self, words: &Words) -> Option<String> {
        let length = match self.next()? {
            b'X' => self.integer(4)?,
            0x8c => self.integer(1)?,
            b'h' => return self.again(1, words),
            b'j' => return self.again(4, words),
            _ => return None,
        };
        let word = std::str::from_utf8(self.take(length)?).ok()?;
        self.memoized();
        Some(word.to_owned())
    }

    /// A word that came before, by its number.
    fn again(&mut self, length: usize, words: &Words) -> Option<String> {
        let number = self.integer(length)?;
        words.get(&number).map(|word| (*word).to_owned())
    }

    /// A word gets a number under which it may come again.
    fn memoized(&mut self) {
        let length = match self.bytes.get(self.at) {
            Some(b'q') => 2,
            Some(b'r') => 5,
            Some(0x94) => 1,
            _ => 0,
        };
        self.at += length;
    }
}

/// The names in order, if there is one for each number.
fn gapless(names: BTreeMap<usize, String>) -> Option<Vec<String>> {
    let all = names.keys().copied().eq(0..names.len());
    (all && !names.is_empty()).then(|| names.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python's `pickle.dumps({'names': …}, protocol)` has them.
    #[test]
    fn names_are_found_in_every_form() {
        let cat: Vec<String> = vec!["cat".into()];
        let both = vec!["cat".into(), "dog".into()];
        for (pickle, names) in [
            (
                &b"\x80\x02}q\0X\x05\0\0\0namesq\x01}q\x02(K\0X\x03\0\0\0catq\x03K\x01X\x03\0\0\0dogq\x04us."[..],
                &both,
            ),
            (
                b"\x80\x02}q\0X\x05\0\0\0namesq\x01]q\x02(X\x03\0\0\0catq\x03X\x03\0\0\0dogq\x04es.",
                &both,
            ),
            (b"\x80\x02}q\0X\x05\0\0\0namesq\x01}q\x02K\0X\x03\0\0\0catq\x03ss.", &cat),
            (b"\x80\x04\x95\x15\0\0\0\0\0\0\0}\x94\x8c\x05names\x94]\x94\x8c\x03cat\x94as.", &cat),
            (
                b"\x80\x04\x95 \0\0\0\0\0\0\0}\x94\x8c\x05names\x94}\x94(K\0\x8c\x03cat\x94K\x01\x8c\x03dog\x94us.",
                &both,
            ),
            // Others stand behind the list.
            (b"X\x05\0\0\0namesq\x01]q\x02X\x03\0\0\0catq\x03aX\x04\0\0\0yamlq\x04]q\x05", &cat),
            // The same word as one before.
            (b"X\x03\0\0\0dogq\x07X\x05\0\0\0namesq\x01]q\x02(X\x03\0\0\0catq\x03h\x07es.", &both),
        ] {
            assert_eq!(of_pickle(pickle).as_ref(), Some(names), "{pickle:?}");
        }
        for pickle in [
            &b"X\x05\0\0\0names"[..],
            b"X\x05\0\0\0names}",
            b"X\x05\0\0\0names]q\x02(X\x03\0\0\0catq\x03",
            b"X\x05\0\0\0names]q\x02(X\xff\xff\xff\xffcat",
            b"X\x05\0\0\0names}q\x02(K\0X\x03\0\0\0catq\x03K\x02X\x03\0\0\0dogq\x04us.",
            b"X\x05\0\0\0names]q\x02(h\x07es.",
            b"X\x05\0\0\0names]((e",
        ] {
            assert_eq!(of_pickle(pickle), None, "{pickle:?}");
        }
    }

    /// Checkpoints that the packages wrote; a network that was never trained has numbers for names.
    #[test]
    fn the_packages_checkpoints_say_their_classes() {
        let file = |name: &str| {
            let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
            class_names(&fixtures.join(name))
        };
        let letters = Some(["a", "b", "c"].map(String::from).to_vec());
        assert_eq!(file("checkpoint_yolov5.pt"), letters);
        assert_eq!(file("checkpoint_yolov8.pt"), letters);
        assert_eq!(file("checkpoints/yolo11.pt"), None);
        assert_eq!(file("checkpoints/yolov5-p6.pt"), None);
        assert_eq!(file("state_dict.pt"), None);
        assert_eq!(file("no-such.pt"), None);
    }
}
