//! What else the machine did while something was timed.

use std::time::Instant;

use ablate_records::Load;

/// Watches from its beginning to its end.
pub struct Watch {
    since: Instant,
    before: Option<Busy>,
    clock_mhz: Option<f64>,
}

/// Processor seconds since the machine started.
#[derive(Clone, Copy)]
struct Busy {
    /// Of all programs.
    all: f64,
    /// Of this one.
    own: f64,
    /// That a virtual machine asked for and did not get.
    stolen: f64,
}

impl Watch {
    /// Begins to watch.
    pub fn begin() -> Self {
        Self {
            since: Instant::now(),
            before: Busy::now(),
            clock_mhz: clock_mhz(),
        }
    }

    /// What happened since; None except on Linux.
    pub fn end(self) -> Option<Load> {
        let (before, after) = (self.before?, Busy::now()?);
        let seconds = self.since.elapsed().as_secs_f64();
        let own = after.own - before.own;
        let cores = |busy: f64| ((busy / seconds).max(0.0) * 100.0).round() / 100.0;
        Some(Load {
            others: cores(after.all - before.all - own),
            stolen: cores(after.stolen - before.stolen),
            clock_mhz: self.clock_mhz.zip(clock_mhz()),
            temperature_c: temperature_c(),
        })
    }
}

impl Busy {
    #[cfg(target_os = "linux")]
    fn now() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let own = std::fs::read_to_string("/proc/self/stat").ok()?;
        // What Linux tells programs is in hundredths of a second, whatever it counts in itself.
        Self::read(&stat, &own, 100.0)
    }

    #[cfg(not(target_os = "linux"))]
    fn now() -> Option<Self> {
        None
    }

    /// From the texts of `/proc/stat` and `/proc/self/stat`; `ticks` is a second.
    fn read(stat: &str, own: &str, ticks: f64) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let fields: Vec<f64> = line
            .split_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal
        let [user, nice, system, _, _, irq, softirq, steal, ..] = fields[..] else {
            return None;
        };
        // After the name, which may hold spaces: state and eleven others, then user and system time.
        let (_, rest) = own.rsplit_once(')')?;
        let mut times = rest.split_whitespace().skip(11);
        let mut time = || times.next()?.parse::<f64>().ok();
        Some(Self {
            all: (user + nice + system + irq + softirq) / ticks,
            own: (time()? + time()?) / ticks,
            stolen: steal / ticks,
        })
    }
}

/// Clock of the slowest core; None where the system does not say.
fn clock_mhz() -> Option<f64> {
    let khz = numbers("/sys/devices/system/cpu", "cpufreq/scaling_cur_freq");
    khz.min_by(f64::total_cmp).map(|khz| (khz / 1e3).round())
}

/// The hottest sensor of the system; None where there is none.
fn temperature_c() -> Option<f64> {
    let thousandths = numbers("/sys/class/thermal", "temp");
    thousandths
        .max_by(f64::total_cmp)
        .map(|t| (t / 1e3).round())
}

/// The numbers in the files of one name in the folders of a folder.
fn numbers(folder: &str, file: &'static str) -> impl Iterator<Item = f64> {
    let folders = std::fs::read_dir(folder).into_iter().flatten();
    folders.filter_map(move |entry| {
        let text = std::fs::read_to_string(entry.ok()?.path().join(file)).ok()?;
        text.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_the_systems_files() {
        let stat = "cpu  1000 20 300 9000 40 5 6 70 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        let own = "42 (a (name) x) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 4 0 100";
        let busy = Busy::read(stat, own, 100.0).unwrap();
        assert_eq!((busy.all, busy.own, busy.stolen), (13.31, 3.0, 0.7));
        assert!(Busy::read("cpu 1 2", own, 100.0).is_none());
    }

    /// This program alone is at work for a while: whatever others do, it is not counted among them.
    #[test]
    #[cfg(target_os = "linux")]
    fn own_work_is_not_that_of_others() {
        let (before, start) = (Busy::now().unwrap(), Instant::now());
        let mut x = 1_u64;
        while start.elapsed().as_millis() < 300 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        let after = Busy::now().unwrap();
        let own = after.own - before.own;
        assert!(own > 0.05, "{own}");
        assert!(after.all - before.all >= own - 0.05);
    }
}
