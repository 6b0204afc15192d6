//! The examples of the standards: what is signed by an algorithm that is allowed verifies, all else is refused by its name.
#![cfg(feature = "rsa")]

use oidc_core::error::{Malformation, Segment, TokenError};
use oidc_core::jose::{Algorithm, KeySet, RustCrypto, Verifier};
use oidc_core::time::UnixTime;
use oidc_core::token::{TokenRules, verify_signature};
use serde_json::{Value, json};

const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];

fn backends() -> Vec<Box<dyn Verifier>> {
    vec![
        Box::new(RustCrypto),
        #[cfg(feature = "aws-lc-rs")]
        Box::new(oidc_core::jose::AwsLc),
    ]
}

fn key_set(keys: &[Value], backend: &dyn Verifier) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), backend).unwrap()
}

/// Both standards' keys, so that whatever is refused is not refused for want of a key.
fn all_keys() -> KeySet {
    key_set(&[rfc_7515_key(), rfc_7520_key()], &RustCrypto)
}

fn refused(token: &str) -> TokenError {
    verify_signature(token, &ALL, &all_keys()).expect_err(token)
}

fn malformed(segment: Segment, reason: Malformation) -> TokenError {
    TokenError::Malformed { segment, reason }
}

#[test]
fn the_rs256_example_of_rfc_7515_verifies() {
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{JOE}.{JOE_BY_RSA}");
    for backend in backends() {
        let keys = key_set(&[rfc_7515_key()], &*backend);
        let payload = verify_signature(&token, &[Algorithm::Rs256], &keys).unwrap();
        assert_eq!(
            payload,
            b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
        );
        let by_another_key = verify_signature(&token, &ALL, &key_set(&[rfc_7520_key()], &*backend));
        assert_eq!(by_another_key, Err(TokenError::BadSignature));
    }
}

#[test]
fn the_rs256_example_of_rfc_7520_verifies() {
    let token = format!("{BILBO_RS256}.{DOOR}.{DOOR_BY_RSA}");
    for backend in backends() {
        let keys = key_set(&[rfc_7520_key()], &*backend);
        let payload = verify_signature(&token, &[Algorithm::Rs256], &keys).unwrap();
        let text = String::from_utf8(payload).unwrap();
        assert!(text.starts_with("It\u{2019}s a dangerous business, Frodo, going out your door."), "{text}");
        let of_another_name = verify_signature(&token, &ALL, &key_set(&[rfc_7515_key()], &*backend));
        assert_eq!(of_another_name, Err(TokenError::UnknownKey));
    }
}

/// RFC 7515 appendix A.3.
#[cfg(feature = "ecdsa")]
#[test]
fn the_es256_example_of_rfc_7515_verifies() {
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{JOE}.{JOE_BY_ECDSA}");
    let key = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    });
    for backend in backends() {
        let keys = key_set(&[rfc_7515_key(), key.clone()], &*backend);
        let payload = verify_signature(&token, &[Algorithm::Es256], &keys).unwrap();
        assert!(payload.starts_with(b"{\"iss\":\"joe\""));
        assert_eq!(verify_signature(&token, &ALL, &keys).unwrap_err().code(), "algorithm_not_allowed");
    }
}

/// RFC 8037 appendix A.4.
#[cfg(feature = "eddsa")]
#[test]
fn the_eddsa_example_of_rfc_8037_verifies() {
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    for backend in backends() {
        let keys = key_set(std::slice::from_ref(&key), &*backend);
        let payload = verify_signature(token, &[Algorithm::EdDsa], &keys).unwrap();
        assert_eq!(payload, b"Example of Ed25519 signing");
        assert_eq!(verify_signature(token, &ALL, &keys).unwrap_err().code(), "algorithm_not_allowed");
    }
}

/// RFC 7520 section 4.2.
#[cfg(feature = "rsa-pss")]
#[test]
fn the_ps384_example_of_rfc_7520_verifies() {
    let token = format!("{BILBO_PS384}.{DOOR}.{DOOR_BY_PSS}");
    for backend in backends() {
        let keys = key_set(&[rfc_7520_key()], &*backend);
        assert!(verify_signature(&token, &[Algorithm::Ps384], &keys).is_ok(), "{backend:?}");
        assert_eq!(verify_signature(&token, &ALL, &keys).unwrap_err().code(), "algorithm_not_allowed");
    }
}

#[test]
fn a_signature_of_one_example_is_none_of_the_other() {
    for token in [
        format!("eyJhbGciOiJSUzI1NiJ9.{DOOR}.{JOE_BY_RSA}"),
        format!("{BILBO_RS256}.{DOOR}.{JOE_BY_RSA}"),
        format!("eyJhbGciOiJSUzI1NiJ9.{JOE}.{DOOR_BY_RSA}"),
        format!("eyJhbGciOiJSUzM4NCJ9.{JOE}.{JOE_BY_RSA}"),
    ] {
        assert_eq!(refused(&token), TokenError::BadSignature, "{token}");
    }
}

/// RFC 7519 section 3.1 has the first of them too.
#[test]
fn the_examples_of_algorithms_that_are_not_allowed_are_refused() {
    for (token, algorithm) in [
        (format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.{JOE_BY_HMAC}"), "HS256"),
        (format!("eyJhbGciOiJFUzI1NiJ9.{JOE}.{JOE_BY_ECDSA}"), "ES256"),
        (format!("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.{PAYLOAD_BY_ECDSA}"), "ES512"),
        (format!("{BILBO_PS384}.{DOOR}.{DOOR_BY_PSS}"), "PS384"),
    ] {
        let error = refused(&token);
        assert_eq!(error.code(), "algorithm_not_allowed", "{token}");
        assert!(error.to_string().contains(algorithm), "{error}");
    }
}

/// RFC 7515 appendix A.5, which is RFC 7519 section 6.1 too.
#[test]
fn the_unsecured_example_is_refused() {
    let error = refused(&format!("eyJhbGciOiJub25lIn0.{JOE}."));
    assert_eq!(error.code(), "algorithm_not_allowed");
    assert!(error.to_string().contains("none"), "{error}");
}

/// RFC 7515 appendices A.6 and A.7, and the same with the signature that does verify in compact form.
#[test]
fn the_examples_of_json_serialization_are_refused() {
    let by_rsa = json!({
        "protected": "eyJhbGciOiJSUzI1NiJ9", "header": { "kid": "2010-12-29" }, "signature": JOE_BY_RSA,
    });
    let by_ecdsa = json!({
        "protected": "eyJhbGciOiJFUzI1NiJ9", "header": { "kid": "e9bc097a-ce51-4036-9562-d2ade882db0d" },
        "signature": JOE_BY_ECDSA,
    });
    let general = json!({ "payload": JOE, "signatures": [by_rsa, by_ecdsa] });
    for mut flattened in [by_ecdsa, by_rsa] {
        flattened["payload"] = JOE.into();
        for token in [general.to_string(), flattened.to_string()] {
            assert_eq!(refused(&token), malformed(Segment::Token, Malformation::Segments), "{token}");
        }
    }
}

/// RFC 7516 appendix A.1, and headers of the kind where three segments would do.
#[test]
fn encrypted_examples_are_refused() {
    let token = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.\
        OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb\
        23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfq\
        Nzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6Ukl\
        fCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.\
        5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ";
    assert_eq!(token.split('.').count(), 5);
    assert_eq!(refused(token), malformed(Segment::Token, Malformation::Segments));
    let header = token.split('.').next().unwrap();
    let signed = format!("{header}.{JOE}.{JOE_BY_RSA}");
    assert_eq!(refused(&signed), malformed(Segment::Header, Malformation::Unsupported("enc")));
}

/// RFC 7520 section 4.5 (a detached payload) and RFC 7797 section 4.2 (an unencoded one).
#[test]
fn examples_whose_payload_is_elsewhere_are_refused() {
    for token in [
        format!("{BILBO_RS256}..{DOOR_BY_RSA}"),
        "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
            .into(),
    ] {
        assert_eq!(refused(&token), malformed(Segment::Token, Malformation::Segments), "{token}");
    }
    let unencoded = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.JC4wMg.A5dxf2s9";
    assert_eq!(refused(unencoded), TokenError::CriticalHeader);
}

/// Joe's token is a JWT, but for nobody in particular.
#[test]
fn an_example_that_verifies_is_still_no_token_for_us() {
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{JOE}.{JOE_BY_RSA}");
    let now = UnixTime::from_secs(1_300_819_000);
    let rules = TokenRules::id("joe", "web").unwrap();
    assert_eq!(rules.verify(&token, &all_keys(), now), Err(TokenError::ClaimInvalid("aud")));
    let rules = TokenRules::id("mary", "web").unwrap();
    assert_eq!(rules.verify(&token, &all_keys(), now), Err(TokenError::ClaimInvalid("iss")));
}

/// RFC 7515 appendix A.2.1.
fn rfc_7515_key() -> Value {
    json!({
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2\
            lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEM\
            a2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PA\
            cDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
    })
}

/// RFC 7520 section 3.3.
fn rfc_7520_key() -> Value {
    json!({
        "kty": "RSA",
        "kid": "bilbo.baggins@hobbiton.example",
        "use": "sig",
        "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb\
            2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9\
            bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkR\
            z5iaiQkqgc5gHdrNP5zw",
        "e": "AQAB",
    })
}

/// RFC 7515 appendices A.1 to A.7: one payload, signed in many ways.
const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const JOE_BY_HMAC: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const JOE_BY_RSA: &str = "\
    cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t\
    1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j\
    zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ\
    Ge77Rw";
const JOE_BY_ECDSA: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const PAYLOAD_BY_ECDSA: &str = "\
    AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZC\
    PEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";

/// RFC 7520 sections 4.1 and 4.2: one payload, signed by one key in two ways.
const DOOR: &str = "\
    SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5k\
    IGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
const BILBO_RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9";
const DOOR_BY_RSA: &str = "\
    MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA\
    78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQ\
    dLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18\
    kDquDg";
const BILBO_PS384: &str = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9";
const DOOR_BY_PSS: &str = "\
    cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcb\
    UrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8I\
    mUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-\
    X72Eaw";
