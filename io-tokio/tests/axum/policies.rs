//! What a layer demands holds for whoever opens a socket behind it, by whatever token.

use oidc_dev_provider::AccessTokenRequest;
use serde_json::json;

use super::over_sockets::{World, now};
use super::over_websockets::{echoes, open};

/// One's own strong sign-in opens no socket in the name of a weaker token.
#[test]
fn a_socket_is_opened_by_a_token_that_meets_the_policy_itself() {
    let mut world = World::with(&[]);
    world.provider.with(|provider| provider.support_acr(&["phr"]));
    let url = format!("{}/transfer", world.origin);
    let redirect = world.send("GET", &url, &[("accept", "text/html")], "");
    let back = world.send("GET", redirect.header("location"), &[], "");
    assert_eq!(world.send("GET", back.header("location"), &[], "").status, 303);
    assert_eq!(world.send("GET", &url, &[], "").body, "ada");
    let cookies: Vec<String> = world.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cookies = cookies.join("; ");

    let token = |acr: &str| {
        let extra = json!({ "acr": acr, "roles": ["engineer"] }).as_object().unwrap().clone();
        let request = AccessTokenRequest { sub: "alan".into(), extra, ..Default::default() };
        format!("bearer, {}", world.provider.with(|provider| provider.access_token(request, now())))
    };
    let open_by = |protocols: &str| {
        let headers = [
            ("cookie", cookies.as_str()),
            ("origin", world.origin.as_str()),
            ("sec-websocket-protocol", protocols),
        ];
        open(&world, "/transfer/ws", &headers).map(|(client, _)| client)
    };
    assert_eq!(open_by(&token("low")).err(), Some(401));
    assert_eq!(echoes(&mut open_by(&token("phr")).unwrap(), "hello"), "hello");
    let headers = [("cookie", cookies.as_str()), ("origin", world.origin.as_str())];
    let (mut by_session, _) = open(&world, "/transfer/ws", &headers).unwrap();
    assert_eq!(echoes(&mut by_session, "hello"), "hello");
}
