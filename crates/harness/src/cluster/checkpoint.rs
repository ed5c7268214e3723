//! How far a training is, by its checkpoint: of a file that may have gigabytes only the header is
//! read.

use std::{
    fs::File,
    io::Read,
    path::Path,
    time::{Duration, SystemTime},
};

use ablate_records::EpochLog;
use ablate_training::{RESUME, TrainingState};
use serde::Deserialize;

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Epochs that are done.
    pub epochs: usize,
    /// Of how many; None if the checkpoint does not say.
    pub of: Option<usize>,
    /// Until its end, by the epochs so far and what has passed since the checkpoint.
    pub left: Option<Duration>,
    /// When the checkpoint was written.
    pub written: SystemTime,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    state: String,
}

/// A header of more bytes is none.
const LONGEST: u64 = 64 << 20;

/// Epochs whose mean predicts the others: the first ones fill caches.
const RECENT: usize = 5;

/// The progress of the training whose checkpoints are in a folder; None before its first checkpoint.
pub fn progress(folder: &Path) -> Option<Progress> {
    let (state, written) = read(folder)?;
    Some(of_state(&state, written))
}

/// The epochs of the training with a key whose checkpoints are in a folder; None before its first
/// checkpoint.
pub fn epochs(folder: &Path, key: &str) -> Option<Vec<EpochLog>> {
    let (state, _) = read(folder)?;
    (state.identity == key).then_some(state.log)
}

fn read(folder: &Path) -> Option<(TrainingState, SystemTime)> {
    let mut file = File::open(folder.join(RESUME)).ok()?;
    let written = file.metadata().and_then(|file| file.modified()).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return None;
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    let state = serde_json::from_str(&header.metadata.state).ok()?;
    Some((state, written))
}

fn of_state(state: &TrainingState, written: SystemTime) -> Progress {
    let epochs = state.log.len();
    let of = state.inputs["recipe"]["epochs"].as_u64();
    let of = of.and_then(|of| usize::try_from(of).ok());
    let recent = &state.log[epochs.saturating_sub(RECENT)..];
    let mean = recent.iter().map(|epoch| epoch.seconds).sum::<f64>() / recent.len() as f64;
    // Of an epoch that is begun, the checkpoint holds a part.
    let begun = state.begun.as_ref().map_or(0.0, |begun| begun.seconds);
    let whole = of
        .filter(|_| epochs > 0)
        .map(|of| mean * of.saturating_sub(epochs) as f64 - begun);
    let left = whole.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    Progress {
        epochs,
        of,
        left: left.map(|left| left.saturating_sub(written.elapsed().unwrap_or_default())),
        written,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(seconds: &[f64]) -> TrainingState {
        let log = seconds
            .iter()
            .enumerate()
            .map(|(epoch, &seconds)| EpochLog {
                epoch,
                lr: 0.01,
                losses: Default::default(),
                map50: None,
                map50_95: None,
                mask_map50: None,
                mask_map50_95: None,
                seconds,
            });
        TrainingState {
            inputs: json!({ "recipe": { "epochs": 10 } }),
            log: log.collect(),
            ..TrainingState::default()
        }
    }

    #[test]
    fn what_is_left_follows_from_the_last_epochs() {
        let now = SystemTime::now() + Duration::from_secs(3600);
        let left = |state: &TrainingState| of_state(state, now).left;
        let usual = state(&[500.0, 10.0, 10.0, 10.0, 10.0, 10.0]);
        assert_eq!(left(&usual), Some(Duration::from_secs(40)));
        assert_eq!(of_state(&usual, now).epochs, 6);
        assert_eq!(left(&state(&[])), None, "no epoch predicts anything");
        let unknown = TrainingState {
            inputs: json!(null),
            ..state(&[10.0])
        };
        assert_eq!(left(&unknown), None);
        let earlier = SystemTime::now() - Duration::from_secs(3600);
        assert_eq!(of_state(&usual, earlier).left, Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_checkpoint_has_no_progress() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(progress(folder.path()), None);
        for bytes in [
            &b"abc"[..],
            &[255; 16],
            &[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}'],
        ] {
            std::fs::write(folder.path().join(RESUME), bytes).unwrap();
            assert_eq!(progress(folder.path()), None);
        }
    }
}
