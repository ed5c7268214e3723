//! Ids that a list of the annotation file has twice.

use std::collections::HashMap;

use crate::id::Id;

/// Names the first id that comes twice in a list such as `categories`, and says how many do. As in
/// pycocotools, whose tables of images and of categories have one row an id, the last one stands for
/// all.
pub(super) fn repeated<'a>(list: &str, ids: impl Iterator<Item = &'a Id>) -> Option<String> {
    let mut places: HashMap<&Id, usize> = HashMap::new();
    let mut found: Option<String> = None;
    let mut count = 0;
    for (place, id) in ids.enumerate() {
        let Some(first) = places.insert(id, place) else {
            continue;
        };
        count += 1;
        found.get_or_insert_with(|| {
            format!("{list}[{place}].id: {id} is the id of {list}[{first}] already")
        });
    }
    found.map(|first| {
        format!("{first}; as in pycocotools, the last one of an id stands for all ({count} of {list} repeat an id)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_that_comes_twice_is_named() {
        let ids: Vec<Id> = serde_json::from_str(r#"[3, "3", 4, 3.0, 4]"#).unwrap();
        assert_eq!(repeated("categories", ids[..3].iter()), None);
        assert_eq!(
            repeated("categories", ids.iter()).unwrap(),
            "categories[3].id: 3 is the id of categories[0] already; as in pycocotools, the last one of an id stands for all (2 of categories repeat an id)"
        );
    }
}
