//! The order in which a run looks for work that others look for too.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    thread,
    time::{Duration, Instant},
};

use ablate_files::{Holder, Life};
use anyhow::Result;

/// Which work a run asks for. What its holder died of may kill this run too, as a network that is
/// too large does: it comes last, so that it takes no other work with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// What nobody has begun.
    Untouched,
    /// Also what its holder left when it died.
    Any,
}

/// Work that another run holds.
#[derive(Clone, Debug)]
pub struct Busy {
    /// Who holds it.
    pub holder: Holder,
    /// What is known of the holder.
    pub life: Life,
    /// Whether more work may come of it, which this run could share.
    pub brings_more: bool,
}

/// Between two looks at work that another run holds.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// Looking takes no more than this share of the time of a run that waits: many runs wait for the last
/// cells of a sweep.
const SHARE: u32 = 20;

/// Does pieces of work, those first that nobody else holds. `act` does a piece, or finds it done by
/// others, or returns who holds it. A run that does not wait leaves those to others, once it knows
/// that these live, and unless more may come of them. `stage` is for the log; `check` is asked before
/// each piece.
///
/// The pieces come in their order. From one that another run holds, the search goes on at a random
/// place: whoever is there will take the next ones, and two hundred runs that begin at once spread
/// over the whole sweep after one look each.
///
/// # Errors
/// Those of `act` and `check`.
pub fn in_turn<T>(
    stage: &str,
    waits: bool,
    pieces: Vec<T>,
    check: impl Fn() -> Result<()>,
    mut act: impl FnMut(&T, Turn) -> Result<Option<Busy>>,
) -> Result<()> {
    let mut left = VecDeque::from(pieces);
    let (mut told, mut turn) = (None, Turn::Untouched);
    while !left.is_empty() {
        let start = Instant::now();
        let (mut holder, mut leaves) = (None, !waits);
        let before = left.len();
        let mut waiting = VecDeque::new();
        while let Some(piece) = left.pop_front() {
            check()?;
            let Some(busy) = act(&piece, turn)? else {
                continue;
            };
            waiting.push_back(piece);
            leaves &= busy.life == Life::Certain && !busy.brings_more;
            // The dead take no more.
            if busy.life != Life::Gone && !left.is_empty() {
                left.rotate_left(below(left.len()));
            }
            holder = Some(busy.holder);
        }
        left = waiting;
        let is_stuck = left.len() == before;
        let next = if is_stuck { Turn::Any } else { Turn::Untouched };
        if std::mem::replace(&mut turn, next) == Turn::Untouched {
            continue;
        }
        if let Some(holder) = holder.filter(|_| is_stuck) {
            if leaves {
                let left = left.len();
                tracing::info!("{stage}: {left} left to other runs, as {holder}");
                return Ok(());
            }
            if told.as_ref() != Some(&holder) {
                tracing::info!("{stage}: waits for {holder}, which measures it");
                told = Some(holder);
            }
            thread::sleep((start.elapsed() * SHARE).clamp(PAUSE, LONGEST));
        }
    }
    Ok(())
}

/// A number below a limit, another one in each process and at each call.
fn below(limit: usize) -> usize {
    (RandomState::new().hash_one(0) % limit as u64) as usize
}
