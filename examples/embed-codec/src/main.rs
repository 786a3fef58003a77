//! The codec inside somebody else's server: `lmq_codec::Framed` under tokio, for MQTT 3.1, 3.1.1 and 5.0 on one port.
//! `embed-codec [ADDR]`
//!
//! It passes messages of QoS 0 and 1 on to whoever subscribes now. It is not a broker to run: it keeps no session and no
//! retained message, speaks no QoS 2, knows no shared subscription, and lets everybody in. For these there is `lmq-broker`.
//!
//! - `connection`: one task per connection, which reads, answers and writes. Everything about `Framed` is there.
//! - `hub`: who subscribes to what, and the queues between connections. Everything about `Template` is there.

mod connection;
mod hub;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at a time. One more is closed at once: before its CONNECT nothing can be said in its version.
const CONNECTIONS_MAX: usize = 500;

/// One thread. With the feature `rt-multi-thread` the same program uses all of them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1884".to_owned());
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on {}", listener.local_addr()?);
    let (hub, seats) = (Arc::new(hub::Hub::default()), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as no more file descriptors: trying again at once would only burn time.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
        let hub = Arc::clone(&hub);
        tokio::spawn(async move {
            if let Err(end) = connection::serve(socket, &hub).await {
                eprintln!("{peer}: {end}");
            }
            drop(seat);
        });
    }
}
