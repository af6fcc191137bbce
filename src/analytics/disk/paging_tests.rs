//! Dead letters by the thousand, and what else wants the file meanwhile.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::time::Instant;

use super::dead_letters::PAGE;
use super::delivery_order::Sequence;
use super::record::EventRecord;
use super::store::{Change, Store};
use super::testing::Folder;
use super::{DiskOutbox, OutboxSettings, Retry};
use crate::analytics::webhook_client::WebhookClient;
use crate::error::Code;
use crate::sync::lock;

const LETTERS: usize = 4 * PAGE + 1;

/// An outbox with so many dead letters, and their ids.
fn outbox(folder: &Folder) -> (DiskOutbox, Vec<String>) {
    let path = folder.file("outbox");
    let records: Vec<_> = (0..LETTERS).map(|_| EventRecord::new("guest", "{}".into()).unwrap()).collect();
    let ids = records.iter().map(|record| record.id.clone()).collect();
    let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let places = 1 as Sequence..;
    Store::open(file).unwrap().commit(&places.zip(records.into_iter().map(Change::DeadLetter)).collect()).unwrap();
    let settings = OutboxSettings { path, retry: Retry::default(), max_events: 10_000, max_bytes: 1 << 30 };
    // Nothing is listening there; no attempt matters here.
    (DiskOutbox::open(WebhookClient::to_port(9), settings, Arc::new(drop)).unwrap(), ids)
}

async fn ids(outbox: &DiskOutbox, limit: Option<usize>, after: Option<&str>) -> Vec<String> {
    let json = outbox.dead_letters(limit, after).await.unwrap();
    let letters: Vec<Value> = serde_json::from_str(&json).unwrap();
    letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_put_together_are_all_of_them() {
    let folder = Folder::new();
    let (outbox, all) = outbox(&folder);
    assert!(ids(&outbox, None, None).await == all);
    assert!(ids(&outbox, Some(PAGE), None).await == all[..PAGE]);
    assert!(ids(&outbox, Some(PAGE + 1), Some(&all[9])).await == all[10..PAGE + 11]);
    assert!(ids(&outbox, None, Some(&all[LETTERS - 2])).await == all[LETTERS - 1..]);
    assert!(ids(&outbox, Some(1), Some(&all[LETTERS - 1])).await.is_empty());
    // Behind one that is gone it goes on where that stood.
    assert_eq!(outbox.discard(Some(&all[5..10])).await.unwrap(), 5);
    assert!(ids(&outbox, Some(2), Some(&all[4])).await == all[10..12]);
    assert!(ids(&outbox, Some(2), Some(&all[9])).await == all[10..12]);
    let error = outbox.dead_letters(None, Some("unknown")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.details().message.as_str()),
        (Code::ConfigInvalid, "after must be the id of a dead letter")
    );
    assert_eq!(outbox.redeliver(None).await.unwrap(), LETTERS - 5);
    assert_eq!(outbox.deliveries().pending, LETTERS - 5);
    outbox.abandon().await;
}

#[tokio::test]
async fn an_event_waits_for_no_more_than_a_page_of_dead_letters() {
    let folder = Folder::new();
    let (outbox, _) = outbox(&folder);
    let place = outbox.admit().await.unwrap();
    let order = Mutex::new(Vec::new());
    let letters = async {
        assert_eq!(ids(&outbox, None, None).await.len(), LETTERS);
        lock(&order).push("letters");
    };
    let event = async {
        outbox.post(Some(place), "guest", "{}".into(), Instant::now() + std::time::Duration::from_secs(60)).await;
        lock(&order).push("event");
    };
    tokio::join!(letters, event);
    assert_eq!(*lock(&order), ["event", "letters"]);
    outbox.abandon().await;
}
