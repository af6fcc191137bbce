//! Redis or Valkey, as far as several processes share something: one connection, commands with a limit, sealed values.
//!
//! - [`settings`]: where the servers are
//! - [`link`]: one connection to them
//! - [`connection`]: makes it, keeps it, makes it again
//! - [`command`]: what is sent
//! - [`fault`]: what a failed command means
//! - [`seal`]: key names and values that nobody else can read
//! - [`vault`]: sealed values, and locks on them
//!
//! Types of the crate `redis` stay in here.

mod command;
mod connection;
mod fault;
mod link;
mod seal;
pub mod settings;
mod vault;

pub(crate) use command::{Command, Script, script};
pub(crate) use connection::{Failed, Redis};
pub(crate) use seal::KeyMaterial;
pub use settings::Settings;
pub(crate) use vault::{HELD_FOR, RENEW_EVERY, STEP_LIMIT, Stored, Vault, contend, random, step};
