use lmq_benches::broker::*;
use std::time::Instant;
fn main() {
    // every way to write a/a/.../a with + , one client
    let mut b = Broker::default();
    let s = b.connect("subscriber", false);
    for ways in 0..65_536_u32 {
        let levels: Vec<_> = (0..16).map(|l| if ways >> l & 1 == 1 { "+" } else { "a" }).collect();
        b.feed(s, &subscribe(&format!("{}/z", levels.join("/")), 0));
        b.drain();
    }
    let p = b.connect("publisher", false);
    let topic = format!("{}x", "a/".repeat(16));
    for n in 1..=3 {
        let t = Instant::now();
        b.feed(p, &publish(&topic, 0, 0, &[7; 64]));
        println!("match {n}: {:?}", t.elapsed());
        b.drain();
    }
    let ten: Vec<u8> = (0..10).flat_map(|_| publish(&topic, 0, 0, &[7; 64])).collect();
    let t = Instant::now();
    b.feed(p, &ten);
    println!("ten in one read: {:?}", t.elapsed());
    // fan-out to 300,000
    let mut b = Broker::default();
    let p = b.connect("publisher", false);
    for n in 0..300_000 {
        let c = b.connect(&format!("s{n}"), false);
        b.feed(c, &subscribe("t", 0));
        b.drain();
    }
    for _ in 0..3 {
        let t = Instant::now();
        b.feed(p, &publish("t", 0, 0, &[7; 64]));
        println!("fan-out to 300,000, the call that brings it: {:?}", t.elapsed());
        for _ in 0..6 {
            let t = Instant::now();
            b.tick();
            println!("  next call: {:?}", t.elapsed());
        }
        let t = Instant::now();
        b.drain();
        println!("  drain: {:?} delivered {}", t.elapsed(), b.delivered());
    }
}
