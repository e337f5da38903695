//! The client of `framedb.resolve.v1`, generated from `proto/framedb/resolve/v1`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]

tonic::include_proto!("framedb.resolve.v1");
