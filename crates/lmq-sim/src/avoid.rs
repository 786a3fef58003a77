//! Defects of the broker that are known.

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Defects of the broker that are known, each with what is left out or let pass because of it, so that a run can find others. A
        /// defect that is mended loses its field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Avoid {
            $($(#[$doc])* pub $name: bool,)*
        }

        impl Avoid {
            /// What is known.
            pub const KNOWN: Self = Self { $($name: true,)* };

            /// Nothing is avoided.
            pub const NOTHING: Self = Self { $($name: false,)* };

            /// The names.
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];

            /// Whether the defect of this name is not avoided.
            pub fn shows(&self, name: &str) -> bool {
                match name {
                    $(stringify!($name) => !self.$name,)*
                    _ => false,
                }
            }

            /// No longer avoids the defect of this name. False if there is none.
            pub fn show(&mut self, name: &str) -> bool {
                match name {
                    $(stringify!($name) => self.$name = false,)*
                    _ => return false,
                }
                true
            }
        }
    };
}

defects! {
    /// A QoS 2 message of a persistent session is recorded under its packet id before the siblings have it, and the next try, on a
    /// new connection, is answered and not forwarded: too early, or for ever if a sibling's store failed or the broker crashed. Let pass:
    /// such a message for a client of a sibling.
    recorded_before_siblings,
    /// A session without subscriptions is loaded from the store again when its client comes back: a message that waits for a sibling is
    /// taken for done, and when it is, its packet id is taken for one of a message that came already, for ever. Left out: persistent
    /// clients without subscription. Let pass, where stores fail: what is acknowledged and not forwarded.
    fresh_session_loaded,
    /// QoS 2 messages whose packet id is being stored do not count for the outbox. Let pass: a window full of them in one outbox.
    outbox_without_saving,
    /// A QoS 2 message that the store gives up while its packet id is being stored keeps its place in the window for ever. Left out: a
    /// small quota in the profile that stores QoS 2.
    saving_given_up,
    /// A message that the store kept only after the effect timeout is passed over. Left out: stalls that long.
    late_append,
    /// A connection whose pause ends with the next pause is never read, and its time begins again: the pauses have no bound. Let pass: the
    /// sum of them.
    pause_by_pause,
    /// After a failed `DropSession` the next clean CONNECT is accepted without another one: what the store has comes back with the CONNECT
    /// after that. Left out: sessions that are discarded while a store fails.
    failed_drop,
    /// A session without subscriptions that the store fails to open twice is dropped from the store. Let pass: that it is gone.
    unused_session_dropped,
}
