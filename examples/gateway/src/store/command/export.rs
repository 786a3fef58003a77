//! `gateway store export`: one JSON object a line.
//!
//! | key | what follows |
//! |---|---|
//! | `session` | instance, client, expiry, filters with their QoS, waiting messages |
//! | `message` | instance, client, position, topic, QoS, payload in base64 |
//! | `retained` | instance, topic, QoS, payload in base64 |

use std::io::{self, BufWriter, Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use lmq_broker::{ClientKey, Done, InstanceIndex, Message, ShardId, StoredSession};
use serde_json::{Value, json};

use super::{Opened, offline::Offline};
use crate::{error::Error, store::fault::Fault};

/// Messages read at once.
const COUNT_MAX: usize = 64;
const BYTES_MAX: usize = 1024 * 1024;

/// Writes to standard output itself: there may be more than fits into memory.
pub(super) fn run(opened: &Opened) -> Result<String, Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let exported = (|| -> Result<(), Fault> {
        let mut export = Export { offline: Offline::new(&opened.database)?, out: &mut out, written: &mut written };
        export.sessions()?;
        export.retained()
    })();
    exported.map_err(|fault| opened.failed(&fault))?;
    let written = written.and_then(|()| out.flush());
    written.map_err(|e| Error::io("cannot write to standard output", &e))?;
    Ok(String::new())
}

struct Export<'e, 'd, W> {
    offline: Offline<'d>,
    out: &'e mut W,
    written: &'e mut io::Result<()>,
}

impl<W: Write> Export<'_, '_, W> {
    fn sessions(&mut self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let page = self.offline.read(|work| work.restore(ShardId(0), after.as_ref()))?;
            let Done::Restored { sessions, more } = page else { return Ok(()) };
            for (client, session) in &sessions {
                self.write(&json!({ "session": self.session(client, session) }));
                self.messages(client)?;
            }
            after = sessions.last().map(|(client, _)| client.clone());
            if !more || self.written.is_err() {
                return Ok(());
            }
        }
    }

    fn messages(&mut self, client: &ClientKey) -> Result<(), Fault> {
        let mut from = 0;
        loop {
            let fetched = self.offline.read(|work| work.fetch(client, from, COUNT_MAX, BYTES_MAX))?;
            let Done::Fetched(messages) = fetched else { return Ok(()) };
            let Some(last) = messages.last() else { return Ok(()) };
            from = last.seq + 1;
            for stored in &messages {
                let mut value = self.message(client.instance, &stored.message);
                value["client"] = json!(&*client.client_id);
                value["position"] = json!(stored.seq);
                value["qos"] = json!(u8::from(stored.options.qos));
                self.write(&json!({ "message": value }));
            }
        }
    }

    fn retained(&mut self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let page = self.offline.read(|work| work.restore_retained(ShardId(0), after.as_ref()))?;
            let Done::RestoredRetained { messages, more } = page else { return Ok(()) };
            for kept in &messages {
                let value = self.message(kept.instance, &kept.message);
                self.write(&json!({ "retained": value }));
            }
            after = messages.last().map(|kept| (kept.instance, kept.topic.clone()));
            if !more || self.written.is_err() {
                return Ok(());
            }
        }
    }

    fn session(&self, client: &ClientKey, session: &StoredSession) -> Value {
        let filters = session.subscriptions.iter();
        let filters: Vec<_> = filters
            .map(|(filter, granted)| json!({ "filter": &**filter, "qos": u8::from(granted.options.qos) }))
            .collect();
        json!({
            "instance": self.name(client.instance),
            "client": &*client.client_id,
            "expiry_secs": session.expiry_secs,
            "ends_at": session.expires_at.map(lmq_broker::UnixMillis::value),
            "filters": filters,
        })
    }

    fn message(&self, instance: InstanceIndex, message: &Message) -> Value {
        json!({
            "instance": self.name(instance),
            "id": format!("{:032x}", message.id.0),
            "topic": &*message.topic,
            "qos": u8::from(message.qos),
            "publisher": &*message.publisher,
            "expires_at": message.expires_at.map(lmq_broker::UnixMillis::value),
            "payload": BASE64_STANDARD.encode(&message.payload),
        })
    }

    fn name(&self, instance: InstanceIndex) -> &str {
        self.offline.settings.instances.get(usize::from(instance.0)).map_or("", |instance| &instance.name)
    }

    fn write(&mut self, value: &Value) {
        if self.written.is_ok() {
            *self.written = writeln!(self.out, "{value}");
        }
    }
}
