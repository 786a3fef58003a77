//! Who is connected, what they subscribe to, and the queue in front of each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use lmq_codec::{Connect, Delivery, PacketId, Properties, Publish, QoS, ReasonCode, SubscribeOptions, Template};
use lmq_codec::{TopicFilter, TopicName, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// What waits for one client that reads more slowly than others publish. Beyond it QoS 0 is dropped and counted; at
/// QoS 1 the slow client has to go, because a loss must not go unnoticed.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// What a message in the queue costs besides its bytes.
const ENTRY_BYTES: usize = 128;
/// Filters of one client.
const SUBSCRIPTIONS_MAX: usize = 100;

#[derive(Default)]
pub(crate) struct Hub {
    /// By client identifier. Its order is that of a map, so that runs repeat.
    clients: Mutex<BTreeMap<String, Client>>,
    serials: AtomicU64,
}

/// The hub's end of a connection.
struct Client {
    serial: u64,
    version: Version,
    packet_bytes_max: usize,
    subscriptions: Vec<(String, SubscribeOptions)>,
    queue: mpsc::UnboundedSender<Queued>,
    /// Bounds the queue in bytes.
    room: Arc<Semaphore>,
    evict: Option<oneshot::Sender<ReasonCode>>,
    dropped: Arc<AtomicU64>,
}

/// A frame and its place, which is free again when the frame is taken out and dropped.
type Queued = (Frame, OwnedSemaphorePermit);

/// The connection's end; leaves when dropped.
pub(crate) struct Member {
    hub: Arc<Hub>,
    serial: u64,
    pub(crate) client_id: String,
    pub(crate) queue: mpsc::UnboundedReceiver<Queued>,
    /// Why the hub wants the connection to end.
    pub(crate) evicted: oneshot::Receiver<ReasonCode>,
    pub(crate) dropped: Arc<AtomicU64>,
}

impl Hub {
    /// A connection with the same client identifier has to go. [MQTT-3.1.4-2] (3.1.1), [MQTT-3.1.4-3] (5.0)
    pub(crate) fn join(self: &Arc<Self>, connect: &Connect<'_>) -> Member {
        let serial = self.serials.fetch_add(1, Relaxed);
        let client_id = match connect.client_id {
            "" => format!("auto-{serial}"),
            given => given.to_owned(),
        };
        let ((sender, queue), (evict, evicted)) = (mpsc::unbounded_channel(), oneshot::channel());
        let dropped = Arc::new(AtomicU64::new(0));
        let client = Client {
            serial,
            version: connect.version,
            packet_bytes_max: connect.properties.maximum_packet_size().map_or(usize::MAX, |max| max.get() as usize),
            subscriptions: Vec::new(),
            queue: sender,
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            evict: Some(evict),
            dropped: Arc::clone(&dropped),
        };
        if let Some(mut old) = self.clients().insert(client_id.clone(), client) {
            old.evict(ReasonCode::SessionTakenOver);
        }
        Member { hub: Arc::clone(self), serial, client_id, queue, evicted, dropped }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Queues a message for everybody who subscribes to its topic; says for how many.
    pub(crate) fn publish(&self, publish: &Publish<'_>) -> usize {
        let Some(topic) = publish.topic else { return 0 };
        let (mut frames, mut receivers) = (Frames { publish, made: Default::default() }, 0);
        self.hub.clients().retain(|_, client| {
            let Some(wanted) = client.wants(topic, self.serial) else { return true };
            receivers += 1;
            frames.get(client.version, wanted).is_none_or(|frame| client.enqueue(frame))
        });
        receivers
    }

    pub(crate) fn subscribe(&self, filter: TopicFilter<'_>, options: SubscribeOptions) -> ReasonCode {
        let options = SubscribeOptions { qos: options.qos.min(QoS::AtLeastOnce), ..options };
        self.change(|subscriptions| {
            let full = subscriptions.len() == SUBSCRIPTIONS_MAX;
            match subscriptions.iter_mut().find(|(text, _)| text == filter.as_str()) {
                Some(subscription) => subscription.1 = options,
                None if full => return ReasonCode::QuotaExceeded,
                None => subscriptions.push((filter.as_str().to_owned(), options)),
            }
            options.qos.into()
        })
    }

    pub(crate) fn unsubscribe(&self, filter: TopicFilter<'_>) -> ReasonCode {
        self.change(|subscriptions| match subscriptions.iter().position(|(text, _)| text == filter.as_str()) {
            Some(at) => {
                subscriptions.remove(at);
                ReasonCode::Success
            }
            None => ReasonCode::NoSubscriptionExisted,
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<(String, SubscribeOptions)>) -> ReasonCode) -> ReasonCode {
        match self.hub.clients().get_mut(&self.client_id) {
            Some(client) if client.serial == self.serial => change(&mut client.subscriptions),
            _ => ReasonCode::UnspecifiedError,
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut clients = self.hub.clients();
        if clients.get(&self.client_id).is_some_and(|client| client.serial == self.serial) {
            clients.remove(&self.client_id);
        }
    }
}

impl Client {
    /// The highest QoS of all subscriptions that match.
    fn wants(&self, topic: TopicName<'_>, from: u64) -> Option<QoS> {
        let matching = self.subscriptions.iter().filter(|(text, options)| {
            !(options.no_local && from == self.serial) && TopicFilter::new(text).is_ok_and(|it| it.matches(topic))
        });
        matching.map(|(_, options)| options.qos).max()
    }

    /// False if the client is too slow to keep.
    fn enqueue(&mut self, frame: &Frame) -> bool {
        // A client that cannot take the packet goes without. [MQTT-3.1.2-25]
        let fits = frame.bytes.len() <= self.packet_bytes_max;
        let cost = (frame.bytes.len() + ENTRY_BYTES) as u32; // far below 2^32
        match Arc::clone(&self.room).try_acquire_many_owned(cost) {
            Ok(place) if fits => {
                let _ = self.queue.send((frame.clone(), place)); // a connection that ends needs it no more
            }
            Err(_) if fits && frame.qos != QoS::AtMostOnce => {
                self.evict(ReasonCode::QuotaExceeded);
                return false;
            }
            _ => {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
        true
    }

    fn evict(&mut self, reason: ReasonCode) {
        if let Some(evict) = self.evict.take() {
            let _ = evict.send(reason); // its connection may have ended by itself
        }
    }
}

/// Where an identifier must be and is not known yet.
pub(crate) const ANY_ID: PacketId = PacketId::new(1).expect("not zero");

/// This server knows QoS 0 and 1.
pub(crate) fn delivery(qos: QoS, id: PacketId) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce | QoS::ExactlyOnce => Delivery::AtLeastOnce { id, dup: false },
    }
}

/// One message in the forms its receivers need, each encoded at most once: before MQTT 5.0 or not, with an identifier
/// or not.
struct Frames<'a> {
    publish: &'a Publish<'a>,
    made: [Option<Frame>; 4],
}

impl Frames<'_> {
    fn get(&mut self, version: Version, wanted: QoS) -> Option<&Frame> {
        let qos = wanted.min(self.publish.delivery.qos());
        let at = 2 * usize::from(version.has_properties()) + usize::from(qos != QoS::AtMostOnce);
        let made = self.made.get_mut(at)?;
        if made.is_none() {
            *made = Frame::new(self.publish, version, qos);
        }
        made.as_ref()
    }
}

/// A whole PUBLISH, shared by all who get it.
#[derive(Clone)]
pub(crate) struct Frame {
    bytes: Bytes,
    template: Template,
    pub(crate) qos: QoS,
}

impl Frame {
    fn new(publish: &Publish<'_>, version: Version, qos: QoS) -> Option<Self> {
        let delivery = delivery(qos, ANY_ID);
        // What a publisher of MQTT 5.0 says about its message goes to subscribers of MQTT 5.0 as it is.
        let properties = if version.has_properties() { publish.properties } else { Properties::EMPTY };
        let mut bytes = Vec::new();
        let publish = Publish { delivery, retain: false, properties, ..*publish };
        let template = Template::write(&publish, version, &mut bytes).ok()?;
        Some(Self { bytes: bytes.into(), template, qos })
    }

    /// The one copy per receiver goes where it is sent from; its identifier is set there.
    pub(crate) fn write(&self, delivery: Delivery, out: &mut BytesMut) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        self.template.patch(&mut out[start..], delivery);
    }
}
