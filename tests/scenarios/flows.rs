//! How a row is carried out: what the client does, and the person's browser in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, Request, StatusCode};
use oidc_core::client_auth::{AssertionAudience, Signer, SigningFailed};
use oidc_core::config::{ClientAuth, ConfigBuilder, ResponseMode, ResponseType};
use oidc_core::error::{ProviderError, TokenError, UsageError};
use oidc_core::introspection::TokenHint;
use oidc_core::jose::Algorithm;
use oidc_core::login::{LoginState, Redirect};
use oidc_core::profile::ProviderProfile;
use oidc_core::time::UnixTime;
use oidc_core::{Callback, Config, Error, LoginOptions, Secret, Session, Verdict};
use oidc_dev_provider::{AccessTokenRequest, DevClient, DevClientAuth, DevProvider};
use serde_json::json;
use url::{Position, Url, form_urlencoded};

use super::{At, Auth, Flow, Given, Named, Outcome, Par, Scenario, World};

const ORIGIN: &str = "http://127.0.0.1:3000";
const CLIENT: &str = "web";
const SECRET: &str = "s3cr&t +% of thirty-two bytes at least";

type Result<T = ()> = std::result::Result<T, Outcome>;

/// What comes of it.
pub(super) fn carry_out<W: World>(row: &Scenario) -> Outcome {
    let mut run = Run { world: world::<W>(row.given, ""), row, cookies: BTreeMap::new() };
    let outcome = run.go().err().unwrap_or(Outcome::Accepted);
    if row.given.auth == Auth::Tls && outcome == Outcome::Accepted && !run.calls_aliases_only() {
        return unnoticed("a request that goes not to the alias");
    }
    // Whatever the provider says, the client asks nobody but its endpoints.
    let astray = run.world.provider(|provider| {
        [
            "/jwks",
            "/token",
            "/userinfo",
            "/par",
            "/introspect",
            "/revoke",
            "/.well-known/openid-configuration",
        ]
        .map(|path| provider.requests(&format!("/dev/elsewhere{path}")))
    });
    if astray == [0; 7] { outcome } else { unnoticed("a request to where the provider lured it") }
}

fn world<W: World>(given: Given, path: &str) -> W {
    let path = if given.suite { "/test/a/alias/" } else { path };
    W::new(|address| provider(given, &format!("{address}{path}")), |issuer| config(given, issuer))
}

fn provider(given: Given, issuer: &str) -> DevProvider {
    let mut provider = DevProvider::new(issuer);
    provider.auto_login(Some("ada"));
    if given.suite {
        provider.like_the_suite();
    }
    if let Some(alg) = given.alg {
        provider.sign_with(alg);
    }
    provider.sign_userinfo(given.signed_userinfo);
    provider.require_par(given.par == Par::Demanded);
    provider.mtls_aliases(given.auth == Auth::Tls);
    if given.suite || given.only_auth {
        provider.offer_client_auth(&[client_auth(given).name()]);
    }
    let registered = match given.auth {
        Auth::Public | Auth::PrivateKeyJwt | Auth::Tls => DevClient::public(CLIENT),
        _ => DevClient::confidential(CLIENT, SECRET),
    };
    provider.add_client(DevClient {
        auth: match given.auth {
            Auth::Basic | Auth::BasicFromSource => DevClientAuth::Basic,
            Auth::Post => DevClientAuth::Post,
            Auth::SecretJwt => DevClientAuth::SecretJwt,
            Auth::PrivateKeyJwt => DevClientAuth::PrivateKeyJwt,
            Auth::Tls => DevClientAuth::Tls,
            Auth::Public => DevClientAuth::None,
        },
        jwks: (given.auth == Auth::PrivateKeyJwt).then(|| Key::new().0.jwks()),
        redirect_uris: vec![format!("{ORIGIN}/callback")],
        post_logout_redirect_uris: vec![format!("{ORIGIN}/logged-out")],
        back_channel_logout_uri: Some(format!("{ORIGIN}/backchannel-logout")),
        ..registered
    });
    provider
}

fn config(given: Given, issuer: &str) -> ConfigBuilder {
    let config = Config::builder(issuer, CLIENT, &format!("{ORIGIN}/callback"));
    let config = config.scopes("openid profile email offline_access");
    let config = config.client_auth(client_auth(given));
    let config = config.pushed_authorization_requests(given.par == Par::Wanted);
    let config = match given.auth {
        Auth::Basic | Auth::Post | Auth::SecretJwt => config.client_secret(Secret::new(SECRET)),
        Auth::BasicFromSource => config.client_secret_from(Arc::new(|_| Ok(Secret::new(SECRET)))),
        Auth::PrivateKeyJwt => config.signer(Arc::new(Key::new())),
        Auth::Tls | Auth::Public => config,
    };
    let config = if given.for_token_endpoint {
        let audience = AssertionAudience::TokenEndpoint;
        config.profile(ProviderProfile::standard("dev").assertion_audience(audience))
    } else {
        config
    };
    let config = if given.form_post { config.response_mode(ResponseMode::FormPost) } else { config };
    let config = if given.hybrid { config.response_type(ResponseType::CodeIdToken) } else { config };
    let allowed = if given.allowed.is_empty() { given.alg.as_slice() } else { given.allowed };
    let allowed: Vec<Algorithm> = allowed.iter().map(|name| Algorithm::from_name(name).unwrap()).collect();
    if allowed.is_empty() { config } else { config.algorithms(&allowed) }
}

fn client_auth(given: Given) -> ClientAuth {
    match given.auth {
        Auth::Basic | Auth::BasicFromSource => ClientAuth::Basic,
        Auth::Post => ClientAuth::Post,
        Auth::SecretJwt => ClientAuth::SecretJwt,
        Auth::PrivateKeyJwt => ClientAuth::PrivateKeyJwt,
        Auth::Tls => ClientAuth::Tls,
        Auth::Public => ClientAuth::None,
    }
}

/// The client's private key, which is that of a provider of nobody's.
struct Key(DevProvider);

impl Key {
    fn new() -> Self {
        Self(DevProvider::with_seed("https://client.example", 3))
    }
}

impl Signer for Key {
    fn algorithm(&self) -> &str {
        "RS256"
    }

    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SigningFailed> {
        Ok(self.0.signature(message, self.algorithm()))
    }
}

struct Run<'a, W> {
    world: W,
    row: &'a Scenario,
    /// The browser's, at the client.
    cookies: BTreeMap<String, String>,
}

impl<W: World> Run<'_, W> {
    fn go(&mut self) -> Result {
        let later = [Flow::FailingRefresh, Flow::TwoLogins];
        if !later.contains(&self.row.flow) {
            self.turn_bad();
        }
        match self.row.flow {
            Flow::Discovery => self.begin().map(drop),
            Flow::Login => self.sign_in().map(drop),
            Flow::Userinfo => self.sign_in_and_ask(),
            Flow::Refresh | Flow::FailingRefresh => self.refresh(),
            Flow::Introspect => self.introspect(),
            Flow::Revoke => self.revoke(),
            Flow::RevokeAccess => self.revoke_access(),
            Flow::RevokeUnknown => self.end(&Secret::new("a-token-of-nobody"), TokenHint::AccessToken),
            Flow::Replay => self.replay(),
            Flow::Exchanged => self.exchange(),
            Flow::OtherProvider => self.finish_elsewhere(),
            Flow::KeyRotation => self.rotate(),
            Flow::TwoLogins => self.sign_in_and_ask().and_then(|()| {
                self.turn_bad();
                self.sign_in().map(drop)
            }),
            Flow::Storm => self.storm(),
            Flow::ThirdPartyLogin => self.third_party_login(""),
            Flow::StrangersLogin => self.third_party_login("1"),
            Flow::BackChannelLogout(named) => self.back_channel_logout(named, 1),
            Flow::LogoutTwice => self.back_channel_logout(Named::Both, 2),
            Flow::FrontChannelLogout => self.front_channel_logout(true),
            Flow::OtherFrame => self.front_channel_logout(false),
            Flow::RpInitiatedLogout => self.rp_initiated_logout(),
        }
    }

    /// Wherever there is an alias, it is what was called.
    fn calls_aliases_only(&mut self) -> bool {
        self.world.provider(|provider| {
            ["/token", "/userinfo", "/par", "/introspect", "/revoke"]
                .iter()
                .all(|path| provider.requests(path) == provider.requests(&format!("/mtls{path}")))
        })
    }

    fn turn_bad(&mut self) {
        let fault = self.row.fault.clone();
        self.world.provider(|provider| provider.set_fault(fault));
    }

    fn begin(&mut self) -> Result<Redirect> {
        let options = LoginOptions {
            prompt: self.row.given.prompt_none.then(|| "none".to_owned()),
            max_age: self.row.given.max_age,
            ..LoginOptions::default()
        };
        let redirect = self.world.begin_login(options).map_err(refused_at(At::Begin))?;
        check_request(&redirect.url, self.row.given)?;
        Ok(redirect)
    }

    /// The provider's answer to the browser, as the client gets it: the query, or the form.
    fn authorize(&mut self, url: &Url) -> String {
        let back = self.answered(url);
        back.query().unwrap_or_default().to_owned()
    }

    /// Where the provider sends the browser. A form is written as if it were a query.
    fn answered(&mut self, url: &Url) -> Url {
        let now = self.world.now();
        let request = Request::get(&url[Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = self.world.provider(|provider| provider.answer(request, now)).response;
        if let Some(location) = response.headers().get("location") {
            return Url::parse(location.to_str().unwrap()).unwrap();
        }
        let mut back = Url::parse(&format!("{ORIGIN}/callback")).unwrap();
        back.query_pairs_mut().extend_pairs(form_fields(&String::from_utf8(response.into_body()).unwrap()));
        back
    }

    fn finish(&mut self, login: LoginState, answer: &str) -> Result<Session> {
        let before = self.token_requests();
        let callback = Callback::parse(answer).map_err(Error::from);
        let session = callback.and_then(|callback| self.world.finish_login(login, callback));
        let at = self.at_callback(before);
        session.map_err(refused_at(at))
    }

    /// Where a callback was refused, after which there had been so many token requests before.
    fn at_callback(&mut self, before: usize) -> At {
        let redeemed = self.token_requests() > before;
        if self.row.given.hybrid && !redeemed { At::InFront } else { At::Callback }
    }

    fn token_requests(&mut self) -> usize {
        self.world.provider(|provider| provider.requests("/token"))
    }

    fn sign_in(&mut self) -> Result<Session> {
        let redirect = self.begin()?;
        let answer = self.authorize(&redirect.url);
        self.finish(redirect.login, &answer)
    }

    fn ask_userinfo(&mut self, session: &Session) -> Result {
        let userinfo = self.world.userinfo(session).map_err(refused_at(At::Userinfo))?;
        let given = ["name", "email"].iter().all(|name| userinfo.get::<String>(name).is_some());
        if given { Ok(()) } else { Err(unnoticed("no claims")) }
    }

    fn sign_in_and_ask(&mut self) -> Result {
        let session = self.sign_in()?;
        self.ask_userinfo(&session)
    }

    fn refresh(&mut self) -> Result {
        let session = self.sign_in()?;
        if self.row.flow == Flow::FailingRefresh {
            self.turn_bad();
        }
        let signed_in = session.claims().get::<u64>("auth_time");
        let before = session.refresh_token().map(|token| token.expose().to_owned());
        let session = self.world.refresh(session).map_err(refused_at(At::Refresh))?;
        let after = session.refresh_token().map(|token| token.expose().to_owned());
        let rotates = self.row.fault != Some(oidc_dev_provider::Fault::RefreshNotRotated);
        if before.is_none() || after.is_none() || (before != after) != rotates {
            return Err(unnoticed("not the refresh token that was given"));
        }
        if session.claims().get::<u64>("auth_time") != signed_in {
            return Err(unnoticed("another time of the sign-in"));
        }
        self.ask_userinfo(&session)?;
        let session = self.world.refresh(session).map_err(refused_at(At::Refresh))?;
        self.ask_userinfo(&session)
    }

    fn introspect(&mut self) -> Result {
        let session = self.sign_in()?;
        let token = self.access_token(&session);
        let inactive = || Outcome::Refused(At::Introspection, "inactive".to_owned());
        if self.lives(&token)? { Ok(()) } else { Err(inactive()) }
    }

    fn access_token(&self, session: &Session) -> Secret {
        session.access_token(UnixTime::from_secs(self.world.now())).unwrap().clone()
    }

    /// What the provider says of a token.
    fn lives(&mut self, token: &Secret) -> Result<bool> {
        let told = self.world.introspect(token).map_err(refused_at(At::Introspection))?;
        match told {
            None => Ok(false),
            Some(told) if told.sub() == Some("ada") && told.client_id() == Some(CLIENT) => Ok(true),
            Some(_) => Err(unnoticed("the token of somebody else")),
        }
    }

    fn end(&mut self, token: &Secret, hint: TokenHint) -> Result {
        self.world.revoke(token, hint).map_err(refused_at(At::Revocation))
    }

    fn revoke(&mut self) -> Result {
        let session = self.sign_in()?;
        let (access_token, refresh_token) = (self.access_token(&session), session.refresh_token().cloned());
        self.end(&refresh_token.unwrap(), TokenHint::RefreshToken)?;
        self.is_over(&access_token)?;
        match self.world.refresh(session) {
            Err(error) if error.code() == "provider_error" && error.ends_session() => Ok(()),
            Err(error) => Err(unnoticed(error.code())),
            Ok(_) => Err(unnoticed("a refresh by what was revoked")),
        }
    }

    fn revoke_access(&mut self) -> Result {
        let session = self.sign_in()?;
        let access_token = self.access_token(&session);
        self.end(&access_token, TokenHint::AccessToken)?;
        self.is_over(&access_token)?;
        self.world.refresh(session).map(drop).map_err(refused_at(At::Refresh))
    }

    fn is_over(&mut self, token: &Secret) -> Result {
        if self.lives(token)? { Err(unnoticed("a token that lives on")) } else { Ok(()) }
    }

    fn replay(&mut self) -> Result {
        let redirect = self.begin()?;
        let answer = self.authorize(&redirect.url);
        self.finish(redirect.login.clone(), &answer)?;
        self.finish(redirect.login, &answer).map(drop)
    }

    fn exchange(&mut self) -> Result {
        let (first, second) = (self.begin()?, self.begin()?);
        let answer = self.authorize(&second.url);
        self.finish(first.login, &answer).map(drop)
    }

    fn finish_elsewhere(&mut self) -> Result {
        let elsewhere = world::<W>(self.row.given, "/other");
        let mut elsewhere = Run { world: elsewhere, row: self.row, cookies: BTreeMap::new() };
        let redirect = elsewhere.begin()?;
        let answer = elsewhere.authorize(&redirect.url);
        self.finish(redirect.login, &answer).map(drop)
    }

    /// One fetch of keys for each set, and no more.
    fn rotate(&mut self) -> Result {
        self.sign_in_and_ask()?;
        let before = self.key_fetches();
        self.world.provider(|provider| provider.rotate_keys(false));
        self.sign_in_and_ask()?;
        self.sign_in_and_ask()?;
        match (before, self.key_fetches()) {
            (1, 2) => Ok(()),
            (before, after) => Err(unnoticed(&format!("{before} and then {after} fetches of keys"))),
        }
    }

    fn key_fetches(&mut self) -> usize {
        self.world.provider(|provider| provider.requests("/jwks"))
    }

    fn storm(&mut self) -> Result {
        self.sign_in()?;
        for number in 0..40 {
            let now = self.world.now();
            let token = self.world.provider(|provider| {
                let claims = json!({ "iss": provider.issuer(), "aud": CLIENT, "sub": "ada", "client_id": CLIENT,
                    "jti": "1", "iat": now, "exp": now + 600 });
                let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": format!("made-up-{number}") });
                provider.sign(&header, &claims)
            });
            if self.world.verify_access_token(&token).is_ok() {
                return Err(unnoticed("a token of nobody's"));
            }
        }
        let fetches = self.key_fetches();
        if fetches > 15 {
            return Err(unnoticed(&format!("{fetches} fetches of keys")));
        }
        let now = self.world.now();
        let request =
            AccessTokenRequest { client_id: CLIENT.into(), audience: CLIENT.into(), ..Default::default() };
        let good = self.world.provider(|provider| provider.access_token(request, now));
        self.world.verify_access_token(&good).map_err(|error| unnoticed(error.code()))?;
        self.sign_in().map(drop)
    }

    fn third_party_login(&mut self, appended: &str) -> Result {
        let iss = self.world.provider(|provider| provider.issuer().to_owned());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("iss", &format!("{iss}{appended}"))
            .finish();
        let page = self.visit(page(&format!("/login?{query}")), false);
        if page.status.is_client_error() {
            return Err(Outcome::Refused(At::Begin, page.code()));
        }
        let sent = page.location().filter(|url| url.path().ends_with("/authorize"));
        let back = self.answered(&sent.ok_or(unnoticed("not sent to the provider"))?);
        let callback = self.callback(&back);
        self.visit(callback, false);
        self.session_lives(true)
    }

    /// The answer to the authorization request, as the browser brings it.
    fn callback(&self, back: &Url) -> Request<Vec<u8>> {
        if self.row.given.form_post {
            form_of(back.path(), back.query().unwrap_or_default())
        } else {
            page_of(back)
        }
    }

    /// Signs in at the guard, as a browser does.
    fn sign_in_here(&mut self) -> Result {
        let redirect = self.visit(page("/profile"), true);
        let back = self.answered(&redirect.location().ok_or(unnoticed("not sent to the provider"))?);
        let callback = self.callback(&back);
        let answer = self.visit(callback, false);
        if answer.status != StatusCode::SEE_OTHER {
            return Err(Outcome::Refused(At::Callback, answer.code()));
        }
        self.session_lives(true)
    }

    fn session_lives(&mut self, expected: bool) -> Result {
        let lives = self.visit(page("/"), false).sub.is_some();
        if lives == expected {
            Ok(())
        } else {
            Err(unnoticed(if lives { "the session lives on" } else { "no session" }))
        }
    }

    /// Who has signed in, and the session's name at the provider.
    fn person(&mut self) -> (String, String) {
        let seen = self.visit(page("/"), false);
        (seen.sub.unwrap_or_default(), seen.sid.unwrap_or_default())
    }

    fn back_channel_logout(&mut self, named: Named, times: usize) -> Result {
        self.sign_in_here()?;
        let ((sub, sid), now) = (self.person(), self.world.now());
        let (sub, sid) = match named {
            Named::Both => (Some(sub.as_str()), Some(sid.as_str())),
            Named::Person => (Some(sub.as_str()), None),
            Named::Session => (None, Some(sid.as_str())),
        };
        let calls = self.world.provider(|provider| provider.back_channel_logout(sub, sid, CLIENT, now));
        let mut refused = None;
        for _ in 0..times {
            let form = format!("logout_token={}&ignored_parameter=ignored", calls[0].logout_token);
            // The provider has none of the browser's cookies.
            let answer = Seen::of(self.world.ask(&form_of("/backchannel-logout", &form), false));
            if answer.header("cache-control").is_none_or(|value| !value.contains("no-store")) {
                return Err(unnoticed("an answer that may be stored"));
            }
            refused = match answer.status.as_u16() {
                200 => None,
                400 => Some(self.refused_logout_token(&calls[0].logout_token, answer.code())),
                other => Some(unnoticed(&format!("status {other} {}", answer.code()))),
            };
        }
        self.session_lives(refused.is_some() && times == 1)?;
        refused.map_or(Ok(()), Err)
    }

    /// The answer tells the code only, which is that of the token, unless it is the second time.
    fn refused_logout_token(&mut self, token: &str, code: String) -> Outcome {
        match self.world.verify_logout_token(token) {
            Err(error) if error.code() == code => Outcome::Refused(At::LogoutToken, reason(&error.into())),
            Err(error) => unnoticed(&format!("{code} for {}", error.code())),
            Ok(_) => Outcome::Refused(At::LogoutToken, code),
        }
    }

    fn front_channel_logout(&mut self, ours: bool) -> Result {
        self.sign_in_here()?;
        let iss = self.world.provider(|provider| provider.issuer().to_owned());
        let sid = if ours { self.person().1 } else { "of-somebody-else".to_owned() };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("iss", &iss).append_pair("sid", &sid);
        let answer = self.visit(page(&format!("/frontchannel-logout?{}", query.finish())), false);
        let framed = answer.header("x-frame-options").is_none();
        if answer.status != StatusCode::OK || !framed {
            return Err(unnoticed(&format!("status {}, to be framed: {framed}", answer.status)));
        }
        self.session_lives(!ours)
    }

    fn rp_initiated_logout(&mut self) -> Result {
        self.sign_in_here()?;
        let form = Request::post("/logout").header("origin", ORIGIN).header("accept", "text/html");
        let away = self.visit(form.body(Vec::new()).unwrap(), false);
        self.session_lives(false)?;
        let end_session = away.location().filter(|url| url.path().ends_with("/end-session"));
        let back = self.answered(&end_session.ok_or(unnoticed("not sent to the provider"))?);
        if back.path() != "/logged-out" {
            return Err(unnoticed("not sent back"));
        }
        let landed = self.visit(page_of(&back), false);
        if landed.status.is_client_error() || landed.status.is_server_error() {
            return Err(Outcome::Refused(At::AfterLogout, landed.code()));
        }
        self.session_lives(false)
    }

    /// A request of the browser's to the client.
    fn visit(&mut self, mut request: Request<Vec<u8>>, required: bool) -> Seen {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert("cookie", cookies.join("; ").parse().unwrap());
        }
        let seen = Seen::of(self.world.ask(&request, required));
        for (_, cookie) in seen.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            if cookie.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
            }
        }
        seen
    }
}

/// What the conformance suite looks for in every authorization request.
fn check_request(url: &Url, given: Given) -> Result {
    let mut query = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        if query.insert(name.to_string(), value.to_string()).is_some() {
            return Err(unnoticed(&format!("{name} is asked twice")));
        }
    }
    if given.par != Par::No {
        let names: Vec<&str> = query.keys().map(String::as_str).collect();
        let of_client = query.get("client_id").is_some_and(|id| id == CLIENT);
        let only_named = of_client && names == ["client_id", "request_uri"];
        return if only_named { Ok(()) } else { Err(unnoticed("not the name of a pushed request")) };
    }
    let asked = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let unreserved = |char: char| char.is_ascii_alphanumeric() || "-_.~".contains(char);
    let nonce = asked("nonce");
    let response_type = if given.hybrid { "code id_token" } else { "code" };
    let right = asked("response_type") == response_type
        && asked("scope").split(' ').any(|scope| scope == "openid")
        && asked("client_id") == CLIENT
        && asked("redirect_uri") == format!("{ORIGIN}/callback")
        && asked("code_challenge_method") == "S256"
        && asked("code_challenge").len() == 43
        && (1..=43).contains(&nonce.len())
        && nonce.chars().all(unreserved)
        && !asked("state").is_empty();
    if right { Ok(()) } else { Err(unnoticed("not the request that is to be made")) }
}

fn refused_at(at: At) -> impl Fn(Error) -> Outcome {
    move |error| Outcome::Refused(at, reason(&error))
}

/// The code, and the name of what is wrong, if it has one.
fn reason(error: &Error) -> String {
    let name = match error {
        Error::Provider(ProviderError::IdToken(error) | ProviderError::UserinfoToken(error))
        | Error::Token(error) => match error {
            TokenError::ClaimMissing(name) | TokenError::ClaimInvalid(name) => (*name).to_owned(),
            TokenError::Quirk(quirk) => quirk.claim().to_owned(),
            TokenError::Malformed { segment, .. } => segment.to_string(),
            _ => String::new(),
        },
        Error::Provider(ProviderError::Member(_, name) | ProviderError::Insecure(name))
        | Error::Usage(UsageError::NoEndpoint(name)) => (*name).to_owned(),
        _ => String::new(),
    };
    format!("{} {name}", error.code()).trim_end().to_owned()
}

fn unnoticed(what: &str) -> Outcome {
    Outcome::Refused(At::Unnoticed, what.to_owned())
}

fn page(target: &str) -> Request<Vec<u8>> {
    let request = Request::get(target).header("accept", "text/html").header("sec-fetch-mode", "navigate");
    request.body(Vec::new()).unwrap()
}

fn page_of(url: &Url) -> Request<Vec<u8>> {
    page(&url[Position::BeforePath..])
}

fn form_of(path: &str, form: &str) -> Request<Vec<u8>> {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    request.body(form.as_bytes().to_vec()).unwrap()
}

/// The hidden fields of a form.
fn form_fields(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input").skip(1);
    let field = |input: &str, name: &str| {
        let value = input.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&amp;", "&").replace("&#x2F;", "/"))
    };
    inputs.filter_map(|input| Some((field(input, "name")?, field(input, "value")?))).collect()
}

/// What the guard has answered, or whom it has let through.
struct Seen {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: String,
    sub: Option<String>,
    sid: Option<String>,
}

impl Seen {
    fn of(verdict: Verdict) -> Self {
        let text = |headers: Vec<(HeaderName, http::HeaderValue)>| {
            headers.into_iter().map(|(name, value)| (name, value.to_str().unwrap().to_owned())).collect()
        };
        match verdict {
            Verdict::Allow { identity, headers } => Self {
                status: StatusCode::OK,
                headers: text(headers),
                body: String::new(),
                sub: identity.as_ref().map(|identity| identity.sub().to_owned()),
                sid: identity.and_then(|identity| identity.claims().get("sid")),
            },
            Verdict::Reply { status, headers, body } => Self {
                status,
                headers: text(headers),
                body: String::from_utf8(body).unwrap(),
                sub: None,
                sid: None,
            },
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn location(&self) -> Option<Url> {
        Url::parse(ORIGIN).unwrap().join(self.header("location")?).ok()
    }

    /// The error's code, wherever the answer says it.
    fn code(&self) -> String {
        if let Ok(json) = serde_json::from_str::<serde_json::Value>(&self.body) {
            return json["error"].as_str().unwrap_or_default().to_owned();
        }
        let after = self.body.split("Code: ").nth(1).unwrap_or_default();
        after.split('<').next().unwrap_or_default().to_owned()
    }
}
