//! A provider that is unusual, but right: as the simulated one in the OpenID Foundation's conformance suite.

use serde_json::{Map, Value, json};

use crate::mint::Grant;
use crate::model::DevUser;
use crate::provider::DevProvider;

impl DevProvider {
    /// Behaves as the simulated provider of the suite's tests for clients: two RSA keys among eight of all types, metadata
    /// whose lists are in no particular order and begin with `none`, opaque access tokens of 50 characters without a
    /// lifetime, ID tokens with few claims and without `typ`, a `session_state` beside each code, and one person.
    ///
    /// Its issuer ends in a slash there, which is for [`DevProvider::new`] to say.
    pub fn like_the_suite(&mut self) {
        self.like_the_suite = true;
        self.add_user(
            DevUser::new(PERSON).with_claim("name", "Demo T. User").with_claim("email", "user@example.com"),
        );
        self.auto_login(Some(PERSON));
    }

    /// Its ID tokens tell nothing of a person, and of the sign-in what was asked for.
    pub(crate) fn reduce_like_the_suite(&self, claims: &mut Map<String, Value>, grant: &Grant) {
        let about = ["iss", "sub", "aud", "nonce", "iat", "exp", "at_hash", "c_hash", "sid"];
        claims.retain(|name, _| about.contains(&name.as_str()) || name == "auth_time" && grant.max_age_asked);
    }

    /// The token, or what stands for it if tokens tell nothing.
    pub(crate) fn handed_out(&mut self, token: String) -> String {
        if !self.like_the_suite {
            return token;
        }
        let drawn = [self.random.token(), self.random.token(), self.random.token()].concat();
        let opaque: String = drawn.chars().filter(char::is_ascii_alphanumeric).take(50).collect();
        self.opaque_tokens.insert(opaque.clone(), token);
        opaque
    }

    /// The token that is meant by one that was handed out.
    pub(crate) fn meant_by<'a>(&'a self, token: &'a str) -> &'a str {
        self.opaque_tokens.get(token).map_or(token, String::as_str)
    }

    pub(crate) fn metadata_like_the_suite(&self) -> Value {
        json!({
            "issuer": self.issuer(),
            "authorization_endpoint": self.url("/authorize"),
            "token_endpoint": self.url("/token"),
            "jwks_uri": self.url("/jwks"),
            "userinfo_endpoint": self.url("/userinfo"),
            "end_session_endpoint": self.url("/end-session"),
            "registration_endpoint": self.url("/register"),
            "check_session_iframe": self.url("/check-session"),
            "scopes_supported": ["openid", "phone", "profile", "email", "address", "offline_access"],
            "response_types_supported": [
                "id_token code", "code", "id_token", "token id_token", "token code", "token code id_token",
            ],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS[1..],
            "grant_types_supported": ["authorization_code", "implicit"],
            "claims_parameter_supported": true,
            "acr_values_supported": [],
            "subject_types_supported": ["public", "pairwise"],
            "claim_types_supported": ["normal", "aggregated", "distributed"],
            "claims_supported": ["sub", "name", "given_name", "family_name", "email", "address", "phone_number"],
            "id_token_signing_alg_values_supported": ALGORITHMS,
            "id_token_encryption_alg_values_supported": ["RSA1_5", "RSA-OAEP", "ECDH-ES"],
            "id_token_encryption_enc_values_supported": ["A128CBC-HS256", "A256GCM"],
            "request_object_signing_alg_values_supported": ALGORITHMS,
            "request_object_encryption_alg_values_supported": ["RSA-OAEP", "ECDH-ES"],
            "request_object_encryption_enc_values_supported": ["A128CBC-HS256", "A256GCM"],
            "userinfo_signing_alg_values_supported": ALGORITHMS,
            "userinfo_encryption_alg_values_supported": ["RSA-OAEP", "ECDH-ES"],
            "userinfo_encryption_enc_values_supported": ["A128CBC-HS256", "A256GCM"],
            "request_parameter_supported": true,
            "request_uri_parameter_supported": true,
            "require_request_uri_registration": false,
            "code_challenge_methods_supported": ["plain", "S256"],
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "frontchannel_logout_supported": true,
            "frontchannel_logout_session_supported": true,
        })
    }
}

const PERSON: &str = "user-subject-1234531";

const ALGORITHMS: [&str; 14] = [
    "none", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES256K", "ES384", "ES512",
    "EdDSA", "HS256", "HS512",
];
