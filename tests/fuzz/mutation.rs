//! Mutations of a corpus, as fuzzers make them, and the same ones each time.

use fastrand::Rng;

/// Bytes that a mutation grows to at most.
const MAX: usize = 4096;

/// Bytes that mean something in one format or another.
const MARKS: &[u8] = b"\0\n\r\t \"'`\\%*/;:,.?#@$-+=()[]{}<>|~!&0129azAZ\x7f\x80\xc3\xff";

/// Numbers at the edges.
const NUMBERS: &[&str] =
    &["0", "-1", "255", "65536", "4294967296", "18446744073709551615", "1e309"];

/// Makes one mutation after the other.
pub(crate) struct Mutator {
    random: Rng,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    pub(crate) fn new(name: &str, seeds: Vec<Vec<u8>>) -> Self {
        let seed = name.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
        Self { random: Rng::with_seed(seed), seeds }
    }

    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut data = self.seed().to_vec();
        for _ in 0..self.random.usize(1..8) {
            self.change(&mut data);
        }
        data.truncate(MAX);
        data
    }

    fn seed(&mut self) -> &[u8] {
        let n = self.random.usize(..self.seeds.len());
        &self.seeds[n]
    }

    fn change(&mut self, data: &mut Vec<u8>) {
        let at = self.random.usize(..=data.len());
        let end = (at + self.random.usize(..16)).min(data.len());
        match self.random.u8(..9) {
            0 if at < data.len() => data[at] ^= 1 << self.random.u8(..8),
            1 if at < data.len() => data[at] = self.random.u8(..),
            2 => data.insert(at, self.random.u8(..)),
            3 => data.insert(at, MARKS[self.random.usize(..MARKS.len())]),
            4 => drop(data.drain(at..end)),
            5 => {
                let piece = data[at..end].repeat(self.random.usize(1..20));
                drop(data.splice(at..at, piece));
            }
            6 => {
                let number = NUMBERS[self.random.usize(..NUMBERS.len())];
                drop(data.splice(at..end, number.bytes()));
            }
            7 => {
                // The rest is another one's.
                let other = self.seed().to_vec();
                let from = self.random.usize(..=other.len());
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            _ => data.reverse(),
        }
    }
}
