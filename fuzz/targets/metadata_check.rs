//! What must hold for any text that is taken for metadata, by all that a client does with it.

use std::sync::LazyLock;

use oidc_core::error::{Error, ProviderError};
use oidc_core::step::{Fetch, Purpose};
use oidc_core::{Callback, Client, Config, LoginOptions, Step};
use url::{Host, Url};

use crate::common::{
    CLIENT, NOW, access_token, answerable, client, id_token, json, key_set, parameter, run, strict_object,
    string,
};

static TRIALS: LazyLock<[Trial; 2]> =
    LazyLock::new(|| ["https://issuer.example", "http://127.0.0.1:9000"].map(Trial::new));

/// Checks all that must hold, and tells whether the document is taken, by a provider on https or on loopback.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    let [https, loopback] = &*TRIALS;
    match https.judge(input) {
        Ok(()) => true,
        Err(Error::Provider(ProviderError::IssuerMismatch { .. })) => loopback.judge(input).is_ok(),
        Err(_) => false,
    }
}

struct Trial {
    issuer: &'static str,
    config: Config,
    token: String,
}

impl Trial {
    fn new(issuer: &'static str) -> Self {
        let config = Config::builder(issuer, CLIENT, "https://rp.example/callback").build();
        let token = access_token(issuer, "fuzz", NOW);
        Self { issuer, config: config.expect("the settings are right"), token }
    }

    fn judge(&self, document: &[u8]) -> Result<(), Error> {
        let client = client(&self.config);
        let (fetch, reply) = asked(client.begin_login(LoginOptions::default(), NOW));
        assert_eq!((fetch.purpose, fetch.shared), (Purpose::Discovery, true));
        assert_eq!(fetch.request.uri(), &*format!("{}/.well-known/openid-configuration", self.issuer));
        let begun = done(reply.resume(json(document), NOW));

        // What is taken is held, and what is held is asked for its keys.
        let keys = match client.verify_access_token(&self.token, NOW) {
            Step::Fetch(fetch, _) => fetch,
            Step::Done(Err(_)) => {
                let Err(error) = begun else {
                    // A URL that HTTP cannot express.
                    return Ok(());
                };
                answerable(&error);
                return Err(error);
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((keys.purpose, keys.shared), (Purpose::Keys, true));
        let said = Said(strict_object(document).expect("what was taken is not strict"));
        self.sound(&said, &keys);
        if let Some(url) =
            self.agreed(&said, "end_session_endpoint", done(client.logout_url(None, "s", NOW)).transpose())
        {
            assert_eq!(parameter(url.query().unwrap_or_default(), "client_id").as_deref(), Some(CLIENT));
        }
        let redirect = match begun {
            Ok(redirect) => redirect,
            Err(error) => {
                answerable(&error);
                return Ok(());
            }
        };
        self.agreed(&said, "authorization_endpoint", Some(Ok(redirect.url.clone())));
        let query = redirect.url.query().expect("a request has parameters");
        for name in ["response_type", "state", "nonce", "code_challenge"] {
            assert!(parameter(query, name).is_some(), "{name}");
        }
        self.finish(&said, &client, redirect);
        Ok(())
    }

    /// What every document is that was taken.
    fn sound(&self, said: &Said<'_>, keys: &Fetch) {
        let find = |name: &str| said.get(name);
        assert_eq!(find("issuer").and_then(string).as_deref(), Some(self.issuer));
        let jwks_uri = find("jwks_uri").and_then(string).expect("there is one");
        let jwks_uri = Url::parse(&jwks_uri).expect("it is a URL");
        self.secure(&jwks_uri);
        assert_eq!(keys.request.uri().host(), jwks_uri.host_str());
        let offered = find("id_token_signing_alg_values_supported").filter(|value| *value != "null");
        let offered =
            offered.map(|value| serde_json::from_str::<Vec<String>>(value).expect("they are names"));
        assert!(offered.is_none_or(|offered| offered.iter().any(|name| name == "RS256")));
        let flag = find("authorization_response_iss_parameter_supported").unwrap_or("null");
        assert!(["true", "false", "null"].contains(&flag));
    }

    fn secure(&self, url: &Url) {
        let loopback = match url.host().expect("it has a host") {
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
            Host::Domain(name) => name == "localhost",
        };
        let local = self.issuer.starts_with("http:") && url.scheme() == "http" && loopback;
        assert!(url.scheme() == "https" || local, "{url}");
        assert_eq!(url.fragment(), None);
    }

    /// An address that is used is the document's, and safe.
    fn agreed(&self, said: &Said<'_>, name: &str, used: Option<Result<Url, Error>>) -> Option<Url> {
        let said = said.get(name);
        match used {
            None => {
                assert!(said.is_none_or(|said| said == "null"), "{name} is passed over");
                None
            }
            Some(Err(error)) => {
                answerable(&error);
                assert!(said.is_some_and(|said| said != "null"), "{name} is missed where there is none");
                None
            }
            Some(Ok(used)) => {
                let said = Url::parse(&said.and_then(string).expect("there is one")).expect("it is a URL");
                self.secure(&said);
                assert_eq!(
                    (used.origin(), used.path(), used.username()),
                    (said.origin(), said.path(), said.username())
                );
                assert!(used.query().unwrap_or_default().starts_with(said.query().unwrap_or_default()));
                Some(used)
            }
        }
    }

    /// Redeems a code, and asks who has signed in.
    fn finish(&self, said: &Said<'_>, client: &Client, redirect: oidc_core::login::Redirect) {
        let query = redirect.url.query().unwrap_or_default().to_owned();
        // The last one is ours, if the endpoint's own query has one too.
        let last = |name: &str| {
            let all = url::form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name);
            all.last().map(|(_, value)| value.into_owned()).expect("it is there")
        };
        let callback = Callback::parse(&format!("code=c&state={}&iss={}", last("state"), self.issuer));
        let callback = callback.expect("the callback is one");
        let step = client.finish_login(redirect.login, callback, NOW);
        let (fetch, reply) = match step {
            Step::Fetch(fetch, reply) => (fetch, reply),
            Step::Done(Err(error)) => return answerable(&error),
            other => panic!("{other:?}"),
        };
        assert_eq!((fetch.purpose, fetch.shared), (Purpose::Token, false));
        self.used(said, "token_endpoint", &fetch);
        let id_token = id_token(self.issuer, &last("nonce"), NOW);
        let body = format!(r#"{{"access_token":"a","token_type":"Bearer","id_token":"{id_token}"}}"#);
        let mut keys = |purpose| {
            assert_eq!(purpose, Purpose::Keys);
            json(key_set(["fuzz"]))
        };
        let Ok(session) = run(reply.resume(json(body), NOW), &mut keys, NOW) else { return };
        match client.userinfo(&session, NOW) {
            Step::Fetch(fetch, _) => self.used(said, "userinfo_endpoint", &fetch),
            Step::Done(Err(error)) => answerable(&error),
            other => panic!("{other:?}"),
        }
    }

    fn used(&self, said: &Said<'_>, name: &str, fetch: &Fetch) {
        let said = said.get(name).and_then(string);
        let said = Url::parse(&said.expect("there is one")).expect("it is a URL");
        self.secure(&said);
        assert_eq!(fetch.request.uri().host(), said.host_str());
        assert_eq!(fetch.request.uri().scheme_str(), Some(said.scheme()));
    }
}

/// The members of a document.
struct Said<'a>(Vec<(String, &'a str)>);

impl<'a> Said<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| *value)
    }
}

fn asked<T>(step: Step<T>) -> (Fetch, oidc_core::step::Reply<T>) {
    match step {
        Step::Fetch(fetch, reply) => (fetch, reply),
        other => panic!("{other:?}"),
    }
}

fn done<T>(step: Step<T>) -> T {
    match step {
        Step::Done(value) => value,
        other => panic!("{other:?}"),
    }
}
