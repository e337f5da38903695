//! `framedb:routing`: where keys are, and where sources are written to.

use super::{Call, GuestError, Told};
use crate::plugin::{
    caps::bindings::framedb::routing::routing as wit, framedb::Target, state::State,
};
use framedb_core::{Kind, Route};
use wasmtime::component::{Accessor, HasSelf};

impl wit::Host for State {}

impl wit::HostWithStore<State> for HasSelf<State> {
    async fn lookup(
        accessor: &Accessor<State, Self>,
        key: String,
    ) -> wasmtime::Result<Result<Option<wit::Route>, wit::Error>> {
        let call = Call::begin("routing", accessor)?;
        let served = async {
            call.access.grants().routing()?;
            call.framedb()?.lookup(call.deadline, &key).await
        };
        Ok(call.told(served.await.map(|route| route.map(Into::into))))
    }

    async fn sources(
        accessor: &Accessor<State, Self>,
        source: String,
    ) -> wasmtime::Result<Result<Vec<wit::Target>, wit::Error>> {
        let call = Call::begin("routing", accessor)?;
        let served = async {
            call.access.grants().routing()?;
            let targets = call.framedb()?.sources(call.deadline, &source).await?;
            Ok(targets.into_iter().map(Into::into).collect())
        };
        Ok(call.told(served.await))
    }
}

impl From<Route> for wit::Route {
    fn from(route: Route) -> Self {
        Self {
            framedb_id: route.framedb_id.as_ref().into(),
            kind: match route.kind {
                Kind::InMemory => wit::Kind::InMemory,
                Kind::Storage => wit::Kind::Storage,
                Kind::Stream => wit::Kind::Stream,
            },
            size: route.size,
            metadata: route.metadata.as_ref().into(),
            copies: route.copies.iter().map(|copy| copy.framedb_id.as_ref().into()).collect(),
        }
    }
}

impl From<Target> for wit::Target {
    fn from(Target { node_tag, cluster }: Target) -> Self {
        Self { node_tag, cluster }
    }
}

impl GuestError for wit::Error {
    fn of(told: Told) -> Self {
        match told {
            Told::Denied(text) => Self::Denied(text),
            Told::Invalid(text) => Self::Invalid(text),
            Told::Busy(text) => Self::Busy(text),
            Told::Unavailable(text) => Self::Unavailable(text),
            Told::NotFound(text) | Told::Other(text) => Self::Other(text),
        }
    }
}
