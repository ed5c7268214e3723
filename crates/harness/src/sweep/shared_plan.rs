//! `plan.json` while several runs write it: each sets the stages that it works on, and takes the
//! others as they stand.

use std::collections::{BTreeSet, HashMap};

use ablate_records::{
    Cell, Judging, Stage, VariantNote,
    store::{Manifest, ManifestEntry, Reference, Store},
};
use anyhow::Result;

use super::{
    claims::Claims,
    plan::{ABSENT, Plan},
};

/// The plan as a report needs it.
pub struct SharedPlan {
    manifest: Manifest,
    /// Row by cell and stage.
    places: HashMap<Cell, [Option<usize>; Stage::ALL.len()]>,
    /// Stages whose keys this run knows.
    own: BTreeSet<Stage>,
}

impl SharedPlan {
    /// Where the inputs of a stage are not known yet, an earlier run may have left a key.
    pub fn new(
        plan: &Plan,
        variants: Vec<VariantNote>,
        judging: Judging,
        earlier: Option<&Manifest>,
    ) -> Self {
        let rows = plan.cells.iter().flat_map(|cell| {
            Stage::ALL.map(|stage| ManifestEntry {
                cell: cell.cell.clone(),
                stage,
                record: match cell.skipped(stage) {
                    Some(reason) => Reference::Skipped(reason.into()),
                    None => Reference::Waiting,
                },
            })
        });
        let manifest = Manifest {
            sweep: plan.sweep.clone(),
            variants,
            judging,
            rows: rows.collect(),
        };
        let mut shared = Self {
            places: places(&manifest),
            manifest,
            own: BTreeSet::new(),
        };
        if let Some(earlier) = earlier {
            shared.take_over(earlier);
        }
        shared
    }

    /// How the sweep judges.
    pub fn judging(&self) -> Judging {
        self.manifest.judging
    }

    /// The key of a stage's record; None if it is not known or the stage is skipped.
    pub fn key(&self, cell: &Cell, stage: Stage) -> Option<&String> {
        let row = self.places.get(cell)?[stage as usize]?;
        match &self.manifest.rows[row].record {
            Reference::Key(key) => Some(key),
            _ => None,
        }
    }

    /// Sets the keys of a stage that this run works on.
    pub fn set<'k>(&mut self, stage: Stage, keys: impl Iterator<Item = (&'k Cell, &'k String)>) {
        self.own.insert(stage);
        for (cell, key) in keys {
            let row = self.places.get(cell).and_then(|rows| rows[stage as usize]);
            if let Some(row) = row {
                self.manifest.rows[row].record = Reference::Key(key.clone());
            }
        }
    }

    /// Takes cells out of the sweep.
    pub fn retain(&mut self, is_kept: impl Fn(&Cell) -> bool) {
        self.manifest.rows.retain(|row| is_kept(&row.cell));
        self.places = places(&self.manifest);
    }

    /// The sweep's cells wait for machines that have their devices, as far as this one lacks them.
    pub fn wait_for_devices(&mut self) {
        for row in &mut self.manifest.rows {
            if is_absent(&row.record) {
                row.record = Reference::Waiting;
            }
        }
    }

    /// Takes what other runs have found since.
    pub fn refresh(&mut self, store: &Store) {
        if let Some(written) = store.manifest() {
            self.take_over(&written);
        }
    }

    /// Writes the plan with what other runs have found. Nothing is written if nothing is new: of
    /// many runs that begin at once, one writes.
    ///
    /// # Errors
    /// A file that can't be written, and a signal that ends the program.
    pub fn save(&mut self, store: &Store, claims: &Claims) -> Result<()> {
        if self.is_written(store) {
            return Ok(());
        }
        claims.alone("plan", || match self.is_written(store) {
            true => Ok(()),
            false => store.save_manifest(&self.manifest),
        })
    }

    fn is_written(&mut self, store: &Store) -> bool {
        let Some(written) = store.manifest() else {
            return false;
        };
        self.take_over(&written);
        written == self.manifest
    }

    fn take_over(&mut self, other: &Manifest) {
        for row in &other.rows {
            let place = self.places.get(&row.cell);
            let Some(place) = place.and_then(|rows| rows[row.stage as usize]) else {
                continue;
            };
            let own = &mut self.manifest.rows[place].record;
            let absent = is_absent(own);
            let is_others = absent || !self.own.contains(&row.stage);
            let is_news = match (&row.record, &*own) {
                (Reference::Key(_), Reference::Skipped(_)) => absent,
                (Reference::Key(_), _) => is_others,
                (Reference::Waiting, _) => absent,
                (Reference::Skipped(_), _) => false,
            };
            if is_news {
                *own = row.record.clone();
            }
        }
    }
}

fn places(manifest: &Manifest) -> HashMap<Cell, [Option<usize>; Stage::ALL.len()]> {
    let mut places: HashMap<Cell, [Option<usize>; Stage::ALL.len()]> = HashMap::new();
    for (place, row) in manifest.rows.iter().enumerate() {
        match places.get_mut(&row.cell) {
            Some(rows) => rows[row.stage as usize] = Some(place),
            None => {
                let mut rows = [None; Stage::ALL.len()];
                rows[row.stage as usize] = Some(place);
                places.insert(row.cell.clone(), rows);
            }
        }
    }
    places
}

/// Another machine may have the device.
fn is_absent(record: &Reference) -> bool {
    matches!(record, Reference::Skipped(reason) if reason.starts_with(ABSENT))
}

#[cfg(test)]
mod tests {
    use ablate_model::Catalog;

    use super::super::config::SweepConfig;
    use super::*;

    fn plan(devices: &str) -> Plan {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!("name: a\nmodels: [yolov5n]\nlatency: {{}}\ndevices: [{devices}]\n");
        std::fs::write(file.path(), text).unwrap();
        let config = SweepConfig::read(file.path()).unwrap();
        Plan::new(&config, &Catalog::builtin(), 3, None).unwrap()
    }

    fn shared(plan: &Plan, store: &Store) -> SharedPlan {
        SharedPlan::new(
            plan,
            Vec::new(),
            Judging::default(),
            store.manifest().as_ref(),
        )
    }

    #[test]
    fn runs_that_work_on_other_stages_keep_each_other_s_keys() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let claims = Claims::open(&store);
        let plan = plan("flex");
        let cell = &plan.cells[0].cell;
        let [mut costs, mut times] = [0, 1].map(|_| shared(&plan, &store));
        let [old, new, time] = ["old", "new", "time"].map(String::from);
        costs.set(Stage::Cost, [(cell, &old)].into_iter());
        costs.save(&store, &claims).unwrap();
        times.set(Stage::Latency, [(cell, &time)].into_iter());
        times.save(&store, &claims).unwrap();
        // It has not heard of the latency, and knows a newer cost.
        costs.set(Stage::Cost, [(cell, &new)].into_iter());
        costs.save(&store, &claims).unwrap();
        times.save(&store, &claims).unwrap();
        for found in [&costs, &times, &shared(&plan, &store)] {
            assert_eq!(found.key(cell, Stage::Cost), Some(&new));
            assert_eq!(found.key(cell, Stage::Latency), Some(&time));
        }
    }

    #[test]
    fn a_machine_without_a_device_keeps_what_others_have_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let claims = Claims::open(&store);
        let plan = plan("'cuda:77'");
        let cell = &plan.cells[0].cell;
        let mut submitted = shared(&plan, &store);
        assert!(is_absent(&submitted.manifest.rows[1].record));
        submitted.wait_for_devices();
        submitted.save(&store, &claims).unwrap();
        let mut without = shared(&plan, &store);
        assert_eq!(without.manifest.rows[1].record, Reference::Waiting);

        let mut there = submitted;
        let key = String::from("key");
        there.set(Stage::Latency, [(cell, &key)].into_iter());
        there.save(&store, &claims).unwrap();
        without.set(Stage::Latency, std::iter::empty());
        without.manifest.rows[1].record = Reference::Skipped(format!("{ABSENT}: no GPU"));
        without.save(&store, &claims).unwrap();
        assert_eq!(without.key(cell, Stage::Latency), Some(&key));
        assert_eq!(
            store.manifest().unwrap().rows[1].record,
            Reference::Key(key)
        );
    }
}
