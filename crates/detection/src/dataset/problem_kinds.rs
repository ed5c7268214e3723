//! Problems grouped by their reason, so that a million of them fit on a page.

use super::{Problem, Problems, Subject};

/// More kinds than this are counted together as the last one.
const MOST_KINDS: usize = 20;

/// Causes that stand for themselves: what follows differs from file to file.
const CAUSES: [&str; 7] = [
    "missing image",
    "corrupt image",
    "unreadable image",
    "unsupported image",
    "image too large",
    "unreadable labels",
    "unknown class",
];

/// Problems of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemKind<'a> {
    /// What was left out, if anything.
    pub subject: Subject,
    /// The reason, with `…` for numbers and names.
    pub reason: String,
    /// Number of problems.
    pub count: usize,
    /// The first of them, at most as many as were asked for.
    pub examples: Vec<&'a Problem>,
}

impl Problems {
    /// The problems by kind, the most frequent first, each with its first `examples`. At most 20
    /// kinds of a subject; the others are one, `other reasons`.
    pub fn kinds(&self, examples: usize) -> Vec<ProblemKind<'_>> {
        let mut kinds: Vec<ProblemKind> = Vec::new();
        for problem in &self.list {
            let reason = kind(&problem.reason);
            let of_subject = || kinds.iter().filter(|kind| kind.subject == problem.subject);
            let is_known = of_subject().any(|kind| kind.reason == reason);
            let reason = match is_known || of_subject().count() < MOST_KINDS {
                true => reason,
                false => "other reasons".to_owned(),
            };
            let same =
                |kind: &&mut ProblemKind| kind.subject == problem.subject && kind.reason == reason;
            match kinds.iter_mut().find(same) {
                Some(kind) => {
                    kind.count += 1;
                    if kind.examples.len() < examples {
                        kind.examples.push(problem);
                    }
                }
                None => kinds.push(ProblemKind {
                    subject: problem.subject,
                    reason,
                    count: 1,
                    examples: Vec::from_iter((examples > 0).then_some(problem)),
                }),
            }
        }
        // Stable: among equals, the first that was met.
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        kinds
    }
}

/// A reason without what differs from place to place.
fn kind(reason: &str) -> String {
    let (key, reason) = unlabelled(reason);
    let reason = reason.split("; ").next().unwrap_or(reason);
    let cause = CAUSES.iter().find(|cause| reason.starts_with(**cause));
    let reason = match cause {
        Some(cause) => (*cause).to_owned(),
        None => without_values(&without_paths(reason)),
    };
    match key {
        "" => reason,
        key => format!("{key}: {reason}"),
    }
}

/// The key, which may be empty, and what is wrong with it, without the number of the row: of
/// `annotation 17: …` and of `annotations[17].bbox: …`.
fn unlabelled(reason: &str) -> (&str, &str) {
    let Some((label, rest)) = reason.split_once(": ") else {
        return ("", reason);
    };
    if let Some((list, place)) = label.split_once('[')
        && let Some((number, key)) = place.split_once(']')
        && list.chars().all(|c| c.is_ascii_alphabetic())
        && number.chars().all(|c| c.is_ascii_digit())
    {
        return (key.trim_start_matches('.'), rest);
    }
    match label.strip_prefix("annotation ") {
        Some(number) if number.chars().all(|c| c.is_ascii_digit()) => ("", rest),
        _ => ("", reason),
    }
}

/// With `…` for every word that is a path.
fn without_paths(text: &str) -> String {
    let is_path = |word: &str| word.contains(['/', '\\']);
    let words = text.split(' ');
    let words: Vec<&str> = words
        .map(|word| if is_path(word) { "…" } else { word })
        .collect();
    words.join(" ")
}

/// With `…` for every number and quoted name; several in a row are one.
fn without_values(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let inside_word = at > 0 && chars[at - 1].is_alphanumeric();
        let next_is_digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
        let end = match chars[at] {
            '\'' if !inside_word => chars[at + 1..]
                .iter()
                .position(|c| *c == '\'')
                .map(|length| at + length + 2),
            '-' if !inside_word && next_is_digit(at + 1) => Some(number_end(&chars, at + 1)),
            digit if digit.is_ascii_digit() && !inside_word => Some(number_end(&chars, at)),
            _ => None,
        };
        match end {
            Some(end) => {
                out.push('…');
                at = end;
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    for list in ["…, …", "…×…", "… …"] {
        while out.contains(list) {
            out = out.replace(list, "…");
        }
    }
    out
}

/// Behind a number that begins at `at`: `0.25`, `1e-7`.
fn number_end(chars: &[char], at: usize) -> usize {
    let mut end = at;
    while let Some(c) = chars.get(end) {
        let digit_follows = chars.get(end + 1).is_some_and(char::is_ascii_digit);
        let signed = matches!(chars.get(end + 1), Some('-' | '+'))
            && chars.get(end + 2).is_some_and(char::is_ascii_digit);
        match c {
            '0'..='9' => end += 1,
            '.' if digit_follows => end += 1,
            'e' | 'E' if digit_follows => end += 1,
            'e' | 'E' if signed => end += 2,
            _ => break,
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_kind_has_no_numbers_and_no_names() {
        for (reason, expected) in [
            (
                "unknown class 7: the data set has classes 0 to 1",
                "unknown class",
            ),
            ("corrupt image: unexpected end of file", "corrupt image"),
            ("annotation 17: box without area", "box without area"),
            (
                "annotations[17].bbox: expected 4 numbers",
                "bbox: expected … numbers",
            ),
            (
                "images[3].id: 5 is the id of images[2] already (a.jpg)",
                "id: … is the id of images[…] already (a.jpg)",
            ),
            ("annotations[3]: box without area", "box without area"),
            (
                "/data/a.jpg is listed twice (first in line 3); it is used once",
                "… is listed twice (first in line …)",
            ),
            (
                "box (-1.5, 2, 1e-7, 4) lies outside the 640×480 image",
                "box (…) lies outside the … image",
            ),
            (
                "expected a class, found 'cat 2'; known: 0",
                "expected a class, found …",
            ),
            (
                "the set's first C3k2 isn't here",
                "the set's first C3k2 isn't here",
            ),
        ] {
            assert_eq!(kind(reason), expected);
        }
    }

    #[test]
    fn kinds_are_counted_and_bounded() {
        let mut problems = Problems::default();
        let file = Path::new("labels/a.txt");
        problems.mask(file, None, "two points");
        for line in 1..=300 {
            problems.annotation(file, Some(line), format!("unknown class {line}"));
        }
        for kind in 0..100u8 {
            let letters: String = [kind / 10, kind % 10]
                .map(|n| char::from(b'a' + n))
                .iter()
                .collect();
            problems.image(file, None, format!("reason {letters}"));
        }
        let kinds = problems.kinds(2);
        assert_eq!(
            (kinds[0].count, kinds[0].reason.as_str()),
            (300, "unknown class")
        );
        let lines: Vec<_> = kinds[0]
            .examples
            .iter()
            .map(|problem| problem.line)
            .collect();
        assert_eq!(lines, [Some(1), Some(2)]);
        let other = kinds
            .iter()
            .find(|kind| kind.reason == "other reasons")
            .unwrap();
        assert_eq!((other.subject, other.count), (Subject::Image, 80));
        assert_eq!(kinds.len(), 1 + 1 + 21);
        assert_eq!(
            kinds.iter().map(|kind| kind.count).sum::<usize>(),
            problems.list.len()
        );
        assert!(
            problems
                .kinds(0)
                .iter()
                .all(|kind| kind.examples.is_empty())
        );
    }
}
