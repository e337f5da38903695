//! `framedb:clusters`: which instances there are, and how they are.

use super::{Call, GuestError, Told};
use crate::{
    instances::{Family, InstanceRecord},
    plugin::{
        caps::bindings::framedb::clusters::clusters as wit, framedb::Condition, state::State,
    },
};
use wasmtime::component::{Accessor, HasSelf};

impl wit::Host for State {}

impl wit::HostWithStore<State> for HasSelf<State> {
    async fn instances(
        accessor: &Accessor<State, Self>,
    ) -> wasmtime::Result<Result<Vec<wit::Instance>, wit::Error>> {
        let call = Call::begin("clusters", accessor)?;
        let served = async {
            call.access.grants().clusters()?;
            let records = call.framedb()?.instances(call.deadline).await?;
            Ok(records.iter().map(|record| instance(record)).collect())
        };
        Ok(call.told(served.await))
    }

    async fn health(
        accessor: &Accessor<State, Self>,
        framedb_id: String,
    ) -> wasmtime::Result<Result<wit::Condition, wit::Error>> {
        let call = Call::begin("clusters", accessor)?;
        let served = async {
            call.access.grants().clusters()?;
            Ok(match call.framedb()?.health(call.deadline, &framedb_id).await? {
                Condition::Usable => wit::Condition::Usable,
                Condition::Unusable(why) => wit::Condition::Unusable(why),
                Condition::Unknown => wit::Condition::Unknown,
            })
        };
        Ok(call.told(served.await))
    }
}

/// What a guest may know of an instance: everything but where it is.
fn instance(record: &InstanceRecord) -> wit::Instance {
    wit::Instance {
        framedb_id: record.framedb_id.as_ref().into(),
        cluster_id: Some(record.cluster_id.clone()).filter(|id| !id.is_empty()),
        kind: match record.family {
            Family::InMemory => wit::Kind::InMemory,
            Family::Persistent => wit::Kind::Storage,
        },
    }
}

impl GuestError for wit::Error {
    fn of(told: Told) -> Self {
        match told {
            Told::Denied(text) => Self::Denied(text),
            Told::Busy(text) => Self::Busy(text),
            Told::Unavailable(text) => Self::Unavailable(text),
            Told::Invalid(text) | Told::NotFound(text) | Told::Other(text) => Self::Other(text),
        }
    }
}
