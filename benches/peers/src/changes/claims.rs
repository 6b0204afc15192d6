//! Claims, and the kinds of token.

use serde_json::json;

use super::Fate::{Bad, Good};
use super::*;
use crate::keys::{CLIENT, ISSUER};

pub const CHANGES: &[Change] = &[
    change("C01", Stage::Members, &[EXP], |draft, _| {
        draft.without_claim("exp");
        Bad
    }),
    change("C02", Stage::Members, &[EXP], |draft, _| {
        draft.set_claim("exp", json!((draft.now + 600).to_string()).to_string());
        Bad
    }),
    change("C03", Stage::Members, &[EXP], |draft, random| {
        draft.set_claim(
            "exp",
            pick(random, &["\"2099-12-31T23:59:59Z\"", "true", "null", "[]", "{}", "[4102444800]"]),
        );
        Bad
    }),
    change("C04", Stage::Members, &[EXP], |draft, random| {
        draft.set_claim("exp", format!("{}.{}", draft.now + 600, random.u32(..)));
        Good
    }),
    change("C05", Stage::Members, &[EXP], |draft, random| {
        draft.set_claim("exp", pick(random, &["4e9", "4.0e9", "4E+9", "40e8", "4000000000.0"]));
        Good
    }),
    change("C06", Stage::Members, &[EXP], |draft, random| {
        let raw = pick(
            random,
            &[
                "1e300",
                "9223372036854775808",
                "18446744073709551616",
                "1e400",
                "253402300800",
                "9223372036854775807",
            ],
        );
        draft.set_claim("exp", raw);
        Bad
    }),
    change("C07", Stage::Members, &[EXP], |draft, random| {
        draft.set_claim("exp", pick(random, &["-1", "0", "-0.0", "1", "-1e300", "-9223372036854775809"]));
        Bad
    }),
    change("C09", Stage::Members, &[EXP], |draft, random| {
        let expired = random.bool();
        let ago = if expired { pick(random, &[95, 120, 3_600, 86_400]) } else { random.u64(1..30) };
        draft.set_claim("exp", (draft.now - ago).to_string());
        if expired { Bad } else { Good }
    }),
    change("C10", Stage::Members, &["nbf"], |draft, random| {
        let early = random.u8(0..4) != 0;
        let to_come = if early { pick(random, &[120, 3_600, 86_400, 30_000_000]) } else { random.u64(1..30) };
        draft.set_claim("nbf", (draft.now + to_come).to_string());
        if early { Bad } else { Good }
    }),
    change("C11", Stage::Members, &["nbf"], |draft, random| {
        draft.set_claim(
            "nbf",
            pick(random, &["\"0\"", "null", "1e300", "true", "[]", "-1", "\"2020-01-01\""]),
        );
        Bad
    }),
    change("C12", Stage::Members, &["iat"], |draft, random| {
        let early = random.u8(0..4) != 0;
        let to_come = if early { pick(random, &[120, 3_600, 86_400, 30_000_000]) } else { random.u64(1..30) };
        draft.set_claim("iat", (draft.now + to_come).to_string());
        if early { Bad } else { Good }
    }),
    change("C13", Stage::Members, &["iat"], |draft, random| {
        match pick(random, &["", "", "null", "\"0\"", "true", "[]", "1e300", "-1"]) {
            "" => draft.without_claim("iat"),
            raw => draft.set_claim("iat", raw),
        }
        Bad
    }),
    change("C15", Stage::Members, &[ISS], |draft, random| {
        match random.u8(0..6) {
            0 => draft.without_claim("iss"),
            1 => draft.set_claim("iss", "null"),
            2 => draft.set_claim("iss", json!([ISSUER]).to_string()),
            3 => draft.set_claim("iss", json!(["https://evil.example", ISSUER]).to_string()),
            4 => draft.set_claim("iss", "1"),
            _ => draft.set_claim("iss", json!({ "url": ISSUER }).to_string()),
        }
        Bad
    }),
    change("C16", Stage::Members, &[ISS], |draft, random| {
        let iss = pick(
            random,
            &[
                "https://op.example/realms/main/",
                "https://OP.example/realms/main",
                "HTTPS://op.example/realms/main",
                "https://op.example:443/realms/main",
                "https://op.example/realms/x/../main",
                "https://op.example/realms/%6dain",
                "https://op.example/realms//main",
                " https://op.example/realms/main",
            ],
        );
        draft.set_claim("iss", json!(iss).to_string());
        Bad
    }),
    change("C17", Stage::Members, &[ISS], |draft, random| {
        let iss = pick(
            random,
            &[
                "https://op.example",
                "https://op.example/realms/main2",
                "https://op.example/realms/mai",
                "op.example",
                "x-https://op.example/realms/main",
                "https://evil.example/https://op.example/realms/main",
                "",
            ],
        );
        draft.set_claim("iss", json!(iss).to_string());
        Bad
    }),
    change("C18", Stage::Members, &[ISS], |draft, _| {
        draft.set_claim("iss", "\"https://op.example/realms/{tenantid}\"");
        Bad
    }),
    change("C19", Stage::Members, &[AUD], |draft, random| {
        match random.u8(0..2) {
            0 => draft.without_claim("aud"),
            _ => draft.set_claim("aud", "null"),
        }
        Bad
    }),
    change("C20", Stage::Members, &[AUD], |draft, random| {
        let aud = pick(
            random,
            &["other-client", "Web-Client", "web", "web-client2", "web-client other", " web-client", "", "*"],
        );
        draft.set_claim("aud", json!(aud).to_string());
        Bad
    }),
    change("C21", Stage::Members, &[AUD], |draft, random| {
        draft.set_claim(
            "aud",
            pick(random, &["[\"web-client\"]", "[\"web-client\",\"web-client\"]", "[\"web\\u002dclient\"]"]),
        );
        Good
    }),
    change("C22", Stage::Members, &[AUD], |draft, random| {
        let raw = pick(
            random,
            &[
                "[]",
                "[[\"web-client\"]]",
                "{\"web-client\":true}",
                "[\"web-client\",5]",
                "[\"web-client\",null]",
                "5",
                "true",
                "[null]",
            ],
        );
        draft.set_claim("aud", raw);
        Bad
    }),
    change("C23", Stage::Members, &[AUD], |draft, random| {
        let mut aud: Vec<String> = (0..random.usize(2..800)).map(|number| format!("c{number}")).collect();
        aud.push(CLIENT.to_owned());
        draft.set_claim("aud", json!(aud).to_string());
        Bad
    }),
    change("C24", Stage::Members, &[AUD, "azp"], |draft, _| {
        draft.set_claim("aud", json!([CLIENT, "other-client"]).to_string());
        draft.without_claim("azp");
        Bad
    }),
    change("C25", Stage::Members, &["azp"], |draft, random| {
        draft.set_claim(
            "azp",
            pick(random, &["\"other-client\"", "\"Web-Client\"", "\"\"", "1", "[\"web-client\"]", "null"]),
        );
        Bad
    }),
    change("C26", Stage::Members, &["sub"], |draft, random| {
        let long = json!("s".repeat(random.usize(256..600))).to_string();
        match pick(random, &["", "\"\"", "7", "null", "[\"ada\"]", long.as_str()]) {
            "" => draft.without_claim("sub"),
            raw => draft.set_claim("sub", raw),
        }
        Bad
    }),
    change("C27", Stage::Members, &["sub"], |draft, random| {
        let sub =
            pick(random, &["a\nb", "a\u{0}b", "\u{202e}ada", "\u{7f}", "<script>", "ada\r\nx: y", " ada "]);
        draft.set_claim("sub", json!(sub).to_string());
        Good
    }),
    change("C37", Stage::Members, &[TYP], |draft, random| {
        draft.set_header(
            "typ",
            pick(
                random,
                &["\"at+jwt\"", "\"application/at+jwt\"", "\"AT+JWT\"", "\"dpop+jwt\"", "\"JWE\"", "\"\""],
            ),
        );
        Bad
    }),
    change("C38", Stage::Members, &[TYP], |draft, random| {
        if random.bool() {
            draft.set_header("typ", "\"logout+jwt\"");
        } else {
            draft.set_claim("events", "{\"http://schemas.openid.net/event/backchannel-logout\":{}}");
        }
        Bad
    }),
    change("C39", Stage::Members, &[TYP], |draft, random| {
        match pick(random, &["jwt", "JWT", "Jwt", "application/jwt", "APPLICATION/JWT", ""]) {
            "" => draft.without_header("typ"),
            typ => draft.set_header("typ", json!(typ).to_string()),
        }
        Good
    }),
    change("C40", Stage::Members, &[TYP], |draft, random| {
        draft.set_header("typ", pick(random, &["1", "null", "[\"JWT\"]", "{}", "true"]));
        Bad
    }),
    change("C46", Stage::Members, &["email_verified"], |draft, random| {
        draft.set_claim("email_verified", pick(random, &["\"true\"", "\"false\"", "true", "false"]));
        Good
    }),
    change("C51", Stage::Members, &[EXP], |draft, _| {
        draft.set_claim("exp", (draft.now + 100 * 365 * 86_400).to_string());
        Good
    }),
];
