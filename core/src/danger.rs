//! What lifts a check of tokens and keys. Nothing else does: no feature, no variable, no word of a provider. What a sign-in goes
//! without at a provider that cannot do it, a [profile](crate::profile::ProviderProfile) says, and a warning with it.

use std::ops::RangeInclusive;

/// Checks that are lifted; none, unless a method here is called.
///
/// Each is for a provider that leaves no other way, and each is logged as a warning when a client is built with it.
///
/// ```
/// use oidc_core::Config;
/// use oidc_core::config::Danger;
///
/// let config = Config::resource_server("https://op.example", "api").danger(Danger::new().small_exponents()).build()?;
/// # Ok::<(), oidc_core::error::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Danger {
    rsa_bits: Option<usize>,
    small_exponents: bool,
    unproven_confirmation: bool,
}

/// The largest modulus ever taken, in bits.
const MOST_BITS: usize = 8192;

impl Danger {
    /// Nothing is lifted.
    pub const fn new() -> Self {
        Self { rsa_bits: None, small_exponents: false, unproven_confirmation: false }
    }

    /// RSA keys of up to this many bits, 4096..=8192, instead of 4096: a verification by a key of 8192 bits costs about
    /// four times as much.
    pub const fn rsa_bits_up_to(mut self, bits: usize) -> Self {
        self.rsa_bits = Some(bits);
        self
    }

    /// RSA keys with any odd public exponent of 3 or more, instead of 65537 or more.
    pub const fn small_exponents(mut self) -> Self {
        self.small_exponents = true;
        self
    }

    /// Tokens that are bound to a key or certificate of their holder (`cnf`,
    /// [RFC 8705 section 3](https://www.rfc-editor.org/rfc/rfc8705#section-3)), although nobody has proven to have it:
    /// for a service behind something that has checked it.
    pub const fn unproven_confirmation(mut self) -> Self {
        self.unproven_confirmation = true;
        self
    }

    /// The sizes of modulus taken, in bits.
    pub(crate) fn modulus_bits(&self) -> RangeInclusive<usize> {
        2048..=self.rsa_bits.unwrap_or(4096).clamp(4096, MOST_BITS)
    }

    /// The public exponents taken; even ones are not.
    pub(crate) fn exponents(&self) -> RangeInclusive<u64> {
        if self.small_exponents { 3..=(1 << 33) - 1 } else { 65_537..=(1 << 33) - 1 }
    }

    pub(crate) fn takes_unproven_confirmation(&self) -> bool {
        self.unproven_confirmation
    }

    /// The number of bits asked for makes sense.
    pub(crate) fn is_in_range(&self) -> bool {
        self.rsa_bits.is_none_or(|bits| (4096..=MOST_BITS).contains(&bits))
    }

    /// One warning for each check that is lifted.
    pub(crate) fn warn(&self) {
        let lifted = [
            (self.rsa_bits.is_some(), "rsa_bits_up_to"),
            (self.small_exponents, "small_exponents"),
            (self.unproven_confirmation, "unproven_confirmation"),
        ];
        for (_, check) in lifted.into_iter().filter(|(lifted, _)| *lifted) {
            tracing::warn!(check, "a check is lifted by the configuration");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_end_where_33_bits_do() {
        for (danger, least) in [(Danger::new(), 65_537), (Danger::new().small_exponents(), 3)] {
            assert_eq!(danger.exponents(), least..=8_589_934_591);
        }
    }
}
