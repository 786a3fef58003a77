//! Text that lives where it is kept, if it is short.

use alloc::boxed::Box;
use core::borrow::Borrow;
use core::cmp::Ordering;

/// Text of this length at most needs no memory of its own: most topics are shorter.
const INLINE_MAX: usize = 38;

/// 40 bytes, and longer text apart. In the order of bytes.
pub(crate) enum Text {
    Inline(u8, [u8; INLINE_MAX]),
    Heap(Box<[u8]>),
}

impl Text {
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut inline = [0; INLINE_MAX];
        match inline.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text);
                Self::Inline(text.len() as u8, inline)
            }
            None => Self::Heap(text.into()),
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Self::Heap(bytes) => bytes,
        }
    }
}

impl Borrow<[u8]> for Text {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}
