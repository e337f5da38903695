//! etcd: the one folder that knows its API.
//!
//! [`Client`] sends a call to one member of the cluster and to the next one where the first
//! cannot be used; [`Watch`] reports changes and notices by itself when it has gone deaf;
//! [`Failure`] is what went wrong, so far as callers act on it. The API is compiled from
//! `proto/etcd`.

mod address;
mod client;
mod failure;
mod member;
mod proto;
mod requests;
mod watch;

pub(crate) use address::Address;
pub(crate) use client::{Again, Client};
pub(crate) use failure::{Failure, Fault};
pub(crate) use proto::{
    etcdserverpb::{RangeRequest, RangeResponse, RequestOp, TxnRequest, WatchResponse},
    mvccpb::{KeyValue, event::EventType},
};
pub(crate) use requests::{delete, deleted, end_of, found, get, is_at, put, scan};
use watch::Watch;
