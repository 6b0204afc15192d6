//! Tokens of the client's own: remembered by scope, obtained by one flow for all, and by nobody during a back-off.
#![cfg(feature = "rsa")]

mod support;

use std::time::Duration;

use oidc_core::config::ClientAuth;
use oidc_core::error::{Error, ProviderError, UsageError};
use oidc_core::service::ServiceToken;
use oidc_core::step::Purpose;
use oidc_core::{Client, Config, Step};
use serde_json::{Value, json};

use support::{START, World, config};

type Asked = Result<ServiceToken, Error>;

fn ask(world: &mut World, scope: &str) -> Asked {
    let client = world.client();
    world.run(|now| client.client_credentials(scope, now))
}

/// The token's text.
fn token(world: &mut World, scope: &str) -> String {
    ask(world, scope).unwrap().access_token().expose().to_owned()
}

fn code(asked: Asked) -> &'static str {
    asked.unwrap_err().code()
}

/// Every answer of the token endpoint is changed so.
fn answer_with(world: &mut World, change: impl Fn(&mut Value) + Send + 'static) {
    world.between = Some(Box::new(move |request, response| {
        if request.uri().path() == "/token" {
            let mut answer = serde_json::from_slice(response.body()).unwrap();
            change(&mut answer);
            *response.body_mut() = answer.to_string().into_bytes();
        }
    }));
}

/// A flow up to its token request: the metadata is at hand.
fn at_token_request(client: &Client, world: &World) -> Step<Asked> {
    let step = client.client_credentials("read", world.now);
    assert!(
        matches!(&step, Step::Fetch(fetch, _) if fetch.purpose == Purpose::Token && fetch.shared),
        "{step:?}"
    );
    step
}

fn with_metadata() -> World {
    let mut world = World::new();
    ask(&mut world, "other").unwrap();
    world.fetched.clear();
    world
}

#[test]
fn the_token_is_the_client_s_and_says_what_was_granted() {
    let mut world = World::new();
    let token = ask(&mut world, "read write").unwrap();
    assert_eq!((token.scope(), token.expires_at().unwrap().as_secs()), ("read write", START + 3600));
    let (text, client) = (token.access_token().expose().to_owned(), world.client());
    let claims = world.run(|now| client.verify_access_token(&text, now)).unwrap();
    assert_eq!((claims.sub(), claims.get::<String>("scope").as_deref()), (Some("web"), Some("read write")));
    assert!(!format!("{token:?}").contains(&text), "it does not show itself");
}

#[test]
fn what_is_asked_is_the_grant_and_a_scope_only_if_there_is_one() {
    for (scope, body) in
        [("", "grant_type=client_credentials"), ("a b&", "grant_type=client_credentials&scope=a+b%26")]
    {
        let mut world = with_metadata();
        let client = world.client();
        let Step::Fetch(fetch, _) = client.client_credentials(scope, world.now) else { panic!("no fetch") };
        assert_eq!(fetch.request.body(), body.as_bytes());
        assert!(fetch.request.headers().contains_key("authorization"));
        answer_with(&mut world, |answer| drop(answer.as_object_mut().unwrap().remove("scope")));
        assert_eq!(ask(&mut world, scope).unwrap().scope(), scope, "what nobody changed was granted");
    }
}

#[test]
fn each_scope_is_remembered_until_shortly_before_the_end() {
    let mut world = World::new();
    let read = token(&mut world, "read");
    assert_ne!(token(&mut world, "write"), read);
    world.pass(3600 - 31);
    assert_eq!(token(&mut world, "read"), read);
    world.pass(1);
    let next = token(&mut world, "read");
    assert_ne!(next, read);
    assert_eq!(token(&mut world, "read"), next);
    assert_eq!(world.fetched.iter().filter(|purpose| **purpose == "token").count(), 3);
}

#[test]
fn a_short_one_is_remembered_for_half_its_lifetime_and_one_without_an_end_not_at_all() {
    let mut world = World::new();
    answer_with(&mut world, |answer| answer["expires_in"] = json!(20));
    let first = token(&mut world, "read");
    world.pass(9);
    assert_eq!(token(&mut world, "read"), first);
    world.pass(1);
    assert_ne!(token(&mut world, "read"), first);

    answer_with(&mut world, |answer| drop(answer.as_object_mut().unwrap().remove("expires_in")));
    let endless = token(&mut world, "write");
    world.pass(1);
    assert_ne!(token(&mut world, "write"), endless);
    assert_eq!(ask(&mut world, "write").unwrap().expires_at(), None);
}

#[test]
fn a_hundred_at_once_make_one_request_also_where_nothing_is_remembered() {
    for endless in [false, true] {
        let mut world = with_metadata();
        if endless {
            answer_with(&mut world, |answer| drop(answer.as_object_mut().unwrap().remove("expires_in")));
        }
        let client = world.client();
        let first = at_token_request(&client, &world);
        let waiting: Vec<_> = (1..100).map(|_| client.client_credentials("read", world.now)).collect();
        assert!(waiting.iter().all(|step| matches!(step, Step::Wait(..))));
        let first = world.run(|_| first).unwrap();
        for step in waiting {
            let Step::Wait(pause, wake) = step else { unreachable!() };
            let woken = wake.resume(world.now.saturating_add(pause));
            let Step::Done(Ok(token)) = woken else { panic!("{woken:?}") };
            assert_eq!(token.access_token().expose(), first.access_token().expose());
        }
        assert_eq!(world.fetched, ["token"]);
    }
}

#[test]
fn a_dropped_flow_gives_its_turn_back_at_once() {
    let mut world = with_metadata();
    let client = world.client();
    let lost = at_token_request(&client, &world);
    let waiting = client.client_credentials("read", world.now);
    assert!(matches!(waiting, Step::Wait(..)));
    drop(lost);
    world.run(|_| waiting).unwrap();
    assert_eq!(world.fetched, ["token"]);
}

#[test]
fn a_flow_that_waits_in_vain_gives_up_and_one_that_nobody_carries_out_blocks_nobody() {
    let mut world = with_metadata();
    let client = world.client();
    let begun = world.now;
    let stuck = at_token_request(&client, &world);
    assert_eq!(code(ask(&mut world, "read")), "provider_timeout");
    assert!(world.now.saturating_since(begun) <= Duration::from_secs(5));
    world.pass(2);
    assert!(ask(&mut world, "read").is_ok(), "the turn has lapsed");
    drop(stuck);
    assert!(ask(&mut world, "read").is_ok());
}

#[test]
fn an_outage_is_told_to_all_and_backs_off() {
    let mut world = with_metadata();
    world.down = true;
    let mut requests = 0;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(code(ask(&mut world, "read")), "provider_unreachable");
        requests += 1;
        world.pass(pause - 1);
        let error = ask(&mut world, "read").unwrap_err();
        assert_eq!(error, ProviderError::BackingOff(Purpose::Token, Duration::from_secs(1)).into());
        assert_eq!(world.fetched.len(), requests, "nobody asked again");
        world.pass(1);
    }
    assert_eq!(
        code(ask(&mut world, "write")),
        "provider_unreachable",
        "another scope is asked for by itself"
    );
    world.down = false;
    assert!(ask(&mut world, "read").is_ok());
}

#[test]
fn those_who_waited_are_told_of_the_failure_too() {
    let mut world = with_metadata();
    let client = world.client();
    let first = at_token_request(&client, &world);
    let waiting = client.client_credentials("read", world.now);
    world.down = true;
    assert_eq!(code(world.run(|_| first)), "provider_unreachable");
    assert_eq!(code(world.run(|_| waiting)), "provider_unreachable");
    assert_eq!(world.fetched, ["token"]);
}

#[test]
fn a_token_that_lives_serves_through_an_outage() {
    let mut world = World::new();
    let first = token(&mut world, "read");
    world.pass(3600 - 30);
    world.down = true;
    world.fetched.clear();
    assert_eq!(token(&mut world, "read"), first);
    assert_eq!(token(&mut world, "read"), first);
    assert_eq!(world.fetched, ["discovery", "token"], "one flow has tried");
    world.pass(29);
    assert_eq!(token(&mut world, "read"), first);
    world.pass(1);
    assert_eq!(code(ask(&mut world, "read")), "provider_unreachable", "it has ended");
}

#[test]
fn what_the_provider_refuses_is_told_in_its_words_and_asked_again_later_only() {
    let mut world = World::new();
    let refused = ask(&mut world, "openid").unwrap_err();
    assert!(refused.to_string().contains("there is no person to name"), "{refused}");
    let requests = world.fetched.len();
    assert_eq!(ask(&mut world, "openid").unwrap_err(), refused);
    assert_eq!(world.fetched.len(), requests);
}

#[test]
fn an_answer_is_checked_as_any_of_the_token_endpoint() {
    let wrong: [(&str, Value, &str); 4] = [
        ("token_type", json!("mac"), "token_type"),
        ("access_token", json!(""), "provider_malformed"),
        ("expires_in", json!("3600"), "provider_malformed"),
        ("error", json!("invalid_client"), "provider_error"),
    ];
    for (member, value, found) in wrong {
        let mut world = World::new();
        answer_with(&mut world, move |answer| answer[member] = value.clone());
        assert_eq!(code(ask(&mut world, "read")), found, "{member}");
    }
    let mut world = World::new();
    answer_with(&mut world, |answer| {
        answer["id_token"] = json!("no.such.token");
        answer["refresh_token"] = json!("unasked");
    });
    assert!(ask(&mut world, "read").is_ok(), "what was not asked for is ignored");
}

#[test]
fn who_has_no_credentials_asks_nobody() {
    let public =
        Config::builder(support::ISSUER, "app", "https://rp.example/callback").client_auth(ClientAuth::None);
    let mut world = World::with(public);
    assert_eq!(ask(&mut world, "read").unwrap_err(), UsageError::PublicClient.into());
    let mut world = World::with(Config::resource_server(support::ISSUER, "api"));
    assert_eq!(ask(&mut world, "read").unwrap_err(), UsageError::NoClient.into());
    assert!(world.fetched.is_empty());
}

#[test]
fn by_post_the_credentials_are_in_the_form() {
    let mut world = World::with(config().client_auth(ClientAuth::Post));
    assert!(ask(&mut world, "read").is_ok());
}
