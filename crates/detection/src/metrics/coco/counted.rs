//! Which annotations of a file count: those that pycocotools takes.

use std::collections::HashMap;

use super::read::RawAnnotation;
use crate::id::{Id, IdIndex};

/// An annotation that counts.
pub(super) struct Counted {
    /// Its place in the file.
    pub origin: usize,
    pub image_id: u64,
    pub category_id: u64,
}

/// The annotations that count, as pycocotools picks them: by image and category first, then by
/// their ids, of which it knows the last annotation only.
pub(super) fn counted(
    rows: &[RawAnnotation],
    images: &IdIndex,
    categories: &IdIndex,
) -> Vec<Counted> {
    let of = |origin: usize| {
        let row: &RawAnnotation = &rows[origin];
        let image_id = images.number(&row.image_id);
        let category_id = categories.number(&row.category_id);
        Some(Counted {
            origin,
            image_id: image_id?,
            category_id: category_id?,
        })
    };
    let mut last = HashMap::with_capacity(rows.len());
    let mut repeated = None;
    for (origin, row) in rows.iter().enumerate() {
        if let Some(id) = &row.id
            && let Some(before) = last.insert(id, origin)
        {
            repeated.get_or_insert((before, origin));
        }
    }
    let mut counted: Vec<Counted> = (0..rows.len()).filter_map(of).collect();
    if let Some(missing) = (0..rows.len()).find(|&origin| of(origin).is_none()) {
        let row = &rows[missing];
        let (key, what, id) = match images.number(&row.image_id) {
            None => ("image_id", "image", &row.image_id),
            Some(_) => ("category_id", "category", &row.category_id),
        };
        tracing::warn!(
            "annotations[{missing}].{key}: no {what} has the id {id}; {} annotations of unknown images or categories don't count, as in pycocotools",
            rows.len() - counted.len()
        );
    }
    if let Some((before, origin)) = repeated {
        let id = rows[origin]
            .id
            .as_ref()
            .map_or(String::new(), Id::to_string);
        tracing::warn!(
            "annotations[{origin}].id: {id} is the id of annotations[{before}] already; pycocotools, and so these figures, take the last annotation of an id for all of them: give each its own"
        );
        counted.sort_by_key(|counted| counted.image_id);
        let known = |counted: Counted| match &rows[counted.origin].id {
            Some(id) => of(last[id]),
            None => Some(counted),
        };
        return counted.into_iter().filter_map(known).collect();
    }
    counted
}
