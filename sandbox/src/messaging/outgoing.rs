//! What waits to be sent on one socket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::faults::{Closing, Cut, RawFrame};

/// How long a frame that should go out after the next one waits for it, before it goes alone.
const REORDER_PATIENCE: Duration = Duration::from_millis(100);

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text {
        text: String,
        delay: Duration,
        reorder: bool,
    },
    Raw(Vec<RawFrame>),
    Close(Closing),
    /// The server stops: a close frame, and no waiting for the answer.
    Shutdown,
    Cut(Cut),
}

/// Things to send, in order. The first decides when the rest may go.
#[derive(Default)]
pub(super) struct Queue(VecDeque<(Instant, Outgoing)>);

impl Queue {
    pub(super) fn push(&mut self, outgoing: Outgoing, now: Instant) {
        let delay = if let Outgoing::Text { delay, .. } = &outgoing { *delay } else { Duration::ZERO };
        self.0.push_back((now + delay, outgoing));
    }

    /// When the first thing may be sent; nothing when nothing waits.
    pub(super) fn due(&self) -> Option<Instant> {
        let (due, first) = self.0.front()?;
        let waits = matches!(first, Outgoing::Text { reorder: true, .. }) && self.0.len() == 1;
        Some(if waits { *due + REORDER_PATIENCE } else { *due })
    }

    /// The next thing to send, once it is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Outgoing> {
        if self.due()? > now {
            return None;
        }
        if let Some((_, Outgoing::Text { reorder, .. })) = self.0.front_mut()
            && std::mem::take(reorder)
            && self.0.len() > 1
        {
            self.0.swap(0, 1);
        }
        self.0.pop_front().map(|(_, outgoing)| outgoing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, delay_ms: u64, reorder: bool) -> Outgoing {
        Outgoing::Text { text: text.into(), delay: Duration::from_millis(delay_ms), reorder }
    }

    fn popped(queue: &mut Queue, now: Instant) -> String {
        match queue.pop(now) {
            Some(Outgoing::Text { text, .. }) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_late_frame_holds_up_those_behind_it() {
        let now = crate::clock::now();
        let mut queue = Queue::default();
        queue.push(text("a", 50, false), now);
        queue.push(text("b", 0, false), now);
        assert_eq!(popped(&mut queue, now), "None");
        let later = now + Duration::from_millis(50);
        assert_eq!([popped(&mut queue, later), popped(&mut queue, later)], ["a", "b"]);
        assert_eq!(queue.due(), None);
    }

    #[test]
    fn a_reordered_frame_waits_for_the_next_one_but_not_for_ever() {
        let now = crate::clock::now();
        let mut queue = Queue::default();
        queue.push(text("a", 0, true), now);
        assert_eq!(popped(&mut queue, now), "None");
        queue.push(text("b", 0, false), now);
        assert_eq!([popped(&mut queue, now), popped(&mut queue, now)], ["b", "a"]);
        queue.push(text("c", 0, true), now);
        assert_eq!(popped(&mut queue, now + REORDER_PATIENCE), "c");
    }
}
