//! `QueueState`: order, leases and remembered ids of one queue, wherever its elements are kept.
//!
//! Memory keeps the elements in it, the disk only their numbers. It does no I/O and reads no
//! clock: callers pass the time in milliseconds, and write down what the answers tell them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

pub use framedb_core::{ID_WINDOW, ID_WINDOW_COUNT};

/// An element, by its number in the order of arrival.
#[derive(Debug)]
pub(crate) struct Item<T> {
    pub(crate) payload: T,
    pub(crate) deliveries: u32,
}

/// A hold on an element.
#[derive(Debug)]
struct Held<T> {
    number: u64,
    until: u64,
    item: Item<T>,
}

/// An element that was just handed out.
#[derive(Debug)]
pub(crate) struct Handed<'a, T> {
    pub(crate) number: u64,
    pub(crate) token: Arc<str>,
    pub(crate) until: u64,
    pub(crate) deliveries: u32,
    pub(crate) payload: &'a T,
}

/// An element as it is found again after a restart.
#[derive(Debug)]
pub(crate) struct Restored<T> {
    pub(crate) number: u64,
    pub(crate) payload: T,
    pub(crate) deliveries: u32,
    /// Token and end of its lease.
    pub(crate) lease: Option<(Arc<str>, u64)>,
}

/// One queue. Elements return to their place in the order of arrival, which is in front of all
/// that were never handed out.
#[derive(Debug)]
pub(crate) struct QueueState<T> {
    ready: BTreeMap<u64, Item<T>>,
    leased: HashMap<Arc<str>, Held<T>>,
    /// Ends of leases, soonest first.
    ends: BTreeSet<(u64, Arc<str>)>,
    ids: HashSet<Arc<str>>,
    /// Remembered ids with the time and the number of their element, oldest first.
    window: VecDeque<(u64, u64, Arc<str>)>,
    next: u64,
}

impl<T> Default for QueueState<T> {
    fn default() -> Self {
        Self {
            ready: BTreeMap::new(),
            leased: HashMap::new(),
            ends: BTreeSet::new(),
            ids: HashSet::new(),
            window: VecDeque::new(),
            next: 0,
        }
    }
}

impl<T> QueueState<T> {
    /// A queue as it was written down: elements in any order, ids by the number of their
    /// element.
    pub(crate) fn restore(
        items: impl IntoIterator<Item = Restored<T>>,
        ids: impl IntoIterator<Item = (u64, u64, Arc<str>)>,
    ) -> Self {
        let mut state = Self::default();
        for Restored { number, payload, deliveries, lease } in items {
            state.next = state.next.max(number.saturating_add(1));
            let item = Item { payload, deliveries };
            match lease {
                Some((token, until)) => {
                    state.ends.insert((until, token.clone()));
                    state.leased.insert(token, Held { number, until, item });
                }
                None => {
                    state.ready.insert(number, item);
                }
            }
        }
        for (number, at, id) in ids {
            state.next = state.next.max(number.saturating_add(1));
            state.ids.insert(id.clone());
            state.window.push_back((at, number, id));
        }
        state
    }

    /// Whether this id was pushed within the window.
    pub(crate) fn remembers(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Appends an element and remembers its id; its number.
    pub(crate) fn push(&mut self, id: &str, payload: T, now: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        let id: Arc<str> = id.into();
        self.ids.insert(id.clone());
        self.window.push_back((now, number, id));
        self.ready.insert(number, Item { payload, deliveries: 0 });
        number
    }

    /// Forgets the ids that leave the window, to be called before and after pushes; the numbers
    /// under which they were remembered.
    pub(crate) fn forget(&mut self, now: u64) -> Vec<u64> {
        let window = u64::try_from(ID_WINDOW.as_millis()).unwrap_or(u64::MAX);
        let mut forgotten = Vec::new();
        while let Some((at, number, id)) = self.window.front() {
            if self.window.len() <= ID_WINDOW_COUNT && now.saturating_sub(*at) < window {
                break;
            }
            self.ids.remove(id);
            forgotten.push(*number);
            self.window.pop_front();
        }
        forgotten
    }

    /// Returns the elements whose lease has ended; how many there were.
    pub(crate) fn expire(&mut self, now: u64) -> usize {
        let mut ended = 0;
        while let Some((until, _)) = self.ends.first() {
            if *until > now {
                break;
            }
            let Some((_, token)) = self.ends.pop_first() else { break };
            if let Some(held) = self.leased.remove(&token) {
                self.ready.insert(held.number, held.item);
                ended += 1;
            }
        }
        ended
    }

    /// Hands out the oldest element under a new token.
    pub(crate) fn lease(&mut self, period: Duration, now: u64) -> Option<Handed<'_, T>> {
        let (number, mut item) = self.ready.pop_first()?;
        item.deliveries = item.deliveries.saturating_add(1);
        let token: Arc<str> = uuid::Uuid::new_v4().to_string().into();
        let until = end_of(period, now);
        self.ends.insert((until, token.clone()));
        let held =
            self.leased.entry(token.clone()).insert_entry(Held { number, until, item }).into_mut();
        let (deliveries, payload) = (held.item.deliveries, &held.item.payload);
        Some(Handed { number, token, until, deliveries, payload })
    }

    /// Removes a leased element; its number and payload.
    pub(crate) fn ack(&mut self, token: &str) -> Option<(u64, T)> {
        let held = self.release(token)?;
        Some((held.number, held.item.payload))
    }

    /// Returns a leased element; its number and how often it was handed out.
    pub(crate) fn nack(&mut self, token: &str) -> Option<(u64, u32)> {
        let held = self.release(token)?;
        let deliveries = held.item.deliveries;
        self.ready.insert(held.number, held.item);
        Some((held.number, deliveries))
    }

    /// Moves the end of a lease; the element's number, how often it was handed out, and the end.
    pub(crate) fn extend(
        &mut self,
        token: &str,
        period: Duration,
        now: u64,
    ) -> Option<(u64, u32, u64)> {
        let (token, held) = self.leased.get_key_value(token)?;
        let (token, until) = (token.clone(), end_of(period, now));
        self.ends.remove(&(held.until, token.clone()));
        self.ends.insert((until, token.clone()));
        let held = self.leased.get_mut(&token)?;
        held.until = until;
        Some((held.number, held.item.deliveries, until))
    }

    /// Waiting and leased elements.
    pub(crate) fn lengths(&self) -> (u64, u64) {
        (self.ready.len() as u64, self.leased.len() as u64)
    }

    /// Whether there is nothing to keep.
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.leased.is_empty() && self.window.is_empty()
    }

    /// Whether an element waits.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// All payloads, leased ones included.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &T> {
        let leased = self.leased.values().map(|held| &held.item.payload);
        self.ready.values().map(|item| &item.payload).chain(leased)
    }

    fn release(&mut self, token: &str) -> Option<Held<T>> {
        let (token, held) = self.leased.remove_entry(token)?;
        self.ends.remove(&(held.until, token));
        Some(held)
    }
}

fn end_of(period: Duration, now: u64) -> u64 {
    now.saturating_add(u64::try_from(period.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(10);

    #[test]
    fn returned_elements_come_before_those_never_handed_out() {
        let mut queue = QueueState::default();
        for n in 0..3 {
            queue.push(&n.to_string(), n, 0);
        }
        let first = queue.lease(PERIOD, 0).unwrap().token;
        queue.lease(PERIOD, 1).unwrap();
        assert_eq!(queue.expire(9), 0);
        assert_eq!(queue.expire(10), 1);
        assert!(queue.ack(&first).is_none());
        let again = queue.lease(PERIOD, 10).unwrap();
        assert_eq!((*again.payload, again.deliveries), (0, 2));
        assert_eq!(*queue.lease(PERIOD, 10).unwrap().payload, 2);
    }

    #[test]
    fn an_extended_lease_ends_later() {
        let mut queue = QueueState::default();
        queue.push("a", (), 0);
        let token = queue.lease(PERIOD, 0).unwrap().token;
        assert!(queue.extend(&token, PERIOD, 5).is_some());
        assert_eq!(queue.expire(14), 0);
        assert_eq!(queue.expire(15), 1);
        assert!(queue.extend(&token, PERIOD, 15).is_none());
    }

    #[test]
    fn ids_are_forgotten_by_time_and_by_count() {
        let mut queue = QueueState::default();
        queue.push("a", (), 0);
        queue.push("b", (), 1);
        assert_eq!(queue.forget(600_000), [0]);
        assert!(!queue.remembers("a") && queue.remembers("b"));
        for n in 0..ID_WINDOW_COUNT {
            queue.push(&n.to_string(), (), 2);
        }
        assert_eq!(queue.forget(2), [1]);
    }
}
