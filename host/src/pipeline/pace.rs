//! `Pace`: how many objects a batch should have, so that it leaves the stages soon.

use parking_lot::Mutex;
use std::{collections::VecDeque, time::Duration};

/// Objects of the first batch, when nothing is known yet.
const FIRST: usize = 16;

/// Batches that are remembered.
const WINDOW: usize = 16;

/// One batch in so many has another size than the pace says, unless full ones are quick anyway: from
/// batches of one size nobody can tell what their objects take from what every batch takes.
const PROBES: u32 = 8;

/// How much larger than any remembered one a batch may be.
const GROWTH: f64 = 4.0;

/// What batches take in the stages: a part that every batch takes, and one for each object.
///
/// Quick plugins get the fullest batches that there are objects for. To plugins that compute long
/// a full batch would be seconds of work, in which its first object waits for its last, and all
/// of them for the limit that the batch would run into: it gets as many objects as take `time`.
/// What a batch takes however few objects it has, as where a plugin waits for a server's answers
/// to all of them side by side, counts for nothing: smaller batches would only wait more often.
#[derive(Debug)]
pub(super) struct Pace {
    time: Duration,
    // Held to note and to look; never across an await.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The last batches: how many objects, and how many seconds.
    batches: VecDeque<(f64, f64)>,
    /// Batches that were given a size.
    sized: u32,
}

impl Pace {
    /// A pace at which the objects of a batch take this long; zero does not bound batches.
    pub(super) fn new(time: Duration) -> Self {
        Self { time, seen: Mutex::default() }
    }

    /// Notes how long a batch took.
    pub(super) fn note(&self, objects: usize, took: Duration) {
        let mut seen = self.seen.lock();
        if seen.batches.len() == WINDOW {
            seen.batches.pop_front();
        }
        seen.batches.push_back((objects as f64, took.as_secs_f64()));
    }

    /// Objects of the next batch, at most `most`.
    pub(super) fn objects(&self, most: usize) -> usize {
        let most = most.max(1);
        if self.time.is_zero() {
            return most;
        }
        let time = self.time.as_secs_f64();
        let mut seen = self.seen.lock();
        let Some(largest) = seen.largest() else { return FIRST.min(most) };
        if seen.whole() * most as f64 <= time {
            return most;
        }
        let each = seen.each();
        let paced = if each > 0.0 { time / each } else { f64::INFINITY };
        let paced = (paced.min(largest * GROWTH).round() as usize).clamp(1, most);
        seen.sized = seen.sized.wrapping_add(1);
        match seen.sized % PROBES {
            0 if paced == 1 => 2.min(most),
            0 => paced / 2,
            _ => paced,
        }
    }
}

impl Seen {
    /// Objects of the largest batch.
    fn largest(&self) -> Option<f64> {
        self.batches.iter().map(|(objects, _)| *objects).reduce(f64::max)
    }

    /// Seconds that an object takes if all that batches take is for their objects: it is not more.
    fn whole(&self) -> f64 {
        let (objects, seconds) =
            self.batches.iter().fold((0.0, 0.0), |sum, batch| (sum.0 + batch.0, sum.1 + batch.1));
        seconds / f64::max(objects, 1.0)
    }

    /// Seconds that one more object takes: the median over pairs of batches, which single ones that
    /// the machine kept waiting do not move (Theil and Sen's estimator). Not above 0 where larger
    /// batches take no longer.
    fn each(&self) -> f64 {
        let pairs = self.batches.iter().enumerate().flat_map(|(n, one)| {
            self.batches.iter().skip(n + 1).map(move |other| (other.0 - one.0, other.1 - one.1))
        });
        let sizes_differ = pairs.filter(|(objects, _)| objects.abs() >= 1.0);
        let mut slopes: Vec<f64> = sizes_differ.map(|(objects, took)| took / objects).collect();
        if slopes.is_empty() {
            return self.whole();
        }
        let middle = slopes.len() / 2;
        *slopes.select_nth_unstable_by(middle, f64::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_millis(20);
    const MOST: usize = 512;

    /// What batches have after `batches` of them, of which each takes `takes`: the most frequent
    /// size of the next ones.
    fn settled(pace: &Pace, batches: usize, takes: impl Fn(u32) -> Duration) -> usize {
        for _ in 0..batches {
            let objects = pace.objects(MOST);
            pace.note(objects, takes(objects as u32));
        }
        let next = [pace.objects(MOST), pace.objects(MOST), pace.objects(MOST)];
        next.into_iter().max().unwrap()
    }

    fn quick(objects: u32) -> Duration {
        Duration::from_micros(50) + Duration::from_micros(2) * objects
    }

    fn computing(objects: u32) -> Duration {
        Duration::from_millis(5) * objects
    }

    fn waiting(_: u32) -> Duration {
        Duration::from_millis(100)
    }

    #[test]
    fn quick_stages_get_full_batches() {
        let pace = Pace::new(TIME);
        assert_eq!(pace.objects(MOST), FIRST);
        assert_eq!(settled(&pace, 1, quick), MOST);
    }

    #[test]
    fn stages_that_compute_long_get_batches_that_end_soon() {
        assert_eq!(settled(&Pace::new(TIME), 40, computing), 4);
        let minutes = |objects| Duration::from_secs(60) * objects;
        assert_eq!(settled(&Pace::new(TIME), 40, minutes), 2, "a probe among batches of one");
    }

    #[test]
    fn stages_that_wait_get_full_batches() {
        assert_eq!(settled(&Pace::new(TIME), 40, waiting), MOST);
        let a_little_each = |objects| waiting(objects) + Duration::from_micros(20) * objects;
        assert_eq!(settled(&Pace::new(TIME), 40, a_little_each), MOST);
    }

    #[test]
    fn a_pace_follows_what_stages_become() {
        let pace = Pace::new(TIME);
        for _ in 0..2 {
            assert_eq!(settled(&pace, 60, computing), 4);
            assert_eq!(settled(&pace, 60, waiting), MOST);
            assert_eq!(settled(&pace, 60, quick), MOST);
        }
    }

    #[test]
    fn a_pause_of_the_machine_is_soon_forgotten() {
        let pace = Pace::new(TIME);
        settled(&pace, 20, quick);
        pace.note(MOST, Duration::from_secs(1));
        assert_eq!(settled(&pace, 40, quick), MOST);
    }

    #[test]
    fn without_a_time_batches_are_as_full_as_they_may() {
        let pace = Pace::new(Duration::ZERO);
        pace.note(1, Duration::from_secs(1));
        assert_eq!(pace.objects(MOST), MOST);
    }
}
