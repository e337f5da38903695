//! `fermyon:spin/mysql`: statements as version 2 has them, with all rows in one answer.

use super::{
    bindings::fermyon::spin::{
        mysql::{Error, Host, HostConnection, ParameterValue, RowSet},
        rdbms_types,
    },
    mysql::{Opened, begin, open},
    mysql_values::{Names, V2},
};
use crate::{
    driver::mysql::{Complaint, Rows},
    plugin::state::State,
};
use wasmtime::component::Resource;

impl Host for State {}

impl rdbms_types::Host for State {}

impl HostConnection for State {
    async fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Opened>, Error>> {
        Ok(open(self, label)?.map_err(Error::ConnectionFailed))
    }

    async fn query(
        &mut self,
        connection: Resource<Opened>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<RowSet, Error>> {
        let parameters = parameters.into_iter().map(V2::parameter).collect();
        let call = match begin(self, &connection, &statement, parameters)? {
            Ok(call) => call,
            Err(text) => return Ok(Err(Error::QueryFailed(text))),
        };
        let label = call.label.clone();
        let answered = async {
            let Rows { columns, rows: mut taken, end } = call.query::<V2>().await?;
            let mut rows = Vec::new();
            while let Some(row) = taken.recv().await {
                rows.push(row.take());
            }
            end.await.unwrap_or_else(|_| Err(Complaint::given_up()))?;
            let columns = columns.iter().map(V2::column).collect();
            Result::<_, Complaint>::Ok(RowSet { columns, rows })
        };
        Ok(answered.await.map_err(|complaint| V2::error(complaint, &label)))
    }

    async fn execute(
        &mut self,
        connection: Resource<Opened>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let parameters = parameters.into_iter().map(V2::parameter).collect();
        Ok(match begin(self, &connection, &statement, parameters)? {
            Ok(call) => {
                let label = call.label.clone();
                call.execute().await.map_err(|complaint| V2::error(complaint, &label))
            }
            Err(text) => Err(Error::QueryFailed(text)),
        })
    }

    async fn drop(&mut self, connection: Resource<Opened>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}
