//! Sweeps on more than one device or machine. Runs share a folder by leases; here is what looks at
//! them, starts them, and writes them down for a cluster's scheduler.

pub mod checkpoint;
pub mod kubernetes;
pub mod slurm;
pub mod status;
pub mod workers;
