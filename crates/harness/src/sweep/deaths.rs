//! Work that ends its process: a network that is too large for the machine's memory takes the program
//! with it, and nothing but the lease says so. Without a record the next run would begin it again, and
//! the stages after it would never come.

use std::io;

use super::stages::{Job, Work};
use ablate_files::Lease;

/// So many processes in a row that end in the middle of a piece of work, and bring it no further, are a
/// failure of the work. Whoever kills processes at random does not hit the same place as often.
const MOST: u32 = 5;

/// Why a group is not begun once more: every process that did so has ended. None if it is.
///
/// # Errors
/// A folder that can't be read or written.
pub fn fatal(work: &dyn Work, group: &[Job]) -> io::Result<Option<String>> {
    let Some(first) = group.first() else {
        return Ok(None);
    };
    let progress = format!("{} {}", first.key, work.progress(first));
    let mut most = 0;
    for lease in of(group) {
        most = most.max(lease.deaths(&progress)?);
    }
    if most > 0 {
        let name = &first.cell.cell.model;
        tracing::warn!("{name}: the last process ended in the middle of it, {most} in a row");
    }
    Ok((most >= MOST).then(|| {
        format!(
            "{most} processes in a row ended in the middle of it: killed, perhaps since memory was short; the log of \
             the machine may say more"
        )
    }))
}

/// Says that a group has come to an end.
pub fn forget(group: &[Job]) {
    of(group).for_each(Lease::forget_deaths);
}

/// The leases of the group's cells: that of the machine's clock is of other groups, too.
fn of<'a>(group: &'a [Job]) -> impl Iterator<Item = &'a Lease> {
    let leases = group.first().into_iter().flat_map(|job| job.leases.iter());
    leases.filter(|lease| group.iter().any(|job| job.key == lease.name()))
}
