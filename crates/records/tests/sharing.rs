//! Runs of one sweep that look for its cells: in which order, and what others have ended.

use std::{cell::RefCell, collections::BTreeSet, fs, time::Duration};

use ablate_files::{Claim, Holder, Leases, Life};
use ablate_records::{
    Cell, CostMeasurement, Environment, Judging, Manifest, ManifestEntry, Measurement, Outcome,
    Record, Reference, Stage, Status, Store, key,
    sharing::{Busy, Endings, Turn, in_turn},
};
use serde_json::json;

fn record(cell: usize, outcome: Outcome) -> Record {
    let inputs = json!({ "cell": cell });
    Record {
        key: key(Stage::Cost, &inputs),
        stage: Stage::Cost,
        cell: Cell {
            model: "yolov5n".into(),
            family: "yolov5".into(),
            variant: "baseline".into(),
            scale: "n".into(),
            nc: 80,
            imgsz: 640.into(),
            dataset: None,
            seed: None,
            device: "flex".into(),
            batch: 1,
            dtype: "f32".into(),
            mode: "eager".into(),
        },
        outcome,
        inputs,
        environment: Environment::default(),
        finished: "2026-01-01T00:00:00Z".into(),
    }
}

fn done(cell: usize) -> Record {
    let measurement = Measurement::Cost(CostMeasurement {
        params: 7,
        gflops: 0.1,
        gflops_exact: 0.3,
        layers: 3,
    });
    record(cell, Outcome::Done { measurement })
}

fn failed(cell: usize, error: &str) -> Record {
    let error = error.into();
    record(cell, Outcome::Failed { error })
}

fn busy(life: Life) -> Busy {
    Busy {
        holder: Holder::own().clone(),
        life,
        brings_more: false,
    }
}

#[test]
fn what_others_have_ended_since_is_told_from_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let [old, retried, new, absent] = [0, 1, 2, 3].map(done);
    store.save(&old).unwrap();
    store.save(&failed(1, "no memory")).unwrap();
    let mut endings = Endings::default();
    let keys = [&old, &retried, &new, &absent].map(|record| record.key.as_str());
    endings.remember(&store, &keys).unwrap();
    let before = keys.map(|key| endings.before(key));
    assert_eq!(
        before,
        [Some(Status::Done), Some(Status::Failed), None, None]
    );
    assert_eq!(keys.map(|key| endings.since(&store, key)), [false; 4]);

    store.save(&retried).unwrap();
    store.save(&new).unwrap();
    let since = || keys.map(|key| endings.since(&store, key));
    assert_eq!(since(), [false, true, true, false]);
    // The folder was listed just now; a later record is seen by its name.
    store.save(&absent).unwrap();
    assert_eq!(since(), [false, true, true, true]);

    // At the next stage, what has come is known; what was damaged since is to be measured.
    let path = folder.path().join(format!("records/{}.json", new.key));
    fs::write(path, "{").unwrap();
    store.remove(&old.key).unwrap();
    endings.remember(&store, &keys).unwrap();
    let before = keys.map(|key| endings.before(key));
    assert_eq!(before, [None, Some(Status::Done), None, Some(Status::Done)]);
    assert_eq!(keys.map(|key| endings.since(&store, key)), [false; 4]);
}

#[test]
fn a_damaged_record_has_no_status_and_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let records = [done(0), failed(1, "no luck"), done(2)];
    records
        .iter()
        .for_each(|record| store.save(record).unwrap());
    let path = |key: &str| folder.path().join(format!("records/{key}.json"));
    fs::write(path(&records[2].key), "{").unwrap();
    let keys: Vec<String> = records.iter().map(|record| record.key.clone()).collect();
    let statuses = store.statuses(&keys);
    assert_eq!(statuses, [Some(Status::Done), Some(Status::Failed), None]);
    assert!(!path(&keys[2]).exists());

    fs::write(path(&keys[2]), "{").unwrap();
    let mut endings = Endings::default();
    endings.remember(&store, &[keys[2].as_str()]).unwrap();
    assert!(!endings.since(&store, &keys[2]), "it is to be measured");
}

/// It may be whole: neither is it measured again, nor does it count as measured.
#[test]
fn a_record_that_the_system_does_not_give_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let key = done(0).key;
    fs::create_dir(folder.path().join(format!("records/{key}.json"))).unwrap();
    let error = Endings::default().remember(&store, &[&key]).unwrap_err();
    assert!(
        format!("{error:#}").contains(&format!("{key}.json")),
        "{error:#}"
    );
    assert_eq!(store.load(&key), None);
}

#[test]
fn a_run_alone_keeps_the_order_and_takes_what_the_dead_held_last() {
    let order = RefCell::new(Vec::new());
    let act = |&piece: &usize, turn: Turn| {
        // Number 3 is what its holder died of.
        if piece == 3 && turn == Turn::Untouched {
            return Ok(Some(busy(Life::Gone)));
        }
        order.borrow_mut().push(piece);
        Ok(None)
    };
    in_turn("cost", true, (0..10).collect(), || Ok(()), act).unwrap();
    assert_eq!(order.into_inner(), [0, 1, 2, 4, 5, 6, 7, 8, 9, 3]);
}

#[test]
fn from_a_held_piece_the_search_goes_on_elsewhere() {
    let second = || {
        let (mut asked, mut second) = (BTreeSet::new(), None);
        let act = |&piece: &usize, _: Turn| {
            if asked.insert(piece) && asked.len() == 2 {
                second = Some(piece);
            }
            // Another run has the first piece; it is done at the next look.
            Ok((asked.len() == 1).then(|| busy(Life::Certain)))
        };
        in_turn("cost", true, (0..1000).collect(), || Ok(()), act).unwrap();
        assert_eq!(asked.len(), 1000);
        second.unwrap()
    };
    let places: BTreeSet<usize> = (0..8).map(|_| second()).collect();
    assert!(places.len() > 4, "{places:?}");
}

#[test]
fn a_run_that_does_not_wait_leaves_what_the_living_hold() {
    let run = |life, brings_more| {
        let looks = RefCell::new(0);
        let act = |_: &usize, _: Turn| {
            *looks.borrow_mut() += 1;
            let brings_more = brings_more && *looks.borrow() < 3;
            let held = *looks.borrow() < 4;
            Ok(held.then(|| Busy {
                brings_more,
                ..busy(life)
            }))
        };
        in_turn("cost", false, vec![0], || Ok(()), act).unwrap();
        looks.into_inner()
    };
    // Once as untouched work, once as any.
    assert_eq!(run(Life::Certain, false), 2);
    assert_eq!(run(Life::Certain, true), 3);
    assert_eq!(run(Life::Unknown, false), 4);
}

#[test]
fn runs_that_begin_at_once_do_each_cell_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let run = || {
        let leases = Leases::open(folder.path().join("leases"));
        let (endings, mut own) = (Endings::default(), Vec::new());
        let act = |&cell: &usize, _: Turn| {
            let record = done(cell);
            if endings.since(&store, &record.key) {
                return Ok(None);
            }
            let _lease = match leases.claim(&record.key)? {
                Claim::Ours(lease) => lease,
                Claim::Theirs(holder, life) => {
                    let brings_more = false;
                    return Ok(Some(Busy {
                        holder,
                        life,
                        brings_more,
                    }));
                }
            };
            if !endings.since(&store, &record.key) {
                std::thread::sleep(Duration::from_millis(2));
                store.save(&record)?;
                own.push(cell);
            }
            Ok(None)
        };
        in_turn("cost", true, (0..60).collect(), || Ok(()), act).unwrap();
        own
    };
    let mut all: Vec<usize> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
        runs.into_iter()
            .flat_map(|run| run.join().unwrap())
            .collect()
    });
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
    let leases = fs::read_dir(folder.path().join("leases")).unwrap();
    assert_eq!(leases.count(), 0);
}

#[test]
fn how_far_a_sweep_is_follows_from_plan_records_and_leases() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let leases = Leases::open(folder.path().join("leases"));
    let skipped = record(
        2,
        Outcome::Skipped {
            reason: "its training failed".into(),
        },
    );
    let records = [
        done(0),
        failed(1, "no luck"),
        skipped,
        failed(3, "no luck"),
        done(4),
        done(5),
    ];
    // Number 3 is tried again, 4 is held by its first run, and nobody has begun 5.
    records[..4]
        .iter()
        .for_each(|record| store.save(record).unwrap());
    let _held = [3, 4].map(|cell| leases.claim(&records[cell].key).unwrap());
    let row = |record: &Record| ManifestEntry {
        cell: record.cell.clone(),
        stage: record.stage,
        record: Reference::Key(record.key.clone()),
    };
    let mut rows: Vec<ManifestEntry> = records.iter().map(row).collect();
    rows.push(ManifestEntry {
        record: Reference::Waiting,
        ..rows[0].clone()
    });
    rows.push(ManifestEntry {
        record: Reference::Skipped("no".into()),
        ..rows[0].clone()
    });
    let manifest = Manifest {
        sweep: "a".into(),
        variants: Vec::new(),
        judging: Judging::default(),
        rows,
    };
    let holders = leases.holders().unwrap();
    let progress = store.progress(&manifest, &holders);
    assert_eq!(progress.stages.len(), 1);
    let cost = progress.stages[0];
    let counts = [
        cost.cells,
        cost.done,
        cost.failed,
        cost.skipped,
        cost.running,
        cost.waiting,
    ];
    assert_eq!(counts, [7, 1, 1, 1, 2, 2]);
    assert_eq!(progress.running.len(), 1, "one process");
    assert_eq!(progress.running[0].cells.len(), 2);
    assert_eq!(progress.failed, [&manifest.rows[1]]);
}
