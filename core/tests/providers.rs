//! Each preset and each setting of a profile, against documents and tokens of the shapes that real providers have.
#![cfg(feature = "rsa")]

#[path = "providers/attacks.rs"]
mod attacks;
#[path = "providers/quirks.rs"]
mod quirks;
#[path = "providers/scene.rs"]
mod scene;
#[path = "providers/settings.rs"]
mod settings;
#[allow(dead_code, reason = "the log alone is of use here")]
#[path = "secrets/spy.rs"]
mod spy;
mod support;
#[path = "providers/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use oidc_core::profile::{ProviderProfile, Tested};
use scene::{Scene, parameters};
use serde_json::{Map, Value, json};
use table::{PROVIDERS, where_people_sign_in};

#[test]
fn every_preset_is_among_these_and_says_how_far_it_was_tested() {
    let named = |profile: &ProviderProfile| (profile.name(), profile.tested().name());
    let here: BTreeSet<_> = PROVIDERS.iter().map(|provider| named(&(provider.preset)())).collect();
    let presets: BTreeSet<_> = ProviderProfile::presets().iter().map(named).collect();
    assert_eq!(here, presets);
    assert!(presets.iter().all(|(_, tested)| *tested == Tested::Fixtures.name()));
    let source = include_str!("../src/profile/presets.rs").split("    pub fn ").skip(1);
    let written: BTreeSet<_> = source.filter_map(|text| text.split('(').next()).collect();
    let tabled = PROVIDERS.iter().filter_map(|provider| provider.call.split('(').next());
    assert_eq!(tabled.chain(["presets"]).collect::<BTreeSet<_>>(), written);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read and write its page")]
fn the_page_in_the_docs_is_of_these_providers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers.md");
    if std::env::var("UPDATE_DOCS").is_ok_and(|wish| wish == "1") {
        std::fs::write(&path, table::page()).unwrap();
    } else {
        let same = std::fs::read_to_string(&path).is_ok_and(|committed| committed == table::page());
        assert!(
            same,
            "docs/providers.md is of other providers: UPDATE_DOCS=1 cargo test -p oidc-core --test providers"
        );
    }
}

#[test]
fn people_sign_in_and_are_recognised() {
    for provider in where_people_sign_in() {
        let (mut scene, name) = (provider.scene(), provider.fixture);
        let answer = scene.browser_signs_in();
        assert_eq!(
            (answer.status(), answer.header("location")),
            (303, "/profile"),
            "{name}: {}",
            answer.body
        );
        let claims = provider.fixture()["id_token"]["claims"].clone();
        let identity = scene.browser.open(&mut scene.world, "/").identity.unwrap();
        assert_eq!([identity.iss(), identity.sub()], [&claims["iss"], &claims["sub"]], "{name}");
        let asks_userinfo = scene.world.fetched.contains(&"userinfo");
        assert_eq!(asks_userinfo, provider.fixture().get("userinfo").is_some(), "{name}");
    }
}

#[test]
fn a_sign_out_leads_where_the_provider_has_it() {
    for provider in where_people_sign_in() {
        let (mut scene, name) = (provider.scene(), provider.fixture);
        scene.browser_signs_in();
        let url = scene.browser_signs_out();
        assert!(scene.browser.open(&mut scene.world, "/").identity.is_none(), "{name}");
        let expected = provider.fixture()["logout"].clone();
        let bare = url.as_str().split('?').next().unwrap();
        let Some(endpoint) = expected["url"].as_str() else {
            assert_eq!(url.as_str(), "https://rp.example/logged-out", "{name}");
            continue;
        };
        assert_eq!(bare, endpoint, "{name}");
        let sent = parameters(url.query_pairs());
        let names: BTreeSet<String> = serde_json::from_value(expected["parameters"].clone()).unwrap();
        assert_eq!(sent.keys().cloned().collect::<BTreeSet<_>>(), names, "{name}");
        assert_eq!(sent["client_id"], "web");
        assert!(sent.values().any(|value| value == "https://rp.example/logged-out"), "{name}: {sent:?}");
    }
}

#[test]
fn access_tokens_are_taken_with_their_scopes() {
    let mut judged = 0;
    for provider in &PROVIDERS {
        let (mut scene, fixture, name) = (provider.scene(), provider.fixture(), provider.fixture);
        if !fixture["access_token"].is_object() {
            continue;
        }
        let claims = scene.judge("access_token").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(json!(claims.scopes()), fixture["scopes"], "{name}");
        scene.claims("access_token", json!({ "aud": "another", "client_id": "another" }));
        assert_eq!(scene.token_error("access_token").code(), "claim_invalid", "{name}");
        judged += 1;
    }
    assert_eq!(judged, 13);
}

#[test]
fn an_opaque_access_token_is_said_to_be_one() {
    let mut opaque = 0;
    for provider in &PROVIDERS {
        let fixture = provider.fixture();
        for token in ["access_token", "opaque"].iter().filter(|token| fixture[token].is_string()) {
            let line = provider.scene().token_error(token).to_string();
            assert!(line.contains("an opaque one can only be introspected"), "{}: {line}", provider.fixture);
            opaque += 1;
        }
    }
    assert_eq!(opaque, 5);
}

#[test]
fn an_access_token_is_no_id_token() {
    for provider in where_people_sign_in() {
        let mut scene = provider.scene();
        scene.change(|fixture| fixture["id_token"] = fixture["access_token"].clone());
        assert!(scene.sign_in().is_err(), "{}", provider.fixture);
    }
}

#[test]
fn an_id_token_of_a_sign_in_is_no_access_token_but_at_dex() {
    for provider in where_people_sign_in() {
        let profile = (provider.preset)();
        let mut scene = Scene::with(provider.fixture, |config| config.audience("web").profile(profile));
        assert!(scene.sign_in().is_ok());
        assert_eq!(scene.judge("id_token").is_ok(), provider.fixture == "dex", "{}", provider.fixture);
    }
}

#[test]
fn a_nonce_of_another_sign_in_is_refused_by_each() {
    for provider in where_people_sign_in() {
        let mut scene = provider.scene();
        scene.claims("id_token", json!({ "nonce": "another" }));
        assert_eq!(
            scene.sign_in_error(),
            "ID token: claim `nonce` is not acceptable",
            "{}",
            provider.fixture
        );
    }
}

#[test]
fn metadata_may_lack_all_lists_and_keys_all_names() {
    for provider in where_people_sign_in() {
        let (mut scene, name) = (provider.scene(), provider.fixture);
        scene.change(|fixture| {
            let lists = |metadata: &mut Map<String, Value>| metadata.retain(|_, member| member.is_string());
            fixture["metadata"].as_object_mut().map(lists).unwrap();
            fixture["keys"] = json!([{ "kty": "RSA", "n": "{n}", "e": "AQAB", "made_up": { "by": [name] } }]);
            fixture["id_token"]["header"] = json!({ "alg": "RS256" });
        });
        assert!(scene.sign_in().is_ok(), "{name}");
    }
}

#[test]
fn a_token_that_names_no_key_is_tried_with_four_at_most() {
    for (keys, taken) in [(4, true), (5, false)] {
        let mut scene = PROVIDERS.iter().find(|provider| provider.fixture == "ping").unwrap().scene();
        scene.change(|fixture| {
            let mut set = vec![json!({ "kty": "RSA", "n": "{other}", "e": "AQAB" }); keys];
            set[keys - 1]["n"] = json!("{n}");
            fixture["keys"] = json!(set);
            fixture["access_token"]["header"] = json!({ "alg": "RS256" });
        });
        let judged = scene.judge("access_token").map(drop);
        assert_eq!(
            judged.map_err(|error| error.code()),
            if taken { Ok(()) } else { Err("unknown_key") },
            "{keys}"
        );
    }
}
