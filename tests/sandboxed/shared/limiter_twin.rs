//! The limiter's script once more, in Rust: what Redis runs must agree with it.

use genesys_guest_auth::benching::GROUPS;

const PERIODS: [f64; 3] = [1.0, 10.0, 60.0];
const IN_FORCE: f64 = 300_000.0;
const CUT: f64 = 0.8;
const LASTING: f64 = 0.9;
const GROWTH: f64 = 0.01;
const LATE_GROWTH: f64 = 0.05;
const ROUGH_GROWTH: f64 = 1.0;
const LATE: f64 = 60_000.0;
const FEW: f64 = 20.0;
const SLOWEST_GUESS: f64 = 10.0;
const SLOWEST: f64 = 0.1;
const FASTEST: f64 = 100_000.0;
const MAKE_UP: f64 = 1000.0;
const AHEAD: f64 = 100.0;
const LONGEST_PAUSE: f64 = 3_600_000.0;
const LONGEST_WAIT: f64 = 86_400_000.0;
const CLOCK_STEP: f64 = 1000.0;

/// Times are milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Twin {
    seen: f64,
    reopens: f64,
    paused: f64,
    epoch: i64,
    throttled: Option<usize>,
    groups: [Group; GROUPS],
}

#[derive(Debug, Clone, Default)]
struct Group {
    at: Option<f64>,
    since: Option<f64>,
    cycle: f64,
    sums: [f64; 3],
    pace: Option<f64>,
    is_rough: Option<bool>,
    before: Option<f64>,
    until: f64,
    grown: f64,
    next: Option<f64>,
}

impl Twin {
    /// What the script answers at `now` to these arguments, all of which are within its bounds.
    pub(super) fn exchange(&mut self, now: f64, arguments: &[i64]) -> Vec<i64> {
        if self.seen > now + CLOCK_STEP {
            *self = Self::default();
        }
        self.seen = now;
        let (head, groups) = arguments.split_at(2);
        let groups: Vec<&[i64]> = groups.chunks(4).collect();
        let mut is_paused = now < self.reopens;
        for (own, said) in self.groups.iter_mut().zip(&groups) {
            if said[0] + said[1] > 0 {
                own.count((said[0] - said[1]) as f64, now, self.reopens, is_paused);
            }
        }
        self.reopens = self.reopens.min(now + LONGEST_PAUSE);
        if head[0] > 0 {
            let throttled = head[0] as usize - 1;
            if !is_paused {
                let own = &mut self.groups[throttled];
                own.count(0.0, now, self.reopens, false);
                own.before = own.pace.filter(|_| own.is_rough == Some(false));
                is_paused = true;
                self.epoch += 1;
                (self.paused, self.throttled) = (now, Some(throttled));
                self.groups.iter_mut().for_each(|group| group.next = None);
            }
            self.reopens = self.reopens.max(now + head[1].max(1) as f64);
        }
        if let (true, Some(throttled)) = (is_paused, self.throttled) {
            self.groups[throttled].set_pace(now, self.reopens, self.paused);
        }
        let mut answer = vec![self.epoch, (self.reopens - now).ceil().max(0.0) as i64];
        for (own, said) in self.groups.iter_mut().zip(&groups) {
            if now >= own.until {
                own.pace = None;
            }
            let is_asked = own.pace.is_some() && said[2] > 0;
            let slots = if is_asked { own.grant(said[2], said[3] as f64, now, self.reopens) } else { [0, 0, 0] };
            answer.push(i64::from(own.pace.is_some()));
            answer.extend(slots);
        }
        answer
    }
}

impl Group {
    fn count(&mut self, granted: f64, now: f64, reopens: f64, is_paused: bool) {
        let mut age = 0.0;
        if !is_paused {
            age = (now - self.at.unwrap_or(now)).max(0.0) / 1000.0;
            self.at = Some(now);
            if self.since.unwrap_or(0.0) < reopens {
                (self.since, self.cycle) = (Some(reopens), 0.0);
            }
        }
        for (sum, period) in self.sums.iter_mut().zip(PERIODS) {
            *sum = *sum * (-age / period).exp() + granted;
        }
        self.since.get_or_insert(now);
        self.cycle += granted;
    }

    fn set_pace(&mut self, now: f64, reopens: f64, paused: f64) {
        let mut most = self.cycle;
        let mut lasting = 0.0;
        let mut best = most * 1000.0 / (reopens - self.since.unwrap_or(now)).max(1.0);
        for (sum, period) in self.sums.into_iter().zip(PERIODS) {
            lasting = sum / (period + (reopens - paused).max(0.0) / 1000.0);
            (best, most) = (best.max(lasting), most.max(sum));
        }
        let is_rough = most < FEW;
        if let Some(before) = self.before {
            best = best.min((before * CUT).max(lasting * LASTING));
        }
        self.pace = Some(best.max(if is_rough { SLOWEST_GUESS } else { SLOWEST }).min(FASTEST));
        self.is_rough = Some(is_rough);
        self.until = reopens + IN_FORCE;
        self.grown = reopens;
    }

    fn grant(&mut self, wanted: i64, max_wait: f64, now: f64, reopens: f64) -> [i64; 3] {
        let due = self.next.unwrap_or(0.0).min(now + LONGEST_WAIT);
        let mut pace = self.pace.unwrap_or(SLOWEST);
        if due > now {
            let span = (now - self.grown).clamp(0.0, 1000.0) / 1000.0;
            let growth = match self.is_rough {
                Some(true) => ROUGH_GROWTH,
                _ if now - reopens > LATE => LATE_GROWTH,
                _ => GROWTH,
            };
            pace = (pace * (1.0 + growth * span)).min(FASTEST);
            self.pace = Some(pace);
        }
        self.grown = self.grown.max(now);
        let interval = 1000.0 / pace.max(SLOWEST);
        let first = due.max(now - MAKE_UP).max(reopens);
        let (mut granted, mut slot) = (0, first);
        if first - now <= max_wait {
            while granted < wanted && (granted == 0 || slot <= first.max(now) + AHEAD) {
                (granted, slot) = (granted + 1, slot + interval);
            }
            self.next = Some(slot);
        }
        [granted, ((first - now) * 1000.0).floor() as i64, (interval * 1000.0).floor() as i64]
    }
}
