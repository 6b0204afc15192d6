//! Stands in for `curve.rs` without the feature `algorithms`: there is no curve, so that nothing here ever runs.

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {}

impl Curve {
    pub(crate) const ALL: &[Curve] = &[];

    pub(crate) fn alg(self) -> &'static str {
        match self {}
    }

    pub(crate) fn name(self) -> &'static str {
        match self {}
    }

    pub(crate) fn digest(self, _input: &[u8]) -> Vec<u8> {
        match self {}
    }

    pub(crate) fn signature(self, _index: usize, _input: &[u8]) -> Vec<u8> {
        match self {}
    }

    pub(crate) fn verifies(self, _jwk: &Value, _input: &[u8], _signature: &[u8]) -> bool {
        match self {}
    }

    pub(crate) fn public_jwk(self, _index: usize) -> Value {
        match self {}
    }
}
