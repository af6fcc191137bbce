//! A request that is ready to be sent, and the answer that was read to its end.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use reqwest::Request;
use url::Url;

use crate::json::Members;

/// The largest answer that is read. A guest answer has about 1 KiB; more than this is a mistake or an attack.
pub(crate) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The longest URL that is sent: what all servers should take (RFC 9110 §4.1). Longer ones come of hostile payloads.
pub(crate) const LONGEST_URL: usize = 8000;

/// Header lines of one HTTP/1.1 answer. hyper's own bound is 100, which long policies and cookies can exceed.
pub(super) const MOST_HEADERS: usize = 256;

/// The most that is read of a body that is not UTF-8.
const MOST_UNREADABLE_BYTES: usize = 64 * 1024;

/// A request, made anew for each attempt.
pub(crate) struct Exchange(Request);

impl Exchange {
    pub(crate) fn new(method: Method, mut url: Url) -> Self {
        // A CRM or a webhook may want them (RFC 7617); a URL on the wire has none (RFC 9110 §4.2.4).
        let credentials = basic_credentials(&url);
        if credentials.is_some() {
            let _ = url.set_username("").and_then(|()| url.set_password(None));
        }
        let mut request = Request::new(method, url);
        if let Some(credentials) = credentials {
            request.headers_mut().insert(header::AUTHORIZATION, credentials);
        }
        Self(request)
    }

    /// Adds a JSON body.
    pub(crate) fn json(self, body: impl Into<Bytes>) -> Self {
        self.body("application/json", body)
    }

    /// Adds a body of another media type.
    pub(crate) fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.0.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        *self.0.body_mut() = Some(body.into().into());
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }

    pub(super) fn url(&self) -> &Url {
        self.0.url()
    }

    pub(super) fn into_request(self) -> Request {
        self.0
    }
}

/// User and password of a URL as HTTP Basic authentication (RFC 7617).
pub(super) fn basic_credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default()))
}

/// The header of HTTP Basic authentication.
pub(crate) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let pair = format!("{user}:{password}");
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What came back, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The server's `ININ-Correlation-Id`.
    pub(crate) fn correlation_id(&self) -> Option<String> {
        self.headers.get("inin-correlation-id")?.to_str().ok().map(str::to_owned)
    }

    /// `code` of a body that is an error of the API's.
    pub(crate) fn error_code(&self) -> Option<String> {
        let text = self.text();
        Members::parse(&text)?.string("code").map(std::borrow::Cow::into_owned)
    }

    /// The body as text: what is not UTF-8 becomes U+FFFD and a byte order mark is dropped, as axios reads it. Of a body
    /// with something else in it than UTF-8, the first 64 KiB.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        let bytes = self.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.body);
        match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            // Each replacement takes time: 1 MiB of them took 7 ms.
            Err(_) => String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_UNREADABLE_BYTES)]),
        }
    }
}

/// The time of the answer that has these headers, by the server's clock where it tells it, in seconds since 1970.
pub(crate) fn server_time(headers: &HeaderMap) -> f64 {
    let date = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    date.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// `host:port` for messages: never the path, which may hold an e-mail address, nor credentials.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: impl Into<Bytes>) -> String {
        Answer { status: 500, headers: HeaderMap::new(), body: body.into() }.text().into_owned()
    }

    #[test]
    fn a_body_that_is_not_utf_8_costs_no_more_than_its_beginning() {
        assert_eq!(text("\u{feff}é"), "é");
        assert_eq!(text(&b"a\xffb"[..]), "a\u{fffd}b");
        assert_eq!(text("é".repeat(MAX_ANSWER_BYTES / 2)).len(), MAX_ANSWER_BYTES);
        assert_eq!(text(vec![0xff; MAX_ANSWER_BYTES]).chars().count(), MOST_UNREADABLE_BYTES);
    }
}
