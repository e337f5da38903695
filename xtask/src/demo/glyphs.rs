//! Digits for the test card, three pixels wide and five high.

/// Width of a glyph.
pub(crate) const WIDTH: usize = 3;
/// Height of a glyph.
pub(crate) const HEIGHT: usize = 5;

/// The rows of a character, from the top; the highest of three bits is the left pixel. Every
/// character without a glyph is a space.
pub(crate) fn rows(character: char) -> [u8; HEIGHT] {
    match character {
        '0' => [0b111, 0b101, 0b101, 0b101, 0b111],
        '1' => [0b010, 0b110, 0b010, 0b010, 0b111],
        '2' => [0b111, 0b001, 0b111, 0b100, 0b111],
        '3' => [0b111, 0b001, 0b111, 0b001, 0b111],
        '4' => [0b101, 0b101, 0b111, 0b001, 0b001],
        '5' => [0b111, 0b100, 0b111, 0b001, 0b111],
        '6' => [0b111, 0b100, 0b111, 0b101, 0b111],
        '7' => [0b111, 0b001, 0b010, 0b010, 0b010],
        '8' => [0b111, 0b101, 0b111, 0b101, 0b111],
        '9' => [0b111, 0b101, 0b111, 0b001, 0b111],
        ':' => [0b000, 0b010, 0b000, 0b010, 0b000],
        '.' => [0b000, 0b000, 0b000, 0b000, 0b010],
        _ => [0; HEIGHT],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_digit_looks_different() {
        let looks: HashSet<_> = "0123456789:. ".chars().map(rows).collect();
        assert_eq!(looks.len(), 13);
    }
}
