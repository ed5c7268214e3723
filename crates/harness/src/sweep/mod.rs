//! A sweep: many models measured the same way. What the user wrote ([`config`]) becomes cells and
//! stages ([`plan`]), which run stage by stage ([`run`]); what one stage does to a cell is in
//! [`stages`], how it ended in `outcome`. `claims` shares the work among runs, `shared_plan` the
//! file that lists it. [`halving`] is the rule by which trainings stop early, `competition` its
//! scheduler, `decision` what comes of it.

mod claims;
mod competition;
pub mod config;
pub mod data;
mod deaths;
mod decision;
pub mod halving;
mod need;
mod outcome;
pub mod plan;
mod ready;
pub mod reporter;
pub mod run;
mod shared_plan;
pub mod stages;
mod tell;
mod workbench;

pub use workbench::{WeightsFile, Workbench};
