//! A variant applied to a family's table.

use std::collections::BTreeMap;

use crate::{
    graph, registry,
    spec::{
        Arg, MAX_ARGS, Neck, PatchError, Replace, Row, Scaling, Step, Table, Variant, VariantCall,
    },
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
        let fail = |message: String| self.misfit(message);
        let patch = Patch {
            variant: &self.name,
            values: self.values(scale, call).map_err(fail)?,
            scaling,
        };
        let mut table = table.clone();
        for step in &self.steps {
            match step {
                Step::Replace(step) => patch.replace(step, &mut table),
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

    /// An error of this variant.
    pub(super) fn misfit(&self, message: String) -> PatchError {
        PatchError {
            variant: self.name.clone(),
            message,
        }
    }
}

/// A variant's call at a scale.
struct Patch<'a> {
    variant: &'a str,
    /// The variant's arguments.
    values: BTreeMap<String, Arg>,
    scaling: Scaling,
}

impl Patch<'_> {
    /// Puts other modules in place of some.
    fn replace(&self, step: &Replace, table: &mut Table) -> Result<(), String> {
        let append = self.fill(&step.append)?;
        let mut replaced = 0;
        for (index, (section, row)) in table.rows_mut().enumerate() {
            let asked = step.section.is_none_or(|asked| asked == section)
                && step
                    .kernel
                    .is_none_or(|side| row.args.get(1) == Some(&Arg::Int(side)));
            let Some(with) = step.modules.get(&row.module).filter(|_| asked) else {
                continue;
            };
            if row.args.len() + append.len() > MAX_ARGS {
                return Err(format!(
                    "row {index} ({}): expected at most {MAX_ARGS} arguments, found {} with those appended",
                    row.module,
                    row.args.len() + append.len()
                ));
            }
            row.module.clone_from(with);
            row.written = None;
            row.args.extend_from_slice(&append);
            self.sign(row);
            replaced += 1;
        }
        match replaced {
            0 => Err(nothing_to_replace(step)),
            _ => Ok(()),
        }
    }

    /// Puts another backbone under the head; the head's rows are renumbered, and read the new
    /// backbone at the strides at which they read the old.
    fn swap_backbone(&self, rows: &[Row], table: &mut Table) -> Result<(), String> {
        let old = graph::backbone_strides(table, self.scaling).map_err(|e| e.to_string())?;
        let old_len = table.backbone.len();
        let new_row = |row: &Row| {
            let mut row = Row {
                args: self.fill(&row.args)?,
                ..row.clone()
            };
            self.sign(&mut row);
            Ok(row)
        };
        table.backbone = rows.iter().map(new_row).collect::<Result<_, String>>()?;
        // Whatever is wrong with it is of this variant, which the error names anyway.
        let new = graph::backbone_strides(table, self.scaling).map_err(|e| e.at_row())?;
        let shift = new.len() as i64 - old_len as i64;
        for (i, row) in table.head.iter_mut().enumerate() {
            for from in row.from.rows() {
                if let Ok(read) = usize::try_from(*from)
                    && let Some(stride) = old.get(read)
                    && (stride.is_none() || !new.contains(stride))
                {
                    return Err(format!(
                        "row {} reads backbone row {read}, and the new backbone has no row of {}",
                        old_len + i,
                        stride.map_or("its several outputs".into(), |s| format!("stride {s}")),
                    ));
                }
            }
            let from = row.from.map(|from| match usize::try_from(from) {
                Err(_) => from,
                Ok(read) => match old.get(read) {
                    Some(stride) => {
                        new.iter().rposition(|new| new == stride).unwrap_or(read) as i64
                    }
                    None => from.saturating_add(shift),
                },
            });
            if from != row.from {
                row.from = from;
                self.sign(row);
            }
        }
        Ok(())
    }

    /// Rescales the channels and repeats of the head's rows, except the detection row.
    fn rescale(&self, neck: Neck, table: &mut Table) {
        for row in &mut table.head {
            let before = row.clone();
            let scaled = registry::scales_channels(&row.module);
            if let (true, Some(Arg::Int(c))) = (scaled, row.args.first_mut()) {
                *c = ((*c as f64 * neck.channels).round() as i64).max(1);
            }
            if let (true, Some(repeats)) = (row.repeats > 1, neck.repeats) {
                row.repeats = repeats;
            }
            if *row != before {
                self.sign(row);
            }
        }
    }

    /// The arguments with `$name` replaced by the variant's argument of that name.
    fn fill(&self, args: &[Arg]) -> Result<Vec<Arg>, String> {
        let filled = |arg: &Arg| match arg {
            Arg::Text(word) if word.starts_with('$') => {
                self.values.get(&word[1..]).cloned().ok_or_else(|| {
                    let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
                    format!("unknown argument '{word}'; known: {}", known.join(", "))
                })
            }
            other => Ok(other.clone()),
        };
        args.iter().map(filled).collect()
    }

    /// Notes that a row is as this variant made it.
    fn sign(&self, row: &mut Row) {
        row.variant = Some(self.variant.into());
    }
}

fn nothing_to_replace(step: &Replace) -> String {
    let place = step
        .section
        .map_or("table".into(), |section| section.to_string());
    let (modules, with): (Vec<&str>, Vec<&str>) = step
        .modules
        .iter()
        .map(|(module, with)| (module.as_str(), with.as_str()))
        .unzip();
    let kernel = step
        .kernel
        .map_or(String::new(), |kernel| format!(" of kernel {kernel}"));
    format!(
        "no row of the {place} is a {}{kernel}: nothing to replace by {}; another variant may have replaced it already",
        modules.join(" or "),
        with.join(" or ")
    )
}
