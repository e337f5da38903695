//! For fuzzing: messages as both services read them.

use super::{convert, edge_v1, framedb};
use prost::Message;

/// Reads bytes as each message that senders send.
pub(crate) fn message(data: &[u8]) {
    if let Ok(put) = edge_v1::PutRequest::decode(data) {
        let (arrival, problem) = convert::arrival(put.clone());
        assert_eq!((&arrival.key, &arrival.data), (&put.key, &put.data));
        assert_eq!(problem.is_some(), convert::kind(put.kind).is_err());
        again(&put);
    }
    read::<edge_v1::StreamRequest>(data);
    read::<edge_v1::GetRequest>(data);
    read::<edge_v1::DeleteRequest>(data);
    read::<edge_v1::ListRequest>(data);
    read::<framedb::SetObjectRequest>(data);
    read::<framedb::GetObjectRequest>(data);
}

fn read<M: Message + Default + PartialEq>(data: &[u8]) {
    if let Ok(message) = M::decode(data) {
        again(&message);
    }
}

/// What was read is the same when it is written and read again.
fn again<M: Message + Default + PartialEq>(message: &M) {
    let read = M::decode(message.encode_to_vec().as_slice());
    assert!(read.as_ref() == Ok(message));
}
