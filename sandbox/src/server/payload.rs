//! The bodies of answers: whole, and broken in the ways that faults ask for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::wire::Line;

/// How long part of a body may take to leave this process before the line is cut: on loopback it is gone in microseconds.
const PART_LEAVES: Duration = Duration::from_millis(10);

/// The body of an answer.
pub(crate) enum Payload {
    /// Everything at once.
    Whole(Bytes),
    /// Everything at once, under whatever length the headers claim.
    Unmeasured(Bytes),
    /// Nothing, ever.
    Stalled,
    /// Byte after byte.
    Dripping { rest: Bytes, pause: Duration, sleep: Pin<Box<Sleep>> },
    /// Less than the headers claim; then the line is cut.
    Cut { part: Bytes, line: Arc<Line>, reset: bool, sleep: Pin<Box<Sleep>> },
}

impl Payload {
    pub(crate) fn dripping(rest: Bytes, pause_ms: u64) -> Self {
        let pause = Duration::from_millis(pause_ms);
        Self::Dripping { rest, pause, sleep: Box::pin(sleep(pause)) }
    }

    pub(crate) fn cut(part: Bytes, line: Arc<Line>, reset: bool) -> Self {
        Self::Cut { part, line, reset, sleep: Box::pin(sleep(PART_LEAVES)) }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

/// What is left, as a frame; nothing when nothing is left.
fn take(bytes: &mut Bytes) -> Option<Result<Frame<Bytes>, Infallible>> {
    if bytes.is_empty() { None } else { Some(Ok(Frame::data(std::mem::take(bytes)))) }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) | Self::Unmeasured(bytes) => Poll::Ready(take(bytes)),
            Self::Stalled => Poll::Pending,
            Self::Dripping { rest, .. } if rest.is_empty() => Poll::Ready(None),
            Self::Dripping { rest, pause, sleep } => {
                ready!(sleep.as_mut().poll(cx));
                sleep.as_mut().reset(Instant::now() + *pause);
                Poll::Ready(Some(Ok(Frame::data(rest.split_to(1)))))
            }
            Self::Cut { part, line, reset, sleep } => {
                if let Some(frame) = take(part) {
                    return Poll::Ready(Some(frame));
                }
                ready!(sleep.as_mut().poll(cx));
                line.hang_up(*reset);
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            // Unknown: the length in the headers counts, even where it is wrong.
            _ => SizeHint::default(),
        }
    }
}
