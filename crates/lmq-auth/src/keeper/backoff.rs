/// The longest pause between two attempts, in milliseconds.
pub(super) const PAUSE_MS_MAX: u64 = 60_000;

/// How long to wait after so many failures in a row: 1 s, 2 s, 4 s .. 60 s.
pub(super) const fn pause_ms(failures: u32) -> u64 {
    let doublings = if failures > 7 { 7 } else { failures };
    let pause = 500 << doublings;
    if pause > PAUSE_MS_MAX { PAUSE_MS_MAX } else { pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        assert_eq!([1, 2, 3, 7, 8, u32::MAX].map(pause_ms), [1_000, 2_000, 4_000, 60_000, 60_000, 60_000]);
    }
}
