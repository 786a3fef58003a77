//! Answers in JSON and XML.

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use lmq_auth::request::ReplyFormat;
use lmq_model::openapi::{ErrorReply, Reply};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};
use serde_json::Value;
use zeroize::Zeroizing;

use super::failure::Failure;

/// The header in which the product names the request, too.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-acs-request-id");

/// What every answer to one request has in common.
pub(super) struct Shape {
    pub(super) request_id: String,
    /// As the request named it.
    pub(super) host: String,
    /// JSON unless something else was asked for.
    pub(super) format: Option<ReplyFormat>,
}

impl Shape {
    pub(super) fn success(&self, action: &str, answer: Value) -> Response {
        let reply = Reply { request_id: self.request_id.clone(), answer };
        self.write(StatusCode::OK, &format!("{action}Response"), &reply)
    }

    pub(super) fn failure(&self, failure: &Failure) -> Response {
        let reply = ErrorReply {
            request_id: self.request_id.clone(),
            host_id: self.host.clone(),
            code: failure.code().into_owned(),
            message: failure.to_string(),
        };
        self.write(failure.status(), "Error", &reply)
    }

    fn write(&self, status: StatusCode, root: &str, reply: &impl serde::Serialize) -> Response {
        // Plain structures: neither form can fail.
        let value = serde_json::to_value(reply).unwrap_or_default();
        let (kind, text) = match self.format {
            Some(ReplyFormat::Xml) => ("text/xml;charset=utf-8", xml(root, &value)),
            _ => ("application/json;charset=utf-8", value.to_string()),
        };
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
        (status, headers, [(REQUEST_ID, self.request_id.clone())], text).into_response()
    }
}

/// A random UUID in upper case.
pub(super) fn request_id() -> String {
    uuid::Uuid::new_v4().to_string().to_ascii_uppercase()
}

/// `value` as the element `root`. A list is its elements, each under the name of the list; what is null is left out.
fn xml(root: &str, value: &Value) -> String {
    let mut writer = Writer::new(Vec::new());
    // Into memory.
    let _ = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    element(&mut writer, root, value);
    String::from_utf8(writer.into_inner()).unwrap_or_default()
}

/// As deep as an answer is, which is of our making.
fn element(writer: &mut Writer<Vec<u8>>, name: &str, value: &Value) {
    match value {
        Value::Null => return,
        Value::Array(items) => {
            for item in items {
                element(writer, name, item);
            }
            return;
        }
        _ => {}
    }
    let _ = writer.write_event(Event::Start(BytesStart::new(name)));
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                element(writer, name, value);
            }
        }
        Value::String(text) => {
            let text = Zeroizing::new(text.chars().filter(|c| is_xml(*c)).collect::<String>());
            let _ = writer.write_event(Event::Text(BytesText::new(&text)));
        }
        other => {
            let _ = writer.write_event(Event::Text(BytesText::new(&other.to_string())));
        }
    }
    let _ = writer.write_event(Event::End(BytesEnd::new(name)));
}

/// XML 1.0 has no way to write other characters.
const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn xml_of_an_answer() {
        let value = json!({"RequestId": "R", "Data": {"Results": [{"A": "<&>\u{0}\u{8bbe}"}, {"A": 1}], "NextToken": null}, "Ok": true});
        assert_eq!(
            xml("XResponse", &value),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><XResponse><Data><Results><A>&lt;&amp;&gt;\u{8bbe}</A></Results>\
             <Results><A>1</A></Results></Data><Ok>true</Ok><RequestId>R</RequestId></XResponse>"
        );
    }

    #[test]
    fn request_ids_are_uuids() {
        let (one, other) = (request_id(), request_id());
        assert!(one != other && one.len() == 36 && one.bytes().all(|byte| !byte.is_ascii_lowercase()), "{one}");
        assert_eq!(one.as_bytes()[14], b'4');
    }
}
