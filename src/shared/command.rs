//! A command as it is sent: plain, or a script by its hash.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Cmd;

use crate::sessions::step::whole_millis;

/// A Lua script. Servers know it by its hash once one of them has seen it.
pub(super) struct Script {
    code: &'static str,
    hash: LazyLock<String>,
}

impl Script {
    pub(super) const fn new(code: &'static str, hash: fn() -> String) -> Self {
        Self { code, hash: LazyLock::new(hash) }
    }

    pub(super) fn hash_of(code: &str) -> String {
        redis::Script::new(code).get_hash().to_owned()
    }
}

/// Defines a script.
macro_rules! script {
    ($(#[$meta:meta])* $visibility:vis $name:ident, $code:expr) => {
        $(#[$meta])*
        $visibility static $name: $crate::shared::command::Script =
            $crate::shared::command::Script::new($code, || $crate::shared::command::Script::hash_of($code));
    };
}
pub(super) use script;

/// One command of one key slot; the first key says where it goes in a cluster.
pub(super) struct Command {
    script: Option<&'static Script>,
    verb: &'static str,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

impl Command {
    pub(super) fn new(verb: &'static str) -> Self {
        Self { script: None, verb, keys: Vec::new(), arguments: Vec::new() }
    }

    pub(super) fn script(script: &'static Script) -> Self {
        Self { script: Some(script), ..Self::new("EVALSHA") }
    }

    pub(super) fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    pub(super) fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.arguments.push(argument.as_ref().to_vec());
        self
    }

    /// A span of time in milliseconds, rounded up: nothing ends before its time. The shortest that Redis takes is one.
    pub(super) fn millis(self, span: Duration) -> Self {
        self.arg(whole_millis(span).clamp(1, i64::MAX as u128).to_string())
    }

    pub(super) fn is_script(&self) -> bool {
        self.script.is_some()
    }

    /// The script by its hash, or, where the server does not know it, by its code.
    pub(super) fn to_cmd(&self, in_full: bool) -> Cmd {
        let mut cmd = redis::cmd(if in_full && self.is_script() { "EVAL" } else { self.verb });
        if let Some(script) = self.script {
            cmd.arg(if in_full { script.code } else { script.hash.as_str() }).arg(self.keys.len());
        }
        cmd.arg(&self.keys);
        for argument in &self.arguments {
            cmd.arg(argument.as_slice());
        }
        cmd
    }
}
