#![doc = include_str!("../README.md")]

mod http;
pub mod import;
mod mapping;
mod quirks;
mod registry;
mod rows;
pub mod seed;
mod source;
mod spec;
mod state;
mod token;

pub use self::{
    http::{
        body::{Body, BodyError},
        client::{Client, ClientConfig, InvalidClient, SendError},
        egress::EgressPolicy,
        fetch::{Fetched, Fetcher, Retries},
        intake::ListSink,
        refusal::{Refusal, RefusalKind},
        settings::{Secret, Settings},
    },
    mapping::{
        Condition, DeveloperField, InputKind, InvalidText, KindWord, ListReader, Mapping, OfferRules, Path, PriceField,
        PriceRules, TierRules, TimeField, Zero,
    },
    quirks::Quirk,
    registry::{Adapter, InvalidRegistry, Registry},
    rows::{Cut, Envelope, RowLimits, RowReader},
    source::HttpLists,
    spec::{Auth, ListSpec, Paging},
    state::{
        BreakerPolicy, BreakerState, BreakerView, Breakers, ModelzError, ModelzStatus, ModelzTokens, Permit,
        ProviderState, ProviderStates,
    },
    token::Tokens,
};
