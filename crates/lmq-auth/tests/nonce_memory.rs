//! A nonce costs what `NonceLimits` says, and nothing once its time is over. A program of its own: the counter is the process's.

use std::alloc::System;

use lmq_auth::SecretKey;
use lmq_auth::request::{NonceLimits, NonceWindow, OpenApiError, OpenApiRequest, OutgoingCall, RequestParts};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NONCES: usize = 8_192;
const NOW_MS: u64 = 1_795_187_110_000;

fn admit(window: &mut NonceWindow, number: usize, access_key: &str, now_ms: u64) -> Result<(), OpenApiError> {
    let key: SecretKey = "XXXXX".parse().unwrap();
    let nonce = number.to_string();
    let call = OutgoingCall { method: "GET", action: "A", version: "V", nonce: &nonce, now_ms, parameters: &[] };
    let query = call.sign_rpc(access_key, &key).unwrap().to_encoded();
    let parts = RequestParts { method: "GET", path: "/", query: &query, headers: &[], body: b"" };
    let request = OpenApiRequest::parse(&parts, now_ms)?;
    request.verify(&key)?.admit(window, now_ms).map(drop)
}

fn main() {
    let limits = NonceLimits { nonces_max: NONCES, nonces_per_key_max: NONCES };
    let mut window = NonceWindow::new(limits);
    let region = Region::new(ALLOCATOR);
    // Each of its own key: the most memory a nonce can take.
    for number in 0..NONCES {
        admit(&mut window, number, &number.to_string(), NOW_MS + number as u64 * 10).unwrap();
    }
    let change = region.change();
    let held = change.bytes_allocated - change.bytes_deallocated;
    assert!(held <= NONCES * 256 && held > NONCES * 72, "{held} bytes");
    assert_eq!(admit(&mut window, NONCES, "another", NOW_MS + 80_000).unwrap_err(), OpenApiError::Throttled);
    assert_eq!(window.len(), NONCES);

    window.forget(NOW_MS + 3_600_000);
    assert!(window.is_empty());
    let change = region.change();
    assert!(change.bytes_allocated - change.bytes_deallocated < 2048, "one node of each map: {change:?}");
    println!("{} bytes for each of {NONCES} nonces", held / NONCES);
}
