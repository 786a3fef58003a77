//! What comes, packet by packet.

use super::{Client, Ctx, Phase, Wish};
use crate::{
    ledger::Arrival,
    marks::Mark,
    violation::{Checker, Violation},
    wire::{Heard, PUBCOMP},
};

impl Client {
    /// A whole packet came.
    pub(crate) fn hear(&mut self, heard: Heard, ctx: &mut Ctx<'_>) -> Result<Wish, Violation> {
        let connecting = matches!(self.phase, Phase::Connecting { .. });
        match heard {
            Heard::ConnAck { present, code, proof } if connecting => {
                if code == 0 {
                    self.check_words(proof.as_deref())?;
                }
                if code == 0 && self.is_legacy() {
                    return self.greeted(present, ctx);
                }
                return self.answered(present, code, ctx);
            }
            Heard::Auth { code, proof } => self.hear_auth(code, proof.as_deref(), ctx)?,
            Heard::PubAck(id) if self.papers.uses(id) => return self.uploaded(ctx),
            // What they say is looked at where tokens are known.
            Heard::Expires(_) | Heard::Invalid(_) => {}
            Heard::Disconnect(_) if self.farewell.is_some() => return self.protocol("a second DISCONNECT"),
            Heard::Disconnect(code) if self.papers.is_awaiting() => self.farewell = Some(code),
            Heard::PingResp if self.papers.is_awaiting() => {}
            other if connecting && self.papers.is_awaiting() => {
                return self.protocol(format!("{other:?} before its token was accepted"));
            }
            other if connecting => return self.protocol(format!("{other:?} before CONNACK")),
            Heard::ConnAck { .. } => return self.protocol("a second CONNACK"),
            Heard::Publish { number, topic, qos, id, dup, retain, length, intact, alias, expiry } => {
                let topic = self.topic(topic, alias)?;
                self.count_in(id)?;
                let (receiver, version5) = (self.index, self.version.has_properties());
                let arrival = Arrival { receiver, number, topic, qos, retain, length, intact, dup, expiry, version5 };
                self.take(arrival, id, ctx)?;
            }
            Heard::PubAck(id) => match self.exchanges.puback(id) {
                Some(_number) => {}
                None => return self.protocol(format!("PUBACK {id} for nothing")),
            },
            Heard::PubRec(id, refused) => {
                if refused || self.exchanges.pubrec(id, &mut ctx.out).is_none() {
                    return self.protocol(format!("PUBREC {id} for nothing"));
                }
                self.sent_at = ctx.now;
            }
            Heard::PubRel(id) => {
                self.inbound.remove(&id);
                self.answer(PUBCOMP(id), ctx);
            }
            Heard::PubComp(id) if self.exchanges.pubcomp(id) => {}
            Heard::PubComp(id) => return self.protocol(format!("PUBCOMP {id} for nothing")),
            Heard::SubAck(id, codes) => {
                self.subscriptions.granted(id, &codes, self.index, ctx).map_err(|text| self.violation(text))?;
            }
            Heard::UnsubAck(id) => {
                self.subscriptions.removed(id, ctx.now).map_err(|text| self.violation(text))?;
            }
            Heard::PingResp => self.pinged_at = None,
            Heard::Disconnect(code) => self.farewell = Some(code),
        }
        Ok(Wish::Nothing)
    }

    /// The messages that a packet from the broker acknowledges, to be entered in the ledger before the client acts on it.
    pub(crate) fn acknowledges(&self, heard: &Heard) -> Option<u64> {
        match heard {
            Heard::PubAck(id) | Heard::PubRec(id, _) => self.exchanges.number(*id),
            _ => None,
        }
    }

    pub(super) fn answered(&mut self, present: bool, code: u8, ctx: &mut Ctx<'_>) -> Result<Wish, Violation> {
        let Phase::Connecting { discards, .. } = self.phase else { return Ok(Wish::Nothing) };
        if code != 0 {
            return Ok(Wish::Nothing);
        }
        (self.phase, self.sent_at) = (Phase::Live, ctx.now);
        let gone = std::mem::take(&mut self.session_gone);
        if present && gone {
            return self.protocol("a session that was discarded");
        }
        if present && (discards || !self.persistent) {
            return self.protocol("session present after a clean CONNECT");
        }
        if !present && self.session_known {
            let text = format!("client {} was told that its session is new", self.index);
            return Err(Violation::new(Checker::SessionKept, text));
        }
        ctx.marks.hits(Mark::SessionPresent, u64::from(present));
        let new = !present | std::mem::take(&mut self.expired);
        if new {
            self.exchanges.forget();
            self.inbound.clear();
            self.subscriptions.forget();
        }
        ctx.ledger.connected(self.index, new);
        if discards {
            // A connection that was left behind may still make a session.
            (self.discard, self.session_gone) = (false, self.never_left_behind);
            ctx.marks.hit(Mark::SessionDiscarded);
            self.writer.disconnect(&mut ctx.out);
            return Ok(Wish::Close);
        }
        self.session_known = self.persistent;
        ctx.ledger.subscribed(self.index, None);
        if ctx.options.lmq {
            // QoS 2 ends with the connection there.
            self.inbound.clear();
        }
        self.exchanges.send_again(self.writer, ctx);
        Ok(Wish::Nothing)
    }
}
