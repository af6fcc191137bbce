//! Genesys Cloud web messaging: the real guest API. A client configures a session on a socket, talks, and trades a
//! sign-in for a guest's JWT over three REST calls.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `deployments` | deployments, `config.json`, `domains.json`, origins |
//! | `handshake`, `sockets`, `socket`, `send`, `outgoing` | the upgrade, what a socket is, its task, what is sent, what waits |
//! | `frames`, `turn`, `configure`, `conversation` | a frame, who may send it, and what it does |
//! | `sessions`, `grants`, `credentials`, `opaque`, `limits` | what is known, and for how long |
//! | `sign_in`, `history`, `contacts` | the REST calls |
//! | `settings`, `faults`, `record`, `handle` | what a test sets, scripts and sees |

mod configure;
mod contacts;
mod conversation;
mod credentials;
mod deployments;
mod faults;
mod frames;
mod grants;
mod handle;
mod handshake;
mod history;
mod limits;
mod opaque;
mod outgoing;
mod record;
mod send;
mod sessions;
mod settings;
mod sign_in;
mod socket;
mod sockets;
mod turn;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use uuid::Uuid;

use self::contacts::Contacts;
use self::deployments::Deployments;
use self::limits::Window;
use self::record::FrameLog;
use self::sessions::Sessions;
use self::sockets::Socket;
use crate::answer::Answer;
use crate::options::Options;
use crate::request::Request;
use crate::route::Route;

pub(crate) use self::credentials::Credentials;
pub use self::deployments::{Deployment, Disconnect};
pub(crate) use self::faults::FrameFaults;
pub use self::faults::{Closing, Cut, FrameFault, InBandError, RawFrame, RawOpcode};
pub(crate) use self::grants::Grants;
pub use self::grants::{CodeGrant, IdTokenGrant, SignIn};
pub use self::limits::MessagingLimits;
pub(crate) use self::outgoing::Outgoing;
pub use self::record::{FrameEntry, FrameKind, Sender};
pub use self::sessions::SessionInfo;
pub use self::settings::{
    AttributeCount, Claim, ClosedMember, HandshakeStatuses, InBand, MessagingSettings, RateShape, RestRefusal,
};
pub(crate) use self::socket::start;
pub(crate) use self::sockets::Opening;
pub use self::sockets::SocketInfo;

/// What web messaging knows.
pub(crate) struct Messaging {
    pub(crate) deployments: Deployments,
    pub(crate) grants: Grants,
    pub(crate) credentials: Credentials,
    pub(crate) contacts: Contacts,
    pub(crate) faults: FrameFaults,
    pub(crate) frames: FrameLog,
    sessions: Sessions,
    sockets: BTreeMap<u64, Socket>,
    last_socket: u64,
    /// Handshakes of each deployment.
    handshakes: HashMap<Uuid, Window>,
    started: Instant,
}

impl Messaging {
    pub(crate) fn new(options: &Options, started: Instant) -> Self {
        Self {
            deployments: Deployments::new(&options.deployments),
            grants: Grants::default(),
            credentials: Credentials::default(),
            contacts: Contacts::default(),
            faults: FrameFaults::new(options.seed),
            frames: FrameLog::new(options.log, options.log_capacity),
            sessions: Sessions::default(),
            sockets: BTreeMap::new(),
            last_socket: 0,
            handshakes: HashMap::new(),
            started,
        }
    }

    /// As at the start. Sockets that are still ending keep their numbers to themselves.
    pub(crate) fn reset(&self, options: &Options) -> Self {
        Self { last_socket: self.last_socket, ..Self::new(options, self.started) }
    }

    /// Answers a request whose method has been checked.
    pub(crate) fn answer(&mut self, settings: &MessagingSettings, origin: &str, request: &Request) -> Option<Answer> {
        Some(match request.route {
            Route::Socket => self.handshake(settings, request),
            Route::Deployment | Route::Domains => self.deployments.file(settings, origin, request),
            Route::Exchange => self.exchange(settings, request),
            Route::JwtRefresh => self.refresh(settings, request),
            Route::Revoke => self.revoke(settings, request),
            Route::Messages => self.history(settings, request),
            Route::ContactLookup | Route::Contact => self.contacts.answer(request),
            _ => return None,
        })
    }
}
