//! The faults in force, and which of them hits.

use std::sync::Arc;

use serde::Serialize;

use super::InvalidRule;

/// A fault that a test may script, and how often it hits.
pub(crate) trait Scripted {
    /// How many it hits; `None` for every one.
    fn count(&self) -> Option<u64>;
    /// How many that fit go through first.
    fn skip(&self) -> u64;
    /// The share of the rest that it hits, 0 to 1.
    fn probability(&self) -> f64;
    /// Whether it makes sense.
    fn check(&self) -> Result<(), InvalidRule>;
}

/// The faults in force, in the order in which they came: the first that fits hits.
pub(crate) struct Faults<F> {
    rules: Vec<Rule<F>>,
    last_id: u64,
    dice: u64,
}

struct Rule<F> {
    id: u64,
    fault: Arc<F>,
    skipped: u64,
    applied: u64,
}

/// A fault and what it has done so far.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FaultInfo<F> {
    /// Its number, from 1.
    pub id: u64,
    /// How many requests or frames it has hit.
    pub applied: u64,
    /// How many more it will hit; `None` for every one.
    pub remaining: Option<u64>,
    /// What it does.
    pub fault: Arc<F>,
}

impl<F: Scripted> Faults<F> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), last_id: 0, dice: seed }
    }

    /// Adds a fault; its number.
    pub(crate) fn add(&mut self, fault: F) -> u64 {
        self.last_id += 1;
        self.rules.push(Rule { id: self.last_id, fault: Arc::new(fault), skipped: 0, applied: 0 });
        self.last_id
    }

    /// Takes away one fault, or all. How many there were.
    pub(crate) fn clear(&mut self, which: Option<u64>) -> usize {
        let before = self.rules.len();
        self.rules.retain(|rule| which.is_some_and(|id| id != rule.id));
        before - self.rules.len()
    }

    /// The faults and what they have done.
    pub(crate) fn list(&self) -> Vec<FaultInfo<F>> {
        let info = |rule: &Rule<F>| FaultInfo {
            id: rule.id,
            applied: rule.applied,
            remaining: rule.fault.count().map(|count| count.saturating_sub(rule.applied)),
            fault: rule.fault.clone(),
        };
        self.rules.iter().map(info).collect()
    }

    /// The first fault that fits, and hits.
    pub(crate) fn pick(&mut self, fits: impl Fn(&F) -> bool) -> Option<Arc<F>> {
        for rule in &mut self.rules {
            let fault = &rule.fault;
            if fault.count().is_some_and(|count| rule.applied >= count) || !fits(fault) {
                continue;
            }
            if rule.skipped < fault.skip() {
                rule.skipped += 1;
                continue;
            }
            if fault.probability() < 1.0 && roll(&mut self.dice) >= fault.probability() {
                continue;
            }
            rule.applied += 1;
            return Some(fault.clone());
        }
        None
    }
}

/// A number from 0 to 1, 1 excluded (SplitMix64): repeatable, and good enough for a share of requests.
fn roll(dice: &mut u64) -> f64 {
    *dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *dice;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_fair() {
        let mut dice = 0;
        let hits = (0..10_000).filter(|_| roll(&mut dice) < 0.3).count();
        assert!((2_850..3_150).contains(&hits), "{hits}");
    }
}
