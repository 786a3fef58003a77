//! The codec of lmq and its peers behind one face, so that every one is given the same bytes and asked for the same work.

pub mod broker;
pub mod cases;
pub mod peers;

/// A codec under measurement: how its input is prepared (not timed), and what is timed.
pub trait Peer {
    /// Name and version in the report.
    const NAME: &'static str;
    /// Whether a decoded packet may outlive the buffer it was read from.
    const OWNED: bool;

    /// What the codec reads from: a slice, a `BytesMut` ...
    type Input;
    /// What the codec writes from.
    type Packet;
    /// What the codec writes to; kept from run to run where the codec allows it.
    type Output;

    /// A fresh input with these bytes.
    fn input(bytes: &'static [u8]) -> Self::Input;

    /// Reads every packet of the input and shows each to the optimizer; returns their number.
    fn decode(input: &mut Self::Input) -> usize;

    /// The packets in these bytes, as values to encode.
    fn packets(bytes: &'static [u8]) -> Vec<Self::Packet>;

    /// An empty output with room for so many bytes.
    fn output(len: usize) -> Self::Output;

    /// Writes the packets one behind the other and returns the number of bytes. Values are given away, as some codecs
    /// take them so; dropping them is timed with none of them that can do without.
    fn encode(packets: &mut Vec<Self::Packet>, output: &mut Self::Output) -> usize;
}
