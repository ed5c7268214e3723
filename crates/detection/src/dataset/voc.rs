//! Pascal VOC: `Annotations/NAME.xml`, `JPEGImages/NAME.*`, `ImageSets/Main/SET.txt`.
//!
//! VOC counts pixels from 1 and its corners are the first and the last pixel of the object, so a
//! box over the whole image is (1, 1, width, height). In coordinates from 0 with x2 behind the last
//! pixel that is (xmin − 1, ymin − 1, xmax, ymax): what Detectron2 does. (Ultralytics' converter
//! takes 1 from all four corners, torchvision none.) A box whose corners coincide is left out as
//! one without area, as by these tools, though strictly it would be one pixel.
//!
//! Objects marked difficult are left out, as in VOC's own evaluation, unless `difficult: true`;
//! that is no problem and not counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use roxmltree::{Document, Node};

use super::finish::{Draft, DraftBox, finish};
use super::image_file::is_image;
use super::random::{Draw, stream};
use super::spec::{Fractions, VocSpec, class_names};
use super::{DataError, DataSpec, Dataset, Problems, Split};

/// The content of an XML file.
#[derive(Default)]
struct Page {
    size: Option<(usize, usize)>,
    objects: Vec<Object>,
    problems: Problems,
}

struct Object {
    line: usize,
    name: String,
    corners: [f64; 4],
}

pub(crate) fn open(spec: &DataSpec, voc: &VocSpec, split: Split) -> Result<Dataset, DataError> {
    let root = spec.root(voc.path.as_deref());
    let xml_folder = root.join("Annotations");
    let images = files_by_stem(&root.join("JPEGImages"), is_image)?;
    let pages = files_by_stem(&xml_folder, |path| {
        path.extension().is_some_and(|suffix| suffix == "xml")
    })?;
    let mut problems = Problems::default();
    let sets = root.join("ImageSets/Main");
    let ids = if sets.is_dir() {
        read_sets(&sets, &voc.sets(split), &images, spec, split, &mut problems)?
    } else {
        let all = images
            .keys()
            .chain(pages.keys())
            .cloned()
            .collect::<BTreeSet<_>>();
        share_out(all.into_iter().collect(), voc, split, &spec.file)?
    };
    let given = voc
        .names
        .as_ref()
        .map(|names| class_names(names, &spec.file))
        .transpose()?;
    let classes = match given {
        Some(classes) => classes,
        None => collect_names(&pages, voc.difficult),
    };

    let read: Vec<_> = ids
        .into_par_iter()
        .map(|id| match (images.get(&id), pages.get(&id)) {
            (Some(image), Some(xml)) => match read_page(xml, voc.difficult) {
                Ok(page) => Ok(draft(id, image, xml, page, &classes)),
                Err(reason) => Err((xml.clone(), reason)),
            },
            (None, _) => Err((
                root.join("JPEGImages").join(&id),
                "missing image".to_owned(),
            )),
            (_, None) => Err((
                xml_folder.join(id + ".xml"),
                "missing annotation file".to_owned(),
            )),
        })
        .collect();
    let mut drafts = Vec::with_capacity(read.len());
    for result in read {
        match result {
            Ok(draft) => drafts.push(draft),
            Err((file, reason)) => problems.image(&file, None, reason),
        }
    }
    Ok(finish(&spec.name, split, classes, drafts, problems))
}

/// Files of a folder by name without ending; of several with one name the first in order.
fn files_by_stem(
    folder: &Path,
    wanted: fn(&Path) -> bool,
) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let fail = |error| DataError::io(folder, error);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let Some(stem) = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
        else {
            continue;
        };
        if wanted(&path) {
            let kept = files.entry(stem).or_insert_with(|| path.clone());
            *kept = kept.clone().min(path);
        }
    }
    Ok(files)
}

/// The names in some image sets, in their order. A line is a name, perhaps followed by a flag.
fn read_sets(
    folder: &Path,
    sets: &[String],
    images: &BTreeMap<String, PathBuf>,
    spec: &DataSpec,
    split: Split,
    problems: &mut Problems,
) -> Result<Vec<String>, DataError> {
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    for set in sets {
        let path = folder.join(format!("{set}.txt"));
        let text = ablate_files::read_text(&path).map_err(|error| {
            let message = format!("cannot read image set '{set}': {}: {error}", path.display());
            DataError::key(&spec.file, split.as_str(), message)
        })?;
        for (index, line) in text.lines().enumerate() {
            // A name may contain blanks: only if the whole line is no image is its last word a
            // flag.
            let line = line.trim();
            let id = match line.rsplit_once(char::is_whitespace) {
                Some((id, "1" | "0" | "-1")) if !images.contains_key(line) => id.trim(),
                _ => line,
            };
            if id.is_empty() {
                continue;
            }
            if seen.insert(id.to_owned()) {
                ids.push(id.to_owned());
            } else {
                problems.image(
                    &path,
                    Some(index + 1),
                    format!("'{id}' is listed twice; it is used once"),
                );
            }
        }
    }
    Ok(ids)
}

/// A split's share of all images, shuffled by the seed. Every share above 0 gets an image as long
/// as there are any.
fn share_out(
    mut ids: Vec<String>,
    voc: &VocSpec,
    split: Split,
    file: &Path,
) -> Result<Vec<String>, DataError> {
    let shares = voc.fractions.unwrap_or(Fractions {
        train: 0.8,
        val: 0.1,
        test: 0.1,
    });
    let shares = [shares.train, shares.val, shares.test];
    if shares.iter().any(|share| !(0.0..=1.0).contains(share))
        || shares.iter().sum::<f64>() > 1.0 + 1e-9
    {
        return Err(DataError::key(
            file,
            "fractions",
            "expected shares from 0 to 1, together at most 1",
        ));
    }
    if shares[split as usize] == 0.0 {
        return Err(DataError::key(
            file,
            &format!("fractions.{split}"),
            "0: this data set has no split of that name",
        ));
    }
    stream(voc.seed, 0x0076_6f63, 0, 0).shuffle(&mut ids);
    // Test and val take theirs first; where the shares make up all, train gets the rest, rounding
    // and all.
    let n = ids.len();
    let all = shares.iter().sum::<f64>() > 1.0 - 1e-9;
    let mut start = 0;
    let mut part = Vec::new();
    for turn in [Split::Test, Split::Val, Split::Train] {
        let share = shares[turn as usize];
        let count = ((share * n as f64).round() as usize).max(usize::from(share > 0.0));
        let end = if all && turn == Split::Train {
            n
        } else {
            (start + count).min(n)
        };
        if turn == split {
            part = ids[start..end].to_vec();
        }
        start = end;
    }
    part.sort();
    Ok(part)
}

/// The names of all classes of the data set, whichever split, sorted. A file that can't be read is
/// told of when its split is opened.
fn collect_names(pages: &BTreeMap<String, PathBuf>, difficult: bool) -> Vec<String> {
    let names: BTreeSet<String> = pages
        .par_iter()
        .filter_map(|(_, xml)| read_page(xml, difficult).ok())
        .flat_map_iter(|page| page.objects.into_iter().map(|object| object.name))
        .collect();
    names.into_iter().collect()
}

fn read_page(xml: &Path, difficult: bool) -> Result<Page, String> {
    let text = ablate_files::read_text(xml)
        .map_err(|error| format!("unreadable annotation file: {error}"))?;
    let document =
        Document::parse(&text).map_err(|error| format!("corrupt annotation file: {error}"))?;
    let mut page = Page::default();
    let root = document.root_element();
    page.size = child(root, "size").and_then(|size| {
        let number = |name| child(size, name).and_then(text_of)?.parse::<usize>().ok();
        Some((number("width")?, number("height")?))
            .filter(|&(width, height)| width > 0 && height > 0)
    });
    for object in root.children().filter(|node| node.has_tag_name("object")) {
        let is_difficult = child(object, "difficult")
            .and_then(text_of)
            .is_some_and(|flag| flag == "1");
        if is_difficult && !difficult {
            continue;
        }
        let line = document.text_pos_at(object.range().start).row as usize;
        match read_object(object, line) {
            Ok(object) => page.objects.push(object),
            Err(reason) => page.problems.annotation(xml, Some(line), reason),
        }
    }
    Ok(page)
}

fn read_object(object: Node, line: usize) -> Result<Object, String> {
    let name = child(object, "name")
        .and_then(text_of)
        .ok_or("object without a name")?
        .to_owned();
    let bndbox = child(object, "bndbox").ok_or("object without a bndbox")?;
    let number = |key: &str| -> Result<f64, String> {
        let text = child(bndbox, key)
            .and_then(text_of)
            .ok_or_else(|| format!("bndbox without {key}"))?;
        text.parse()
            .map_err(|_| format!("{key}: '{text}' is not a number"))
    };
    let [xmin, ymin, xmax, ymax] = [
        number("xmin")?,
        number("ymin")?,
        number("xmax")?,
        number("ymax")?,
    ];
    if xmax <= xmin || ymax <= ymin {
        return Err(format!(
            "{name}: box without area ({xmin}, {ymin}, {xmax}, {ymax})"
        ));
    }
    Ok(Object {
        line,
        name,
        corners: [xmin - 1.0, ymin - 1.0, xmax, ymax],
    })
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    node.text().map(str::trim).filter(|text| !text.is_empty())
}

fn draft(id: String, image: &Path, xml: &Path, page: Page, classes: &[String]) -> Draft {
    let mut problems = page.problems;
    let mut boxes = Vec::with_capacity(page.objects.len());
    for object in page.objects {
        match classes.iter().position(|class| *class == object.name) {
            Some(class) => boxes.push(DraftBox {
                line: Some(object.line),
                label: format!("{}: ", object.name),
                class,
                corners: object.corners,
                normalised: false,
                crowd: false,
                area: None,
                mask: None,
            }),
            None => problems.annotation(
                xml,
                Some(object.line),
                format!("unknown class '{}'", object.name),
            ),
        }
    }
    Draft {
        id: None,
        name: id,
        image: image.to_owned(),
        stated: page.size,
        file: xml.to_owned(),
        boxes,
        problems,
    }
}
