//! Driving the built binary.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

pub(crate) mod admin;
pub(crate) mod mqtt;
pub(crate) mod peer;
pub(crate) mod service;

/// Longer than anything takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// An empty working directory for gateways.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A gateway in this directory that sees no `LMQ_` variable of ours.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LMQ_") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        output(&mut self.command(args))
    }

    /// Asserts that the gateway refuses `args` with one line, exit code 2 and nothing on stdout.
    #[track_caller]
    pub(crate) fn refused<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, line: &str) {
        assert_refused(&self.run(args), line);
    }

    /// Starts a gateway with `args` and waits until it listens.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Gateway {
        Gateway::start(self.command(args))
    }
}

/// Runs to the end. A gateway that serves instead of refusing is ended and fails the test.
pub(crate) fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    receiver.recv_timeout(PATIENCE).map(Result::unwrap).unwrap_or_else(|_| {
        signal(id, rustix::process::Signal::KILL);
        panic!("the gateway did not end")
    })
}

#[track_caller]
pub(crate) fn assert_refused(output: &Output, line: &str) {
    assert_eq!(text(&output.stderr), format!("gateway: {line}\n"));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(2));
}

/// A test that needs more than Rust says so where it is missing; where CI is set it must not be.
pub(crate) fn skip_without(tool: &str) {
    assert!(std::env::var_os("CI").is_none(), "{tool} not found");
    eprintln!("skipped: {tool} not found");
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: Option<thread::JoinHandle<String>>,
    /// The lines `listening KIND ADDR`.
    pub(crate) listening: Vec<(String, SocketAddr)>,
}

impl Gateway {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let (sender, stdout) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, stdout, stderr: Some(stderr), listening: Vec::new() }.listening()
    }

    pub(crate) fn addr(&self, kind: &str) -> SocketAddr {
        let found = self.listening.iter().find(|(name, _)| name == kind);
        found.unwrap_or_else(|| panic!("{kind} is not in {:?}", self.listening)).1
    }

    /// The next line of stdout that holds `part`.
    pub(crate) fn line(&mut self, part: &str) -> String {
        loop {
            let line = self.stdout.recv_timeout(PATIENCE).unwrap();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Ends it with SIGTERM: how it ended, the rest of stdout, and stderr.
    pub(crate) fn stop(self) -> (ExitStatus, String, String) {
        self.stop_with(rustix::process::Signal::TERM)
    }

    pub(crate) fn stop_with(self, kind: rustix::process::Signal) -> (ExitStatus, String, String) {
        self.signal(kind);
        self.ended()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, kind: rustix::process::Signal) {
        signal(self.child.id(), kind);
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> (ExitStatus, String, String) {
        let status = self.child.wait().unwrap();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let stdout: String = self.stdout.iter().map(|line| line + "\n").collect();
        (status, stdout, stderr)
    }

    fn listening(mut self) -> Self {
        loop {
            let Ok(line) = self.stdout.recv_timeout(PATIENCE) else { self.fail() };
            if line == "ready" {
                return self;
            }
            let (kind, addr) = line.strip_prefix("listening ").unwrap().split_once(' ').unwrap();
            self.listening.push((kind.to_owned(), addr.parse().unwrap()));
        }
    }

    fn fail(&mut self) -> ! {
        drop(self.child.kill());
        panic!("the gateway does not listen: {}", self.stderr.take().unwrap().join().unwrap());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn signal(id: u32, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, signal).unwrap();
}

/// The answer to one HTTP request, whole.
pub(crate) fn http_get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A CONNECT in MQTT 3.1.1, clean.
pub(crate) fn mqtt_connect_packet(client_id: &str, credentials: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, if credentials.is_some() { 0xc2 } else { 0x02 }, 0, 60];
    let texts = [Some(client_id), credentials.map(|c| c.0), credentials.map(|c| c.1)];
    for text in texts.into_iter().flatten() {
        body.extend_from_slice(&(text.len() as u16).to_be_bytes());
        body.extend_from_slice(text.as_bytes());
    }
    let mut packet = vec![0x10];
    write_length(&mut packet, body.len());
    packet.extend_from_slice(&body);
    packet
}

/// A connection with CONNECT sent in MQTT 3.1.1, clean, and the return code that came.
pub(crate) fn mqtt_connect(addr: SocketAddr, client_id: &str, credentials: Option<(&str, &str)>) -> (TcpStream, u8) {
    let packet = mqtt_connect_packet(client_id, credentials);
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&packet).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..3], [0x20, 2, 0]);
    (stream, answer[3])
}

/// A PUBLISH with QoS 0.
pub(crate) fn mqtt_publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30];
    write_length(&mut packet, 2 + topic.len() + payload.len());
    packet.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    packet.extend_from_slice(topic.as_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn write_length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let more = if length > 127 { 0x80 } else { 0 };
        packet.push((length % 128) as u8 | more);
        length /= 128;
        if length == 0 {
            return;
        }
    }
}
