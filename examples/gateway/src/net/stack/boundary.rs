//! Where MQTT packets begin in what is sent.

use std::io::IoSlice;

use bytes::Buf;
use lmq_codec::{Split, split};

/// The longest fixed header.
const HEADER_BYTES_MAX: usize = 5;

/// Cuts outgoing bytes into WebSocket messages: none holds parts of two packets, because Paho C looks for one packet a message.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    /// Bytes of the current packet that are still to come.
    left: usize,
}

impl Boundary {
    /// How many bytes of `out` the next message holds: at most `max`, never more than the current packet.
    pub(super) fn next(&mut self, out: &impl Buf, max: usize) -> usize {
        if self.left == 0 {
            self.left = packet_len(out);
        }
        let count = self.left.min(max).min(out.remaining());
        self.left -= count;
        count
    }
}

/// The length of the packet that `out` begins with.
fn packet_len(out: &impl Buf) -> usize {
    let mut slices = [IoSlice::new(&[]); HEADER_BYTES_MAX];
    let filled = out.chunks_vectored(&mut slices);
    let bytes = slices[..filled].iter().flat_map(|slice| slice.iter().copied());
    let mut header = [0; HEADER_BYTES_MAX];
    let mut known = 0;
    for (place, byte) in header.iter_mut().zip(bytes) {
        *place = byte;
        known += 1;
    }
    match split(&header[..known], u32::MAX) {
        Ok(Split::Frame { frame, .. }) => frame.bytes().len(),
        Ok(Split::Need(more)) => known + more,
        // The broker sends whole, valid packets; were it not so, nothing would be gained by holding them back.
        Err(_) => out.remaining(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8], max: usize) -> Vec<usize> {
        let (mut out, mut boundary) = (bytes, Boundary::default());
        let mut counts = Vec::new();
        while out.has_remaining() {
            let count = boundary.next(&out, max);
            counts.push(count);
            out.advance(count);
        }
        counts
    }

    #[test]
    fn every_packet_is_a_message() {
        let long = [&[0x30, 0xc8, 0x01][..], &[0; 200]].concat();
        let stream = [&[0xd0, 0][..], &[0x40, 2, 0, 1], &long, &[0xd0, 0]].concat();
        assert_eq!(cut(&stream, 16384), [2, 4, 203, 2]);
    }

    #[test]
    fn a_large_packet_is_several_messages_and_the_next_begins_anew() {
        let large = [&[0x30, 0xc8, 0x01][..], &[0; 200]].concat();
        assert_eq!(cut(&[&large[..], &[0xd0, 0]].concat(), 100), [100, 100, 3, 2]);
    }
}
