//! Keeps the CSV file and the report up to date while a sweep runs.

use std::time::{Duration, Instant};

use anyhow::Result;

use ablate_records::{Judging, Record, VariantNote, store::Store};
use ablate_report::Contents;

/// Writes the report after records, but spends no more than a small part of the time on it.
pub struct Reporter<'a> {
    store: &'a Store,
    title: String,
    variants: Vec<VariantNote>,
    judging: Judging,
    next: Instant,
}

/// A report is due again when this many times the time that the last one took has passed.
const REST: u32 = 20;
const LEAST_REST: Duration = Duration::from_secs(2);

impl<'a> Reporter<'a> {
    /// For a sweep's title, the variants that it names, and how it judges.
    pub fn new(
        store: &'a Store,
        title: &str,
        variants: Vec<VariantNote>,
        judging: Judging,
    ) -> Self {
        Self {
            store,
            title: title.into(),
            variants,
            judging,
            next: Instant::now() + LEAST_REST,
        }
    }

    /// Writes the report where one is due.
    pub fn after_record(&mut self) -> Result<()> {
        let start = Instant::now();
        if start >= self.next {
            self.write(&self.store.report()?);
            // Reading the records counts, too.
            self.rest(start);
        }
        Ok(())
    }

    /// Writes the report. That it can't be written is no reason to stop measuring: the records are
    /// what counts.
    pub fn write(&mut self, records: &[Record]) {
        let start = Instant::now();
        let contents = Contents {
            title: &self.title,
            variants: &self.variants,
            judging: self.judging,
            records,
        };
        if let Err(error) = ablate_report::write(self.store.folder(), &contents) {
            tracing::warn!("cannot write the report: {error:#}");
        }
        self.rest(start);
    }

    fn rest(&mut self, start: Instant) {
        self.next = Instant::now() + (start.elapsed() * REST).max(LEAST_REST);
    }
}
