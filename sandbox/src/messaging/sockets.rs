//! The open sockets.

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use super::limits::Window;
use super::outgoing::Outgoing;

/// One connection of a client.
pub(super) struct Socket {
    pub(super) opening: Opening,
    /// The session that is configured on it.
    pub(super) token: Option<String>,
    pub(super) outgoing: UnboundedSender<Outgoing>,
    pub(super) requests: Window,
    pub(super) echoes: Window,
    /// Whether the session's expiry has been told.
    pub(super) told_expiry: bool,
}

/// What a handshake said.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(super) deployment: Uuid,
    pub(super) application: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) connection: u64,
}

/// An open socket, as [`crate::Sandbox::sockets`] shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SocketInfo {
    /// Its number, from 1.
    pub socket: u64,
    /// The number of the connection below it.
    pub connection: u64,
    /// The deployment of its handshake.
    pub deployment_id: Uuid,
    /// `application` of its handshake.
    pub application: Option<String>,
    /// `Origin` of its handshake.
    pub origin: Option<String>,
    /// The token of the session that is configured on it.
    pub token: Option<String>,
}

impl Socket {
    pub(super) fn new(opening: Opening, outgoing: UnboundedSender<Outgoing>) -> Self {
        let (requests, echoes) = (Window::default(), Window::default());
        Self { opening, token: None, outgoing, requests, echoes, told_expiry: false }
    }

    pub(super) fn info(&self, number: u64) -> SocketInfo {
        SocketInfo {
            socket: number,
            connection: self.opening.connection,
            deployment_id: self.opening.deployment,
            application: self.opening.application.clone(),
            origin: self.opening.origin.clone(),
            token: self.token.clone(),
        }
    }
}
