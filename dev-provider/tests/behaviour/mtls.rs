//! The stand-in for clients that authenticate by TLS: aliases at which a `client_id` is believed.

use http::Method;
use oidc_dev_provider::{DevClient, DevClientAuth};
use serde_json::json;

use crate::browser::{Browser, FORM, basic, encoded};

/// A browser at a provider with aliases, whose client `by-tls` authenticates by TLS.
fn aliased() -> Browser {
    let mut browser = Browser::signed_in();
    browser.provider.mtls_aliases(true);
    browser
        .provider
        .add_client(DevClient { auth: DevClientAuth::Tls, ..DevClient::confidential("by-tls", "secret") });
    browser
}

const ALONE: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("client_id", "by-tls")];

#[test]
fn a_tls_client_is_taken_at_the_alias_only() {
    let mut browser = aliased();
    assert_eq!(browser.post("/mtls/token", &ALONE).status, 200);
    assert_eq!(browser.post("/token", &ALONE).status, 401);
    browser.provider.mtls_aliases(false);
    assert_eq!(browser.post("/mtls/token", &ALONE).status, 404);
}

#[test]
fn a_tls_client_presents_nothing_else() {
    let mut browser = aliased();
    let assertion = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJieS10bHMifQ."),
    ];
    for more in [&[("client_secret", "secret")][..], &assertion] {
        let seen = browser.post("/mtls/token", &[&ALONE[..], more].concat());
        assert_eq!(
            (seen.status.as_u16(), &seen.json()["error"]),
            (401, &json!("invalid_client")),
            "{more:?}"
        );
    }
    let credentials = basic("by-tls", "secret");
    let headers = [FORM, ("authorization", credentials.as_str())];
    assert_eq!(browser.send(Method::POST, "/mtls/token", &headers, &encoded(&ALONE)).status, 401);
}

#[test]
fn other_clients_authenticate_at_the_alias_as_ever() {
    let mut browser = aliased();
    let credentials = basic("demo-client", "demo-secret");
    let headers = [FORM, ("authorization", credentials.as_str())];
    let form = encoded(&ALONE[..1]);
    assert_eq!(browser.send(Method::POST, "/mtls/token", &headers, &form).status, 200);
    let alone = [ALONE[0], ("client_id", "demo-client")];
    assert_eq!(browser.post("/mtls/token", &alone).status, 401);
}

#[test]
fn metadata_announces_the_aliases_that_exist() {
    let mut browser = aliased();
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert!(
        metadata["token_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap()
            .contains(&json!("tls_client_auth"))
    );
    for (name, alias) in metadata["mtls_endpoint_aliases"].as_object().unwrap() {
        let endpoint = metadata[name].as_str().unwrap();
        let path = endpoint.strip_prefix("https://op.example").unwrap();
        assert_eq!(*alias, format!("https://op.example/mtls{path}"));
        assert_ne!(browser.get(&format!("/mtls{path}")).status, 404, "{name}");
    }
    for path in ["/mtls", "/mtls/", "/mtls/authorize", "/mtls/jwks", "/mtls/mtls/token"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    browser.provider.mtls_aliases(false);
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert!(metadata["mtls_endpoint_aliases"].is_null());
    assert!(
        !metadata["token_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap()
            .contains(&json!("tls_client_auth"))
    );
}

#[test]
fn userinfo_has_an_alias_too() {
    let mut browser = aliased();
    let tokens = browser.tokens();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(browser.send(Method::GET, "/mtls/userinfo", &[("authorization", &bearer)], "").status, 200);
}

#[test]
fn like_the_suite_it_announces_aliases_and_what_is_to_be_offered() {
    let mut browser = aliased();
    browser.provider.like_the_suite();
    browser.provider.offer_client_auth(&["tls_client_auth"]);
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["mtls_endpoint_aliases"]["token_endpoint"], "https://op.example/mtls/token");
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["tls_client_auth"]));
}
