use core::fmt;

/// Why a token, or an operation under a token, was not accepted: the `code` of `$SYS/tokenInvalidNotice` (manual of 2018-10) and,
/// for the first three, of the token server's replies.
///
/// All are the fault of who holds or issued the token; none says how close a forgery was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// 1: forged, damaged, or not a token at all.
    Forged,
    /// 2: its time is over.
    Expired,
    /// 3: revoked before its time was over.
    Revoked,
    /// 4: there is a right to act in this direction, but on other topics.
    Resource,
    /// 5: no right to act in this direction at all, or the token was given as another type than the one it was issued for.
    Action,
    /// 8: genuine, but made for another account or instance.
    Signature,
    /// -1: the account that issued it may not act any more.
    Account,
}

impl Denial {
    /// All values, in the order of declaration.
    pub const ALL: [Self; 7] =
        [Self::Forged, Self::Expired, Self::Revoked, Self::Resource, Self::Action, Self::Signature, Self::Account];

    /// The number that `$SYS/tokenInvalidNotice` carries.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Forged => 1,
            Self::Expired => 2,
            Self::Revoked => 3,
            Self::Resource => 4,
            Self::Action => 5,
            Self::Signature => 8,
            Self::Account => -1,
        }
    }

    /// The denial with this number; `None` for a number the manual does not list.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|denial| denial.code() == code)
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Forged => "token is forged or unreadable",
            Self::Expired => "token has expired",
            Self::Revoked => "token was revoked",
            Self::Resource => "topic is not among the resources",
            Self::Action => "no right to act in this direction",
            Self::Signature => "token is for another account or instance",
            Self::Account => "account has no right any more",
        })
    }
}

impl core::error::Error for Denial {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_numbers_of_the_manual() {
        assert_eq!(Denial::ALL.map(Denial::code), [1, 2, 3, 4, 5, 8, -1]);
        for denial in Denial::ALL {
            assert_eq!(Denial::from_code(denial.code()), Some(denial));
        }
        for code in [0, 6, 7, 9, -2, i32::MIN, i32::MAX] {
            assert_eq!(Denial::from_code(code), None);
        }
    }

    #[test]
    fn display_says_what_it_is() {
        assert_eq!(Denial::Revoked.to_string(), "token was revoked");
        let mut all = Denial::ALL.map(|denial| denial.to_string());
        all.sort();
        assert!(all.windows(2).all(|two| two[0] != two[1]));
    }
}
