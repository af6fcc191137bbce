//! Genesys Cloud, a CRM and an analytics webhook on loopback, for tests, measurements and demonstrations.
//!
//! One listener plays them all, faithfully enough that a client cannot tell: tokens expire, refresh tokens are used up,
//! a second guest for the same person conflicts. A test can script what it should see ([`Fault`], [`Limit`], latency)
//! and ask afterwards what was sent ([`Sandbox::log`], [`Sandbox::counts`], [`Sandbox::guests`]).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use sandbox::{Fault, Options, Route, Sandbox};
//!
//! let sandbox = Sandbox::start(Options::default()).await?;
//! sandbox.fault(Fault::on(Route::Create).status(503).header("Retry-After", "1"));
//! // … point a client at `sandbox.url()` …
//! assert_eq!(sandbox.counts().route(Route::Create).total, 0);
//! # Ok(()) }
//! ```
//!
//! The same is there over HTTP under `/__control`, for tests in other languages; `src/control/` lists the calls.
//!
//! | room | what it holds |
//! | --- | --- |
//! | `handle` | [`Sandbox`]: start, ask, script, stop |
//! | `server/` | sockets, TLS, one exchange from its first byte to its last |
//! | `genesys/` | login, guests, channels: what Genesys Cloud answers |
//! | `messaging/` | web messaging: sockets, sessions, sign-in, external contacts |
//! | `crm`, `webhook` | the two neighbours |
//! | `rules/` | what a test may script: faults, rate limits, latency |
//! | `record/` | what was seen: the log, the counters |
//! | `control/` | all of this over HTTP |

#![forbid(unsafe_code)]

mod answer;
mod clock;
mod control;
mod crm;
mod genesys;
mod handle;
mod messaging;
mod options;
mod record;
mod request;
mod route;
mod rules;
mod server;
mod settings;
mod state;
mod webhook;

pub use genesys::{GuestInfo, TokenInfo};
pub use handle::Sandbox;
pub use messaging::{
    AttributeCount, Claim, ClosedMember, Closing, CodeGrant, Cut, Deployment, Disconnect, FrameEntry, FrameFault,
    FrameKind, HandshakeStatuses, IdTokenGrant, InBand, InBandError, MessagingLimits, MessagingSettings, RateShape,
    RawFrame, RawOpcode, RestRefusal, Sender, SessionInfo, SignIn, SocketInfo,
};
pub use options::Options;
pub use record::{Connections, Counts, Headers, LogEntry, RouteCounts};
pub use route::{Route, UnknownRoute};
pub use rules::{Fault, FaultInfo, Hangup, Limit, Matcher, RetryAfter, TokenLimit};
pub use settings::{Reported, Settings};
pub use webhook::WebhookEvent;
