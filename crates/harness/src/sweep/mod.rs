//! A sweep: many models measured the same way. What the user wrote ([`config`]) becomes cells and
//! stages ([`plan`]), which run stage by stage ([`run`]); what one stage does to a cell is in
//! [`stages`]. `claims` shares the work among runs, `shared_plan` the file that lists it. [`halving`] is the rule by which trainings stop
//! early, and `competition` its scheduler.

mod claims;
mod competition;
pub mod config;
pub mod data;
pub mod halving;
mod need;
pub mod plan;
mod ready;
pub mod reporter;
pub mod run;
mod shared_plan;
pub mod stages;
mod workbench;

pub use workbench::Workbench;
