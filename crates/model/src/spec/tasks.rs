//! Modules of other tasks: what they are for, so that a table with one is refused in words that say
//! why.

/// A task, and how the names of its modules begin.
const OTHER_TASKS: [(&str, &[&str]); 7] = [
    ("pose estimation", &["Pose"]),
    ("detection of oriented boxes", &["OBB"]),
    ("classification", &["Classify"]),
    ("semantic segmentation", &["SemanticSegment"]),
    ("depth estimation", &["Depth"]),
    (
        "open vocabulary",
        &[
            "WorldDetect",
            "YOLOEDetect",
            "YOLOESegment",
            "LRPCHead",
            "C2fAttn",
            "ImagePoolingAttn",
            "ContrastiveHead",
            "BNContrastiveHead",
            "MaxSigmoidAttnBlock",
        ],
    ),
    ("a network of torchvision", &["TorchVision"]),
];

/// Why a module is not supported; None if it belongs to no other task.
pub(crate) fn unsupported(module: &str) -> Option<String> {
    let of = |names: &&[&str]| {
        let version = |rest: &str| rest.chars().all(|c| c.is_ascii_digit());
        let is = |name: &&str| module.strip_prefix(*name).is_some_and(version);
        names.iter().any(is)
    };
    let (task, _) = OTHER_TASKS.iter().find(|(_, names)| of(names))?;
    Some(format!("{task} is not supported"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_tasks_are_refused_by_name() {
        for (module, task) in [
            ("Pose", "pose estimation"),
            ("Pose26", "pose estimation"),
            ("OBB", "detection of oriented boxes"),
            ("Classify", "classification"),
            ("YOLOESegment26", "open vocabulary"),
        ] {
            assert_eq!(
                unsupported(module),
                Some(format!("{task} is not supported"))
            );
        }
        for module in ["Detect", "Segment", "PoseNet", "Conv", "PSA"] {
            assert_eq!(unsupported(module), None);
        }
    }
}
