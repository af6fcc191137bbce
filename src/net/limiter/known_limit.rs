//! The server's own limit, where it is known, and what it leaves.

use tokio::time::Instant;

use super::announced::{AnnouncedLimit, Announcement};
use super::shared_window::SharedWindow;
use super::sliding_window::SlidingWindow;
use super::ticket::{TooLate, Turn};

#[derive(Debug)]
pub(super) enum KnownLimit {
    /// Neither configured, nor has an answer spoken of it.
    Unknown,
    /// As answers tell it.
    Announced(AnnouncedLimit),
    /// As it is configured, for this process or for all of them.
    Configured(Box<(SlidingWindow, Option<SharedWindow>)>),
}

/// What became of a request, as far as the server may have counted it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Answered,
    /// It never left this machine.
    Unsent,
    /// It may have arrived.
    Lost,
}

impl KnownLimit {
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// When the first in line may go.
    pub(super) fn turn(&mut self, in_flight: u32, now: Instant, deadline: Instant) -> Turn {
        let opens = match self {
            Self::Unknown => Some(now),
            Self::Announced(limit) => limit.opens(in_flight, now),
            Self::Configured(limit) => {
                let (window, shared) = &mut **limit;
                let opens = window.opens(0, now);
                match shared {
                    Some(shared) if opens <= now => shared.opens(now),
                    _ => Some(opens),
                }
            }
        };
        match opens {
            Some(opens) if opens <= now => Turn::Now,
            Some(opens) if opens >= deadline => Turn::Never(TooLate::LimitReached(opens - now)),
            Some(opens) => Turn::At(opens),
            None => Turn::WhenCalled,
        }
    }

    /// Whether a request with this many others before it can have a place in time.
    pub(super) fn check_deadline(
        &mut self,
        ahead: impl FnOnce() -> usize,
        now: Instant,
        deadline: Instant,
    ) -> Result<(), TooLate> {
        let Self::Configured(limit) = self else { return Ok(()) };
        let opens = limit.0.opens(ahead(), now);
        if opens > now && opens >= deadline { Err(TooLate::LimitReached(opens - now)) } else { Ok(()) }
    }

    /// The window and this process's part in it, where others have one too.
    pub(super) fn shared_window(&mut self) -> Option<(&mut SlidingWindow, &mut SharedWindow)> {
        let Self::Configured(limit) = self else { return None };
        let (window, shared) = &mut **limit;
        shared.as_mut().map(|shared| (window, shared))
    }

    /// A call begins that will send a request soon.
    pub(super) fn expect(&mut self, now: Instant) {
        if let Some((_, shared)) = self.shared_window() {
            shared.expect(now);
        }
    }

    pub(super) fn sent(&mut self, now: Instant) {
        if let Self::Configured(limit) = self {
            limit.0.sent();
            if let Some(shared) = &mut limit.1 {
                shared.sent(now);
            }
        }
    }

    /// A request is under way no more.
    pub(super) fn ended(&mut self, fate: Fate) {
        if let Self::Configured(limit) = self {
            let (window, shared) = &mut **limit;
            match fate {
                Fate::Answered => window.answered(Instant::now()),
                Fate::Unsent => window.unsent(),
                Fate::Lost => window.lost(Instant::now()),
            }
            if let Some(shared) = shared {
                shared.changed();
            }
        }
    }

    /// What an answer says that is no refusal; its request was sent at `sent_at`. `is_shared`: others use the limit too.
    pub(super) fn learn(&mut self, announcement: Announcement, is_shared: bool, sent_at: Instant) {
        let now = Instant::now();
        match self {
            Self::Unknown => *self = Self::Announced(AnnouncedLimit::new(announcement, is_shared, now)),
            Self::Announced(limit) => limit.update(announcement, sent_at, now),
            Self::Configured(limit) => {
                limit.0.allow(announcement.allowed);
                // The announced count is of all processes' requests; each process knows only its own.
                if limit.1.is_none() {
                    limit.0.counted(announcement.count, now);
                }
            }
        }
    }

    /// Forgets what answers said. A window that processes share is theirs.
    pub(super) fn reset(&mut self) {
        match self {
            Self::Announced(_) => *self = Self::Unknown,
            Self::Configured(limit) if limit.1.is_none() => limit.0.reset(),
            Self::Unknown | Self::Configured(_) => {}
        }
    }

    /// Notes a 429: the server does not go by what its answers announced.
    pub(super) fn throttled(&mut self) {
        if matches!(self, Self::Announced(_)) {
            *self = Self::Unknown;
        }
    }
}
