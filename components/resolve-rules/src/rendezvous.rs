//! Weighted rendezvous hashing: which of several instances a key belongs to.
//!
//! Each candidate scores each key; the best score wins. Adding or removing a candidate moves
//! only the keys that it wins or won, and every node that knows the same candidates agrees,
//! without talking. The score is `-weight / ln(h)` with `h` between 0 and 1 from XXH3-64 of
//! the key, seeded with XXH3-64 of the candidate's id; the logarithm is computed by `libm`,
//! so that it is the same on every machine. Changing any of this moves stored keys.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// An instance that keys may belong to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// The instance's id.
    pub(crate) id: String,
    weight: f64,
    seed: u64,
}

impl Candidate {
    /// A candidate that gets a share of the keys in proportion to `weight`.
    pub(crate) fn new(id: String, weight: u32) -> Self {
        let seed = xxh3_64(id.as_bytes());
        Self { id, weight: weight.into(), seed }
    }

    fn score(&self, key: &str) -> f64 {
        let hash = xxh3_64_with_seed(key.as_bytes(), self.seed);
        // The upper 53 bits, moved by a half, so that neither 0 nor 1 occurs.
        let h = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -self.weight / libm::log(h)
    }
}

/// The candidate that `key` belongs to; none if there is no candidate.
pub(crate) fn choose<'a>(candidates: &'a [Candidate], key: &str) -> Option<&'a Candidate> {
    match candidates {
        [only] => Some(only),
        _ => candidates.iter().max_by(|a, b| a.score(key).total_cmp(&b.score(key))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(weights: &[(&str, u32)]) -> Vec<Candidate> {
        weights.iter().map(|&(id, weight)| Candidate::new(id.into(), weight)).collect()
    }

    fn chosen(candidates: &[Candidate]) -> Vec<&str> {
        (0..10_000)
            .map(|n| choose(candidates, &format!("cam-{n}/frame")).unwrap().id.as_str())
            .collect()
    }

    #[test]
    fn the_choice_is_the_same_for_ever() {
        let candidates = candidates(&[("a", 1), ("b", 1), ("c", 1)]);
        let choices: String = (0..24)
            .map(|n| choose(&candidates, &format!("key-{n}")).unwrap().id.as_str())
            .collect();
        assert_eq!(choices, "bacacbcbccabcaccaccababb");
    }

    #[test]
    fn the_order_of_the_candidates_does_not_matter() {
        let one = candidates(&[("a", 1), ("b", 2), ("c", 3)]);
        let other = candidates(&[("c", 3), ("a", 1), ("b", 2)]);
        assert_eq!(chosen(&one), chosen(&other));
    }

    #[test]
    fn keys_are_shared_out_by_weight() {
        let candidates = candidates(&[("a", 1), ("b", 3)]);
        let b = chosen(&candidates).iter().filter(|&&id| id == "b").count();
        assert!((7300..7700).contains(&b), "{b}");
    }

    #[test]
    fn a_new_candidate_takes_keys_and_moves_no_others() {
        let (before, after) = (
            candidates(&[("a", 1), ("b", 1), ("c", 1)]),
            candidates(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]),
        );
        let mut moved = 0;
        for (before, after) in chosen(&before).into_iter().zip(chosen(&after)) {
            if before != after {
                assert_eq!(after, "d");
                moved += 1;
            }
        }
        assert!((2300..2700).contains(&moved), "{moved}");
    }
}
