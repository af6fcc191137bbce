//! One request, read completely.

use std::borrow::Cow;
use std::time::Instant;

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{Method, Uri};
use uuid::Uuid;

use crate::route::Route;

/// One request, read completely, and what the sandbox knows about it.
pub(crate) struct Request {
    pub(crate) route: Route,
    /// The variable part of the path, decoded.
    pub(crate) part: String,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: bytes::Bytes,
    /// `ININ-Correlation-Id` of the answer, and `contextId` of an error.
    pub(crate) correlation: Uuid,
    pub(crate) connection: u64,
    pub(crate) arrived: Instant,
}

impl Request {
    /// The text of a header; nothing when it is absent or not text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of `Authorization: Bearer`; the scheme in any case (RFC 9110 §11.1).
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    }

    /// Whether the content type is this one, whatever its parameters.
    pub(crate) fn has_type(&self, wanted: &str) -> bool {
        self.header(&CONTENT_TYPE)
            .and_then(|value| value.split(';').next())
            .is_some_and(|found| found.trim().eq_ignore_ascii_case(wanted))
    }

    /// The value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        form(self.uri.query()?).find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

/// The pairs of an `application/x-www-form-urlencoded` text.
pub(crate) fn form(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(name), unescape(value))
    })
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_forms() {
        let pairs: Vec<_> = form("a=1&b=x%2By+z&c&=d&&e=%C3%A9").collect();
        let expected = [("a", "1"), ("b", "x+y z"), ("c", ""), ("", "d"), ("e", "é")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.into(), value.into())));
    }
}
