//! What must hold for any text that is taken for a token's header. The payload is good for any kind of token, and the
//! signature for any key: what is refused is refused for its header.

use std::sync::LazyLock;

use oidc_core::error::TokenError;
use oidc_core::jose::{Algorithm, KeySet};
use oidc_core::token::{AccessToken, TokenRules, Unverified, verify_signature};

use crate::common::{CLIENT, Gullible, ISSUER, NOW, base64url, presentable, strict_object, string, token};

static TRIAL: LazyLock<Trial> = LazyLock::new(Trial::new);

/// Checks all that must hold, and tells whether the header is one.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    TRIAL.judge(input)
}

struct Trial {
    keys: KeySet,
    id: TokenRules,
    at_jwt: TokenRules,
    any_jwt: TokenRules,
    logout: TokenRules,
}

const ID: &[u8] = br#"{"iss":"https://issuer.example","sub":"ada","aud":"client","iat":1700000000,"exp":1700000300,"nonce":"n"}"#;
const ACCESS: &[u8] = br#"{"iss":"https://issuer.example","sub":"ada","aud":"client","iat":1700000000,"exp":1700000300,"jti":"j","client_id":"client"}"#;
const LOGOUT: &[u8] = br#"{"iss":"https://issuer.example","sub":"ada","aud":"client","iat":1700000000,"exp":1700000300,"jti":"j","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#;

impl Trial {
    fn new() -> Self {
        let n = base64url(&[0xc1; 256]);
        let key = |more: &str| format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"{more}}}"#);
        let keys = [key(r#","kid":"any""#), key(r#","kid":"one","alg":"RS256""#), key(r#","alg":"RS512""#)];
        let keys = KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes(), &Gullible);
        let access = || TokenRules::access(ISSUER, CLIENT).expect("neither is empty");
        Self {
            keys: keys.expect("it is a set"),
            id: TokenRules::id(ISSUER, CLIENT).expect("neither is empty"),
            at_jwt: access(),
            any_jwt: access().accept(&[AccessToken::Jwt]).expect("it is a kind"),
            logout: TokenRules::logout(ISSUER, CLIENT).expect("neither is empty"),
        }
    }

    fn judge(&self, header: &[u8]) -> bool {
        let id_token = token(header, ID);
        let peeked = Unverified::peek(&id_token);
        let read = read(header);
        assert_eq!(peeked.is_ok(), read.is_some(), "{peeked:?}");
        let Some(read) = read else {
            let error = peeked.expect_err("it is none");
            presentable(&error, error.code());
            assert_eq!(verify_signature(&id_token, &ALL, &self.keys), Err(error));
            return false;
        };
        let peeked = peeked.expect("it is one");
        assert_eq!((peeked.issuer(), peeked.key_id()), (ISSUER, read.kid.as_deref()));

        let fits = read.fits(Some("any"), None)
            || read.fits(Some("one"), Some("RS256"))
            || read.fits(None, Some("RS512"));
        // All keys of the set are RSA's.
        let known = fits && ["RS", "PS"].iter().any(|family| read.alg.starts_with(family));
        let verdict = verify_signature(&id_token, &ALL, &self.keys);
        assert_eq!(verdict, if known { Ok(ID.to_vec()) } else { Err(TokenError::UnknownKey) });
        let allowed = read.alg == "RS256";
        let expected = |kind: bool| {
            let reasons =
                [(!allowed, "algorithm_not_allowed"), (!kind, "wrong_type"), (!known, "unknown_key")];
            reasons.into_iter().find(|(holds, _)| *holds).map(|(_, code)| code)
        };
        let (plain, at_jwt) = (read.is_type(&["", "jwt"]), read.is_type(&["at+jwt"]));
        for (rules, text, kind) in [
            (&self.id, &id_token, plain),
            (&self.at_jwt, &token(header, ACCESS), at_jwt),
            (&self.any_jwt, &token(header, ACCESS), plain || at_jwt),
            (&self.logout, &token(header, LOGOUT), plain || read.is_type(&["logout+jwt"])),
        ] {
            let verdict = rules.verify(text, &self.keys, NOW);
            assert_eq!(verdict.as_ref().err().map(TokenError::code), expected(kind), "{verdict:?}");
        }
        true
    }
}

/// Every algorithm that is compiled in.
static ALL: LazyLock<Vec<Algorithm>> = LazyLock::new(|| {
    let names = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
    names.into_iter().filter_map(Algorithm::from_name).collect()
});

/// A second reading of a header.
fn read(header: &[u8]) -> Option<Read> {
    let read = strict_object(header)?;
    let find = |name: &str| read.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
    // Absent, or a string.
    let text = |name: &str| find(name).map_or(Some(None), |value| string(value).map(Some));
    let too_large = |value: &str| value.parse::<f64>().is_ok_and(f64::is_infinite);
    if read.iter().any(|(_, value)| too_large(value)) {
        return None;
    }
    let refused = ["crit", "b64", "zip", "enc", "epk", "p2c"];
    if base64url(header).len() > 4096 || refused.iter().any(|name| find(name).is_some()) {
        return None;
    }
    let cty = text("cty")?.unwrap_or_default().to_ascii_lowercase();
    let (alg, kid, typ) = (text("alg")??, text("kid")?, text("typ")?);
    let known = Algorithm::from_name(&alg).is_some() && kid.as_ref().is_none_or(|kid| kid.len() <= 256);
    (known && cty != "jwt" && cty != "application/jwt").then_some(Read { alg, kid, typ })
}

struct Read {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
}

impl Read {
    fn fits(&self, kid: Option<&str>, alg: Option<&str>) -> bool {
        (self.kid.is_none() || self.kid.as_deref() == kid) && alg.is_none_or(|alg| alg == self.alg)
    }

    /// An empty name: it has no type.
    fn is_type(&self, names: &[&str]) -> bool {
        let Some(typ) = &self.typ else { return names.contains(&"") };
        let typ = typ.to_ascii_lowercase();
        let short = typ.strip_prefix("application/").unwrap_or(&typ);
        names.iter().any(|name| !name.is_empty() && *name == short)
    }
}
