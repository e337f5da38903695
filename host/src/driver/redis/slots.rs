//! `Slots`: which server of a cluster has which slot.

use super::{Fault, endpoint::Node};
use redis::{ParsingError, Value, from_redis_value};

/// The slots of a cluster by their primaries, as one of its servers sees them.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<Range>);

#[derive(Debug)]
struct Range {
    first: u16,
    last: u16,
    node: Node,
}

impl Slots {
    /// Reads the answer to `CLUSTER SLOTS` by the server at `asked`, which may leave out its own
    /// host.
    pub(super) fn read(answer: Value, asked: &Node) -> Result<Self, Fault> {
        let ranges: Vec<Value> = from_redis_value(answer)?;
        let mut ranges = ranges
            .into_iter()
            .map(|range| Ok(read(range, asked)?))
            .collect::<Result<Vec<Range>, Fault>>()?;
        ranges.sort_unstable_by_key(|range| range.first);
        Ok(Self(ranges))
    }

    /// Whether no server has any slot: the one that was asked is in no cluster (any more).
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The primary of a slot.
    pub(super) fn node(&self, slot: u16) -> Option<&Node> {
        let behind = self.0.partition_point(|range| range.first <= slot);
        let range = self.0.get(behind.checked_sub(1)?)?;
        (slot <= range.last).then_some(&range.node)
    }

    /// Every primary once.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        for range in &self.0 {
            if !nodes.contains(&range.node) {
                nodes.push(range.node.clone());
            }
        }
        nodes
    }
}

/// One range: its first and last slot, its primary, and replicas that nobody asks.
fn read(range: Value, asked: &Node) -> Result<Range, ParsingError> {
    let mut parts = from_redis_value::<Vec<Value>>(range)?.into_iter();
    let mut next = || parts.next().unwrap_or(Value::Nil);
    let (first, last) = (from_redis_value(next())?, from_redis_value(next())?);
    let mut primary = from_redis_value::<Vec<Value>>(next())?.into_iter();
    let mut next = || primary.next().unwrap_or(Value::Nil);
    let host: Option<String> = from_redis_value(next())?;
    let host = host.filter(|host| !host.is_empty() && host != "?");
    let host = host.unwrap_or_else(|| asked.host.clone());
    Ok(Range { first, last, node: Node { host, port: from_redis_value(next())? } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: u16) -> Value {
        let host = if host.is_empty() { Value::Nil } else { Value::BulkString(host.into()) };
        Value::Array(vec![host, Value::Int(port.into()), Value::BulkString("id".into())])
    }

    fn range(first: i64, last: i64, primary: Value) -> Value {
        Value::Array(vec![Value::Int(first), Value::Int(last), primary, node("replica", 1)])
    }

    #[test]
    fn slots_are_with_their_primaries() {
        let asked = Node { host: "here".to_owned(), port: 1 };
        let answer = Value::Array(vec![
            range(100, 200, node("a", 7)),
            range(0, 99, node("", 6)),
            range(300, 300, node("a", 7)),
        ]);
        let slots = Slots::read(answer, &asked).unwrap();
        let at = |slot| slots.node(slot).map(ToString::to_string);
        assert_eq!(at(0).as_deref(), Some("here:6"));
        assert_eq!((at(100), at(200), at(300)), (at(150), at(150), at(150)));
        assert_eq!(at(150).as_deref(), Some("a:7"));
        assert_eq!((at(201), at(299), at(16_383)), (None, None, None));
        assert_eq!(slots.nodes().len(), 2);
        assert!(Slots::read(Value::Array(Vec::new()), &asked).unwrap().is_empty());
        assert!(Slots::read(Value::Okay, &asked).is_err());
    }
}
