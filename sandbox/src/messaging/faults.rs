//! What a test may script on sockets: faults of single frames.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::frames::{Envelope, Incoming, Refusal};
use crate::rules::{Faults, InvalidRule, Scripted};

/// A fault of frames. With a class it hits the frames of that class that the sandbox sends. Without one, an error, raw
/// frames, a close or a cut meets the client's frame, which is then not processed, unless `process` says so; everything
/// else hits the frames that answer it.
///
/// In JSON the names are in camel case. Refused and cut handshakes are faults of [`Route::Socket`](crate::Route).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct FrameFault {
    /// Only the client's frames with this action, and the answers to them.
    pub action: Option<String>,
    /// Only the sandbox's frames of this class.
    pub class: Option<String>,
    /// Only frames with this text in them.
    pub includes: Option<String>,
    /// How many frames it hits; `None` for every one.
    pub count: Option<u64>,
    /// How many fitting frames go through first.
    pub skip: u64,
    /// The share of the remaining frames that it hits, 0 to 1.
    pub probability: f64,

    /// An error to answer with.
    pub error: Option<InBandError>,
    /// Frames to send instead, right or wrong.
    pub frames: Vec<RawFrame>,
    /// End the connection with a close frame.
    pub close: Option<Closing>,
    /// End the connection without one.
    pub cut: Option<Cut>,
    /// Process the client's frame although it meets an error, raw frames or the end of the connection.
    pub process: bool,
    /// Milliseconds that the frame comes late; those behind it wait.
    pub delay_ms: u64,
    /// Do not send the frame.
    pub drop: bool,
    /// Send the frame this many times more.
    pub duplicate: u64,
    /// Send the frame after the next one.
    pub reorder: bool,
}

/// An error on the socket. In JSON, a body that is no text makes an `ErrorMessage` unless a class is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InBandError {
    /// The code of the envelope.
    pub code: u16,
    /// The body: a text, as a rule.
    #[serde(default)]
    pub body: Value,
    /// The class; `string` for a text, else `ErrorMessage`.
    #[serde(default)]
    pub class: Option<String>,
}

/// A close frame.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Closing {
    /// The code; `None` for a close frame without one.
    pub code: Option<u16>,
    /// The reason.
    pub reason: String,
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// An orderly end of TCP (FIN).
    End,
    /// A reset (RST).
    Reset,
}

/// A frame as it is written, right or wrong (RFC 6455 §5.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RawFrame {
    /// What it is.
    pub opcode: RawOpcode,
    /// The payload.
    pub text: String,
    /// Spaces are appended to the payload until it has this many bytes.
    pub pad_to: usize,
    /// Whether it is the last fragment.
    pub fin: bool,
    /// How many times it is sent.
    pub times: u64,
}

impl Default for RawFrame {
    fn default() -> Self {
        Self { opcode: RawOpcode::Text, text: String::new(), pad_to: 0, fin: true, times: 1 }
    }
}

/// The opcodes of RFC 6455 §11.8 that carry data, pings and pongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names of the RFC")]
pub enum RawOpcode {
    Continuation,
    Text,
    Binary,
    Ping,
    Pong,
}

impl Default for FrameFault {
    fn default() -> Self {
        Self {
            action: None,
            class: None,
            includes: None,
            count: Some(1),
            skip: 0,
            probability: 1.0,
            error: None,
            frames: Vec::new(),
            close: None,
            cut: None,
            process: false,
            delay_ms: 0,
            drop: false,
            duplicate: 0,
            reorder: false,
        }
    }
}

impl FrameFault {
    /// A fault for the next frame of a client with this action. It does nothing yet.
    #[must_use]
    pub fn on(action: &str) -> Self {
        Self { action: Some(action.into()), ..Self::default() }
    }

    /// A fault for the next frame of the sandbox of this class. It does nothing yet.
    #[must_use]
    pub fn of(class: &str) -> Self {
        Self { class: Some(class.into()), ..Self::default() }
    }

    /// Answers with an error that is a text.
    #[must_use]
    pub fn error(self, code: u16, text: &str) -> Self {
        Self { error: Some(InBandError { code, body: text.into(), class: None }), ..self }
    }

    /// Hits this many frames instead of one.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// Hits every frame until it is cleared.
    #[must_use]
    pub fn always(self) -> Self {
        Self { count: None, ..self }
    }

    /// Lets this many frames through first.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    fn replaces(&self) -> bool {
        self.error.is_some() || !self.frames.is_empty() || self.close.is_some() || self.cut.is_some()
    }

    /// Whether it meets a frame of a client before that is processed.
    fn meets_client(&self) -> bool {
        self.class.is_none() && !self.process && self.replaces()
    }

    fn fits(&self, action: Option<&str>, text: &str) -> bool {
        self.action.as_deref().is_none_or(|wanted| Some(wanted) == action)
            && self.includes.as_deref().is_none_or(|part| text.contains(part))
    }
}

impl Scripted for FrameFault {
    fn count(&self) -> Option<u64> {
        self.count
    }

    fn skip(&self) -> u64 {
        self.skip
    }

    fn probability(&self) -> f64 {
        self.probability
    }

    /// RFC 6455 §7.4 has no close codes below 1000, and tells which are never sent.
    fn check(&self) -> Result<(), InvalidRule> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(InvalidRule::Probability);
        }
        let code = self.close.as_ref().and_then(|close| close.code);
        match code {
            Some(code) if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) => Err(InvalidRule::CloseCode(code)),
            _ => Ok(()),
        }
    }
}

impl InBandError {
    pub(super) fn envelope(&self, cause: Option<&Incoming>) -> Envelope {
        let usual = if self.body.is_string() { "string" } else { "ErrorMessage" };
        let class = self.class.clone().unwrap_or_else(|| usual.into());
        Envelope::refusal(Refusal { class, code: self.code, body: self.body.clone() }, cause)
    }
}

/// The faults of frames in force.
pub(crate) type FrameFaults = Faults<FrameFault>;

impl FrameFaults {
    /// The fault that a client's frame meets.
    pub(super) fn meet(&mut self, action: Option<&str>, text: &str) -> Option<Arc<FrameFault>> {
        self.pick(|fault| fault.meets_client() && fault.fits(action, text))
    }

    /// The fault that hits a frame of the sandbox; `action` is that of the frame which it comes from.
    pub(super) fn hit(&mut self, action: Option<&str>, class: &str, text: &str) -> Option<Arc<FrameFault>> {
        let is_class = |fault: &FrameFault| fault.class.as_deref().is_none_or(|wanted| wanted == class);
        self.pick(|fault| !fault.meets_client() && is_class(fault) && fault.fits(action, text))
    }
}
