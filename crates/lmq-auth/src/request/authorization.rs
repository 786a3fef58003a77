//! `Authorization: ACS3-HMAC-SHA256 Credential=..,SignedHeaders=..,Signature=..`.
//!
//! **Attacker's view.** Each of the three stands there once. The list of names is lower-case and strictly rising, so no name counts twice.

use super::OpenApiError;

/// The name of the scheme.
pub(super) const SCHEME: &str = "ACS3-HMAC-SHA256";

/// The parts of the header, borrowed from it.
#[derive(Clone, Copy)]
pub(super) struct Authorization<'a> {
    pub(super) credential: &'a str,
    /// Joined by `;`, as signed.
    pub(super) signed_headers: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// The most bytes of the header.
    const LEN_MAX: usize = 4096;

    pub(super) fn parse(header: &'a str) -> Result<Self, OpenApiError> {
        let incomplete = OpenApiError::IncompleteSignature;
        let fields = header.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix(' '));
        let fields = fields.filter(|_| header.len() <= Self::LEN_MAX).ok_or(incomplete.clone())?;
        let mut found = [None; 3];
        for field in fields.split(',') {
            let (name, value) = field.trim().split_once('=').ok_or(incomplete.clone())?;
            let at = ["Credential", "SignedHeaders", "Signature"].iter().position(|known| *known == name);
            let slot = at.and_then(|at| found.get_mut(at)).ok_or(incomplete.clone())?;
            if value.is_empty() || slot.replace(value).is_some() {
                return Err(incomplete);
            }
        }
        let [Some(credential), Some(signed_headers), Some(signature)] = found else {
            return Err(incomplete);
        };
        let parsed = Self { credential, signed_headers, signature };
        if parsed.is_sorted() { Ok(parsed) } else { Err(incomplete) }
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'a str> {
        self.signed_headers.split(';')
    }

    pub(super) fn signs(self, name: &str) -> bool {
        self.names().any(|signed| signed == name)
    }

    fn is_sorted(self) -> bool {
        let plain = |name: &str| !name.is_empty() && name.bytes().all(is_lower_token);
        self.names().all(plain) && self.names().zip(self.names().skip(1)).all(|(one, next)| one < next)
    }
}

const fn is_lower_token(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn reads_its_three_parts_in_any_order() {
        for text in ["Credential=k,SignedHeaders=a;b,Signature=00", "Signature=00, SignedHeaders=a;b, Credential=k"] {
            let header = format!("{SCHEME} {text}");
            let read = Authorization::parse(&header).unwrap();
            assert_eq!((read.credential, read.signed_headers, read.signature), ("k", "a;b", "00"));
            assert!(read.signs("a") && read.signs("b") && !read.signs("a;b"));
        }
    }

    #[test]
    fn refuses_what_could_be_read_two_ways() {
        for text in [
            "Credential=k,SignedHeaders=a;b",
            "Credential=k,SignedHeaders=a;b,Signature=",
            "Credential=k,SignedHeaders=,Signature=00",
            "Credential=k,SignedHeaders=b;a,Signature=00",
            "Credential=k,SignedHeaders=a;a,Signature=00",
            "Credential=k,SignedHeaders=a;;b,Signature=00",
            "Credential=k,SignedHeaders=A,Signature=00",
            "Credential=k,SignedHeaders=a:b,Signature=00",
            "Credential=k,Credential=l,SignedHeaders=a,Signature=00",
            "Credential=k,SignedHeaders=a,Signature=00,Other=1",
            "Credential=k,SignedHeaders=a,Signature=00,",
        ] {
            let header = format!("{SCHEME} {text}");
            assert_eq!(Authorization::parse(&header).err(), Some(OpenApiError::IncompleteSignature), "{text}");
        }
        let long = format!("{SCHEME} Credential={},SignedHeaders=a,Signature=00", "k".repeat(4096));
        assert!(Authorization::parse(&long).is_err());
        assert!(Authorization::parse("ACS3-HMAC-SHA256Credential=k,SignedHeaders=a,Signature=00").is_err());
    }
}
