//! The sandbox from outside: real sockets, one module for each of its sides.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod control;
mod faults;
mod genesys;
mod limits;
mod login;
mod messaging;
mod neighbours;
mod program;
mod refusals;
mod support;
mod tls;
