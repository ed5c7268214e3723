//! Pascal VOC: an XML file for each image, such as `Annotations/NAME.xml` and `JPEGImages/NAME.jpg`,
//! and perhaps `ImageSets/Main/SET.txt`.
//!
//! VOC counts pixels from 1 and its corners are the first and the last pixel of the object, so a
//! box over the whole image is (1, 1, width, height). In coordinates from 0 with x2 behind the last
//! pixel that is (xmin − 1, ymin − 1, xmax, ymax): what Detectron2 does. (Ultralytics' converter
//! takes 1 from all four corners, torchvision none.) A box whose corners coincide is left out as
//! one without area, as by these tools, though strictly it would be one pixel.
//!
//! Objects marked difficult are, as crowds of COCO, no targets in training and ignored by the metrics
//! where they are met, as in VOC's own evaluation; with `difficult: true` they are objects like
//! others.

mod layout;
mod page;
mod sets;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use self::layout::{Content, Files, Layout, Part};
use self::page::{Page, read_page};
use super::finish::{Draft, DraftBox, finish};
use super::image_file::unsupported;
use super::spec::{VocSpec, class_names};
use super::{DataError, DataSpec, Dataset, Problems, Split};

pub(crate) use layout::{LAYOUTS, is_voc};

/// What a split lists, before any file is read.
struct Listed {
    /// The folders, of which there is at least one.
    parts: Vec<Part>,
    /// Whether the folders hold all splits.
    is_whole: bool,
    content: Content,
    /// Names of the split's images.
    ids: Vec<String>,
    root: PathBuf,
}

fn list(spec: &DataSpec, voc: &VocSpec, split: Split) -> Result<Listed, DataError> {
    if voc
        .sets(split)
        .is_some_and(|sets| sets.iter().all(String::is_empty))
    {
        return Err(DataError::missing_split(&spec.file, split));
    }
    let root = spec.existing_root(voc.path.as_deref())?;
    let layout = layout::find(spec, voc, &root)?;
    let parts = match &layout {
        Layout::Whole(part) => vec![part.clone()],
        Layout::Splits => layout::parts(spec, voc, &root, split)?,
    };
    let mut content = content(&parts)?;
    check_is_voc(&content)?;
    let ids = match layout {
        Layout::Whole(_) => sets::of(spec, voc, split, &root, &mut content)?,
        Layout::Splits => {
            sets::no_fractions(spec, voc, "a folder for each split")?;
            content.names()
        }
    };
    Ok(Listed {
        is_whole: layout != Layout::Splits,
        parts,
        content,
        ids,
        root,
    })
}

/// The image files of a split.
pub(crate) fn image_files(
    spec: &DataSpec,
    voc: &VocSpec,
    split: Split,
) -> Result<Vec<PathBuf>, DataError> {
    let Listed { content, ids, .. } = list(spec, voc, split)?;
    let ids = ids.iter();
    let image = |id: &String| first(&content.images, id).cloned();
    Ok(ids.filter_map(image).collect())
}

pub(crate) fn open(spec: &DataSpec, voc: &VocSpec, split: Split) -> Result<Dataset, DataError> {
    let Listed {
        parts,
        is_whole,
        content,
        ids,
        root,
    } = list(spec, voc, split)?;
    let Content {
        images,
        foreign,
        pages,
        mut problems,
    } = content;
    let classes = match &voc.names {
        Some(names) => class_names(names, &spec.file)?,
        None if is_whole => collect_names(&pages),
        None => collect_names(&pages_of_all(spec, voc, &root)?),
    };

    for id in &ids {
        tell_doubles(images.get(id), Problems::image, &mut problems);
        tell_doubles(pages.get(id), Problems::annotation, &mut problems);
    }
    let numbered = classes.iter().enumerate();
    let numbers: HashMap<&str, usize> = numbered.map(|(n, name)| (name.as_str(), n)).collect();
    let read: Vec<_> = ids
        .into_par_iter()
        .map(|id| {
            let part = parts.iter().find(|part| id.starts_with(&part.prefix));
            let part = part.unwrap_or(&parts[0]);
            match (first(&images, &id), first(&pages, &id)) {
                (Some(image), Some(xml)) => match read_page(xml) {
                    Ok(page) => Ok(draft(id, image, xml, page, &numbers, voc.difficult)),
                    Err(reason) => Err((xml.clone(), reason, 0)),
                },
                (None, xml) => {
                    let boxes = xml.and_then(|xml| read_page(xml).ok());
                    let (image, reason) = match first(&foreign, &id) {
                        Some(image) => (image.clone(), unsupported(image).unwrap_or_default()),
                        None => (part.place(&part.images, &id), "missing image".to_owned()),
                    };
                    Err((image, reason, boxes.map_or(0, |page| page.objects.len())))
                }
                (_, None) => Err((
                    part.place(&part.annotations, &(id + ".xml")),
                    "missing annotation file".to_owned(),
                    0,
                )),
            }
        })
        .collect();
    let mut drafts = Vec::with_capacity(read.len());
    for result in read {
        match result {
            Ok(draft) => drafts.push(draft),
            Err((file, reason, boxes)) => problems.image_with(boxes, &file, reason),
        }
    }
    Ok(finish(&spec.name, split, classes, drafts, problems))
}

/// The images and the XML files of some folders.
fn content(parts: &[Part]) -> Result<Content, DataError> {
    let mut content = Content::default();
    parts.iter().try_for_each(|part| part.read(&mut content))?;
    Ok(content)
}

/// Refuses the one file in which CVAT writes all images, in a format of its own.
fn check_is_voc(content: &Content) -> Result<(), DataError> {
    let Some(file) = first(&content.pages, "annotations") else {
        return Ok(());
    };
    let is_cvat = || {
        let text = ablate_files::read_xml(file).ok()?;
        let document = roxmltree::Document::parse(&text).ok()?;
        Some(document.root_element().has_tag_name("annotations"))
    };
    if content.images.contains_key("annotations") || !file.is_file() || is_cvat() != Some(true) {
        return Ok(());
    }
    let message = "expected Pascal VOC, an XML file for each image, found CVAT's <annotations> of all images; export them as Pascal VOC, COCO or YOLO";
    Err(DataError::file(file, message))
}

/// The XML files of all splits that there are.
fn pages_of_all(spec: &DataSpec, voc: &VocSpec, root: &Path) -> Result<Files, DataError> {
    let mut all = Files::new();
    for split in Split::ALL {
        match layout::parts(spec, voc, root, split) {
            Ok(parts) => all.extend(content(&parts)?.pages),
            Err(error) if error.is_missing_split(split) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn first<'f>(files: &'f Files, id: &str) -> Option<&'f PathBuf> {
    files.get(id)?.first()
}

/// Of several files of one name, the first in order is used.
fn tell_doubles(
    paths: Option<&Vec<PathBuf>>,
    tell: fn(&mut Problems, &Path, Option<usize>, String),
    problems: &mut Problems,
) {
    if let Some([used, others @ ..]) = paths.map(Vec::as_slice) {
        let used = used.file_name().unwrap_or_default().to_string_lossy();
        for other in others {
            let reason = format!("{used} has the same name and is used");
            tell(problems, other, None, reason);
        }
    }
}

/// The names of all classes of the data set, whichever split, sorted. A file that can't be read is
/// told of when its split is opened.
fn collect_names(pages: &Files) -> Vec<String> {
    let names: BTreeSet<String> = pages
        .par_iter()
        .filter_map(|(_, xml)| read_page(xml.first()?).ok())
        .flat_map_iter(|page| page.objects.into_iter().map(|object| object.name))
        .collect();
    names.into_iter().collect()
}

fn draft(
    id: String,
    image: &Path,
    xml: &Path,
    page: Page,
    classes: &HashMap<&str, usize>,
    keep_difficult: bool,
) -> Draft {
    let mut problems = page.problems;
    let mut boxes = Vec::with_capacity(page.objects.len());
    for object in page.objects {
        match classes.get(object.name.as_str()).copied() {
            Some(class) => boxes.push(DraftBox {
                line: Some(object.line),
                label: format!("{}: ", object.name),
                class,
                corners: object.corners,
                normalised: false,
                like_shares: object.like_shares,
                crowd: object.difficult && !keep_difficult,
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
