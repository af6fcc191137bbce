//! The store on a real file: what comes back after a restart, after damage, and after a hundred thousand events.

#![cfg(unix)]

use std::fs::{File, OpenOptions};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::delivery_order::Sequence;
use super::error::StoreError;
use super::index::Index;
use super::record::{self, EventRecord};
use super::store::{Change, Changes, EventState, Store};
use super::testing::Folder;

const PAGE: u64 = 4096;

/// Damages tried by each test of them.
const DAMAGES: usize = 120;

fn file(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

fn record(number: Sequence) -> EventRecord {
    let body = format!(r#"{{"guestId":"guest-{number}","email":"guest-{number}@example.com","channelId":"web"}}"#);
    EventRecord::new(&format!("guest-{number}"), body).unwrap()
}

fn all(numbers: RangeInclusive<Sequence>, change: impl Fn(Sequence) -> Change) -> Changes {
    numbers.map(|number| (number, change(number))).collect()
}

type Contents = (Vec<(Sequence, String)>, Vec<(Sequence, String)>);

fn contents(store: &Store) -> Result<Contents, StoreError> {
    let (mut waiting, mut dead) = (Vec::new(), Vec::new());
    store.scan(|kind, sequence, record, _| {
        let side = if kind == EventState::Waiting { &mut waiting } else { &mut dead };
        side.push((sequence, record.id.clone()));
    })?;
    Ok((waiting, dead))
}

/// A file with waiting events, dead letters and free pages, and what is in it.
fn filled(path: &Path) -> Contents {
    let store = Store::open(file(path)).unwrap();
    store.commit(&all(1..=600, |number| Change::Put(record(number)))).unwrap();
    store.commit(&all(200..=260, |number| Change::DeadLetter(record(number)))).unwrap();
    store.commit(&all(261..=500, |_| Change::Remove)).unwrap();
    contents(&store).unwrap()
}

#[test]
fn what_was_committed_comes_back() {
    let folder = Folder::new();
    let before = filled(&folder.file("outbox"));
    assert_eq!((before.0.len(), before.1.len()), (299, 61));
    let store = Store::open(file(&folder.file("outbox"))).unwrap();
    assert_eq!(contents(&store).unwrap(), before);
    assert_eq!(store.load(1).unwrap().unwrap().id, before.0[0].1);
    assert!(store.load(300).unwrap().is_none());
    assert_eq!(store.dead(0, usize::MAX).unwrap().len(), 61);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_the_schedule() {
    let folder = Folder::new();
    let mut tried = record(1);
    tried.failed("status 503".into(), Some(503));
    tried.put_off(Duration::from_secs(30));
    let changes = Changes::from([(1, Change::Put(tried)), (2, Change::Put(record(2)))]);
    Store::open(file(&folder.file("outbox"))).unwrap().commit(&changes).unwrap();

    let store = Store::open(file(&folder.file("outbox"))).unwrap();
    let (mut index, now) = (Index::default(), Instant::now());
    store
        .scan(|_, sequence, record, size| {
            index.found(sequence, record, size, now, record.remaining(record::wall_now()));
        })
        .unwrap();
    let next = |index: &mut Index| index.order.take(Instant::now());
    assert_eq!(next(&mut index), Some(2));
    tokio::time::advance(Duration::from_secs(25)).await;
    assert_eq!(next(&mut index), None);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(next(&mut index), Some(1));
}

#[test]
fn a_large_file_that_is_mostly_empty_is_made_smaller_when_it_is_opened() {
    let folder = Folder::new();
    let length = || std::fs::metadata(folder.file("outbox")).unwrap().len();
    let large = |number: Sequence| {
        let body = serde_json::Value::from("x".repeat(60_000)).to_string();
        Change::Put(EventRecord::new(&number.to_string(), body).unwrap())
    };
    let store = Store::open(file(&folder.file("outbox"))).unwrap();
    store.commit(&all(1..=1200, large)).unwrap();
    store.commit(&all(1..=1190, |_| Change::Remove)).unwrap();
    drop(store);
    assert!(length() > 64 << 20, "{}", length());
    let store = Store::open(file(&folder.file("outbox"))).unwrap();
    assert!(length() < 8 << 20, "{}", length());
    assert_eq!(contents(&store).unwrap().0.len(), 10);
}

/// Damages a copy of a filled file in many ways. Each must be noticed, unless it hit what nobody reads.
fn survive(damage: impl Fn(&File, u64)) {
    let folder = Folder::new();
    let (whole, copy) = (folder.file("whole"), folder.file("copy"));
    let before = filled(&whole);
    let mut noticed = 0;
    for _ in 0..DAMAGES {
        std::fs::copy(&whole, &copy).unwrap();
        let damaged = file(&copy);
        damage(&damaged, damaged.metadata().unwrap().len());
        match Store::open(damaged).and_then(|store| contents(&store).map(|contents| (store, contents))) {
            Ok((store, after)) => {
                assert!(after == before, "damage that went unseen");
                store.commit(&all(1000..=1010, |number| Change::Put(record(number)))).unwrap();
            }
            Err(StoreError::Damaged(_)) => noticed += 1,
            Err(StoreError::Refused(cause)) => panic!("damage must not look like a refusal: {cause}"),
        }
    }
    assert!(noticed > 0, "no damage was any");
}

fn garbage(length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(length).collect()
}

#[test]
fn a_file_that_is_cut_off_is_noticed() {
    survive(|file, length| file.set_len(fastrand::u64(1..length)).unwrap());
}

#[test]
fn pages_of_zeros_are_noticed() {
    survive(|file, length| {
        for _ in 0..fastrand::u64(1..4) {
            file.write_all_at(&[0; PAGE as usize], fastrand::u64(0..length / PAGE) * PAGE).unwrap();
        }
    });
}

#[test]
fn random_bytes_are_noticed() {
    survive(|file, length| {
        for _ in 0..fastrand::u64(1..20) {
            let bytes = garbage(fastrand::usize(1..32));
            file.write_all_at(&bytes, fastrand::u64(0..length - bytes.len() as u64)).unwrap();
        }
    });
}

#[test]
fn a_damaged_header_is_noticed() {
    survive(|file, _| file.write_all_at(&garbage(fastrand::usize(1..300)), fastrand::u64(0..320)).unwrap());
}

#[test]
fn another_kind_of_file_is_noticed() {
    let folder = Folder::new();
    for content in [&b"x"[..], b"{\"not\":\"an outbox\"}", &[0; 10_000], &garbage(100_000), b"SQLite format 3\0"] {
        std::fs::write(folder.file("other"), content).unwrap();
        let outcome = Store::open(file(&folder.file("other"))).map(drop);
        assert!(matches!(outcome, Err(StoreError::Damaged(_))), "{outcome:?}");
    }
}

#[test]
fn a_newer_versions_file_is_left_alone() {
    let folder = Folder::new();
    filled(&folder.file("outbox"));
    let database = redb::Database::create(folder.file("outbox")).unwrap();
    let transaction = database.begin_write().unwrap();
    let about = redb::TableDefinition::<u64, &[u8]>::new("about");
    transaction.open_table(about).unwrap().insert(0, 2_u64.to_le_bytes().as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(Store::open(file(&folder.file("outbox"))), Err(StoreError::Refused(_))));
}

#[test]
fn the_file_does_not_grow_over_a_hundred_thousand_events() {
    const GROUP: Sequence = 500;
    const AT_ONCE: Sequence = 2_000;
    let folder = Folder::new();
    let store = Store::open(file(&folder.file("outbox"))).unwrap();
    let length = || std::fs::metadata(folder.file("outbox")).unwrap().len();
    let mut early = 0;
    for first in (1..=100_000).step_by(GROUP as usize) {
        let mut changes = all(first..=first + GROUP - 1, |number| Change::Put(record(number)));
        if first > AT_ONCE {
            changes.extend(all(first - AT_ONCE..=first - AT_ONCE + GROUP - 1, |_| Change::Remove));
        }
        store.commit(&changes).unwrap();
        if first < 10_000 {
            early = length();
        }
    }
    assert_eq!(contents(&store).unwrap().0.len() as Sequence, AT_ONCE);
    assert!(length() <= early, "{early} bytes after a tenth, {} in the end", length());
}
