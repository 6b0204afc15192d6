//! What goes wrong without a preset, and the line that says so.

use oidc_core::error::{ProviderError, Quirk, TokenError};
use oidc_core::profile::{NoncePolicy, ProviderProfile};
use oidc_core::token::AccessToken;
use oidc_core::{Config, Error};
use serde_json::json;

use crate::scene::Scene;
use crate::support::config;
use crate::table::TENANT;

/// What somebody has who knows of no presets, and takes any JWT.
fn standard() -> ProviderProfile {
    ProviderProfile::standard("a provider").bearer(&[AccessToken::AtJwt, AccessToken::Jwt])
}

fn quirk(scene: &mut Scene, token: &str) -> Quirk {
    match scene.token_error(token) {
        TokenError::Quirk(quirk) => quirk,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_issuer_without_its_slash_is_named() {
    for (name, issuer) in [
        ("auth0", "https://tenant.eu.auth0.com"),
        ("authentik", "https://auth.example/application/o/reports"),
    ] {
        let line = Scene::configured_as(name, issuer, standard()).sign_in_error();
        assert!(
            line.contains("they differ only by a trailing slash: configure the provider's spelling"),
            "{line}"
        );
        let mut scene = Scene::new(name, standard());
        scene.claims("access_token", json!({ "iss": issuer }));
        assert_eq!(quirk(&mut scene, "access_token"), Quirk::TrailingSlash, "{name}");
        assert_eq!(Quirk::TrailingSlash.claim(), "iss");
    }
}

#[test]
fn metadata_for_many_tenants_or_for_one_says_which_preset_is_due() {
    for (fixture, profile, due) in [
        (
            "entra_common",
            standard(),
            "; it speaks for many tenants: say which are taken, as by ProviderProfile::entra",
        ),
        (
            "entra_tenant",
            ProviderProfile::entra(&[TENANT]),
            "; it speaks for one tenant: use ProviderProfile::entra_tenant",
        ),
    ] {
        let line = Scene::new(fixture, profile).sign_in_error();
        assert!(line.ends_with(due), "{line}");
    }
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let error = Config::builder(template, "web", "https://rp.example/callback").build().unwrap_err();
    assert_eq!(error.setting(), "issuer");
}

#[test]
fn entra_access_tokens_of_version_1_are_named_and_taken_by_the_preset() {
    let mut scene = Scene::new("entra_tenant", standard());
    assert_eq!(quirk(&mut scene, "access_token_v1"), Quirk::EntraVersion1);
    assert!(Quirk::EntraVersion1.to_string().contains("accessTokenAcceptedVersion"));
    for (fixture, profile) in [
        ("entra_tenant", ProviderProfile::entra_tenant(TENANT)),
        ("entra_common", ProviderProfile::entra(&[TENANT])),
    ] {
        let claims = Scene::new(fixture, profile).judge("access_token_v1").unwrap();
        assert_eq!(
            (claims.scopes(), claims.get::<String>("appid")),
            (vec!["reports.read"], Some("web".into()))
        );
    }
}

#[test]
fn tokens_for_microsoft_graph_are_named_with_and_without_the_preset() {
    for profile in [standard(), ProviderProfile::entra_tenant(TENANT)] {
        for audience in ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"] {
            let mut scene = Scene::new("entra_tenant", profile.clone());
            scene.claims("graph_token", json!({ "aud": audience }));
            assert_eq!(quirk(&mut scene, "graph_token"), Quirk::MicrosoftGraph, "{}", profile.name());
        }
    }
    let error = config().audience("https://graph.microsoft.com/").build().unwrap_err();
    assert_eq!(error.setting(), "audience");
    assert!(error.to_string().contains("this token is opaque to you"), "{error}");
}

#[test]
fn keycloak_tokens_for_account_are_named() {
    let mut scene = Scene::new("keycloak", ProviderProfile::keycloak());
    scene.claims("access_token", json!({ "aud": "account" }));
    assert_eq!(quirk(&mut scene, "access_token"), Quirk::KeycloakAccount);
    assert!(Quirk::KeycloakAccount.to_string().contains("add an audience mapper"));
}

#[test]
fn adfs_access_tokens_are_named_by_their_issuer() {
    for scheme in ["http", "https"] {
        let mut scene = Scene::new("adfs", standard());
        scene
            .claims("access_token", json!({ "iss": format!("{scheme}://adfs.example/adfs/services/trust") }));
        assert_eq!(quirk(&mut scene, "access_token"), Quirk::AdfsTrust);
    }
    assert!(Quirk::AdfsTrust.to_string().contains("`ProviderProfile::adfs`"));
}

#[test]
fn an_issuer_of_another_scheme_or_none_is_named() {
    let mut scene = Scene::new("google", standard());
    assert!(
        scene
            .sign_in_error()
            .starts_with("ID token: `iss` and the configured issuer differ only by their scheme")
    );
    let mut scene = Scene::new("keycloak", standard());
    scene.claims("access_token", json!({ "iss": "http://sso.example/realms/staff" }));
    assert_eq!(quirk(&mut scene, "access_token"), Quirk::Scheme);
}

#[test]
fn cognito_tokens_lack_an_audience() {
    let mut scene = Scene::new("cognito", standard());
    assert_eq!(scene.token_error("access_token").claim(), Some("aud"));
}

#[test]
fn linkedin_knows_neither_basic_nor_pkce_nor_nonces() {
    let post = oidc_core::config::ClientAuth::Post;
    let refused = "token: the provider answered \"invalid_client\"";
    for (profile, line) in [
        (standard().pkce(false), refused),
        (standard().client_auth(post), refused),
        (standard().client_auth(post).pkce(false), "ID token: claim `nonce` is not acceptable"),
    ] {
        assert_eq!(Scene::new("linkedin", profile).sign_in_error(), line);
    }
    let enough = standard().client_auth(post).pkce(false).nonce(NoncePolicy::IfPresent);
    assert!(Scene::new("linkedin", enough).sign_in().is_ok());
}

#[test]
fn a_client_that_proves_itself_in_another_way_is_told_which_are_taken() {
    let error = Scene::new("apple", standard()).sign_in().unwrap_err();
    assert!(matches!(error, Error::Provider(ProviderError::ClientAuth { .. })), "{error:?}");
    assert_eq!(
        error.to_string(),
        "token: invalid_client; the provider takes \"client_secret_post\", configured is \"client_secret_basic\""
    );
}

#[test]
fn an_authentik_without_a_signing_key_is_named_in_the_log() {
    let mut scene = Scene::new("authentik", ProviderProfile::authentik());
    scene.change(|fixture| fixture["keys"] = json!({}));
    let log = crate::spy::logged(|| assert_eq!(scene.token_error("access_token").code(), "keys_unavailable"));
    let line = "keys: member \"keys\" is missing or of the wrong type";
    assert!(log.iter().any(|found| found.contains(line)), "{log:?}");
    assert_eq!(scene.world.client().key_status(scene.world.now).reason, Some("provider_malformed"));
}

#[test]
fn where_nobody_signs_in_a_sign_in_names_the_endpoint_that_is_missing() {
    for (fixture, profile) in
        [("github_actions", ProviderProfile::github_actions()), ("kubernetes", ProviderProfile::kubernetes())]
    {
        let mut scene = Scene::new(fixture, profile);
        assert!(scene.sign_in_error().contains("authorization_endpoint"), "{}", scene.sign_in_error());
    }
}
