//! The package's other classes, each for itself.
//!
//! - [`oauth_manager`]: access tokens
//! - [`token_manager`]: guests and their tokens
//! - [`context_enricher`]: profile lookup, attributes, reports
//! - [`session_guard`]: sessions in memory that do not expire
//! - [`web_messaging_tokens`]: what guests' sign-ins are worth
//!
//! A call begins when its method is called, whenever its future is polled: one made before `close` is not refused.

mod context_enricher;
mod oauth_manager;
mod session_guard;
mod token_manager;
mod web_messaging_tokens;

pub use context_enricher::ContextEnricher;
pub use oauth_manager::OAuthManager;
pub use session_guard::SessionGuard;
pub use token_manager::TokenManager;
pub use web_messaging_tokens::WebMessagingTokens;
