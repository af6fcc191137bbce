//! Events between the call that brings them and the thread that writes them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::testing::Folder;
use super::{DiskOutbox, OutboxSettings, Retry};
use crate::analytics::webhook_client::WebhookClient;

fn outbox(folder: &Folder, max_events: usize) -> DiskOutbox {
    let settings =
        OutboxSettings { path: folder.file("outbox"), retry: Retry::default(), max_events, max_bytes: 1 << 30 };
    // Nothing is listening there: what was tried still waits.
    DiskOutbox::open(WebhookClient::to_port(9), settings, Arc::new(drop)).unwrap()
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn flush_waits_for_the_event_of_a_call_that_was_aborted_while_it_was_written() {
    let folder = Folder::new();
    let outbox = outbox(&folder, 10);
    let place = outbox.admit().await.unwrap();
    outbox.flush().await;
    {
        let mut aborted = Box::pin(outbox.post(Some(place), "guest", "{}".into(), later()));
        assert!((&mut aborted).now_or_never().is_none());
    }
    outbox.flush().await;
    assert_eq!(outbox.deliveries().pending, 1);
    outbox.abandon().await;
}

#[tokio::test]
async fn an_event_takes_room_once_however_late_its_call_goes_on() {
    let folder = Folder::new();
    let outbox = outbox(&folder, 2);
    let place = outbox.admit().await.unwrap();
    let mut posting = Box::pin(outbox.post(Some(place), "guest", "{}".into(), later()));
    assert!((&mut posting).now_or_never().is_none());
    outbox.flush().await;
    assert_eq!(outbox.deliveries().pending, 1);
    let second = outbox.admit().await.unwrap();
    assert!(outbox.admit().await.is_err());
    posting.await;
    assert!(outbox.admit().await.is_err());
    drop(second);
    outbox.admit().await.unwrap();
    outbox.abandon().await;
}
