//! A panic inside a measurement fails that measurement, not the program; its error is one line.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

use anyhow::{Result, anyhow};

/// Runs work; a panic in it comes back as an error that carries its message.
///
/// Whatever the work left half done must not be used after a failure.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(anyhow!("panicked: {}", message(&*payload))))
}

/// An error in one line, without the stack that LibTorch and Burn's GPU runtimes append. If memory
/// ran out, that comes first.
pub fn one_line(error: &anyhow::Error) -> String {
    without_stack(&format!("{error:#}"))
}

fn without_stack(text: &str) -> String {
    // A panic's message holds LibTorch's stack as it is escaped.
    let stack = [
        "\\nframe #",
        "\nframe #",
        "No backtrace available",
        "\nBacktrace",
        "\\nException raised from",
        "\nException raised from",
    ];
    let end = stack
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    let line = text[..end]
        .replace("\nCaused by:\n", ": ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let memory = [
        "out of memory",
        "out of device memory",
        "out-of-memory",
        "t allocate memory",
        "t allocate buffer",
    ];
    match memory
        .iter()
        .any(|words| line.to_lowercase().contains(words))
    {
        true => format!(
            "out of memory: {}",
            line.split_once("Torch(\"")
                .map_or(&*line, |(_, reason)| reason)
        ),
        false => line,
    }
}

/// From here on a panic prints nothing on its own: it is reported where it is caught. `-v` shows it
/// with its place.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error =
            guarded(|| -> Result<()> { panic!("shapes {} and {} differ", 3, 4) }).unwrap_err();
        assert_eq!(error.to_string(), "panicked: shapes 3 and 4 differ");
        assert_eq!(guarded(|| Ok(5)).unwrap(), 5);
        assert_eq!(
            guarded(|| -> Result<()> { Err(anyhow!("no")) })
                .unwrap_err()
                .to_string(),
            "no"
        );
    }

    /// As the backends say it, word for word.
    #[test]
    fn memory_that_ran_out_is_a_line() {
        let torch = "panicked: called `Result::unwrap()` on an `Err` value: Torch(\"[enforce fail at alloc_cpu.cpp:124] err == 0. \
                     DefaultCPUAllocator: can't allocate memory: you tried to allocate 206158430208 bytes. Error code 12 (Cannot allocate \
                     memory)\\nframe #0: <unknown function> + 0x9ec5e (0x7f982457dc5e in /opt/torch/lib/libc10.so)\\nframe #1: c10\")";
        assert_eq!(
            without_stack(torch),
            "out of memory: [enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate \
             206158430208 bytes. Error code 12 (Cannot allocate memory)"
        );
        let wgpu = "the output can't be read: An error happened during execution\nCaused by:\n  An IO error happened\nCaused by:\n  can't \
                    allocate buffer of size: 6442450944\nNo backtrace available\nAsked at:\nNo backtrace available";
        assert_eq!(
            without_stack(wgpu),
            "out of memory: the output can't be read: An error happened during execution: An IO error happened: can't allocate buffer of \
             size: 6442450944"
        );
        assert_eq!(
            without_stack("shapes 3 and 4 differ"),
            "shapes 3 and 4 differ"
        );
    }
}
