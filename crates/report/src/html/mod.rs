//! `report.html`: one file that holds its style, font, plots and script, so that it can be mailed.

mod classes;
mod compare;
mod data;
mod measured;
mod parts;
mod same_cost;
mod sentences;
mod side_by_side;
mod summary;
mod table;

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use crate::compared::SAME;
use crate::differences::Difference;
use crate::mark::{AS_GOOD, OPEN, UNLEARNT};
use crate::pareto::SIGN;
use crate::plots::style::{REGULAR, SEMIBOLD, dark_rules};
use crate::plots::{Figure, Kind};
use crate::rows::Rows;
use crate::summary::Table;
use crate::{caution, executions, modes, precision};
use ablate_records::VariantNote;

#[derive(Serialize)]
struct Plot {
    svg: String,
    /// For a phone and for print.
    narrow: String,
    name: String,
}

fn plots(figures: &[Figure], kind: Kind) -> Vec<Plot> {
    let of_kind = figures.iter().filter(|figure| figure.kind == kind);
    of_kind
        .map(|figure| Plot {
            svg: figure.scene.svg(&figure.alt),
            narrow: figure.narrow.svg(&figure.alt),
            name: figure.name.clone(),
        })
        .collect()
}

/// The page. The template escapes every name and error; the plots escape their own texts.
pub fn render(
    title: &str,
    notes: &[VariantNote],
    rows: &Rows,
    tables: &[Table],
    figures: &[Figure],
    differences: &[Difference],
) -> Result<String> {
    let mut engine = Environment::new();
    engine.set_auto_escape_callback(|_| AutoEscape::Html);
    engine.set_trim_blocks(true);
    engine.set_lstrip_blocks(true);
    engine
        .add_template("report.html", include_str!("report.html"))
        .context("the report's template")?;
    let page = engine
        .get_template("report.html")
        .context("the report's template")?;
    let context = context! {
        title,
        style => include_str!("style.css"),
        script => concat!(include_str!("sort.js"), include_str!("filter.js"), include_str!("tips.js")),
        dark => dark_rules(),
        regular => BASE64_STANDARD.encode(REGULAR),
        semibold => BASE64_STANDARD.encode(SEMIBOLD),
        facts => parts::facts(rows),
        several => rows.is_union(),
        differences,
        same => SAME,
        told => sentences::told(tables, &rows.judging),
        cautions => [
            precision::cautions(tables, &rows.judging),
            caution::cautions(rows),
            executions::cautions(rows),
        ]
        .concat(),
        means => compare::means(tables, &rows.judging),
        verdicts => compare::verdicts(tables),
        front_sign => SIGN,
        as_good => AS_GOOD,
        open => OPEN,
        unlearnt => UNLEARNT,
        intervals => parts::intervals(tables),
        margins => parts::margins(&rows.judging),
        variants => parts::variants(rows, notes),
        verdict => plots(figures, Kind::Verdict),
        accuracy => plots(figures, Kind::Accuracy),
        latency => plots(figures, Kind::Latency),
        changes => plots(figures, Kind::Change),
        parts => plots(figures, Kind::Detect),
        training => plots(figures, Kind::Training),
        summaries => match rows.is_union() {
            true => side_by_side::summaries(tables),
            false => summary::summaries(tables),
        },
        same_cost => same_cost::block(tables),
        latencies => measured::latencies(tables),
        modes => modes::meanings(rows),
        detections => measured::detections(tables),
        classes => classes::classes(tables),
        data => data::data(rows),
        trainings => measured::trainings(rows),
        gaps => parts::gaps(rows),
        environments => parts::environments(rows),
        commands => parts::commands(rows),
        keys => measured::keys(rows),
        columns => parts::columns(rows),
        seeds => parts::seeds(rows),
        stopped => rows.rows.iter().any(|row| row.stopped().is_some()),
    };
    page.render(context).context("the report's page")
}
