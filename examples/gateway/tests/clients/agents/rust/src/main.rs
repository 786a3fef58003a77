//! Drives rumqttc in MQTT 5.0 by the line protocol described in ../README.md.

mod pairs;

use std::{
    collections::HashMap,
    error::Error,
    io::{BufRead, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

use rumqttc::{
    Outgoing,
    v5::{
        AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError,
        mqttbytes::{
            QoS,
            v5::{Filter, Packet},
        },
    },
};
use tokio::sync::oneshot;

use crate::pairs::Pairs;

const REQUESTS: usize = 10_000;
/// The library's own bound of 10 KiB would be announced, too.
const PACKET_BYTES_MAX: u32 = 16 << 20;

type Failure = Box<dyn Error>;

struct Session {
    client: AsyncClient,
    drop: oneshot::Sender<()>,
}

fn main() -> Result<(), Failure> {
    let mut sessions = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        if let Err(error) = run(&mut sessions, &fields) {
            emit(&["failed", fields[1], &error.to_string()]);
        }
    }
    std::process::exit(0)
}

fn run(sessions: &mut HashMap<String, Session>, fields: &[&str]) -> Result<(), Failure> {
    let name = fields[1];
    if fields[0] == "connect" {
        sessions.insert(name.to_owned(), connect(fields)?);
        return Ok(());
    }
    let client = &sessions.get(name).ok_or("no such session")?.client;
    match fields[0] {
        "subscribe" => subscribe(client, fields)?,
        "unsubscribe" => client.try_unsubscribe(fields[2])?,
        "publish" => {
            let pairs = Pairs::new(&fields[5..]);
            let payload = pairs::bytes(fields[4]);
            client.try_publish_with_properties(
                fields[2],
                qos(fields[3])?,
                pairs.has("retain"),
                payload,
                pairs.of_message(),
            )?;
        }
        "disconnect" => client.try_disconnect()?,
        "drop" => {
            let session = sessions.remove(name).ok_or("no such session")?;
            session.drop.send(()).map_err(|()| "the session has ended")?;
        }
        other => return Err(other.into()),
    }
    Ok(())
}

fn subscribe(client: &AsyncClient, fields: &[&str]) -> Result<(), Failure> {
    let pairs = Pairs::new(&fields[4..]);
    let filter = Filter {
        nolocal: pairs.has("no-local"),
        preserve_retain: pairs.has("retain-as-published"),
        retain_forward_rule: pairs.retain_handling(),
        ..Filter::new(fields[2], qos(fields[3])?)
    };
    match pairs.subscription_id() {
        Some(properties) => client.try_subscribe_many_with_properties([filter], properties)?,
        None => client.try_subscribe_many([filter])?,
    }
    Ok(())
}

fn connect(fields: &[&str]) -> Result<Session, Failure> {
    let address = fields[2].strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':')).ok_or("only tcp")?;
    let pairs = Pairs::new(&fields[12..]);
    let mut options = MqttOptions::new(fields[3], address.0, address.1.parse()?);
    options.set_clean_start(fields[4] == "1");
    options.set_keep_alive(Duration::from_secs(fields[5].parse()?));
    options.set_connect_properties(pairs.of_connect(PACKET_BYTES_MAX));
    if !fields[7].is_empty() {
        options.set_credentials(fields[7], fields[8]);
    }
    if let Some(will) = pairs.will(qos) {
        options.set_last_will(will);
    }
    let (client, events) = AsyncClient::new(options, REQUESTS);
    let (drop, dropped) = oneshot::channel();
    let (started, waiting) = mpsc::channel();
    let name = fields[1].to_owned();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        drop_error(started.send(()));
        if let Ok(runtime) = runtime {
            runtime.block_on(Watch { name, connected: false, leaving: false }.run(events, dropped));
        }
    });
    waiting.recv()?;
    Ok(Session { client, drop })
}

/// What happens to one connection, told line by line.
struct Watch {
    name: String,
    connected: bool,
    leaving: bool,
}

impl Watch {
    async fn run(mut self, mut events: EventLoop, dropped: oneshot::Receiver<()>) {
        let watch = async {
            loop {
                match events.poll().await {
                    Ok(event) => self.tell(event),
                    Err(error) => return self.ended(&error),
                }
            }
        };
        let name = tokio::select! {
            () = watch => None,
            Ok(()) = dropped => Some(()),
        };
        drop(events);
        if name.is_some() {
            emit(&["disconnected", &self.name]);
        }
    }

    fn tell(&mut self, event: Event) {
        let name = self.name.as_str();
        match event {
            Event::Incoming(Packet::ConnAck(connack)) => {
                self.connected = true;
                let present = if connack.session_present { "1" } else { "0" };
                emit_with(&["connected", name, present], &pairs::of_connack(&connack));
            }
            Event::Incoming(Packet::Publish(publish)) => {
                let topic = String::from_utf8_lossy(&publish.topic);
                let qos = (publish.qos as u8).to_string();
                emit_with(
                    &["message", name, &topic, &qos, &pairs::hex(&publish.payload)],
                    &pairs::of_publish(&publish),
                );
            }
            Event::Incoming(Packet::SubAck(suback)) => emit(&["subscribed", name, &pairs::suback_code(&suback)]),
            Event::Incoming(Packet::UnsubAck(unsuback)) => {
                emit(&["unsubscribed", name, &pairs::unsuback_code(&unsuback)])
            }
            Event::Incoming(Packet::PubAck(puback)) => emit(&["published", name, &pairs::puback_code(&puback)]),
            Event::Incoming(Packet::PubComp(_)) | Event::Outgoing(Outgoing::Publish(0)) => {
                emit(&["published", name, "0"])
            }
            Event::Outgoing(Outgoing::Disconnect) => self.leaving = true,
            _ => {}
        }
    }

    fn ended(&self, error: &ConnectionError) {
        let name = self.name.as_str();
        match error {
            _ if self.leaving => emit(&["disconnected", name]),
            ConnectionError::ConnectionRefused(code) => emit(&["refused", name, &pairs::connack_code(*code)]),
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
                emit(&["lost", name, &(*reason_code as u8).to_string()]);
            }
            _ if self.connected => emit(&["lost", name]),
            _ => emit(&["failed", name, &error.to_string()]),
        }
    }
}

fn qos(text: &str) -> Result<QoS, Failure> {
    rumqttc::v5::mqttbytes::qos(text.parse()?).ok_or_else(|| "no such QoS".into())
}

fn emit(fields: &[&str]) {
    emit_with(fields, &[]);
}

fn emit_with(fields: &[&str], pairs: &[String]) {
    let words: Vec<&str> = fields.iter().copied().chain(pairs.iter().map(String::as_str)).collect();
    let mut output = std::io::stdout().lock();
    drop_error(writeln!(output, "{}", words.join("\t")));
    drop_error(output.flush());
}

/// Nobody is left to be told.
fn drop_error<E>(result: Result<(), E>) {
    drop(result);
}
