//! Text as any editor writes it: UTF-8 or UTF-16, with a byte order mark or without, and with any
//! ends of lines.

use std::{
    borrow::Cow,
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The text of a file, without a byte order mark and with `\n` at the end of each line.
///
/// # Errors
/// A file that can't be read, or is neither UTF-8 nor UTF-16: the line of the first wrong byte. The
/// error does not name the file.
pub fn read_text(path: &Path) -> io::Result<String> {
    decode_text(&fs::read(path)?).map_err(|message| io::Error::new(ErrorKind::InvalidData, message))
}

/// The text in the bytes of a file: see [`read_text`].
///
/// # Errors
/// The line of the first byte that is no text.
pub fn decode_text(bytes: &[u8]) -> Result<String, String> {
    decode(bytes, encoding_of(bytes))
}

/// The text of an XML file, as [`read_text`]; without a byte order mark, in the encoding that its
/// declaration names, as XML parsers read it: `<?xml version="1.0" encoding="GB2312"?>`.
///
/// # Errors
/// See [`read_text`]; also an encoding that is not known.
pub fn read_xml(path: &Path) -> io::Result<String> {
    decode_xml(&fs::read(path)?).map_err(|message| io::Error::new(ErrorKind::InvalidData, message))
}

/// The text in the bytes of an XML file: see [`read_xml`].
///
/// # Errors
/// The line of the first byte that is no text, or the name of an encoding that is not known.
pub fn decode_xml(bytes: &[u8]) -> Result<String, String> {
    let shown = encoding_of(bytes);
    match shown == UTF_8 && Encoding::for_bom(bytes).is_none() {
        true => decode(bytes, declared(bytes)?),
        false => decode(bytes, shown),
    }
}

/// The encoding that an XML declaration names; UTF-8 without one.
fn declared(bytes: &[u8]) -> Result<&'static Encoding, String> {
    let Some(name) = declared_name(bytes) else {
        return Ok(UTF_8);
    };
    // The standard's table reads ASCII as Windows' Western letters, which nobody declares so.
    if ["ascii", "us-ascii"]
        .iter()
        .any(|ascii| name.eq_ignore_ascii_case(ascii))
    {
        return Ok(UTF_8);
    }
    match Encoding::for_label_no_replacement(name.as_bytes()) {
        // The declaration is written in single bytes, so the file is not in pairs of them: programs
        // that keep text as UTF-16 declare that in files of UTF-8.
        Some(pairs) if pairs == UTF_16LE || pairs == UTF_16BE => Ok(UTF_8),
        Some(encoding) => Ok(encoding),
        None => Err(format!(
            "line 1: unknown encoding {name:?}; save the file as UTF-8"
        )),
    }
}

/// The name in `<?xml … encoding="NAME" …?>`.
fn declared_name(bytes: &[u8]) -> Option<&str> {
    const LONGEST: usize = 256;
    let start = bytes.trim_ascii_start();
    let start = &start[..start.len().min(LONGEST)];
    let end = start.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&start[..end]).ok()?;
    let (_, value) = declaration.strip_prefix("<?xml")?.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0.trim())
}

fn decode(bytes: &[u8], encoding: &'static Encoding) -> Result<String, String> {
    let (text, _) = encoding.decode_with_bom_removal(bytes);
    // A replacement that stands in the file itself is no error, so the strict decoder decides.
    match encoding.decode_without_bom_handling_and_without_replacement(after_mark(encoding, bytes))
    {
        Some(_) => Ok(with_line_feeds(text)),
        None => {
            let before = text.split('\u{FFFD}').next().unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let name = encoding.name();
            Err(format!(
                "line {line}: expected {name} text, found bytes that are none; save the file as UTF-8"
            ))
        }
    }
}

/// By its byte order mark, or for want of one by where its zeros are: text of few letters beyond
/// ASCII has one in every pair of UTF-16 and none in UTF-8.
fn encoding_of(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    match bytes {
        [0, letter, ..] if *letter != 0 => UTF_16BE,
        [letter, 0, ..] if *letter != 0 => UTF_16LE,
        _ => UTF_8,
    }
}

fn after_mark<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> &'a [u8] {
    match Encoding::for_bom(bytes) {
        Some((marked, length)) if marked == encoding => &bytes[length..],
        _ => bytes,
    }
}

fn with_line_feeds(text: Cow<str>) -> String {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_editor_s_text_is_the_same() {
        let utf16 = |mark: &[u8], pair: fn(u16) -> [u8; 2]| {
            let units = "é\r\n1".encode_utf16().flat_map(pair);
            [mark.to_vec(), units.collect()].concat()
        };
        for bytes in [
            "é\n1".into(),
            "é\r\n1".into(),
            "é\r1".into(),
            "\u{FEFF}é\n1".into(),
            utf16(&[0xFF, 0xFE], u16::to_le_bytes),
            utf16(&[0xFE, 0xFF], u16::to_be_bytes),
        ] {
            assert_eq!(decode_text(&bytes).unwrap(), "é\n1", "{bytes:?}");
        }
        assert_eq!(decode_text(b"n\0c\0").unwrap(), "nc");
        assert_eq!(decode_text(b"\0n\0c").unwrap(), "nc");
        assert_eq!(decode_text(b"").unwrap(), "");
        assert_eq!(decode_text("\u{FFFD}".as_bytes()).unwrap(), "\u{FFFD}");
    }

    #[test]
    fn bytes_that_are_no_text_are_named_by_their_line() {
        let error = decode_text(b"caf\xC3\xA9\ncaf\xE9\n").unwrap_err();
        assert_eq!(
            error,
            "line 2: expected UTF-8 text, found bytes that are none; save the file as UTF-8"
        );
        assert!(decode_text(b"\xFF\xFE\0").unwrap_err().contains("UTF-16LE"));
    }

    #[test]
    fn an_xml_file_is_in_the_encoding_that_it_declares() {
        let xml = |encoding: &str, text: &[u8]| {
            let declaration = format!("<?xml version='1.0' encoding={encoding} ?>");
            decode_xml(&[declaration.as_bytes(), text].concat())
                .map(|text| text.split_once("?>").unwrap().1.to_owned())
        };
        let cat = "猫";
        for (encoding, text) in [
            ("\"GB2312\"", b"\xC3\xA8".as_slice()),
            ("'gbk'", b"\xC3\xA8"),
            ("\"Shift_JIS\"", b"\x94\x4C"),
            ("\"UTF-8\"", cat.as_bytes()),
            // What a file of single bytes can't be in.
            ("\"utf-16\"", cat.as_bytes()),
            ("\"ASCII\"", cat.as_bytes()),
        ] {
            assert_eq!(xml(encoding, text).as_deref(), Ok(cat), "{encoding}");
        }
        assert_eq!(xml("\"ISO-8859-1\"", b"\xE9").unwrap(), "é");
        // A declaration is followed, though other readings may be likelier.
        assert_eq!(xml("\"ISO-8859-1\"", "é".as_bytes()).unwrap(), "Ã©");
        // A byte order mark comes first.
        let marked = "\u{FEFF}<?xml version=\"1.0\" encoding=\"GB2312\"?>猫";
        assert!(decode_xml(marked.as_bytes()).unwrap().ends_with(cat));
        assert_eq!(
            decode_xml(b"<a>encoding=\"GB2312\"?></a>").unwrap().len(),
            26
        );
        assert_eq!(
            xml("\"GB2312\"", b"\n\xFF").unwrap_err(),
            "line 2: expected GBK text, found bytes that are none; save the file as UTF-8"
        );
        assert_eq!(
            xml("\"klingon\"", b"").unwrap_err(),
            "line 1: unknown encoding \"klingon\"; save the file as UTF-8"
        );
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let error = read_text(Path::new("no/such/file")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
