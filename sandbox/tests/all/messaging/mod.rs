//! Web messaging, as a client sees it.

mod authenticated;
mod contacts;
mod conversation;
mod guest;
mod handshake;
mod scripted;
mod session;
mod settings;
