//! Name look-ups by the system's resolver. One look-up and one thread serve all who want a name, so that a slow name
//! delays nobody who wants another one, and abandoned look-ups do not pile up.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{LazyLock, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

use crate::sync::lock;

/// Why a name has no addresses, as the system says it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct LookupError(String);

type Lookup = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, LookupError>>>;

/// Look-ups under way in this process, by name.
static RUNNING: LazyLock<Mutex<HashMap<String, Lookup>>> = LazyLock::new(Mutex::default);

/// The resolver of all clients.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = join(name.as_str(), |name| Ok((name, 0).to_socket_addrs()?.collect()));
        Box::pin(async move { Ok(Box::new(lookup.await?.into_iter()) as Addrs) })
    }
}

/// Joins the look-up of a name, or starts one.
fn join(name: &str, resolve: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + 'static) -> Lookup {
    let mut running = lock(&RUNNING);
    if let Some(lookup) = running.get(name) {
        return lookup.clone();
    }
    let (done, result) = oneshot::channel();
    let host = name.to_owned();
    let started = std::thread::Builder::new().name("genesys-guest-dns".into()).spawn(move || {
        let found = resolve(&host).map_err(|error| LookupError(error.to_string()));
        lock(&RUNNING).remove(&host);
        // Nobody waits any more when all calls have given up.
        let _ = done.send(found);
    });
    if let Err(error) = started {
        return std::future::ready(Err(LookupError(error.to_string()))).boxed().shared();
    }
    let ended = || LookupError("the look-up ended without an answer".into());
    let lookup = result.map(move |result| result.unwrap_or_else(|_| Err(ended()))).boxed().shared();
    running.insert(name.to_owned(), lookup.clone());
    lookup
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn one_look_up_serves_all_and_another_name_does_not_wait_for_it() {
        let (release, gate) = mpsc::channel::<()>();
        let (gate, count) = (Arc::new(Mutex::new(gate)), Arc::new(AtomicU32::new(0)));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let slow = || {
            let (gate, count) = (Arc::clone(&gate), Arc::clone(&count));
            join("slow.test", move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = lock(&gate).recv();
                Ok(vec![address])
            })
        };
        let (first, second) = (slow(), slow());
        let quick = join("quick.test", move |_| Ok(vec![address])).await.unwrap();
        assert_eq!(quick, [address]);
        release.send(()).unwrap();
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (vec![address], vec![address]));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_name_that_failed_is_looked_up_anew() {
        let failed = join("absent.test", |_| Err(io::Error::other("no such name"))).await;
        assert_eq!(failed.unwrap_err().to_string(), "no such name");
        assert!(join("absent.test", |_| Ok(Vec::new())).await.is_ok());
    }
}
