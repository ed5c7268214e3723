//! Text that YAML's parser takes minutes for, or refuses without a line: brackets that open and never
//! close (the time goes with the square of their depth), control characters, several documents.

/// The parser itself follows 128; beyond this it would take seconds to say so.
const MAX_DEPTH: usize = 1000;

/// Refuses a text whose brackets lie too deep within each other (those in comments and words count,
/// too), that has control characters, or that is more than one document.
///
/// # Errors
/// What was expected, and the line of what is wrong: `expected brackets at most 1000 deep at line 3
/// column 1`.
pub fn check_yaml(text: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    let mut has_content = false;
    for (index, line) in text.lines().enumerate() {
        let fail = |message: String| Err(format!("{message} at line {} column 1", index + 1));
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if depth > MAX_DEPTH {
            return fail(format!("expected brackets at most {MAX_DEPTH} deep"));
        }
        if let Some(found) = line.chars().find(|c| is_control(*c)) {
            return fail(format!(
                "expected text, found the control character U+{:04X}",
                u32::from(found)
            ));
        }
        let rest = line.strip_prefix("---");
        if has_content && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        {
            return fail("expected one document, found `---`, which begins another".into());
        }
        let content = line.trim_start();
        has_content |= !content.is_empty() && !content.starts_with(['#', '%']) && content != "...";
    }
    Ok(())
}

/// Whether a character can't stand in YAML; ends of lines and tabs can.
fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\r' | '\u{85}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_that_close_may_be_many() {
        assert_eq!(check_yaml(&"[a, {b: c}]\n".repeat(10_000)), Ok(()));
        let error = check_yaml(&format!("a: b\nc: {}", "[{".repeat(600))).unwrap_err();
        assert!(error.starts_with("expected brackets at most 1000 deep at line 2"));
    }

    #[test]
    fn what_the_parser_refuses_has_a_line() {
        for (text, error) in [
            (
                "a: b\nc: \0\n",
                "expected text, found the control character U+0000 at line 2 column 1",
            ),
            (
                "a: b\n--- # more\nc: d\n",
                "expected one document, found `---`, which begins another at line 2 column 1",
            ),
        ] {
            assert_eq!(check_yaml(text).unwrap_err(), error);
        }
        for text in [
            "# a\n%YAML 1.2\n\n---\na: b\n",
            "...\n---\na: b\n...\n",
            "a: b\n ---\n",
            "---a: b\n",
            "a:\tb\r\n",
        ] {
            assert_eq!(check_yaml(text), Ok(()));
        }
    }
}
