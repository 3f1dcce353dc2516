//! The scripts that run inside Redis: their texts, and what each one is given.

use std::sync::LazyLock;

use redis::Script;

/// The version of the layout that this release reads and writes.
pub(super) const SCHEMA: u32 = 1;

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)*) => {
        $(
            pub(super) static $name: LazyLock<Code> = LazyLock::new(|| {
                Code::new(concat!(include_str!("prelude.lua"), $("\n", include_str!($file)),+))
            });
        )*
    };
}

scripts! {
    APPEND = "store.lua" "append.lua";
    ATTEST = "attest.lua";
    CLAIM_SESSION = "session.lua" "claim_session.lua";
    CREATE_ROOM = "create_room.lua";
    FORGET_SESSIONS = "session.lua" "forget_sessions.lua";
    HEARTBEAT = "heartbeat.lua";
    KEEP_SESSIONS = "session.lua" "keep_sessions.lua";
    OPEN = "open.lua";
    READ_PARTITION = "read_partition.lua";
    READ_ROOM = "read_room.lua";
    RENEW = "renew.lua";
    RENEW_SESSIONS = "session.lua" "renew_sessions.lua";
    RESIGN = "resign.lua";
    ROOMS = "rooms.lua";
    SETTLE = "store.lua" "settle.lua";
    SWEEP = "sweep.lua";
    SWEEP_LOG = "sweep_log.lua";
}

/// A script's text, and the name that Redis knows it by.
pub(super) struct Code {
    pub(super) text: &'static str,
    pub(super) hash: String,
}

impl Code {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }

    /// The call that names the script by its hash.
    pub(super) fn call<K: redis::ToRedisArgs>(&self, keys: &[K]) -> redis::Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.hash).arg(keys.len()).arg(keys);
        call
    }

    pub(super) fn load(&self) -> redis::Cmd {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(self.text);
        load
    }
}
