//! A few batches ahead of whoever takes them.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use rayon::ThreadPool;

use crate::dataset::DataError;

/// Batches that wait in the queue; one more is being made.
const AHEAD: usize = 2;

/// An iterator over batches in their order.
///
/// A thread makes them ahead, two and the one at hand, on the workers of a pool; without a pool
/// each is made when it is asked for. Dropped half-way, it ends that thread and waits for it: for
/// no longer than the batch at hand takes.
pub struct Batches<T> {
    work: Work<T>,
    left: usize,
}

enum Work<T> {
    Here(Box<dyn FnMut() -> T + Send>),
    Ahead {
        queue: Option<Receiver<T>>,
        maker: Option<JoinHandle<()>>,
    },
}

/// Threads that make batches; no workers, no pool.
pub(super) fn pool(workers: usize) -> Result<Option<Arc<ThreadPool>>, DataError> {
    if workers == 0 {
        return Ok(None);
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .thread_name(|index| format!("loader-{index}"))
        .build()
        .map(|pool| Some(Arc::new(pool)))
        .map_err(|error| DataError::setting("workers", error))
}

impl<T: Send + 'static> Batches<T> {
    /// The batches of these numbers of what `make` makes.
    pub(super) fn start(
        numbers: Range<usize>,
        pool: Option<Arc<ThreadPool>>,
        make: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Self {
        let (left, end) = (numbers.len(), numbers.end);
        let mut next = numbers;
        let work = match pool {
            None => Work::Here(Box::new(move || make(next.next().unwrap_or(end)))),
            Some(pool) => {
                let (sender, queue) = sync_channel(AHEAD);
                let maker = std::thread::spawn(move || {
                    // Ends early when nobody listens any more.
                    next.all(|index| sender.send(pool.install(|| make(index))).is_ok());
                });
                Work::Ahead {
                    queue: Some(queue),
                    maker: Some(maker),
                }
            }
        };
        Self { work, left }
    }
}

impl<T> Iterator for Batches<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.work {
            Work::Here(make) => Some(make()),
            Work::Ahead { queue, maker } => {
                let batch = queue.as_ref()?.recv().ok();
                if batch.is_none() {
                    // The maker is gone before its time: pass its panic on, instead of a short
                    // epoch.
                    if let Some(panic) = maker.take().and_then(|maker| maker.join().err()) {
                        resume_unwind(panic);
                    }
                }
                batch
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Batches<T> {}

impl<T> Drop for Batches<T> {
    fn drop(&mut self) {
        if let Work::Ahead { queue, maker } = &mut self.work {
            // First nobody listens, so that the maker stops; then wait for it.
            drop(queue.take());
            if let Some(maker) = maker.take() {
                let _ = maker.join();
            }
        }
    }
}
