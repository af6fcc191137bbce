//! The rates of Genesys Cloud's limits page, for sockets and sessions.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What a session, a connection or a deployment may do; `None` for no limit. In JSON the names are in camel case.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MessagingLimits {
    /// Messages of a session in a second (`messages.per.session.rate.per.second`).
    pub messages_per_second: Option<u32>,
    /// Frames on a connection in a minute (`requests.per.connection.rate.per.minute`).
    pub requests_per_minute: Option<u32>,
    /// Configures of a session in a minute (`configure.per.session.rate.per.minute`).
    pub configures_per_minute: Option<u32>,
    /// Handshakes of a deployment in a minute (`connections.rate.per.minute`).
    pub connections_per_minute: Option<u32>,
    /// Echoes on a connection in a minute (`health.check.per.connection.rate.per.minute`).
    pub echoes_per_minute: Option<u32>,
    /// Look-ups of a session's history in a minute (`get.history.rate.per.minute`).
    pub histories_per_minute: Option<u32>,
    /// Connections of a session at once (`session.connections.max`): one more closes the oldest.
    pub connections: Option<u32>,
}

impl Default for MessagingLimits {
    fn default() -> Self {
        Self {
            messages_per_second: Some(5),
            requests_per_minute: Some(60),
            configures_per_minute: Some(60),
            connections_per_minute: Some(1000),
            echoes_per_minute: Some(2),
            histories_per_minute: Some(10),
            connections: Some(3),
        }
    }
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// A count that starts again when its time is over.
#[derive(Default)]
pub(super) struct Window {
    began: Option<Instant>,
    count: u32,
}

impl Window {
    /// Counts one more; when there were enough already, the seconds until the count starts again.
    pub(super) fn take(&mut self, limit: Option<u32>, length: Duration, now: Instant) -> Result<(), u64> {
        let Some(limit) = limit else { return Ok(()) };
        let began = match self.began {
            Some(began) if now.saturating_duration_since(began) < length => began,
            _ => {
                self.count = 0;
                now
            }
        };
        self.began = Some(began);
        if self.count < limit {
            self.count += 1;
            return Ok(());
        }
        Err((began + length).saturating_duration_since(now).as_secs_f64().ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_starts_again_after_its_time() {
        let start = crate::clock::now();
        let mut window = Window::default();
        let mut take = |ms| window.take(Some(2), SECOND, start + Duration::from_millis(ms));
        assert_eq!([take(0), take(10), take(999), take(1000)], [Ok(()), Ok(()), Err(1), Ok(())]);
        assert_eq!(window.take(None, SECOND, start), Ok(()));
    }
}
