//! `KeySpec`: where the keys of a command are, as Redis' key specifications say it.

use super::Words;

/// Where keys begin, and how many there are from there.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeySpec {
    begin: Begin,
    extent: Extent,
    step: usize,
    /// Whether as many other arguments follow the keys: what remains is two halves.
    halves: bool,
}

#[derive(Debug, Clone, Copy)]
enum Begin {
    /// At a position; the command itself has position 0.
    At(usize),
    /// After the first argument that is this word, from a position on; there may be none.
    After(&'static str, usize),
    /// After every argument that is this word. A server takes the last one where it should
    /// stand once, and an argument that only looks like it names one key too many at worst.
    Every(&'static str, usize),
}

#[derive(Debug, Clone, Copy)]
enum Extent {
    /// Up to this position, counted from the begin, or from the end where it is negative.
    To(i32),
    /// As many as the argument at the begin says, right behind it.
    Counted,
}

/// One key at a position.
pub(super) const fn at(position: usize) -> KeySpec {
    KeySpec { begin: Begin::At(position), extent: Extent::To(0), step: 1, halves: false }
}

/// One key after the first `word` from a position on.
pub(super) const fn after(word: &'static str, from: usize) -> KeySpec {
    KeySpec { begin: Begin::After(word, from), extent: Extent::To(0), step: 1, halves: false }
}

/// One key after each `word` from a position on.
pub(super) const fn every(word: &'static str, from: usize) -> KeySpec {
    KeySpec { begin: Begin::Every(word, from), extent: Extent::To(0), step: 1, halves: false }
}

/// Why the keys of a call cannot be told; the server would refuse the call, too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclear(pub(super) &'static str);

impl KeySpec {
    pub(super) const fn to(mut self, last: i32) -> Self {
        self.extent = Extent::To(last);
        self
    }

    pub(super) const fn step(mut self, step: usize) -> Self {
        self.step = step;
        self
    }

    pub(super) const fn counted(mut self) -> Self {
        self.extent = Extent::Counted;
        self
    }

    pub(super) const fn halves(mut self) -> Self {
        self.halves = true;
        self
    }

    /// Hands every key of a call to `each`.
    ///
    /// # Errors
    ///
    /// When arguments are missing, or the number of keys is none.
    pub(super) fn each_key<'a, E: From<Unclear>>(
        &self,
        words: &Words<'a>,
        each: &mut impl FnMut(&'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.begin {
            Begin::At(position) => self.keys_from(position, words, each),
            Begin::After(word, from) => match words.positions(word, from).next() {
                Some(position) => self.keys_from(position + 1, words, each),
                None => Ok(()),
            },
            Begin::Every(word, from) => words
                .positions(word, from)
                .try_for_each(|position| self.keys_from(position + 1, words, each)),
        }
    }

    fn keys_from<'a, E: From<Unclear>>(
        &self,
        begin: usize,
        words: &Words<'a>,
        each: &mut impl FnMut(&'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let remaining = words.len().saturating_sub(begin);
        let (first, count) = match self.extent {
            Extent::Counted => {
                let number = words.get(begin).ok_or(Unclear("the number of keys is missing"))?;
                let number = decimal(number).ok_or(Unclear("the number of keys is no number"))?;
                (begin + 1, number)
            }
            Extent::To(_) if self.halves => (begin, remaining / 2),
            Extent::To(last) => {
                let end = match usize::try_from(last) {
                    Ok(more) => begin.saturating_add(more).saturating_add(1),
                    // -1 is the last argument, whose end is that of the call.
                    Err(_) => {
                        let from_end = usize::try_from(last.unsigned_abs()).unwrap_or(usize::MAX);
                        words.len().saturating_sub(from_end.saturating_sub(1))
                    }
                };
                (begin, end.saturating_sub(begin).div_ceil(self.step))
            }
        };
        // A call of more keys than arguments ends here, not after counting up to what it said.
        let needed = count.saturating_sub(1).saturating_mul(self.step);
        if count > 0 && first.saturating_add(needed) >= words.len() {
            return Err(Unclear("there are fewer arguments than keys").into());
        }
        if count == 0 && !matches!(self.extent, Extent::Counted) {
            return Err(Unclear("a key is missing").into());
        }
        (0..count).try_for_each(|n| match words.get(first + n * self.step) {
            Some(key) => each(key),
            None => Err(Unclear("a key is missing").into()),
        })
    }
}

/// A number as Redis reads it: digits, without a sign.
fn decimal(text: &[u8]) -> Option<usize> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
