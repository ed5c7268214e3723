//! `ablate devices`: what this build can use on this machine, and what to install for the rest.

use std::process::ExitCode;

use anyhow::Result;

use crate::{device::BACKENDS, environment, guard::guarded, progress::print};

pub fn execute() -> Result<ExitCode> {
    let environment = environment::current();
    print(&format!(
        "{}, {} cores, {} threads, {} GiB",
        environment.cpu, environment.cores, environment.threads, environment.memory_gib
    ));
    for backend in BACKENDS {
        print(&format!("{:6} {}", backend.name, backend.about));
        let Some(runtime) = &backend.runtime else {
            print(&format!(
                "    not in this build: requires the feature `{}` and {}",
                backend.name, backend.needs
            ));
            continue;
        };
        match guarded(|| Ok((runtime.found)())) {
            Ok(found) if found.is_empty() => {
                print(&format!("    no device found: requires {}", backend.needs))
            }
            Ok(found) => found
                .iter()
                .for_each(|device| print(&format!("    {:12} {}", device.name, device.what))),
            Err(error) => print(&format!("    {error:#}; requires {}", backend.needs)),
        }
    }
    Ok(ExitCode::SUCCESS)
}
