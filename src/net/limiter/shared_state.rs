//! One process's part in a common pace: what it has to tell, and the slots that it holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::group::{GROUPS, RateLimitGroup};
use super::shared::{Allowance, GroupUsage, UsageReport};

/// An answer older than this is asked for again before a slot is used: there may have been a 429 elsewhere meanwhile.
pub(super) const FRESH: Duration = Duration::from_millis(250);

/// When the last answer is older than this, a call waits for the one that it asked for. With more traffic, answers come
/// often enough without waiting.
const QUIET: Duration = Duration::from_millis(500);

/// A slot that no request used is given up after this: the server has counted that time already.
const STALE: Duration = Duration::from_secs(1);

/// Slots asked for at a time: Redis on loopback answers in a millisecond, so that they allow some thousand calls a second.
const BLOCK: u32 = 8;

/// What the process has to tell the shared limiter, and what that said last.
#[derive(Debug)]
pub(super) struct SharedLimiterState {
    /// Notified when there is something to tell or to ask.
    sync_wanted: Arc<Notify>,
    is_urgent: bool,
    /// Requests wait for the next answer, because the last one is old.
    awaits_answer: bool,
    asked_at: Option<Instant>,
    answered_at: Option<Instant>,
    epoch: i64,
    throttled: Option<(RateLimitGroup, Instant)>,
    groups: [GroupState; GROUPS],
}

#[derive(Debug, Default)]
struct GroupState {
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

impl SharedLimiterState {
    pub(super) fn new(sync_wanted: Arc<Notify>) -> Self {
        Self {
            sync_wanted,
            is_urgent: false,
            awaits_answer: false,
            asked_at: None,
            answered_at: None,
            epoch: 0,
            throttled: None,
            groups: Default::default(),
        }
    }

    /// A call begins: a fresh answer should be here by the time it sends its request.
    pub(super) fn refresh(&mut self, now: Instant) {
        if self.asked_at.is_none_or(|asked| now >= asked + FRESH) {
            self.awaits_answer = self.answered_at.is_some_and(|answered| now >= answered + QUIET);
            self.ask();
        }
    }

    /// When the first in line may go; `None` where no common pace is in force.
    pub(super) fn slot(&mut self, group: RateLimitGroup, now: Instant, deadline: Instant) -> Option<Slot> {
        let is_fresh = self.answered_at.is_some_and(|answered| now < answered + FRESH);
        if self.awaits_answer {
            return Some(Slot::Asked);
        }
        let state = &mut self.groups[group.index()];
        if !state.is_paced {
            return None;
        }
        while state.slots.front().is_some_and(|slot| *slot + STALE < now) {
            state.slots.pop_front();
        }
        let slot = match (state.slots.front(), state.earliest) {
            (Some(slot), _) if *slot > now => Slot::At(*slot),
            (Some(_), _) if is_fresh => Slot::Now,
            (None, Some(earliest)) if is_fresh && earliest >= deadline => Slot::TooLate(earliest - now),
            _ => Slot::Asked,
        };
        if slot == Slot::Asked {
            state.is_asking = true;
            self.ask();
        }
        Some(slot)
    }

    /// A request goes out.
    pub(super) fn sent(&mut self, group: RateLimitGroup) {
        let state = &mut self.groups[group.index()];
        state.slots.pop_front();
        state.sent += 1;
        if state.sent == 1 {
            self.sync_wanted.notify_one();
        }
    }

    /// The server said 429; `reopens` where that began a new pause.
    pub(super) fn refused(&mut self, group: RateLimitGroup, reopens: Option<Instant>) {
        self.groups[group.index()].refused += 1;
        self.sync_wanted.notify_one();
        if let Some(reopens) = reopens {
            self.throttled = Some((group, reopens));
            self.is_urgent = true;
        }
    }

    /// Something in the report cannot wait for more to come.
    pub(super) fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    /// What is to be told now, if anything. `queue` gives the length of a group's queue and the deadline of its first.
    pub(super) fn report(
        &mut self,
        now: Instant,
        queue: impl Fn(usize) -> Option<(usize, Instant)>,
    ) -> Option<UsageReport> {
        let is_urgent = std::mem::take(&mut self.is_urgent);
        if !is_urgent && self.groups.iter().all(|state| state.sent + state.refused == 0) {
            return None;
        }
        self.asked_at = Some(now);
        let throttled = self.throttled.take().map(|(group, reopens)| (group, reopens - now));
        let mut number = 0;
        let groups = self.groups.each_mut().map(|state| {
            // Cleared here, not with the answer: who asks while this report is under way must be in the next one.
            let is_asking = std::mem::take(&mut state.is_asking);
            let waiting = queue(number).filter(|_| is_asking);
            number += 1;
            GroupUsage {
                sent: std::mem::take(&mut state.sent),
                refused: std::mem::take(&mut state.refused),
                wanted: waiting
                    .map_or(0, |(waiting, _)| BLOCK.min(waiting as u32).saturating_sub(state.slots.len() as u32)),
                max_wait: waiting.map_or(Duration::ZERO, |(_, deadline)| deadline - now),
            }
        });
        Some(UsageReport { throttled, groups })
    }

    /// Takes over what holds for all from now on. Says until when nothing may be sent.
    pub(super) fn apply(&mut self, allowance: &Allowance, now: Instant) -> Option<Instant> {
        let is_new_epoch = allowance.epoch != self.epoch;
        (self.epoch, self.answered_at, self.awaits_answer) = (allowance.epoch, Some(now), false);
        for (state, allowed) in self.groups.iter_mut().zip(&allowance.groups) {
            if is_new_epoch || !allowed.is_paced {
                state.slots.clear();
            }
            state.is_paced = allowed.is_paced;
            state.earliest = (allowed.granted == 0 && !allowed.first.is_zero()).then(|| now + allowed.first);
            state.slots.extend((0..allowed.granted).map(|number| now + allowed.first + allowed.interval * number));
        }
        (allowance.pause > Duration::ZERO).then(|| now + allowance.pause)
    }

    /// Nobody answers: this process goes on by itself.
    pub(super) fn go_alone(&mut self) {
        (self.answered_at, self.awaits_answer) = (None, false);
        for state in &mut self.groups {
            (state.is_paced, state.is_asking) = (false, false);
            state.slots.clear();
        }
    }

    fn ask(&mut self) {
        self.is_urgent = true;
        self.sync_wanted.notify_one();
    }
}
