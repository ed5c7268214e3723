//! Jobs of all steps, done by some threads.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use crate::ops::{Kernel, Memory};

/// A step of a plan.
pub struct Step {
    pub kernel: Box<dyn Kernel>,
    pub jobs: usize,
    /// Steps whose jobs are done before any of this one's begins.
    pub after: Vec<usize>,
}

/// Does all jobs. Threads take them in order from one counter, so a thread that comes late, or that
/// the system stops for a while, holds up one job and no barrier.
///
/// # Safety
/// The steps are those of the plan that the memory was made for.
#[allow(unsafe_code)]
pub unsafe fn run(steps: &[Step], memory: &Memory, threads: usize) {
    let shared = Shared {
        steps,
        memory,
        next: AtomicUsize::new(0),
        done: steps.iter().map(|_| AtomicUsize::new(0)).collect(),
        failed: AtomicBool::new(false),
    };
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| shared.work());
        }
        shared.work();
    });
}

struct Shared<'a> {
    steps: &'a [Step],
    memory: &'a Memory<'a>,
    /// The next job of all steps, one after another.
    next: AtomicUsize,
    /// Jobs that are done of each step.
    done: Vec<AtomicUsize>,
    /// A job has panicked: nobody waits for it.
    failed: AtomicBool,
}

impl Shared<'_> {
    #[allow(unsafe_code)]
    fn work(&self) {
        let guard = Guard(&self.failed);
        // The step that the next job is of, and its first job.
        let (mut step, mut first) = (0, 0);
        loop {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            while step < self.steps.len() && job - first >= self.steps[step].jobs {
                first += self.steps[step].jobs;
                step += 1;
            }
            let Some(of) = self.steps.get(step) else {
                break;
            };
            if !of.after.iter().all(|before| self.wait(*before)) {
                break;
            }
            // SAFETY: all steps that write what this one reads, or touch what it writes, are done;
            // each job is taken once.
            unsafe { of.kernel.run(self.memory, job - first) };
            self.done[step].fetch_add(1, Ordering::Release);
        }
        std::mem::forget(guard);
    }

    /// Until all jobs of a step are done; false if one of them never will be. A job lasts some
    /// microseconds, unless the system has given its thread's processor to another program: then
    /// this one's is better given to it too.
    fn wait(&self, step: usize) -> bool {
        let jobs = self.steps[step].jobs;
        for turn in 0_u32.. {
            if self.done[step].load(Ordering::Acquire) == jobs {
                return true;
            }
            if self.failed.load(Ordering::Relaxed) {
                return false;
            }
            match turn {
                0..2000 => std::hint::spin_loop(),
                2000..2200 => std::thread::yield_now(),
                _ => std::thread::sleep(Duration::from_micros(50)),
            }
        }
        unreachable!("the turns never end")
    }
}

/// Dropped by a panic.
struct Guard<'a>(&'a AtomicBool);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
