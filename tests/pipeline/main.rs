//! What happens to objects between the door and the store, through real components.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod admission;
mod admit;
mod answers;
mod audit_sql;
mod codecs;
mod coverage;
mod dead_letters;
mod dedup;
mod door;
mod evil;
mod evil_calls;
mod failing;
mod framedb;
mod framedb_grants;
mod framedb_waits;
mod framing;
mod grpc_calls;
mod http_calls;
mod http_grants;
mod isolation;
mod keyvalue;
mod loading;
mod matching;
mod moving;
mod order;
mod policies;
mod redis_calls;
mod redis_table;
mod sharing;
mod shutdown;
mod splitting;
mod sql_calls;
mod unclear;
mod verdicts;
