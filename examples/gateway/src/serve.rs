//! `gateway serve`: from a configuration to a running gateway, and down again.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGXFSZ},
    iterator::Signals,
    low_level::signal_name,
};
use tracing::{error, info, warn};

use crate::{
    admin,
    banner::Banner,
    cli::ServeArgs,
    clock::now_ms,
    config::{self, Config, ProfileName, Storage, environment},
    demo,
    error::Error,
    http, listen, log, net,
    registry::{self, Registry},
    store::Health,
    tls,
    tokens::{TokenStore, Tokens},
};

/// How often it is noticed that a thread of the message path has failed.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Serves until SIGINT or SIGTERM. Errors are those that keep the gateway from starting.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Error> {
    let mut config = config::load(args)?;
    let _logging = log::start(config.log);
    for name in environment::unknown_variables() {
        warn!(name, "this variable means nothing to the gateway");
    }
    let tls = config.tls.as_ref().map(tls::load).transpose()?;
    let listeners: Vec<_> =
        config.listeners.iter().map(|(kind, address)| listen::bind(*kind, address)).collect::<Result<_, _>>()?;
    let addresses: Vec<_> = listeners.iter().map(|listener| (listener.kind, listener.local_addr)).collect();
    if config.wants_demo() {
        demo::check_listeners(&listeners)?;
    }
    let store = match &config.storage {
        Storage::Memory => None,
        Storage::Data(folder) => Some(registry::Store::open(folder)?),
    };
    let demo = if config.wants_demo() { Some(demo::load(&config.storage)?) } else { None };
    config.instances.extend(demo.clone());
    let token_store = store.as_ref().map(|store| TokenStore::new(store.database()));
    let tokens = Arc::new(Tokens::open(token_store, now_ms())?);
    let nameless = config.instances.is_empty();
    let registry = Arc::new(Registry::open(&config.instances, nameless, store)?);
    raise_open_files();

    let signals = signals()?;
    let config = Arc::new(config);
    let (for_http, for_net) = listeners.into_iter().partition(|listener| listener.kind.is_http());
    let (visitors, visits) = tokio::sync::mpsc::channel(http::VISITORS_MAX);
    let running = Arc::new(net::start(&config, &registry, &tokens, tls.clone(), for_net, &visitors)?);
    let draining = Arc::new(AtomicBool::new(false));
    let state =
        http::State { draining: Arc::clone(&draining), report: report_of(&running), store: health_of(&running) };
    let token = admin::token(&config, &addresses)?;
    let has_token = token.is_some();
    let admin = http::Admin { access: http::admin::Access { token, registry, tokens }, remote: config.admin.remote };
    let options = http::Options {
        tls,
        connections_max: config.limits.http_connections_max(),
        open_http: config.open_http,
        parent_topics: config.profile == ProfileName::Lmq,
    };
    let http = http::start(options, for_http, visits, state, admin)?;
    log_start(&config);
    let banner = Banner { config: &config, listeners: &addresses, demo: demo.as_ref(), has_admin: has_token };
    // A closed stdout is no reason to stop serving.
    drop(io::stdout().write_all(banner.text().as_bytes()));
    drop(demo);

    let signal = wait(&signals, &running);
    let grace = config.limits.drain_grace();
    match signal {
        Some(signal) => info!(signal, grace_ms = grace.as_millis() as u64, "draining"),
        None => error!(grace_ms = grace.as_millis() as u64, "a thread has ended by itself; draining the others"),
    }
    draining.store(true, Ordering::Relaxed);
    running.drain(grace);
    let ended = running.join();
    http.stop();
    if let Err(error) = &ended {
        error!(%error, "failed");
    }
    info!("stopped");
    Ok(if ended.is_ok() && signal.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report_of(running: &Arc<net::Running>) -> Box<dyn Fn() -> net::Report + Send + Sync> {
    let running = Arc::clone(running);
    Box::new(move || running.report())
}

fn health_of(running: &Arc<net::Running>) -> Box<dyn Fn() -> Option<Health> + Send + Sync> {
    let running = Arc::clone(running);
    Box::new(move || running.store_health())
}

fn log_start(config: &Config) {
    let storage = match &config.storage {
        Storage::Memory => "memory".to_owned(),
        Storage::Data(folder) => folder.display().to_string(),
    };
    info!(
        version = env!("CARGO_PKG_VERSION"),
        profile = %config.profile,
        threads = config.threads,
        storage,
        instances = config.instances.len(),
        "started"
    );
}

/// The first signal is sent to the receiver, the second ends the process at once.
fn signals() -> Result<Receiver<i32>, Error> {
    let failed = |e: io::Error| Error::io("cannot watch for signals", &e);
    // A file that may not grow any more is an error for the store, not the end of the process.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map_err(failed)?;
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let (sender, receiver) = mpsc::channel();
    let watch = move || {
        let mut first = true;
        for signal in signals.forever() {
            if !first || sender.send(signal).is_err() {
                std::process::exit(128 + signal);
            }
            first = false;
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(watch).map_err(failed)?;
    Ok(receiver)
}

/// The name of the signal that asks to stop; `None` if a thread of the message path has ended by itself.
fn wait(signals: &Receiver<i32>, running: &net::Running) -> Option<&'static str> {
    loop {
        match signals.recv_timeout(WATCH_INTERVAL) {
            Ok(signal) => return Some(signal_name(signal).unwrap_or("signal")),
            Err(RecvTimeoutError::Timeout) if running.is_finished() => return None,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Sockets are file descriptors, and the usual soft limit of 1,024 is there for programs that use `select`.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
        warn!(files = limit.current, "cannot raise the limit of open files");
    }
}
