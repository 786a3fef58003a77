//! The captured requests of real clients, taken apart.
#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::path::PathBuf;

use lmq_auth::SecretKey;
use lmq_auth::request::{Pairs, RequestParts};
use proptest::sample::Index;

pub(crate) const SECRET: &str = "DummyAccessKeySecret0123456789";
pub(crate) const ACCESS_KEY: &str = "LTAI4DummyAccessKeyId";

pub(crate) fn key() -> SecretKey {
    SECRET.parse().unwrap()
}

#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Capture {
    fn read(name: String, raw: &[u8]) -> Self {
        let end = raw.windows(2).position(|pair| pair == b"\n\n").map(|at| (at, 2));
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").map(|at| (at, 4)).or(end);
        let (end, gap) = end.unwrap();
        let head = std::str::from_utf8(&raw[..end]).unwrap();
        let mut lines = head.lines();
        let mut start = lines.next().unwrap().split(' ');
        let (method, target) = (start.next().unwrap(), start.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        Self {
            name,
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: headers.map(|(name, value)| (name.into(), value.into())).collect(),
            body: raw[end + gap..].into(),
        }
    }

    /// Hands the request over as parts.
    pub(crate) fn with_parts<T>(&self, use_parts: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        use_parts(&RequestParts {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The parameters of a request to the token server, wherever they stand.
    pub(crate) fn pairs(&self) -> Pairs {
        match self.header("content-type") {
            None => Pairs::parse(&self.query).unwrap(),
            Some("application/x-www-form-urlencoded") => Pairs::parse_body(&self.body).unwrap(),
            Some(multipart) => multipart_pairs(multipart, std::str::from_utf8(&self.body).unwrap()),
        }
    }
}

/// Just enough to read the one client that sends it.
fn multipart_pairs(content_type: &str, body: &str) -> Pairs {
    let boundary = content_type.split_once("boundary=").unwrap().1;
    let body = body.replace("\r\n", "\n");
    let list: Vec<(&str, &str)> = body
        .split(&format!("--{boundary}"))
        .filter_map(|part| part.split_once("name=\"")?.1.split_once("\"\n\n"))
        .map(|(name, value)| (name, value.strip_suffix('\n').unwrap()))
        .collect();
    Pairs::from_list(&list).unwrap()
}

/// All captures of the folders that begin with `prefix`, sorted by name.
pub(crate) fn captures(prefix: &str) -> Vec<Capture> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| Capture::read(name(path), &fs::read(path).unwrap())).collect()
}

/// `text` with the byte at `at` changed, ASCII to ASCII.
pub(crate) fn change(text: &str, at: Index, shift: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] = (bytes[at] + shift) % 128;
    String::from_utf8(bytes).unwrap()
}
