use super::*;
use framedb_plugin::settings;

fn rules(table: &str) -> Rules {
    let settings =
        settings::read("rules", |name| Ok((name == "rules_table").then(|| table.to_owned())));
    Rules::new(settings.unwrap()).unwrap()
}

fn envelope(key: &str) -> Envelope<'_> {
    Envelope {
        key,
        source: "cam-1",
        content_type: Some("image/jpeg"),
        size: 10,
        ..Envelope::default()
    }
}

fn placed(verdict: Verdict) -> Placement {
    let Verdict::Place(placement) = verdict else { panic!("{verdict:?}") };
    placement
}

#[test]
fn without_rules_the_kind_decides() {
    let rules = rules("[]");
    let placement = placed(rules.decide(envelope("k")));
    assert_eq!((placement.framedb_id.as_str(), placement.kind), ("disk", Wire::Storage));
    let stream = Envelope { kind: Some(Wire::Stream), ..envelope("k") };
    assert_eq!(placed(rules.decide(stream)).framedb_id, "memory");
}

#[test]
fn the_first_rule_that_fits_counts() {
    let rules = rules(
        r#"[{"content-type":"text/*","to":"a"},
            {"source":"cam-*","to":"b","as":"in-memory","time-to-live-ms":2,"key-prefix":"x/"},
            {"to":"c"}]"#,
    );
    let placement = placed(rules.decide(envelope("k")));
    assert_eq!((placement.framedb_id.as_str(), placement.kind), ("b", Wire::InMemory));
    assert_eq!(placement.key.as_deref(), Some("x/k"));
    assert_eq!(placement.time_to_live, Some(2_000_000));
    let other = Envelope { source: "", ..envelope("k") };
    assert_eq!(placed(rules.decide(other)).framedb_id, "c");
}

#[test]
fn what_the_sender_named_is_honoured_unless_a_rule_overrides_it() {
    let named =
        || Envelope { framedb_id: Some("mine"), kind: Some(Wire::Storage), ..envelope("k") };
    let placement = placed(rules(r#"[{"to":"a","as":"stream"}]"#).decide(named()));
    assert_eq!((placement.framedb_id.as_str(), placement.kind), ("mine", Wire::Storage));
    let overriding = rules(r#"[{"to":"a","as":"stream","override":true}]"#);
    let placement = placed(overriding.decide(named()));
    assert_eq!((placement.framedb_id.as_str(), placement.kind), ("a", Wire::Stream));
}

#[test]
fn a_named_instance_without_a_kind_gets_the_rules_kind_or_the_default() {
    let named = || Envelope { framedb_id: Some("mine"), ..envelope("k") };
    let ruled = placed(rules(r#"[{"as":"stream"}]"#).decide(named()));
    assert_eq!((ruled.framedb_id.as_str(), ruled.kind), ("mine", Wire::Stream));
    assert_eq!(placed(rules("[]").decide(named())).kind, Wire::Storage);
}

#[test]
fn a_key_that_its_prefix_makes_too_long_is_refused() {
    let rules = rules(r#"[{"key-prefix":"camera/"}]"#);
    let Verdict::Reject(reason) = rules.decide(envelope(&"k".repeat(250))) else { panic!() };
    assert!(reason.contains("257 bytes"), "{reason}");
}

#[test]
fn a_wrong_table_is_named() {
    let read = settings::read::<Settings>("rules", |name| {
        Ok((name == "rules_table").then(|| r#"[{"too":"a"}]"#.into()))
    });
    let error = read.unwrap_err();
    assert!(error.contains("rules_table") && error.contains("too"), "{error}");
}

#[test]
fn keys_are_spread_over_several_instances() {
    let rules = rules(r#"[{"to":[{"id":"a"},{"id":"b"}]}]"#);
    let a = (0..1000)
        .filter(|n| placed(rules.decide(envelope(&format!("k{n}")))).framedb_id == "a")
        .count();
    assert!((400..600).contains(&a), "{a}");
}
