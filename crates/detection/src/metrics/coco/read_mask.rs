//! Masks from the values of the key `segmentation`.

use ablate_files::in_plain_words;
use serde_json::Value;

use super::error::MetricsError;
use crate::mask::{Rle, Segmentation};

/// The mask that the value at `place` holds, None if it is null or an empty list.
///
/// `size` is the height and width of the image, where they are known: polygons need them, run
/// lengths must agree.
pub(super) fn read_mask(
    value: &Value,
    size: Option<(usize, usize)>,
    place: &str,
) -> Result<Option<Rle>, MetricsError> {
    if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
        return Ok(None);
    }
    let segmentation = serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        // A path is a mere point where the value itself is wrong.
        let inner = inner.trim_end_matches(['.', '?']);
        let point = if inner.is_empty() || inner.starts_with('[') {
            ""
        } else {
            "."
        };
        let problem = in_plain_words(&error.inner().to_string());
        MetricsError::at(format!("{place}{point}{inner}"), problem)
    })?;
    let mask = match (segmentation, size) {
        (Segmentation::Rle(mask), None) => Ok(mask),
        (Segmentation::Polygons(_), None) => {
            Err("polygons, but the annotation file has no height and width of their image".into())
        }
        (segmentation, Some((height, width))) => segmentation.to_rle(height, width),
    };
    mask.map(Some)
        .map_err(|problem| MetricsError::at(place, problem))
}
