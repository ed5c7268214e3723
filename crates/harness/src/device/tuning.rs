//! Kernels that Burn tunes on a GPU (wgpu, CUDA): which of several is fastest for a shape is measured once, and kept for next time.

use std::{
    fmt,
    sync::{Mutex, Once},
    time::{Duration, Instant},
};

use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::Context,
    registry::LookupSpan,
};

/// Has Burn keep what it tunes among the user's caches. To be called before a device is opened. A `cubecl.toml` or `burn.toml`
/// that names another place is left alone.
pub fn keep() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        if matches!(config.environment.path, CacheConfig::Target) {
            config.environment.path = CacheConfig::Global;
        }
        CubeClRuntimeConfig::try_set(config);
    });
}

/// Says that kernels are tuned, and how many so far: a first pass may take a minute for it. To be the last layer of the log,
/// since it logs by itself.
pub fn told<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    // Which module of CubeCL logs `Tuning …` as it begins with a kernel.
    Told::default()
        .with_filter(Targets::new().with_target("cubecl_runtime::tune::tuner", LevelFilter::INFO))
}

#[derive(Default)]
struct Told(Mutex<Count>);

#[derive(Default)]
struct Count {
    kernels: usize,
    last: Option<Instant>,
}

impl Count {
    const PAUSE: Duration = Duration::from_secs(10);

    /// What there is to say of one more kernel.
    fn add(&mut self, now: Instant) -> Option<String> {
        self.kernels += 1;
        let text = match self.last {
            None => "tunes kernels for this GPU, and keeps them for next time".to_owned(),
            Some(last) if now.duration_since(last) >= Self::PAUSE => {
                format!("tunes kernels: {} so far", self.kernels)
            }
            Some(_) => return None,
        };
        self.last = Some(now);
        Some(text)
    }
}

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        if !message.0.starts_with("Tuning ") {
            return;
        }
        let mut count = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        if let Some(text) = count.add(Instant::now()) {
            tracing::info!("{text}");
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kernel_is_told_and_then_their_number_every_ten_seconds() {
        let start = Instant::now();
        let mut count = Count::default();
        let told: Vec<Option<String>> = [0, 3, 9, 10, 12, 31]
            .map(|second| count.add(start + Duration::from_secs(second)))
            .into();
        assert_eq!(
            told,
            [
                Some("tunes kernels for this GPU, and keeps them for next time".to_owned()),
                None,
                None,
                Some("tunes kernels: 4 so far".to_owned()),
                None,
                Some("tunes kernels: 6 so far".to_owned()),
            ]
        );
    }
}
