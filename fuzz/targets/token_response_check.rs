//! What must hold for any text that is taken for a token response: to a code, and to a refresh token.
//!
//! An input is the body; one whose first line is a status and a media type is answered with these. After the body's line,
//! a second one is a payload, which `$P` stands for as an ID token; in it `$Q` is the right `nonce`. `$I` stands for the right one, `$N` for one of another
//! `nonce`, `$F` for one of another issuer, `$X` for an expired one and `$K` for one of an unknown key. Every signature is
//! taken.

use std::sync::LazyLock;
use std::time::Duration;

use oidc_core::error::{Error, ProviderError};
use oidc_core::jose::KeySet;
use oidc_core::login::LoginState;
use oidc_core::step::{FetchResult, Purpose, StoreAnswer};
use oidc_core::time::UnixTime;
use oidc_core::token::TokenRules;
use oidc_core::{Callback, Client, LoginOptions, Session, Step};
use sha2::{Digest, Sha256};

use crate::common::{
    CLIENT, Gullible, ISSUER, NOW, answer, answerable, base64url, client, config, documents, id_token, json,
    key_set, parameter, run, strict_object, string, token,
};

static TRIAL: LazyLock<Trial> = LazyLock::new(Trial::new);

/// Checks all that must hold, and tells whether somebody is signed in.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    TRIAL.judge(&String::from_utf8_lossy(input))
}

struct Trial {
    client: Client,
    login: LoginState,
    callback: String,
    nonce: String,
    session: Session,
    keys: KeySet,
    rules: TokenRules,
    stand_ins: Vec<(&'static str, String)>,
}

impl Trial {
    fn new() -> Self {
        let config = config().session_store(true).build().expect("the settings are right");
        let client = client(&config);
        let begun = run(client.begin_login(LoginOptions::default(), NOW), documents, NOW);
        let redirect = begun.expect("the provider is good");
        let query = redirect.url.query().unwrap_or_default();
        let (state, nonce) = (parameter(query, "state"), parameter(query, "nonce"));
        let (state, nonce) = (state.expect("there is one"), nonce.expect("there is one"));
        let callback = format!("code=c&state={state}");
        let good = id_token(ISSUER, &nonce, NOW);
        let step = client.finish_login(redirect.login.clone(), parsed(&callback), NOW);
        let session = run(
            step,
            |purpose| match purpose {
                Purpose::Token => json(format!(
                    r#"{{"access_token":"old","refresh_token":"r","token_type":"Bearer","id_token":"{good}"}}"#
                )),
                purpose => documents(purpose),
            },
            NOW,
        );
        let stand_ins = vec![
            ("$I", good.clone()),
            ("$N", id_token(ISSUER, "other", NOW)),
            ("$F", id_token("https://other.example", &nonce, NOW)),
            ("$X", id_token(ISSUER, &nonce, NOW.saturating_sub(Duration::from_secs(600)))),
            (
                "$K",
                good.replace(
                    &base64url(br#"{"alg":"RS256","kid":"fuzz"}"#),
                    &base64url(br#"{"alg":"RS256","kid":"none"}"#),
                ),
            ),
        ];
        Self {
            client,
            login: redirect.login,
            callback,
            nonce: nonce.clone(),
            session: session.expect("the provider is good"),
            keys: KeySet::parse(key_set(["fuzz"]).as_bytes(), &Gullible).expect("it is a set"),
            rules: TokenRules::id(ISSUER, CLIENT).expect("neither is empty").nonce(&nonce),
            stand_ins,
        }
    }

    fn judge(&self, input: &str) -> bool {
        let (status, media_type, rest) = head(input);
        let (body, payload) = rest.split_once('\n').unwrap_or((rest, ""));
        let mut body = body.to_owned();
        for (name, token) in &self.stand_ins {
            if body.contains(name) {
                body = body.replace(name, token);
            }
        }
        if body.contains("$P") {
            let payload = payload.replace("$Q", &self.nonce);
            body = body.replace("$P", &token(br#"{"alg":"RS256","kid":"fuzz"}"#, payload.as_bytes()));
        }
        let response = || answer(status, media_type, body.clone());
        let plain = status == 200
            && media_type
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/json");

        let step = self.client.finish_login(self.login.clone(), parsed(&self.callback), NOW);
        let Step::Store(_, reply) = step else { panic!("{step:?}") };
        let signed_in = self.answered(reply.resume(Ok(StoreAnswer::Taken(true)), NOW), response());
        match &signed_in {
            Ok(session) => {
                assert!(plain);
                let id_token = self.sound(&body, session).expect("nobody is signed in without an ID token");
                let claims =
                    self.rules.verify(&id_token, &self.keys, NOW).expect("the ID token is no good one");
                assert_eq!(session.claims(), &claims);
                assert_eq!((session.sub(), session.started()), (claims.sub().unwrap_or_default(), NOW));
                self.bound(session);
            }
            Err(error) => answerable(error),
        }
        // What is no token response is none to a refresh token either.
        if let Err(Error::Provider(error)) = &signed_in
            && !matches!(error, ProviderError::IdToken(_) | ProviderError::IdTokenMissing)
        {
            return false;
        }
        match self.answered(self.client.refresh(self.session.clone(), NOW), response()) {
            Ok(session) => {
                assert!(plain);
                let id_token = self.sound(&body, &session);
                assert_eq!((session.sub(), session.started()), (self.session.sub(), self.session.started()));
                assert!(session.refresh_token().is_some());
                match id_token {
                    Some(_) => self.bound(&session),
                    None => assert_eq!(session.id_token().expose(), self.session.id_token().expose()),
                }
            }
            Err(error) => answerable(&error),
        }
        signed_in.is_ok()
    }

    /// The one request that redeems something, and what may follow it.
    fn answered(&self, step: Step<Result<Session, Error>>, response: FetchResult) -> Result<Session, Error> {
        let Step::Fetch(fetch, reply) = step else { panic!("{step:?}") };
        let form = std::str::from_utf8(fetch.request.body()).expect("a form is text");
        assert_eq!(fetch.shared, form.contains("grant_type=refresh_token"));
        assert!(fetch.purpose == Purpose::Token && fetch.timeout <= Duration::from_secs(5));
        let mut step = reply.resume(response, NOW);
        loop {
            step = match step {
                Step::Done(result) => return result,
                // For a key that is not known; nothing else is asked for twice.
                Step::Fetch(fetch, reply) => {
                    assert_eq!(fetch.purpose, Purpose::Keys);
                    reply.resume(documents(Purpose::Keys), NOW)
                }
                other => panic!("{other:?}"),
            };
        }
    }

    /// What a response is that was taken; its ID token.
    fn sound(&self, body: &str, session: &Session) -> Option<String> {
        let members = strict_object(body.as_bytes()).expect("what was taken is not strict");
        let text = |name: &str| {
            let (_, value) = members.iter().find(|(found, _)| found == name)?;
            (*value != "null").then(|| string(value).expect("it is a string"))
        };
        assert!(text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
        assert!(text("error").is_none(), "an error is taken for an answer");
        let access_token = text("access_token").filter(|token| !token.is_empty());
        assert_eq!(
            session.access_token(UnixTime::EPOCH).expect("it is kept").expose(),
            access_token.expect("there is one")
        );
        assert_eq!(session.scope(), text("scope").as_deref());
        let refresh_token = text("refresh_token");
        assert!(
            refresh_token.is_none()
                || session.refresh_token().map(|token| token.expose().to_owned()) == refresh_token
        );
        assert!(session.access_token_expires_at().is_none_or(|end| end >= NOW));
        let id_token = text("id_token");
        assert!(id_token.as_ref().is_none_or(|id_token| id_token == session.id_token().expose()));
        id_token
    }

    /// The ID token is of this person, and its `at_hash`, if it has one, is the access token's.
    fn bound(&self, session: &Session) {
        let Ok(claims) = TokenRules::id(ISSUER, CLIENT).expect("neither is empty").verify(
            session.id_token().expose(),
            &self.keys,
            NOW,
        ) else {
            panic!("the ID token is no good one")
        };
        assert_eq!(claims.sub(), Some(session.sub()), "the tokens are somebody else's");
        if let Some(at_hash) = claims.get::<String>("at_hash") {
            let access_token = session.access_token(UnixTime::EPOCH).expect("it is kept").expose();
            assert_eq!(at_hash, base64url(&Sha256::digest(access_token)[..16]));
        }
    }
}

/// Status and media type from a line of their own, if the input has one.
fn head(input: &str) -> (u16, &str, &str) {
    let line = input
        .split_once('\n')
        .and_then(|(line, rest)| line.split_once(' ').map(|(status, kind)| (status, kind, rest)));
    match line {
        Some((status, kind, rest)) => match status.parse() {
            Ok(status) if (200..600).contains(&status) => (status, kind, rest),
            _ => (200, "application/json", input),
        },
        None => (200, "application/json", input),
    }
}

fn parsed(callback: &str) -> Callback {
    Callback::parse(callback).expect("the callback is one")
}
