//! Limits of the configuration file, as clients meet them.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use common::{Gateway, Place, mqtt_connect};

fn serve(place: &Place, limits: &str) -> Gateway {
    let start = "profile = \"mqtt\"\nthreads = 1\nallow-anonymous = true\n[data]\nmemory = true\n\
                 [listeners]\nmqtt = \"127.0.0.1:0\"\n[limits]\n";
    place.file("gateway.toml", &format!("{start}{limits}"));
    place.start(["--config", "gateway.toml"])
}

#[test]
fn a_client_of_mqtt_5_is_told_the_limits() {
    let place = Place::new();
    let gateway = serve(
        &place,
        "receive-max = 7\ntopic-alias-max = 0\npacket-bytes-max = \"64KiB\"\nsession-expiry-max = \"60s\"\nkeep-alive-max = \"30s\"\n",
    );
    let mut client = TcpStream::connect(gateway.addr("mqtt")).unwrap();
    // MQTT 5.0, clean start, keep-alive 60 s, session expiry 1,000 s, client id "c".
    client.write_all(b"\x10\x13\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\x03\xe8\0\x01c").unwrap();
    let mut connack = [0; 21];
    client.read_exact(&mut connack).unwrap();
    let expected = b"\x20\x13\0\0\x10\x11\0\0\0\x3c\x21\0\x07\x27\0\x01\0\0\x13\0\x1e";
    assert_eq!(connack, *expected);
}

#[test]
fn connects_that_come_too_fast_are_refused() {
    let place = Place::new();
    let gateway = serve(&place, "connects-per-sec-max = 2\n");
    let codes: Vec<u8> = ["a", "b", "c"].map(|id| mqtt_connect(gateway.addr("mqtt"), id, None).1).into();
    assert_eq!(codes, [0, 0, 3]);
}

#[test]
fn a_client_that_publishes_too_fast_waits() {
    let place = Place::new();
    let gateway = serve(&place, "publishes-per-sec-max = 2\n");
    let (mut client, code) = mqtt_connect(gateway.addr("mqtt"), "a", None);
    assert_eq!(code, 0);
    let start = Instant::now();
    for id in 1..=4 {
        client.write_all(&[0x32, 5, 0, 1, b't', 0, id]).unwrap();
    }
    let mut acknowledged = [0; 16];
    client.read_exact(&mut acknowledged).unwrap();
    let took = start.elapsed();
    // Two at once, then one each half second.
    assert!(took > Duration::from_millis(800) && took < Duration::from_secs(5), "{took:?}");
}
