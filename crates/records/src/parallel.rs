//! Many small files at once: on a network file system, reading them is waiting.

use std::thread;

const THREADS: usize = 16;

/// For a thread.
const LEAST: usize = 64;

/// What `of` gives for each, in order.
pub fn map<T: Sync, R: Send>(all: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if all.len() <= LEAST {
        return all.iter().map(of).collect();
    }
    let part = all.len().div_ceil(THREADS).max(LEAST);
    thread::scope(|scope| {
        let of = &of;
        let parts: Vec<_> = all
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(of).collect::<Vec<R>>()))
            .collect();
        let parts = parts.into_iter().map(|part| match part.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        parts.flatten().collect()
    })
}
