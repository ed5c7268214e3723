//! The rows of a table that a step is about.

use crate::{
    graph,
    spec::{Arg, Row, Scaling, Section, Selector, Table},
};

impl Selector {
    /// Places of the rows that it chooses, in order.
    ///
    /// # Errors
    /// A table that can't be traced, if rows are chosen by stride.
    pub(super) fn choose(&self, table: &Table, scaling: Scaling) -> Result<Vec<usize>, String> {
        let strides = match self.stride {
            None => None,
            Some(_) => Some(graph::row_strides(table, scaling).map_err(|e| e.to_string())?),
        };
        let chosen = |index: usize, section: Section, row: &Row| {
            (self.modules.is_empty() || self.modules.contains(&row.module))
                && self.section.is_none_or(|asked| asked == section)
                && self
                    .kernel
                    .is_none_or(|side| row.args.get(1) == Some(&Arg::Int(side)))
                && strides
                    .as_ref()
                    .is_none_or(|strides| strides[index] == self.stride)
                && (self.index.is_empty() || self.index.contains(&index))
        };
        let rows = table.rows().enumerate();
        Ok(rows
            .filter(|(index, (section, row))| chosen(*index, *section, row))
            .map(|(index, _)| index)
            .collect())
    }

    /// That no row is chosen.
    pub(super) fn nothing(&self) -> String {
        let place = self
            .section
            .map_or("table".into(), |section| section.to_string());
        let what = match self.modules.is_empty() {
            true => "row".into(),
            false => self.modules.join(" or "),
        };
        let mut asked = String::new();
        if let Some(kernel) = self.kernel {
            asked += &format!(" of kernel {kernel}");
        }
        if let Some(stride) = self.stride {
            asked += &format!(" of stride {stride}");
        }
        if !self.index.is_empty() {
            let places: Vec<String> = self.index.iter().map(usize::to_string).collect();
            asked += &format!(" at {}", places.join(" or "));
        }
        match self.modules.is_empty() {
            true => format!("the {place} has no {what}{asked}"),
            false => format!("no row of the {place} is a {what}{asked}"),
        }
    }
}
