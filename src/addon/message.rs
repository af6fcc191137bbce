//! What JavaScript is told, and how it crosses: everything that has gathered, as the text of one flat JSON array.

use std::fmt::Write as _;

use napi::bindgen_prelude::ToNapiValue;
use napi::sys;
use napi_derive::napi;

use crate::json::quote;

/// The kinds of messages, as they stand in a batch.
#[napi]
pub enum MessageKind {
    /// A call succeeded; its number and its result.
    Resolve,
    /// A call failed; its number and a `Failure`.
    Reject,
    /// Something to warn of; `{ code, message }`.
    Warning,
    /// An outbox has nothing left to deliver.
    Idle,
    /// A function that provides access tokens is called; the number of the request and `[owner, call]`. `owner` has the
    /// function, `call` needs it; `null` where that is not known.
    TokenWanted,
    /// A function of a session store is called; the number of the request and
    /// `[owner, call, name, key, holder?, ttlMs?]`.
    StoreCalled,
}

/// One message.
pub(super) enum Message {
    Resolve { call: u32, json: String },
    Reject { call: u32, json: String },
    Warning { code: &'static str, message: String },
    Idle,
    TokenWanted { request: u32, owner: u32, caller: Option<u32> },
    StoreCalled { request: u32, arguments: String },
}

/// All that has gathered: `[kind, number, value, …]`. One string costs less than an element for each value, and one
/// `JSON.parse` less than many.
pub struct MessageBatch(pub(super) Vec<Message>);

impl Message {
    fn write_to(&self, all: &mut String) {
        let kind = self.kind() as i32;
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Resolve { call, json } | Self::Reject { call, json } => write!(all, "{kind},{call},{json}"),
            Self::Warning { code, message } => {
                write!(all, "{kind},0,{{\"code\":\"{code}\",\"message\":{}}}", quote(message))
            }
            Self::Idle => write!(all, "{kind},0,0"),
            Self::TokenWanted { request, owner, caller } => {
                write!(all, "{kind},{request},[{owner},{}]", number_or_null(*caller))
            }
            Self::StoreCalled { request, arguments } => write!(all, "{kind},{request},{arguments}"),
        };
    }

    fn kind(&self) -> MessageKind {
        match self {
            Self::Resolve { .. } => MessageKind::Resolve,
            Self::Reject { .. } => MessageKind::Reject,
            Self::Warning { .. } => MessageKind::Warning,
            Self::Idle => MessageKind::Idle,
            Self::TokenWanted { .. } => MessageKind::TokenWanted,
            Self::StoreCalled { .. } => MessageKind::StoreCalled,
        }
    }

    /// About how many bytes it takes.
    fn size(&self) -> usize {
        /// Kind, numbers and the names in a warning.
        const REST: usize = 64;
        REST + match self {
            Self::Resolve { json, .. } | Self::Reject { json, .. } => json.len(),
            Self::Warning { message, .. } => message.len(),
            Self::StoreCalled { arguments, .. } => arguments.len(),
            Self::Idle | Self::TokenWanted { .. } => 0,
        }
    }
}

/// A number as JSON.
pub(super) fn number_or_null(number: Option<u32>) -> String {
    number.map_or_else(|| "null".to_owned(), |number| number.to_string())
}

impl MessageBatch {
    fn to_json(&self) -> String {
        let mut all = String::with_capacity(self.0.iter().map(Message::size).sum::<usize>() + 2);
        for message in &self.0 {
            all.push(if all.is_empty() { '[' } else { ',' });
            message.write_to(&mut all);
        }
        all.push_str(if all.is_empty() { "[]" } else { "]" });
        all
    }
}

impl ToNapiValue for MessageBatch {
    unsafe fn to_napi_value(env: sys::napi_env, batch: Self) -> napi::Result<sys::napi_value> {
        let json = batch.to_json();
        // ASCII, which most answers are, is copied without being decoded.
        let create = if json.is_ascii() { sys::napi_create_string_latin1 } else { sys::napi_create_string_utf8 };
        let mut value = std::ptr::null_mut();
        // SAFETY: `env` is the environment whose thread this runs on; pointer and length describe `json`, which is copied.
        napi::check_status!(unsafe { create(env, json.as_ptr().cast(), json.len().cast_signed(), &raw mut value) })?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_one_flat_array() {
        let batch = MessageBatch(vec![
            Message::Resolve { call: 7, json: "{}".into() },
            Message::Warning { code: "A", message: "say \"b\"".into() },
            Message::Idle,
        ]);
        assert_eq!(batch.to_json(), r#"[0,7,{},2,0,{"code":"A","message":"say \"b\""},3,0,0]"#);
        assert_eq!(MessageBatch(Vec::new()).to_json(), "[]");
    }
}
