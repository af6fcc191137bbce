//! One process's part in a common pace: what it has to tell, and the slots that it holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::fleet::{LaneReport, Report, Ruling};
use super::lane::{LANES, Lane};

/// News older than this are asked for again before a slot is used: the gate may have been closed meanwhile.
pub(super) const FRESH: Duration = Duration::from_millis(250);

/// After so long a silence a call waits for the news that it asked for; with more traffic they come by themselves.
const QUIET: Duration = Duration::from_millis(500);

/// A slot that nobody used is given up after this: the server has counted that time already.
const STALE: Duration = Duration::from_secs(1);

/// Slots asked for at a time: a loopback Redis answers in a millisecond, so that they allow some thousand calls a second.
const BLOCK: u32 = 8;

/// What is to be told, and what was heard.
#[derive(Debug)]
pub(super) struct Member {
    /// Rung when there is something to tell or to ask.
    bell: Arc<Notify>,
    is_urgent: bool,
    /// Calls wait for the next answer: the one before came, and long ago.
    is_listening: bool,
    asked_at: Option<Instant>,
    heard_at: Option<Instant>,
    epoch: i64,
    throttled: Option<(Lane, Instant)>,
    lanes: [Share; LANES],
}

#[derive(Debug, Default)]
struct Share {
    sent: u32,
    refused: u32,
    is_paced: bool,
    /// The first in line waits for the answer to the next report.
    is_asking: bool,
    slots: VecDeque<Instant>,
    /// The first slot that could be had, where none was granted.
    earliest: Option<Instant>,
}

/// When the first in line may go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Now,
    At(Instant),
    /// The next answer tells.
    Asked,
    /// The earliest one comes too late for this call.
    TooLate(Duration),
}

impl Member {
    pub(super) fn new(bell: Arc<Notify>) -> Self {
        Self {
            bell,
            is_urgent: false,
            is_listening: false,
            asked_at: None,
            heard_at: None,
            epoch: 0,
            throttled: None,
            lanes: Default::default(),
        }
    }

    /// A call begins: news should be here by the time it is sent.
    pub(super) fn look(&mut self, now: Instant) {
        if self.asked_at.is_none_or(|asked| now >= asked + FRESH) {
            self.is_listening = self.heard_at.is_some_and(|heard| now >= heard + QUIET);
            self.ring();
        }
    }

    /// When the first in line may go; `None` where no common pace is in force.
    pub(super) fn slot(&mut self, lane: Lane, now: Instant, deadline: Instant) -> Option<Slot> {
        let is_fresh = self.heard_at.is_some_and(|heard| now < heard + FRESH);
        if self.is_listening {
            return Some(Slot::Asked);
        }
        let share = &mut self.lanes[lane as usize];
        if !share.is_paced {
            return None;
        }
        while share.slots.front().is_some_and(|slot| *slot + STALE < now) {
            share.slots.pop_front();
        }
        let slot = match (share.slots.front(), share.earliest) {
            (Some(slot), _) if *slot > now => Slot::At(*slot),
            (Some(_), _) if is_fresh => Slot::Now,
            (None, Some(earliest)) if is_fresh && earliest >= deadline => Slot::TooLate(earliest - now),
            _ => Slot::Asked,
        };
        if slot == Slot::Asked {
            share.is_asking = true;
            self.ring();
        }
        Some(slot)
    }

    /// A call goes out.
    pub(super) fn sent(&mut self, lane: Lane) {
        let share = &mut self.lanes[lane as usize];
        share.slots.pop_front();
        share.sent += 1;
        if share.sent == 1 {
            self.bell.notify_one();
        }
    }

    /// The server said 429; `reopens` where that is news.
    pub(super) fn refused(&mut self, lane: Lane, reopens: Option<Instant>) {
        self.lanes[lane as usize].refused += 1;
        self.bell.notify_one();
        if let Some(reopens) = reopens {
            self.throttled = Some((lane, reopens));
            self.is_urgent = true;
        }
    }

    /// Something in the report cannot wait for more to come.
    pub(super) fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    /// What is to be told now, if anything. `queue` gives a lane's length, and the deadline of the first in it.
    pub(super) fn report(&mut self, now: Instant, queue: impl Fn(usize) -> Option<(usize, Instant)>) -> Option<Report> {
        let is_urgent = std::mem::take(&mut self.is_urgent);
        if !is_urgent && self.lanes.iter().all(|share| share.sent + share.refused == 0) {
            return None;
        }
        self.asked_at = Some(now);
        let throttled = self.throttled.take().map(|(lane, reopens)| (lane, reopens - now));
        let mut number = 0;
        let lanes = self.lanes.each_mut().map(|share| {
            // Cleared here, not with the answer: who asks while this report is under way must be in the next one.
            let is_asking = std::mem::take(&mut share.is_asking);
            let waiting = queue(number).filter(|_| is_asking);
            number += 1;
            LaneReport {
                sent: std::mem::take(&mut share.sent),
                refused: std::mem::take(&mut share.refused),
                wanted: waiting
                    .map_or(0, |(waiting, _)| BLOCK.min(waiting as u32).saturating_sub(share.slots.len() as u32)),
                patience: waiting.map_or(Duration::ZERO, |(_, deadline)| deadline - now),
            }
        });
        Some(Report { throttled, lanes })
    }

    /// What holds for all from now on. Says until when the gate is closed.
    pub(super) fn heard(&mut self, ruling: &Ruling, now: Instant) -> Option<Instant> {
        let is_new_epoch = ruling.epoch != self.epoch;
        (self.epoch, self.heard_at, self.is_listening) = (ruling.epoch, Some(now), false);
        for (share, ruled) in self.lanes.iter_mut().zip(&ruling.lanes) {
            if is_new_epoch || !ruled.is_paced {
                share.slots.clear();
            }
            share.is_paced = ruled.is_paced;
            share.earliest = (ruled.granted == 0 && !ruled.first.is_zero()).then(|| now + ruled.first);
            share.slots.extend((0..ruled.granted).map(|number| now + ruled.first + ruled.interval * number));
        }
        (ruling.pause > Duration::ZERO).then(|| now + ruling.pause)
    }

    /// Nobody answers: this process goes on by itself.
    pub(super) fn alone(&mut self) {
        (self.heard_at, self.is_listening) = (None, false);
        for share in &mut self.lanes {
            (share.is_paced, share.is_asking) = (false, false);
            share.slots.clear();
        }
    }

    fn ring(&mut self) {
        self.is_urgent = true;
        self.bell.notify_one();
    }
}
