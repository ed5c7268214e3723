//! The machine and the program that a record comes from.

use std::sync::LazyLock;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::libraries;
use ablate_records::Environment;

static CURRENT: LazyLock<Environment> = LazyLock::new(read);

/// The environment of this process; read once.
pub fn current() -> &'static Environment {
    &CURRENT
}

fn read() -> Environment {
    let refresh = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing().with_frequency())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(refresh);
    let cpu = system
        .cpus()
        .first()
        .map(|cpu| cpu.brand().trim().to_owned());
    let memory_gib = system.total_memory() as f64 / (1u64 << 30) as f64;
    Environment {
        ablate: env!("CARGO_PKG_VERSION").into(),
        burn: env!("ABLATE_BURN").into(),
        rustc: env!("ABLATE_RUSTC").into(),
        commit: env!("ABLATE_COMMIT").into(),
        os: format!(
            "{} ({})",
            System::long_os_version().unwrap_or_else(|| std::env::consts::OS.into()),
            System::cpu_arch()
        ),
        cpu: cpu
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".into()),
        cores: System::physical_core_count().unwrap_or_else(|| system.cpus().len()),
        threads: rayon::current_num_threads(),
        memory_gib: (memory_gib * 10.0).round() / 10.0,
        libtorch: ablate_kernels::libtorch_version(),
        tf32_override: std::env::var(libraries::TF32).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_versions_and_the_machine() {
        let environment = current();
        assert_eq!(environment.ablate, env!("CARGO_PKG_VERSION"));
        assert_eq!(
            environment.burn.split('.').count(),
            3,
            "{}",
            environment.burn
        );
        assert!(
            environment.rustc.starts_with("rustc 1."),
            "{}",
            environment.rustc
        );
        let commit = environment.commit.trim_end_matches("+dirty");
        assert!(
            commit == "unknown" || commit.chars().all(|c| c.is_ascii_hexdigit()),
            "{commit}"
        );
        assert!(environment.cores >= 1 && environment.threads >= 1);
        assert!(environment.memory_gib > 0.0);
    }
}
