use std::sync::{Arc, atomic::Ordering};

use axum::{
    Router,
    extract::State as FromState,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};

use super::{Page, State, counters};

const FRONT: &str = "\
lmq gateway: MQTT over TCP, TLS and WebSocket.

  /livez    200 while the process runs
  /readyz   200 while clients may come, 503 while draining and while the store fails
  /metrics  counters in the text format of Prometheus
  /admin/v1 changes at run time, for who has the token; on loopback unless allowed elsewhere

MQTT over WebSocket is on its own port, path /mqtt.
";

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/", get(FRONT))
        .route("/livez", get("ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback((StatusCode::NOT_FOUND, "not found; / says what is here\n"))
        .with_state(state)
}

async fn readyz(FromState(state): FromState<Arc<State>>) -> impl IntoResponse {
    if state.draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match (state.store)().and_then(|health| health.trouble) {
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("the store fails: {trouble}\n")),
        None => (StatusCode::OK, "ready\n".to_owned()),
    }
}

async fn metrics(FromState(state): FromState<Arc<State>>) -> impl IntoResponse {
    let mut page = Page::default();
    page.gauge(
        "lmq_build_info",
        "Always 1; the label is the version.",
        &[(&[("version", env!("CARGO_PKG_VERSION"))], 1)],
    );
    let draining = u64::from(state.draining.load(Ordering::Relaxed));
    page.gauge("lmq_draining", "1 while clients are being sent away.", &[(&[], draining)]);
    counters::write(&mut page, &(state.report)());
    if let Some(health) = (state.store)() {
        counters::store(&mut page, &health);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.into_text())
}
