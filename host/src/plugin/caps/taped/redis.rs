//! `spin:redis` with a tape.

use super::{Taped, TapedState, concurrent, dropped, step::Step};
use crate::plugin::{
    caps::{
        bindings::spin::redis::redis::{
            Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
        },
        redis::Opened,
    },
    state::State,
};
use wasmtime::component::{HasSelf, Resource};

impl Host for TapedState<'_> {}

impl HostConnection for TapedState<'_> {
    dropped!(HostConnection, Opened);
}

impl HostConnectionWithStore<State> for Taped {
    concurrent! { HostConnectionWithStore<State>, "spin:redis/redis@3.0.0";
        handle fn open(label: String) -> Result<Resource<Opened>, Error>;
        answer fn publish(
            @connection: Opened, channel: String, payload: Vec<u8>
        ) -> Result<(), Error>;
        answer fn get(@connection: Opened, key: String) -> Result<Option<Vec<u8>>, Error>;
        answer fn set(@connection: Opened, key: String, value: Vec<u8>) -> Result<(), Error>;
        answer fn incr(@connection: Opened, key: String) -> Result<i64, Error>;
        answer fn del(@connection: Opened, keys: Vec<String>) -> Result<u32, Error>;
        answer fn sadd(
            @connection: Opened, key: String, values: Vec<String>
        ) -> Result<u32, Error>;
        answer fn smembers(@connection: Opened, key: String) -> Result<Vec<String>, Error>;
        answer fn srem(
            @connection: Opened, key: String, values: Vec<String>
        ) -> Result<u32, Error>;
        answer fn execute(
            @connection: Opened, command: String, arguments: Vec<RedisParameter>
        ) -> Result<Vec<RedisResult>, Error>;
    }
}
