//! FrameDB's own capabilities with a tape.

use super::{Taped, TapedState, concurrent, step::Step};
use crate::plugin::{
    caps::bindings::framedb::{
        clusters::clusters, objects::objects, routing::routing, streams::streams,
    },
    state::State,
};
use wasmtime::component::HasSelf;

impl objects::Host for TapedState<'_> {}

impl objects::HostWithStore<State> for Taped {
    concurrent! { objects::HostWithStore<State>, "framedb:objects/objects@0.1.0";
        answer fn get(key: String) -> Result<Option<objects::Object>, objects::Error>;
        answer fn put(
            key: String, data: Vec<u8>, options: objects::Options
        ) -> Result<(), objects::Error>;
        answer fn delete(key: String) -> Result<bool, objects::Error>;
        answer fn list(
            prefix: String, after: Option<String>, limit: u32
        ) -> Result<objects::Page, objects::Error>;
    }
}

impl streams::Host for TapedState<'_> {}

impl streams::HostWithStore<State> for Taped {
    concurrent! { streams::HostWithStore<State>, "framedb:streams/streams@0.1.0";
        answer fn push(
            queue: String, id: String, data: Vec<u8>, framedb_id: Option<String>
        ) -> Result<(), streams::Error>;
        answer fn lease(
            queue: String, period: u64
        ) -> Result<Option<streams::Leased>, streams::Error>;
        answer fn ack(queue: String, token: String) -> Result<bool, streams::Error>;
        answer fn nack(queue: String, token: String) -> Result<bool, streams::Error>;
        answer fn extend(
            queue: String, token: String, period: u64
        ) -> Result<bool, streams::Error>;
        answer fn length(queue: String) -> Result<u64, streams::Error>;
    }
}

impl routing::Host for TapedState<'_> {}

impl routing::HostWithStore<State> for Taped {
    concurrent! { routing::HostWithStore<State>, "framedb:routing/routing@0.1.0";
        answer fn lookup(key: String) -> Result<Option<routing::Route>, routing::Error>;
        answer fn sources(source: String) -> Result<Vec<routing::Target>, routing::Error>;
    }
}

impl clusters::Host for TapedState<'_> {}

impl clusters::HostWithStore<State> for Taped {
    concurrent! { clusters::HostWithStore<State>, "framedb:clusters/clusters@0.1.0";
        answer fn instances() -> Result<Vec<clusters::Instance>, clusters::Error>;
        answer fn health(framedb_id: String) -> Result<clusters::Condition, clusters::Error>;
    }
}
