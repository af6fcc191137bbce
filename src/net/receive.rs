//! Reads an answer to its end, within its size limit.

use bytes::Bytes;
use http::header;
use reqwest::Response;

use super::classify::unreadable;
use super::exchange::{Answer, MAX_ANSWER_BYTES};
use super::fault::Fault;

/// A content coding's name is shorter than this.
const MAX_CODING_CHARS: usize = 20;

/// The whole answer, decoded. The limit counts what comes out of the decoder.
pub(super) async fn receive(mut response: Response) -> Result<Answer, Fault> {
    let mut body = Received::expect(response.content_length())?;
    while let Some(piece) = response.chunk().await.map_err(|error| unreadable(&error))? {
        body.push(piece)?;
    }
    let headers = std::mem::take(response.headers_mut());
    let answer = Answer { status: response.status().as_u16(), headers, body: body.finish() };
    match unknown_coding(&answer) {
        Some(coding) if answer.is_success() => Err(Fault::Coding { host: String::new(), coding }),
        Some(coding) => Ok(Answer { body: format!("[a body in the content coding {coding}]").into(), ..answer }),
        None => Ok(answer),
    }
}

/// The content coding (RFC 9110 §8.4.1) of a body that was not decoded.
fn unknown_coding(answer: &Answer) -> Option<String> {
    let coding = answer.headers.get(header::CONTENT_ENCODING).filter(|_| !answer.body.is_empty())?;
    let coding = String::from_utf8_lossy(coding.as_bytes()).trim().to_owned();
    let is_long = coding.chars().count() > MAX_CODING_CHARS;
    let coding = if is_long { "something with a long name".to_owned() } else { coding };
    (!coding.is_empty() && !coding.eq_ignore_ascii_case("identity")).then_some(coding)
}

/// A body on its way in, with its limit.
#[derive(Default)]
struct Received {
    first: Bytes,
    rest: Vec<u8>,
}

impl Received {
    /// Whether a declared length is small enough.
    fn expect(length: Option<u64>) -> Result<Self, Fault> {
        if length.is_some_and(|length| length > MAX_ANSWER_BYTES as u64) {
            return Err(Fault::TooLarge { host: String::new() });
        }
        Ok(Self::default())
    }

    /// Takes the next piece. Nearly every answer comes in one, which then needs no copy.
    fn push(&mut self, piece: Bytes) -> Result<(), Fault> {
        if self.first.len() + self.rest.len() + piece.len() > MAX_ANSWER_BYTES {
            return Err(Fault::TooLarge { host: String::new() });
        }
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = piece;
        } else {
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
            self.rest.extend_from_slice(&piece);
        }
        Ok(())
    }

    fn finish(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.into() }
    }
}
