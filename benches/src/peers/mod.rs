//! One adapter per codec.

mod bytes_mut;

mod lmq;
mod mqttrs;
mod ntex;
mod protocol_core;

pub use bytes_mut::{
    Mqttbytes4, Mqttbytes5, Mqute4, Mqute5, Rmqtt3, Rmqtt5, Rumqttc4, Rumqttc5, RumqttcNext4, RumqttcNext5,
};
pub use lmq::{LmqBorrowed3, LmqBorrowed5, LmqBorrowedText, LmqOwned3, LmqOwned5, LmqSlice, LmqVectored};
pub use mqttrs::Mqttrs;
pub use ntex::{Ntex3, Ntex5};
pub use protocol_core::{ProtocolCore3, ProtocolCore5};
