//! Compact serialization: three canonical base64url segments, a header, nothing else
//! ([RFC 7515 section 7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).

use std::borrow::Cow;

use super::json::{MAX_MEMBERS, Object};
use super::{Algorithm, KeySet, base64url};
use crate::error::{Excerpt, Malformation, Segment, TokenError};

/// The longest token taken, in bytes; this many is still taken.
pub const MAX_TOKEN: usize = 16 * 1024;
/// The longest header segment taken, in bytes of base64url.
const MAX_HEADER: usize = 4 * 1024;
/// The longest `kid` taken, in bytes.
const MAX_KID: usize = 256;

/// A token taken apart; nothing of it is proven yet.
pub(crate) struct Compact<'a> {
    pub(crate) header: Cow<'a, Header>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Signature,
    /// The text that is signed, as it was received.
    pub(crate) signing_input: &'a str,
}

/// The header members that mean something here. `jwk`, `jku`, `x5u`, `x5c` and `x5t` are never looked at.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
}

impl<'a> Compact<'a> {
    /// Parses a token. Its header need not be parsed where `keys` know it.
    pub(crate) fn parse(
        token: &'a str,
        allowed: &[Algorithm],
        keys: Option<&'a KeySet>,
    ) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLarge { limit: MAX_TOKEN });
        }
        let (header, payload, signature) = segments(token)?;
        if header.len() > MAX_HEADER {
            return Err(TokenError::TooLarge { limit: MAX_HEADER });
        }
        let header = match keys.and_then(|keys| keys.known_header(header)) {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(Header::parse(&decode(header, Segment::Header)?)?),
        };
        if !allowed.contains(&header.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed { alg: Excerpt::of(header.algorithm.name()) });
        }
        let payload = decode(payload, Segment::Payload)?;
        let signed = token.len().saturating_sub(signature.len()).saturating_sub(1);
        let signature = Signature::decode(signature)?;
        Ok(Self { header, payload, signature, signing_input: token.get(..signed).unwrap_or_default() })
    }

    /// The header as it was received.
    pub(crate) fn header_text(&self) -> &'a str {
        self.signing_input.split('.').next().unwrap_or_default()
    }
}

/// The bytes of a signature; none, if there are more than of any key.
pub(crate) struct Signature {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Signature {
    /// By a key of 8192 bits.
    const LONGEST: usize = 1024;

    fn decode(text: &str) -> Result<Self, TokenError> {
        let mut signature = Self { bytes: [0; Self::LONGEST], length: 0 };
        if let Some(length) = base64url::decode_public_into(text, &mut signature.bytes) {
            signature.length = length;
        } else {
            decode(text, Segment::Signature)?;
        }
        Ok(signature)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Exactly three, of which the signature may be empty: `alg` is to be refused by its name, not by its length.
fn segments(token: &str) -> Result<(&str, &str, &str), TokenError> {
    let mut parts = token.splitn(4, '.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) if !header.is_empty() && !payload.is_empty() => {
            Ok((header, payload, signature))
        }
        _ => Err(TokenError::Malformed { segment: Segment::Token, reason: Malformation::Segments }),
    }
}

fn decode(text: &str, segment: Segment) -> Result<Vec<u8>, TokenError> {
    base64url::decode_public(text).ok_or(TokenError::Malformed { segment, reason: Malformation::Base64 })
}

impl Header {
    fn parse(text: &[u8]) -> Result<Self, TokenError> {
        let header = Object::parse(text, MAX_MEMBERS).map_err(malformed)?;
        if !header.has_finite_numbers() {
            return Err(malformed(Malformation::Number));
        }
        let alg = optional_string(&header, "alg")?
            .filter(|alg| !alg.is_empty())
            .ok_or_else(|| malformed(Malformation::Header("alg")))?;
        let kid = optional_string(&header, "kid")?.map(Cow::into_owned);
        let typ = optional_string(&header, "typ")?.map(Cow::into_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(malformed(Malformation::Header("kid")));
        }
        // https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11, https://www.rfc-editor.org/rfc/rfc7797#section-6
        if header.has("crit") || header.has("b64") {
            return Err(TokenError::CriticalHeader);
        }
        refuse_wrapped(&header)?;
        match Algorithm::from_name(&alg) {
            Some(algorithm) => Ok(Self { algorithm, kid, typ }),
            None => Err(TokenError::AlgorithmNotAllowed { alg: Excerpt::of(&alg) }),
        }
    }

    /// `typ` is this media type, in any case, with or without `application/`
    /// ([RFC 7515 section 4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)).
    pub(crate) fn is_type(&self, media_type: &str) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            let short = match typ.get(..12) {
                Some(prefix) if prefix.eq_ignore_ascii_case("application/") => {
                    typ.get(12..).unwrap_or_default()
                }
                _ => typ,
            };
            short.eq_ignore_ascii_case(media_type)
        })
    }
}

/// Nested, compressed and encrypted tokens are out of scope, so their marks are refused rather than ignored.
fn refuse_wrapped(header: &Object<'_>) -> Result<(), TokenError> {
    for name in ["zip", "enc", "epk", "p2c"] {
        if header.has(name) {
            return Err(malformed(Malformation::Unsupported(name)));
        }
    }
    match optional_string(header, "cty")? {
        Some(cty) if cty.eq_ignore_ascii_case("jwt") || cty.eq_ignore_ascii_case("application/jwt") => {
            Err(malformed(Malformation::Unsupported("cty")))
        }
        _ => Ok(()),
    }
}

fn optional_string<'a>(header: &Object<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, TokenError> {
    header.text(name).map_err(|_| malformed(Malformation::Header(name)))
}

fn malformed(reason: Malformation) -> TokenError {
    TokenError::Malformed { segment: Segment::Header, reason }
}
