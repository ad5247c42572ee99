//! The scripts, each with its digest.

use std::sync::LazyLock;

/// A script as the server gets it.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) text: String,
    pub(crate) digest: String,
}

impl Script {
    fn new(common: &str, own: &str) -> Self {
        let text = format!("{common}\n{own}");
        let digest = fred::util::sha1_hash(&text);
        Self { text, digest }
    }
}

macro_rules! scripts {
    ($($name:ident: $common:literal + $own:literal;)*) => {$(
        pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("scripts/", $common)), include_str!(concat!("scripts/", $own))));
    )*};
}

scripts! {
    READ: "value.lua" + "read.lua";
    ACQUIRE: "value.lua" + "acquire.lua";
    EXTEND: "value.lua" + "extend.lua";
    FILL: "value.lua" + "fill.lua";
    RELEASE: "value.lua" + "release.lua";
    CLAIM: "value.lua" + "claim.lua";
    DISCARD: "value.lua" + "discard.lua";
    SWEEP: "value.lua" + "sweep.lua";
    JOIN: "control.lua" + "join.lua";
    RENEW: "control.lua" + "renew.lua";
    ANNOUNCE: "control.lua" + "announce.lua";
    ACK: "control.lua" + "ack.lua";
    SETTLED: "control.lua" + "settled.lua";
    REPLAY: "control.lua" + "replay.lua";
    LEAVE: "control.lua" + "leave.lua";
}
