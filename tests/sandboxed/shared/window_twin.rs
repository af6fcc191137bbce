//! The window's script once more, in Rust: what Redis runs must agree with it.

use std::collections::BTreeMap;

const SILENCE: i64 = 10_000;
const CLOSED: i64 = 3_000;

/// Times are milliseconds.
#[derive(Debug, Default)]
pub(super) struct WindowTwin {
    closed: i64,
    said: BTreeMap<String, Said>,
}

/// What a process said last.
#[derive(Debug)]
struct Said {
    seen: i64,
    number: i64,
    held: i64,
    wanted: i64,
    answered: Vec<(i64, i64)>,
}

impl WindowTwin {
    /// What the script answers at `now` to these arguments, all of which are within its bounds.
    pub(super) fn exchange(&mut self, now: i64, arguments: &[String]) -> Vec<i64> {
        let (process, arguments) = arguments.split_first().expect("a process");
        let arguments: Vec<i64> = arguments.iter().map(|number| number.parse().expect("a number")).collect();
        let (&[number, requests, hold, has_past, unanswered, wanted], answered) =
            arguments.split_first_chunk().expect("all arguments");

        let mut closed = self.closed.min(now + CLOSED);
        let others = || self.said.iter().filter(|(name, said)| *name != process && said.age(now) <= SILENCE + hold);
        let processes = 1 + number_of(others());
        let before = self.said.get(process).map(|said| said.number);
        if before.is_some_and(|before| number <= before) {
            return vec![0, 0, processes];
        }
        let waiting = number_of(others().filter(|(_, said)| said.age(now) <= SILENCE && said.wanted > 0));
        // When each held place comes free.
        let mut taken: Vec<(i64, i64)> = others().flat_map(|(_, said)| said.taken(now, hold)).collect();
        if has_past == 1 && before.is_none() {
            closed = now + CLOSED;
        }
        let since = |pair: &[i64]| (now + 1 - pair[0], pair[1]);
        let answered: Vec<_> = answered.chunks(2).map(since).filter(|(since, _)| since + hold > now).collect();
        taken.push((now + hold, unanswered));
        taken.extend(answered.iter().map(|(since, places)| (since + hold, *places)));
        taken.retain(|(_, places)| *places > 0);

        let free = (requests - taken.iter().map(|(_, places)| places).sum::<i64>()).max(0);
        let (granted, wait) = if closed > now {
            (0, closed - now)
        } else {
            let granted = wanted.min(free).min((free / (waiting + 1)).max(1));
            let opens = taken.iter().map(|(opens, _)| *opens).min().unwrap_or(now + hold);
            (granted, if granted == free { (opens - now).max(1) } else { 0 })
        };
        let gone = |said: &Said| said.age(now) > SILENCE + hold;
        let forgets = self.said.iter().any(|(name, said)| name != process && gone(said));
        if closed > now || forgets {
            self.closed = if closed > now { closed } else { 0 };
        }
        self.said.retain(|name, said| name == process || !gone(said));
        let said = Said { seen: now, number, held: unanswered + granted, wanted: wanted - granted, answered };
        self.said.insert(process.clone(), said);
        vec![granted, wait, processes]
    }
}

fn number_of(items: impl Iterator) -> i64 {
    i64::try_from(items.count()).expect("a few")
}

impl Said {
    fn age(&self, now: i64) -> i64 {
        now - self.seen.min(now)
    }

    fn taken(&self, now: i64, hold: i64) -> Vec<(i64, i64)> {
        let seen = self.seen.min(now);
        let held_since = if now - seen > SILENCE { seen + SILENCE } else { seen };
        let answered = self.answered.iter().map(|(since, places)| ((*since).min(now) + hold, *places));
        let mut taken: Vec<_> = answered.filter(|(free, _)| *free > now).collect();
        taken.push((held_since + hold, self.held));
        taken
    }
}
