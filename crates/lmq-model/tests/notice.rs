//! The two notices about tokens: the exact bytes, read back, and what is refused.
#![cfg(feature = "json")]

use lmq_id::Access;
use lmq_model::UnixMillis;
use lmq_model::control::{ControlTopic, TokenExpireNotice, TokenInvalidNotice, UploadToken};
use proptest::prelude::*;

#[test]
fn exact_bytes() {
    let expire = TokenExpireNotice { expire_time: UnixMillis::new(1_542_700_000_000), access: Access::ReadWrite };
    assert_eq!(expire.to_json(), r#"{"expireTime":1542700000000,"type":"RW"}"#);
    for (code, access, json) in [
        (2, Access::Read, r#"{"code":2,"type":"R"}"#),
        (-1, Access::Write, r#"{"code":-1,"type":"W"}"#),
        (8, Access::ReadWrite, r#"{"code":8,"type":"RW"}"#),
    ] {
        assert_eq!(TokenInvalidNotice { code, access }.to_json(), json);
    }
}

#[test]
fn other_spellings_are_read() {
    let expire = TokenExpireNotice { expire_time: UnixMillis::new(5), access: Access::Read };
    for json in [r#"{"expireTime":5,"type":"R"}"#, r#" { "type":"R", "x":[1], "expireTime":"5" } "#] {
        assert_eq!(TokenExpireNotice::parse(json.as_bytes()), Ok(expire), "{json}");
    }
    let invalid = TokenInvalidNotice { code: -1, access: Access::Write };
    for json in [r#"{"code":-1,"type":"W"}"#, r#"{"type":"W","code":"-1"}"#] {
        assert_eq!(TokenInvalidNotice::parse(json.as_bytes()), Ok(invalid), "{json}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    const MILLIS: &str = "expected milliseconds since 1970 as a number";
    const ACCESS: &str = "expected \"R\", \"W\" or \"RW\"";
    for (json, said) in [
        ("{}", format!("\"expireTime\" is missing; {MILLIS}")),
        (r#"{"expireTime":-1,"type":"R"}"#, format!("\"expireTime\" has a wrong value; {MILLIS}")),
        (r#"{"expireTime":1.5,"type":"R"}"#, format!("\"expireTime\" has a wrong value; {MILLIS}")),
        (r#"{"expireTime":"soon","type":"R"}"#, format!("\"expireTime\" has a wrong value; {MILLIS}")),
        (r#"{"expireTime":1}"#, format!("\"type\" is missing; {ACCESS}")),
        (r#"{"expireTime":1,"type":"r"}"#, format!("\"type\" has a wrong value; {ACCESS}")),
        ("[]", "not a JSON object; expected {..}".into()),
    ] {
        let error = TokenExpireNotice::parse(json.as_bytes()).unwrap_err();
        assert_eq!(error.topic(), ControlTopic::TokenExpireNotice);
        assert_eq!(error.to_string(), format!("payload of $SYS/tokenExpireNotice: {said}"), "{json}");
    }
    for (json, said) in [
        ("{}", "\"code\" is missing; expected an integer of 32 bits".to_owned()),
        (r#"{"code":4294967296,"type":"R"}"#, "\"code\" has a wrong value; expected an integer of 32 bits".into()),
        (r#"{"code":true,"type":"R"}"#, "\"code\" has a wrong value; expected an integer of 32 bits".into()),
        (r#"{"code":1,"type":7}"#, format!("\"type\" has a wrong value; {ACCESS}")),
    ] {
        let error = TokenInvalidNotice::parse(json.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("payload of $SYS/tokenInvalidNotice: {said}"), "{json}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(millis in any::<u64>(), code in any::<i32>(), access in prop::sample::select(&Access::ALL[..])) {
        let expire = TokenExpireNotice { expire_time: UnixMillis::new(millis), access };
        prop_assert_eq!(TokenExpireNotice::parse(expire.to_json().as_bytes()), Ok(expire));
        let invalid = TokenInvalidNotice { code, access };
        prop_assert_eq!(TokenInvalidNotice::parse(invalid.to_json().as_bytes()), Ok(invalid));
    }

    #[test]
    fn an_upload_is_read_as_it_was_meant(token in ".+", access in prop::sample::select(&Access::ALL[..])) {
        let json = UploadToken::to_json(&token, access);
        let upload = UploadToken::parse(json.as_bytes()).unwrap();
        prop_assert_eq!((upload.token(), upload.access()), (&*token, access));
    }

    #[test]
    fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
        let _ = TokenExpireNotice::parse(&bytes);
        let _ = TokenInvalidNotice::parse(&bytes);
    }
}
