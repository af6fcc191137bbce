//! The core against a sandbox in the same process, with real sockets and the real clock.

mod authenticate;
mod components;
mod faults;
mod life;
mod rate_limit;
mod shared;
mod stage;
mod web_messaging;
