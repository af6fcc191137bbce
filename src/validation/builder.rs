//! A guest request that a Rust program makes.

use serde_json::value::to_raw_value;
use serde_json::{Map, Value};

use super::{Candidate, Field, Given, GuestRequest, validate};
use crate::error::{Code, Error};
use crate::guest_options::{GuestOptions, SignIn};
use crate::secret::Secret;
use crate::text::Text;

/// Makes a [`GuestRequest`], judged as the payload of a JavaScript caller is.
#[derive(Clone)]
pub struct GuestRequestBuilder {
    email: Text,
    channel_id: Text,
    consent: Option<bool>,
    name: Option<Text>,
    attributes: Option<Map<String, Value>>,
    options: GuestOptions,
}

impl GuestRequest {
    /// Begins a request for a guest with this address on this channel.
    ///
    /// ```
    /// use genesys_guest_auth::validation::GuestRequest;
    /// use serde_json::json;
    ///
    /// let builder = GuestRequest::builder("ada@example.com", "web-1").consent(true).name("Ada");
    /// let request = builder.attribute("cart", json!({ "items": 2 })).build()?;
    /// assert_eq!(request.attributes.unwrap().get(), r#"{"cart":{"items":2}}"#);
    ///
    /// let refused = GuestRequest::builder("ada", "web-1").build().unwrap_err();
    /// assert_eq!(refused.code(), genesys_guest_auth::Code::ValidationFailed);
    /// # Ok::<(), genesys_guest_auth::Error>(())
    /// ```
    #[must_use]
    pub fn builder(email: &str, channel_id: &str) -> GuestRequestBuilder {
        GuestRequestBuilder {
            email: email.into(),
            channel_id: channel_id.into(),
            consent: None,
            name: None,
            attributes: None,
            options: GuestOptions::default(),
        }
    }
}

impl GuestRequestBuilder {
    /// Whether the guest has consented; without consent there is no request.
    #[must_use]
    pub fn consent(mut self, consent: bool) -> Self {
        self.consent = Some(consent);
        self
    }

    /// The name that agents see, of at most 100 code points.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// One of the attributes; they are sent in the order in which they came.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.attributes.get_or_insert_default().insert(key.to_owned(), value.into());
        self
    }

    /// How the guest has signed in. Needs web messaging.
    #[must_use]
    pub fn sign_in(mut self, sign_in: SignIn) -> Self {
        self.options.sign_in = Some(sign_in);
        self
    }

    /// The guest's token of an earlier call. Needs web messaging.
    #[must_use]
    pub fn token(mut self, token: Secret) -> Self {
        self.options.token = Some(token);
        self
    }

    /// The request, or an error with [`Code::ValidationFailed`] and all issues, as zod writes them.
    pub fn build(self) -> Result<GuestRequest, Error> {
        let Self { email, channel_id, consent, name, attributes, options } = self;
        let field = |given| Field { present: !matches!(given, Given::Undefined), given };
        let mut request = validate(Candidate {
            email: field(Given::Text(email)),
            consent: field(consent.map_or(Given::Undefined, Given::Boolean)),
            channel_id: field(Given::Text(channel_id)),
            name: field(name.map_or(Given::Undefined, Given::Text)),
            attributes: field(attributes.as_ref().map_or(Given::Undefined, |_| Given::Record { symbols: 0 })),
        })
        .map_err(|refusal| refusal.to_error())?;
        let attributes = attributes.map(|attributes| to_raw_value(&attributes)).transpose();
        request.attributes =
            attributes.map_err(|_| Error::new(Code::ValidationFailed, "attributes cannot be written as JSON"))?;
        request.options = options;
        Ok(request)
    }
}

/// Shows nothing: all of it is personal.
impl std::fmt::Debug for GuestRequestBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestRequestBuilder").finish_non_exhaustive()
    }
}
