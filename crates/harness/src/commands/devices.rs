//! `ablate devices`

use std::process::ExitCode;

use anyhow::Result;

use crate::{device::BACKENDS, environment, progress::print};

pub fn execute() -> Result<ExitCode> {
    let environment = environment::current();
    print(&format!("{}, {} cores, {} threads, {} GiB", environment.cpu, environment.cores, environment.threads, environment.memory_gib));
    for backend in BACKENDS {
        let state = match backend.is_compiled() {
            true => "compiled in".into(),
            false => format!("needs the feature `{}`", backend.name),
        };
        print(&format!("{:20} {state:26} {}", backend.forms(), backend.about));
    }
    Ok(ExitCode::SUCCESS)
}
