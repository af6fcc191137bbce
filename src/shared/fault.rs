//! What a failed command means for the connection, and the error it becomes.

use std::time::Duration;

use redis::{ErrorKind, RedisError};

use crate::error::{Code, Error};

/// What to do about a failed command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The server does not know the script.
    SendScript,
    /// Another connection at once: this one is broken.
    Reconnect,
    /// Another connection after a pause: this one's server is starting, not the primary any more, or has too many clients.
    ReconnectLater,
    /// Another connection after a pause, but not for this command: nothing here helps until somebody corrects the
    /// credentials.
    LogInLater,
    /// Again on the same connection after a pause: this command came at the wrong moment.
    Repeat,
    /// The same, but the server refuses others too.
    Wait,
    /// No answer in time.
    TimedOut,
    /// Nothing here helps: no permission, a full server.
    Fail,
}

fn remedy(error: &RedisError) -> Remedy {
    match error.code() {
        Some("NOSCRIPT") => Remedy::SendScript,
        Some("READONLY" | "MASTERDOWN" | "LOADING") => Remedy::ReconnectLater,
        Some("NOAUTH" | "WRONGPASS") => Remedy::LogInLater,
        _ if error.kind() == ErrorKind::AuthenticationFailed => Remedy::LogInLater,
        // It has no code of its own.
        Some("ERR") if error.detail().is_some_and(|detail| detail.contains("max number of clients")) => {
            Remedy::ReconnectLater
        }
        Some("TRYAGAIN" | "MOVED" | "ASK") => Remedy::Repeat,
        Some("CLUSTERDOWN" | "NOREPLICAS") => Remedy::Wait,
        Some(_) => Remedy::Fail,
        None if error.is_timeout() => Remedy::TimedOut,
        None => Remedy::Reconnect,
    }
}

/// Why a command or an attempt to connect failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum StoreFault {
    /// What servers and the client say holds no credentials.
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("no answer within {} ms", .0.as_millis())]
    NoAnswer(Duration),
    #[error("the server's answer makes no sense")]
    BadAnswer,
    #[error("no connection within {} ms", .0.as_millis())]
    NoConnection(Duration),
    /// The first attempt still runs.
    #[error("no connection yet")]
    NoConnectionYet,
}

impl StoreFault {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Redis(error) => remedy(error),
            _ => Remedy::TimedOut,
        }
    }

    /// `StoreUnavailableError`, naming the servers.
    pub(super) fn at(&self, label: &str) -> Error {
        Error::new(Code::StoreUnavailable, format!("The session store at {label} is unavailable: {self}"))
            .with_cause(self.to_string())
            .with_retryable(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_error(line: &str) -> RedisError {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        reply.extract_error().unwrap_err()
    }

    #[test]
    fn every_kind_of_refusal_has_its_remedy() {
        let table = [
            ("NOSCRIPT No matching script", Remedy::SendScript),
            ("READONLY You can't write against a read only replica.", Remedy::ReconnectLater),
            ("LOADING Redis is loading the dataset in memory", Remedy::ReconnectLater),
            ("MASTERDOWN Link with MASTER is down", Remedy::ReconnectLater),
            ("ERR max number of clients reached", Remedy::ReconnectLater),
            ("ERR unknown command", Remedy::Fail),
            ("NOAUTH Authentication required.", Remedy::LogInLater),
            ("WRONGPASS invalid username-password pair or user is disabled.", Remedy::LogInLater),
            ("CLUSTERDOWN The cluster is down", Remedy::Wait),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Remedy::Repeat),
            ("NOREPLICAS Not enough good replicas to write.", Remedy::Wait),
            ("OOM command not allowed when used memory > 'maxmemory'.", Remedy::Fail),
            ("NOPERM this user has no permissions", Remedy::Fail),
            ("WRONGTYPE Operation against a key", Remedy::Fail),
        ];
        for (line, wanted) in table {
            assert_eq!(remedy(&server_error(line)), wanted, "{line}");
        }
    }

    #[test]
    fn a_broken_connection_is_made_again() {
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(remedy(&RedisError::from(broken)), Remedy::Reconnect);
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert_eq!(remedy(&RedisError::from(late)), Remedy::TimedOut);
    }
}
