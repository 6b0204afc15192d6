//! Cookies: their names and attributes, reading, splitting, and sealing with authenticated encryption.
//!
//! Purpose, issuer, client and expiry are inside the seal: a cookie of another purpose, application or time does not open.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use http::HeaderValue;
use sha2::Sha256;
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

use crate::entropy::{EntropyFailed, EntropySource};
use crate::error::{Error, UsageError};
use crate::jose::base64url;
use crate::secret::Secret;
use crate::time::UnixTime;

/// The longest cookie that every browser stores, in bytes of name, value and attributes
/// ([RFC 6265 section 6.1](https://www.rfc-editor.org/rfc/rfc6265#section-6.1)).
const MAX_COOKIE: usize = 4096;
/// The most cookies that one value is split into.
const MAX_CHUNKS: usize = 5;
/// The most cookies of ours that are looked at: a session, the sign-ins under way, and some that were planted.
const MAX_COOKIES: usize = 32;
/// The format of a sealed value; a later one is not opened by this version, nor the reverse.
const VERSION: u8 = 1;
const NONCE: usize = 24;

/// What a sealed value is for. It opens for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A session itself.
    Session,
    /// The name of a session in the store.
    Ticket,
    /// A session in the store.
    Record,
    Login,
    Logout,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Ticket => "ticket",
            Self::Record => "record",
            Self::Login => "login",
            Self::Logout => "logout",
        }
    }
}

/// The keys that seal; the first seals, all open.
pub(crate) struct Seals {
    keys: Vec<XChaCha20Poly1305>,
    /// Issuer and client: another application with the same secret opens nothing of this one's.
    context: String,
}

/// What came out of a seal.
pub(crate) struct Opened {
    pub(crate) payload: Zeroizing<Vec<u8>>,
    pub(crate) expires_at: UnixTime,
    /// It was sealed by a key that no longer seals.
    pub(crate) by_old_key: bool,
}

impl Seals {
    /// From secrets as the configuration has checked them.
    pub(crate) fn new(secrets: &[Secret], issuer: &str, client_id: &str) -> Self {
        let decoded =
            secrets.iter().filter_map(|secret| base64url::decode(secret.expose()).map(Zeroizing::new));
        let keys = decoded.filter_map(|secret| derive(&secret)).collect();
        Self { keys, context: format!("{issuer}\n{client_id}") }
    }

    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        payload: &[u8],
        expires_at: UnixTime,
        entropy: &dyn EntropySource,
    ) -> Result<String, Error> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce).map_err(|EntropyFailed| Error::Entropy)?;
        let mut text = Zeroizing::new(expires_at.as_secs().to_be_bytes().to_vec());
        text.extend_from_slice(payload);
        let aad = self.aad(purpose);
        let key = self.keys.first().ok_or(Error::Entropy)?;
        let sealed = key
            .encrypt(&XNonce::from(nonce), Payload { msg: &text, aad: aad.as_bytes() })
            .map_err(|_| Error::Usage(UsageError::SessionTooLarge))?;
        Ok(base64url::encode(&[&[VERSION][..], &nonce, &sealed].concat()))
    }

    /// `None` for anything that this key, purpose, application and time did not seal.
    pub(crate) fn open(&self, purpose: Purpose, text: &str, now: UnixTime) -> Option<Opened> {
        let bytes = base64url::decode(text)?;
        let (version, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().filter(|_| *version == VERSION)?;
        let aad = self.aad(purpose);
        let open = |key: &XChaCha20Poly1305| {
            key.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: aad.as_bytes() }).ok()
        };
        let (by, opened) =
            self.keys.iter().enumerate().find_map(|(by, key)| open(key).map(|opened| (by, opened)))?;
        let opened = Zeroizing::new(opened);
        let (seconds, payload) = opened.split_first_chunk::<8>()?;
        let expires_at = UnixTime::from_secs(u64::from_be_bytes(*seconds));
        let payload = Zeroizing::new(payload.to_vec());
        (now < expires_at).then_some(Opened { payload, expires_at, by_old_key: by > 0 })
    }

    fn aad(&self, purpose: Purpose) -> String {
        format!("oidc-cookie-{VERSION}\n{}\n{}", purpose.name(), self.context)
    }
}

fn derive(secret: &[u8]) -> Option<XChaCha20Poly1305> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret).expand(b"oidc-cookie-seal", &mut *key).ok()?;
    XChaCha20Poly1305::new_from_slice(&*key).ok()
}

/// How this deployment names its cookies, and which attributes they have.
#[derive(Debug, Clone)]
pub(crate) struct Cookies {
    prefix: String,
    secure: bool,
    /// Login cookies must come along with a POST from the provider's site.
    cross_site_login: bool,
}

impl Cookies {
    /// On https, `__Host-` names that no other host or path can set; on loopback http, names with the port, since cookies
    /// do not keep ports apart.
    pub(crate) fn of(redirect_uri: &Url, form_post: bool) -> Self {
        let secure = redirect_uri.scheme() == "https";
        let prefix = if secure {
            "__Host-oidc-".to_owned()
        } else {
            format!("oidc-{}-", redirect_uri.port_or_known_default().unwrap_or(80))
        };
        Self { prefix, secure, cross_site_login: form_post && secure }
    }

    /// What the names of all of them start with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn session(&self) -> String {
        format!("{}session", self.prefix)
    }

    pub(crate) fn logout(&self) -> String {
        format!("{}logout", self.prefix)
    }

    pub(crate) fn login(&self, id: &str) -> String {
        format!("{}login-{id}", self.prefix)
    }

    /// `Set-Cookie` for a value that fits one cookie.
    pub(crate) fn set(&self, name: &str, value: &str, lifetime: Duration) -> Result<HeaderValue, Error> {
        let login = name.starts_with(&self.login(""));
        let same_site = if login && self.cross_site_login { "None" } else { "Lax" };
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!(
            "{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite={same_site}{secure}",
            lifetime.as_secs()
        );
        if text.len() > MAX_COOKIE {
            return Err(UsageError::SessionTooLarge.into());
        }
        HeaderValue::try_from(text).map_err(|_| UsageError::SessionTooLarge.into())
    }

    /// `Set-Cookie` that removes a cookie.
    pub(crate) fn clear(&self, name: &str) -> Option<HeaderValue> {
        self.set(name, "", Duration::ZERO).ok()
    }

    /// `Set-Cookie`s for a value that may need several cookies: `name` holds how many and the first part, `name.1` the
    /// second.
    pub(crate) fn set_split(
        &self,
        name: &str,
        value: &str,
        lifetime: Duration,
    ) -> Result<Vec<HeaderValue>, Error> {
        let overhead = self.set(&format!("{name}.9"), "9~", lifetime)?.len();
        let room = MAX_COOKIE.saturating_sub(overhead);
        // A sealed value is ASCII.
        let parts: Vec<&str> =
            value.as_bytes().chunks(room).filter_map(|part| std::str::from_utf8(part).ok()).collect();
        if parts.len() > MAX_CHUNKS {
            return Err(UsageError::SessionTooLarge.into());
        }
        let cookie = |(index, part): (usize, &&str)| match index {
            0 => self.set(name, &format!("{}~{part}", parts.len()), lifetime),
            _ => self.set(&format!("{name}.{index}"), part, lifetime),
        };
        parts.iter().enumerate().map(cookie).collect()
    }
}

/// The application's own cookies of a request, in the order in which they came. All else is ignored, and so is what no
/// browser would send: a cookie that is too long, a name that was never given, and more than [`MAX_COOKIES`].
pub(crate) struct Jar(Vec<(String, String)>);

impl Jar {
    pub(crate) fn parse<'a>(headers: impl IntoIterator<Item = &'a [u8]>, prefix: &str) -> Self {
        // Each by itself: another application's cookie of other bytes takes none of ours with it.
        let texts = headers.into_iter().flat_map(|header| header.split(|byte| *byte == b';'));
        let pairs = texts.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='));
        let own = pairs.filter(|(name, value)| {
            name.starts_with(prefix)
                && name.bytes().all(is_ours)
                && name.len().saturating_add(value.len()) <= MAX_COOKIE
        });
        Self(own.take(MAX_COOKIES).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// All values under a name: a cookie may have been planted beside the right one.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All cookies whose names start so, with what follows in the name.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(name, value)| name.strip_prefix(prefix).map(|rest| (rest, value.as_str())))
    }

    /// The values that [`Cookies::set_split`] may have written under a name.
    pub(crate) fn joined(&self, name: &str) -> Vec<String> {
        let mut joined: Vec<String> = self.all(name).filter_map(|first| self.join(name, first)).collect();
        joined.sort_unstable();
        joined.dedup();
        joined
    }

    fn join(&self, name: &str, first: &str) -> Option<String> {
        let (count, start) = first.split_once('~')?;
        let count: usize = count.parse().ok().filter(|count| (1..=MAX_CHUNKS).contains(count))?;
        let mut value = start.to_owned();
        for index in 1..count {
            value.push_str(self.all(&format!("{name}.{index}")).next()?);
        }
        Some(value)
    }

    /// The names under which parts of a split value were sent, beyond its first `keep` cookies.
    pub(crate) fn stale_parts(&self, name: &str, keep: usize) -> Vec<String> {
        let names =
            (0..MAX_CHUNKS).map(|index| if index == 0 { name.to_owned() } else { format!("{name}.{index}") });
        names.skip(keep).filter(|name| self.all(name).next().is_some()).collect()
    }
}

/// The bytes that names of ours are made of: base64url, and what stands between their parts. Names are written back when
/// a cookie is removed, so none with other bytes may come in.
fn is_ours(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl EntropySource for Counting {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            Ok(())
        }
    }

    const NOW: UnixTime = UnixTime::from_secs(1_000);
    const LATER: UnixTime = UnixTime::from_secs(2_000);

    fn entropy() -> Counting {
        Counting(0.into())
    }

    fn seals(secrets: &[u8], issuer: &str) -> Seals {
        let secrets: Vec<Secret> =
            secrets.iter().map(|byte| Secret::new(base64url::encode(&[*byte; 32]))).collect();
        Seals::new(&secrets, issuer, "client")
    }

    #[test]
    fn a_sealed_value_opens_for_its_own_purpose_application_and_time_only() {
        let sealed = seals(&[1], "a").seal(Purpose::Login, b"text", LATER, &entropy()).unwrap();
        let opened = seals(&[1], "a").open(Purpose::Login, &sealed, NOW).unwrap();
        assert_eq!((&opened.payload[..], opened.expires_at, opened.by_old_key), (&b"text"[..], LATER, false));
        assert!(seals(&[1], "a").open(Purpose::Session, &sealed, NOW).is_none());
        assert!(seals(&[1], "b").open(Purpose::Login, &sealed, NOW).is_none());
        assert!(seals(&[2], "a").open(Purpose::Login, &sealed, NOW).is_none());
        assert!(seals(&[1], "a").open(Purpose::Login, &sealed, LATER).is_none());
        assert!(seals(&[2, 1], "a").open(Purpose::Login, &sealed, NOW).unwrap().by_old_key);
    }

    #[test]
    fn every_changed_byte_of_a_sealed_value_is_noticed() {
        let seals = seals(&[1], "a");
        let sealed = seals.seal(Purpose::Session, b"text", LATER, &entropy()).unwrap();
        let bytes = base64url::decode(&sealed).unwrap();
        for (index, bit) in (0..bytes.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            assert!(seals.open(Purpose::Session, &base64url::encode(&changed), NOW).is_none());
        }
    }

    /// From a counter, mixed as SplitMix64 does.
    struct Mixed(std::sync::atomic::AtomicU64);

    impl EntropySource for Mixed {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
            for chunk in out.chunks_mut(8) {
                let mut word = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, std::sync::atomic::Ordering::Relaxed);
                word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
            }
            Ok(())
        }
    }

    /// A million where code is optimised.
    #[test]
    fn k05_no_two_seals_of_one_text_share_a_nonce() {
        let most = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
        let (seals, entropy) = (seals(&[1], "a"), Mixed(0.into()));
        let mut nonces = std::collections::HashSet::new();
        for _ in 0..most {
            let sealed = seals.seal(Purpose::Session, b"text", LATER, &entropy).unwrap();
            // Version and nonce, and as much of the same text's seal as the last character holds.
            let start: [u8; 34] = sealed.as_bytes()[..34].try_into().unwrap();
            assert!(nonces.insert(start), "{start:?} again");
        }
    }

    #[test]
    fn attributes_follow_the_deployment() {
        let text = |cookies: &Cookies, name: &str| {
            cookies.set(name, "v", Duration::from_secs(9)).unwrap().to_str().unwrap().to_owned()
        };
        let https = Cookies::of(&Url::parse("https://rp.example/callback").unwrap(), true);
        let session = "__Host-oidc-session=v; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(text(&https, &https.session()), session);
        assert!(text(&https, &https.login("x")).ends_with("; SameSite=None; Secure"));
        let loopback = Cookies::of(&Url::parse("http://127.0.0.1:3000/callback").unwrap(), true);
        assert_eq!(
            text(&loopback, &loopback.login("x")),
            "oidc-3000-login-x=v; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"
        );
    }

    proptest! {
        #[test]
        fn a_value_of_any_size_is_split_and_joined(length in 1_usize..19_000) {
            let cookies = Cookies::of(&Url::parse("https://rp.example/").unwrap(), false);
            let value = "v".repeat(length);
            let set = cookies.set_split("n", &value, Duration::from_secs(604_800)).unwrap();
            prop_assert!(set.iter().all(|cookie| cookie.len() <= MAX_COOKIE));
            let sent: Vec<String> =
                set.iter().map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
            let jar = Jar::parse([sent.join("; ").as_bytes()], "n");
            prop_assert_eq!(jar.joined("n"), vec![value]);
        }

        #[test]
        fn any_cookie_header_is_taken_without_panic(header in any::<Vec<u8>>(), name in "[a-z]{0,3}") {
            let jar = Jar::parse([header.as_slice()], "");
            jar.joined(&name);
            jar.stale_parts(&name, 0);
        }
    }

    #[test]
    fn a_value_that_needs_too_many_cookies_is_refused_when_written() {
        let cookies = Cookies::of(&Url::parse("https://rp.example/").unwrap(), false);
        assert!(cookies.set_split("n", &"v".repeat(25_000), Duration::from_secs(9)).is_err());
    }

    #[test]
    fn a_name_that_was_never_given_is_nobody_s_cookie() {
        for name in ["n-login-a$", "n-login-a b", "n-login-a\0", "n-login-é", "n-login-a\"", "n-login-a,b"] {
            let header = format!("{name}=c; n-login-b_c-D.1=d");
            let jar = Jar::parse([header.as_bytes()], "n-");
            assert_eq!(jar.with_prefix("n-login-").collect::<Vec<_>>(), [("b_c-D.1", "d")], "{name:?}");
        }
    }

    #[test]
    fn a_missing_part_and_a_made_up_count_join_to_nothing() {
        for header in ["n=2~a", "n=99999999~a", "n=-1~a", "n=0~", "n=a", "n=2~a; n.2=c"] {
            assert!(Jar::parse([header.as_bytes()], "n").joined("n").is_empty(), "{header}");
        }
    }
}
