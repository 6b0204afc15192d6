//! A key set: what of it can verify, and which key fits a token
//! ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)). A key that is not understood is skipped, the rest works.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::compact::{Compact, Header};
use super::json::{Object, WrongType};
use super::verify::{PreparedKey, PublicKey, RsaComponents, Verifier};
use super::{Algorithm, base64url};
use crate::danger::Danger;
use crate::error::{Malformation, TokenError};

/// The most keys of a set; a set of more is refused whole.
pub const MAX_KEYS: usize = 64;
/// The most keys tried for one token.
const MAX_CANDIDATES: usize = 4;

/// A provider's published keys, each prepared for verification.
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<SkippedKey>,
    headers: [OnceLock<KnownHeader>; KNOWN_HEADERS],
}

/// How many headers are known by their text. A provider's tokens have one or two, which change with its keys.
const KNOWN_HEADERS: usize = 8;

/// The header of a token that was verified by this set. Nobody else's takes up any room.
struct KnownHeader {
    text: Box<str>,
    header: Header,
}

struct Key {
    thumbprint: Thumbprint,
    kid: Option<String>,
    /// For which issuer it signs, where a set is for several: a member of Entra ID's own.
    issuer: Option<Box<str>>,
    key_type: KeyType,
    algorithm: Option<Algorithm>,
    signature_bytes: usize,
    prepared: Box<dyn PreparedKey>,
}

/// What decides which algorithms a key serves: `kty` and `crv`.
#[derive(Clone, Copy)]
enum KeyType {
    Rsa,
    #[cfg(feature = "ecdsa")]
    P256,
    #[cfg(feature = "ecdsa")]
    P384,
    #[cfg(feature = "eddsa")]
    Ed25519,
}

/// What a key is known by, whatever it is called ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thumbprint([u8; 32]);

impl Thumbprint {
    fn of(key: &PublicKey<'_>) -> Self {
        let encode = base64url::encode;
        let members = match *key {
            PublicKey::Rsa(RsaComponents { n, e }) => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n))
            }
            #[cfg(feature = "ecdsa")]
            PublicKey::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            #[cfg(feature = "ecdsa")]
            PublicKey::P384 { x, y } => {
                format!(r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            // https://www.rfc-editor.org/rfc/rfc8037#section-2
            #[cfg(feature = "eddsa")]
            PublicKey::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
        };
        Self(Sha256::digest(members).into())
    }
}

/// A key of the set that cannot be used here, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its `kid`, if it is a string.
    pub kid: Option<String>,
    /// Why.
    pub reason: SkipReason,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// Not a strict JSON object, or a member is missing or of a wrong type.
    Malformed,
    /// `kty` is not `RSA`, nor one that a feature adds and the configuration allows an algorithm of.
    KeyType,
    /// `crv` is none that goes with `kty` here.
    Curve,
    /// `use`, `key_ops` or `alg` reserve it for something else, or for what its type cannot do.
    Purpose,
    /// The modulus has this many bits: fewer than 2048 or more than 4096 (or than [`Danger`] says).
    Size(usize),
    /// The modulus is even.
    Modulus,
    /// The public exponent is even, below 65537 (or 3, if [`Danger`] says so) or above 2^33 - 1.
    Exponent,
    /// The signature backend refused it.
    Backend,
}

/// A key set that is refused whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not strict JSON.
    Malformed(Malformation),
    /// `keys` is missing or no array.
    Keys,
    /// More than [`MAX_KEYS`] keys.
    TooManyKeys,
}

impl KeySet {
    /// Takes a JWK set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    ///
    /// # Errors
    /// [`KeySetError`] when the set as a whole is not one. A set without any usable key is none: see [`Self::is_empty`].
    pub fn parse(json: &[u8], backend: &dyn Verifier) -> Result<Self, KeySetError> {
        Self::parse_with(json, backend, &Danger::new())
    }

    /// The same with checks lifted.
    ///
    /// # Errors
    /// See [`Self::parse`].
    pub fn parse_with(json: &[u8], backend: &dyn Verifier, danger: &Danger) -> Result<Self, KeySetError> {
        // Each key is checked by itself, so that a broken one does not take the others along.
        let set: TopLevel<'_> = TopLevel::parse(json)?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut parsed = Self {
            keys: Vec::new(),
            skipped: Vec::new(),
            headers: [const { OnceLock::new() }; KNOWN_HEADERS],
        };
        for jwk in set.keys {
            match Key::parse(jwk.get(), backend, danger) {
                Ok(key) => parsed.keys.push(key),
                Err(skipped) => parsed.skipped.push(skipped),
            }
        }
        Ok(parsed)
    }

    /// Without the keys whose type serves none of these algorithms: an algorithm that is compiled in and not allowed makes no
    /// set out of none.
    #[must_use]
    pub(crate) fn for_algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        let serves = |key: &Key| algorithms.iter().any(|algorithm| key.key_type.serves(*algorithm));
        let (keys, others): (Vec<_>, Vec<_>) = self.keys.into_iter().partition(serves);
        let skipped = others.into_iter().map(|key| SkippedKey { kid: key.kid, reason: SkipReason::KeyType });
        self.skipped.extend(skipped);
        self.keys = keys;
        self
    }

    /// No key can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that cannot be used.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// This very key is among those that can be used.
    pub(crate) fn has(&self, key: &Thumbprint) -> bool {
        self.keys.iter().any(|known| known.thumbprint == *key)
    }

    /// Checks the signature by the keys that fit the header, at most four of them: the one that it is of.
    pub(crate) fn verify(&self, token: &Compact<'_>) -> Result<Thumbprint, TokenError> {
        self.verify_by(token, |_| true)
    }

    /// The same by keys that may sign it, of those that say for which issuer they do.
    pub(crate) fn verify_by(
        &self,
        token: &Compact<'_>,
        may_sign: impl Fn(&str) -> bool,
    ) -> Result<Thumbprint, TokenError> {
        let may_sign = |key: &Key| key.issuer.as_deref().is_none_or(&may_sign);
        let fitting = || self.keys.iter().filter(|key| key.fits(&token.header) && may_sign(key));
        if let Some(key) = fitting().take(MAX_CANDIDATES).find(|key| key.verify(token)) {
            self.remember_header(token);
            return Ok(key.thumbprint);
        }
        // Where keys were left out, nothing is known about the signature.
        let all_tried = (1..=MAX_CANDIDATES).contains(&fitting().count());
        Err(if all_tried { TokenError::BadSignature } else { TokenError::UnknownKey })
    }

    /// A header of this text, parsed, if a token with it was verified before.
    pub(crate) fn known_header(&self, text: &str) -> Option<&Header> {
        let known = self.headers.iter().map_while(OnceLock::get);
        known.into_iter().find(|known| *known.text == *text).map(|known| &known.header)
    }

    fn remember_header(&self, token: &Compact<'_>) {
        let Cow::Owned(header) = &token.header else { return };
        if let Some(free) = self.headers.iter().find(|known| known.get().is_none()) {
            let _ = free.set(KnownHeader { text: token.header_text().into(), header: header.clone() });
        }
    }
}

struct TopLevel<'a> {
    keys: Vec<&'a RawValue>,
}

impl<'a> TopLevel<'a> {
    /// The set's own members, strictly; the keys' insides are left to [`Key::parse`].
    fn parse(json: &'a [u8]) -> Result<Self, KeySetError> {
        let text = std::str::from_utf8(json).map_err(|_| KeySetError::Malformed(Malformation::Utf8))?;
        let members = super::json::outer_members(text).map_err(KeySetError::Malformed)?;
        let keys = members.into_iter().find(|(name, _)| name == "keys").ok_or(KeySetError::Keys)?.1;
        serde_json::from_str(keys.get()).map(|keys| Self { keys }).map_err(|_| KeySetError::Keys)
    }
}

impl Key {
    fn parse(json: &str, backend: &dyn Verifier, danger: &Danger) -> Result<Self, SkippedKey> {
        let unnamed = |reason| SkippedKey { kid: None, reason };
        let jwk = Object::parse(json.as_bytes(), 64).map_err(|_| unnamed(SkipReason::Malformed))?;
        let kid: Option<String> = jwk.get("kid").map_err(|WrongType| unnamed(SkipReason::Malformed))?;
        Self::of(&jwk, kid.clone(), backend, danger).map_err(|reason| SkippedKey { kid, reason })
    }

    fn of(
        jwk: &Object<'_>,
        kid: Option<String>,
        backend: &dyn Verifier,
        danger: &Danger,
    ) -> Result<Self, SkipReason> {
        let key_type = KeyType::of(jwk)?;
        let algorithm = purpose(jwk, key_type)?;
        // Not a member of the standard's, so that of another type it is somebody else's.
        let issuer: Option<String> = jwk.get("issuer").ok().flatten();
        let issuer = issuer.map(String::into_boxed_str);
        if jwk.has("d") {
            tracing::warn!(kid = ?kid, "the provider publishes a private key; only its public part is used");
        }
        let prepare = |key: PublicKey<'_>| {
            let prepared = backend.prepare(&key).ok_or(SkipReason::Backend)?;
            let (thumbprint, signature_bytes) = (Thumbprint::of(&key), signature_bytes(&key));
            Ok(Self { thumbprint, kid, issuer, key_type, algorithm, signature_bytes, prepared })
        };
        match key_type {
            KeyType::Rsa => {
                let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
                check_modulus(&n, danger)?;
                check_exponent(&e, danger)?;
                prepare(PublicKey::Rsa(RsaComponents { n: &n, e: &e }))
            }
            #[cfg(feature = "ecdsa")]
            KeyType::P256 => prepare(PublicKey::P256 { x: &octets(jwk, "x")?, y: &octets(jwk, "y")? }),
            #[cfg(feature = "ecdsa")]
            KeyType::P384 => prepare(PublicKey::P384 { x: &octets(jwk, "x")?, y: &octets(jwk, "y")? }),
            #[cfg(feature = "eddsa")]
            KeyType::Ed25519 => prepare(PublicKey::Ed25519(&octets(jwk, "x")?)),
        }
    }

    /// A token without `kid` fits any key of its algorithm; no key fits an algorithm that is not of its type
    /// ([OpenID Connect Core section 10.1](https://openid.net/specs/openid-connect-core-1_0.html#Signing)).
    fn fits(&self, header: &Header) -> bool {
        let same_kid = header.kid.is_none() || header.kid == self.kid;
        same_kid
            && self.key_type.serves(header.algorithm)
            && self.algorithm.is_none_or(|algorithm| algorithm == header.algorithm)
    }

    fn verify(&self, token: &Compact<'_>) -> bool {
        let signature = token.signature.bytes();
        signature.len() == self.signature_bytes
            && self.prepared.verify(token.header.algorithm, token.signing_input.as_bytes(), signature)
    }
}

impl KeyType {
    fn of(jwk: &Object<'_>) -> Result<Self, SkipReason> {
        match string(jwk, "kty")?.as_deref() {
            Some("RSA") => Ok(Self::Rsa),
            // https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.1
            #[cfg(feature = "ecdsa")]
            Some("EC") => match string(jwk, "crv")?.as_deref() {
                Some("P-256") => Ok(Self::P256),
                Some("P-384") => Ok(Self::P384),
                _ => Err(SkipReason::Curve),
            },
            // https://www.rfc-editor.org/rfc/rfc8037#section-2
            #[cfg(feature = "eddsa")]
            Some("OKP") => match string(jwk, "crv")?.as_deref() {
                Some("Ed25519") => Ok(Self::Ed25519),
                _ => Err(SkipReason::Curve),
            },
            _ => Err(SkipReason::KeyType),
        }
    }

    fn serves(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => matches!(self, Self::Rsa),
            #[cfg(feature = "rsa-pss")]
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => matches!(self, Self::Rsa),
            #[cfg(feature = "ecdsa")]
            Algorithm::Es256 => matches!(self, Self::P256),
            #[cfg(feature = "ecdsa")]
            Algorithm::Es384 => matches!(self, Self::P384),
            #[cfg(feature = "eddsa")]
            Algorithm::EdDsa => matches!(self, Self::Ed25519),
        }
    }
}

/// How long the key's signatures are.
fn signature_bytes(key: &PublicKey<'_>) -> usize {
    match key {
        // https://www.rfc-editor.org/rfc/rfc8017#section-8.2.2, step 1
        PublicKey::Rsa(key) => key.n.len(),
        // https://www.rfc-editor.org/rfc/rfc7518#section-3.4
        #[cfg(feature = "ecdsa")]
        PublicKey::P256 { .. } => 64,
        #[cfg(feature = "ecdsa")]
        PublicKey::P384 { .. } => 96,
        // https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7
        #[cfg(feature = "eddsa")]
        PublicKey::Ed25519(_) => 64,
    }
}

/// `use`, `key_ops` and `alg` pin a key to a purpose: any that is there must allow verification by an algorithm that keys of
/// its type serve.
fn purpose(jwk: &Object<'_>, key_type: KeyType) -> Result<Option<Algorithm>, SkipReason> {
    let usage = string(jwk, "use")?;
    let operations: Option<Vec<String>> = jwk.get("key_ops").map_err(|WrongType| SkipReason::Malformed)?;
    let verifies =
        operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    if usage.is_some_and(|usage| usage != "sig") || !verifies {
        return Err(SkipReason::Purpose);
    }
    let Some(alg) = string(jwk, "alg")? else { return Ok(None) };
    let algorithm = Algorithm::from_name(&alg).filter(|algorithm| key_type.serves(*algorithm));
    algorithm.map(Some).ok_or(SkipReason::Purpose)
}

fn string(jwk: &Object<'_>, name: &str) -> Result<Option<String>, SkipReason> {
    jwk.get(name).map_err(|WrongType| SkipReason::Malformed)
}

/// A Base64urlUInt without leading zero octets ([RFC 7518 section 2](https://www.rfc-editor.org/rfc/rfc7518#section-2)).
fn number(jwk: &Object<'_>, name: &str) -> Result<Vec<u8>, SkipReason> {
    string(jwk, name)?
        .and_then(|text| base64url::decode(&text))
        .filter(|bytes| bytes.first().is_some_and(|first| *first != 0))
        .ok_or(SkipReason::Malformed)
}

/// Exactly so many octets: a coordinate keeps its leading zeros
/// ([RFC 7518 section 6.2.1.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2)).
#[cfg(any(feature = "ecdsa", feature = "eddsa"))]
fn octets<const LENGTH: usize>(jwk: &Object<'_>, name: &str) -> Result<[u8; LENGTH], SkipReason> {
    string(jwk, name)?
        .and_then(|text| base64url::decode(&text))
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(SkipReason::Malformed)
}

fn check_modulus(n: &[u8], danger: &Danger) -> Result<(), SkipReason> {
    let leading = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = n.len().saturating_mul(8).saturating_sub(leading);
    if !danger.modulus_bits().contains(&bits) {
        return Err(SkipReason::Size(bits));
    }
    if n.last().is_some_and(|byte| byte % 2 == 1) { Ok(()) } else { Err(SkipReason::Modulus) }
}

fn check_exponent(e: &[u8], danger: &Danger) -> Result<(), SkipReason> {
    let value =
        if e.len() > 8 { u64::MAX } else { e.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)) };
    if danger.exponents().contains(&value) && value % 2 == 1 { Ok(()) } else { Err(SkipReason::Exponent) }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet({} usable, {} skipped)", self.keys.len(), self.skipped.len())
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => reason.fmt(f),
            Self::Keys => f.write_str("member \"keys\" is missing or no array of objects"),
            Self::TooManyKeys => write!(f, "more than {MAX_KEYS} keys"),
        }
    }
}

impl std::error::Error for KeySetError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backend that takes a signature of zeros.
    #[derive(Debug)]
    struct Zeros;

    impl Verifier for Zeros {
        fn prepare(&self, _: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
            Some(Box::new(Self))
        }
    }

    impl PreparedKey for Zeros {
        fn verify(&self, _: Algorithm, _: &[u8], signature: &[u8]) -> bool {
            signature.iter().all(|byte| *byte == 0)
        }
    }

    fn keys() -> KeySet {
        let n = base64url::encode(&[0xff; 256]);
        let set = format!(r#"{{"keys":[{{"kty":"RSA","e":"AQAB","n":"{n}"}}]}}"#);
        KeySet::parse(set.as_bytes(), &Zeros).unwrap()
    }

    fn token(header: &str, signature: [u8; 256]) -> String {
        let [header, signature] = [header.as_bytes(), &signature].map(base64url::encode);
        format!("{header}.e30.{signature}")
    }

    fn judge(keys: &KeySet, token: &str, allowed: &[Algorithm]) -> Result<(), TokenError> {
        keys.verify(&Compact::parse(token, allowed, Some(keys))?).map(|key| assert!(keys.has(&key)))
    }

    fn knows(keys: &KeySet, token: &str) -> bool {
        keys.known_header(token.split('.').next().unwrap()).is_some()
    }

    #[test]
    fn a_header_is_known_once_a_token_with_it_was_verified_and_not_before() {
        let keys = keys();
        let (good, forged) =
            (token(r#"{"alg":"RS256"}"#, [0; 256]), token(r#"{"alg":"RS256","x":1}"#, [1; 256]));
        assert_eq!(judge(&keys, &forged, Algorithm::ALL), Err(TokenError::BadSignature));
        assert_eq!(judge(&keys, &good, Algorithm::ALL), Ok(()));
        assert!(knows(&keys, &good) && !knows(&keys, &forged));
        assert_eq!(judge(&keys, &good, Algorithm::ALL), Ok(()));
        let other = token(r#"{"alg":"RS256"}"#, [1; 256]);
        assert_eq!(judge(&keys, &other, Algorithm::ALL), Err(TokenError::BadSignature));
    }

    /// The key of RFC 7638, section 3.1.
    #[test]
    fn a_key_is_known_by_its_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok\
                 njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA\
                 ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCu\
                 r-kEgU8awapJzKnqDKgw";
        let numbers = [n, "AQAB"].map(|number| base64url::decode(number).unwrap());
        let thumbprint = Thumbprint::of(&PublicKey::Rsa(RsaComponents { n: &numbers[0], e: &numbers[1] }));
        assert_eq!(base64url::encode(&thumbprint.0), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert!(!keys().has(&thumbprint));
    }

    /// The key of RFC 9449, section 6.1.
    #[cfg(feature = "ecdsa")]
    #[test]
    fn a_key_of_a_curve_is_known_by_its_thumbprint() {
        let [x, y] =
            ["l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"]
                .map(|number| base64url::decode(number).unwrap().try_into().unwrap());
        let thumbprint = Thumbprint::of(&PublicKey::P256 { x: &x, y: &y });
        assert_eq!(base64url::encode(&thumbprint.0), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    /// The key of RFC 8037, appendix A.3.
    #[cfg(feature = "eddsa")]
    #[test]
    fn a_key_of_ed25519_is_known_by_its_thumbprint() {
        let x = base64url::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap().try_into().unwrap();
        let thumbprint = Thumbprint::of(&PublicKey::Ed25519(&x));
        assert_eq!(base64url::encode(&thumbprint.0), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_known_header_is_of_no_use_where_its_algorithm_is_not_allowed() {
        let keys = keys();
        let token = token(r#"{"alg":"RS512"}"#, [0; 256]);
        assert_eq!(judge(&keys, &token, &[Algorithm::Rs512]), Ok(()));
        assert!(knows(&keys, &token));
        let refused = judge(&keys, &token, &[Algorithm::Rs256, Algorithm::Rs384]).unwrap_err();
        assert_eq!(refused.code(), "algorithm_not_allowed");
    }

    #[test]
    fn so_many_headers_are_known_and_the_others_are_parsed_as_before() {
        let keys = keys();
        let tokens: Vec<String> = (0..KNOWN_HEADERS + 2)
            .map(|number| token(&format!(r#"{{"alg":"RS256","x":{number}}}"#), [0; 256]))
            .collect();
        for _ in 0..2 {
            assert!(tokens.iter().all(|token| judge(&keys, token, Algorithm::ALL).is_ok()));
            assert_eq!(tokens.iter().filter(|token| knows(&keys, token)).count(), KNOWN_HEADERS);
        }
    }
}
