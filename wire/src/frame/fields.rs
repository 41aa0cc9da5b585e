//! Reads and writes the fields of frames.

use super::FrameError;
use crate::{Counter, Epoch, MemberId, Seq, VERSION, limits};

/// Reads big-endian fields from the front of a frame.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Returns a reference, so that a secret is copied only once, to its final place.
    pub(super) fn array_ref<const N: usize>(&mut self) -> Result<&'a [u8; N], FrameError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(FrameError::Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        self.array_ref().copied()
    }

    pub(super) fn u8(&mut self) -> Result<u8, FrameError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, FrameError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn member_id(&mut self) -> Result<MemberId, FrameError> {
        MemberId::try_from(self.u32()?).map_err(|_| FrameError::Malformed)
    }

    pub(super) fn counter(&mut self) -> Result<Counter, FrameError> {
        self.array().map(|bytes| Counter(u64::from_be_bytes(bytes)))
    }

    pub(super) fn seq(&mut self) -> Result<Seq, FrameError> {
        self.array().map(|bytes| Seq(u64::from_be_bytes(bytes)))
    }

    pub(super) fn bool(&mut self) -> Result<bool, FrameError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FrameError::Malformed),
        }
    }

    pub(super) fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn epoch(&mut self) -> Result<Epoch, FrameError> {
        Ok(Epoch { generation: self.u32()?, number: self.array().map(u64::from_be_bytes)? })
    }

    /// Reads a list of members. A member that is listed twice is an error.
    pub(super) fn members(&mut self) -> Result<Vec<MemberId>, FrameError> {
        let count = usize::from(self.u16()?);
        let mut members = Vec::with_capacity(count.min(limits::MEMBERS));
        for _ in 0..count {
            let member = self.member_id()?;
            if members.contains(&member) || members.len() == limits::MEMBERS {
                return Err(FrameError::Malformed);
            }
            members.push(member);
        }
        Ok(members)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        let length = usize::try_from(self.u32()?).map_err(|_| FrameError::Malformed)?;
        let (head, tail) = self.0.split_at_checked(length).ok_or(FrameError::Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    /// Returns the unread bytes.
    pub(super) fn left(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// Returns the unread bytes, of which there must be at least one.
    pub(super) fn rest(&mut self) -> Result<&'a [u8], FrameError> {
        let rest = self.left();
        if rest.is_empty() { Err(FrameError::Malformed) } else { Ok(rest) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads version and kind.
    pub(super) fn open(bytes: &'a [u8]) -> Result<(u8, Self), FrameError> {
        let mut reader = Self(bytes);
        match reader.u8()? {
            VERSION => Ok((reader.u8()?, reader)),
            other => Err(FrameError::Version(other)),
        }
    }

    pub(super) fn end(self) -> Result<(), FrameError> {
        if self.0.is_empty() { Ok(()) } else { Err(FrameError::Malformed) }
    }
}

/// Appends big-endian fields to a frame.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Begins a frame of this kind, with capacity for its body.
    pub(super) fn new(kind: u8, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(2 + capacity);
        bytes.extend([VERSION, kind]);
        Self(bytes)
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(super) fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    pub(super) fn bool(self, value: bool) -> Self {
        self.u8(value.into())
    }

    pub(super) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn seq(self, seq: Seq) -> Self {
        self.u64(seq.0)
    }

    pub(super) fn counter(self, counter: Counter) -> Self {
        self.u64(counter.0)
    }

    pub(super) fn member(self, member: MemberId) -> Self {
        self.u32(member.0)
    }

    pub(super) fn epoch(self, epoch: Epoch) -> Self {
        self.u32(epoch.generation).u64(epoch.number)
    }

    /// Appends the length of a list, which never exceeds [`limits::MEMBERS`].
    pub(super) fn count(self, count: usize) -> Self {
        self.bytes(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes())
    }

    pub(super) fn members(self, members: &[MemberId]) -> Self {
        members.iter().fold(self.count(members.len()), |frame, member| frame.member(*member))
    }

    /// Appends bytes with their length before them.
    pub(super) fn counted(self, bytes: &[u8]) -> Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).bytes(bytes)
    }

    pub(super) fn end(self) -> Vec<u8> {
        self.0
    }
}
