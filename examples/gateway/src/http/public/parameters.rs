//! Parameters of a request: those of its query and of its body, a form or `multipart/form-data`.

use axum::http::header;
use bytes::Bytes;
use futures_util::stream;
use lmq_auth::request::Pairs;
use multer::{Constraints, Multipart, SizeLimit, parse_boundary};
use zeroize::Zeroizing;

use super::request::{BODY_BYTES_MAX, Whole};

/// All parameters, each once. The error is for the sender, who may read it.
pub(super) async fn of(whole: &Whole) -> Result<Pairs, String> {
    let query = Pairs::parse(whole.parts.uri.query().unwrap_or_default()).map_err(|e| format!("the query: {e}"))?;
    let body = of_body(whole).await.map_err(|e| format!("the body: {e}"))?;
    query.join(&body).map_err(|e| format!("query and body: {e}"))
}

async fn of_body(whole: &Whole) -> Result<Pairs, String> {
    if whole.body.is_empty() {
        return Ok(Pairs::default());
    }
    let kind = whole.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "multipart/form-data" => of_multipart(kind, whole.body.clone()).await,
        // Programs that set no type, or a plain one, send a form all the same.
        "application/x-www-form-urlencoded" | "" | "text/plain" => {
            Pairs::parse_body(&whole.body).map_err(|e| e.to_string())
        }
        _ => Err("its type is neither application/x-www-form-urlencoded nor multipart/form-data".to_owned()),
    }
}

async fn of_multipart(kind: &str, body: Bytes) -> Result<Pairs, String> {
    let boundary = parse_boundary(kind).map_err(|e| e.to_string())?;
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(BODY_BYTES_MAX as u64));
    let mut parts =
        Multipart::with_constraints(stream::iter([Ok::<_, std::convert::Infallible>(body)]), boundary, limits);
    let mut list: Vec<(String, Zeroizing<String>)> = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|e| e.to_string())? {
        let name = part.name().ok_or("a part has no name")?.to_owned();
        let value = part.bytes().await.map_err(|e| e.to_string())?;
        let value = std::str::from_utf8(&value).map_err(|_| "a part is not UTF-8".to_owned())?;
        list.push((name, Zeroizing::new(value.to_owned())));
        if list.len() > Pairs::COUNT_MAX {
            return Err("it has too many parts".to_owned());
        }
    }
    let list: Vec<(&str, &str)> = list.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Pairs::from_list(&list).map_err(|e| e.to_string())
}
