//! The client of etcd's API, generated from `proto/etcd`.

/// Values and changes of values.
pub(crate) mod mvccpb {
    #![allow(
        missing_docs,
        unreachable_pub,
        dead_code,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    tonic::include_proto!("mvccpb");
}

/// Requests and answers.
pub(crate) mod etcdserverpb {
    #![allow(
        missing_docs,
        unreachable_pub,
        dead_code,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    tonic::include_proto!("etcdserverpb");
}
