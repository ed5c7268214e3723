//! How runs of a sweep share its cells: [`Endings`] says what others have ended since, [`in_turn`]
//! in which order a run looks for work. Who has which cell is said by leases
//! ([`ablate_files::Leases`]).

mod endings;
mod turns;

pub use self::{
    endings::Endings,
    turns::{Busy, Turn, in_turn},
};
