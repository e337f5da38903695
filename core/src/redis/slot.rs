//! Hash tags: how keys end up in the cluster slot of another key.

use std::{borrow::Cow, sync::LazyLock};

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// A short number for every slot that hashes to it.
static NUMBERS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut numbers = vec![None; SLOTS];
    let mut missing = SLOTS;
    for number in 0_u32.. {
        if missing == 0 {
            break;
        }
        let slot = usize::from(slot_of(number.to_string().as_bytes()));
        if let Some(found @ None) = numbers.get_mut(slot) {
            *found = Some(number);
            missing -= 1;
        }
    }
    numbers.into_iter().map(Option::unwrap_or_default).collect()
});

/// What to write between braces so that a key is in the slot of `key`: the tag it has itself,
/// else its whole text, else, where a brace in it would end the tag too early, a number.
#[must_use]
pub fn tag(key: &str) -> Cow<'_, str> {
    match own_tag(key.as_bytes()).and_then(|tag| std::str::from_utf8(tag).ok()) {
        Some(tag) => tag.into(),
        None if !key.contains('}') => key.into(),
        None => {
            let slot = usize::from(slot_of(key.as_bytes()));
            NUMBERS.get(slot).map(ToString::to_string).unwrap_or_default().into()
        }
    }
}

/// The slot of a key, by the servers' rule.
#[must_use]
pub fn slot(key: &[u8]) -> u16 {
    slot_of(own_tag(key).unwrap_or(key))
}

/// What is between the first `{` and the next `}`, if there is anything.
fn own_tag(key: &[u8]) -> Option<&[u8]> {
    let mut parts = key.splitn(2, |byte| *byte == b'{');
    let rest = parts.nth(1)?;
    let end = rest.iter().position(|byte| *byte == b'}')?;
    rest.get(..end).filter(|tag| !tag.is_empty())
}

/// The slot of what is hashed: CRC16 as XMODEM has it.
fn slot_of(hashed: &[u8]) -> u16 {
    let mut crc = 0_u16;
    for byte in hashed {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc % 16_384
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_servers() {
        assert_eq!(slot(b"123456789"), 0x31C3);
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b"{foo}bar"), slot(b"foo"));
    }

    #[test]
    fn a_tagged_key_is_in_the_slot_of_the_queue() {
        let names = ["q", "q{x}", "{q}", "a{b", "a}b", "{}x", "}{", "{{a}b}", "ü}", "}}}{{{"];
        for name in names {
            let tagged = format!("side:{{{}}}:{name}", tag(name));
            assert_eq!(slot(tagged.as_bytes()), slot(name.as_bytes()), "{name} as {tagged}");
        }
    }
}
