use std::time::SystemTime;

use super::*;
use crate::process::Place;

const QUICK: Timing = Timing {
    beat: Duration::from_millis(20),
    patience: Duration::from_millis(1500),
};

fn ours(claim: Claim) -> Lease {
    match claim {
        Claim::Ours(lease) => lease,
        Claim::Theirs(holder, _) => panic!("held by {holder}"),
    }
}

fn is_ours(leases: &Leases) -> bool {
    matches!(leases.claim("a").unwrap(), Claim::Ours(_))
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn one_of_two_gets_it_and_the_other_when_it_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = [0, 1].map(|_| Leases::open(folder.path()));
    let lease = ours(first.claim("a").unwrap());
    assert!(!is_ours(&second));
    ours(second.claim("b").unwrap());
    drop(lease);
    assert!(is_ours(&second));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn of_many_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..20 {
        let claims: Vec<Claim> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Leases::open(folder.path()).claim("a").unwrap()))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let won = claims.iter().filter(|c| matches!(c, Claim::Ours(_)));
        assert_eq!(won.count(), 1);
    }
}

/// A file as a process leaves it that is no more.
fn leave(folder: &Path, holder: &Holder) {
    fs::write(folder.join("a.3"), holder.text(5, 6, 7)).unwrap();
}

#[test]
fn who_was_killed_here_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Holder::gone();
    leave(folder.path(), &gone);
    fs::write(folder.path().join(gone.prefix() + "abc"), "").unwrap();
    let leases = Leases::open(folder.path());
    let lease = ours(leases.claim("a").unwrap());
    assert_eq!(files(folder.path()), ["a.4"]);
    leases.clear_away(|_| true).unwrap();
    assert_eq!(files(folder.path()), ["a.4"]);
    drop(lease);

    leave(folder.path(), &gone);
    let claim = leases.claim_untouched("a").unwrap();
    assert!(matches!(claim, Claim::Theirs(holder, Life::Gone) if holder == gone));
    leases.clear_away(|name| name != "a").unwrap();
    assert_eq!(files(folder.path()), ["a.3"]);
    leases.clear_away(|name| name == "a").unwrap();
    assert!(files(folder.path()).is_empty());
}

#[test]
fn who_dies_in_the_middle_is_counted_until_there_is_progress() {
    let folder = tempfile::tempdir().unwrap();
    let leases = Leases::open(folder.path());
    let lease = ours(leases.claim("a").unwrap());
    assert_eq!(lease.name(), "a");
    assert_eq!(lease.deaths("").unwrap(), 0);
    drop(lease);
    // Not in a row: it was given back in between.
    for _ in 0..2 {
        leave(folder.path(), &Holder::gone());
        let lease = ours(leases.claim("a").unwrap());
        assert_eq!(lease.deaths("epoch 1").unwrap(), 1);
        drop(lease);
        let lease = ours(leases.claim("a").unwrap());
        assert_eq!(lease.deaths("epoch 1").unwrap(), 0);
    }
    for (progress, deaths) in [
        ("epoch 1", 1),
        ("epoch 1", 2),
        ("epoch 2", 1),
        ("epoch 2", 2),
    ] {
        leave(folder.path(), &Holder::gone());
        let lease = ours(leases.claim("a").unwrap());
        assert_eq!(lease.deaths(progress).unwrap(), deaths, "{progress}");
        if deaths == 2 && progress == "epoch 2" {
            lease.forget_deaths();
        }
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn another_machine_s_is_taken_over_once_its_count_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Holder {
        place: Place::parse("node7 1 2"),
        ..Holder::own().clone()
    };
    leave(folder.path(), &elsewhere);
    // A busy machine may let the test wait for a while.
    let timing = Timing {
        patience: QUICK.patience * 3,
        ..QUICK
    };
    let leases = Leases::with_timing(folder.path(), timing);
    let life = || match leases.claim("a").unwrap() {
        Claim::Theirs(_, life) => life,
        Claim::Ours(_) => panic!("it is held"),
    };
    assert_eq!(life(), Life::Unknown);
    std::thread::sleep(timing.patience / 3);
    assert_eq!(life(), Life::Unknown);
    fs::write(folder.path().join("a.3"), elsewhere.text(5, 6, 8)).unwrap();
    assert_eq!(life(), Life::Certain);
    std::thread::sleep(timing.patience / 3);
    assert!(!is_ours(&leases), "it counted since");
    std::thread::sleep(timing.patience);
    assert!(!is_ours(&leases), "nobody looked for long");
    std::thread::sleep(timing.patience / 2);
    assert!(is_ours(&leases));
}

#[test]
fn who_looks_again_and_again_waits_once() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Holder {
        place: Place::parse("node7 1 2"),
        ..Holder::own().clone()
    };
    leave(folder.path(), &elsewhere);
    let leases = Leases::with_timing(folder.path(), QUICK);
    let start = Instant::now();
    while !is_ours(&leases) {
        assert!(start.elapsed() < Duration::from_secs(20), "not taken over");
        std::thread::sleep(QUICK.beat);
    }
    assert!(start.elapsed() >= QUICK.patience);
}

#[test]
fn a_holder_counts_and_knows_when_it_was_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let leases = Leases::with_timing(folder.path(), QUICK);
    let lease = ours(leases.claim("a").unwrap());
    let text = || fs::read_to_string(folder.path().join("a.1")).unwrap();
    let first = text();
    let until = Instant::now() + Duration::from_secs(20);
    while text() == first {
        assert!(Instant::now() < until, "no heartbeat");
        std::thread::sleep(QUICK.beat);
    }
    assert!(!lease.is_lost());
    fs::write(folder.path().join("a.2"), text()).unwrap();
    while !lease.is_lost() {
        assert!(Instant::now() < until, "not noticed");
        std::thread::sleep(QUICK.beat);
    }
    drop(lease);
    assert!(files(folder.path()).contains(&"a.2".into()));
}

/// Ours was taken over, ended and given back; the next holder's file has the name that ours had.
#[test]
fn a_file_of_the_same_name_may_be_another_s() {
    let folder = tempfile::tempdir().unwrap();
    let leases = Leases::with_timing(folder.path(), QUICK);
    let lease = ours(leases.claim("a").unwrap());
    let elsewhere = Holder {
        place: Place::parse("node7 1 2"),
        ..Holder::own().clone()
    };
    let file = folder.path().join("a.1");
    for holder in [elsewhere, Holder::own().clone()] {
        let text = holder.text(u64::MAX, 6, 7);
        let start = Instant::now();
        // A heartbeat that had looked before may come after it.
        while fs::read_to_string(&file).unwrap() != text || !lease.is_lost() {
            assert!(start.elapsed() < Duration::from_secs(20), "not noticed");
            fs::write(&file, &text).unwrap();
            std::thread::sleep(QUICK.beat * 5);
        }
        assert!(lease.seems_lost());
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "no heartbeat");
    }
    drop(lease);
    assert_eq!(files(folder.path()), ["a.1"]);
}

/// A colleague's `ablate status` reads them, too.
#[cfg(unix)]
#[test]
fn a_lease_is_read_by_whoever_reads_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _lease = ours(Leases::open(folder.path()).claim("a").unwrap());
    let other = folder.path().join("other");
    fs::write(&other, "").unwrap();
    let mode = |file| fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode(folder.path().join("a.1")), mode(other));
}

#[test]
fn a_file_that_says_nothing_is_waited_for_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.1"), [0xFF, 0]).unwrap();
    let leases = Leases::with_timing(folder.path(), QUICK);
    assert!(!is_ours(&leases));
    std::thread::sleep(QUICK.patience);
    assert!(!is_ours(&leases), "nobody looked for long");
    std::thread::sleep(QUICK.patience / 2);
    assert!(is_ours(&leases));
}

#[test]
fn holders_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let leases = Leases::open(folder.path().join("leases"));
    assert!(leases.holders().unwrap().is_empty());
    let _lease = ours(leases.claim("a.b").unwrap());
    let holders = leases.holders().unwrap();
    assert_eq!(holders.len(), 1);
    assert_eq!(holders[0].name, "a.b");
    assert_eq!(holders[0].holder.process, std::process::id());
    let ago = |time: Option<SystemTime>| time.unwrap().elapsed().unwrap_or_default();
    assert!(ago(holders[0].since) < Duration::from_secs(60));
    assert!(ago(holders[0].beat) < Duration::from_secs(60));
}
