//! Which event is sent next: in order for each guest, guests side by side. Keeps no event, only where it stands.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use tokio::time::Instant;

/// An event's place in the file; ascends in the order in which events were accepted.
pub(super) type Sequence = u64;

/// What must be known of every event that waits: one or two hundred bytes of memory for each.
struct OrderEntry {
    /// The guest, hashed: two that collide only wait for one another.
    guest: u64,
    /// The guest's next event.
    behind: Option<Sequence>,
    /// Bytes in the file.
    size: u32,
}

/// The events that wait.
#[derive(Default)]
pub(super) struct DeliveryOrder {
    entries: HashMap<Sequence, OrderEntry>,
    /// The last event of each guest who has any.
    tails: HashMap<u64, Sequence>,
    /// May be sent now.
    ready: VecDeque<Sequence>,
    /// Wait for a later attempt.
    waiting: BinaryHeap<Reverse<(Instant, Sequence)>>,
    /// Nothing is sent before: the webhook asked for it.
    pause: Option<Instant>,
    bytes: u64,
}

impl DeliveryOrder {
    /// Adds an event behind those of its guest. `due` is for one that has been tried before.
    pub(super) fn add(&mut self, sequence: Sequence, guest: u64, size: usize, due: Option<Instant>) {
        self.bytes += size as u64;
        self.entries.insert(sequence, OrderEntry { guest, behind: None, size: size as u32 });
        match self.tails.insert(guest, sequence).and_then(|tail| self.entries.get_mut(&tail)) {
            Some(tail) => tail.behind = Some(sequence),
            None => match due {
                Some(due) => self.waiting.push(Reverse((due, sequence))),
                None => self.ready.push_back(sequence),
            },
        }
    }

    /// An event that can be sent now; it is under way until it is put off or removed.
    pub(super) fn take(&mut self, now: Instant) -> Option<Sequence> {
        if self.pause.is_some_and(|pause| now < pause) {
            return None;
        }
        self.pause = None;
        while let Some(Reverse((due, sequence))) = self.waiting.peek().copied()
            && due <= now
        {
            self.waiting.pop();
            self.ready.push_back(sequence);
        }
        self.ready.pop_front()
    }

    /// When [`take`](Self::take) may have something that it has not now.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = self.waiting.peek().map(|Reverse((due, _))| *due);
        match self.pause {
            None => due,
            Some(pause) if self.ready.is_empty() => due.map(|due| due.max(pause)),
            pause => pause,
        }
    }

    /// Another attempt at `due`.
    pub(super) fn put_off(&mut self, sequence: Sequence, due: Instant) {
        self.waiting.push(Reverse((due, sequence)));
    }

    /// Nothing is sent before `until`.
    pub(super) fn pause(&mut self, until: Instant) {
        self.pause = self.pause.max(Some(until));
    }

    /// Ends an event that was under way; the guest's next one may be sent. Returns its bytes.
    pub(super) fn remove(&mut self, sequence: Sequence) -> usize {
        let Some(entry) = self.entries.remove(&sequence) else { return 0 };
        self.bytes -= u64::from(entry.size);
        match entry.behind {
            Some(behind) => self.ready.push_back(behind),
            None => {
                self.tails.remove(&entry.guest);
            }
        }
        entry.size as usize
    }

    /// The event has another size now.
    pub(super) fn resize(&mut self, sequence: Sequence, size: usize) {
        if let Some(entry) = self.entries.get_mut(&sequence) {
            self.bytes = self.bytes - u64::from(entry.size) + size as u64;
            entry.size = size as u32;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SIZE: usize = 100;

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    /// A order with new events of these guests, numbered from 1.
    fn of(guests: &[u64]) -> DeliveryOrder {
        let mut order = DeliveryOrder::default();
        for (guest, sequence) in guests.iter().zip(1..) {
            order.add(sequence, *guest, SIZE, None);
        }
        order
    }

    fn all(order: &mut DeliveryOrder, now: Instant) -> Vec<Sequence> {
        std::iter::from_fn(|| order.take(now)).collect()
    }

    #[test]
    fn a_guests_next_event_waits_for_the_former() {
        let mut order = of(&[7, 8, 7, 7]);
        let now = Instant::now();
        assert_eq!(all(&mut order, now), [1, 2]);
        order.remove(2);
        assert_eq!(order.take(now), None);
        order.remove(1);
        assert_eq!(all(&mut order, now), [3]);
        order.put_off(3, after(5));
        assert_eq!(order.take(now), None);
        assert_eq!(all(&mut order, after(6)), [3]);
        order.remove(3);
        assert_eq!(all(&mut order, now), [4]);
        order.remove(4);
        assert_eq!((order.len(), order.bytes(), order.tails.len()), (0, 0, 0));
    }

    #[test]
    fn one_that_waits_holds_back_its_own_guest_alone() {
        let mut order = DeliveryOrder::default();
        order.add(1, 7, SIZE, Some(after(60)));
        order.add(2, 7, SIZE, None);
        order.add(3, 8, SIZE, None);
        assert_eq!(all(&mut order, Instant::now()), [3]);
        assert_eq!(all(&mut order, after(61)), [1]);
    }

    #[test]
    fn a_pause_holds_back_everybody() {
        let mut order = of(&[1, 2]);
        let (now, end) = (Instant::now(), after(10));
        order.pause(end);
        order.pause(after(3));
        assert_eq!(order.take(now), None);
        assert_eq!(order.next(), Some(end));
        assert_eq!(all(&mut order, end), [1, 2]);
        order.pause(end);
        assert_eq!(order.next(), None, "nobody is there to wait");
        order.put_off(1, after(5));
        assert_eq!(order.next(), Some(end));
    }

    #[test]
    fn the_earliest_wakes() {
        let mut order = DeliveryOrder::default();
        let (early, late) = (after(5), after(50));
        order.add(1, 1, SIZE, Some(late));
        order.add(2, 2, SIZE, Some(early));
        assert_eq!(order.next(), Some(early));
        assert_eq!(all(&mut order, early), [2]);
        assert_eq!(order.next(), Some(late));
    }

    #[test]
    fn bytes_are_counted() {
        let mut order = of(&[1, 2]);
        order.resize(1, 150);
        assert_eq!(order.bytes(), 250);
        order.remove(1);
        order.remove(1);
        assert_eq!(order.bytes(), 100);
    }
}
