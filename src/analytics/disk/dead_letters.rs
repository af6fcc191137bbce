//! Dead letters, shown, sent again or thrown away: what a call asks for, and what the writer does for it.

use tokio::sync::oneshot;

use super::DiskOutbox;
use super::delivery_order::Sequence;
use super::error::{Unavailable, UnknownLetter};
use super::queue::{Page, Question};
use super::record::DeadLetter;
use super::store::Change;
use super::writer::Writer;
use crate::error::Error;
use crate::sync::lock;

/// Dead letters that are read or changed at once. A new event may have to wait for that, about a millisecond.
pub(super) const PAGE: usize = 256;

impl DiskOutbox {
    /// A JSON array of at most `limit` dead letters, those behind `after`. Read in pages, so that nothing waits for more
    /// than one of them.
    pub(in crate::analytics) async fn dead_letters(
        &self,
        limit: Option<usize>,
        after: Option<&str>,
    ) -> Result<String, Error> {
        self.ask(Question::Ready).await?;
        let mut place = match after {
            Some(id) => lock(&self.state().index).dead.place(id).ok_or(UnknownLetter)?,
            None => 0,
        };
        let (mut json, mut left) = ("[".to_owned(), limit.unwrap_or(usize::MAX));
        loop {
            let most = left.min(PAGE);
            let page = self.ask(|answer| Question::DeadLetters(place, most, answer)).await?;
            if json.len() > 1 && page.count > 0 {
                json.push(',');
            }
            json.push_str(&page.json);
            left -= page.count;
            place = page.last;
            if left == 0 || page.count < most {
                json.push(']');
                return Ok(json);
            }
        }
    }

    /// Sends dead letters again, all or those with these ids; returns how many.
    pub(in crate::analytics) async fn redeliver(&self, ids: Option<&[String]>) -> Result<usize, Error> {
        self.each_page(ids, Question::Redeliver).await
    }

    /// Throws dead letters away, all or those with these ids; returns how many.
    pub(in crate::analytics) async fn discard(&self, ids: Option<&[String]>) -> Result<usize, Error> {
        self.each_page(ids, Question::Discard).await
    }

    /// Asks `question` about the dead letters that there are now, all or those with these ids. Returns for how many of them
    /// something was done.
    async fn each_page(
        &self,
        ids: Option<&[String]>,
        question: fn(Vec<Sequence>, oneshot::Sender<Option<usize>>) -> Question,
    ) -> Result<usize, Error> {
        self.ask(Question::Ready).await?;
        let places = lock(&self.state().index).dead.places(ids);
        let mut count = 0;
        for page in places.chunks(PAGE) {
            count += self.ask(|answer| question(page.to_vec(), answer)).await?;
        }
        Ok(count)
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<Option<T>>) -> Question) -> Result<T, Error> {
        match self.state().queue.ask(question).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Unavailable::NoAnswer.into()),
            Err(_) => Err(Error::closed()),
        }
    }
}

impl Writer {
    pub(super) fn page(&mut self, after: Sequence, most: usize) -> Option<Page> {
        let dead = self.read(|store| store.dead(after, most))?;
        let letters = dead.iter().map(|(_, record)| serde_json::to_string(&DeadLetter::from(record)));
        let json = letters.collect::<Result<Vec<_>, _>>().ok()?.join(",");
        Some(Page { json, count: dead.len(), last: dead.last().map_or(after, |(sequence, _)| *sequence) })
    }

    pub(super) fn redeliver(&mut self, places: &[Sequence]) -> Option<usize> {
        let dead = self.read(|store| store.dead_at(places))?;
        let count = dead.len();
        let mut added = Vec::with_capacity(count);
        for (sequence, record) in dead {
            // Behind what its guest has waiting by now.
            let number = self.state.queue.number();
            self.pending.insert(sequence, Change::Remove);
            self.pending.insert(number, Change::Put(record.restarted()));
            added.push(number);
        }
        self.save(&added, vec![]).then_some(count)
    }

    pub(super) fn discard(&mut self, places: &[Sequence]) -> Option<usize> {
        let dead = self.read(|store| store.dead_at(places))?;
        let count = dead.len();
        self.pending.extend(dead.into_iter().map(|(sequence, _)| (sequence, Change::Remove)));
        self.save(&[], vec![]).then_some(count)
    }
}
