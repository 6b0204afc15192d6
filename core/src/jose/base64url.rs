//! Base64url without padding, canonical: one value has one text
//! ([RFC 7515 section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)).

use base64::engine::{Engine, general_purpose::URL_SAFE_NO_PAD};
use base64ct::{Base64UrlUnpadded, Encoding};

pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// `None` for any text that `encode` would not have made: padding, other alphabets, white space, spare bits set.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// The same for what is no secret: several times as fast, in a time that depends on the text.
pub(crate) fn decode_public(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The same into a buffer: how much of it was filled; `None` also for what does not fit.
pub(crate) fn decode_public_into(text: &str, buffer: &mut [u8]) -> Option<usize> {
    URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_text_is_decoded() {
        for refused in ["A", "AB=", "AA==", "A+", "A/", "A\n", "AB", "AAB", " AA", "AA ", "A\0", "é"] {
            assert_eq!((decode(refused), decode_public(refused)), (None, None), "{refused:?}");
        }
        assert_eq!(decode("AA"), Some(vec![0]));
        assert_eq!(decode(""), Some(vec![]));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_text(text in "[A-Za-z0-9_-]{0,40}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn the_fast_decoder_agrees_with_the_careful_one(text in r"[A-Za-z0-9_-]{0,40}|[A-Za-z0-9_=+/. \n-]{0,40}|\PC{0,9}") {
            prop_assert_eq!(decode_public(&text), decode(&text));
            let mut buffer = [0; 64];
            let decoded = decode_public_into(&text, &mut buffer).map(|length| buffer[..length].to_vec());
            prop_assert_eq!(decoded, decode(&text));
        }

        #[test]
        fn what_is_encoded_decodes(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
