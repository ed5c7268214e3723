//! The pages of a data set: its tables, and its images with their boxes.

use std::path::{Path, PathBuf};

use ablate_detection::dataset::CachedDataset;
use ablate_report::{DataPages, SplitPages, Thumbnail, ThumbnailBox, write_data_pages};
use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;

use super::{Findings, ProblemRow, figures};

/// Quality of the small images, 1 to 100.
const QUALITY: u8 = 82;

/// Groups of equal images on the page.
const MOST_DUPLICATES: usize = 1000;

/// Writes the pages into a folder; gives the path of the first.
pub fn write(folder: &Path, findings: &Findings, opened: &[CachedDataset]) -> Result<PathBuf> {
    let splits: Vec<SplitPages> = findings
        .splits
        .iter()
        .map(|split| SplitPages {
            name: split.data.split.clone(),
            images: split.data.images,
            problems: split.problems.iter().map(ProblemRow::text).collect(),
        })
        .collect();
    // Splits of different classes are warned of; the names are those of the split that has most.
    let classes: &[String] = opened
        .iter()
        .map(|images| images.dataset().classes.as_slice())
        .max_by_key(|classes| classes.len())
        .unwrap_or_default();
    let pages = DataPages {
        title: &findings.name,
        warnings: &findings.warnings,
        tables: &figures::tables(findings, MOST_DUPLICATES),
        classes,
        splits: &splits,
    };
    write_data_pages(folder, &pages, |split, image| {
        thumbnail(&opened[split], image)
    })
}

fn thumbnail(images: &CachedDataset, index: usize) -> Result<Thumbnail> {
    let sample = &images.dataset().samples[index];
    let image = images.image(index);
    images.check()?;
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(image.as_ref())
        .with_context(|| format!("cannot draw {}", sample.name))?;
    let (width, height) = (image.width() as f32, image.height() as f32);
    let scale = [width / sample.width as f32, height / sample.height as f32];
    let boxes = sample.annotations.iter().map(|annotation| ThumbnailBox {
        class: annotation.class,
        x: annotation.bbox.x1 * scale[0],
        y: annotation.bbox.y1 * scale[1],
        width: annotation.bbox.width() * scale[0],
        height: annotation.bbox.height() * scale[1],
        crowd: annotation.crowd,
    });
    Ok(Thumbnail {
        name: sample.name.clone(),
        original: [sample.width, sample.height],
        size: [image.width() as usize, image.height() as usize],
        boxes: boxes.collect(),
        jpeg,
    })
}
