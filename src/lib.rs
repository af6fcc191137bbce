//! Authenticates Genesys Cloud web-messaging guests. The Rust core of the npm package `genesys-guest-auth`.
//!
//! | floor | rooms |
//! | --- | --- |
//! | the boundary to Node.js | `addon` |
//! | the tutorial's other classes | [`components`] |
//! | the story of one call | [`authenticator`], [`enrich`], [`lifecycle`], [`metrics`] |
//! | what a caller may set | [`config`] |
//! | what processes share | [`shared`] |
//! | the domain | [`environment`], [`validation`], [`oauth`], [`bearer`], [`guest_api`], [`guest`], [`guest_options`], [`rotation`], [`preflight`], [`signature`], [`sessions`], [`crm`], [`analytics`], [`audit`], [`template`] |
//! | the network | [`net`] |
//! | the ground | [`error`], [`hint`], [`secret`], [`single_flight`], [`json`], [`text`], [`sync`], [`caller`], [`notice`] |
//!
//! A Rust program uses [`Authenticator`] with a [`Config`]; everything runs on the caller's Tokio runtime.

#![cfg_attr(not(feature = "addon"), forbid(unsafe_code))]
#![expect(rustdoc::private_intra_doc_links, reason = "the map above is for readers of the source")]

pub mod analytics;
pub mod audit;
pub mod authenticator;
pub mod bearer;
#[doc(hidden)]
pub mod benching;
mod caller;
pub mod components;
pub mod config;
mod crm;
mod email;
mod enrich;
pub mod environment;
pub mod error;
pub mod guest;
pub mod guest_api;
pub mod guest_options;
mod hint;
mod json;
mod lifecycle;
pub mod metrics;
pub mod net;
pub mod notice;
pub mod oauth;
mod preflight;
mod rotation;
pub mod secret;
pub mod sessions;
pub mod shared;
pub mod signature;
mod single_flight;
mod sync;
mod template;
pub mod text;
pub mod validation;

#[cfg(feature = "addon")]
mod addon;

pub use authenticator::Authenticator;
pub use config::Config;
pub use error::{Code, Error};
