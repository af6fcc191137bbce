//! The guests that live: found by id, by person and channel, and by refresh token.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Guests remembered: about 200 MB. Beyond that the oldest are forgotten, as if they had ended.
const MAX_GUESTS: usize = 500_000;

/// The guests of the sandbox.
#[derive(Default)]
pub(crate) struct Guests {
    by_id: HashMap<Uuid, Guest>,
    by_person: HashMap<Box<str>, Uuid>,
    /// From the oldest to the newest. An ended guest leaves a gap.
    order: VecDeque<Uuid>,
    created: u64,
}

/// One guest.
pub(crate) struct Guest {
    pub(crate) id: Uuid,
    /// `<email, lower case>\n<channel>`: who may not have a second live guest.
    person: Box<str>,
    email: Box<str>,
    channel: Box<str>,
    created_ms: i64,
    expires: Instant,
    attributes: Option<Box<RawValue>>,
    updates: u32,
    /// Makes refresh tokens impossible to guess from the guest's id.
    salt: u64,
    /// Grows with each refresh; the token that carries the current one is the unused one.
    generation: u32,
}

/// What a guest is made of.
pub(crate) struct NewGuest<'a> {
    pub(crate) email: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) attributes: Option<&'a RawValue>,
    pub(crate) now: Instant,
    pub(crate) wall_ms: i64,
    pub(crate) life: Duration,
}

/// One guest, as [`crate::Sandbox::guests`] shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GuestInfo {
    /// The guest's id.
    pub guest_id: String,
    /// The e-mail, as it was sent.
    pub email: String,
    /// The channel.
    pub channel_id: String,
    /// When it was made.
    pub created_date: String,
    /// Milliseconds until it expires.
    pub expires_in_ms: u64,
    /// The attributes last sent, with the creation or later: JSON text as it was sent.
    pub attributes: Option<Box<RawValue>>,
    /// How often attributes were put.
    pub updates: u32,
    /// How often the token was refreshed.
    pub refreshes: u32,
}

/// What became of a refresh token.
pub(crate) enum Refreshed<'a> {
    Fresh(&'a Guest),
    Used,
    Unknown,
}

impl Guest {
    /// The refresh token that is good now.
    pub(crate) fn refresh_token(&self) -> String {
        format!("rt{}{:016x}{:08x}", self.id.simple(), self.salt, self.generation)
    }

    fn info(&self, now: Instant) -> GuestInfo {
        GuestInfo {
            guest_id: self.id.to_string(),
            email: self.email.to_string(),
            channel_id: self.channel.to_string(),
            created_date: crate::clock::iso(self.created_ms),
            expires_in_ms: crate::clock::ms_until(self.expires, now),
            attributes: self.attributes.clone(),
            updates: self.updates,
            refreshes: self.generation,
        }
    }
}

impl Guests {
    /// Makes a guest; nothing when the person has a live one on the channel and `conflicts` are refused.
    pub(crate) fn create(&mut self, new: &NewGuest<'_>, conflicts: bool) -> Option<&Guest> {
        let &NewGuest { email, channel, attributes, now, wall_ms, life } = new;
        self.forget_old(now);
        let person = person(email, channel);
        if conflicts && self.by_person.get(&person).is_some_and(|id| self.live(*id, now).is_some()) {
            return None;
        }
        let (high, salt) = Uuid::new_v4().as_u64_pair();
        let id = Uuid::new_v4();
        let guest = Guest {
            id,
            person: person.clone(),
            email: email.into(),
            channel: channel.into(),
            created_ms: wall_ms,
            expires: now + life,
            attributes: attributes.map(ToOwned::to_owned),
            updates: 0,
            salt: salt ^ high,
            generation: 0,
        };
        self.by_person.insert(person, id);
        self.order.push_back(id);
        self.created += 1;
        Some(self.by_id.entry(id).insert_entry(guest).into_mut())
    }

    fn live(&self, id: Uuid, now: Instant) -> Option<&Guest> {
        self.by_id.get(&id).filter(|guest| guest.expires > now)
    }

    /// Stores attributes; false when there is no such live guest.
    pub(crate) fn update(&mut self, id: &str, attributes: Box<RawValue>, now: Instant) -> Option<u32> {
        let guest = self.by_id.get_mut(&Uuid::parse_str(id).ok()?).filter(|guest| guest.expires > now)?;
        guest.attributes = Some(attributes);
        guest.updates += 1;
        Some(guest.updates)
    }

    /// Uses a refresh token up, and lets its guest live on.
    pub(crate) fn refresh(&mut self, token: &str, now: Instant, life: Duration) -> Refreshed<'_> {
        let Some((id, salt, generation)) = parse(token) else { return Refreshed::Unknown };
        let Some(guest) = self.by_id.get_mut(&id).filter(|guest| guest.salt == salt) else { return Refreshed::Unknown };
        if generation < guest.generation {
            return Refreshed::Used;
        }
        if generation > guest.generation || guest.expires <= now {
            return Refreshed::Unknown;
        }
        guest.generation += 1;
        guest.expires = now + life;
        Refreshed::Fresh(guest)
    }

    /// Ends one guest, or all. How many were ended.
    pub(crate) fn end(&mut self, which: Option<&str>) -> usize {
        if let Some(id) = which {
            return usize::from(Uuid::parse_str(id).is_ok_and(|id| self.remove(id)));
        }
        let ended = self.by_id.len();
        *self = Self { created: self.created, ..Self::default() };
        ended
    }

    /// How many were ever made.
    pub(crate) fn created(&self) -> u64 {
        self.created
    }

    /// How many live now.
    pub(crate) fn count(&self, now: Instant) -> usize {
        self.by_id.values().filter(|guest| guest.expires > now).count()
    }

    /// The newest live guests, oldest first.
    pub(crate) fn list(&self, now: Instant, limit: usize) -> Vec<GuestInfo> {
        let newest = self.order.iter().rev().filter_map(|id| self.live(*id, now)).take(limit);
        let mut found: Vec<_> = newest.map(|guest| guest.info(now)).collect();
        found.reverse();
        found
    }

    fn remove(&mut self, id: Uuid) -> bool {
        let Some(guest) = self.by_id.remove(&id) else { return false };
        if self.by_person.get(&guest.person) == Some(&id) {
            self.by_person.remove(&guest.person);
        }
        true
    }

    /// Drops from the old end what has expired or is too much.
    fn forget_old(&mut self, now: Instant) {
        while let Some(&oldest) = self.order.front() {
            if self.order.len() < MAX_GUESTS && self.live(oldest, now).is_some() {
                return;
            }
            self.remove(oldest);
            self.order.pop_front();
        }
    }
}

/// One person on one channel. The line feed cannot occur in an e-mail address.
fn person(email: &str, channel: &str) -> Box<str> {
    format!("{}\n{channel}", email.to_lowercase()).into()
}

/// The parts of a refresh token that the sandbox could have made.
fn parse(token: &str) -> Option<(Uuid, u64, u32)> {
    let digits = token.strip_prefix("rt").filter(|rest| rest.len() == 56 && rest.is_ascii())?;
    let (id, rest) = digits.split_at(32);
    let (salt, generation) = rest.split_at(16);
    let id = Uuid::parse_str(id).ok()?;
    Some((id, u64::from_str_radix(salt, 16).ok()?, u32::from_str_radix(generation, 16).ok()?))
}
