//! `Payloads`: the payloads of a batch, which a guest gets as one list of bytes.

#![allow(
    unsafe_code,
    reason = "wasmtime's traits for values are unsafe, and its derive joins none"
)]

use bytes::Bytes;
use std::mem::MaybeUninit;
use wasmtime::{
    Result, ValRaw,
    component::{
        __internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext},
        ComponentType, Lower,
    },
};

/// The payloads of a batch: shared in the host, and one after the other in a guest.
///
/// A list of lists would cost an allocation in the guest for each of them, which is more than it
/// costs to copy a small one.
#[derive(Debug)]
pub(crate) struct Payloads {
    parts: Vec<Bytes>,
    bytes: usize,
}

impl Payloads {
    pub(super) fn new(parts: impl Iterator<Item = Bytes>) -> Self {
        let parts: Vec<_> = parts.collect();
        Self { bytes: parts.iter().map(Bytes::len).sum(), parts }
    }

    /// How many bytes they have together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Copies them into memory that the guest allocates: where they are, and how many bytes.
    fn copy<T>(&self, cx: &mut LowerContext<'_, T>) -> Result<(u32, u32)> {
        let length = u32::try_from(self.bytes)?;
        let start = cx.realloc(0, 0, 1, self.bytes)?;
        // The context has checked that the guest has this room.
        let (_, mut room) = cx.as_slice_mut().split_at_mut(start);
        for part in &self.parts {
            let (here, rest) = room.split_at_mut(part.len());
            here.copy_from_slice(part);
            room = rest;
        }
        Ok((u32::try_from(start)?, length))
    }
}

// SAFETY: it has the form of `[u8]`, a pointer and a length, and checks its type as that does.
unsafe impl ComponentType for Payloads {
    type Lower = <[u8] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[u8] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <[u8]>::typecheck(ty, types)
    }
}

// SAFETY: all of `dst` and of the pair at `offset` is written.
unsafe impl Lower for Payloads {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let (start, length) = self.copy(cx)?;
        dst.write([start, length].map(|number| ValRaw::i64(number.into())));
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let (start, length) = self.copy(cx)?;
        *cx.get(offset) = start.to_le_bytes();
        *cx.get(offset + 4) = length.to_le_bytes();
        Ok(())
    }
}
