//! What a run needs, opened before anything is measured: a path that leads nowhere ends it at once,
//! not hours later and cell by cell.

use ablate_detection::dataset::Split;
use ablate_model::{coding::DetectConfig, weights};
use ablate_records::Stage;
use ablate_training::{check_order, other_names};
use anyhow::{Context, Result};

use super::{
    Workbench,
    data::tell_task,
    plan::{Plan, Selection},
};

impl Workbench {
    /// Opens the splits of the data set that the selected cells are trained and evaluated on, and
    /// looks at the first weights' classes. What only computes costs or times needs no data. Cells
    /// whose device is absent count: a dry run on a cluster's front end checks what its nodes need.
    ///
    /// # Errors
    /// A selection that fits no cell; a split that can't be opened, or of other classes; first
    /// weights of the data set's classes in another order.
    pub fn check_data(&self, plan: &Plan, selection: &Selection) -> Result<()> {
        let cells = plan.select(selection)?;
        let runs = |stage: Stage| {
            let mut cells = cells.iter();
            selection.wants(stage) && cells.any(|cell| cell.asks(stage))
        };
        let (trains, evaluates) = (runs(Stage::Train), runs(Stage::Eval) || runs(Stage::Detect));
        if !trains && !evaluates {
            return Ok(());
        }
        let data = self.data()?;
        let train = data.split(Split::Train)?;
        if data.has(Split::Val)? {
            train.check_same_classes(data.split(Split::Val)?)?;
        }
        if let Some(eval) = self.config.eval.as_ref().filter(|_| evaluates) {
            train.check_same_classes(data.split(eval.split)?)?;
        }
        if let Some(file) = self.weights().filter(|_| trains) {
            let classes = weights::class_names(&file.path);
            let classes = classes.as_deref();
            check_order(&file.path, classes, train).context("key `train.weights`")?;
            if let Some(other) = other_names(&file.path, classes, train) {
                tracing::warn!("{other}");
            }
        }
        let trained = cells.iter().filter(|cell| cell.asks(Stage::Train));
        let graphs = trained.map(|cell| self.graph(&cell.model, train.classes.len()));
        // A model that can't be is its cell's failure.
        let graphs: Vec<_> = graphs.filter_map(Result::ok).collect();
        let heads: Vec<&DetectConfig> = graphs.iter().map(|graph| graph.detect()).collect();
        tell_task(data.spec(), &heads);
        Ok(())
    }
}
