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
const GROWTH: f64 = 2.0;

/// How many objects the stages take at once, by what the last batches took.
///
/// Quick plugins get the fullest batches that there are objects for. To plugins that compute long
/// a full batch would be seconds of work, in which its first object waits for its last: it gets as
/// many objects as are computed on for `work`. Waiting may be longer: batches grow as long as they
/// take no longer than `wait`. Beyond that only that counts which each further object adds, as where
/// a plugin asks a server about one after the other: smaller batches of objects that are waited for
/// side by side would only wait more often.
#[derive(Debug)]
pub(super) struct Pace {
    work: Duration,
    wait: Duration,
    // Held to note and to look; never across an await.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    batches: VecDeque<Batch>,
    /// Batches that were given a size.
    sized: u32,
}

/// What a batch took in the stages, in seconds.
#[derive(Debug, Clone, Copy)]
struct Batch {
    objects: f64,
    worked: f64,
    took: f64,
}

impl Pace {
    /// A pace at which a batch is worked on so long, zero for ever, and waits so long.
    pub(super) fn new(work: Duration, wait: Duration) -> Self {
        Self { work, wait, seen: Mutex::default() }
    }

    /// Notes how long a batch was worked on, and took.
    pub(super) fn note(&self, objects: usize, worked: Duration, took: Duration) {
        let mut seen = self.seen.lock();
        if seen.batches.len() == WINDOW {
            seen.batches.pop_front();
        }
        let (worked, took) = (worked.as_secs_f64(), took.as_secs_f64());
        seen.batches.push_back(Batch { objects: objects as f64, worked, took });
    }

    /// Objects of the next batch, at most `most`.
    pub(super) fn objects(&self, most: usize) -> usize {
        let most = most.max(1);
        if self.work.is_zero() {
            return most;
        }
        let (work, wait) = (self.work.as_secs_f64(), self.wait.as_secs_f64());
        let mut seen = self.seen.lock();
        let Some(largest) = seen.largest() else { return FIRST.min(most) };
        if seen.each(|batch| batch.took) * most as f64 <= work {
            return most;
        }
        let by_work = within(work, seen.each(|batch| batch.worked));
        let by_wait =
            if seen.longest() <= wait { f64::INFINITY } else { within(wait, seen.each_further()) };
        let paced = by_work.min(by_wait).min(largest * GROWTH);
        let paced = (paced.round() as usize).clamp(1, most);
        seen.sized = seen.sized.wrapping_add(1);
        match seen.sized % PROBES {
            0 if paced == 1 => 2.min(most),
            0 => paced / 2,
            _ => paced,
        }
    }
}

/// Objects of which each takes so long, and all of them `time`.
fn within(time: f64, each: f64) -> f64 {
    if each > 0.0 { time / each } else { f64::INFINITY }
}

impl Seen {
    /// Objects of the largest batch.
    fn largest(&self) -> Option<f64> {
        self.batches.iter().map(|batch| batch.objects).reduce(f64::max)
    }

    /// Seconds that the longest batch took.
    fn longest(&self) -> f64 {
        self.batches.iter().map(|batch| batch.took).fold(0.0, f64::max)
    }

    /// Seconds that an object takes if all that batches take is for their objects.
    fn each(&self, seconds: impl Fn(&Batch) -> f64) -> f64 {
        let sum = |of: &dyn Fn(&Batch) -> f64| -> f64 { self.batches.iter().map(of).sum() };
        sum(&seconds) / f64::max(sum(&|batch| batch.objects), 1.0)
    }

    /// Seconds that one more object takes: the median over pairs of batches, which single ones that
    /// the machine kept waiting do not move (Theil and Sen's estimator). Not above 0 where larger
    /// batches take no longer.
    fn each_further(&self) -> f64 {
        let pairs = self.batches.iter().enumerate().flat_map(|(n, one)| {
            let others = self.batches.iter().skip(n + 1);
            others.map(move |other| (other.objects - one.objects, other.took - one.took))
        });
        let sizes_differ = pairs.filter(|(objects, _)| objects.abs() >= 1.0);
        let mut slopes: Vec<f64> = sizes_differ.map(|(objects, took)| took / objects).collect();
        if slopes.is_empty() {
            return self.each(|batch| batch.took);
        }
        let middle = slopes.len() / 2;
        *slopes.select_nth_unstable_by(middle, f64::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Duration = Duration::from_millis(20);
    const WAIT: Duration = Duration::from_millis(1250);
    const MOST: usize = 512;

    fn pace() -> Pace {
        Pace::new(WORK, WAIT)
    }

    /// How long a batch is worked on, and takes.
    type Took = (Duration, Duration);

    /// What batches have after `batches` of them: the most frequent size of the next ones.
    fn settled(pace: &Pace, batches: usize, takes: impl Fn(u32) -> Took) -> usize {
        for _ in 0..batches {
            let objects = pace.objects(MOST);
            let (worked, took) = takes(objects as u32);
            pace.note(objects, worked, took);
        }
        let next = [pace.objects(MOST), pace.objects(MOST), pace.objects(MOST)];
        next.into_iter().max().unwrap()
    }

    fn quick(objects: u32) -> Took {
        let took = Duration::from_micros(50) + Duration::from_micros(2) * objects;
        (took, took)
    }

    fn computing(objects: u32) -> Took {
        let took = Duration::from_millis(5) * objects;
        (took, took)
    }

    /// One waits for all of them at once.
    fn side_by_side(objects: u32) -> Took {
        (Duration::from_micros(20) * objects, Duration::from_millis(100))
    }

    /// One after the other.
    fn in_turn(objects: u32) -> Took {
        (Duration::from_micros(20) * objects, Duration::from_millis(25) * objects)
    }

    #[test]
    fn quick_stages_get_full_batches() {
        assert_eq!(pace().objects(MOST), FIRST);
        assert_eq!(settled(&pace(), 1, quick), MOST);
    }

    #[test]
    fn stages_that_compute_long_get_batches_that_end_soon() {
        assert_eq!(settled(&pace(), 40, computing), 4);
        let minute =
            |objects| (Duration::from_secs(60) * objects, Duration::from_secs(60) * objects);
        assert!(settled(&pace(), 40, minute) <= 2, "one, and two for a look");
    }

    #[test]
    fn stages_that_wait_get_full_batches_unless_each_object_makes_them_wait_longer() {
        assert_eq!(settled(&pace(), 40, side_by_side), MOST);
        assert!((50..=100).contains(&settled(&pace(), 40, in_turn)));
    }

    #[test]
    fn a_few_objects_that_are_waited_for_long_do_not_make_batches_small() {
        let random = fastrand::Rng::with_seed(7);
        let random = std::cell::RefCell::new(random);
        // One in ten keeps its batch waiting for long.
        let some = |objects: u32| {
            let slow = (0..objects).any(|_| random.borrow_mut().u32(..10) == 0);
            let took = if slow { Duration::from_secs(2) } else { Duration::from_millis(2) };
            (Duration::from_micros(20) * objects, took)
        };
        assert!(settled(&pace(), 100, some) >= 100);
    }

    #[test]
    fn a_pace_follows_what_stages_become() {
        let pace = pace();
        for _ in 0..2 {
            assert_eq!(settled(&pace, 60, computing), 4);
            assert_eq!(settled(&pace, 60, side_by_side), MOST);
            assert_eq!(settled(&pace, 60, quick), MOST);
        }
    }

    #[test]
    fn a_pause_of_the_machine_is_soon_forgotten() {
        let pace = pace();
        settled(&pace, 20, quick);
        pace.note(MOST, Duration::from_secs(1), Duration::from_secs(1));
        assert_eq!(settled(&pace, 40, quick), MOST);
    }

    #[test]
    fn without_a_time_batches_are_as_full_as_they_may() {
        let pace = Pace::new(Duration::ZERO, WAIT);
        pace.note(1, Duration::from_secs(1), Duration::from_secs(1));
        assert_eq!(pace.objects(MOST), MOST);
    }
}
