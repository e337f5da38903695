//! Admission: bytes in flight are bounded, and a full node says "try later" at once.

use framedb_core::{Failure, FailureClass, MaxObject, Stage};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What an object counts beside its payload, so that their number is bounded as well.
const OVERHEAD: u64 = 1 << 10;

/// When a refused sender should try again: a batch is long done by then.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The bound on bytes in flight.
#[derive(Debug, Clone)]
pub struct Admission {
    bytes: Arc<Semaphore>,
    capacity: u64,
    max_object: u64,
}

/// A share of the bytes in flight, held until the receipt is handed over.
#[derive(Debug, Default)]
pub struct Permit(Option<OwnedSemaphorePermit>);

impl Admission {
    pub(crate) fn new(capacity: u64, max_object: u64) -> Self {
        let permits = usize::try_from(capacity).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(permits)), capacity, max_object }
    }

    /// Takes room for an object of `size` bytes, or says that there is none.
    ///
    /// # Errors
    ///
    /// *Too large* for an object over `max-object`, else *busy*.
    pub fn try_admit(&self, size: u64) -> Result<Permit, Failure> {
        let permits = self.permits(size)?;
        match self.bytes.clone().try_acquire_many_owned(permits) {
            Ok(permit) => Ok(Permit(Some(permit))),
            Err(_) => Err(self.busy()),
        }
    }

    /// Waits for room for an object of `size` bytes: for doors whose flow control makes the
    /// sender wait.
    ///
    /// # Errors
    ///
    /// *Too large* for an object over `max-object`.
    pub async fn admit(&self, size: u64) -> Result<Permit, Failure> {
        let permits = self.permits(size)?;
        Ok(Permit(self.bytes.clone().acquire_many_owned(permits).await.ok()))
    }

    /// Lets `permit` cover an object of `size` bytes, for a payload whose length is learned
    /// while it arrives.
    ///
    /// # Errors
    ///
    /// As [`Admission::try_admit`]; the permit stays as it was.
    pub fn try_grow(&self, permit: &mut Permit, size: u64) -> Result<(), Failure> {
        let held = permit.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u64::from(self.permits(size)?).saturating_sub(held as u64);
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        match self.bytes.clone().try_acquire_many_owned(missing) {
            Ok(more) => match &mut permit.0 {
                Some(held) => held.merge(more),
                none => *none = Some(more),
            },
            Err(_) => return Err(self.busy()),
        }
        Ok(())
    }

    /// Waits until nothing is in flight. Nothing new is admitted meanwhile.
    pub(crate) async fn idle(&self) {
        let mut room = Vec::new();
        let mut missing = self.capacity;
        while missing > 0 {
            let permits = u32::try_from(missing).unwrap_or(u32::MAX);
            room.push(self.bytes.acquire_many(permits).await);
            missing -= u64::from(permits);
        }
    }

    /// Bytes in flight now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.capacity.saturating_sub(self.bytes.available_permits() as u64)
    }

    /// Bytes an object may have.
    #[must_use]
    pub fn max_object(&self) -> u64 {
        self.max_object
    }

    /// The failure of an object over `max-object`.
    #[must_use]
    pub fn too_large(&self, size: Option<u64>) -> Failure {
        self.most().too_large(size)
    }

    /// Bytes an object may have, with the setting that says so.
    pub(crate) fn most(&self) -> MaxObject {
        MaxObject { bytes: self.max_object, setting: "limits.max-object" }
    }

    fn permits(&self, size: u64) -> Result<u32, Failure> {
        if size > self.max_object {
            return Err(self.too_large(Some(size)));
        }
        // `check` refuses a capacity below max-object; the minimum keeps a wait from being
        // endless all the same.
        let permits = size.saturating_add(OVERHEAD).min(self.capacity);
        Ok(u32::try_from(permits).unwrap_or(u32::MAX))
    }

    fn busy(&self) -> Failure {
        let mut failure = Failure::new(
            FailureClass::Busy,
            Stage::Admission,
            format!("busy, try again in {}", humantime::format_duration(TRY_AGAIN)),
        );
        failure.retry_after = Some(TRY_AGAIN);
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_house_refuses_at_once_and_takes_objects_when_there_is_room() {
        let admission = Admission::new(10_000, 8_000);
        let permit = admission.try_admit(8_000).unwrap();
        assert_eq!(admission.in_flight(), 9_024);
        let busy = admission.try_admit(8_000).unwrap_err();
        assert_eq!((busy.class, busy.retry_after.is_some()), (FailureClass::Busy, true));
        drop(permit);
        assert!(admission.try_admit(8_000).is_ok());
        let large = admission.admit(8_001).await.unwrap_err();
        assert_eq!(large.class, FailureClass::TooLarge);
    }

    #[test]
    fn a_growing_object_takes_no_more_than_one_of_its_size() {
        let admission = Admission::new(8_000, 8_000);
        let mut permit = admission.try_admit(0).unwrap();
        admission.try_grow(&mut permit, 4_000).unwrap();
        assert_eq!(admission.in_flight(), 5_024);
        admission.try_grow(&mut permit, 8_000).unwrap();
        assert_eq!(admission.in_flight(), 8_000);
        let large = admission.try_grow(&mut permit, 8_001).unwrap_err();
        assert_eq!(large.class, FailureClass::TooLarge);
        drop(permit);
        assert_eq!(admission.in_flight(), 0);
    }
}
