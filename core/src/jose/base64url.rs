//! Base64url without padding, canonical: one value has one text
//! ([RFC 7515 section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)).

use base64ct::{Base64UrlUnpadded, Encoding};

pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// `None` for any text that `encode` would not have made: padding, other alphabets, white space, spare bits set.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_text_is_decoded() {
        for refused in ["A", "AB=", "AA==", "A+", "A/", "A\n", "AB", "AAB", " AA", "AA ", "A\0", "é"] {
            assert_eq!(decode(refused), None, "{refused:?}");
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
        fn what_is_encoded_decodes(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
