//! A variant applied to a family's table.

use super::patch::{Patch, check_length};
use crate::spec::{
    ANY, Arg, PatchError, Replace, Row, Scaling, Set, Step, Table, Variant, VariantCall,
};

impl Variant {
    /// The table with this variant's changes; the rows that it changes name it in messages. `scale`
    /// chooses the defaults of the call's arguments.
    ///
    /// # Errors
    /// A call's argument that is unknown, a step that finds nothing to change, and a backbone that
    /// the head can't read.
    pub fn apply(
        &self,
        table: &Table,
        scale: &str,
        scaling: Scaling,
        call: &VariantCall,
    ) -> Result<Table, PatchError> {
        let fail = |message: String| self.error(message);
        let patch = Patch {
            variant: &self.name,
            values: self.values(scale, call).map_err(fail)?,
            scaling,
        };
        let mut table = table.clone();
        for step in &self.steps {
            match step {
                Step::Replace(step) => patch.replace(step, &mut table),
                Step::Insert(step) => patch.insert(step, &table).map(|new| table = new),
                Step::Remove(step) => patch.remove(step, &table).map(|new| table = new),
                Step::Set(step) => patch.set(step, &mut table),
                Step::Backbone(rows) => patch.swap_backbone(rows, &mut table),
                Step::Neck(neck) => {
                    patch.rescale(*neck, &mut table);
                    Ok(())
                }
            }
            .map_err(fail)?;
        }
        Ok(table)
    }
}

impl Patch<'_> {
    /// Puts other modules in place of some.
    fn replace(&self, step: &Replace, table: &mut Table) -> Result<(), String> {
        let append = self.fill(&step.append, None)?;
        let chosen = step.rows.choose(table, self.scaling)?;
        if chosen.is_empty() {
            return Err(nothing_to_replace(step));
        }
        for (index, (_, row)) in table.rows_mut().enumerate() {
            let form = step.modules.get(&row.module).or(step.modules.get(ANY));
            let Some(form) = form.filter(|_| chosen.contains(&index)) else {
                continue;
            };
            let mut args = match &form.arguments {
                Some(arguments) => self.fill(arguments, Some(row))?,
                None => row.args.clone(),
            };
            args.extend_from_slice(&form.words);
            args.extend_from_slice(&append);
            check_length(&args, index, &row.module)?;
            *row = Row {
                from: row.from.clone(),
                repeats: row.repeats,
                module: form.module.clone(),
                args,
                variant: None,
                written: None,
            };
            self.sign(row);
        }
        Ok(())
    }

    /// Gives some rows other arguments or repeats.
    fn set(&self, step: &Set, table: &mut Table) -> Result<(), String> {
        let chosen = step.rows.choose(table, self.scaling)?;
        if chosen.is_empty() {
            return Err(format!("{}: nothing to set", step.rows.nothing()));
        }
        let (places, written): (Vec<usize>, Vec<Arg>) = step.arguments.clone().into_iter().unzip();
        for (index, (_, row)) in table.rows_mut().enumerate() {
            if !chosen.contains(&index) {
                continue;
            }
            // One by one: `$1` may be an argument that the row does not have.
            for (place, arg) in places.iter().zip(&written) {
                let filled = self.fill(std::slice::from_ref(arg), Some(row))?;
                if row.args.len() <= *place {
                    row.args.resize(place + 1, Arg::None);
                }
                row.args[*place] = filled.into_iter().next().unwrap_or(Arg::None);
            }
            row.repeats = step.repeats.unwrap_or(row.repeats);
            self.sign(row);
        }
        Ok(())
    }
}

fn nothing_to_replace(step: &Replace) -> String {
    let mut with: Vec<&str> = Vec::new();
    for form in step.modules.values() {
        if !with.contains(&form.module.as_str()) {
            with.push(&form.module);
        }
    }
    format!(
        "{}: nothing to replace by {}; another variant may have replaced it already",
        step.rows.nothing(),
        with.join(" or ")
    )
}
