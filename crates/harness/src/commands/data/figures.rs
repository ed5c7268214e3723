//! The figures of a data set as tables, for the screen and for the page.

use std::collections::{BTreeSet, HashMap};

use ablate_detection::dataset::{ClassCount, Quantiles};
use ablate_report::DataTable;
use comfy_table::{CellAlignment, Table, presets::NOTHING};

use super::{Findings, ProblemRow, SplitFindings, equation};

/// Problems, and groups of equal images, that are printed of a split; `-v` prints all.
const SHOWN: usize = 20;

/// All tables, what was left out and notes, for the screen.
pub fn screen(findings: &Findings) -> String {
    let shown = match tracing::enabled!(tracing::Level::DEBUG) {
        true => usize::MAX,
        false => SHOWN,
    };
    let mut parts: Vec<String> = tables(findings, shown).iter().map(layout).collect();
    for split in &findings.splits {
        if split.problems.is_empty() {
            continue;
        }
        let (name, left_out) = (&split.data.split, split.data.left_out);
        let title = match left_out.is_empty() {
            true => format!("notes on {name}:"),
            false => format!("left out of {name}: {left_out}"),
        };
        parts.push(format!("{title}\n{}", problems(&split.problems, shown)));
    }
    parts.join("\n\n")
}

fn problems(all: &[ProblemRow], shown: usize) -> String {
    let mut lines: Vec<String> = all
        .iter()
        .take(shown)
        .map(|problem| format!("  {}", problem.text()))
        .collect();
    if all.len() > shown {
        lines.push(format!("  … and {} more; -v prints all", all.len() - shown));
    }
    lines.join("\n")
}

impl ProblemRow {
    /// `FILE:LINE: REASON`
    pub fn text(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line}: {}", self.file, self.reason)
    }
}

/// The tables, with at most `shown` groups of equal images.
pub fn tables(findings: &Findings, shown: usize) -> Vec<DataTable> {
    let mut tables = vec![
        accounts(findings),
        classes(findings),
        boxes(findings),
        quantiles(findings),
        image_sizes(findings),
    ];
    if !findings.duplicates.is_empty() {
        tables.push(duplicates(findings, shown));
    }
    tables
}

fn layout(table: &DataTable) -> String {
    let mut laid_out = Table::new();
    laid_out
        .load_preset(NOTHING)
        .set_header(&table.heads)
        .add_rows(&table.rows);
    laid_out
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let note = match table.note.as_str() {
        "" => String::new(),
        note => format!("\n{note}"),
    };
    format!("{}\n{laid_out}{note}", table.title)
}

fn table(title: &str, heads: &[&str], rows: Vec<Vec<String>>) -> DataTable {
    DataTable {
        title: title.into(),
        heads: heads.iter().map(|head| (*head).to_owned()).collect(),
        rows,
        note: String::new(),
    }
}

fn accounts(findings: &Findings) -> DataTable {
    let row = |split: &SplitFindings| {
        let data = &split.data;
        let mut row = vec![data.split.clone()];
        let counts = [
            data.images,
            data.boxes,
            data.ignored,
            data.background,
            data.unlabelled,
            data.clipped,
        ];
        row.extend(counts.map(|count| count.to_string()));
        row.push(data.left_out.to_string());
        row
    };
    DataTable {
        note: "Ignored: crowds and difficult objects. Background: images without a box. Clipped: boxes that reached over the border by more than a pixel.".into(),
        ..table(
            &format!("Splits of {}", findings.name),
            &["split", "images", "boxes", "ignored", "background", "no label file", "clipped", "left out"],
            findings.splits.iter().map(row).collect(),
        )
    }
}

/// A row for each class; the splits side by side.
fn classes(findings: &Findings) -> DataTable {
    let splits = || findings.splits.iter();
    let mut names: Vec<&str> = Vec::new();
    let mut known = BTreeSet::new();
    for class in splits().flat_map(|split| &split.statistics.classes) {
        if known.insert(&class.name) {
            names.push(&class.name);
        }
    }
    let by_name = splits().map(|split| {
        let classes = split.statistics.classes.iter();
        classes.map(|class| (class.name.as_str(), class)).collect()
    });
    let by_name: Vec<HashMap<&str, &ClassCount>> = by_name.collect();
    let row = |name: &&str| {
        let of_split = |classes: &HashMap<&str, &ClassCount>| match classes.get(name) {
            Some(class) => [class.boxes.to_string(), class.images.to_string()],
            None => ["–", "–"].map(String::from),
        };
        let mut row = vec![(*name).to_owned()];
        row.extend(by_name.iter().flat_map(of_split));
        row
    };
    let mut heads = vec!["class".to_owned()];
    for split in splits() {
        heads.extend(["boxes", "images"].map(|what| format!("{} {what}", split.data.split)));
    }
    DataTable {
        heads,
        ..table("Classes", &[], names.iter().map(row).collect())
    }
}

fn boxes(findings: &Findings) -> DataTable {
    let row = |split: &SplitFindings| {
        let sizes = &split.statistics.boxes;
        let all = split.data.boxes.max(1) as f64;
        let share = |count: usize| format!("{count} ({:.0} %)", 100.0 * count as f64 / all);
        vec![
            split.data.split.clone(),
            share(sizes.small),
            share(sizes.medium),
            share(sizes.large),
            sizes.crowds.to_string(),
            sizes.masks.to_string(),
        ]
    };
    DataTable {
        note: "As COCO parts them: small up to 32² pixels, medium up to 96², by the area of the mask where the data set gives one.".into(),
        ..table(
            "Boxes by size",
            &["split", "small", "medium", "large", "crowds", "with mask"],
            findings.splits.iter().map(row).collect(),
        )
    }
}

fn quantiles(findings: &Findings) -> DataTable {
    let rows = findings.splits.iter().flat_map(|split| {
        let (boxes, images) = (&split.statistics.boxes, &split.statistics.images);
        let of = [
            ("box width, px", boxes.width, 0),
            ("box height, px", boxes.height, 0),
            ("box width/height", boxes.aspect, 2),
            ("boxes per image", boxes.per_image, 0),
            ("image width, px", images.width, 0),
            ("image height, px", images.height, 0),
        ];
        of.map(|(what, quantiles, digits)| row(&split.data.split, what, quantiles, digits))
    });
    table(
        "Quantiles",
        &["", "min", "5 %", "25 %", "median", "75 %", "95 %", "max"],
        rows.collect(),
    )
}

fn row(split: &str, what: &str, quantiles: Option<Quantiles>, digits: usize) -> Vec<String> {
    let mut row = vec![format!("{split}: {what}")];
    match quantiles {
        Some(quantiles) => row.extend(quantiles.values().map(|value| format!("{value:.digits$}"))),
        None => row.extend(["–"; 7].map(String::from)),
    }
    row
}

/// A row for each of the most frequent sizes; the splits side by side.
fn image_sizes(findings: &Findings) -> DataTable {
    let splits = || findings.splits.iter();
    let mut sizes: Vec<(usize, usize)> = Vec::new();
    for size in splits().flat_map(|split| &split.statistics.images.frequent) {
        if !sizes.contains(&(size.width, size.height)) {
            sizes.push((size.width, size.height));
        }
    }
    let count = |split: &SplitFindings, (width, height)| {
        let frequent = &split.statistics.images.frequent;
        let same = frequent
            .iter()
            .find(|size| (size.width, size.height) == (width, height));
        same.map_or(0, |size| size.images)
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for size in sizes {
        let mut row = vec![format!("{}×{}", size.0, size.1)];
        row.extend(splits().map(|split| match count(split, size) {
            0 => "–".into(),
            images => images.to_string(),
        }));
        rows.push(row);
    }
    let mut heads = vec!["width×height".to_owned()];
    heads.extend(splits().map(|split| split.data.split.clone()));
    let distinct = splits().map(|split| {
        format!(
            "{} in {}",
            split.statistics.images.distinct, split.data.split
        )
    });
    DataTable {
        heads,
        note: format!(
            "The ten most frequent sizes of each split; different ones: {}.",
            distinct.collect::<Vec<_>>().join(", ")
        ),
        ..table("Images by size", &[], rows)
    }
}

fn duplicates(findings: &Findings, shown: usize) -> DataTable {
    // What falsifies figures comes first.
    let mut groups: Vec<_> = findings.duplicates.iter().collect();
    groups.sort_by_key(|group| !group.leaks);
    let rows = groups.iter().take(shown).map(|group| {
        let splits: BTreeSet<_> = group
            .group
            .images
            .iter()
            .map(|copy| copy.split.as_str())
            .collect();
        let found = match (group.leaks, splits.len()) {
            (true, _) => "learnt and evaluated on",
            (false, 1) => "within a split",
            (false, _) => "in two splits",
        };
        vec![equation(&group.group), found.to_owned()]
    });
    let more = groups.len().saturating_sub(shown);
    DataTable {
        note: match more {
            0 => String::new(),
            more => format!("… and {more} more; --format json lists all."),
        },
        ..table(
            "Images with the same bytes",
            &["images", ""],
            rows.collect(),
        )
    }
}
