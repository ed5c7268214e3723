//! Another backbone under a head, and a neck of other sizes.

use super::patch::Patch;
use crate::{
    graph, registry,
    spec::{Arg, Neck, Row, Table},
};

/// Modules whose rows have more numbers of channels than the first argument, and how many in all.
const HIDDEN_CHANNELS: [(&str, usize); 3] = [("RepNCSPELAN4", 3), ("ELAN1", 3), ("SPPELAN", 2)];

impl Patch<'_> {
    /// Puts another backbone under the head; the head's rows are renumbered, and read the new
    /// backbone at the strides at which they read the old.
    pub fn swap_backbone(&self, rows: &[Row], table: &mut Table) -> Result<(), String> {
        let old = graph::backbone_strides(table, self.scaling).map_err(|e| e.to_string())?;
        let old_len = table.backbone.len();
        let new_row = |row: &Row| {
            let mut row = Row {
                args: self.fill(&row.args, None)?,
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
    pub fn rescale(&self, neck: Neck, table: &mut Table) {
        for row in &mut table.head {
            let before = row.clone();
            let hidden = HIDDEN_CHANNELS.iter().find(|(name, _)| *name == row.module);
            let scaled = match registry::scales_channels(&row.module) {
                true => hidden.map_or(1, |(_, channels)| *channels),
                false => 0,
            };
            for arg in row.args.iter_mut().take(scaled) {
                if let Arg::Int(c) = arg {
                    *c = ((*c as f64 * neck.channels).round() as i64).max(1);
                }
            }
            if let (true, Some(repeats)) = (row.repeats > 1, neck.repeats) {
                row.repeats = repeats;
            }
            if *row != before {
                self.sign(row);
            }
        }
    }
}
