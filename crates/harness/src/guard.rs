//! A panic inside a measurement is that measurement's failure, not the program's end.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

use anyhow::{Result, anyhow};

/// Runs work; a panic in it comes back as an error that carries its message.
///
/// Whatever the work left half done must not be used after a failure.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(anyhow!("panicked: {}", message(&*payload))))
}

/// From here on a panic prints nothing on its own: it is reported where it is caught. `-v` shows it with its place.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = guarded(|| -> Result<()> { panic!("shapes {} and {} differ", 3, 4) }).unwrap_err();
        assert_eq!(error.to_string(), "panicked: shapes 3 and 4 differ");
        assert_eq!(guarded(|| Ok(5)).unwrap(), 5);
        assert_eq!(guarded(|| -> Result<()> { Err(anyhow!("no")) }).unwrap_err().to_string(), "no");
    }
}
