//! What each quirk invites, and stays refused.

use oidc_core::config::ConfigBuilder;
use oidc_core::error::{Quirk, TokenError};
use oidc_core::profile::{Endpoint, IssuerPolicy, Logout, NoncePolicy, ProviderProfile};
use oidc_core::{Callback, Config, LoginOptions, Secret};
use serde_json::{Value, json};

use crate::scene::Scene;
use crate::support::config;
use crate::table::TENANT;

const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn entra(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

#[test]
fn tokens_of_another_tenant_or_of_two_are_refused() {
    let suffixed = format!("{TENANT}/x");
    let longer = format!("{TENANT}0");
    let capitals = TENANT.to_uppercase();
    let cases = [
        (entra(OTHER), json!(OTHER)),
        (entra(TENANT), json!(OTHER)),
        (entra(OTHER), json!(TENANT)),
        (entra(&suffixed), json!(suffixed)),
        (entra(&longer), json!(longer)),
        (entra(&capitals), json!(capitals)),
        (entra(&format!("{OTHER}/../{TENANT}")), json!(TENANT)),
        (entra("{tid}"), json!(TENANT)),
        (entra("{tid}"), json!("{tid}")),
        (entra("{tenantid}"), json!("{tenantid}")),
        (entra(""), json!("")),
        (format!("{}/", entra(TENANT)), json!(TENANT)),
        (entra(TENANT).replace(".com", ".com.evil.example"), json!(TENANT)),
        (entra(TENANT).replace("https", "http"), json!(TENANT)),
        (entra(TENANT), Value::Null),
    ];
    for (fixture, profile) in [
        ("entra_common", ProviderProfile::entra(&[TENANT])),
        ("entra_tenant", ProviderProfile::entra_tenant(TENANT)),
    ] {
        for (iss, tid) in &cases {
            for token in ["id_token", "access_token"] {
                let mut scene = Scene::new(fixture, profile.clone());
                scene.claims(token, json!({ "iss": iss, "tid": tid }));
                if token == "id_token" {
                    assert_eq!(
                        scene.sign_in_error(),
                        "ID token: `iss` is none of the allowed tenants'",
                        "{iss} {tid}"
                    );
                } else {
                    assert_eq!(scene.token_error(token), Quirk::Tenant.into(), "{iss} {tid}");
                }
            }
        }
        let mut scene = Scene::new(fixture, profile.clone());
        scene.claims("access_token", json!({ "tid": [TENANT] }));
        assert_eq!(scene.token_error("access_token"), TokenError::ClaimInvalid("tid"));
    }
}

#[test]
fn each_of_several_tenants_is_taken_under_its_own_name_alone() {
    let profile = || ProviderProfile::entra(&[TENANT, OTHER]);
    for (of, named, taken) in [(TENANT, TENANT, true), (OTHER, OTHER, true), (TENANT, OTHER, false)] {
        let mut scene = Scene::new("entra_common", profile());
        scene.claims("id_token", json!({ "iss": entra(of), "tid": named }));
        assert_eq!(scene.sign_in().is_ok(), taken, "{of} {named}");
    }
}

/// Whoever has the key of one tenant, or of those for everybody's private accounts, signs for no other.
#[test]
fn a_key_for_one_tenant_signs_for_that_one_alone() {
    for (issuer, taken) in [
        (json!("https://login.microsoftonline.com/{tenantid}/v2.0"), true),
        (json!(entra(TENANT)), true),
        (json!(entra(OTHER)), false),
        (json!("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"), false),
        (json!(format!("https://login.microsoftonline.com/{TENANT}0/v2.0")), false),
        (json!(""), false),
        (json!(7), true),
        (Value::Null, true),
    ] {
        let mut scene = Scene::new("entra_common", ProviderProfile::entra(&[TENANT, OTHER]));
        scene.change_key(|key| key["issuer"] = issuer.clone());
        scene.claims("id_token", json!({ "iss": entra(TENANT), "tid": TENANT }));
        match scene.sign_in() {
            Ok(_) => assert!(taken, "{issuer}"),
            Err(error) => assert!(!taken && error.code() == "unknown_key", "{issuer}: {error}"),
        }
    }
}

#[test]
fn version_1_is_for_access_tokens_alone() {
    let mut scene = Scene::new("entra_common", ProviderProfile::entra(&[TENANT]));
    scene.claims("id_token", json!({ "iss": format!("https://sts.windows.net/{TENANT}/") }));
    assert!(scene.sign_in().is_err());
}

#[test]
fn the_callback_may_name_an_allowed_tenant_and_no_other() {
    for (tenant, taken) in [(TENANT, true), (OTHER, false), ("{tid}", false)] {
        let mut scene = Scene::new("entra_common", ProviderProfile::entra(&[TENANT]));
        scene.change(|fixture| fixture["callback"] = json!({ "iss": entra(tenant) }));
        assert_eq!(scene.sign_in().is_ok(), taken, "{tenant}");
    }
}

#[test]
fn an_issuer_of_github_has_one_segment_at_most() {
    let long = |length| format!("/{}", "a".repeat(length));
    let (longest, too_long) = (long(100), long(101));
    let taken = ["", "/octo-org", "/a", "/0-A-z", &longest];
    let refused = [
        "/",
        "//",
        "/a/",
        "/a/b",
        "//a",
        "/a.b",
        "/..",
        "/.",
        "/a%2fb",
        "/%2f",
        "/a_b",
        "/a b",
        "/é",
        "?a",
        "/a?b",
        "#a",
        "/a#",
        "a",
        "-a",
        ".evil.example",
        ".evil.example/a",
        "@evil.example",
        ":443",
        &too_long,
    ];
    for (ends, expected) in [(&taken[..], true), (&refused[..], false)] {
        for end in ends {
            let mut scene = Scene::resource_server("github_actions", ProviderProfile::github_actions());
            let iss = format!("https://token.actions.githubusercontent.com{end}");
            scene.claims("access_token", json!({ "iss": iss }));
            assert_eq!(scene.judge("access_token").is_ok(), expected, "{iss}");
        }
    }
}

#[test]
fn an_enterprise_at_github_may_take_its_own_tokens_alone() {
    let root = "https://token.actions.githubusercontent.com";
    let own = format!("{root}/octo-enterprise");
    for (iss, taken) in [(&*own, true), (root, false), (&format!("{root}/another"), false)] {
        let profile = ProviderProfile::github_actions().issuers(IssuerPolicy::Exact);
        let mut scene = Scene::configured_as("github_actions", &own, profile);
        scene.change(|fixture| fixture["metadata"]["issuer"] = json!(own));
        scene.idp(|idp| idp.metadata_at = format!("{own}/.well-known/openid-configuration"));
        scene.claims("access_token", json!({ "iss": iss }));
        assert_eq!(scene.judge("access_token").is_ok(), taken, "{iss}");
    }
}

#[test]
fn names_that_look_like_one_of_the_issuers_are_refused() {
    for (fixture, profile, issuers) in [
        (
            "google",
            ProviderProfile::google(),
            &[
                "accounts.google.com.evil.example",
                "https://accounts.google.com.evil.example",
                "https://accounts.google.com/",
                "http://accounts.google.com",
                "Accounts.google.com",
                "evil.example/accounts.google.com",
                "",
            ][..],
        ),
        (
            "linkedin",
            ProviderProfile::linkedin(),
            &[
                "https://www.linkedin.com/",
                "https://www.linkedin.com/oauth/",
                "https://www.linkedin.com/oauth2",
            ],
        ),
        (
            "adfs",
            ProviderProfile::adfs("adfs.example"),
            &["http://adfs.example/adfs/services/trust", "https://adfs.example/adfs/services/trust"],
        ),
    ] {
        for iss in issuers {
            let mut scene = Scene::new(fixture, profile.clone());
            scene.claims("id_token", json!({ "iss": iss }));
            let line = scene.sign_in_error();
            assert!(line.starts_with("ID token: ") && line.contains("`iss`"), "{iss}: {line}");
        }
    }
}

#[test]
fn a_cognito_id_token_is_no_access_token_however_bare() {
    for (token_use, expected) in [
        (json!("id"), TokenError::ClaimInvalid("token_use")),
        (Value::Null, TokenError::ClaimMissing("token_use")),
        (json!(["access"]), TokenError::ClaimInvalid("token_use")),
    ] {
        let mut scene = Scene::new("cognito", ProviderProfile::cognito("login.example"));
        let bare = json!({ "nonce": null, "at_hash": null, "client_id": "web", "token_use": token_use });
        scene.claims("id_token", bare);
        assert_eq!(scene.token_error("id_token"), expected);
    }
}

#[test]
fn a_keycloak_id_token_is_no_access_token_however_bare() {
    for (kind, expected) in [
        (json!("ID"), TokenError::ClaimInvalid("typ")),
        (json!("Refresh"), TokenError::ClaimInvalid("typ")),
        (Value::Null, TokenError::ClaimMissing("typ")),
    ] {
        let profile = ProviderProfile::keycloak();
        let mut scene = Scene::with("keycloak", |config| config.audience("web").profile(profile));
        scene.claims("id_token", json!({ "nonce": null, "at_hash": null, "typ": kind }));
        assert_eq!(scene.token_error("id_token"), expected);
    }
}

#[test]
fn a_preset_that_asks_for_a_host_takes_no_address() {
    let config = |profile| {
        let config = Config::builder("https://sso.example", "web", "https://rp.example/callback");
        config.client_secret(Secret::new("secret")).profile(profile).build()
    };
    for domain in ["https://tenant.auth0.com/", "https://tenant.auth0.com", "tenant.auth0.com/"] {
        let error = config(ProviderProfile::auth0(domain)).unwrap_err();
        assert!(error.to_string().contains("where a host was asked for"), "{error}");
        assert!(config(ProviderProfile::cognito(domain)).is_err());
    }
    assert!(config(ProviderProfile::auth0("tenant.auth0.com")).is_ok());
}

/// The audience of access tokens is the client's, as where one registration serves for both.
#[test]
fn an_id_token_without_its_marks_is_no_access_token_of_entra_okta_or_auth0() {
    let presets = [
        ("entra_common", ProviderProfile::entra(&["9122040d-6c67-4c5b-b112-36a304b66dad"])),
        ("okta", ProviderProfile::okta()),
        ("auth0", ProviderProfile::auth0("tenant.auth0.com")),
    ];
    for (fixture, profile) in presets {
        let mut scene = Scene::with(fixture, |config| config.audience("web").profile(profile.clone()));
        scene.claims("id_token", json!({ "nonce": null, "at_hash": null, "c_hash": null, "azp": null }));
        assert_eq!(scene.token_error("id_token"), TokenError::WrongType, "{fixture}");
    }
}

#[test]
fn a_nonce_that_may_lack_must_be_right_where_it_is_there() {
    let mut scene = Scene::new("linkedin", ProviderProfile::linkedin());
    assert!(scene.sign_in().is_ok());
    for (nonce, taken) in [("{nonce}", true), ("", false), ("another", false)] {
        scene.claims("id_token", json!({ "nonce": nonce }));
        assert_eq!(scene.sign_in().is_ok(), taken, "{nonce:?}");
    }
}

#[test]
fn what_came_beside_a_code_is_given_out_once_and_only_by_its_name() {
    let callback = Callback::parse("code=c&state=s&user=%7B%22name%22%3A1%7D").unwrap();
    assert_eq!(callback.parameter("user"), Some("{\"name\":1}"));
    for name in ["name", "code", "state", ""] {
        assert_eq!(callback.parameter(name), None, "{name}");
    }
    assert!(Callback::parse("code=c&state=s&user=1&user=2").is_err());
}

#[test]
fn profiles_that_would_take_too_much_are_refused_when_the_settings_are_built() {
    let own = || ProviderProfile::standard("own");
    let text = |text: &str| text.to_owned();
    let template = |template: &str, allowed: &[&str]| IssuerPolicy::Template {
        templates: vec![text(template)],
        claim: "tid",
        allowed: allowed.iter().copied().map(text).collect(),
    };
    let address = |url: &str| Logout::Address {
        url: text(url),
        client_id_parameter: "client_id",
        return_to_parameter: "to",
    };
    for (profile, setting) in [
        (own().pkce(false).nonce(NoncePolicy::Off), "profile"),
        (ProviderProfile::linkedin().nonce(NoncePolicy::Off), "profile"),
        (ProviderProfile::entra(&[]), "issuers"),
        (ProviderProfile::entra(&[TENANT, ""]), "issuers"),
        (own().issuers(template("https://op.example/{tid}", &[])), "issuers"),
        (own().access_token_issuers(template("https://op.example/{tid}", &[])), "access_token_issuers"),
        (own().issuers(template("https://op.example/{tenantid}", &["a"])), "issuers"),
        (own().issuers(template("https://op.example/{tid}/{tid}", &["a"])), "issuers"),
        (own().issuers(template("https://op.example", &["a"])), "issuers"),
        (own().issuers(IssuerPolicy::OneOf(Vec::new())), "issuers"),
        (own().issuers(IssuerPolicy::OneOf(vec![text("https://op.example"), String::new()])), "issuers"),
        (own().issuers(IssuerPolicy::Segment(String::new())), "issuers"),
        (own().issuers(IssuerPolicy::Segment(text("https://op.example/"))), "issuers"),
        (own().endpoint(Endpoint::Token, "http://op.example/token"), "token_endpoint"),
        (own().endpoint(Endpoint::Keys, "http://op.example/keys"), "jwks_uri"),
        (own().endpoint(Endpoint::Userinfo, "https://me@op.example/"), "userinfo_endpoint"),
        (own().endpoint(Endpoint::Authorization, "javascript:alert(1)"), "authorization_endpoint"),
        (own().logout(address("http://op.example/logout")), "logout"),
        (own().logout(address("/logout")), "logout"),
        (own().metadata_url("http://op.example/metadata"), "metadata_url"),
        (own().bearer(&[]), "bearer"),
        (own().scopes("profile"), "scopes"),
    ] {
        let shown = format!("{profile:?}");
        let error = config().profile(profile).build().expect_err(&shown);
        assert_eq!(error.setting(), setting, "{shown}");
        let has_variable = ["bearer", "scopes"].contains(&setting);
        assert_eq!(error.to_string().starts_with(&format!("setting {setting}: ")), !has_variable, "{error}");
    }
}

#[test]
fn parameters_that_the_protocol_sets_are_refused_when_the_settings_are_built() {
    let refused = |profile| config().profile(profile).build().unwrap_err().setting();
    let own = || ProviderProfile::standard("own");
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "response_mode",
        "login_hint",
        "ui_locales",
        "max_age",
        "acr_values",
        "claims",
        "request",
        "request_uri",
    ] {
        assert_eq!(refused(own().authorize_parameter(name, "x")), "authorize_parameter", "{name}");
    }
    for name in [
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "scope",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
    ] {
        assert_eq!(refused(own().token_parameter(name, "x")), "token_parameter", "{name}");
    }
    let twice = own().authorize_parameter("audience", "a").authorize_parameter("audience", "b");
    assert_eq!(refused(twice), "authorize_parameter");
    assert_eq!(
        refused(own().token_parameter("resource", "a").token_parameter("resource", "b")),
        "token_parameter"
    );
}

#[test]
fn a_sign_in_cannot_add_what_its_profile_has_set() {
    let profile = ProviderProfile::standard("own").authorize_parameter("audience", "api");
    let mut scene = Scene::new("auth0", profile);
    let options =
        LoginOptions { extra: vec![("audience".into(), "another".into())], ..LoginOptions::default() };
    assert_eq!(scene.begin(options).unwrap_err().code(), "reserved_parameter");
}

#[test]
fn an_issuer_that_is_not_named_is_not_taken_even_if_it_is_configured() {
    let set: fn(ConfigBuilder) -> ConfigBuilder = |config| {
        let others = IssuerPolicy::OneOf(vec!["https://another.example".into()]);
        config.profile(ProviderProfile::keycloak().issuers(others))
    };
    let mut scene = Scene::with("keycloak", set);
    assert_eq!(scene.token_error("access_token"), TokenError::ClaimInvalid("iss"));
}
