//! A browser and a client in one: they call the provider's function straight, and move the clock themselves.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use http::{Method, Request, Response, StatusCode};
use oidc_dev_provider::DevProvider;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Pkcs1v15Sign, PublicKey};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

pub(crate) const ISSUER: &str = "https://op.example";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:3000/callback";
pub(crate) const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636-0";
pub(crate) const SCOPE: &str = "openid profile email offline_access";

pub(crate) struct Browser {
    pub(crate) provider: DevProvider,
    pub(crate) now: u64,
    pub(crate) cookie: Option<String>,
}

/// A response as a test looks at it.
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
    pub(crate) body: String,
    pub(crate) response: Response<Vec<u8>>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A parameter of the URI it redirects to.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let (_, query) = self.location.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) =
            self.body.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    pub(crate) fn new() -> Self {
        Browser::at(DevProvider::new(ISSUER))
    }

    pub(crate) fn at(provider: DevProvider) -> Self {
        Browser { provider, now: 1_700_000_000, cookie: None }
    }

    /// One whose authorization requests are answered at once.
    pub(crate) fn signed_in() -> Self {
        let mut browser = Browser::new();
        browser.provider.auto_login(Some("ada"));
        browser
    }

    pub(crate) fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Seen {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("other=1; {cookie}"));
        }
        let answer = self.provider.answer(request.body(body.as_bytes().to_vec()).unwrap(), self.now);
        self.keep_cookie(&answer.response);
        let location = answer.response.headers().get("location").map_or("", |value| value.to_str().unwrap());
        Seen {
            status: answer.response.status(),
            location: location.to_owned(),
            body: String::from_utf8(answer.response.body().clone()).unwrap(),
            response: answer.response,
        }
    }

    fn keep_cookie(&mut self, response: &Response<Vec<u8>>) {
        if let Some(set) = response.headers().get("set-cookie") {
            let set = set.to_str().unwrap();
            let pair = set.split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|_| !set.contains("Max-Age=0"));
        }
    }

    pub(crate) fn get(&mut self, target: &str) -> Seen {
        self.send(Method::GET, target, &[], "")
    }

    pub(crate) fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Seen {
        self.send(Method::POST, path, &[FORM], &encoded(form))
    }

    /// An authorization request with these parameters in place of the usual ones; an empty one is left out.
    pub(crate) fn authorize(&mut self, changes: &[(&str, &str)]) -> Seen {
        self.get(&format!("/authorize?{}", encoded(&changed(&authorization(), changes))))
    }

    /// The code of a request that is answered at once.
    pub(crate) fn code(&mut self, changes: &[(&str, &str)]) -> String {
        let seen = self.authorize(changes);
        seen.param("code")
            .unwrap_or_else(|| panic!("no code: {} {} {}", seen.status, seen.location, seen.body))
    }

    pub(crate) fn log_in(&mut self, page: &Seen, user: &str) -> Seen {
        self.post("/login", &[("transaction", &page.field("transaction")), ("user", user)])
    }

    pub(crate) fn decide(&mut self, page: &Seen, decision: &str) -> Seen {
        self.post("/consent", &[("transaction", &page.field("transaction")), ("decision", decision)])
    }

    /// A token request of the demo client, with these parameters in place of the usual ones.
    pub(crate) fn redeem(&mut self, code: &str, changes: &[(&str, &str)]) -> Seen {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.token(&changed(&usual, changes))
    }

    pub(crate) fn refresh(&mut self, refresh_token: &str) -> Seen {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
    }

    pub(crate) fn token(&mut self, form: &[(&str, &str)]) -> Seen {
        let basic = basic("demo-client", "demo-secret");
        self.send(Method::POST, "/token", &[FORM, ("authorization", &basic)], &encoded(form))
    }

    /// The token response of a whole sign-in.
    pub(crate) fn tokens(&mut self) -> Value {
        let code = self.code(&[]);
        let seen = self.redeem(&code, &[]);
        assert_eq!(seen.status, 200, "{}", seen.body);
        seen.json()
    }

    pub(crate) fn userinfo(&mut self, access_token: &str) -> Seen {
        self.send(Method::GET, "/userinfo", &[("authorization", &format!("Bearer {access_token}"))], "")
    }
}

pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", Base64::encode_string(format!("{id}:{secret}").as_bytes()))
}

pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

pub(crate) fn changed<'a>(
    usual: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let kept = usual.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let all = kept.chain(changes.iter().filter(|(_, value)| !value.is_empty()));
    all.copied().collect()
}

pub(crate) fn authorization() -> Vec<(&'static str, &'static str)> {
    vec![
        ("client_id", "demo-client"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", SCOPE),
        ("state", "the state"),
        ("nonce", "the-nonce"),
        ("code_challenge", "bMWLHKvSFDzgrztUSZEpJnl3ylyHWXgwudV2OaFzPQA"),
        ("code_challenge_method", "S256"),
    ]
}

pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap_or_else(|| panic!("not a JWT: {token}"));
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

/// Whether a key of the set that a relying party may use verifies the token, by its `kid` if it has one.
pub(crate) fn verifies(token: &str, jwks: &Value) -> bool {
    let kid = header(token)["kid"].clone();
    let usable =
        jwks["keys"].as_array().unwrap().iter().filter(|jwk| jwk["kty"] == "RSA" && jwk["use"] == "sig");
    usable.filter(|jwk| jwk["kid"] == kid).any(|jwk| verifies_with(token, jwk))
}

pub(crate) fn rsa_key(jwk: &Value) -> PublicKey {
    let number = |name: &str| {
        let bytes = Base64UrlUnpadded::decode_vec(jwk[name].as_str().unwrap()).unwrap();
        BoxedUint::from_be_slice_vartime(&bytes)
    };
    let key = PublicKey::new(number("n"), number("e")).unwrap();
    assert_eq!(key.size(), 256);
    key
}

fn verifies_with(token: &str, jwk: &Value) -> bool {
    let key = rsa_key(jwk);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let (scheme, digest) = match header(token)["alg"].as_str().unwrap() {
        "RS256" => (Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(input).to_vec()),
        "RS384" => (Pkcs1v15Sign::new::<Sha384>(), Sha384::digest(input).to_vec()),
        "RS512" => (Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(input).to_vec()),
        _ => return false,
    };
    key.verify(scheme, &digest, &signature).is_ok()
}
