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
}
