//! `spin:mysql` and `fermyon:spin/mysql` with a tape.

use super::{
    Taped, TapedState, concurrent, dropped, plain,
    step::{Replayed, Step},
};
use crate::plugin::{
    caps::{
        bindings::{
            fermyon::spin::{mysql as v2, rdbms_types},
            spin::mysql::mysql::{
                Column, DbValue, Error, Host, HostConnection, HostConnectionWithStore,
                ParameterValue,
            },
        },
        mysql::{Opened, Query, query},
    },
    record::Answer,
    state::State,
};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

const INTERFACE: &str = "spin:mysql/mysql@3.0.0";

impl Host for TapedState<'_> {}

impl HostConnection for TapedState<'_> {
    dropped!(HostConnection, Opened);
}

impl HostConnectionWithStore<State> for Taped {
    concurrent! { HostConnectionWithStore<State>, "spin:mysql/mysql@3.0.0";
        handle fn open(label: String) -> Result<Resource<Opened>, Error>;
        answer fn execute(
            @connection: Opened, statement: String, parameters: Vec<ParameterValue>
        ) -> Result<(), Error>;
    }

    async fn query(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<Query, Error>> {
        let step = accessor.with(|mut access| {
            let arguments = (connection.rep(), &statement, &parameters);
            Step::begin(access.get().0, INTERFACE, "query", &arguments)
        })?;
        let mut call = match step {
            Step::Live(heard) => {
                let live = accessor.with_getter::<HasSelf<State>>(|state| state);
                return query(&live, connection, statement, parameters, heard).await;
            }
            Step::Told(call) => call,
        };
        let answer = std::mem::take(&mut call.answer);
        let columns = match answer.told::<Result<Vec<Column>, Error>>().await? {
            Ok(columns) => columns,
            Err(error) => return Ok(Err(error)),
        };
        let rows = Replayed::<Vec<DbValue>>::new(&mut call)?;
        let end: Answer = call.end;
        let end = async move { end.told::<Result<(), Error>>().await };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, rows)?;
            Ok(Ok((columns, rows, FutureReader::new(&mut access, end)?)))
        })
    }
}

impl v2::Host for TapedState<'_> {}

impl rdbms_types::Host for TapedState<'_> {}

impl v2::HostConnection for TapedState<'_> {
    plain! { v2::HostConnection, "fermyon:spin/mysql@2.0.0";
        handle fn open(label: String) -> Result<Resource<Opened>, v2::Error>;
        answer fn query(
            @connection: Opened, statement: String, parameters: Vec<v2::ParameterValue>
        ) -> Result<v2::RowSet, v2::Error>;
        answer fn execute(
            @connection: Opened, statement: String, parameters: Vec<v2::ParameterValue>
        ) -> Result<(), v2::Error>;
    }

    dropped!(v2::HostConnection, Opened);
}
