//! Several sweeps in one report.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::differences::{Difference, differences};
use crate::rows::Rows;
use crate::source::Source;
use crate::{TableOptions, Written, paste, terminal};
use ablate_records::{Outcome, VariantNote};

/// Sweeps that were checked to be comparable.
#[derive(Debug)]
pub struct Compared<'a> {
    title: &'a str,
    sources: &'a [Source<'a>],
    margin: Option<f64>,
    /// In what they differ.
    pub differences: Vec<Difference>,
}

impl<'a> Compared<'a> {
    /// Sweeps in one report, each with its own baselines. `margin` overrides theirs.
    ///
    /// # Errors
    /// A sweep without records, or with some of a version that did not say of what code they are;
    /// sweeps with nothing in common; other margins.
    pub fn new(title: &'a str, sources: &'a [Source<'a>], margin: Option<f64>) -> Result<Self> {
        for source in sources {
            check_records(source)?;
        }
        check_common(sources)?;
        Ok(Self {
            title,
            sources,
            margin: match margin {
                Some(margin) => Some(margin),
                None => common_margin(sources)?,
            },
            differences: differences(sources),
        })
    }

    /// Writes `results.csv`, `plots/*.png` and `report.html` into the folder, each atomically.
    ///
    /// # Errors
    /// The path of a file that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Written> {
        let mut notes: Vec<VariantNote> = Vec::new();
        for note in self.sources.iter().flat_map(|source| source.variants) {
            if !notes.iter().any(|known| known.name == note.name) {
                notes.push(note.clone());
            }
        }
        crate::write_rows(dir, self.title, &notes, &self.rows(), &self.differences)
    }

    /// The tables as text.
    ///
    /// # Errors
    /// A column or a scale that there is not.
    pub fn table(&self, options: &TableOptions) -> Result<String> {
        paste::render(self.title, &self.rows(), options)
    }

    /// The summary for standard output, in what the sweeps differ first.
    pub fn summary(&self) -> String {
        let lines = self
            .differences
            .iter()
            .map(|difference| format!("{}: {}\n", difference.what, difference.text));
        let lines: String = match self.differences.is_empty() {
            true => format!("{SAME}\n"),
            false => lines.collect(),
        };
        format!("{lines}\n{}", terminal::summary_of(&self.rows()))
    }

    fn rows(&self) -> Rows<'a> {
        Rows::union(self.sources, self.margin)
    }
}

/// Where nothing differs.
pub const SAME: &str =
    "The sweeps have the same models, data, recipe, image sizes, timing, machine and code.";

fn check_records(source: &Source) -> Result<()> {
    let name = source.name;
    let ran: Vec<_> = source
        .records
        .iter()
        .filter(|record| !record.key.is_empty())
        .collect();
    ensure!(
        !ran.is_empty(),
        "{name}: expected records, found none that this version can read"
    );
    // Whatever two folders of failures have in common, it is no figure.
    ensure!(
        ran.iter().any(|record| has_figures(&record.outcome)),
        "{name}: expected a measured stage to compare, found {} records, all of stages that failed or were skipped",
        ran.len()
    );
    // A failure to find its inputs has none.
    let older = ran.iter().filter(|record| {
        !matches!(record.outcome, Outcome::Failed { .. }) && record.inputs["code"].is_null()
    });
    match older.count() {
        0 => Ok(()),
        older => bail!(
            "{name}: {older} of {} records are of an earlier version, which did not say of what code they are; `ablate run` measures them again, `ablate report {name}` shows them alone",
            ran.len()
        ),
    }
}

/// Halving leaves the epochs until then.
fn has_figures(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done { .. } | Outcome::Stopped { .. })
}

/// Rejects sweeps of which one has no model and no data set of the others.
fn check_common(sources: &[Source]) -> Result<()> {
    let of = |source: &Source| -> BTreeSet<String> {
        let cells = source.records.iter().map(|record| &record.cell);
        let names = cells.flat_map(|cell| {
            let data = cell.dataset.as_ref().map(|name| format!("data {name}"));
            [Some(format!("model {}", cell.model)), data]
        });
        names.flatten().collect()
    };
    let all: Vec<BTreeSet<String>> = sources.iter().map(of).collect();
    for (place, source) in sources.iter().enumerate() {
        let others = all.iter().enumerate().filter(|(other, _)| *other != place);
        let mut others = others.map(|(_, names)| names);
        if !others.any(|names| !names.is_disjoint(&all[place])) {
            bail!(
                "{}: expected a model or a data set that another sweep has too, found none in common",
                source.name
            );
        }
    }
    Ok(())
}

/// The margin of all sweeps.
fn common_margin(sources: &[Source]) -> Result<Option<f64>> {
    let first = sources.first().and_then(|source| source.judging.margin);
    if sources.iter().all(|source| source.judging.margin == first) {
        return Ok(first);
    }
    let each = sources.iter().map(|source| {
        let margin = source.judging.margin;
        let margin = margin.map_or("none".into(), |points| points.to_string());
        format!("{margin} ({})", source.name)
    });
    bail!(
        "--margin: expected one for all, as the sweeps have several: {}",
        Vec::from_iter(each).join(", ")
    )
}
