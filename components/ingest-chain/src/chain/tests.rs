//! Verdicts of two plugins, and what they make.

use super::*;
use framedb_core::{Key, Retry, Value};

fn object(key: &str, data: &str) -> Object {
    let envelope = Envelope {
        id: format!("id-{key}").into(),
        attempt: 1,
        key: Key::new(key).unwrap(),
        source: "cam".into(),
        kind: None,
        framedb_id: None,
        content_type: Some("a/a".into()),
        metadata: "{}".into(),
        attributes: [number("sent", 0)].into(),
    };
    Object { envelope, data: data.to_owned().into() }
}

fn number(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), value: Value::Integer(value) }
}

fn accept(content_type: Option<&str>, attributes: &[Attribute]) -> Ingested {
    let content_type = content_type.map(str::to_owned);
    Ingested::Accept { content_type, attributes: attributes.to_vec() }
}

fn changed(data: &str, content_type: Option<&str>, attributes: &[Attribute]) -> Ingested {
    let content_type = content_type.map(str::to_owned);
    let data = data.to_owned().into();
    Ingested::Changed { data, content_type, attributes: attributes.to_vec() }
}

fn child(key: Option<&str>, data: &str, attributes: &[Attribute]) -> Child {
    Child {
        key: key.map(str::to_owned),
        data: data.to_owned().into(),
        content_type: None,
        attributes: attributes.to_vec(),
    }
}

fn retry(reason: &str) -> Ingested {
    Ingested::Retry(Retry { reason: reason.into(), after: None })
}

/// The chain's verdict on an object `k`, whose second plugin answers `seconds`.
fn judged(first: Ingested, seconds: Vec<Ingested>) -> Ingested {
    let (between, next) = Between::new(vec![object("k", "x")], vec![first]).unwrap();
    assert_eq!(next.len(), seconds.len());
    between.verdicts(seconds).unwrap().pop().unwrap()
}

#[test]
fn the_second_plugin_sees_what_the_first_found() {
    let first = changed("y", Some("b/b"), &[number("width", 1)]);
    let (_, next) = Between::new(vec![object("k", "x")], vec![first]).unwrap();
    assert_eq!(&*next[0].data, b"y");
    assert_eq!(next[0].envelope.content_type.as_deref(), Some("b/b"));
    assert_eq!(*next[0].envelope.attributes, [number("sent", 0), number("width", 1)]);
    let split = Ingested::Split(vec![child(None, "a", &[]), child(Some("own"), "b", &[])]);
    let (_, next) = Between::new(vec![object("k", "x")], vec![split]).unwrap();
    let seen: Vec<_> = next.iter().map(|o| (&*o.envelope.id, o.envelope.key.as_str())).collect();
    assert_eq!(seen, [("id-k/0", "k/0"), ("id-k/1", "own")]);
    assert_eq!(next[0].envelope.content_type, None);
    assert_eq!(*next[0].envelope.attributes, [number("sent", 0)]);
}

#[test]
fn attributes_of_both_count_and_of_two_with_one_name_the_later() {
    let first = accept(Some("b/b"), &[number("a", 1), number("b", 1)]);
    let both = [number("a", 1), number("b", 2), number("c", 2)];
    let second = [number("b", 2), number("c", 2)];
    assert_eq!(judged(first.clone(), vec![accept(None, &second)]), accept(Some("b/b"), &both));
    assert_eq!(judged(first, vec![accept(Some("c/c"), &second)]), accept(Some("c/c"), &both));
}

#[test]
fn bytes_that_either_changed_go_on() {
    let (x, none) = (changed("1", None, &[]), accept(None, &[]));
    assert_eq!(judged(x.clone(), vec![none.clone()]), x);
    let second = changed("2", None, &[]);
    assert_eq!(judged(none, vec![second.clone()]), second);
    assert_eq!(judged(x, vec![second.clone()]), second);
}

#[test]
fn what_ends_in_either_plugin_ends() {
    let ends = [Ingested::Drop("d".into()), Ingested::Reject("r".into()), retry("t")];
    for end in ends {
        assert_eq!(judged(end.clone(), vec![]), end);
        assert_eq!(judged(accept(None, &[number("a", 1)]), vec![end.clone()]), end);
    }
}

#[test]
fn parts_of_parts_are_parts_with_the_attributes_of_all() {
    let first = Ingested::Split(vec![
        child(None, "a", &[number("n", 0)]),
        child(None, "b", &[]),
        child(None, "c", &[number("n", 2)]),
    ]);
    let seconds = vec![
        Ingested::Split(vec![child(None, "a0", &[number("m", 1)]), child(Some("z"), "a1", &[])]),
        Ingested::Drop("not this one".into()),
        changed("C", Some("c/c"), &[number("n", 3)]),
    ];
    let last =
        Child { content_type: Some("c/c".into()), ..child(Some("k/2"), "C", &[number("n", 3)]) };
    let expected = vec![
        child(Some("k/0/0"), "a0", &[number("n", 0), number("m", 1)]),
        child(Some("z"), "a1", &[number("n", 0)]),
        last,
    ];
    assert_eq!(judged(first, seconds), Ingested::Split(expected));
    let found = accept(None, &[number("a", 1)]);
    let second = Ingested::Split(vec![child(None, "x", &[])]);
    let inherited = Ingested::Split(vec![child(None, "x", &[number("a", 1)])]);
    assert_eq!(judged(found, vec![second]), inherited);
}

#[test]
fn one_refused_part_refuses_the_object_and_one_that_has_to_wait_delays_it() {
    let split = || Ingested::Split(vec![child(None, "a", &[]), child(None, "b", &[])]);
    let refused = judged(split(), vec![retry("later"), Ingested::Reject("bad".into())]);
    assert_eq!(refused, Ingested::Reject("part `k/1`: bad".into()));
    assert_eq!(judged(split(), vec![retry("later"), accept(None, &[])]), retry("later"));
}

#[test]
fn a_verdict_that_breaks_a_rule_is_answered_as_it_is() {
    for wrong in [
        accept(None, &[number("Not A Name", 1)]),
        Ingested::Split(vec![child(Some(""), "a", &[])]),
        Ingested::Split(Vec::new()),
    ] {
        assert_eq!(judged(wrong.clone(), vec![]), wrong);
    }
}

#[test]
fn a_batch_keeps_its_order_and_wrong_counts_have_no_answer() {
    let batch = || vec![object("a", "1"), object("b", "2"), object("c", "3")];
    let firsts = || {
        vec![
            accept(None, &[]),
            Ingested::Drop("d".into()),
            Ingested::Split(vec![child(None, "x", &[]), child(None, "y", &[])]),
        ]
    };
    let (between, next) = Between::new(batch(), firsts()).unwrap();
    let keys: Vec<_> = next.iter().map(|o| o.envelope.key.as_str()).collect();
    assert_eq!(keys, ["a", "c/0", "c/1"]);
    let verdicts = between.verdicts(vec![accept(None, &[]); 3]).unwrap();
    assert!(matches!(
        verdicts.as_slice(),
        [Ingested::Accept { .. }, Ingested::Drop(_), Ingested::Split(parts)] if parts.len() == 2
    ));
    assert!(Between::new(batch(), vec![accept(None, &[])]).is_none());
    for count in [0, 1, 2, 4] {
        let (between, _) = Between::new(batch(), firsts()).unwrap();
        assert!(between.verdicts(vec![accept(None, &[]); count]).is_none(), "{count}");
    }
}
