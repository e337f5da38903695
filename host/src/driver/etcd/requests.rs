//! Requests in short, and what is found in their answers.

use super::proto::{
    etcdserverpb::{
        Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseOp,
        compare::{CompareResult, CompareTarget, TargetUnion},
        request_op::Request,
        response_op::Response,
    },
    mvccpb::KeyValue,
};

/// Holds while the key was last written in this revision; 0 while there is none.
pub(crate) fn is_at(key: &[u8], revision: i64) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key: key.to_vec().into(),
        target_union: Some(TargetUnion::ModRevision(revision)),
        ..Compare::default()
    }
}

/// Reads one key.
pub(crate) fn get(key: &[u8]) -> RequestOp {
    let range = RangeRequest { key: key.to_vec().into(), ..RangeRequest::default() };
    RequestOp { request: Some(Request::RequestRange(range)) }
}

/// Writes a key.
pub(crate) fn put(key: &[u8], value: impl Into<bytes::Bytes>) -> RequestOp {
    let key = key.to_vec().into();
    let put = PutRequest { key, value: value.into(), ..PutRequest::default() };
    RequestOp { request: Some(Request::RequestPut(put)) }
}

/// Deletes a key.
pub(crate) fn delete(key: &[u8]) -> RequestOp {
    let delete = DeleteRangeRequest { key: key.to_vec().into(), ..DeleteRangeRequest::default() };
    RequestOp { request: Some(Request::RequestDeleteRange(delete)) }
}

/// Reads up to `limit` keys from `start` up to `end`, in their byte order.
pub(crate) fn scan(start: Vec<u8>, end: Vec<u8>, limit: usize) -> RangeRequest {
    RangeRequest {
        key: start.into(),
        range_end: end.into(),
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
        ..RangeRequest::default()
    }
}

/// The first key behind all that begin with `prefix`.
pub(crate) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // Everything: that is how etcd writes it.
    vec![0]
}

/// What a [`get`] found.
pub(crate) fn found(answer: ResponseOp) -> Option<KeyValue> {
    match answer.response {
        Some(Response::ResponseRange(mut range)) => range.kvs.pop(),
        _ => None,
    }
}

/// How many keys a [`delete`] found.
pub(crate) fn deleted(answer: &ResponseOp) -> i64 {
    match &answer.response {
        Some(Response::ResponseDeleteRange(deleted)) => deleted.deleted,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_behind_all_that_begin_with_it() {
        assert_eq!(end_of(b"a/"), b"a0");
        assert_eq!(end_of(b"a\xff\xff"), b"b");
        assert_eq!(end_of(b"\xff"), b"\0");
    }
}
