//! What an instance tells its owner, beside the results of calls; [`throttled`]: at most once a minute.

pub(crate) mod throttled;

use std::sync::Arc;

/// What the owner of an instance is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Nothing waits in memory any more.
    Idle,
    /// An event was given up; the text says which and why.
    Undelivered(String),
    /// Events were put among the dead letters.
    DeadLetter(String),
    /// The file was damaged and has another name now.
    SetAside(String),
    /// The file cannot be written.
    Unwritable(String),
    /// The shared session store is away, or back.
    Store(String),
    /// The CRM gave no usable answer.
    Crm(String),
}

/// Tells the owner of an instance.
pub(crate) type OnNotice = Arc<dyn Fn(Notice) + Send + Sync>;
