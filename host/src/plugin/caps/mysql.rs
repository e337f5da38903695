//! `spin:mysql`: statements to the database behind a label.
//!
//! What is sent is what the guard made of a statement, with its parameters bound, over a
//! connection that the plugin has for this statement. Rows come no faster than the guest takes
//! them; a guest that stops taking them ends the statement.

use super::{
    bindings::spin::mysql::mysql::{
        Column, DbValue, Error, Host, HostConnection, HostConnectionWithStore, ParameterValue,
    },
    mysql_values::{Names, V3},
};
use crate::{
    driver::mysql::{Complaint, Held, Lent, Row, Rows, Statement, Value, weight},
    grants::{Granted, MysqlGrant, Refusal, sql::SqlGuard},
    plugin::{access::Access, state::State, tape::Heard},
};
use futures::future::{BoxFuture, FutureExt as _};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};
use tokio::sync::mpsc;
use wasmtime::{
    StoreContextMut,
    component::{
        Accessor, Destination, FutureReader, HasSelf, Resource, StreamProducer, StreamReader,
        StreamResult, VecBuffer,
    },
};

/// The name of the capability in events and metrics.
const CAPABILITY: &str = "mysql";

/// What a database is called whose name is an address.
const DATABASE: &str = "database";

/// Rows that a guest is handed at once.
const ROWS: usize = 64;

/// A label that a plugin has opened.
#[allow(unreachable_pub, reason = "generated code names it in public")]
pub struct Opened {
    label: Arc<str>,
    granted: Arc<Granted<MysqlGrant, SqlGuard>>,
    database: Arc<Lent>,
}

/// A statement that may be sent.
pub(super) struct Call {
    access: Arc<Access>,
    granted: Arc<Granted<MysqlGrant, SqlGuard>>,
    pub(super) label: Arc<str>,
    database: Arc<Lent>,
    /// As the guard rendered it.
    statement: Statement,
}

/// The answer to `query`.
pub(super) type Query = (Vec<Column>, StreamReader<Vec<DbValue>>, FutureReader<Result<(), Error>>);

/// The answer of a database: columns, rows as they come, and how they end.
type Answer =
    (Vec<Column>, mpsc::Receiver<Held<Vec<DbValue>>>, BoxFuture<'static, Result<(), Error>>);

impl Host for State {}

impl HostConnection for State {
    async fn drop(&mut self, connection: Resource<Opened>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl HostConnectionWithStore<State> for HasSelf<State> {
    async fn open(
        accessor: &Accessor<State, Self>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<Opened>, Error>> {
        let opened = accessor.with(|mut access| open(access.get(), label))?;
        Ok(opened.map_err(Error::ConnectionFailed))
    }

    async fn query(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<Query, Error>> {
        query(accessor, connection, statement, parameters, Heard::default()).await
    }

    async fn execute(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let parameters = parameters.into_iter().map(V3::parameter).collect();
        let begun =
            accessor.with(|mut access| begin(access.get(), &connection, &statement, parameters))?;
        Ok(match begun {
            Ok(call) => {
                let label = call.label.clone();
                call.execute().await.map_err(|complaint| V3::error(complaint, &label))
            }
            Err(text) => Err(Error::QueryFailed(text)),
        })
    }
}

/// Runs a statement whose rows are taken by the guest, and heard of.
pub(super) async fn query(
    accessor: &Accessor<State, HasSelf<State>>,
    connection: Resource<Opened>,
    statement: String,
    parameters: Vec<ParameterValue>,
    heard: Heard,
) -> wasmtime::Result<Result<Query, Error>> {
    let answered = ask(accessor, &connection, &statement, parameters).await;
    let (columns, rows, end) = match answered.inspect_err(|error| heard.failed(error))? {
        Ok(answer) => answer,
        Err(error) => {
            heard.given(&Err::<(), _>(&error));
            return Ok(Err(error));
        }
    };
    heard.given(&Ok::<_, ()>(&columns));
    let taken = Taken { rows, heard: heard.clone() };
    let end = async move {
        let ended = end.await;
        heard.end(&ended);
        wasmtime::Result::<_>::Ok(ended)
    };
    accessor.with(|mut access| {
        let rows = StreamReader::new(&mut access, taken)?;
        Ok(Ok((columns, rows, FutureReader::new(&mut access, end)?)))
    })
}

/// Sends a statement that is allowed: its columns, its rows as they come, and how they end.
async fn ask(
    accessor: &Accessor<State, HasSelf<State>>,
    connection: &Resource<Opened>,
    statement: &str,
    parameters: Vec<ParameterValue>,
) -> wasmtime::Result<Result<Answer, Error>> {
    let parameters = parameters.into_iter().map(V3::parameter).collect();
    let begun =
        accessor.with(|mut access| begin(access.get(), connection, statement, parameters))?;
    let call = match begun {
        Ok(call) => call,
        Err(text) => return Ok(Err(Error::QueryFailed(text))),
    };
    let label = call.label.clone();
    let Rows { columns, rows, end } = match call.query::<V3>().await {
        Ok(rows) => rows,
        Err(complaint) => return Ok(Err(V3::error(complaint, &label))),
    };
    let end = async move {
        let ended = end.await.unwrap_or_else(|_| Err(Complaint::given_up()));
        ended.map_err(|complaint| V3::error(complaint, &label))
    };
    Ok(Ok((columns.iter().map(V3::column).collect(), rows, end.boxed())))
}

/// Opens a label; why not, in words for the guest.
pub(super) fn open(
    state: &mut State,
    label: String,
) -> wasmtime::Result<Result<Resource<Opened>, String>> {
    state.begin()?;
    let granted = match state.access.grants().mysql(&label) {
        Ok(granted) => granted,
        Err(refusal) => return Ok(Err(refused(&state.access, &refusal))),
    };
    let config = &granted.config;
    let environment = state.access.environment();
    // An address may hold a password, so that what names addresses is told of "the database".
    let (label, opened) = match (state.access.grants().names_addresses(), &config.url) {
        (true, Some(url)) => (DATABASE.into(), environment.own_mysql(url)),
        (_, url) => (label, environment.mysql(config.instance.as_deref(), url.as_ref())),
    };
    match opened {
        Ok(database) => {
            let opened = state.table.push(Opened { label: label.into(), granted, database });
            Ok(opened.map_err(|_| "there are too many open handles".to_owned()))
        }
        Err(error) => {
            tracing::error!(label, error = error.chain(), "a grant leads nowhere");
            Ok(Err(format!("the address of the database `{label}` is wrong")))
        }
    }
}

/// Counts a statement, and decides it; why not, in words for the guest.
pub(super) fn begin(
    state: &mut State,
    connection: &Resource<Opened>,
    statement: &str,
    parameters: Vec<Value>,
) -> wasmtime::Result<Result<Call, String>> {
    state.begin()?;
    let opened = state.table.get(connection)?;
    let decide = || {
        let rendered = match &opened.granted.guard {
            Some(guard) => guard.check(statement)?,
            None => statement.to_owned(),
        };
        let sent = rendered.len() + parameters.iter().map(size).sum::<usize>();
        opened.granted.rate.take(sent, Instant::now())?;
        Ok(rendered)
    };
    Ok(match decide() {
        Ok(sql) => Ok(Call {
            access: state.access.clone(),
            granted: opened.granted.clone(),
            label: opened.label.clone(),
            database: opened.database.clone(),
            statement: Statement {
                sql,
                parameters,
                until: state.wait_until(),
                room: state.rows.clone(),
            },
        }),
        Err(refusal) => Err(refused(&state.access, &refusal)),
    })
}

impl Call {
    /// Runs a statement whose rows nobody reads.
    pub(super) async fn execute(self) -> Result<(), Complaint> {
        let Self { access, granted, label, database, statement } = self;
        let received = move |bytes| granted.rate.received(bytes, Instant::now());
        let done = database.execute(statement, received).await;
        done.inspect_err(|complaint| told(&access, &label, complaint))
    }

    /// Runs a statement; its rows as they come.
    pub(super) async fn query<N: Names>(self) -> Result<Rows<Vec<N::Value>>, Complaint> {
        let Self { access, granted, label, database, statement } = self;
        let convert = move |row: Row| {
            granted.rate.received(weight(&row), Instant::now());
            N::row(row)
        };
        let rows = database.query(statement, convert).await;
        rows.inspect_err(|complaint| told(&access, &label, complaint))
    }
}

/// Tells the log of a database that cannot be asked.
fn told(access: &Access, label: &str, complaint: &Complaint) {
    if complaint.is_of_the_server() {
        access.unanswered(CAPABILITY, label, &complaint.to_string());
    }
}

/// Rows on their way into a guest.
struct Taken {
    rows: mpsc::Receiver<Held<Vec<DbValue>>>,
    heard: Heard,
}

impl StreamProducer<State> for Taken {
    type Item = Vec<DbValue>;
    type Buffer = VecBuffer<Vec<DbValue>>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let mut taken = Vec::new();
        let polled = self.rows.poll_recv_many(cx, &mut taken, ROWS);
        if polled.is_pending() && finish {
            return Poll::Ready(Ok(StreamResult::Cancelled));
        }
        if ready!(polled) == 0 {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        let taken: Vec<_> = taken.into_iter().map(Held::take).collect();
        self.heard.items(&taken);
        destination.set_buffer(taken.into());
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

fn refused(access: &Access, refusal: &Refusal) -> String {
    access.refused(CAPABILITY, refusal)
}

/// Bytes of a parameter.
fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len(),
        _ => std::mem::size_of::<u64>(),
    }
}
