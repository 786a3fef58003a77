//! The bytes of a token. Numbers are big-endian; lengths count bytes.
//!
//! ```text
//! version 1 | key 4 | id 16 | expires 8 | actions 1 | n 2, account n | n 1, instance n | count 1 | resource.. | tag 16
//! resource: bytes shared with the one before 1 | n - 1 1 | n other bytes
//! ```
//!
//! The tag covers all bytes before it. Resources are sorted, so that what they begin with is written once.

use alloc::boxed::Box;
use alloc::vec::Vec;

use lmq_id::Access;
use zeroize::Zeroizing;

use super::{TokenClaims, TokenId};

/// The first byte of every token of this layout.
const VERSION: u8 = 1;

/// Writes everything but the tag, with room for it.
pub(super) fn write(claims: &TokenClaims, key: u32) -> Zeroizing<Vec<u8>> {
    let resources: usize = claims.resources.iter().map(|resource| resource.len() + 2).sum();
    let len = 50 + claims.account.len() + claims.instance.len() + resources;
    let mut out = Zeroizing::new(Vec::with_capacity(len));
    out.push(VERSION);
    out.extend(key.to_be_bytes());
    out.extend(claims.id.to_bytes());
    out.extend(claims.expires.to_be_bytes());
    out.push(claims.actions as u8);
    out.extend((claims.account.len() as u16).to_be_bytes()); // at most 128 characters of 4 bytes
    out.extend(claims.account.as_bytes());
    out.push(claims.instance.len() as u8); // at most 63
    out.extend(claims.instance.as_bytes());
    out.push(claims.resources.len() as u8); // at most 100
    let mut before: &[u8] = &[];
    for resource in &claims.resources {
        let shared = before.iter().zip(resource.as_bytes()).take(255).take_while(|(a, b)| a == b).count();
        let rest = &resource.as_bytes()[shared..];
        debug_assert!(!rest.is_empty(), "sorted, each once");
        out.push(shared as u8);
        out.push((rest.len() - 1) as u8); // at most 256 bytes
        out.extend(rest);
        before = resource.as_bytes();
    }
    out
}

/// The key that a token names: all that may be looked at before its tag is checked.
pub(super) fn key(bytes: &[u8]) -> Option<u32> {
    let mut input = Input(bytes);
    (input.array()? == [VERSION]).then_some(())?;
    Some(u32::from_be_bytes(input.array()?))
}

/// Reads what [`write`] wrote.
pub(super) fn read(bytes: &[u8]) -> Option<TokenClaims> {
    let mut input = Input(bytes);
    input.take(5)?; // version and key
    let id = TokenId::new(input.array()?);
    let expires = u64::from_be_bytes(input.array()?);
    let [actions] = input.array()?;
    let actions = Access::ALL.into_iter().find(|access| *access as u8 == actions)?;
    let len = u16::from_be_bytes(input.array()?);
    let account = text(input.take(len.into())?)?;
    let [len] = input.array()?;
    let instance = text(input.take(len.into())?)?;
    let resources = read_resources(&mut input)?;
    input.0.is_empty().then_some(TokenClaims { id, account, instance, actions, resources, expires })
}

fn read_resources(input: &mut Input<'_>) -> Option<Vec<Box<str>>> {
    let [count] = input.array()?;
    let mut resources: Vec<Box<str>> = Vec::new();
    for _ in 0..count {
        let [shared, rest] = input.array()?;
        let before = resources.last().map_or(&[][..], |resource| resource.as_bytes());
        let resource = [before.get(..shared.into())?, input.take(usize::from(rest) + 1)?].concat();
        resources.push(text(&resource)?);
    }
    Some(resources)
}

fn text(bytes: &[u8]) -> Option<Box<str>> {
    Some(core::str::from_utf8(bytes).ok()?.into())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}
