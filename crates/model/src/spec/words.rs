//! serde's messages in the words of this project: what was expected, what was found, what is near.

use ablate_files::in_plain_words;

/// Keys of other tasks' tables, and which task.
const OTHER_TASKS: [(&str, &str); 2] = [
    ("kpt_shape", "pose estimation"),
    ("text_model", "open vocabulary"),
];

/// That there is no such key: with the nearest one that there is, if one is near, and all of them.
pub fn unknown_key(key: &str, known: &[&str]) -> String {
    if let Some((_, task)) = OTHER_TASKS.iter().find(|(other, _)| *other == key) {
        return format!("key '{key}': {task} is not supported");
    }
    let all = known.join(", ");
    match nearest(key, known) {
        Some(near) => format!("unknown key '{key}'; did you mean '{near}'? Known: {all}"),
        None => format!("unknown key '{key}'; known: {all}"),
    }
}

/// The known word that differs least, if not by more than a typing error or two.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let changes = |known: &&'k str| (strsim::damerau_levenshtein(word, known), *known);
    let (changes, near) = known.iter().map(changes).min()?;
    (changes <= 1 + word.len() / 4).then_some(near)
}

/// A message of serde, "invalid type: A, expected B" or "unknown field …", in our words; what
/// stands before and after it, a path or a line, stays.
pub fn in_our_words(message: &str) -> String {
    if let Some((before, key, known, after)) = listed(message, "unknown field `") {
        return format!("{before}{}{after}", unknown_key(key, &known));
    }
    if let Some((before, word, known, after)) = listed(message, "unknown variant `") {
        let known = known.join(", ");
        return format!("{before}expected one of {known}, found '{word}'{after}");
    }
    for (start, what) in [
        ("missing field `", "missing"),
        ("duplicate field `", "listed twice"),
        ("duplicate entry with key \"", "listed twice"),
    ] {
        if let Some((before, rest)) = message.split_once(start)
            && let Some((key, after)) = rest.split_once(['`', '"'])
        {
            return format!("{before}key `{key}`: {what}{after}");
        }
    }
    in_plain_words(message)
}

/// What stands before `start`, the word after it, the words in backticks that serde expected, and
/// what stands after them.
fn listed<'m>(message: &'m str, start: &str) -> Option<(&'m str, &'m str, Vec<&'m str>, &'m str)> {
    let (before, rest) = message.split_once(start)?;
    let (word, rest) = rest.split_once("`, expected ")?;
    let end = rest.rfind('`')? + 1;
    let known = rest[..end].split('`').skip(1).step_by(2).collect();
    Some((before, word, known, &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest() {
        let serde = "train: unknown field `imgs`, expected one of `data`, `imgsz`, `epochs` at line 3 column 5";
        assert_eq!(
            in_our_words(serde),
            "train: unknown key 'imgs'; did you mean 'imgsz'? Known: data, imgsz, epochs at line 3 column 5"
        );
        assert_eq!(
            in_our_words("unknown field `lr`, expected `nc` or `scales`"),
            "unknown key 'lr'; known: nc, scales"
        );
        assert_eq!(
            unknown_key("width_mulitple", &["depth_multiple", "width_multiple"]),
            "unknown key 'width_mulitple'; did you mean 'width_multiple'? Known: depth_multiple, width_multiple"
        );
        assert_eq!(
            unknown_key("kpt_shape", &["nc"]),
            "key 'kpt_shape': pose estimation is not supported"
        );
    }

    #[test]
    fn other_messages_say_first_what_was_expected() {
        for (serde, ours) in [
            (
                "invalid type: string \"a\", expected a number",
                "expected a number, found 'a'",
            ),
            (
                "unknown variant `neck`, expected one of `backbone`, `head`, `all`",
                "expected one of backbone, head, all, found 'neck'",
            ),
            (
                "train: missing field `data` at line 3 column 1",
                "train: key `data`: missing at line 3 column 1",
            ),
            ("duplicate field `name`", "key `name`: listed twice"),
            (
                "duplicate entry with key \"lr0\"",
                "key `lr0`: listed twice",
            ),
            ("not YAML: no", "not YAML: no"),
        ] {
            assert_eq!(in_our_words(serde), ours);
        }
    }
}
