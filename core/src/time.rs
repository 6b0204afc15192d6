//! A point in time, given to core by its caller: core has no clock.

use std::fmt;
use std::time::Duration;

/// The last NumericDate taken from outside: 9999-12-31T23:59:59Z, in seconds.
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// Time since 1970-01-01T00:00:00Z. All arithmetic saturates, so no value of it can panic.
///
/// It is the last argument, `now`, of everything in this crate that depends on time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(Duration);

impl UnixTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// Later than any time.
    pub(crate) const END: Self = Self(Duration::MAX);

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// From the time that has passed since the epoch, as `SystemTime::duration_since(UNIX_EPOCH)` gives it.
    #[must_use]
    pub const fn since_epoch(duration: Duration) -> Self {
        Self(duration)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// Later by `duration`, or the last representable time.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Earlier by `duration`, or the epoch.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }

    /// How long ago `earlier` was; zero if it is still to come.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// A [NumericDate](https://www.rfc-editor.org/rfc/rfc7519#section-2), possibly with a fraction;
    /// `None` outside 0..=253402300799.
    pub(crate) fn from_numeric_date(text: &str) -> Option<Self> {
        if let Ok(seconds) = text.parse::<u64>() {
            return (seconds <= LAST_SECOND).then(|| Self::from_secs(seconds));
        }
        let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds <= 253_402_300_799.0)?;
        Duration::try_from_secs_f64(seconds).ok().map(Self)
    }
}

impl fmt::Debug for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} since 1970", self.0)
    }
}

impl serde::Serialize for UnixTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_secs())
    }
}

impl<'de> serde::Deserialize<'de> for UnixTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_dates_keep_their_fraction_and_their_range() {
        assert_eq!(UnixTime::from_numeric_date("0"), Some(UnixTime::EPOCH));
        assert_eq!(UnixTime::from_numeric_date("-0.0"), Some(UnixTime::EPOCH));
        assert_eq!(UnixTime::from_numeric_date("4e9"), Some(UnixTime::from_secs(4_000_000_000)));
        assert!(UnixTime::from_numeric_date("1.5") > Some(UnixTime::from_secs(1)));
        for refused in ["-1", "1e300", "1e400", "9223372036854775808", "253402300800", "NaN", "inf"] {
            assert_eq!(UnixTime::from_numeric_date(refused), None, "{refused}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let end = UnixTime::since_epoch(Duration::MAX);
        assert_eq!(end.saturating_add(Duration::from_secs(1)), end);
        assert_eq!(UnixTime::EPOCH.saturating_sub(Duration::from_secs(1)), UnixTime::EPOCH);
        assert_eq!(UnixTime::EPOCH.saturating_since(end), Duration::ZERO);
    }
}
