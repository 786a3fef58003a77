use lmq_codec::*;
fn one(bytes: &[u8], v: Version) -> Result<Packet<'_>, DecodeError> {
    match split(bytes, 1 << 20)? { Split::Frame { frame, rest } => { assert!(rest.is_empty()); Packet::decode(frame, v) } Split::Need(n) => panic!("need {n}") }
}
#[test]
fn a() {
    for hex in [&b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02ab"[..], b"\x30\x05\0\x01axy", b"\x32\x06\0\x01a\0\x01x", b"\x40\x02\0\x01", b"\x82\x06\0\x01\0\x01a\x01", b"\xc0\0", b"\xe0\0",b"\x20\x02\0\0", b"\x90\x03\0\x01\x80", b"\xb0\x02\0\x01",b"\xa2\x05\0\x01\0\x01a"] {
        let p = one(hex, Version::V3_1_1).unwrap();
        println!("{p:?}");
        let mut out = Vec::new();
        let e = p.encoder(Version::V3_1_1).unwrap();
        e.write(&mut out);
        assert_eq!(out, hex); assert_eq!(out.len(), e.encoded_len());
        let mut b = [0; 100];
        assert_eq!(e.write_to_slice(&mut b).unwrap(), hex);
        for cut in 0..hex.len() { let Ok(Split::Need(n)) = split(&hex[..cut], 100) else { panic!() }; assert!(n > 0 && n + cut <= hex.len(), "{n} {cut}") }
    }
    println!("{} {}", size_of::<Packet>(), size_of::<Result<Packet, DecodeError>>());
    println!("{} {} {}", size_of::<Publish>(), size_of::<Connect>(), size_of::<DecodeError>());
    println!("{}", one(b"\x30\x05\0\x01#xy", Version::V3_1_1).unwrap_err());
}
