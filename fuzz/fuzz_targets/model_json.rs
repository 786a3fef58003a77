//! JSON that clients and back ends send: no panic, and what is read is written as something that is read the same.
//!
//! Every input is tried as each of the payloads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmq_model::{
    control::{EnableOrderMsg, GetOfflineMsg, PAYLOAD_BYTES_MAX, TokenExpireNotice, TokenInvalidNotice, UploadToken},
    status::StatusEvent,
};

fuzz_target!(|data: &[u8]| {
    if let Ok(upload) = UploadToken::parse(data) {
        assert!(!upload.token().is_empty() && data.len() <= PAYLOAD_BYTES_MAX);
        let written = UploadToken::to_json(upload.token(), upload.access());
        if written.len() <= PAYLOAD_BYTES_MAX {
            let again = UploadToken::parse(written.as_bytes()).expect("just written");
            assert_eq!((again.token(), again.access()), (upload.token(), upload.access()));
        }
    }
    if let Ok(offline) = GetOfflineMsg::parse(data) {
        assert!((1..=30).contains(&offline.batch()));
        assert_eq!(GetOfflineMsg::new(offline.batch(), offline.order()), offline);
    }
    let _ = EnableOrderMsg::parse(data);
    if let Ok(notice) = TokenExpireNotice::parse(data) {
        assert_eq!(TokenExpireNotice::parse(notice.to_json().as_bytes()), Ok(notice));
    }
    if let Ok(notice) = TokenInvalidNotice::parse(data) {
        assert_eq!(TokenInvalidNotice::parse(notice.to_json().as_bytes()), Ok(notice));
    }
    if let Ok(event) = StatusEvent::from_json(data) {
        assert_eq!(StatusEvent::from_json(event.to_json().as_bytes()), Ok(event));
    }
});
