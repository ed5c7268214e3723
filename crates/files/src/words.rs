//! Errors of files that people write, YAML and JSON: the place of a key, and serde's messages in
//! plain words.

use std::path::Path;

/// `file`, or `file:line` where the line is known.
pub fn place(file: &Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    }
}

/// A message about a value of another type than the wanted one, "invalid type: A, expected B", in
/// plain words: what was expected comes first, in words that name no type of Rust's. A path before
/// it and a place after it stay. Other messages stay as they are.
///
/// ```
/// let serde = "train.epochs: invalid type: string \"many\", expected usize at line 3 column 11";
/// assert_eq!(
///     ablate_files::in_plain_words(serde),
///     "train.epochs: expected a whole number, 0 or more, found 'many' at line 3 column 11"
/// );
/// ```
pub fn in_plain_words(message: &str) -> String {
    let wrong = || {
        let starts = ["invalid type: ", "invalid value: ", "invalid length "];
        let (at, start) = starts
            .iter()
            .filter_map(|start| Some((message.find(start)?, start)))
            .min()?;
        let (before, rest) = (&message[..at], &message[at + start.len()..]);
        let (rest, place) = without_place(rest);
        let (found, expected) = rest.rsplit_once(", expected ")?;
        let found = match start.ends_with("length ") {
            true => format!("{found} of them"),
            false => plain_value(found),
        };
        let is_path = before.is_empty() || before.ends_with(": ");
        is_path.then_some((before, found, expected, place))
    };
    match wrong() {
        Some((before, found, expected, place)) => {
            format!(
                "{before}expected {}, found {}{place}",
                plain_type(expected),
                found
            )
        }
        None => message.to_owned(),
    }
}

/// A message of serde_yaml's without the place at its end, and the line of that place.
pub fn split_line(message: &str) -> (&str, Option<usize>) {
    // What is no YAML has a place, and what the parser was at when it met it.
    let whole = message.find(", while ").map(|end| &message[..end]);
    let whole = whole.filter(|whole| !without_place(whole).1.is_empty());
    let (message, place) = without_place(whole.unwrap_or(message));
    let line = place.split_whitespace().nth(2);
    (message, line.and_then(|line| line.parse().ok()))
}

/// What is to be added to an error in a line of YAML that is indented with a tab; else nothing.
pub fn tab_hint(text: &str, line: Option<usize>) -> &'static str {
    let line = line.and_then(|line| text.lines().nth(line.saturating_sub(1)));
    match line.is_some_and(|line| line.trim_start_matches(' ').starts_with('\t')) {
        true => "; YAML is indented with blanks, not with tabs",
        false => "",
    }
}

/// ` at line 3 column 11` at the end of a message.
fn without_place(message: &str) -> (&str, &str) {
    let Some(at) = message.rfind(" at line ") else {
        return (message, "");
    };
    let (before, place) = message.split_at(at);
    let words: Vec<&str> = place.split_whitespace().collect();
    let number = |word: &str| word.parse::<usize>().is_ok();
    match words[..] {
        ["at", "line", line, "column", column] if number(line) && number(column) => (before, place),
        _ => (message, ""),
    }
}

fn plain_type(expected: &str) -> &str {
    match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number, 0 or more",
        "i64" | "i32" | "isize" => "a whole number",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        "a string" => "a word",
        "path string" => "a path",
        "a sequence" => "a list",
        "a YAML mapping" => "keys and values",
        expected if expected.starts_with("struct ") => "keys and values",
        expected => expected,
    }
}

/// Characters of a value that are shown.
const MOST_SHOWN: usize = 80;

fn plain_value(found: &str) -> String {
    let quoted = |start: &str, quote: char| {
        let value = found.strip_prefix(start)?.strip_prefix(quote)?;
        value.strip_suffix(quote)
    };
    let number = ["integer ", "floating point ", "boolean "];
    let shown = match found {
        "unit value" => "nothing".to_owned(),
        "map" => "a map".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => match number.iter().find_map(|start| quoted(start, '`')) {
            Some(number) => number.to_owned(),
            None => quoted("string ", '"').map_or(found.to_owned(), |word| format!("'{word}'")),
        },
    };
    match shown.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// The line, from 1, of a key such as `names` or `fractions.val` in a YAML text; that of the map
/// around it, where the key stands in its braces.
pub fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let is_indented = |line: &str| line.starts_with([' ', '\t']);
    let mut parts = key.split('.');
    let first = parts.next()?;
    let own = lines
        .iter()
        .position(|line| !is_indented(line) && starts_with_key(line, first));
    let Some(mut at) = own else {
        // A text that is one map in braces.
        let in_braces = |line: &str| {
            let mut words = line.split(['{', ',']);
            words.any(|word| starts_with_key(word.trim_start(), first))
        };
        let braces = text.trim_start().starts_with('{');
        let line = lines.iter().position(|line| in_braces(line));
        return line.filter(|_| braces).map(|line| line + 1);
    };
    for part in parts {
        let block = lines[at + 1..]
            .iter()
            .take_while(|line| is_indented(line) || line.trim().is_empty());
        match block
            .clone()
            .position(|line| starts_with_key(line.trim_start(), part))
        {
            Some(below) => at += 1 + below,
            // `{val: 0}` stands in the line of its key.
            None => break,
        }
    }
    Some(at + 1)
}

/// Whether a line of YAML begins with a key.
pub fn starts_with_key(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches(['"', '\'']);
    let rest = line
        .strip_prefix(key)
        .map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
    rest.is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_line() {
        let yaml = "# train: no\ntrain: {images: a}\n\"val\" :\n  images: b\nnames: [a]\n";
        let lines = ["train", "train.images", "val", "val.images", "names", "nc"];
        let lines = lines.map(|key| line_of_key(yaml, key));
        assert_eq!(lines, [Some(2), Some(2), Some(3), Some(4), Some(5), None]);
        let braces = "{epochs: 3,\n lr0: 1, 'box': 2}";
        let lines = ["epochs", "lr0", "box", "lr"].map(|key| line_of_key(braces, key));
        assert_eq!(lines, [Some(1), Some(2), Some(2), None]);
    }

    #[test]
    fn messages_are_in_plain_words() {
        for (serde, plain) in [
            (
                "invalid type: string \"x, expected y\", expected usize",
                "expected a whole number, 0 or more, found 'x, expected y'",
            ),
            (
                "invalid type: floating point `0.7`, expected i64",
                "expected a whole number, found 0.7",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "expected a whole number, 0 or more, found -1",
            ),
            (
                "cost: invalid type: unit value, expected struct CostConfig at line 2 column 5",
                "cost: expected keys and values, found nothing at line 2 column 5",
            ),
            (
                "invalid type: sequence, expected a boolean",
                "expected true or false, found a list",
            ),
            (
                "bbox: invalid length 3, expected four numbers [x, y, width, height]",
                "bbox: expected four numbers [x, y, width, height], found 3 of them",
            ),
            (
                "invalid type: null, expected f64",
                "expected a number, found null",
            ),
            ("missing field `images`", "missing field `images`"),
            (
                "no invalid type: a, expected b",
                "no invalid type: a, expected b",
            ),
        ] {
            assert_eq!(in_plain_words(serde), plain);
        }
        let long = format!("invalid type: string \"{}\", expected f64", "ä".repeat(100));
        assert!(in_plain_words(&long).ends_with("ä…"));
    }

    #[test]
    fn a_place_is_taken_off() {
        assert_eq!(split_line("a: b at line 14 column 3"), ("a: b", Some(14)));
        assert_eq!(split_line("look at line 14"), ("look at line 14", None));
        assert_eq!(
            split_line("no ']' at line 2 column 1, while parsing a list at line 1 column 6"),
            ("no ']'", Some(2))
        );
        assert_eq!(
            split_line("found 'a, while b' at line 2 column 1"),
            ("found 'a, while b'", Some(2))
        );
        assert!(tab_hint("a:\n \tb: 1\n", Some(2)).contains("tabs"));
        assert_eq!(tab_hint("a:\n  b: 1\n", Some(2)), "");
        assert_eq!(tab_hint("a", Some(9)), "");
        assert_eq!(place(Path::new("a.yaml"), Some(3)), "a.yaml:3");
        assert_eq!(place(Path::new("a.yaml"), None), "a.yaml");
    }
}
