//! The last step of every file format: image headers, box checks, clipping; in parallel, in a fixed
//! order.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::box_mask::mask_of;
use super::image_file::Header;
use super::{Annotation, Dataset, ImageSource, Problems, Sample, Split};
use crate::geometry::BBox;
use crate::id::Id;
use crate::mask::Segmentation;

/// An image as its annotation file describes it.
pub(crate) struct Draft {
    /// A number for the image, and what its file calls it; None if the file has no ids.
    pub id: Option<(u64, Id)>,
    pub name: String,
    pub image: PathBuf,
    /// Size that the annotation file states, if it does.
    pub stated: Option<(usize, usize)>,
    /// The annotation file; problems name it.
    pub file: PathBuf,
    pub boxes: Vec<DraftBox>,
    /// Found while reading.
    pub problems: Problems,
}

/// A box with the place where it was read.
pub(crate) struct DraftBox {
    pub line: Option<usize>,
    /// What the row is called where there are no lines, such as "annotations[17]: ".
    pub label: String,
    pub class: usize,
    /// Corners x1, y1, x2, y2 in pixels, or in shares of the image's size.
    pub corners: [f64; 4],
    pub normalised: bool,
    /// What the row calls a box in pixels whose numbers look like shares, such as
    /// `bbox [0.1, 0.2, 0.5, 0.4]`.
    pub like_shares: Option<String>,
    pub crowd: bool,
    pub area: Option<f64>,
    /// Polygons in the units of the corners, or run lengths.
    pub mask: Option<Segmentation>,
}

/// Checks drafts against their images and makes a data set of what is left.
pub(crate) fn finish(
    name: &str,
    split: Split,
    classes: Vec<String>,
    drafts: Vec<Draft>,
    mut problems: Problems,
) -> Dataset {
    let finished: Vec<_> = drafts
        .into_par_iter()
        .enumerate()
        .map(|(i, draft)| finish_one(i, draft))
        .collect();
    let mut samples = Vec::with_capacity(finished.len());
    for (sample, found) in finished {
        problems.extend(found);
        samples.extend(sample);
    }
    let category_ids = (0..classes.len() as u64).map(Id::from).collect();
    Dataset {
        name: name.to_owned(),
        split,
        classes,
        category_ids,
        samples,
        problems,
    }
}

fn finish_one(position: usize, draft: Draft) -> (Option<Sample>, Problems) {
    let mut problems = draft.problems;
    let Header {
        width,
        height,
        turned,
    } = match Header::read(&draft.image) {
        Ok(header) => header,
        Err(reason) => {
            let mut only = Problems::default();
            only.image_with(draft.boxes.len(), &draft.image, reason);
            return (None, only);
        }
    };
    if let Some((w, h)) = draft.stated.filter(|&stated| stated != (width, height)) {
        let mut reason = format!("the image is {width}×{height} but its annotation says {w}×{h}");
        if let Some(turn) = turned.filter(|_| (w, h) == (height, width)) {
            reason += &format!(
                ": EXIF turns it {turn}; annotate the upright image, or remove the orientation"
            );
        }
        let mut only = Problems::default();
        only.image_with(draft.boxes.len(), &draft.image, reason);
        return (None, only);
    }
    let mut annotations: Vec<Annotation> = Vec::with_capacity(draft.boxes.len());
    // Only boxes of one class and place are compared: an image may have a hundred thousand.
    let mut alike: HashMap<_, Vec<usize>> = HashMap::with_capacity(draft.boxes.len());
    for draft_box in draft.boxes {
        match check_box(&draft_box, width, height) {
            Ok((bbox, clipped)) => {
                let mask = mask_of(&draft_box, bbox, width, height).unwrap_or_else(|reason| {
                    let reason = draft_box.label.clone() + &reason;
                    problems.mask(&draft.file, draft_box.line, reason);
                    None
                });
                let annotation = Annotation {
                    class: draft_box.class,
                    bbox,
                    crowd: draft_box.crowd,
                    area: draft_box.area,
                    mask,
                };
                let alike = alike.entry(place(&annotation)).or_default();
                if alike.iter().any(|other| annotations[*other] == annotation) {
                    let reason = format!("{}the same box of the same class twice", draft_box.label);
                    problems.annotation(&draft.file, draft_box.line, reason);
                } else {
                    problems.clipped += usize::from(clipped);
                    alike.push(annotations.len());
                    annotations.push(annotation);
                }
            }
            Err(reason) => {
                problems.annotation(
                    &draft.file,
                    draft_box.line,
                    format!("{}{reason}", draft_box.label),
                );
            }
        }
    }
    let by_file = || (position as u64, Id::of_file(&draft.image));
    let (id, own_id) = draft.id.unwrap_or_else(by_file);
    let sample = Sample {
        id,
        own_id,
        name: draft.name,
        width,
        height,
        source: ImageSource::File(draft.image),
        annotations,
    };
    (Some(sample), problems)
}

/// The class and the corners; those of equal boxes are equal.
fn place(annotation: &Annotation) -> (usize, [u32; 4]) {
    let BBox { x1, y1, x2, y2 } = annotation.bbox;
    // −0 becomes 0.
    (
        annotation.class,
        [x1, y1, x2, y2].map(|side| (side + 0.0).to_bits()),
    )
}

/// Pixels of a side up to which a box inside the first pixel may be meant so.
const TINY_IMAGE: usize = 8;

/// The box in pixels, clipped to the image, and whether clipping took more than a pixel.
fn check_box(draft: &DraftBox, width: usize, height: usize) -> Result<(BBox, bool), String> {
    let (w, h) = (width as f64, height as f64);
    let unit = if draft.normalised {
        [w, h, w, h]
    } else {
        [1.0; 4]
    };
    let mut corners = draft.corners;
    if corners.iter().any(|corner| !corner.is_finite()) {
        return Err("expected finite coordinates, found NaN or infinity".into());
    }
    if corners[2] <= corners[0] || corners[3] <= corners[1] {
        return Err("box without area".into());
    }
    corners
        .iter_mut()
        .zip(unit)
        .for_each(|(corner, unit)| *corner *= unit);
    let [x1, y1, x2, y2] = corners;
    let (left, top, right, bottom) = (x1.max(0.0), y1.max(0.0), x2.min(w), y2.min(h));
    let bbox = BBox::from_xyxy(left as f32, top as f32, right as f32, bottom as f32);
    if right <= left || bottom <= top {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(shown);
        return Err(format!(
            "box ({x1}, {y1}, {x2}, {y2}) lies outside the {width}×{height} image"
        ));
    }
    if bbox.area() <= 0.0 {
        return Err("box without area".into());
    }
    if let Some(shown) = &draft.like_shares
        && width.min(height) > TINY_IMAGE
    {
        return Err(format!(
            "{shown} looks like shares of the {width}×{height} image; this format has pixels"
        ));
    }
    let cut = (left - x1).max(top - y1).max(x2 - right).max(y2 - bottom);
    Ok((bbox, cut > 1.0))
}

/// A coordinate without hundreds of zeros.
fn shown(corner: f64) -> String {
    match corner.abs() < 1e9 {
        true => corner.to_string(),
        false => format!("{corner:e}"),
    }
}

/// A path below `root` as text with `/`, or its file name where it lies elsewhere.
pub(crate) fn name_below(path: &Path, root: &Path) -> String {
    let relative = path
        .strip_prefix(root)
        .ok()
        .or(path.file_name().map(Path::new))
        .unwrap_or(path);
    relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}
