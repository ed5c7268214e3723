//! Ultralytics' `data.yaml` with YOLO label files.
//!
//! The labels of `…/images/a/b.jpg` lie in `…/labels/a/b.txt`: the last folder called `images`
//! becomes `labels`; where there is none, they lie beside the image. A row is `class cx cy w h`, in
//! shares of the image's size, or `class x1 y1 x2 y2 x3 y3 …`, a polygon, whose bounding box is the
//! object's box. Shares may miss 0..=1 by 0.01, as rounding makes them. A missing label file means
//! background.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::finish::{Draft, DraftBox, finish, name_below};
use super::image_file::is_image;
use super::spec::{YoloSpec, class_names};
use super::{DataError, DataSpec, Dataset, Problems, Split};
use crate::mask::Segmentation;

/// How far a share may lie outside 0..=1.
const TOLERANCE: f64 = 0.01;

pub(crate) fn open(spec: &DataSpec, yolo: &YoloSpec, split: Split) -> Result<Dataset, DataError> {
    let classes = classes(spec, yolo)?;
    let entries = yolo.split(split).filter(|entries| !entries.is_empty());
    let entries = entries.ok_or_else(|| DataError::missing_split(&spec.file, split))?;
    let root = spec.root(yolo.path.as_deref());
    let mut problems = Problems::default();
    let mut images = Vec::new();
    for entry in entries {
        let path = resolve(&root, entry);
        if path.is_dir() {
            let before = images.len();
            collect(&path, &mut images).map_err(|error| DataError::io(&path, error))?;
            images[before..].sort();
        } else if path.is_file() {
            read_list(&path, &root, &mut images, &mut problems)?;
        } else {
            let message = format!("folder or .txt file {} not found", path.display());
            return Err(DataError::key(&spec.file, split.as_str(), message));
        }
    }
    let drafts = images
        .into_par_iter()
        .map(|image| draft(image, &root, classes.len()))
        .collect();
    Ok(finish(&spec.name, split, classes, drafts, problems))
}

fn classes(spec: &DataSpec, yolo: &YoloSpec) -> Result<Vec<String>, DataError> {
    let names = yolo
        .names
        .as_ref()
        .map(|names| class_names(names, &spec.file))
        .transpose()?;
    match (names, yolo.nc) {
        (Some(names), Some(nc)) if names.len() != nc => {
            let message = format!(
                "expected {}, the number of `names`, found {nc}",
                names.len()
            );
            Err(DataError::key(&spec.file, "nc", message))
        }
        (Some(names), _) => Ok(names),
        (None, Some(nc)) if nc > 0 => Ok((0..nc).map(|class| format!("class_{class}")).collect()),
        _ => Err(DataError::key(
            &spec.file,
            "names",
            "missing; list the class names (or set their number as `nc`)",
        )),
    }
}

/// A path of the description. Exports of some tools write `../train/images` where `train/images` is
/// meant, and Ultralytics forgives them; so do we.
fn resolve(root: &Path, entry: &Path) -> PathBuf {
    let path = root.join(entry);
    match entry.strip_prefix("..") {
        Ok(rest) if !path.exists() && root.join(rest).exists() => root.join(rest),
        _ => path,
    }
}

fn collect(folder: &Path, images: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, images)?;
        } else if is_image(&path) {
            images.push(path);
        }
    }
    Ok(())
}

/// A `.txt` file with an image path a line, relative to its own folder or to the root of the data
/// set.
fn read_list(
    list: &Path,
    root: &Path,
    images: &mut Vec<PathBuf>,
    problems: &mut Problems,
) -> Result<(), DataError> {
    let text = ablate_files::read_text(list).map_err(|error| DataError::io(list, error))?;
    let folder = list.parent().unwrap_or(Path::new(""));
    for (index, line) in text.lines().enumerate() {
        let entry = line.trim().trim_start_matches("./");
        if entry.is_empty() {
            continue;
        }
        match [folder.join(entry), root.join(entry)]
            .into_iter()
            .find(|path| path.is_file())
        {
            Some(path) => images.push(path),
            None => problems.image(list, Some(index + 1), format!("missing image: {entry}")),
        }
    }
    Ok(())
}

/// Where the labels of an image lie.
pub(crate) fn label_path(image: &Path) -> PathBuf {
    let mut parts: Vec<_> = image.components().map(|part| part.as_os_str()).collect();
    let folders = parts.len().saturating_sub(1);
    if let Some(images) = parts[..folders].iter().rposition(|part| *part == "images") {
        parts[images] = "labels".as_ref();
    }
    parts.iter().collect::<PathBuf>().with_extension("txt")
}

fn draft(image: PathBuf, root: &Path, nc: usize) -> Draft {
    let file = label_path(&image);
    let mut problems = Problems::default();
    let mut boxes = Vec::new();
    match ablate_files::read_text(&file) {
        Ok(text) => {
            for (index, row) in text
                .lines()
                .enumerate()
                .filter(|(_, row)| !row.trim().is_empty())
            {
                match parse_row(row, nc) {
                    Ok(Row {
                        class,
                        corners,
                        polygon,
                    }) => boxes.push(DraftBox {
                        line: Some(index + 1),
                        label: String::new(),
                        class,
                        corners,
                        normalised: true,
                        crowd: false,
                        area: None,
                        mask: polygon.map(|polygon| Segmentation::Polygons(vec![polygon])),
                    }),
                    Err(reason) => problems.annotation(&file, Some(index + 1), reason),
                }
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => problems.annotation(&file, None, format!("unreadable labels: {error}")),
    }
    Draft {
        id: None,
        name: name_below(&image, root),
        image,
        stated: None,
        file,
        boxes,
        problems,
    }
}

/// A row of a label file, in shares of the image's size.
#[derive(Debug)]
struct Row {
    class: usize,
    corners: [f64; 4],
    polygon: Option<Vec<[f64; 2]>>,
}

fn parse_row(row: &str, nc: usize) -> Result<Row, String> {
    let mut numbers = Vec::with_capacity(5);
    for word in row.split_whitespace() {
        let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
        numbers.push(number.ok_or_else(|| format!("'{word}' is not a number"))?);
    }
    let polygon = numbers.len() >= 7 && numbers.len() % 2 == 1;
    if numbers.len() != 5 && !polygon {
        let n = numbers.len();
        return Err(format!(
            "expected `class cx cy w h`, or a class and the points of a polygon, found {n} numbers"
        ));
    }
    let class = numbers[0];
    if class.fract() != 0.0 || class < 0.0 || class >= nc as f64 {
        return Err(format!("unknown class {class}; known: 0 to {}", nc - 1));
    }
    let shares = &numbers[1..];
    let range = -TOLERANCE..=1.0 + TOLERANCE;
    if let Some(share) = shares.iter().find(|share| !range.contains(share)) {
        return Err(format!(
            "expected shares of the image's size (0 to 1), found {share}: the box lies outside or is in pixels"
        ));
    }
    let class = class as usize;
    if polygon {
        let points: Vec<[f64; 2]> = shares.as_chunks::<2>().0.to_vec();
        let [xs, ys] = [0, 1].map(|axis| points.iter().map(move |point| point[axis]));
        let corners = [
            xs.clone().fold(1.0, f64::min),
            ys.clone().fold(1.0, f64::min),
            xs.fold(0.0, f64::max),
            ys.fold(0.0, f64::max),
        ];
        return Ok(Row {
            class,
            corners,
            polygon: Some(points),
        });
    }
    let [cx, cy, w, h] = [shares[0], shares[1], shares[2], shares[3]];
    Ok(Row {
        class,
        corners: [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0],
        polygon: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lie_in_the_last_images_folders_twin() {
        let labels = |image: &str| label_path(Path::new(image)).to_string_lossy().into_owned();
        assert_eq!(
            labels("/a/images/b/images/c.d.jpg"),
            "/a/images/b/labels/c.d.txt"
        );
        assert_eq!(labels("a/images"), "a/images.txt");
        assert_eq!(labels("a/b.png"), "a/b.txt");
    }

    #[test]
    fn polygons_keep_their_points_and_have_a_bounding_box() {
        let Row {
            class,
            corners,
            polygon,
        } = parse_row("1 0.5 0.25 0.75 0.5 0.25 0.5", 2).unwrap();
        assert_eq!((class, corners), (1, [0.25, 0.25, 0.75, 0.5]));
        assert_eq!(polygon.unwrap(), [[0.5, 0.25], [0.75, 0.5], [0.25, 0.5]]);
    }

    #[test]
    fn bad_rows_say_why() {
        let reason = |row: &str| parse_row(row, 2).unwrap_err();
        assert!(reason("0 0.5 0.5 0.1").contains("found 4 numbers"));
        assert!(reason("0 0.5 0.5 0.1 0.1 0.1").contains("found 6 numbers"));
        assert!(reason("2 0.5 0.5 0.1 0.1").contains("unknown class 2"));
        assert!(reason("0.5 0.5 0.5 0.1 0.1").contains("unknown class 0.5"));
        assert!(reason("cat 0.5 0.5 0.1 0.1").contains("'cat' is not a number"));
        assert!(reason("0 320 240 64 48").contains("pixels"));
    }
}
