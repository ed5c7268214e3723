//! YAML whose brackets open and never close keeps its parser busy for minutes: the time goes with the
//! square of their depth.

/// The parser itself follows 128; beyond this it would take seconds to say so.
const MAX_DEPTH: usize = 1000;

/// Refuses a text whose brackets lie too deep within each other; those in comments and words count,
/// too.
///
/// # Errors
/// What was expected, and the line on which it is too deep: `expected brackets at most 1000 deep at
/// line 3`.
pub fn check_depth(text: &str) -> Result<(), String> {
    let (mut depth, mut line) = (0_usize, 1);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth > MAX_DEPTH {
            return Err(format!(
                "expected brackets at most {MAX_DEPTH} deep at line {line} column 1"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_that_close_may_be_many() {
        assert_eq!(check_depth(&"[a, {b: c}]\n".repeat(10_000)), Ok(()));
        let error = check_depth(&format!("a: b\nc: {}", "[{".repeat(600))).unwrap_err();
        assert!(error.starts_with("expected brackets at most 1000 deep at line 2"));
    }
}
