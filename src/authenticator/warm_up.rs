//! The connections that a first call would have to wait for.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use tokio::time::Instant;
use url::Url;

use crate::config::Reports;
use crate::net::exchange::Exchange;
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::retry::{SendOptions, Sender};

const WARM_UP: Operation = Operation {
    label: "Connection warm-up",
    option: "environment",
    retry: RetrySafety::Repeatable,
    limit: None,
    pool: ConnectionPool::new(0),
    body: BodyStyle::Text,
    is_throttle: no_other_throttle,
};

/// The roots of the origins other than the login's, each once.
pub(super) fn origins(login: &Url, api: &Url, reports: &Reports) -> Vec<Url> {
    let used =
        [Some(api), reports.crm.as_ref().map(|(url, _)| url), reports.webhook.as_ref().map(|webhook| &webhook.url)];
    let mut origins: Vec<Url> = Vec::new();
    for url in used.into_iter().flatten() {
        if url.origin() != login.origin() && origins.iter().all(|known| known.origin() != url.origin()) {
            origins.extend(url.join("/"));
        }
    }
    origins
}

/// Opens a connection to each, whatever comes of it.
pub(super) async fn open_connections(sender: &Sender, origins: &[Url], timeout: Duration) {
    let options = SendOptions { operation: &WARM_UP, timeout, deadline: Instant::now() + timeout };
    // RFC 9110 §9.3.2: HEAD is safe, and no path is more likely to be there than the root.
    let requests = origins.iter().map(|origin| sender.once(options, || Exchange::new(Method::HEAD, origin.clone())));
    join_all(requests).await;
}
