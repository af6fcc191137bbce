//! The newest of what was seen.

use std::collections::VecDeque;

/// What has a number, from 1, that grows.
pub(crate) trait Numbered {
    fn seq(&self) -> u64;
}

/// The newest entries, oldest first; older ones are dropped.
pub(crate) struct Newest<T> {
    entries: VecDeque<T>,
    capacity: usize,
    last_seq: u64,
    pub(crate) enabled: bool,
}

impl<T: Numbered> Newest<T> {
    pub(crate) fn new(enabled: bool, capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity, last_seq: 0, enabled }
    }

    /// Keeps an entry, which is made with its number, while it is switched on.
    pub(crate) fn push(&mut self, make: impl FnOnce(u64) -> T) {
        if !self.enabled || self.capacity == 0 {
            return;
        }
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        self.last_seq += 1;
        self.entries.push_back(make(self.last_seq));
    }

    /// How many entries it keeps.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Keeps this many from now on.
    pub(crate) fn resize(&mut self, capacity: usize) {
        self.capacity = capacity;
        let surplus = self.entries.len().saturating_sub(capacity);
        self.entries.drain(..surplus);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.last_seq = 0;
    }

    /// The entries after number `since`.
    pub(crate) fn since(&self, since: u64) -> impl Iterator<Item = &T> {
        let start = self.entries.partition_point(|entry| entry.seq() <= since);
        self.entries.range(start..)
    }
}
