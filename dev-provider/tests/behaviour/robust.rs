//! Whatever is sent, the provider answers: no input panics, and it forgets rather than grows.

use http::{Method, Request};
use oidc_dev_provider::{DevClient, DevClientAuth, DevProvider};

use crate::browser::Browser;

const PATHS: [&str; 19] = [
    "/",
    "/.well-known/openid-configuration",
    "/jwks",
    "/token",
    "/userinfo",
    "/mtls/token",
    "/par",
    "/introspect",
    "/revoke",
    "/mtls/revoke",
    "/authorize",
    "/login",
    "/consent",
    "/end-session",
    "/end-session/confirm",
    "/dev/token",
    "/dev/rotate",
    "/dev/elsewhere/token",
    "/unknown",
];

#[test]
fn unknown_paths_are_404_and_wrong_methods_405() {
    let mut browser = Browser::new();
    browser.provider.mtls_aliases(true);
    for path in ["/unknown", "/jwks/", "//jwks", "/token/x", "/dev/elsewhere/unknown"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    for path in PATHS.iter().filter(|path| **path != "/unknown") {
        let seen = browser.send(Method::DELETE, path, &[], "");
        assert_eq!(seen.status, 405, "{path}");
        assert!(["GET", "POST", "GET, POST"].contains(&seen.header("allow")), "{path}");
    }
}

#[test]
fn no_input_panics() {
    let mut provider = DevProvider::with_seed("https://op.example", 9);
    provider.mtls_aliases(true);
    for (id, auth) in [("a.b.c", DevClientAuth::SecretJwt), ("ada", DevClientAuth::PrivateKeyJwt)] {
        let jwks = Some(provider.jwks());
        provider.add_client(DevClient { auth, jwks, ..DevClient::confidential(id, "demo-secret") });
    }
    let mut noise = Noise(1);
    for round in 0..20_000 {
        let path = PATHS[noise.below(PATHS.len())];
        let query = noise.form();
        let method = [Method::GET, Method::POST][noise.below(2)].clone();
        let body = if noise.below(4) == 0 { noise.bytes() } else { noise.form().into_bytes() };
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?{query}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", noise.bytes())
            .header(
                "authorization",
                [b"Bearer ".to_vec(), b"Basic ".to_vec()][noise.below(2)]
                    .iter()
                    .copied()
                    .chain(noise.bytes())
                    .collect::<Vec<_>>(),
            );
        let Ok(request) = request.body(body) else { continue };
        let answer = provider.answer(request, [0, 1_700_000_000, u64::MAX][round % 3]);
        assert!(answer.response.status().as_u16() < 500);
    }
}

#[test]
fn requests_are_counted_by_the_end_of_their_path() {
    let mut browser = Browser::new();
    assert_eq!(browser.provider.requests("/jwks"), 0);
    browser.get("/jwks");
    browser.get("/jwks?again");
    browser.get("/token");
    assert_eq!((browser.provider.requests("/jwks"), browser.provider.requests("/token")), (2, 1));
}

/// Numbers that look random and are the same in every run (xorshift).
struct Noise(u64);

impl Noise {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    /// Bytes that a header may carry, most of them of no sense.
    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(40);
        (0..length).map(|_| b"aA0.=%&;:\" +/_-{}[]\xc3\xbc"[self.below(21)]).collect()
    }

    /// Parameters that endpoints know, with values that some of them like.
    fn form(&mut self) -> String {
        const NAMES: [&str; 25] = [
            "client_id",
            "redirect_uri",
            "response_type",
            "scope",
            "state",
            "nonce",
            "prompt",
            "max_age",
            "code",
            "grant_type",
            "refresh_token",
            "client_secret",
            "code_challenge",
            "transaction",
            "user",
            "claims",
            "sub",
            "lifetime",
            "id_token_hint",
            "post_logout_redirect_uri",
            "client_assertion_type",
            "client_assertion",
            "request_uri",
            "response_mode",
            "token",
        ];
        const VALUES: [&str; 22] = [
            "demo-client",
            "demo-secret",
            "http://127.0.0.1/",
            "code",
            "openid",
            "none",
            "0",
            "18446744073709551615",
            "authorization_code",
            "refresh_token",
            "custom",
            "%7B%22a%22%3A%5B%5D%7D",
            "%ff%00",
            "a.b.c",
            "",
            "ada",
            "code+id_token",
            "form_post",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "urn:ietf:params:oauth:request_uri:x",
            // {"alg":"HS256"}.{"sub":"a.b.c"}. and {"alg":"RS256"}.{"sub":"ada"}.AA
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhLmIuYyJ9.",
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.AA",
        ];
        let count = self.below(8);
        let pairs = (0..count)
            .map(|_| format!("{}={}", NAMES[self.below(NAMES.len())], VALUES[self.below(VALUES.len())]));
        pairs.collect::<Vec<_>>().join("&")
    }
}
