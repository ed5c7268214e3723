//! Pages to look through a data set before training: `index.html` with tables and a few images of
//! each split, and pages of all images with their boxes. Every file holds what it needs.

mod stale;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use minijinja::{AutoEscape, Environment, context};
use rayon::prelude::*;
use serde::Serialize;

use crate::own;
use crate::plots::style::{REGULAR, SEMIBOLD};
use ablate_files::write_atomic;

/// Images on a page.
pub const PER_PAGE: usize = 100;

/// Images of each split on the index.
const ON_INDEX: usize = 10;

/// With more boxes than this in an image, the classes are named below it only.
const MOST_NAMED: usize = 12;

/// Problems of a split on the index; more are counted.
const MOST_PROBLEMS: usize = 10_000;

/// A data set to look through.
#[derive(Clone, Debug)]
pub struct DataPages<'a> {
    /// The data set's name.
    pub title: &'a str,
    /// What should be seen first, such as images of the training split that are also evaluated on.
    pub warnings: &'a [String],
    /// Figures of the whole data set.
    pub tables: &'a [DataTable],
    /// Class names; those of the boxes.
    pub classes: &'a [String],
    /// The splits.
    pub splits: &'a [SplitPages],
}

/// A table of texts; all but the first column are figures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DataTable {
    /// What it is about.
    pub title: String,
    /// Headings.
    pub heads: Vec<String>,
    /// As many texts as headings in each.
    pub rows: Vec<Vec<String>>,
    /// A sentence below it; may be empty.
    pub note: String,
}

/// A split of a data set to look through.
#[derive(Clone, Debug)]
pub struct SplitPages {
    /// `train`, `val` or `test`.
    pub name: String,
    /// Number of images.
    pub images: usize,
    /// What was left out of it, `FILE:LINE: REASON`.
    pub problems: Vec<String>,
}

/// A small image with its boxes.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// The image's name inside the data set.
    pub name: String,
    /// Width and height of the original image.
    pub original: [usize; 2],
    /// Width and height of the small one.
    pub size: [usize; 2],
    /// The small image as JPEG.
    pub jpeg: Vec<u8>,
    /// The boxes, in pixels of the small image.
    pub boxes: Vec<ThumbnailBox>,
}

/// A box of a small image.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ThumbnailBox {
    /// Index into the classes.
    pub class: usize,
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// Whether it stands for a crowd; drawn with dashes.
    pub crowd: bool,
}

/// An image as the template draws it.
#[derive(Serialize)]
struct Shot<'a> {
    name: String,
    original: [usize; 2],
    size: [usize; 2],
    jpeg: String,
    boxes: Vec<Drawn<'a>>,
    /// The classes in it, with the number of boxes of each.
    tags: Vec<Tag<'a>>,
    /// Whether a name stands at each box.
    named: bool,
}

#[derive(Serialize)]
struct Drawn<'a> {
    #[serde(flatten)]
    bbox: ThumbnailBox,
    name: &'a str,
    color: String,
}

#[derive(Serialize)]
struct Tag<'a> {
    class: usize,
    name: &'a str,
    color: String,
    boxes: usize,
}

/// A page in the index.
#[derive(Serialize)]
struct PageLink {
    file: String,
    first: usize,
    last: usize,
    /// Words that the filter looks for: the classes on the page, and `none` for images without a
    /// box.
    classes: BTreeSet<String>,
}

#[derive(Serialize)]
struct SplitView<'a> {
    name: &'a str,
    images: usize,
    problems: &'a [String],
    more_problems: usize,
    pages: Vec<PageLink>,
    shots: Vec<Shot<'a>>,
}

/// Writes the pages into a folder, each atomically, and gives the path of `index.html`, which is
/// written after them. Pages of an earlier run that this one did not write are removed then.
/// `thumbnail` makes an image by the places of its split and its own; it is called from several
/// threads, and no more than a page's images are held at a time.
///
/// # Errors
/// A file that can't be written, or that lies there by the same name and is not ours; the first error
/// of `thumbnail`.
pub fn write_data_pages(
    folder: &Path,
    pages: &DataPages,
    thumbnail: impl Fn(usize, usize) -> Result<Thumbnail> + Sync,
) -> Result<PathBuf> {
    let engine = engine()?;
    let index = folder.join("index.html");
    own::check_page(&index)?;
    for split in pages.splits {
        let count = split.images.div_ceil(PER_PAGE);
        (0..count).try_for_each(|page| own::check_page(&folder.join(file(&split.name, page))))?;
    }
    let shots = |split: usize, images: &[usize]| -> Result<Vec<Shot>> {
        images
            .par_iter()
            .map(|&image| Ok(shot(thumbnail(split, image)?, pages.classes)))
            .collect()
    };
    let mut views = Vec::new();
    for (place, split) in pages.splits.iter().enumerate() {
        let mut view = SplitView {
            name: &split.name,
            images: split.images,
            problems: &split.problems[..split.problems.len().min(MOST_PROBLEMS)],
            more_problems: split.problems.len().saturating_sub(MOST_PROBLEMS),
            pages: Vec::new(),
            shots: shots(place, &spread(split.images, ON_INDEX))?,
        };
        let count = split.images.div_ceil(PER_PAGE);
        for number in 0..count {
            let (first, end) = (number * PER_PAGE, split.images.min((number + 1) * PER_PAGE));
            let shots = shots(place, &Vec::from_iter(first..end))?;
            let link = PageLink {
                file: file(&split.name, number),
                first: first + 1,
                last: end,
                classes: shots.iter().flat_map(words).collect(),
            };
            let context = context! {
                title => pages.title,
                split => split.name,
                images => split.images,
                link,
                previous => number.checked_sub(1).map(|number| file(&split.name, number)),
                next => (number + 1 < count).then(|| file(&split.name, number + 1)),
                classes => pages.classes,
                pictures => shots,
                ..common()
            };
            write(&engine, "page.html", &context, &folder.join(&link.file))?;
            view.pages.push(link);
        }
        views.push(view);
    }
    let context = context! {
        title => pages.title,
        warnings => pages.warnings,
        tables => pages.tables,
        classes => pages.classes,
        splits => &views,
        ..common()
    };
    write(&engine, "index.html", &context, &index)?;
    let written = views.iter().flat_map(|view| &view.pages);
    let written = written.map(|link| link.file.as_str()).collect();
    stale::remove(folder, &written)?;
    Ok(index)
}

fn engine() -> Result<Environment<'static>> {
    let mut engine = Environment::new();
    engine.set_auto_escape_callback(|_| AutoEscape::Html);
    engine.set_trim_blocks(true);
    engine.set_lstrip_blocks(true);
    for (name, text) in [
        ("parts.html", include_str!("parts.html")),
        ("index.html", include_str!("index.html")),
        ("page.html", include_str!("page.html")),
    ] {
        engine
            .add_template(name, text)
            .context("a data page's template")?;
    }
    Ok(engine)
}

/// What every page holds.
fn common() -> minijinja::Value {
    context! {
        style => concat!(include_str!("../html/style.css"), include_str!("data.css")),
        script => include_str!("filter.js"),
        regular => BASE64_STANDARD.encode(REGULAR),
        semibold => BASE64_STANDARD.encode(SEMIBOLD),
    }
}

fn write(engine: &Environment, name: &str, context: &minijinja::Value, path: &Path) -> Result<()> {
    let template = engine
        .get_template(name)
        .context("a data page's template")?;
    let page = template.render(context).context("a data page")?;
    write_atomic(path, page.as_bytes())
}

fn file(split: &str, number: usize) -> String {
    format!("{split}-{}.html", number + 1)
}

/// At most `count` places of `of`, evenly spread.
fn spread(of: usize, count: usize) -> Vec<usize> {
    let count = count.min(of);
    (0..count).map(|place| place * of / count).collect()
}

/// What the filter finds an image by.
fn words(shot: &Shot) -> Vec<String> {
    match shot.tags.is_empty() {
        true => vec!["none".into()],
        false => shot.tags.iter().map(|tag| tag.class.to_string()).collect(),
    }
}

fn shot(thumbnail: Thumbnail, classes: &[String]) -> Shot<'_> {
    let name = |class: usize| classes.get(class).map_or("?", String::as_str);
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for bbox in &thumbnail.boxes {
        *counts.entry(bbox.class).or_default() += 1;
    }
    let tags = counts.into_iter().map(|(class, boxes)| Tag {
        class,
        name: name(class),
        color: color(class),
        boxes,
    });
    let drawn = |bbox: &ThumbnailBox| Drawn {
        bbox: *bbox,
        name: name(bbox.class),
        color: color(bbox.class),
    };
    Shot {
        original: thumbnail.original,
        size: thumbnail.size,
        jpeg: BASE64_STANDARD.encode(&thumbnail.jpeg),
        tags: tags.collect(),
        named: thumbnail.boxes.len() <= MOST_NAMED,
        boxes: thumbnail.boxes.iter().map(drawn).collect(),
        name: thumbnail.name,
    }
}

/// A colour for each class, of equal lightness and bright on a photograph: hues by the golden
/// angle, so that neighbours differ.
fn color(class: usize) -> String {
    let hue = (class as f64 * 137.508 + 140.0) % 360.0;
    format!("oklch(0.84 0.18 {hue:.0})")
}
