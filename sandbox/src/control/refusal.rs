//! Why a call of the control API is refused: a sentence for whoever wrote the test.

use http::{Method, StatusCode};

use crate::route::UnknownRoute;
use crate::rules::InvalidRule;
use crate::settings::InvalidSettings;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0} is not a method of this call")]
    Method(Method),
    #[error("the control API has no call {0:?}")]
    Call(String),
    #[error("there is no fault {0}")]
    Fault(u64),
    #[error("{name} cannot be {value:?}")]
    Parameter { name: String, value: String },
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Rule(#[from] InvalidRule),
    #[error(transparent)]
    Route(#[from] UnknownRoute),
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    #[error("latency must be an object")]
    LatencyObject,
    #[error("the latency of {0} must be milliseconds")]
    Latency(String),
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Call(_) | Self::Fault(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
